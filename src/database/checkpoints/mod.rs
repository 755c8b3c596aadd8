//! Where targets keep how far each source was loaded: databases in a table of ours, files in a
//! sidecar. A checkpoint is committed together with the records that it speaks of.
//!
//! | file | what it answers |
//! |---|---|
//! | this | where a target's checkpoints are; whether one fits onto the last |
//! | [`sqlite`], [`postgres`] | the table [`TABLE`] |
//! | [`sidecar`] | the file beside a file |
//! | `turn` | one load at a time in a directory |

pub mod postgres;
pub mod sidecar;
pub mod sqlite;
mod turn;

use std::path::PathBuf;
use std::str::FromStr;

use anyhow::bail;

use super::postgres::shown;
use super::{Location, Place, nearest_of};
use crate::trust::{Checkpoint, Position};

/// The table of ours: for each name of a flow its position, all records that its loads have brought,
/// the time of the last one, and the table that they went to.
pub const TABLE: &str = "_pipewright_checkpoints";

/// What is kept of a flow beside its position.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    /// What the user calls it.
    name: String,
    /// The table that its loads went to; None if there was no load since tables are kept.
    table: Option<String>,
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
    fn is_harmless(&self) -> bool {
        self.flow.is_none() && self.exists && !self.replaces
    }

    /// Holds the plan against the checkpoints that there are; `same` compares names of tables, and
    /// `target` is how errors show where they are.
    ///
    /// # Errors
    /// Records that a checkpoint speaks of would be missing: its table is another one or gone, or
    /// would be made anew without them.
    fn check(
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
fn gone<T>(name: &str, table: &str, target: &str) -> anyhow::Result<T> {
    bail!(
        "the table '{table}', into which '{name}' was loaded, is gone; to load it from the start, first forget how far it came: load {target} --forget {name}"
    )
}

/// The error that a checkpoint of another table is.
fn elsewhere<T>(name: &str, known: &str, table: &str, target: &str) -> anyhow::Result<T> {
    bail!(
        "'{name}' is loaded into the table '{known}', not into '{table}'; give another --resume-name for another table, or start over: load {target} --forget {name}"
    )
}

/// The error that a name which no checkpoint has is.
fn unknown<T>(name: &str, names: &[String], target: &str) -> anyhow::Result<T> {
    match names.is_empty() {
        true => bail!("'{target}' keeps no checkpoint '{name}', nor any other"),
        false => bail!(
            "'{target}' keeps no checkpoint '{name}': {}",
            nearest_of(name, "checkpoints", names)
        ),
    }
}

/// `TARGET#NAME`: a place that loads go to, and what the user calls one flow of records into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where the checkpoints are.
    pub store: Store,
    /// Whose it is.
    pub name: String,
}

/// Where checkpoints are: a database's tables share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// The table [`TABLE`] of a database.
    Database(Place),
    /// The sidecar of a file.
    File(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    /// Reads a target as `load` takes it, and the name behind one more `#`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (target, name) = match text.rsplit_once('#') {
            Some((target, name)) if !target.is_empty() && !name.is_empty() => (target, name),
            _ => {
                return Err(
                    "give TARGET#NAME: load's target, and its --resume-name: sqlite:FILE#NAME"
                        .to_owned(),
                );
            }
        };
        Ok(Address {
            store: Store::parse(target)?.0,
            name: name.to_owned(),
        })
    }
}

impl Store {
    /// Reads a target as `load` takes it, and the table that it names.
    ///
    /// # Errors
    /// It is no address, or none of a place that keeps anything; in words.
    pub fn parse(target: &str) -> Result<(Self, Option<&str>), String> {
        let (location, table) = Location::parse(target)?;
        let store = match location {
            Location::Database(place) => Store::Database(place),
            Location::File(path) => Store::File(path),
            Location::Standard => {
                return Err(
                    "standard output keeps no checkpoint; give a database or a file".to_owned(),
                );
            }
        };
        Ok((store, table))
    }

    /// Removes the checkpoint of a flow, so that its next load reads its source from the start:
    /// gives the table or file that it was loaded into, if that is known.
    ///
    /// # Errors
    /// There is none of this name; the target does not exist, or cannot be changed.
    pub fn forget(&self, name: &str) -> anyhow::Result<Option<String>> {
        match self {
            Store::Database(Place::Sqlite(path)) => sqlite::forget(path, name),
            Store::Database(Place::Postgres(url)) => postgres::forget(url, name),
            Store::File(path) => {
                sidecar::forget(path, name)?;
                Ok(Some(self.shown()))
            }
        }
    }

    /// As errors show it, and as `load` would take it but for a password.
    pub fn shown(&self) -> String {
        match self {
            Store::Database(Place::Sqlite(path)) => format!("sqlite:{}", path.display()),
            Store::Database(Place::Postgres(url)) => shown(url),
            Store::File(path) => path.display().to_string(),
        }
    }
}

impl Address {
    /// Where the last committed load of this name ended; none where there was none, because the
    /// target itself may not be there yet.
    ///
    /// # Errors
    /// The target cannot be asked: it is out of reach, damaged, or no such thing. The table that was
    /// loaded is gone.
    pub fn position(&self) -> anyhow::Result<Option<Position>> {
        match &self.store {
            Store::Database(Place::Sqlite(path)) => sqlite::position(path, &self.name),
            Store::Database(Place::Postgres(url)) => postgres::position(url, &self.name),
            Store::File(path) => sidecar::position(path, &self.name),
        }
    }

    /// The target as errors show it.
    pub fn target(&self) -> String {
        self.store.shown()
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
fn parsed(text: &str, place: &str) -> anyhow::Result<Position> {
    serde_json::from_str(text)
        .map_err(|_| anyhow::anyhow!("the checkpoint in {place} is damaged: it is no JSON"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_target_and_flow() {
        let sqlite = |path: &str| Store::Database(Place::Sqlite(path.into()));
        for (text, store) in [
            ("sqlite:a.db#access", sqlite("a.db")),
            ("sqlite:a.db#t#access", sqlite("a.db")),
            ("sqlite:a#b.db##access", sqlite("a#b.db")),
            ("out.csv#access", Store::File("out.csv".into())),
            ("file:out.csv#access", Store::File("out.csv".into())),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!((address.store, &*address.name), (store, "access"));
        }
        let address: Address = "postgres://u:p@h/d#x".parse().unwrap();
        assert_eq!(address.target(), "postgres://u@h/d");
        for wrong in [
            "out.csv",
            "#x",
            "out.csv#",
            "-#x",
            "sqlite:#x",
            "sqlite://a.db#x",
            "kafka://h#x",
        ] {
            assert!(wrong.parse::<Address>().is_err(), "{wrong}");
        }
    }

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
