//! The programs without their flags: each takes an input, bound expressions and settings, and writes its output.

pub mod aggregate;
pub mod dedupe;
pub mod extract;
pub mod filter;
pub mod lookup;
pub mod map;
pub mod order;
mod usage;

use crate::record::Header;
use crate::stream::{Input, Output, Settings};

pub use usage::Usage;

/// What a program reads and writes.
pub struct Streams<'s> {
    /// The input, whose header was read.
    pub input: &'s mut Input,
    /// Its header.
    pub header: &'s Header,
    /// How it is read.
    pub settings: &'s Settings,
    /// The output.
    pub output: &'s mut Output,
}

#[cfg(test)]
mod tests;
