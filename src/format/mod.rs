//! Formats: how records are written as text, and read from it.
//!
//! | file | what it answers |
//! |---|---|
//! | [`source`] | the table of formats; which one a source has |
//! | [`entry`] | what the table says about a format |
//! | [`read`] | how lines and values are read |
//! | `csv`, `lenient`, `sniff`, `heading` | CSV, its relatives, and what is guessed about it |
//! | `json`, `logfmt` | records that carry their names: `keys`, `shape`, `wanted` find the columns |
//! | `log`, `pattern`, `fixed` | lines by a pattern or by positions |
//! | `drift` | sources whose columns differ |
//! | [`mod@write`] | the formats that are written |

pub mod csv;
pub mod drift;
pub mod entry;
pub mod fixed;
mod heading;
pub mod json;
mod keys;
pub mod lenient;
pub mod log;
pub mod logfmt;
pub mod pattern;
mod picked;
pub mod read;
mod shape;
pub mod sniff;
pub mod source;
pub mod wanted;
pub mod write;

pub use entry::Format;
pub use heading::Heading;
pub use lenient::Lenient;
pub use log::AccessFormat;
pub use pattern::Pattern;
pub use picked::Picked;
pub use wanted::Extra;
