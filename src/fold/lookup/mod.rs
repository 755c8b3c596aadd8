//! A table that the records of a stream are joined with.
//!
//! | file | what it does |
//! |---|---|
//! | [`rows`] | the rows of a table by their keys, in memory |
//! | [`sorted`] | the join of a table that is too large for memory |
//!
//! Keys are compared as `=` compares, and null is equal to nothing, as in SQL.

pub mod rows;
pub mod sorted;

pub use rows::{Matching, Rows, Taken};
pub use sorted::Sorted;

/// A join's answer where it fails: a key that a table has twice.
#[derive(Debug)]
pub struct Repeated {
    /// The line of the second one.
    pub line: u64,
}

impl std::fmt::Display for Repeated {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key of the table comes twice")
    }
}

impl std::error::Error for Repeated {}
