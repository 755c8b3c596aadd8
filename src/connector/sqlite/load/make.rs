//! Creates tables, and replaces the records of existing ones.

use anyhow::bail;

use crate::connector::sqlite::load::Sqlite;
use crate::connector::sqlite::load::rule::Rule;
use crate::connector::sqlite::load::schema;
use crate::connector::sqlite::load::schema::{Definition, Made};
use crate::connector::sqlite::load::works::Works;
use crate::connector::sqlite::load::write::Writer;
use crate::connector::sqlite::{listed, quoted, words};
use crate::load::Mode;
use crate::schema::types::{ColumnKind, ColumnType};

impl Sqlite {
    /// Creates the table with the types that were found for its columns. Returns notices for the user.
    pub(crate) fn make(&mut self, found: &[ColumnType]) -> anyhow::Result<Vec<String>> {
        let mut notices = Vec::new();
        let mut made = Vec::new();
        self.columns.clear();
        for (name, found) in self.header.names().iter().zip(found) {
            let (declared, rule) = Rule::found(*found);
            if rule == Rule::Text && matches!(found.kind, ColumnKind::Decimal | ColumnKind::Double)
            {
                notices.push(format!(
                    "column '{name}' is stored as TEXT: its numbers have more digits than SQLite's REAL holds"
                ));
            }
            let old = self.existing.as_ref();
            made.push(Made {
                name: name.clone(),
                declared,
                is_not_null: self.key.contains(name)
                    || old.is_some_and(|old| old.is_not_null(name)),
            });
            self.columns.push((name.clone(), rule));
        }
        if let Some(existing) = self.existing.clone() {
            self.drop_old(&existing)?;
        }
        self.execute(&schema::create(&self.table, &made))?;
        self.has_only_ours = true;
        // Records that violate a key can only be set aside or ignored as they arrive, not at the end.
        let is_ready = self.sets_aside || self.mode == Mode::Insert;
        if is_ready && !self.key.is_empty() {
            self.execute(&self.key_statement())?;
        }
        self.attach(|what| is_ready || what.starts_with("trigger"))?;
        let takes_many = match Definition::read(&self.connection, &self.table)? {
            Some(made) => made.takes_many(&self.connection),
            None => Ok(true),
        };
        let takes_many = takes_many.map_err(|error| self.told(error))?;
        self.writer = Some(self.inserter(takes_many)?);
        self.is_keyed = is_ready;
        Ok(notices)
    }

    /// Drops the old table. If it has triggers, its records are deleted first: the triggers see that, as they will
    /// see the new records arrive.
    fn drop_old(&mut self, existing: &Definition) -> anyhow::Result<()> {
        let look = || {
            let works = Works::look(&self.connection)?;
            let attachments = existing.attachments(&self.connection)?;
            Ok((works, attachments, existing.has_triggers(&self.connection)?))
        };
        let looked: rusqlite::Result<_> = look();
        let (works, attachments, has_triggers) = looked.map_err(|error| self.told(error))?;
        (self.works, self.attachments) = (works, attachments);
        if has_triggers {
            self.empty()?;
        }
        self.execute(&format!("DROP TABLE {}", quoted(&self.table)))?;
        Ok(())
    }

    /// Recreates those of the old table's indexes and triggers that are `wanted`.
    fn attach(&mut self, wanted: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let own = match self.key.is_empty() {
            true => String::new(),
            false => format!("index '{}'", self.key_index()),
        };
        let all = std::mem::take(&mut self.attachments);
        let (now, later) = all.into_iter().partition(|(what, _)| wanted(what));
        self.attachments = later;
        let now: Vec<(String, String)> = now;
        for (what, statement) in now.into_iter().filter(|(what, _)| *what != own) {
            self.connection.execute(&statement, []).map_err(|error| {
                let words = words(&error);
                anyhow::anyhow!("table '{}' cannot keep its {what}: {words}", self.table)
            })?;
        }
        Ok(())
    }

    /// Deletes the table's records.
    pub(crate) fn empty(&self) -> anyhow::Result<()> {
        self.execute(&format!("DELETE FROM {}", quoted(&self.table)))?;
        Ok(())
    }

    /// Prepares to replace the records of the table, which is kept.
    pub(crate) fn refill(&mut self) -> anyhow::Result<()> {
        self.empty()?;
        self.has_only_ours = true;
        if !self.key.is_empty() && !self.is_key_unique()? {
            self.execute(&self.key_statement())?;
        }
        self.add()
    }

    /// Prepares to add records to the table.
    pub(crate) fn add(&mut self) -> anyhow::Result<()> {
        let takes_many = match &self.existing {
            Some(existing) => existing.takes_many(&self.connection),
            None => Ok(true),
        };
        let takes_many = takes_many.map_err(|error| self.told(error))?;
        self.writer = Some(self.inserter(takes_many)?);
        Ok(())
    }

    fn inserter(&self, takes_many: bool) -> anyhow::Result<Writer> {
        let behind = match (self.mode, self.key.is_empty()) {
            (Mode::Insert, true) => " ON CONFLICT DO NOTHING".to_owned(),
            (Mode::Insert, false) => {
                format!(" ON CONFLICT ({}) DO NOTHING", listed(&self.table_key()))
            }
            _ => String::new(),
        };
        Writer::insert(
            self,
            (&quoted(&self.table), &self.names()),
            takes_many,
            &behind,
        )
    }

    /// Completes a table that was created, after all its records have arrived.
    pub(crate) fn complete(&mut self) -> anyhow::Result<()> {
        if !self.key.is_empty() && !self.is_keyed {
            self.make_key()?;
        }
        self.attach(|_| true)?;
        if let Some(broken) = self.works.broken(&self.connection) {
            bail!("{broken} does not work with the new table '{}'", self.table);
        }
        Ok(())
    }

    /// Stops SQLite from deleting or changing records that refer to those of a table that is replaced; they are
    /// checked when the new ones are in. Must be called outside a transaction.
    pub(crate) fn loosen(&mut self) -> anyhow::Result<()> {
        let Some(existing) = self
            .existing
            .as_ref()
            .filter(|_| self.mode == Mode::Replace)
        else {
            return Ok(());
        };
        let referring = existing.referring(&self.connection);
        self.referring = referring.map_err(|error| self.told(error))?;
        if !self.referring.is_empty() {
            self.execute("PRAGMA foreign_keys = OFF")?;
        }
        Ok(())
    }

    /// Counts, for each referring table, the records that refer to a missing record of this one.
    pub(crate) fn orphans(&self) -> anyhow::Result<Vec<i64>> {
        let count = |table: &String| {
            let counted = self.connection.query_row(
                "SELECT count(*) FROM pragma_foreign_key_check(?1) WHERE parent = ?2 COLLATE NOCASE",
                [table, &self.table],
                |row| row.get(0),
            );
            counted.map_err(|error| self.told(error))
        };
        self.referring.iter().map(count).collect()
    }

    /// Checks that no more records of other tables refer to missing records than before, and that the table's own
    /// foreign keys hold.
    pub(crate) fn check_orphans(&self) -> anyhow::Result<()> {
        if self.referring.is_empty() {
            return Ok(());
        }
        let counts = self.orphans()?;
        for ((table, before), after) in self.referring.iter().zip(&self.orphans).zip(counts) {
            if after > *before {
                bail!(
                    "{} records of table '{table}' would refer to records of '{}' that are no longer there",
                    after - before,
                    self.table
                );
            }
        }
        let own = self.connection.query_row(
            "SELECT count(*) FROM pragma_foreign_key_check(?1)",
            [&self.table],
            |row| row.get::<_, i64>(0),
        );
        match own.map_err(|error| self.told(error))? {
            0 => Ok(()),
            count => bail!(
                "{count} records have no counterpart for a foreign key of table '{}'",
                self.table
            ),
        }
    }
}
