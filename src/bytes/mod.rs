//! Finds the bytes that matter: quotes, delimiters, line ends, digits.
//!
//! | file | what it answers |
//! |---|---|
//! | [`scan`] | where fields and records end, and whether bytes are UTF-8: 64 bytes at a time |
//! | [`seek`] | where the next quote, word or number ends: 16 bytes at a time |
//! | [`processor`] | what the processor can do |
//! | [`hex`] | bytes as hexadecimal digits |
//! | [`dialect`] | which bytes separate fields and enclose them |

#![allow(
    unsafe_code,
    reason = "vectors of the processor, each beside a safe twin"
)]

pub mod dialect;
pub mod hex;
pub mod processor;
pub mod scan;
pub mod seek;

pub use dialect::Dialect;
