//! What the table of connectors holds for each kind of database.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::sql::SqlSource;
use crate::bytes::Dialect;
use crate::load::{Mode, Target};
use crate::stream::{Output, Settings, Summary};
use crate::trust::Position;

/// A kind of database: one entry of the table.
pub struct Connector {
    /// The schemes of its addresses, without the colon.
    pub schemes: &'static [&'static str],
    /// How an address is written, for help and messages; empty if nothing can be done with one.
    pub form: &'static str,
    /// Returns the database of an address, which comes without the table or query that may follow it.
    pub open: fn(address: &str) -> Result<Arc<dyn Database>, String>,
}

/// A database that an address names. It is not opened until a method needs it.
pub trait Database: Send + Sync {
    /// Returns the address as the user wrote it, including any password.
    fn address(&self) -> String;

    /// Returns the address as errors show it.
    fn shown(&self) -> String;

    /// Returns the file that holds the database, if it is a single file.
    fn file(&self) -> Option<&Path> {
        None
    }

    /// Reads records and writes the stream to `output`, the header first and at once.
    ///
    /// # Errors
    /// The database cannot be reached or refuses; the columns differ from those that were asked for; the key is
    /// unusable.
    fn read(
        &self,
        reading: SqlSource<'_>,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary>;

    /// Opens a table for a load.
    ///
    /// # Errors
    /// The table cannot be reached, or does not fit the mode or the checkpoint.
    fn load(&self, table: &str, how: &Opening<'_>) -> anyhow::Result<Box<dyn Target>>;

    /// Returns where the last committed load of this name ended; None before the first one.
    ///
    /// # Errors
    /// The database cannot be queried; the table that was loaded is gone.
    fn position(&self, name: &str) -> anyhow::Result<Option<Position>>;

    /// Removes the checkpoint of this name and returns the table that it was loaded into, if known.
    ///
    /// # Errors
    /// No such checkpoint exists; the database cannot be changed.
    fn forget(&self, name: &str) -> anyhow::Result<Option<String>>;
}

/// How a target is opened.
pub struct Opening<'o> {
    /// What happens to the existing records.
    pub mode: Mode,
    /// The columns that identify a record; empty if there is no key.
    pub key: &'o [String],
    /// The flow whose checkpoint is committed with the records.
    pub flow: Option<&'o str>,
    /// How long to wait for locks that other programs hold on a database.
    pub wait: Duration,
    /// The dialect of the stream, which CSV files are also written in.
    pub dialect: Dialect,
    /// The width of the terminal in columns, if standard output is one.
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
