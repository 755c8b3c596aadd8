//! Where data comes from: one file per format, and what all of them share (names, compression,
//! lines to pass over).

mod compression;
pub mod csv;
pub mod json;
mod keys;
mod lead;
pub mod log;
pub mod logfmt;
pub mod pattern;
mod picked;
mod place;
mod wanted;

pub use lead::Lead;
pub use picked::Picked;
pub use place::{expanded, openers};
pub use wanted::{EXTRA_COLUMN, Extra, Wanted};
