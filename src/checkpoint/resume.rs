//! A source that is read from where the last load ended.

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
    /// Creates the state of a source with this resume name. `target` stores its checkpoints, and `from` is where
    /// its last load ended.
    pub fn new(name: &str, target: String, from: Option<Position>) -> Self {
        Resume {
            name: name.to_owned(),
            target,
            from,
        }
    }

    /// Returns the resume name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns where the last load ended; None before the first load.
    pub fn from(&self) -> Option<&Position> {
        self.from.as_ref()
    }

    /// Returns the target that stores the checkpoints, as shown in errors.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the error for a stored position that belongs to another kind of source.
    pub fn stranger<T>(&self) -> anyhow::Result<T> {
        bail!(
            "'{}' in {} is the name of loads from another kind of source; give this one a name of its own",
            self.name,
            self.target
        )
    }

    /// Returns the new position, to be passed on with the records. All records before it must have been written.
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
