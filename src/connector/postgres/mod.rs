//! PostgreSQL servers.

pub mod checkpoint;
mod connect;
pub mod database;
mod failure;
pub mod load;
mod name;
mod options;
mod password;
pub mod read;
mod servers;
mod system;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;

pub use connect::{Canceller, connect, open};
pub use failure::{
    is_about_records, is_answer, is_not_unique, is_repeated_key, key_values, of_record, told, words,
};
pub use name::{Name, listed, quoted};
pub use options::shown;
