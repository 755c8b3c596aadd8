//! The target of a load, as the user wrote it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::address::forms;
use super::entry::{Database, Opening};
use super::file::Text;
use crate::load::Target;

use crate::connector::address::Location;
use crate::format::write::Format;

/// Where records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A table of a database.
    Table {
        /// The database.
        database: Arc<dyn Database>,
        /// The table, with its schema if the user gave one.
        table: String,
    },
    /// A file.
    File {
        /// Its path.
        path: PathBuf,
        /// How it is written.
        format: Format,
    },
    /// Standard output.
    Standard {
        /// How it is written.
        format: Format,
    },
}

impl Address {
    /// Opens the target.
    ///
    /// # Errors
    /// The target cannot be reached or written, or does not fit the mode or the checkpoint.
    pub fn open(&self, how: &Opening<'_>) -> anyhow::Result<Box<dyn Target>> {
        Ok(match self {
            Address::Table { database, table } => database.load(table, how)?,
            Address::File { path, format } => {
                let form = (*format, how.dialect);
                Box::new(Text::file(path, form, how.mode, how.flow)?)
            }
            Address::Standard { format } => {
                Box::new(Text::standard(*format, how.dialect, how.width))
            }
        })
    }

    /// Parses TARGET with `--table` and `--to`; an error says, in words, how the usage is wrong.
    pub fn parse(target: &str, table: Option<&str>, to: Option<Format>) -> Result<Self, String> {
        let (location, behind) = Location::parse(target)?;
        if let Location::Database(database) = location {
            if to.is_some() {
                let message =
                    "--to is for files and standard output; a database has its own format";
                return Err(message.to_owned());
            }
            let table = one_table(behind, table)?;
            return Ok(Address::Table { database, table });
        }
        if let Some(table) = table {
            return Err(format!(
                "'{target}' has no tables, so --table {table} says nothing; a database is {}",
                forms(" or ")
            ));
        }
        let Location::File(path) = location else {
            let format = to.unwrap_or(Format::Table);
            return Ok(Address::Standard { format });
        };
        refuse_template(target)?;
        let format = match to {
            Some(format) => format,
            None => by_ending(target, &path)?,
        };
        Ok(Address::File { path, format })
    }

    /// Returns whether it is a table, which modes and keys apply to.
    pub fn is_database(&self) -> bool {
        matches!(self, Address::Table { .. })
    }

    /// Returns the file that is written, if the target is a file.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Address::Table { database, .. } => database.file(),
            Address::File { path, .. } => Some(path),
            Address::Standard { .. } => None,
        }
    }

    /// Returns what a failed run can say about the state of the target.
    pub fn unharmed(&self) -> Option<String> {
        match self {
            Address::Table { .. } => Some("nothing was committed".to_owned()),
            Address::File { path, .. } => Some(match path.exists() {
                true => format!("'{}' is as it was", path.display()),
                false => format!("'{}' was not written", path.display()),
            }),
            Address::Standard { .. } => None,
        }
    }
}

/// Returns the table named after the `#` or by `--table`.
fn one_table(behind: Option<&str>, table: Option<&str>) -> Result<String, String> {
    match (behind, table) {
        (None, None) => Err("which table? Give --table NAME".to_owned()),
        (None, Some("")) => Err("--table needs a name".to_owned()),
        (Some(behind), Some(table)) if behind != table => Err(format!(
            "two tables are named: '{behind}' behind the # and '{table}' by --table"
        )),
        (Some(table), _) | (None, Some(table)) => Ok(table.to_owned()),
    }
}

/// Refuses a file name with a word in braces: it looks like a template for one file per value of a column, which is
/// not supported. With `file:`, the name is taken literally.
fn refuse_template(target: &str) -> Result<(), String> {
    let word = target.split_once('{').and_then(|(_, rest)| {
        let (word, _) = rest.split_once('}')?;
        (!word.is_empty()).then_some(word)
    });
    match word {
        Some(word) if !target.starts_with("file:") => Err(format!(
            "'{target}': records cannot be divided among files by '{{{word}}}'; for one file of this name, write file:'{target}'"
        )),
        _ => Ok(()),
    }
}

fn by_ending(target: &str, path: &Path) -> Result<Format, String> {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    match ending.as_str() {
        "csv" | "tsv" | "jsonl" | "ndjson" | "json" | "md" => ending.parse(),
        "db" | "sqlite" | "sqlite3" => Err(format!(
            "for an SQLite database write sqlite:{target} --table NAME"
        )),
        "gz" | "zst" | "bz2" | "xz" => Err(format!(
            "'{target}': files are written uncompressed; write to standard output and compress that: load - --to csv | gzip"
        )),
        _ => Err(format!(
            "'{target}': the ending does not say which format; give --to csv, tsv, jsonl, json or markdown"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(target: &str, table: Option<&str>, to: Option<Format>) -> Result<Address, String> {
        Address::parse(target, table, to)
    }

    #[test]
    fn addresses_are_told_apart() {
        let table = |target: &str, table: &str| {
            let (Location::Database(database), None) = Location::parse(target).unwrap() else {
                panic!("{target} is a database");
            };
            let table = table.to_owned();
            Address::Table { database, table }
        };
        let sqlite = table("sqlite:a#b.db#", "t");
        assert_eq!(parse("sqlite:a#b.db#t", None, None).unwrap(), sqlite);
        assert_eq!(parse("sqlite:a#b.db#", Some("t"), None).unwrap(), sqlite);
        assert_eq!(
            parse("postgres://u:p%23@h/d", Some("s.t"), None).unwrap(),
            table("postgres://u:p%23@h/d", "s.t")
        );
        let file = |path: &str, format| Address::File {
            path: path.into(),
            format,
        };
        assert_eq!(
            parse("x.NDJSON", None, None).unwrap(),
            file("x.NDJSON", Format::Jsonl)
        );
        assert_eq!(
            parse("x", None, Some(Format::Csv)).unwrap(),
            file("x", Format::Csv)
        );
        for literal in ["{country}.csv", "{}.csv", "{a.csv"] {
            let target = match literal {
                "{country}.csv" => "file:{country}.csv",
                other => other,
            };
            assert_eq!(
                parse(target, None, None).unwrap(),
                file(literal, Format::Csv)
            );
        }
        assert_eq!(
            parse("-", None, None).unwrap(),
            Address::Standard {
                format: Format::Table
            }
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for (target, table, words) in [
            ("sqlite:a.db", None, "which table"),
            ("sqlite:", Some("t"), "file"),
            ("sqlite:a.db#x", Some("t"), "two tables"),
            ("a.db", None, "sqlite:a.db"),
            ("a.csv.gz", None, "gzip"),
            ("a.csv", Some("t"), "no tables"),
            ("mysql://h/d", None, "'mysql' is not supported"),
            ("report", None, "--to"),
            ("{country}.csv", None, "file:'{country}.csv'"),
            ("./{country}.csv", None, "by '{country}'"),
        ] {
            let error = parse(target, table, None).unwrap_err();
            assert!(error.contains(words), "{target}: {error}");
        }
    }
}
