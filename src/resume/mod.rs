//! Resumes from where the last committed load ended: `extract --resume TARGET#NAME`.
//!
//! A source of any kind goes through three steps.
//!
//! 1. [`from`](crate::checkpoint::Resume::from) is the position that the last load of this name committed, in the
//!    source's own terms, or `None` before the first load. A position that the source does not understand is that
//!    of another kind of source: [`stranger`](crate::checkpoint::Resume::stranger) reports it.
//! 2. The source reads on from there, and knows at its end how far it came.
//! 3. [`end`](crate::checkpoint::Resume::end) sends the checkpoint with the stream, for `load --resume-name` to
//!    commit together with the records. It is called once, after all that is before the new position was written,
//!    even if nothing was new. A source that fails does not call it: the position stays.
//!
//! A position is a JSON object with a member that names the kind of its source: `files`, `query`.
//!
//! | file | what it answers |
//! |---|---|
//! | this | the three steps |
//! | `growing` | files that grow, from where to where each is read |
//! | `files`, `names` | which files exist, and which older parts of logs are beside them |
//! | `matches` | which of them were read before, even after a rotation |
//! | `plan` | what is read, and in which order |
//! | `known`, `content` | what is stored about a file, and about its bytes |
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
