//! Checkpoints in a PostgreSQL database.
//!
//! The search path decides where the table of checkpoints is found and created. Two loads of one name take turns:
//! each holds a lock from its read of the last checkpoint to its commit.

use postgres::Client;

use crate::checkpoint::{Entry, Plan, TABLE, compare, elsewhere, gone, parsed, unknown};
use crate::connector::postgres::{Name, connect, shown, told, words};
use crate::trust::{Checkpoint, Position};

/// Separates our advisory locks from those of others: "pipe" in ASCII.
const LOCK_CLASS: i32 = 0x7069_7065;

/// Returns where the last load of `name` into the database ended.
///
/// # Errors
/// The server cannot be reached or refuses; the table that was loaded is gone.
pub fn position(url: &str, name: &str) -> anyhow::Result<Option<Position>> {
    let mut client = connect(url)?;
    let Some((position, table)) = stored(&mut client, name, &shown(url))? else {
        return Ok(None);
    };
    if let Some(table) = table
        && !has_table(&mut client, &Name::parse(&table)?)?
    {
        return gone(name, &table, &shown(url));
    }
    Ok(Some(position))
}

/// Returns the full name of a table, as checkpoints store it. Without a schema, that is the schema in which the
/// server would create the table.
///
/// # Errors
/// The server cannot be reached.
pub fn full_name(client: &mut Client, name: &Name) -> anyhow::Result<String> {
    let schema = match &name.schema {
        Some(schema) => Some(schema.clone()),
        None => client
            .query_one("SELECT pg_catalog.current_schema()::text", &[])
            .map_err(|error| told(&error))?
            .get(0),
    };
    let table = name.table.clone();
    Ok(Name { schema, table }.spelled())
}

/// Checks what a load is about to do against the stored checkpoints.
///
/// # Errors
/// Records that a checkpoint covers would be missing.
pub fn check(client: &mut Client, database: &str, plan: &Plan<'_>) -> anyhow::Result<()> {
    if plan.is_harmless() || plan.flow.is_none() && !may_read(client)? {
        return Ok(());
    }
    let entries = entries(client)?;
    plan.check(&entries, |one, other| one == other, database)
}

/// Removes the checkpoint of a flow and returns the table that it was loaded into.
///
/// # Errors
/// No checkpoint has this name; the server cannot be reached or refuses.
pub fn forget(url: &str, name: &str) -> anyhow::Result<Option<String>> {
    let mut client = connect(url)?;
    let failed = |error| told(&error);
    client.batch_execute("BEGIN").map_err(failed)?;
    lock(&mut client, name)?;
    let entries = entries(&mut client)?;
    let Some(entry) = entries.iter().find(|entry| entry.name == name) else {
        let names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
        return unknown(name, &names, &shown(url));
    };
    let delete = format!("DELETE FROM {TABLE} WHERE name = $1");
    client.execute(&delete, &[&name]).map_err(failed)?;
    client.batch_execute("COMMIT").map_err(failed)?;
    Ok(entry.table.clone())
}

/// Writes the checkpoint of a load of `records` records into `table`, in the open transaction. Commit at once after
/// this: until then, other loads of this name wait.
///
/// # Errors
/// The checkpoint does not start where the last one ended, or the last one belongs to another table; the table of
/// checkpoints cannot be created or written.
pub fn advance(
    client: &mut Client,
    database: &str,
    checkpoint: &Checkpoint,
    (table, records): (Option<&str>, u64),
) -> anyhow::Result<()> {
    if !is_whole(client)? {
        // Two sessions that create one table at once conflict, even with IF NOT EXISTS.
        lock(client, "")?;
        client
            .batch_execute(&format!(
                "CREATE TABLE IF NOT EXISTS {TABLE} (name text PRIMARY KEY, position text NOT NULL,
                 records bigint NOT NULL, committed_at timestamptz NOT NULL, table_name text);
                 ALTER TABLE {TABLE} ADD COLUMN IF NOT EXISTS table_name text"
            ))
            .map_err(|error| {
                let words = words(&error);
                anyhow::anyhow!(
                    "the table '{TABLE}', which keeps the checkpoints, cannot be made or completed: {words}"
                )
            })?;
    }
    lock(client, &checkpoint.name)?;
    let (position, known) = stored(client, &checkpoint.name, database)?.unzip();
    compare(checkpoint, position.as_ref())?;
    if let (Some(known), Some(table)) = (known.flatten(), table)
        && known != table
    {
        return elsewhere(&checkpoint.name, &known, table, database);
    }
    client
        .execute(
            &format!(
                "INSERT INTO {TABLE} (name, position, records, committed_at, table_name)
                 VALUES ($1, $2, $3, now(), $4)
                 ON CONFLICT (name) DO UPDATE SET (position, records, committed_at, table_name)
                 = (EXCLUDED.position, {TABLE}.records + EXCLUDED.records, EXCLUDED.committed_at,
                    EXCLUDED.table_name)"
            ),
            &[
                &checkpoint.name,
                &checkpoint.to.to_string(),
                &i64::try_from(records).unwrap_or(i64::MAX),
                &table,
            ],
        )
        .map_err(|error| told(&error))?;
    Ok(())
}

/// Waits for other loads of this name to end. The lock is released with the transaction.
fn lock(client: &mut Client, name: &str) -> anyhow::Result<()> {
    client
        .execute(
            "SELECT pg_advisory_xact_lock($1, hashtext($2))",
            &[&LOCK_CLASS, &name],
        )
        .map_err(|error| told(&error))?;
    Ok(())
}

fn is_there(client: &mut Client) -> anyhow::Result<bool> {
    let row = client
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&TABLE])
        .map_err(|error| told(&error))?;
    Ok(row.get(0))
}

/// Returns whether this user may read the checkpoints. A load without a checkpoint does not need them.
fn may_read(client: &mut Client) -> anyhow::Result<bool> {
    let row = client
        .query_one(
            "SELECT coalesce(pg_catalog.has_table_privilege(to_regclass($1)::oid, 'SELECT'), false)",
            &[&TABLE],
        )
        .map_err(|error| told(&error))?;
    Ok(row.get(0))
}

/// Returns whether the table of checkpoints exists with all its columns. Reads only the catalog, so it takes no
/// lock that would delay a change of the table.
fn is_whole(client: &mut Client) -> anyhow::Result<bool> {
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_attribute
             WHERE attrelid = to_regclass($1) AND attname = 'table_name' AND NOT attisdropped)",
            &[&TABLE],
        )
        .map_err(|error| told(&error))?;
    Ok(row.get(0))
}

/// Returns whether a table of this name exists. The catalog shows it without any privilege.
fn has_table(client: &mut Client, name: &Name) -> anyhow::Result<bool> {
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relname = $2 AND n.nspname = coalesce($1, pg_catalog.current_schema()))",
            &[&name.schema, &name.table],
        )
        .map_err(|error| told(&error))?;
    Ok(row.get(0))
}

/// Returns where the last load of a flow ended, and its table; checkpoints of earlier versions have no table.
fn stored(
    client: &mut Client,
    name: &str,
    database: &str,
) -> anyhow::Result<Option<(Position, Option<String>)>> {
    if !is_there(client)? {
        return Ok(None);
    }
    let row = client
        .query_opt(
            &format!(
                "SELECT position, to_jsonb(kept)->>'table_name' FROM {TABLE} kept WHERE name = $1"
            ),
            &[&name],
        )
        .map_err(|error| told(&error))?;
    let Some(row) = row else {
        return Ok(None);
    };
    let position = parsed(row.get(0), &format!("'{database}'"))?;
    Ok(Some((position, row.get(1))))
}

fn entries(client: &mut Client) -> anyhow::Result<Vec<Entry>> {
    if !is_there(client)? {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT name, to_jsonb(kept)->>'table_name' FROM {TABLE} kept ORDER BY name");
    let rows = client.query(&sql, &[]).map_err(|error| told(&error))?;
    let entry = |row: &postgres::Row| Entry {
        name: row.get(0),
        table: row.get(1),
    };
    Ok(rows.iter().map(entry).collect())
}
