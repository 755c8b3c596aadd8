//! SQLite files.

mod failure;

pub use failure::{told, violation, words};
