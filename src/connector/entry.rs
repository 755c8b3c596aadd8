//! What the table of connectors says of each kind of database.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::sql::SqlSource;
use crate::bytes::Dialect;
use crate::load::{Mode, Target};
use crate::stream::{Output, Settings, Summary};
use crate::trust::Position;

/// A kind of database: its line in the table.
pub struct Connector {
    /// What its addresses begin with, without the colon.
    pub schemes: &'static [&'static str],
    /// How an address is written, for help and messages; empty if nothing can be done with one.
    pub form: &'static str,
    /// The database of an address, without the table or query that may follow it.
    pub open: fn(address: &str) -> Result<Arc<dyn Database>, String>,
}

/// A database that an address names. Nothing is read or written before a method says so.
pub trait Database: Send + Sync {
    /// The address as the user wrote it, with whatever password is in it.
    fn address(&self) -> String;

    /// The address as errors show it.
    fn shown(&self) -> String;

    /// The file that it is, if it is one.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Reads records and writes the stream to `output`, the header at once.
    ///
    /// # Errors
    /// The database cannot be reached or refuses; the columns are not those that were asked for; the
    /// key is none.
    fn read(
        &self,
        reading: SqlSource<'_>,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary>;

    /// Opens a table for a load.
    ///
    /// # Errors
    /// It cannot be reached, or is not what the mode or the checkpoint wants.
    fn load(&self, table: &str, how: &Opening<'_>) -> anyhow::Result<Box<dyn Target>>;

    /// Where the last committed load of this name ended; None before the first one.
    ///
    /// # Errors
    /// The database cannot be asked; the table that was loaded is gone.
    fn position(&self, name: &str) -> anyhow::Result<Option<Position>>;

    /// Removes the checkpoint of this name: the table that it was loaded into, if that is known.
    ///
    /// # Errors
    /// There is none; the database cannot be changed.
    fn forget(&self, name: &str) -> anyhow::Result<Option<String>>;
}

/// How a target is opened.
pub struct Opening<'o> {
    /// What happens to what it held before.
    pub mode: Mode,
    /// The columns that identify a record; none if empty.
    pub key: &'o [String],
    /// The flow whose checkpoint is committed with the records.
    pub flow: Option<&'o str>,
    /// How long other programs' locks on a database are waited for.
    pub wait: Duration,
    /// The stream's, which CSV files have, too.
    pub dialect: Dialect,
    /// The columns of the terminal that standard output is.
    pub width: Option<usize>,
}

impl fmt::Debug for dyn Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl PartialEq for dyn Database {
    fn eq(&self, other: &Self) -> bool {
        self.address() == other.address()
    }
}

impl Eq for dyn Database {}
