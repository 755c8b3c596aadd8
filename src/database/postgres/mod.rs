//! PostgreSQL servers.

mod connect;
mod failure;
mod name;
mod system;

pub use connect::{connect, shown};
pub use failure::{
    is_about_records, is_answer, is_not_unique, is_repeated_key, key_values, of_record, told, words,
};
pub use name::{Name, listed, quoted};
