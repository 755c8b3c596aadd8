//! Where data comes from: one file per format, and what all of them share (names, compression,
//! lines to pass over).

mod compression;
pub mod csv;
mod lead;
mod place;

pub use lead::Lead;
pub use place::{expanded, openers};
