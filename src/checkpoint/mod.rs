//! What is kept of how far each source was loaded, wherever it is kept, and whether a load fits onto the last.

mod resume;

use anyhow::bail;

use crate::record::nearest_of;
use crate::trust::{Checkpoint, Position};

pub use resume::Resume;

/// The ending of the file beside a file that keeps its checkpoints.
pub const SIDECAR: &str = ".pipewright";

/// The table of ours: for each name of a flow its position, all records that its loads have brought,
/// the time of the last one, and the table that they went to.
pub const TABLE: &str = "_pipewright_checkpoints";

/// What is kept of a flow beside its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What the user calls it.
    pub(crate) name: String,
    /// The table that its loads went to; None if there was no load since tables are kept.
    pub(crate) table: Option<String>,
}

/// What a load is about to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'p> {
    /// The flow whose checkpoint it commits.
    pub flow: Option<&'p str>,
    /// The table that it writes, by its full name.
    pub table: &'p str,
    /// Whether the table exists.
    pub exists: bool,
    /// Whether it is made anew if it does.
    pub replaces: bool,
}

impl Plan<'_> {
    /// Whether any checkpoint can speak against it: records that come from elsewhere may always be
    /// added to a table.
    pub(crate) fn is_harmless(&self) -> bool {
        self.flow.is_none() && self.exists && !self.replaces
    }

    /// Holds the plan against the checkpoints that there are; `same` compares names of tables, and
    /// `target` is how errors show where they are.
    ///
    /// # Errors
    /// Records that a checkpoint speaks of would be missing: its table is another one or gone, or
    /// would be made anew without them.
    pub(crate) fn check(
        &self,
        entries: &[Entry],
        same: impl Fn(&str, &str) -> bool,
        target: &str,
    ) -> anyhow::Result<()> {
        for Entry { name, table } in entries {
            let Some(known) = table else { continue };
            let is_own = self.flow == Some(name);
            match same(known, self.table) {
                true if !self.exists => return gone(name, known, target),
                true if self.replaces => bail!(
                    "--mode replace would drop what the incremental loads '{name}' have brought into '{known}', and they would not bring it again; first forget how far they came: load {target} --forget {name}"
                ),
                false if is_own => return elsewhere(name, known, self.table, target),
                _ => {}
            }
        }
        Ok(())
    }
}

/// The error that a checkpoint without its table is.
pub(crate) fn gone<T>(name: &str, table: &str, target: &str) -> anyhow::Result<T> {
    bail!(
        "the table '{table}', into which '{name}' was loaded, is gone; to load it from the start, first forget how far it came: load {target} --forget {name}"
    )
}

/// The error that a checkpoint of another table is.
pub(crate) fn elsewhere<T>(
    name: &str,
    known: &str,
    table: &str,
    target: &str,
) -> anyhow::Result<T> {
    bail!(
        "'{name}' is loaded into the table '{known}', not into '{table}'; give another --resume-name for another table, or start over: load {target} --forget {name}"
    )
}

/// The error that a name which no checkpoint has is.
pub(crate) fn unknown<T>(name: &str, names: &[String], target: &str) -> anyhow::Result<T> {
    match names.is_empty() {
        true => bail!("'{target}' keeps no checkpoint '{name}', nor any other"),
        false => bail!(
            "'{target}' keeps no checkpoint '{name}': {}",
            nearest_of(name, "checkpoints", names)
        ),
    }
}

/// Holds that a target stands where a checkpoint goes on from.
///
/// # Errors
/// It does not: these records were loaded already, or those before them were not.
pub fn compare(checkpoint: &Checkpoint, stored: Option<&Position>) -> anyhow::Result<()> {
    let name = &checkpoint.name;
    match (stored, &checkpoint.from) {
        (stored, from) if stored == from.as_ref() => Ok(()),
        (None, Some(_)) => bail!(
            "this target has no load of '{name}' yet, and these records go on behind one; extract --resume and load must name the same target"
        ),
        _ => bail!(
            "another load of '{name}' was committed since these records were read; run the pipeline again"
        ),
    }
}

/// Reads a position as it is stored. `place`: where, for errors.
pub(crate) fn parsed(text: &str, place: &str) -> anyhow::Result<Position> {
    serde_json::from_str(text)
        .map_err(|_| anyhow::anyhow!("the checkpoint in {place} is damaged: it is no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_goes_on_from_the_last_one_alone() {
        let checkpoint = |from: Option<u32>| Checkpoint {
            name: "n".to_owned(),
            from: from.map(Position::from),
            to: Position::from(9),
        };
        let stored = Position::from(4);
        assert!(compare(&checkpoint(None), None).is_ok());
        assert!(compare(&checkpoint(Some(4)), Some(&stored)).is_ok());
        for (from, stored, words) in [
            (None, Some(&stored), "another load"),
            (Some(3), Some(&stored), "another load"),
            (Some(4), None, "same target"),
        ] {
            let error = compare(&checkpoint(from), stored).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
