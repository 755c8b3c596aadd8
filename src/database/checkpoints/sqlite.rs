//! Checkpoints in an SQLite file.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::{TABLE, compare, parsed};
use crate::database::sqlite::told;
use crate::trust::{Checkpoint, Position};

/// How long another program's lock is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the last load of `name` into the database ended.
///
/// # Errors
/// The file is there and cannot be read as a database.
pub fn position(path: &Path, name: &str) -> anyhow::Result<Option<Position>> {
    let shown = path.display().to_string();
    let cannot = || format!("cannot open '{shown}'");
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(cannot),
    };
    if real.is_dir() {
        bail!("'{shown}' is a directory");
    }
    // What a load that was killed has left is rolled back by whoever comes next, which takes the
    // right to write; without it, SQLite opens the file for reading by itself.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let told = |error| told(error, &shown);
    let connection = Connection::open_with_flags(&real, flags).map_err(told)?;
    connection.busy_timeout(PATIENCE).map_err(told)?;
    stored(&connection, name, &shown)
}

/// Commits a checkpoint of a load of `records` records within the transaction that is open.
///
/// # Errors
/// It does not go on from where the last one ended.
pub fn advance(
    connection: &Connection,
    database: &str,
    checkpoint: &Checkpoint,
    records: u64,
) -> anyhow::Result<()> {
    compare(
        checkpoint,
        stored(connection, &checkpoint.name, database)?.as_ref(),
    )?;
    let told = |error| told(error, database);
    connection
        .execute(
            &format!(
                "CREATE TABLE IF NOT EXISTS {TABLE} (name TEXT PRIMARY KEY, position TEXT NOT NULL,
                 records INTEGER NOT NULL, committed_at TEXT NOT NULL)"
            ),
            [],
        )
        .map_err(told)?;
    connection
        .execute(
            &format!(
                "INSERT INTO {TABLE} (name, position, records, committed_at)
                 VALUES (?1, ?2, ?3, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
                 ON CONFLICT (name) DO UPDATE SET (position, records, committed_at)
                 = (excluded.position, records + excluded.records, excluded.committed_at)"
            ),
            params![
                checkpoint.name,
                checkpoint.to.to_string(),
                i64::try_from(records).unwrap_or(i64::MAX)
            ],
        )
        .map_err(told)?;
    Ok(())
}

fn stored(connection: &Connection, name: &str, database: &str) -> anyhow::Result<Option<Position>> {
    let told = |error| told(error, database);
    let is_there = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1",
            [TABLE],
            |_| Ok(()),
        )
        .optional()
        .map_err(told)?;
    if is_there.is_none() {
        return Ok(None);
    }
    let text: Option<String> = connection
        .query_row(
            &format!("SELECT position FROM {TABLE} WHERE name = ?1"),
            [name],
            |row| row.get(0),
        )
        .optional()
        .map_err(told)?;
    text.map(|text| parsed(&text, &format!("'{database}'")))
        .transpose()
}
