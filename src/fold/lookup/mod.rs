//! Joins the records of a stream with a table.
//!
//! | file | what it does |
//! |---|---|
//! | [`on`] | the columns by which rows and records are matched |
//! | [`asof`] | as-of values: the latest row at or before a value matches |
//! | [`rows`] | the rows of a table by their keys, in memory |
//! | `quotes` | keys that differ only in their quotes |
//! | [`sorted`] | joins a table that does not fit into memory |
//!
//! Keys are compared with `=`, and null matches nothing, as in SQL.

pub mod asof;
pub mod on;
mod quotes;
pub mod rows;
pub mod sorted;

use std::fmt;

pub use asof::{Asof, Scale};
pub use on::{On, Scratch};
pub use quotes::{NearMisses, Unmatched};
pub use rows::{Matching, Rows, Taken};
pub use sorted::Sorted;

/// Which of the rows with its key a record is joined with.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Only the latest row at or before the record's as-of value; else all rows.
    pub is_asof: bool,
    /// Several rows may have the same key, or the same key and as-of value.
    pub may_repeat: bool,
    /// Only the existence of a row matters, as in semi and anti joins: all rows of a key but the first are dropped.
    pub first_only: bool,
}

/// What is wrong with a table.
#[derive(Debug)]
pub enum Flaw {
    /// A key (or a key and as-of value) occurs twice.
    Repeated {
        /// The line of the second occurrence.
        line: u64,
    },
    /// The as-of values are not all on one scale.
    Mixed {
        /// The line of the first value that differs from those before.
        line: u64,
        /// Its scale.
        scale: Scale,
        /// The scale of the values before.
        before: Scale,
    },
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::Repeated { line: 0 } => f.write_str("a key is there twice"),
            Flaw::Repeated { line } => {
                write!(f, "the key of the record on line {line} was there before")
            }
            Flaw::Mixed {
                line,
                scale,
                before,
            } => write!(
                f,
                "the value on line {line} is {scale}, and those before are {}{}",
                before.values(),
                asof::hint(*scale, *before)
            ),
        }
    }
}

impl std::error::Error for Flaw {}

#[cfg(test)]
mod tests;
