//! Keys: the primary key of a table that is created, and the records that an upsert replaces.

use anyhow::bail;
use postgres::error::SqlState;

use crate::connector::postgres::load::Postgres;
use crate::connector::postgres::load::stage::{Carried, STAGE, Stage, duplicate};
use crate::connector::postgres::{Name, is_not_unique, is_repeated_key, listed, quoted, told};
use crate::load::{Refused, repeated};
use crate::schema::types;

impl Postgres {
    /// Makes the key the primary key of a table whose records all came from this stream.
    pub(crate) fn make_key(&mut self, table: &str) -> anyhow::Result<()> {
        let key = listed(&self.key);
        let statement = format!("ALTER TABLE {table} ADD PRIMARY KEY ({key})");
        self.with_unique_keys(table, |client| client.batch_execute(&statement))
    }

    /// Renames the primary key of a replacement table to the name that it has in a table of this name.
    pub(crate) fn rename_key(&mut self, new: &Name) -> anyhow::Result<()> {
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

    /// Merges an upsert's records into the table.
    pub(crate) fn merge(&mut self, stage: &Stage) -> anyhow::Result<Carried> {
        // These statements do not report a key that occurs twice.
        if (stage.is_part || stage.others().next().is_none())
            && let Some(refused) = self.duplicate(STAGE)?
        {
            return Err(anyhow::Error::new(refused));
        }
        self.with_unique_keys(STAGE, |client| stage.carry(client))
    }

    /// Runs a statement that fails if two records in `table` have one key; the error then names the second one. All
    /// records of `table` came from the stream.
    fn with_unique_keys<T>(
        &mut self,
        table: &str,
        run: impl FnOnce(&mut postgres::Client) -> Result<T, postgres::Error>,
    ) -> anyhow::Result<T> {
        self.execute("SAVEPOINT keys")?;
        let error = match run(self.client()?) {
            Ok(done) => return Ok(done),
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

    /// Returns the first record whose key occurred before it. A new table stores records in the order in which they
    /// arrive.
    fn duplicate(&mut self, table: &str) -> anyhow::Result<Option<Refused>> {
        let key = self.key.clone();
        let found = duplicate(self.client()?, table, &key)?;
        Ok(found.map(|(record, values)| {
            let shown: Vec<String> = values
                .iter()
                .map(|value| types::shown(value.as_bytes()))
                .collect();
            Refused {
                record,
                fault: repeated(&key, &shown.join(", ")),
            }
        }))
    }

    /// Returns whether the table has a unique index on the key, without which the server plans no upsert. Must not
    /// run inside a transaction, which the server's error would abort.
    pub(crate) fn has_key(&mut self) -> anyhow::Result<bool> {
        let (table, key) = (self.name.sql(), listed(&self.key));
        let probe = format!(
            "EXPLAIN INSERT INTO {table} ({key}) SELECT {key} FROM {table} WHERE false ON CONFLICT ({key}) DO NOTHING"
        );
        match self.client()?.query(&probe, &[]) {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some(&SqlState::INVALID_COLUMN_REFERENCE) => Ok(false),
            Err(error) => Err(told(&error)),
        }
    }

    /// Checks that the table has a unique index on the key.
    pub(crate) fn check_key(&mut self) -> anyhow::Result<()> {
        if self.has_key()? {
            return Ok(());
        }
        let (table, key) = (self.name.sql(), listed(&self.key));
        bail!(
            "table '{}' has no unique index on its key, so nothing says which record to replace: CREATE UNIQUE INDEX ON {table} ({key})",
            self.spelled
        )
    }
}
