//! Addresses of sources, targets and databases: one grammar for all programs.

use std::path::PathBuf;
use std::sync::Arc;

use super::entry::{Connector, Database};
use super::{duckdb, postgres, sqlite};

/// The kinds of databases, in the order in which messages list them.
static CONNECTORS: [&Connector; 3] = [
    &sqlite::database::CONNECTOR,
    &postgres::database::CONNECTOR,
    &duckdb::CONNECTOR,
];

/// Returns how addresses of databases are written, `sqlite:FILE, postgresql://...`, with `last` before the last
/// one.
pub fn forms(last: &str) -> String {
    let forms = CONNECTORS.iter().map(|connector| connector.form);
    let forms: Vec<&str> = forms.filter(|form| !form.is_empty()).collect();
    match forms.split_last() {
        Some((end, [])) => (*end).to_owned(),
        Some((end, rest)) => format!("{}{last}{end}", rest.join(", ")),
        None => String::new(),
    }
}

/// Returns the connector of an address, or None if it is not the address of a database.
fn connector_of(text: &str) -> Option<&'static Connector> {
    let (scheme, _) = text.split_once(':')?;
    let mut connectors = CONNECTORS.iter().copied();
    connectors.find(|connector| connector.schemes.contains(&scheme))
}

/// What an address names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A database.
    Database(Arc<dyn Database>),
    /// A file.
    File(PathBuf),
    /// Standard input or output.
    Standard,
}

impl Location {
    /// Parses `sqlite:FILE`, `postgresql://…`, `file:PATH`, a path or `-`. For a database, also returns the text
    /// after the last `#`; a file name may contain `#`.
    ///
    /// # Errors
    /// Returns, in words, why the text is not an address.
    pub fn parse(text: &str) -> Result<(Self, Option<&str>), String> {
        if let Some(connector) = connector_of(text) {
            let (address, behind) = match text.rsplit_once('#') {
                Some((address, behind)) => (address, Some(behind).filter(|name| !name.is_empty())),
                None => (text, None),
            };
            return Ok((Location::Database((connector.open)(address)?), behind));
        }
        let location = match text.strip_prefix("file:") {
            Some(path) => Location::File(path_of_url(path)?),
            None if text.is_empty() => return Err("the address is empty".to_owned()),
            None if text == "-" => Location::Standard,
            None => match scheme(text) {
                Some(scheme) => {
                    return Err(format!(
                        "'{scheme}' is not supported; an address is {} or a file",
                        forms(", ")
                    ));
                }
                None => Location::File(PathBuf::from(text)),
            },
        };
        Ok((location, None))
    }
}

/// Returns the scheme of an address, if it has one; `./a://b` has none.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once("://")?;
    let is_letter =
        |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '+' | '-' | '.');
    let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    (begins && scheme.chars().all(is_letter)).then_some(scheme)
}

/// Returns the file of `file:PATH`. `file:///PATH` is absolute by any interpretation; `file://PATH` is ambiguous
/// and is refused.
fn path_of_url(path: &str) -> Result<PathBuf, String> {
    match path {
        "" => Err("give the file: file:PATH".to_owned()),
        // A file named `-`, not standard input.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_the_last_hash_of_a_database_is_apart() {
        let database = |address: &str| {
            let connector = connector_of(address).expect("a connector");
            Location::Database((connector.open)(address).expect("a database"))
        };
        let sqlite = |path: &str| database(&format!("sqlite:{path}"));
        let file = |path: &str| Location::File(path.into());
        let url = "postgres://u:p%23@h/d";
        let postgres = database(url);
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
            ("duckdb:a.db#t", "| duckdb a.db \"CREATE"),
        ] {
            let error = Location::parse(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
