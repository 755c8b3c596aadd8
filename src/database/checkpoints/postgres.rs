//! Checkpoints in a PostgreSQL database.
//!
//! The table is looked for, and made, where the search path says. Two loads of one name take
//! turns: each holds a lock from its look at the last checkpoint to its commit.

use postgres::Client;

use super::{TABLE, compare, parsed};
use crate::database::postgres::{connect, shown, told, words};
use crate::trust::{Checkpoint, Position};

/// Tells our advisory locks from those of others: "pipe" in ASCII.
const LOCK_CLASS: i32 = 0x7069_7065;

/// Where the last load of `name` into the database ended.
///
/// # Errors
/// The server is out of reach or refuses.
pub fn position(url: &str, name: &str) -> anyhow::Result<Option<Position>> {
    let mut client = connect(url)?;
    stored(&mut client, name, &shown(url))
}

/// Commits a checkpoint of a load of `records` records within the transaction that is open, which
/// is to end at once: until then, other loads of this name wait.
///
/// # Errors
/// It does not go on from where the last one ended; the table cannot be made or written.
pub fn advance(
    client: &mut Client,
    database: &str,
    checkpoint: &Checkpoint,
    records: u64,
) -> anyhow::Result<()> {
    if !is_there(client)? {
        // Two that make one table at once hinder each other, IF NOT EXISTS or not.
        lock(client, "")?;
        client
            .batch_execute(&format!(
                "CREATE TABLE IF NOT EXISTS {TABLE} (name text PRIMARY KEY, position text NOT NULL,
                 records bigint NOT NULL, committed_at timestamptz NOT NULL)"
            ))
            .map_err(|error| {
                let words = words(&error);
                anyhow::anyhow!(
                    "the table '{TABLE}', which keeps the checkpoints, cannot be made: {words}"
                )
            })?;
    }
    lock(client, &checkpoint.name)?;
    compare(
        checkpoint,
        stored(client, &checkpoint.name, database)?.as_ref(),
    )?;
    client
        .execute(
            &format!(
                "INSERT INTO {TABLE} (name, position, records, committed_at) VALUES ($1, $2, $3, now())
                 ON CONFLICT (name) DO UPDATE SET (position, records, committed_at)
                 = (EXCLUDED.position, {TABLE}.records + EXCLUDED.records, EXCLUDED.committed_at)"
            ),
            &[
                &checkpoint.name,
                &checkpoint.to.to_string(),
                &i64::try_from(records).unwrap_or(i64::MAX),
            ],
        )
        .map_err(|error| told(&error))?;
    Ok(())
}

/// Waits for other loads of this name to end. The lock goes with the transaction.
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

fn stored(client: &mut Client, name: &str, database: &str) -> anyhow::Result<Option<Position>> {
    if !is_there(client)? {
        return Ok(None);
    }
    let row = client
        .query_opt(
            &format!("SELECT position FROM {TABLE} WHERE name = $1"),
            &[&name],
        )
        .map_err(|error| told(&error))?;
    row.map(|row| parsed(row.get(0), &format!("'{database}'")))
        .transpose()
}
