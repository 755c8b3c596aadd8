//! Flags that say which records of a database are meant.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::connector::address::{Location, forms};
use crate::connector::query::Query;

use super::Usage;

/// What is read.
pub enum Sources {
    /// A database.
    Database(Query),
    /// Files.
    Files(Vec<PathBuf>),
}

/// What is read of a database.
#[derive(Args, Clone, Debug)]
pub struct QueryFlags {
    /// Databases: the table or view to read, with its schema where it needs one (also: SOURCE#TABLE)
    #[arg(short, long, value_name = "NAME")]
    table: Option<String>,

    /// Databases: read the result of this SELECT instead
    #[arg(long, value_name = "SQL", conflicts_with = "table")]
    query: Option<String>,

    /// Databases, with --resume: the column that tells what is new; it grows and never repeats, as an id does
    #[arg(long, value_name = "COLUMN", requires = "resume")]
    pub resume_by: Option<String>,
}

impl QueryFlags {
    /// What these sources are.
    ///
    /// # Errors
    /// A wrong usage: no address; a database among other sources, no table or two, flags without a
    /// database.
    pub fn of(&self, sources: &[PathBuf]) -> anyhow::Result<Sources> {
        let mut files = Vec::new();
        for source in sources {
            let text = source.to_string_lossy();
            let query = Query::parse(&text, self.table.as_deref(), self.query.as_deref());
            match query.map_err(Usage::error)? {
                Some(_) if sources.len() > 1 => {
                    return Err(Usage::error(
                        "a database is read alone; name no other source",
                    ));
                }
                Some(query) => return Ok(Sources::Database(query)),
                None => files.push(file(source)),
            }
        }
        match self.given() {
            Some(flag) => Err(Usage::error(format!(
                "{flag} is for databases only: {}",
                forms(", ")
            ))),
            None => Ok(Sources::Files(files)),
        }
    }

    fn given(&self) -> Option<&'static str> {
        match (&self.table, &self.query, &self.resume_by) {
            (Some(_), ..) => Some("--table"),
            (_, Some(_), _) => Some("--query"),
            (.., Some(_)) => Some("--resume-by"),
            _ => None,
        }
    }
}

/// The file that a source names, if its name is text that can be an address.
fn file(source: &Path) -> PathBuf {
    match source.to_str().map(Location::parse) {
        Some(Ok((Location::File(path), _))) => path,
        _ => source.to_owned(),
    }
}
