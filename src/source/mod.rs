//! Where data comes from: one file per format or system, and what all of them share (names, compression,
//! lines to pass over).

mod compression;
mod csv;
mod drift;
mod encoding;
mod extraction;
mod format;
mod heading;
mod hex;
mod json;
mod keys;
mod lead;
mod lenient;
mod log;
mod logfmt;
mod pattern;
mod picked;
mod place;
mod postgres;
mod query;
pub mod resume;
mod shape;
mod sniff;
mod sql;
mod sqlite;
mod wanted;

pub use encoding::Encoding;
pub use extraction::{Extraction, Reading};
pub use format::Format;
pub use heading::Heading;
pub use lead::Lead;
pub use lenient::Lenient;
pub use log::AccessFormat;
pub use pattern::Pattern;
use picked::Picked;
use place::openers;
pub use place::{expanded, expanded_to_resume};
pub use query::Query;
pub use sql::{ByKey, Relation};
pub use wanted::Extra;
