//! SQLite files.

mod blame;
pub mod checkpoint;
pub mod database;
mod failure;
pub mod load;
mod name;
mod open;
pub mod read;
mod spelled;

pub use failure::{is_busy, locked, told, violation, words};
pub use name::{listed, quoted};
pub use open::{PATIENCE, open_to_read};
pub use spelled::{blob_digits, infinity, needs_quotes};
