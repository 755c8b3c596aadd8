//! A table that the records of a stream are joined with.
//!
//! | file | what it does |
//! |---|---|
//! | [`on`] | what rows and records are matched by |
//! | [`asof`] | values of which the latest at or before is wanted |
//! | [`rows`] | the rows of a table by their keys, in memory |
//! | `quotes` | keys that would match but for their quotes |
//! | [`sorted`] | the join of a table that is too large for memory |
//!
//! Keys are compared as `=` compares, and null is equal to nothing, as in SQL.

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

/// Which rows of its key a record is joined with.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The latest at or before the record's as-of value; else all.
    pub is_asof: bool,
    /// There may be several of one key, or of one key and as-of value.
    pub may_repeat: bool,
    /// Only whether a key has a row matters, as in semi and anti joins: all but its first are
    /// dropped.
    pub first_only: bool,
}

/// A join's answer where it fails: what is wrong with a table.
#[derive(Debug)]
pub enum Flaw {
    /// A key (or a key and as-of value) comes twice.
    Repeated {
        /// The line of the second one.
        line: u64,
    },
    /// The as-of values are not all on one scale.
    Mixed {
        /// The line of the first that is not as those before.
        line: u64,
        /// Its own.
        scale: Scale,
        /// That of those before.
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
