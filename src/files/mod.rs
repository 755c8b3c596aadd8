//! Turns files into text: which files are meant, how they are compressed and encoded, and which of their lines are
//! not data.
//!
//! | file | what it answers |
//! |---|---|
//! | [`paths`] | which files the user means; each is opened when its turn comes |
//! | [`compression`] | how a source is compressed |
//! | [`encoding`] | which encoding a source has |
//! | [`lead`] | which lines are skipped |
//! | `text` | all of these, in a fixed order |
//! | [`seen`] | how a source begins, for messages and guesses |

pub mod compression;
pub mod encoding;
pub mod lead;
pub mod paths;
pub mod seen;
mod text;

pub use encoding::Encoding;
pub use lead::Lead;
pub use paths::{expanded, expanded_to_resume, openers};
pub use text::ToText;
