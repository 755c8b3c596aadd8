//! SQLite files.

mod failure;
mod name;
mod open;

pub use failure::{told, violation, words};
pub use name::{listed, quoted};
pub use open::{PATIENCE, open_to_read};
