//! Keys: unique where the table is made, and the records that an upsert replaces.

use anyhow::bail;
use postgres::error::SqlState;

use super::Postgres;
use crate::database::postgres::{Name, listed, quoted};
use crate::database::postgres::{is_not_unique, is_repeated_key, told};
use crate::record::Fault;
use crate::target::{Refused, types};

/// Where the records of an upsert wait.
pub(super) const STAGE: &str = "pg_temp.\"load stage\"";

impl Postgres {
    /// Makes the key the primary key of a table whose records all came from the stream.
    pub(super) fn make_key(&mut self, table: &str) -> anyhow::Result<()> {
        let key = listed(&self.key);
        let statement = format!("ALTER TABLE {table} ADD PRIMARY KEY ({key})");
        self.with_unique_keys(table, &statement).map(|_| ())
    }

    /// Gives the primary key of a replacement the name that it has in a table of this name.
    pub(super) fn rename_key(&mut self, new: &Name) -> anyhow::Result<()> {
        if self.key.is_empty() {
            return Ok(());
        }
        let name = |table: &str| quoted(&format!("{table}_pkey"));
        let (from, to) = (name(&new.table), name(&self.name.table));
        let table = self.name.sql();
        self.execute(&format!(
            "ALTER TABLE {table} RENAME CONSTRAINT {from} TO {to}"
        ))
    }

    /// Makes the temporary table in which an upsert's records wait.
    pub(super) fn make_stage(&mut self) -> anyhow::Result<()> {
        let statement = format!(
            "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA",
            STAGE.trim_start_matches("pg_temp."),
            listed(self.header.names()),
            self.name.sql()
        );
        self.execute(&statement)
    }

    /// Carries an upsert's records into the table: how many were new to it.
    pub(super) fn merge(&mut self) -> anyhow::Result<u64> {
        let names = listed(self.header.names());
        let others = self
            .header
            .names()
            .iter()
            .filter(|name| !self.key.contains(name));
        let set: Vec<String> = others
            .map(|name| format!("{0} = EXCLUDED.{0}", quoted(name)))
            .collect();
        let action = match set.is_empty() {
            true => "NOTHING".to_owned(),
            false => format!("UPDATE SET {}", set.join(", ")),
        };
        // A record that was there before is a new version of it, made by this transaction: xmax
        // then holds the lock on the old one.
        let statement = format!(
            "WITH merged AS (INSERT INTO {} ({names}) SELECT {names} FROM {STAGE}
                 ON CONFLICT ({}) DO {action} RETURNING xmax = 0 AS is_new)
             SELECT count(*) FILTER (WHERE is_new) FROM merged",
            self.name.sql(),
            listed(&self.key),
        );
        let rows = self.with_unique_keys(STAGE, &statement)?;
        let inserted: i64 = rows.first().map_or(0, |row| row.get(0));
        Ok(inserted as u64)
    }

    /// Runs a statement that fails where two records in `table`, all of which came from the
    /// stream, have one key; the error then names the second of them.
    fn with_unique_keys(
        &mut self,
        table: &str,
        statement: &str,
    ) -> anyhow::Result<Vec<postgres::Row>> {
        self.execute("SAVEPOINT keys")?;
        let client = self.client()?;
        let error = match client.query(statement, &[]) {
            Ok(rows) => return Ok(rows),
            Err(error) => error,
        };
        if is_repeated_key(&error) || is_not_unique(&error) {
            self.execute("ROLLBACK TO SAVEPOINT keys")?;
            if let Some(refused) = self.duplicate(table)? {
                return Err(anyhow::Error::new(refused));
            }
        }
        Err(told(&error))
    }

    /// The first record whose key was there before it. Records lie in a new table in the order in
    /// which they came.
    fn duplicate(&mut self, table: &str) -> anyhow::Result<Option<Refused>> {
        let key = listed(&self.key);
        let texts: Vec<String> = self
            .key
            .iter()
            .map(|name| format!("{}::text", quoted(name)))
            .collect();
        let query = format!(
            "SELECT number, names FROM (
                 SELECT row_number() OVER (ORDER BY ctid) AS number,
                        row_number() OVER (PARTITION BY {key} ORDER BY ctid) AS time,
                        ARRAY[{}] AS names
                 FROM {table}) AS numbered
             WHERE time = 2 ORDER BY number LIMIT 1",
            texts.join(", ")
        );
        let rows = self
            .client()?
            .query(&query, &[])
            .map_err(|error| told(&error))?;
        Ok(rows.first().map(|row| {
            let values: Vec<String> = row.get(1);
            let shown: Vec<String> = values
                .iter()
                .map(|value| types::shown(value.as_bytes()))
                .collect();
            let number: i64 = row.get(0);
            Refused {
                record: number as u64 - 1,
                fault: Fault::new(format!(
                    "{}: {} stands in more than one record; 'aggregate' makes keys unique",
                    self.key.join(", "),
                    shown.join(", ")
                )),
            }
        }))
    }

    /// That the table has a unique index on the key: the server plans no upsert without.
    pub(super) fn check_key(&mut self) -> anyhow::Result<()> {
        let (table, key) = (self.name.sql(), listed(&self.key));
        let probe = format!(
            "EXPLAIN INSERT INTO {table} ({key}) SELECT {key} FROM {table} WHERE false ON CONFLICT ({key}) DO NOTHING"
        );
        match self.client()?.query(&probe, &[]) {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some(&SqlState::INVALID_COLUMN_REFERENCE) => bail!(
                "table '{}' has no unique index on its key, so nothing says which record to replace: CREATE UNIQUE INDEX ON {table} ({key})",
                self.spelled
            ),
            Err(error) => Err(told(&error)),
        }
    }
}
