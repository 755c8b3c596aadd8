//! Tables in SQLite files.
//!
//! One transaction, whatever the mode. A database that is not there yet is written aside without
//! a journal, synced and renamed; one that is there keeps its journal mode, and its readers are
//! not disturbed until the commit.

mod cell;
mod feed;
mod key;
mod rule;
mod schema;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, bail};
use rusqlite::{Connection, OpenFlags};

use crate::database::checkpoints::{self, Plan};
use crate::database::sqlite::{PATIENCE, listed, quoted, told, violation, words};
use crate::record::{Block, Header};
use crate::stream::{AsideFile, Flow};
use crate::trust::Checkpoint;

use super::types::{Found, Kind};
use super::{Committed, LastStep, Mode, Parcel, Ready, Refused, Start, Target, Types, nearest_of};
use cell::{Cells, Column};
use feed::Feed;
use rule::Rule;
use schema::Definition;

/// A table in an SQLite file.
pub struct Sqlite {
    connection: Connection,
    /// The new database's file, while it has not its name.
    aside: Option<AsideFile>,
    name: String,
    table: String,
    mode: Mode,
    key: Vec<String>,
    /// The table as it is, where it is there.
    existing: Option<Definition>,
    /// What hung on the old table, and the statements that make it again.
    attachments: Vec<(String, String)>,
    header: Header,
    /// Names of the columns as the table has them, and what they take.
    columns: Vec<(String, Rule)>,
    insert: String,
    /// Where that statement finds many records; none where it takes one, bound to it.
    feed: Option<Feed>,
    sent: u64,
    updated: u64,
}

impl Sqlite {
    /// Opens the database, or one that will be it.
    ///
    /// # Errors
    /// It is no database, is read-only, its table is not what `mode` wants, or not the one that the
    /// checkpoint of `flow`, or another, speaks of.
    pub fn open(
        path: &Path,
        table: &str,
        (mode, key): (Mode, &[String]),
        flow: Option<&str>,
    ) -> anyhow::Result<Self> {
        let name = path.display().to_string();
        let aside = match path.exists() {
            true => None,
            false => Some(AsideFile::create(path)?),
        };
        let (connection, existing) = match &aside {
            Some(aside) => (
                open_new(aside.temporary_path()).map_err(|error| told(error, &name))?,
                None,
            ),
            None => open_old(path, &name, table)?,
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
        checkpoints::sqlite::check(&connection, &name, &plan)?;
        Ok(Sqlite {
            connection,
            aside,
            name,
            table: table.to_owned(),
            mode,
            key: key.to_vec(),
            existing,
            attachments: Vec::new(),
            header: Header::new(Vec::new()),
            columns: Vec::new(),
            insert: String::new(),
            feed: None,
            sent: 0,
            updated: 0,
        })
    }

    /// Whether the table is made from the stream.
    fn is_made(&self) -> bool {
        self.existing.is_none() || self.mode == Mode::Replace
    }

    fn execute(&self, sql: &str) -> anyhow::Result<usize> {
        self.connection
            .execute(sql, [])
            .map_err(|error| told(error, &self.name))
    }

    /// Makes the table for what the columns were found to be.
    fn make(&mut self, found: &[Found]) -> anyhow::Result<Vec<String>> {
        let mut notices = Vec::new();
        let mut declared = Vec::new();
        for (name, found) in self.header.names().iter().zip(found) {
            let (type_name, rule) = Rule::found(*found);
            if rule == Rule::Text && matches!(found.kind, Kind::Decimal | Kind::Double) {
                notices.push(format!(
                    "column '{name}' is stored as TEXT: its numbers have more digits than SQLite's REAL holds"
                ));
            }
            declared.push((name.clone(), type_name));
            self.columns.push((name.clone(), rule));
        }
        if let Some(existing) = &self.existing {
            self.attachments = existing
                .attachments(&self.connection)
                .map_err(|error| told(error, &self.name))?;
            self.execute(&format!("DROP TABLE {}", quoted(&self.table)))?;
        }
        self.execute(&schema::create(&self.table, &declared, &self.key))?;
        self.make_insert(&quoted(&self.table), true)?;
        Ok(notices)
    }

    /// All that is left to do before the commit.
    fn finish(&mut self) -> anyhow::Result<()> {
        if !self.is_made() {
            return match self.mode {
                Mode::Upsert => self.merge(),
                _ => Ok(()),
            };
        }
        let has_key = !self.key.is_empty();
        if has_key {
            self.make_key()?;
        }
        for (what, statement) in std::mem::take(&mut self.attachments) {
            if has_key && what == format!("index '{}'", self.key_index()) {
                continue;
            }
            self.connection.execute(&statement, []).map_err(|error| {
                let words = words(&error);
                anyhow::anyhow!("table '{}' cannot keep its {what}: {words}", self.table)
            })?;
        }
        Ok(())
    }

    /// Makes the statement that puts records into this table: one for many, or one for each.
    fn make_insert(&mut self, table: &str, takes_many: bool) -> anyhow::Result<()> {
        let names = listed(self.columns.iter().map(|(name, _)| name));
        let columns = self.columns.len();
        let records = match takes_many {
            true => {
                let feed = Feed::open(&self.connection, columns);
                self.feed = Some(feed.map_err(|error| told(error, &self.name))?);
                format!("SELECT * FROM {}", feed::TABLE)
            }
            false => format!("VALUES ({})", vec!["?"; columns].join(", ")),
        };
        self.insert = format!("INSERT INTO {table} ({names}) {records}");
        Ok(())
    }

    /// Inserts so many records: how many it could, and what was wrong with the next.
    fn insert(
        &self,
        records: u64,
        cells: &mut Vec<u8>,
    ) -> rusqlite::Result<(u64, rusqlite::Result<()>)> {
        let mut insert = self.connection.prepare_cached(&self.insert)?;
        if let Some(feed) = &self.feed {
            feed.put(std::mem::take(cells));
            let outcome = insert.raw_execute();
            *cells = feed.take();
            return Ok((feed.taken(), outcome.map(|_| ())));
        }
        let mut cells = cell::all(cells);
        for record in 0..records {
            for (place, cell) in (1..=self.columns.len()).zip(&mut cells) {
                insert.raw_bind_parameter(place, cell)?;
            }
            if let Err(error) = insert.raw_execute() {
                return Ok((record, Err(error)));
            }
        }
        Ok((records, Ok(())))
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
        if self.is_made() {
            let lost = self.existing.as_ref().and_then(Definition::irreplaceable);
            if let Some(word) = lost {
                bail!(
                    "replacing makes table '{}' anew, and would lose what {word} says in its definition; empty it and append instead",
                    self.table
                );
            }
            return Ok(Types::Wanted);
        }
        if let Some(existing) = &self.existing {
            self.columns = existing.columns_for(header)?;
        }
        if self.mode == Mode::Upsert {
            self.check_key()?;
        }
        Ok(Types::Known)
    }

    fn begin(&mut self, start: Start<'_>) -> anyhow::Result<Ready> {
        let found = start.found;
        self.execute("BEGIN IMMEDIATE")?;
        let mut notices = Vec::new();
        match found {
            Some(found) => notices = self.make(found)?,
            None if self.mode == Mode::Upsert => self.make_stage()?,
            None => {
                let takes_many = match &self.existing {
                    Some(existing) => existing.takes_many(&self.connection),
                    None => Ok(true),
                };
                let takes_many = takes_many.map_err(|error| told(error, &self.name))?;
                self.make_insert(&quoted(&self.table), takes_many)?;
            }
        }
        let columns = self.header.names().iter().zip(&self.columns);
        let encoder = Cells {
            columns: columns
                .map(|(name, (_, rule))| Column {
                    name: name.clone(),
                    rule: *rule,
                    is_key: self.key.contains(name),
                })
                .collect(),
            is_clean: found.is_some(),
        };
        Ok(Ready {
            encoder: Box::new(encoder),
            notices,
        })
    }

    fn write(&mut self, block: &Block, parcel: &mut Parcel) -> anyhow::Result<Flow> {
        let records = parcel.made.records;
        let (taken, outcome) = self
            .insert(records, parcel.made.buffer(&block.bytes))
            .map_err(|error| told(error, &self.name))?;
        self.sent += taken;
        match outcome {
            Ok(()) if taken == records => Ok(Flow::More),
            Ok(()) => bail!("a record was cut short"),
            Err(error) => Err(match violation(&error) {
                Some(fault) => anyhow::Error::new(Refused {
                    record: self.sent,
                    fault,
                }),
                None => told(error, &self.name),
            }),
        }
    }

    fn commit(
        mut self: Box<Self>,
        checkpoint: Option<&Checkpoint>,
        last: &mut LastStep<'_>,
    ) -> anyhow::Result<Committed> {
        let is_begun = !self.insert.is_empty();
        match (is_begun, checkpoint) {
            (true, _) => self.finish()?,
            (false, Some(_)) => drop(self.execute("BEGIN IMMEDIATE")?),
            (false, None) => {
                last()?;
                return Ok(Committed {
                    target: format!("sqlite:{}", self.name),
                    table: Some(self.table),
                    ..Committed::default()
                });
            }
        }
        if let Some(checkpoint) = checkpoint {
            let done = (is_begun.then_some(&*self.table), self.sent);
            checkpoints::sqlite::advance(&self.connection, &self.name, checkpoint, done)?;
        }
        last()?;
        self.execute("COMMIT")?;
        let mode = match (&self.existing, self.mode) {
            (None, _) => is_begun.then_some(Mode::Create),
            (Some(_), mode) => Some(mode),
        };
        let committed = Committed {
            mode,
            target: format!("sqlite:{}", self.name),
            table: Some(self.table),
            inserted: self.sent - self.updated,
            updated: self.updated,
            ..Committed::default()
        };
        if let Some(aside) = self.aside {
            if let Err((_, error)) = self.connection.close() {
                return Err(told(error, &self.name));
            }
            remove_journals(aside.path())?;
            aside.keep_new()?;
        }
        Ok(committed)
    }
}

/// A new database: nobody else can see it, and it is synced as a whole before it has its name.
fn open_new(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
         PRAGMA cache_size = -32768; PRAGMA temp_store = FILE;",
    )?;
    Ok(connection)
}

/// Removes what an earlier database of this name has left beside it: a crashed writer's journal would
/// be played back into the new one. SQLite does the same where it makes a database.
fn remove_journals(path: &Path) -> anyhow::Result<()> {
    // What has appeared meanwhile has journals of its own.
    if path.exists() {
        return Ok(());
    }
    for ending in ["-journal", "-wal", "-shm"] {
        let mut journal = path.as_os_str().to_owned();
        journal.push(ending);
        match fs::remove_file(&journal) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                let name = journal.to_string_lossy().into_owned();
                return Err(error).with_context(|| format!("cannot remove the stale '{name}'"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// A database that is there, and the table where it has one.
fn open_old(
    path: &Path,
    name: &str,
    table: &str,
) -> anyhow::Result<(Connection, Option<Definition>)> {
    // An absolute path is never taken for a URI.
    let path = path
        .canonicalize()
        .with_context(|| format!("cannot open '{name}'"))?;
    if path.is_dir() {
        bail!("'{name}' is a directory");
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let told = |error| told(error, name);
    let connection = Connection::open_with_flags(&path, flags).map_err(told)?;
    connection.busy_timeout(PATIENCE).map_err(told)?;
    let existing = Definition::read(&connection, table).map_err(|error| {
        match error.downcast::<rusqlite::Error>() {
            Ok(error) => told(error),
            Err(error) => error,
        }
    })?;
    // SQLite opens a file that may not be written for reading, without a word.
    if connection.is_readonly("main").map_err(told)? {
        bail!("'{name}' is read-only");
    }
    connection
        .execute_batch("PRAGMA cache_size = -32768;")
        .map_err(told)?;
    Ok((connection, existing))
}
