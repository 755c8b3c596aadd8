//! Where a database is, as the user wrote it.

use std::path::{Path, PathBuf};

/// A database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server: `postgresql://…`, with whatever password the user put there.
    Postgres(String),
}

impl Place {
    /// Whether the text is meant as the address of a database.
    pub fn is_meant(text: &str) -> bool {
        ["sqlite:", "postgresql://", "postgres://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
    }

    /// Reads `sqlite:FILE` or `postgresql://…`, and what stands behind a `#`.
    ///
    /// # Errors
    /// It is no such address; in words.
    pub fn parse(text: &str) -> Result<(Self, Option<&str>), String> {
        let (place, behind) = match text.rsplit_once('#') {
            Some((place, behind)) => (place, Some(behind).filter(|name| !name.is_empty())),
            None => (text, None),
        };
        let place = match place.strip_prefix("sqlite:") {
            Some(file) => Place::Sqlite(sqlite_file(file)?),
            None => Place::Postgres(place.to_owned()),
        };
        Ok((place, behind))
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Place::Sqlite(path) => Some(path),
            Place::Postgres(_) => None,
        }
    }
}

/// The file of `sqlite:FILE`. Libraries do not agree on how many slashes of `sqlite://` belong to
/// the path, and a database in memory would be gone with the program: neither is guessed.
fn sqlite_file(file: &str) -> Result<PathBuf, String> {
    match file {
        "" => Err("give the database's file: sqlite:FILE".to_owned()),
        ":memory:" => Err(
            "a database in memory is gone when the program ends; give a file: sqlite:FILE"
                .to_owned(),
        ),
        _ if file.starts_with("//") => {
            let path = file.trim_start_matches('/');
            Err(format!(
                "write sqlite:{path} for a file from here on, sqlite:/{path} for one from the root"
            ))
        }
        _ => Ok(PathBuf::from(file)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_last_hash_is_apart() {
        let sqlite = |path: &str| Place::Sqlite(path.into());
        assert_eq!(
            Place::parse("sqlite:a#b.db#t"),
            Ok((sqlite("a#b.db"), Some("t")))
        );
        assert_eq!(Place::parse("sqlite:/a.db#"), Ok((sqlite("/a.db"), None)));
        let url = "postgres://u:p%23@h/d";
        assert_eq!(
            Place::parse(url),
            Ok((Place::Postgres(url.to_owned()), None))
        );
    }

    #[test]
    fn nothing_is_guessed_about_slashes() {
        for (text, words) in [
            ("sqlite:", "sqlite:FILE"),
            ("sqlite:#t", "sqlite:FILE"),
            ("sqlite::memory:", "gone"),
            ("sqlite://a.db#t", "sqlite:a.db for"),
            ("sqlite:////var/a.db", "sqlite:/var/a.db for"),
        ] {
            let error = Place::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
