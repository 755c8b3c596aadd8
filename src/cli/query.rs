//! Flags that say which records of a database are meant.

use std::path::PathBuf;

use clap::Args;

use crate::source::Query;

use super::Usage;

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
    /// What the flags say of these sources; none where they are no database.
    ///
    /// # Errors
    /// A wrong usage: a database among other sources, no table or two, flags without a database.
    pub fn of(&self, sources: &[PathBuf]) -> anyhow::Result<Option<Query>> {
        let texts = || sources.iter().map(|source| source.to_string_lossy());
        let Some(address) = texts().find(|text| Query::is_meant(text)) else {
            return match self.given() {
                Some(flag) => Err(Usage::error(format!(
                    "{flag} is for databases only: sqlite:FILE, postgresql://..."
                ))),
                None => Ok(None),
            };
        };
        if sources.len() > 1 {
            return Err(Usage::error(
                "a database is read alone; name no other source",
            ));
        }
        let query = Query::parse(&address, self.table.as_deref(), self.query.as_deref());
        query.map(Some).map_err(Usage::error)
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
