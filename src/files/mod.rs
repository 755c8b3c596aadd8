//! Files on their way to text: which are meant, what is packed in them, how they are encoded, and which of
//! their lines are no data.
//!
//! | file | what it answers |
//! |---|---|
//! | [`paths`] | which files the user means; each opened when its turn comes |
//! | [`compression`] | what is packed |
//! | [`encoding`] | which bytes are which letters |
//! | [`lead`] | lines that are passed over |
//! | [`text`] | all of these, in the order that they have |
//! | [`seen`] | what a source begins with, for messages and guesses |

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
