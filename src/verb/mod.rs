//! The programs without their flags: each takes an input, resolved expressions and settings, and writes its output.

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

/// The input and output of a program.
pub struct Streams<'s> {
    /// The input, after its header.
    pub input: &'s mut Input,
    /// The header of the input.
    pub header: &'s Header,
    /// The settings of the run.
    pub settings: &'s Settings,
    /// The output.
    pub output: &'s mut Output,
}

#[cfg(test)]
mod tests;
