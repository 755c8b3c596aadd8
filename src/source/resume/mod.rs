//! Reading on from where the last committed load ended: `extract --resume TARGET#NAME`.
//!
//! A source of any kind goes through three steps.
//!
//! 1. [`Resume::ask`] asks the target: [`Resume::from`] is the position that the last load of this
//!    name has committed, in the source's own terms, or none at the first time. A position that the
//!    source does not understand is that of another kind of source: [`Resume::stranger`] says so.
//! 2. The source reads on from there, and knows at its end how far it came.
//! 3. [`Resume::end`] carries the checkpoint with the stream, for `load --resume-name` to commit
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

use anyhow::bail;

use crate::database::checkpoints::Address;
use crate::trust::stage::{self, Carried};
use crate::trust::{Checkpoint, Position};

/// One source under `--resume`.
#[derive(Clone, Debug)]
pub struct Resume {
    name: String,
    target: String,
    from: Option<Position>,
}

impl Resume {
    /// Asks the target where the last load of this name ended.
    ///
    /// # Errors
    /// It cannot be asked; what is not there yet is no error.
    pub fn ask(address: &Address) -> anyhow::Result<Self> {
        Ok(Resume {
            name: address.name.clone(),
            target: address.target(),
            from: address.position()?,
        })
    }

    /// What the user calls this flow of records.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the last load ended; none before the first one.
    pub fn from(&self) -> Option<&Position> {
        self.from.as_ref()
    }

    /// Where its checkpoints are, as errors show it.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The error that a position of another kind of source is.
    pub fn stranger<T>(&self) -> anyhow::Result<T> {
        bail!(
            "'{}' in {} is the name of loads from another kind of source; give this one a name of its own",
            self.name,
            self.target
        )
    }

    /// Sends the new position along with the records: all before it were written.
    pub fn end(self, to: Position) {
        stage::carry(Carried {
            checkpoints: vec![Checkpoint {
                name: self.name,
                from: self.from,
                to,
            }],
            rejected: Some(0),
        });
    }
}
