//! Checkpoints in an SQLite file.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use crate::checkpoint::{Entry, Plan, TABLE, compare, elsewhere, gone, parsed, unknown};
use crate::connector::sqlite::told;
use crate::trust::{Checkpoint, Position};

/// How long to wait for another program's lock.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns where the last load of `name` into the database ended.
///
/// # Errors
/// The file exists and cannot be read as a database; the table that was loaded is gone.
pub fn position(path: &Path, name: &str) -> anyhow::Result<Option<Position>> {
    let shown = path.display().to_string();
    let real = match path.canonicalize() {
        Ok(real) => real,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot open '{shown}'")),
    };
    let connection = open(&real, &shown)?;
    let Some((position, table)) = stored(&connection, name, &shown)? else {
        return Ok(None);
    };
    if let Some(table) = table
        && !has_table(&connection, &table, &shown)?
    {
        return gone(name, &table, &format!("sqlite:{shown}"));
    }
    Ok(Some(position))
}

fn open(real: &PathBuf, shown: &str) -> anyhow::Result<Connection> {
    if real.is_dir() {
        bail!("'{shown}' is a directory");
    }
    // Opened for writing, because the next program to open the file has to roll back what a killed load left.
    // Without write permission, SQLite falls back to reading.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let told = |error| told(error, shown);
    let connection = Connection::open_with_flags(real, flags).map_err(told)?;
    connection.busy_timeout(PATIENCE).map_err(told)?;
    Ok(connection)
}

/// Checks what a load is about to do against the stored checkpoints.
///
/// # Errors
/// Records that a checkpoint covers would be missing.
pub fn check(connection: &Connection, database: &str, plan: &Plan<'_>) -> anyhow::Result<()> {
    if plan.is_harmless() {
        return Ok(());
    }
    let entries = entries(connection, database)?;
    let target = format!("sqlite:{database}");
    plan.check(&entries, str::eq_ignore_ascii_case, &target)
}

/// Removes the checkpoint of a flow and returns the table that it was loaded into.
///
/// # Errors
/// No checkpoint has this name; the database does not exist or cannot be changed.
pub fn forget(path: &Path, name: &str) -> anyhow::Result<Option<String>> {
    let shown = path.display().to_string();
    let real = path.canonicalize();
    let real = real.with_context(|| format!("cannot open '{shown}'"))?;
    let connection = open(&real, &shown)?;
    let execute = |sql: &str, parameters: &[&str]| {
        let executed = connection.execute(sql, rusqlite::params_from_iter(parameters));
        executed.map_err(|error| told(error, &shown))
    };
    execute("BEGIN IMMEDIATE", &[])?;
    let entries = entries(&connection, &shown)?;
    let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
        let names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        return unknown(name, &names, &format!("sqlite:{shown}"));
    };
    execute(&format!("DELETE FROM {TABLE} WHERE name = ?1"), &[name])?;
    execute("COMMIT", &[])?;
    Ok(entry.table.clone())
}

/// Writes the checkpoint of a load of `records` records into `table`, in the open transaction.
///
/// # Errors
/// The checkpoint does not start where the last one ended, or the last one belongs to another table.
pub fn advance(
    connection: &Connection,
    database: &str,
    checkpoint: &Checkpoint,
    (table, records): (Option<&str>, u64),
) -> anyhow::Result<()> {
    let (position, known) = stored(connection, &checkpoint.name, database)?.unzip();
    compare(checkpoint, position.as_ref())?;
    if let (Some(known), Some(table)) = (known.flatten(), table)
        && !known.eq_ignore_ascii_case(table)
    {
        let target = format!("sqlite:{database}");
        return elsewhere(&checkpoint.name, &known, table, &target);
    }
    let told = |error| told(error, database);
    connection
        .execute(
            &format!(
                "CREATE TABLE IF NOT EXISTS {TABLE} (name TEXT PRIMARY KEY, position TEXT NOT NULL,
                 records INTEGER NOT NULL, committed_at TEXT NOT NULL, table_name TEXT)"
            ),
            [],
        )
        .map_err(told)?;
    if column(connection, database)? == Some(LACKING) {
        let add = format!("ALTER TABLE {TABLE} ADD COLUMN table_name TEXT");
        connection.execute(&add, []).map_err(told)?;
    }
    connection
        .execute(
            &format!(
                "INSERT INTO {TABLE} (name, position, records, committed_at, table_name)
                 VALUES (?1, ?2, ?3, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'), ?4)
                 ON CONFLICT (name) DO UPDATE SET (position, records, committed_at, table_name)
                 = (excluded.position, records + excluded.records, excluded.committed_at, excluded.table_name)"
            ),
            params![
                checkpoint.name,
                checkpoint.to.to_string(),
                i64::try_from(records).unwrap_or(i64::MAX),
                table
            ],
        )
        .map_err(told)?;
    Ok(())
}

/// Stands for the table's name in checkpoints of earlier versions, which did not store it.
const LACKING: &str = "NULL";

/// Returns the expression for the name of a checkpoint's table; None if no checkpoint was ever stored.
fn column(connection: &Connection, database: &str) -> anyhow::Result<Option<&'static str>> {
    let columns = "SELECT max(name = 'table_name') FROM pragma_table_info(?1)";
    let has_it: Option<bool> = connection
        .query_row(columns, [TABLE], |row| row.get(0))
        .map_err(|error| told(error, database))?;
    Ok(has_it.map(|has_it| if has_it { "table_name" } else { LACKING }))
}

fn has_table(connection: &Connection, table: &str, database: &str) -> anyhow::Result<bool> {
    let found = connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema
         WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE)",
        [table],
        |row| row.get(0),
    );
    found.map_err(|error| told(error, database))
}

fn stored(
    connection: &Connection,
    name: &str,
    database: &str,
) -> anyhow::Result<Option<(Position, Option<String>)>> {
    let Some(table) = column(connection, database)? else {
        return Ok(None);
    };
    let found: Option<(String, Option<String>)> = connection
        .query_row(
            &format!("SELECT position, {table} FROM {TABLE} WHERE name = ?1"),
            [name],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(|error| told(error, database))?;
    let Some((text, table)) = found else {
        return Ok(None);
    };
    Ok(Some((parsed(&text, &format!("'{database}'"))?, table)))
}

fn entries(connection: &Connection, database: &str) -> anyhow::Result<Vec<Entry>> {
    let Some(table) = column(connection, database)? else {
        return Ok(Vec::new());
    };
    let read = || {
        connection
            .prepare(&format!("SELECT name, {table} FROM {TABLE} ORDER BY name"))?
            .query_map([], |row| {
                Ok(Entry {
                    name: row.get(0)?,
                    table: row.get(1)?,
                })
            })?
            .collect::<rusqlite::Result<_>>()
    };
    read().map_err(|error| told(error, database))
}
