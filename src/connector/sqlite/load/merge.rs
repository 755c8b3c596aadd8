//! Upserts: records that replace those with the same key.
//!
//! The records usually wait in a temporary table until all have arrived. If rejected records are set aside, each
//! record goes into the table as it arrives.

use rusqlite::Result;
use rusqlite::types::ToSqlOutput;

use crate::connector::sqlite::load::Sqlite;
use crate::connector::sqlite::load::bound::Bound;
use crate::connector::sqlite::load::upsert::Upsert;
use crate::connector::sqlite::load::write::Writer;
use crate::connector::sqlite::{listed, quoted, violation};

/// The temporary table for the records of an upsert.
const STAGE: &str = "load stage";

/// The temporary table for the keys that have arrived, if records do not wait.
const KEYS: &str = "load keys";

impl Sqlite {
    /// Prepares for an upsert.
    pub(crate) fn begin_upsert(&mut self) -> anyhow::Result<()> {
        let writer = match self.sets_aside {
            true => {
                let columns = self.key_columns(&self.key_places())?;
                let unique = format!("{}, UNIQUE ({})", columns.1, columns.0);
                self.make_temporary(KEYS, &unique)?;
                Writer::upsert(self, self.upsert_of_one()?)?
            }
            false => {
                let all: Vec<usize> = (0..self.columns.len()).collect();
                let (_, columns) = self.key_columns(&all)?;
                self.make_temporary(STAGE, &columns)?;
                let names: Vec<String> = all.into_iter().map(staged).collect();
                let stage = format!("temp.{}", quoted(STAGE));
                Writer::insert(self, (&stage, &names), true, "")?
            }
        };
        self.writer = Some(writer);
        Ok(())
    }

    /// Returns names and definitions of columns for those of the stream at `places`. They have no type, so that
    /// values stay unchanged; those of the key have the table's collation.
    fn key_columns(&self, places: &[usize]) -> anyhow::Result<(String, String)> {
        let key = self.key_places();
        let mut names = Vec::new();
        let mut columns = Vec::new();
        for place in places {
            let name = staged(*place);
            columns.push(match key.contains(place) {
                true => format!("{name} COLLATE {}", quoted(&self.collation_at(*place)?)),
                false => name.clone(),
            });
            names.push(name);
        }
        Ok((names.join(", "), columns.join(", ")))
    }

    fn upsert_of_one(&self) -> anyhow::Result<Upsert> {
        let key = self.key_places();
        let values = |count: usize| vec!["?"; count].join(", ");
        let table = quoted(&self.table);
        let mut same = Vec::new();
        for place in &key {
            let collation = quoted(&self.collation_at(*place)?);
            same.push(format!(
                "{} = ? COLLATE {collation}",
                quoted(&self.columns[*place].0)
            ));
        }
        let others: Vec<usize> = (0..self.columns.len())
            .filter(|place| !key.contains(place))
            .collect();
        let set: Vec<String> = others
            .iter()
            .map(|place| format!("{} = ?", quoted(&self.columns[*place].0)))
            .collect();
        let update = (!set.is_empty()).then(|| Bound {
            sql: format!(
                "UPDATE {table} SET {} WHERE {}",
                set.join(", "),
                same.join(" AND ")
            ),
            places: others.iter().chain(&key).copied().collect(),
        });
        let names = self.names();
        Ok(Upsert {
            note: Bound {
                sql: format!(
                    "INSERT INTO temp.{} VALUES ({})",
                    quoted(KEYS),
                    values(key.len())
                ),
                places: key,
            },
            forget: format!("DELETE FROM temp.{} WHERE rowid = ?", quoted(KEYS)),
            update,
            insert: Bound {
                sql: format!(
                    "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT ({}) DO NOTHING",
                    listed(&names),
                    values(names.len()),
                    listed(&self.table_key())
                ),
                places: (0..names.len()).collect(),
            },
            key: self.key.clone(),
        })
    }

    /// Moves the waiting records into the table, after checking that no two have the same key.
    pub(crate) fn merge(&mut self) -> anyhow::Result<()> {
        if self.sets_aside {
            return Ok(());
        }
        self.inserted = 0;
        let key = self.key_places();
        let stage = format!("temp.{}", quoted(STAGE));
        let keys = key.iter().map(|place| staged(*place)).collect::<Vec<_>>();
        self.make_unique(
            &format!(
                "CREATE UNIQUE INDEX temp.\"load stage key\" ON {} ({})",
                quoted(STAGE),
                keys.join(", ")
            ),
            (&stage, &keys),
        )?;
        let one = self.upsert_of_one()?;
        let table = quoted(&self.table);
        let mut same = Vec::new();
        for place in &key {
            let collation = quoted(&self.collation_at(*place)?);
            let name = quoted(&self.columns[*place].0);
            same.push(format!(
                "old.{name} = new.{} COLLATE {collation}",
                staged(*place)
            ));
        }
        let same = same.join(" AND ");
        if let Some(update) = &one.update {
            let set: Vec<String> = (0..self.columns.len())
                .filter(|place| !key.contains(place))
                .map(|place| format!("{} = new.{}", quoted(&self.columns[place].0), staged(place)))
                .collect();
            let all = format!(
                "UPDATE {table} AS old SET {} FROM {stage} AS new WHERE {same}",
                set.join(", ")
            );
            self.updated = self.carry(&all, update)?;
            self.execute(&format!(
                "DELETE FROM {stage} AS new WHERE EXISTS (SELECT 1 FROM {table} AS old WHERE {same})"
            ))?;
        }
        let all = (0..self.columns.len())
            .map(staged)
            .collect::<Vec<_>>()
            .join(", ");
        let insert = format!(
            "INSERT INTO {table} ({}) SELECT {all} FROM {stage} WHERE true ORDER BY {}
             ON CONFLICT ({}) DO NOTHING",
            listed(&self.names()),
            keys.join(", "),
            listed(&self.table_key())
        );
        self.inserted = self.carry(&insert, &one.insert)?;
        if one.update.is_none() {
            self.updated = self.sent - self.inserted;
        }
        Ok(())
    }

    /// Runs a statement for all waiting records. Returns how many it changed. If it fails, finds the record that
    /// caused it with `one`, the statement for a single record.
    fn carry(&self, all: &str, one: &Bound) -> anyhow::Result<u64> {
        let error = match self.connection.execute(all, []) {
            Ok(changed) => return Ok(changed as u64),
            Err(error) => error,
        };
        if violation(&error).is_none() || self.connection.is_autocommit() {
            return Err(self.told(error));
        }
        match self.first_refused(one) {
            Ok(Some((record, error))) => Err(self.refusal(error, record)),
            Ok(None) | Err(_) => Err(self.told(error)),
        }
    }

    /// Returns the first waiting record that a statement fails for.
    fn first_refused(&self, one: &Bound) -> Result<Option<(u64, rusqlite::Error)>> {
        let query = format!("SELECT *, rowid FROM temp.{} ORDER BY rowid", quoted(STAGE));
        let mut statement = self.connection.prepare(&query)?;
        let mut rows = statement.query([])?;
        let columns = self.columns.len();
        while let Some(row) = rows.next()? {
            let cells = (0..columns).map(|place| Ok(ToSqlOutput::Borrowed(row.get_ref(place)?)));
            let cells = cells.collect::<Result<Vec<_>>>()?;
            if let Err(error) = one.run(&self.connection, &cells) {
                let number: i64 = row.get(columns)?;
                return Ok(Some((number as u64 - 1, error)));
            }
        }
        Ok(None)
    }
}

/// Returns the name of a stream's column in the temporary table.
fn staged(place: usize) -> String {
    format!("c{place}")
}
