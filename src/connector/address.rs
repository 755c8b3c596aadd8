//! Where records come from, go to or are kept, as the user wrote it: one grammar for all programs.

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
    /// The file, if it is one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Place::Sqlite(path) => Some(path),
            Place::Postgres(_) => None,
        }
    }
}

/// What an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A database.
    Database(Place),
    /// A file.
    File(PathBuf),
    /// Standard input or output.
    Standard,
}

impl Location {
    /// Reads `sqlite:FILE`, `postgresql://…`, `file:PATH`, a path or `-`, and for a database what
    /// stands behind the last `#`. A file's name may have one.
    ///
    /// # Errors
    /// It is no such address; in words.
    pub fn parse(text: &str) -> Result<(Self, Option<&str>), String> {
        let is_postgres = ["postgresql:", "postgres:"]
            .iter()
            .any(|scheme| text.starts_with(scheme));
        if is_postgres || text.starts_with("sqlite:") {
            let (place, behind) = match text.rsplit_once('#') {
                Some((place, behind)) => (place, Some(behind).filter(|name| !name.is_empty())),
                None => (text, None),
            };
            let place = match place.strip_prefix("sqlite:") {
                Some(file) => Place::Sqlite(sqlite_file(file)?),
                None => Place::Postgres(server(place)?),
            };
            return Ok((Location::Database(place), behind));
        }
        let location = match text.strip_prefix("file:") {
            Some(path) => Location::File(path_of_url(path)?),
            None if text.is_empty() => return Err("the address is empty".to_owned()),
            None if text == "-" => Location::Standard,
            None => match scheme(text) {
                Some(scheme) => {
                    return Err(format!(
                        "'{scheme}' is not supported; an address is sqlite:FILE, postgresql://... or a file"
                    ));
                }
                None => Location::File(PathBuf::from(text)),
            },
        };
        Ok((location, None))
    }
}

/// The scheme of an address that has one; `./a://b` has none.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_letter =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.');
    let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    (begins && scheme.chars().all(is_letter)).then_some(scheme)
}

fn server(address: &str) -> Result<String, String> {
    match address.contains("://") {
        true => Ok(address.to_owned()),
        false => Err(format!(
            "'{address}' lacks the slashes; write postgresql://USER@HOST/DATABASE"
        )),
    }
}

/// The file of `file:PATH`. `file:///PATH` is from the root in every reading; what two slashes mean
/// is not guessed.
fn path_of_url(path: &str) -> Result<PathBuf, String> {
    match path {
        "" => Err("give the file: file:PATH".to_owned()),
        // One that is called so, not standard input.
        "-" => Ok(PathBuf::from("./-")),
        _ if path.starts_with("//") && !path.starts_with("///") => {
            let path = path.trim_start_matches('/');
            Err(format!(
                "write file:{path} for a file from here on, file:/{path} for one from the root"
            ))
        }
        _ => Ok(PathBuf::from(path)),
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
    fn what_stands_behind_the_last_hash_of_a_database_is_apart() {
        let sqlite = |path: &str| Location::Database(Place::Sqlite(path.into()));
        let file = |path: &str| Location::File(path.into());
        let url = "postgres://u:p%23@h/d";
        let postgres = Location::Database(Place::Postgres(url.to_owned()));
        for (text, location, behind) in [
            ("sqlite:a#b.db#t", sqlite("a#b.db"), Some("t")),
            ("sqlite:/a.db#", sqlite("/a.db"), None),
            (url, postgres.clone(), None),
            ("postgres://u:p%23@h/d#s.t", postgres, Some("s.t")),
            ("a#b.csv", file("a#b.csv"), None),
            ("file:a.csv", file("a.csv"), None),
            ("file:///a.csv", file("///a.csv"), None),
            ("file:-", file("./-"), None),
            ("./a://b", file("./a://b"), None),
            ("-", Location::Standard, None),
        ] {
            assert_eq!(Location::parse(text), Ok((location, behind)), "{text}");
        }
    }

    #[test]
    fn nothing_is_guessed() {
        for (text, words) in [
            ("", "empty"),
            ("sqlite:", "sqlite:FILE"),
            ("sqlite:#t", "sqlite:FILE"),
            ("sqlite::memory:", "gone"),
            ("sqlite://a.db#t", "sqlite:a.db for"),
            ("sqlite:////var/a.db", "sqlite:/var/a.db for"),
            ("postgresql:d", "postgresql://USER"),
            ("file:", "file:PATH"),
            ("file://a.csv", "file:a.csv for"),
            ("mysql://h/d#t", "'mysql' is not supported"),
        ] {
            let error = Location::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
