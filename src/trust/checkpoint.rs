//! What travels with a stream to its load: where the next run of a source goes on, and how many records
//! were set aside on the way.

use serde::{Deserialize, Serialize};

/// How far a source was read, in the source's own terms.
pub type Position = serde_json::Value;

/// A step of a source from one position to the next. It travels with the stream from note to note,
/// and is committed together with the records that lie between the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What the user calls this flow of records.
    pub name: String,
    /// Where the source was taken up; none at the first time. A target that stands elsewhere by now
    /// refuses: these records were loaded already, or others were lost.
    pub from: Option<Position>,
    /// Where it is to be taken up next.
    pub to: Position,
}

/// What came with a stream from the stages before, and goes on with it to the load.
#[derive(Clone, Debug, PartialEq)]
pub struct Carried {
    /// Of the sources whose records these are.
    pub checkpoints: Vec<Checkpoint>,
    /// Records that were set aside on the way; none where a foreign program stands between, which
    /// does not say.
    pub rejected: Option<u64>,
}

impl Default for Carried {
    /// That of a stream on which nothing stands, and nothing was set aside.
    fn default() -> Self {
        Carried {
            checkpoints: Vec::new(),
            rejected: Some(0),
        }
    }
}

impl Carried {
    /// That of a stream from a program that says nothing.
    pub fn unknown() -> Self {
        Carried {
            rejected: None,
            ..Carried::default()
        }
    }

    /// Adds what came with another stream.
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

    /// What goes on behind a command that was given `self` and whose output came with `after`: what both
    /// have, once. A foreign command is vouched for: it says nothing of rejects, so those before it
    /// stand.
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
