//! Tables in SQLite files.
//!
//! Every mode loads in one transaction. A database that does not exist yet is written under a temporary name
//! without a journal, synced and renamed; an existing one keeps its journal mode, and its readers are not blocked
//! until the commit.

mod bound;
mod cell;
mod cells;
mod feed;
mod journals;
mod key;
mod make;
mod merge;
mod rule;
mod schema;
mod upsert;
mod works;
mod write;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rusqlite::{Connection, OpenFlags};

use crate::checkpoint::Plan;
use crate::connector::sqlite::checkpoint;
use crate::connector::sqlite::{is_busy, locked, told};
use crate::record::{Block, Header};
use crate::stream::{AsideFile, Flow};
use crate::trust::{Checkpoint, committing, stage as phase};

use crate::load::{
    Committed, LastStep, Mode, Parcel, Ready, Start, Target, TargetNeeds, Types, made_anew,
    nearest_of,
};
use crate::schema::Fit;
use cells::{Cells, SqliteColumn};
use journals::Stale;
use rule::Rule;
use schema::Definition;
use works::Works;
use write::Writer;

/// Bytes of changed pages that are kept in memory. Beyond that, SQLite writes to the database before the commit,
/// which blocks all readers from then on, except in WAL mode.
const CHANGES: i64 = 256 << 20;

/// A table in an SQLite file.
pub struct Sqlite {
    connection: Connection,
    /// The file of a new database until it gets its name, and the stale journals beside that name.
    aside: Option<(AsideFile, Stale)>,
    name: String,
    table: String,
    mode: Mode,
    key: Vec<String>,
    wait: Duration,
    /// The existing table, if any.
    existing: Option<Definition>,
    /// Why a table whose records are replaced must be recreated, if its columns do not fit.
    mismatch: Option<String>,
    /// What was attached to the old table, and the statements that recreate it.
    attachments: Vec<(String, String)>,
    /// The views and triggers that worked with the old table.
    works: Works,
    /// Tables whose records refer to those of the old table; `orphans` counts, for each, the records that refer to
    /// none.
    referring: Vec<String>,
    orphans: Vec<i64>,
    header: Header,
    /// The table's names for the columns, and what they accept.
    columns: Vec<(String, Rule)>,
    sets_aside: bool,
    /// Whether this load creates the table.
    is_made: bool,
    /// Whether its key is unique already.
    is_keyed: bool,
    /// Whether all its records are from the stream.
    has_only_ours: bool,
    writer: Option<Writer>,
    sent: u64,
    refused: u64,
    inserted: u64,
    updated: u64,
}

impl Sqlite {
    /// Opens the database, or a temporary file for a new one. `wait` limits how long to wait for locks of other
    /// programs.
    ///
    /// # Errors
    /// The file is not a database or is read-only; its table does not fit `mode`, or the checkpoint of `flow` or
    /// another one.
    pub fn open(
        path: &Path,
        table: &str,
        (mode, key): (Mode, &[String]),
        flow: Option<&str>,
        wait: Duration,
    ) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let aside = match path.exists() {
            true => None,
            false => {
                let aside = AsideFile::create(path)?;
                let stale = Stale::beside(aside.path());
                Some((aside, stale))
            }
        };
        let (connection, existing) = match &aside {
            Some((aside, _)) => (
                open_new(aside.temporary_path()).map_err(|error| told(error, &name))?,
                None,
            ),
            None => open_old(path, &name, table, wait)?,
        };
        if let (Some(existing), Mode::Create) = (&existing, mode) {
            bail!(
                "'{name}' has a table '{}' already (--mode create)",
                existing.name
            );
        }
        let table = existing.as_ref().map_or(table, |old| &old.name);
        let plan = Plan {
            flow,
            table,
            exists: existing.is_some(),
            replaces: mode == Mode::Replace,
        };
        checkpoint::check(&connection, &name, &plan)?;
        Ok(Sqlite {
            connection,
            aside,
            name,
            table: table.to_owned(),
            mode,
            key: key.to_vec(),
            wait,
            existing,
            mismatch: None,
            attachments: Vec::new(),
            works: Works::default(),
            referring: Vec::new(),
            orphans: Vec::new(),
            header: Header::new(Vec::new()),
            columns: Vec::new(),
            sets_aside: false,
            is_made: false,
            is_keyed: false,
            has_only_ours: false,
            writer: None,
            sent: 0,
            refused: 0,
            inserted: 0,
            updated: 0,
        })
    }

    fn execute(&self, sql: &str) -> anyhow::Result<usize> {
        self.connection
            .execute(sql, [])
            .map_err(|error| self.told(error))
    }

    /// Converts an error of SQLite to one for users.
    fn told(&self, error: rusqlite::Error) -> anyhow::Error {
        told_after(error, &self.name, self.wait)
    }

    /// Returns the table's names for the columns.
    fn names(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).collect()
    }

    /// Reads the columns of a table whose records are to be replaced.
    fn meet_replaced(&mut self, existing: &Definition, header: &Header) -> anyhow::Result<Types> {
        match existing.columns_for(header) {
            Ok(columns) => {
                let rule = |(_, rule): &(String, Rule)| Box::new(*rule) as Box<dyn Fit>;
                let rules = columns.iter().map(rule).collect();
                self.columns = columns;
                Ok(Types::Wanted(TargetNeeds {
                    rules: Some(rules),
                    ..self.wanted()
                }))
            }
            Err(error) => {
                self.check_replaceable(existing, &error.to_string())?;
                self.mismatch = Some(error.to_string());
                Ok(Types::Wanted(self.wanted()))
            }
        }
    }

    fn wanted(&self) -> TargetNeeds {
        TargetNeeds::with_key(&self.key, &self.header)
    }

    /// Checks that nothing is lost if the table is recreated; `why` is the reason for recreating it.
    fn check_replaceable(&self, existing: &Definition, why: &str) -> anyhow::Result<()> {
        match existing.irreplaceable(&self.header) {
            None => Ok(()),
            Some(lost) => bail!(
                "{why}; so replacing would make table '{}' anew, and lose {lost}",
                self.table
            ),
        }
    }

    /// Checks that the table has not changed since it was read without a lock.
    fn check_unchanged(&self, is_anew: bool) -> anyhow::Result<()> {
        let now = Definition::read(&self.connection, &self.table);
        let now = now.map_err(|error| match error.downcast() {
            Ok(error) => self.told(error),
            Err(error) => error,
        })?;
        let is_same = match (&self.existing, &now) {
            (Some(old), Some(now)) if is_anew => old == now,
            (Some(_), Some(now)) => {
                matches!(now.columns_for(&self.header), Ok(columns) if columns == self.columns)
            }
            (None, None) => true,
            _ => false,
        };
        let referring = match (&now, self.mode) {
            (Some(now), Mode::Replace) => now.referring(&self.connection),
            _ => Ok(Vec::new()),
        };
        if is_same && referring.map_err(|error| self.told(error))? == self.referring {
            return Ok(());
        }
        bail!(
            "table '{}' was changed while the records were read; run it again",
            self.table
        )
    }

    /// Begins the transaction and prepares the table. Returns notices for the user.
    fn begin_table(&mut self, start: &Start<'_>) -> anyhow::Result<Vec<String>> {
        let misfit = start.misfit.or(self.mismatch.as_deref());
        let is_replaced = self.mode == Mode::Replace && self.existing.is_some();
        let is_anew = is_replaced && misfit.is_some();
        if let (true, Some(existing), Some(why)) = (is_anew, &self.existing, misfit) {
            self.check_replaceable(existing, why)?;
        }
        self.loosen()?;
        self.execute("BEGIN IMMEDIATE")?;
        self.check_unchanged(is_anew)?;
        self.orphans = self.orphans()?;
        self.is_made = self.existing.is_none() || is_anew;
        match (self.is_made, start.found) {
            (true, Some(found)) => {
                let mut notices = self.make(found)?;
                let misfit = start.misfit.filter(|_| is_anew);
                notices.extend(misfit.map(|misfit| made_anew(&self.table, misfit)));
                return Ok(notices);
            }
            (true, None) => bail!("a table cannot be made before its types are known"),
            (false, _) if is_replaced => self.refill()?,
            (false, _) if self.mode == Mode::Upsert => self.begin_upsert()?,
            (false, _) => self.add()?,
        }
        Ok(Vec::new())
    }

    /// Does everything that remains for the table before the commit.
    fn finish(&mut self) -> anyhow::Result<()> {
        if self.is_made {
            self.complete()?;
        } else if self.mode == Mode::Upsert {
            self.merge()?;
        }
        self.check_orphans()
    }

    /// Handles a stream without records: empties a table that is to be replaced. Returns whether there is anything
    /// to commit.
    fn finish_empty(&mut self, has_checkpoint: bool) -> anyhow::Result<bool> {
        let is_replaced = self.mode == Mode::Replace && self.existing.is_some();
        if !is_replaced && !has_checkpoint {
            return Ok(false);
        }
        self.loosen()?;
        self.execute("BEGIN IMMEDIATE")?;
        if is_replaced {
            self.orphans = self.orphans()?;
            self.empty()?;
            self.check_orphans()?;
        }
        Ok(true)
    }
}

impl Target for Sqlite {
    fn meet(&mut self, header: &Header) -> anyhow::Result<Types> {
        for name in &self.key {
            if header.position(name).is_none() {
                bail!(
                    "unknown key column '{name}': {}",
                    nearest_of(name, header.names())
                );
            }
        }
        schema::check_names(header)?;
        self.header = header.clone();
        let Some(existing) = self.existing.clone() else {
            return Ok(Types::Wanted(self.wanted()));
        };
        if self.mode == Mode::Replace {
            return self.meet_replaced(&existing, header);
        }
        self.columns = existing.columns_for(header)?;
        if matches!(self.mode, Mode::Upsert | Mode::Insert) && !self.key.is_empty() {
            self.check_key()?;
        }
        Ok(Types::Known)
    }

    fn begin(&mut self, start: Start<'_>) -> anyhow::Result<Ready> {
        self.sets_aside = start.sets_aside;
        let notices = self.begin_table(&start)?;
        let columns = self.header.names().iter().zip(&self.columns);
        let encoder = Cells {
            columns: columns
                .map(|(name, (_, rule))| SqliteColumn {
                    name: name.clone(),
                    rule: *rule,
                    is_key: self.key.contains(name),
                })
                .collect(),
            is_clean: start.found.is_some(),
        };
        Ok(Ready {
            encoder: Box::new(encoder),
            notices,
        })
    }

    fn write(&mut self, block: &Block, parcel: &mut Parcel) -> anyhow::Result<Flow> {
        let records = parcel.made.records;
        let cells = parcel.made.buffer(&block.bytes);
        self.put(records, cells, &mut parcel.refused)?;
        Ok(Flow::More)
    }

    fn commit(
        mut self: Box<Self>,
        checkpoint: Option<&Checkpoint>,
        last: &mut LastStep<'_>,
    ) -> anyhow::Result<Committed> {
        let is_begun = self.writer.is_some();
        let commits = match is_begun {
            true => self.finish().map(|()| true)?,
            false => self.finish_empty(checkpoint.is_some())?,
        };
        if let Some(checkpoint) = checkpoint {
            let taken = self.sent - self.refused;
            let has_table = is_begun || self.existing.is_some();
            let done = (has_table.then_some(&*self.table), taken);
            checkpoint::advance(&self.connection, &self.name, checkpoint, done)?;
        }
        if let Some((aside, _)) = self.aside.as_mut().filter(|_| commits) {
            // Nobody can see a new database yet: it becomes visible when it gets its name.
            self.connection
                .execute("COMMIT", [])
                .map_err(|error| told(error, &self.name))?;
            aside.settle()?;
        }
        last()?;
        phase::enter("committing");
        if commits && self.aside.is_none() {
            committing(|| self.execute("COMMIT"))?;
        }
        let mode = match (&self.existing, self.mode) {
            (None, _) => is_begun.then_some(Mode::Create),
            (Some(_), mode) => Some(mode),
        };
        let committed = Committed {
            mode,
            target: format!("sqlite:{}", self.name),
            table: Some(self.table),
            inserted: self.inserted,
            updated: self.updated,
            ignored: (self.sent - self.refused).saturating_sub(self.inserted + self.updated),
            notices: Vec::new(),
        };
        if let Some((aside, stale)) = self.aside.filter(|_| commits) {
            // Cached statements keep the database open.
            self.connection.flush_prepared_statement_cache();
            if let Err((_, error)) = self.connection.close() {
                return Err(told(error, &self.name));
            }
            committing(|| stale.replaced_by(aside))?;
        }
        Ok(committed)
    }
}

/// Like [`told`], but for a load with its own limit on waiting for locks.
fn told_after(error: rusqlite::Error, name: &str, wait: Duration) -> anyhow::Error {
    match is_busy(&error) {
        true => anyhow::anyhow!("{}; --wait waits longer", locked(name, wait)),
        false => told(error, name),
    }
}

/// Opens a new database. It needs no journal: nobody else can see it, and it is synced as a whole before it gets
/// its name.
fn open_new(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA cache_size = -32768; PRAGMA temp_store = FILE;",
    )?;
    Ok(connection)
}

/// Opens an existing database and reads its table, if it has one.
fn open_old(
    path: &Path,
    name: &str,
    table: &str,
    wait: Duration,
) -> anyhow::Result<(Connection, Option<Definition>)> {
    // An absolute path is never taken for a URI.
    let path = path
        .canonicalize()
        .with_context(|| format!("cannot open '{name}'"))?;
    if path.is_dir() {
        bail!("'{name}' is a directory");
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let told = |error| told_after(error, name, wait);
    let connection = Connection::open_with_flags(&path, flags).map_err(told)?;
    connection.busy_timeout(wait).map_err(told)?;
    let existing = Definition::read(&connection, table).map_err(|error| {
        match error.downcast::<rusqlite::Error>() {
            Ok(error) => told(error),
            Err(error) => error,
        }
    })?;
    // If a file is not writable, SQLite silently opens it for reading.
    if connection.is_readonly("main").map_err(told)? {
        bail!("'{name}' is read-only");
    }
    keep_readers(&connection).map_err(told)?;
    Ok((connection, existing))
}

/// Makes SQLite keep changes in memory, up to [`CHANGES`]. In WAL mode this is not needed: a WAL blocks no reader.
fn keep_readers(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA cache_size = -32768;")?;
    let pragma = |name| connection.pragma_query_value(Some("main"), name, |row| row.get(0));
    let page: i64 = pragma("page_size")?;
    let journal: String =
        connection.pragma_query_value(Some("main"), "journal_mode", |row| row.get(0))?;
    match journal.as_str() {
        "wal" => Ok(()),
        _ => connection.execute_batch(&format!(
            "PRAGMA main.cache_spill = {};",
            CHANGES / page.max(512)
        )),
    }
}
