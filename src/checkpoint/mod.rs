//! Checkpoints: the stored position that each source was loaded up to, and the checks that a load continues from
//! it.

mod resume;

use anyhow::bail;

use crate::record::nearest_of;
use crate::trust::{Checkpoint, Position};

pub use resume::Resume;

/// Suffix of the file in which a file target stores its checkpoints.
pub const SIDECAR: &str = ".pipewright";

/// The table in a database target that stores checkpoints. Per resume name: the position, the total number of
/// records loaded, the time of the last load, and the table that was loaded.
pub const TABLE: &str = "_pipewright_checkpoints";

/// What is stored for a resume name besides its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The resume name.
    pub(crate) name: String,
    /// The table that its loads wrote to; None if it was stored before tables were recorded.
    pub(crate) table: Option<String>,
}

/// What a load is about to do.
#[derive(Clone, Copy, Debug)]
pub struct Plan<'p> {
    /// The resume name whose checkpoint it commits, if any.
    pub flow: Option<&'p str>,
    /// The full name of the table that it writes.
    pub table: &'p str,
    /// Whether the table exists.
    pub exists: bool,
    /// Whether an existing table is recreated.
    pub replaces: bool,
}

impl Plan<'_> {
    /// Whether no checkpoint can conflict with it: records from elsewhere may always be added to an existing table.
    pub(crate) fn is_harmless(&self) -> bool {
        self.flow.is_none() && self.exists && !self.replaces
    }

    /// Checks the plan against the stored checkpoints. `same` compares table names; `target` is the name shown in
    /// errors.
    ///
    /// # Errors
    /// Records that a checkpoint covers would be missing: its table is a different one, no longer exists, or would
    /// be recreated without them.
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

/// Returns the error for a checkpoint whose table no longer exists.
pub(crate) fn gone<T>(name: &str, table: &str, target: &str) -> anyhow::Result<T> {
    bail!(
        "the table '{table}', into which '{name}' was loaded, is gone; to load it from the start, first forget how far it came: load {target} --forget {name}"
    )
}

/// Returns the error for a checkpoint that belongs to another table.
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

/// Returns the error for a name without a checkpoint.
pub(crate) fn unknown<T>(name: &str, names: &[String], target: &str) -> anyhow::Result<T> {
    match names.is_empty() {
        true => bail!("'{target}' keeps no checkpoint '{name}', nor any other"),
        false => bail!(
            "'{target}' keeps no checkpoint '{name}': {}",
            nearest_of(name, "checkpoints", names)
        ),
    }
}

/// Checks that the target's stored position is the one that the new records continue from.
///
/// # Errors
/// It is not: these records were already loaded, or earlier ones were not.
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

/// Parses a stored position. `place` says in errors where it is stored.
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
