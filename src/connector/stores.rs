//! Where targets store how far each source was loaded: databases in a table of ours, files in a sidecar. A
//! checkpoint is committed together with the records that it covers.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use super::entry::Database;
use super::file::sidecar;
use crate::checkpoint::Resume;
use crate::connector::address::Location;
use crate::trust::Position;

/// `TARGET#NAME`: a load's target, and the user's name for one flow of records into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Where the checkpoints are stored.
    pub store: Store,
    /// The name of the flow.
    pub name: String,
}

/// Where checkpoints are stored: the tables of a database share one store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Store {
    /// The table [`crate::checkpoint::TABLE`] of a database.
    Database(Arc<dyn Database>),
    /// The sidecar of a file.
    File(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    /// Parses a target as `load` does, and the name after one more `#`.
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
    /// Parses a target as `load` does. Also returns the table that it names.
    ///
    /// # Errors
    /// Returns, in words, why it is not an address, or why its target keeps no checkpoints.
    pub fn parse(target: &str) -> Result<(Self, Option<&str>), String> {
        let (location, table) = Location::parse(target)?;
        let store = match location {
            Location::Database(database) => Store::Database(database),
            Location::File(path) => Store::File(path),
            Location::Standard => {
                return Err(
                    "standard output keeps no checkpoint; give a database or a file".to_owned(),
                );
            }
        };
        Ok((store, table))
    }

    /// Removes the checkpoint of a flow, so that its next load reads its source from the start. Returns the table
    /// or file that it was loaded into, if known.
    ///
    /// # Errors
    /// No checkpoint has this name; the target does not exist or cannot be changed.
    pub fn forget(&self, name: &str) -> anyhow::Result<Option<String>> {
        match self {
            Store::Database(database) => database.forget(name),
            Store::File(path) => {
                sidecar::forget(path, name)?;
                Ok(Some(self.shown()))
            }
        }
    }

    /// Returns the target as errors show it, and as `load` accepts it, but without a password.
    pub fn shown(&self) -> String {
        match self {
            Store::Database(database) => database.shown(),
            Store::File(path) => path.display().to_string(),
        }
    }
}

impl Address {
    /// Returns where the last committed load of this name ended; None if there was none, for example because the
    /// target does not exist yet.
    ///
    /// # Errors
    /// The target cannot be queried: it cannot be reached, is damaged, or is not a store. The table that was loaded
    /// is gone.
    pub fn position(&self) -> anyhow::Result<Option<Position>> {
        match &self.store {
            Store::Database(database) => database.position(&self.name),
            Store::File(path) => sidecar::position(path, &self.name),
        }
    }

    /// Returns the source whose checkpoint it is, as the target knows it.
    ///
    /// # Errors
    /// The same as for [`Address::position`].
    pub fn resume(&self) -> anyhow::Result<Resume> {
        Ok(Resume::new(&self.name, self.target(), self.position()?))
    }

    /// Returns the target as errors show it.
    pub fn target(&self) -> String {
        self.store.shown()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_target_and_flow() {
        let sqlite = |path: &str| Store::parse(&format!("sqlite:{path}#")).unwrap().0;
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
}
