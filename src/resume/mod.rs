//! Reading on from where the last committed load ended: `extract --resume TARGET#NAME`.
//!
//! A source of any kind goes through three steps.
//!
//! 1. [`from`](crate::checkpoint::Resume::from) is the position that the last load of this
//!    name has committed, in the source's own terms, or none at the first time. A position that the
//!    source does not understand is that of another kind of source: [`stranger`](crate::checkpoint::Resume::stranger) says so.
//! 2. The source reads on from there, and knows at its end how far it came.
//! 3. [`end`](crate::checkpoint::Resume::end) carries the checkpoint with the stream, for `load --resume-name` to commit
//!    together with the records. It is called once, when all that lies before the new position was
//!    written; also where nothing was new. A source that fails calls nothing: the position stays.
//!
//! A position is JSON, an object with one member that says what kind of source it is of: `files`,
//! `query`.
//!
//! | file | what it answers |
//! |---|---|
//! | this | the three steps |
//! | `growing` | files that grow, from where to where each is read |
//! | `files`, `names` | which files are there, and older parts of logs beside them |
//! | `matches` | which of them are those of the last time, also after a rotation |
//! | `plan` | what is to be read, and in which order |
//! | `known`, `content` | what is known of a file, and of its bytes |
//! | `head` | the header of a CSV that is read from further on |

mod content;
mod files;
mod growing;
mod head;
mod known;
mod matches;
mod names;
mod plan;

pub use growing::{Following, Growing};
