//! What a stream carries to its load: the position for the next run of each source, and the number of records that
//! were set aside on the way.

use serde::{Deserialize, Serialize};

/// How far a source was read, in a form that only the source understands.
pub type Position = serde_json::Value;

/// A step of a source from one position to the next. It travels with the stream from note to note and is committed
/// together with the records between the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The resume name.
    pub name: String,
    /// Where reading began; None the first time. A target whose stored position differs refuses: these records were
    /// already loaded, or others were lost.
    pub from: Option<Position>,
    /// Where the next run begins.
    pub to: Position,
}

/// What a stream carries from the stages upstream to the load.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried {
    /// The checkpoints of the sources of its records.
    pub checkpoints: Vec<Checkpoint>,
    /// Records that were set aside upstream; None if a foreign program upstream does not report them.
    pub rejected: Option<u64>,
}

impl Default for Carried {
    /// Nothing is carried, and no record was set aside.
    fn default() -> Self {
        Carried {
            checkpoints: Vec::new(),
            rejected: Some(0),
        }
    }
}

impl Carried {
    /// Returns what comes with a stream from a program that reports nothing.
    pub fn unknown() -> Self {
        Carried {
            rejected: None,
            ..Carried::default()
        }
    }

    /// Adds what another stream carried.
    pub fn add(&mut self, more: Carried) {
        self.checkpoints.extend(more.checkpoints);
        self.rejected = match (self.rejected, more.rejected) {
            (Some(before), Some(more)) => Some(before + more),
            _ => None,
        };
    }

    /// Adds records that were set aside.
    pub fn add_rejected(&mut self, records: u64) {
        self.rejected = self.rejected.map(|before| before + records);
    }

    /// Merges what a command's input carried (`self`) with what its output carried (`after`), without duplicates. A
    /// foreign command does not report rejected records, so the count from upstream stays.
    pub fn through(mut self, after: Carried) -> Self {
        for checkpoint in after.checkpoints {
            if !self.checkpoints.contains(&checkpoint) {
                self.checkpoints.push(checkpoint);
            }
        }
        self.rejected = after.rejected.or(self.rejected);
        self
    }
}
