//! A source that is read on from where the last load ended.

use anyhow::bail;

use crate::trust::{Carried, Checkpoint, Position};

/// One source under `--resume`.
#[derive(Clone, Debug)]
pub struct Resume {
    name: String,
    target: String,
    from: Option<Position>,
}

impl Resume {
    /// A flow of this name, whose target has its checkpoints and says where its last load ended.
    pub fn new(name: &str, target: String, from: Option<Position>) -> Self {
        Resume {
            name: name.to_owned(),
            target,
            from,
        }
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

    /// The new position, which goes along with the records: all before it were written.
    #[must_use = "without it the load does not know how far its source was read"]
    pub fn end(self, to: Position) -> Carried {
        Carried {
            checkpoints: vec![Checkpoint {
                name: self.name,
                from: self.from,
                to,
            }],
            ..Carried::default()
        }
    }
}
