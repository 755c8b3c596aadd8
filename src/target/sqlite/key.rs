//! Keys: unique where the table is made, and the records that an upsert replaces.

use anyhow::bail;
use rusqlite::{OptionalExtension, params_from_iter, types::Value};

use super::Sqlite;
use crate::database::sqlite::{listed, quoted};
use crate::database::sqlite::{told, violation, words};
use crate::record::Fault;
use crate::target::{Refused, types};

/// Where the records of an upsert wait.
const STAGE: &str = "\"load stage\"";

impl Sqlite {
    /// Makes the temporary table in which an upsert's records wait. Its columns have no type, so
    /// that values stay as they are, but the key's have the table's collation.
    pub(super) fn make_stage(&mut self) -> anyhow::Result<()> {
        let key = self.table_key();
        let mut columns = Vec::new();
        for (name, _) in &self.columns {
            let mut column = quoted(name);
            if key.contains(name) {
                let collation = self
                    .collation(name)
                    .map_err(|error| told(error, &self.name))?;
                column.push_str(&format!(" COLLATE {}", quoted(&collation)));
            }
            columns.push(column);
        }
        self.execute(&format!(
            "CREATE TEMP TABLE {STAGE} ({})",
            columns.join(", ")
        ))?;
        self.make_insert(&format!("temp.{STAGE}"), true)
    }

    /// The key's columns as the table spells them.
    fn table_key(&self) -> Vec<String> {
        let position = |name: &String| self.header.position(name);
        let places = self.key.iter().filter_map(position);
        places.map(|place| self.columns[place].0.clone()).collect()
    }

    /// Makes the key unique in a table whose records all came from the stream.
    pub(super) fn make_key(&self) -> anyhow::Result<()> {
        let index = quoted(&self.key_index());
        let (table, key) = (quoted(&self.table), listed(&self.table_key()));
        self.make_unique(
            &format!("CREATE UNIQUE INDEX {index} ON {table} ({key})"),
            &table,
        )
    }

    /// The name of the index on the key of a table that load made.
    pub(super) fn key_index(&self) -> String {
        format!("{}_key", self.table)
    }

    /// Carries an upsert's records into the table, once it is known that no two have one key.
    pub(super) fn merge(&mut self) -> anyhow::Result<()> {
        let key = self.table_key();
        let keys = listed(&key);
        let stage = format!("temp.{STAGE}");
        self.make_unique(
            &format!("CREATE UNIQUE INDEX temp.\"load stage key\" ON {STAGE} ({keys})"),
            &stage,
        )?;
        let table = quoted(&self.table);
        let same: Vec<String> = key
            .iter()
            .map(|name| format!("old.{0} = new.{0}", quoted(name)))
            .collect();
        let known = format!(
            "SELECT count(*) FROM {stage} AS new WHERE EXISTS (SELECT 1 FROM {table} AS old WHERE {})",
            same.join(" AND ")
        );
        let known: i64 = self
            .connection
            .query_row(&known, [], |row| row.get(0))
            .map_err(|error| told(error, &self.name))?;
        self.updated = known as u64;
        let names = listed(self.columns.iter().map(|(name, _)| name));
        let set: Vec<String> = self
            .columns
            .iter()
            .filter(|(name, _)| !key.contains(name))
            .map(|(name, _)| format!("{0} = excluded.{0}", quoted(name)))
            .collect();
        let action = match set.is_empty() {
            true => "NOTHING".to_owned(),
            false => format!("UPDATE SET {}", set.join(", ")),
        };
        let merge = format!(
            "INSERT INTO {table} ({names}) SELECT {names} FROM {stage} WHERE true ORDER BY {keys}
             ON CONFLICT ({keys}) DO {action}"
        );
        match self.connection.execute(&merge, []) {
            Ok(_) => Ok(()),
            Err(error) => Err(match violation(&error) {
                Some(fault) => anyhow::anyhow!("'{}': {fault}", self.name),
                None => told(error, &self.name),
            }),
        }
    }

    /// The collation by which the table tells values of a column of its key apart.
    fn collation(&self, name: &str) -> rusqlite::Result<String> {
        let found = self.connection.query_row(
            "SELECT x.coll FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS x
             WHERE l.\"unique\" AND x.key AND x.name = ?2 ORDER BY x.coll = 'BINARY' LIMIT 1",
            [&self.table, name],
            |row| row.get(0),
        );
        Ok(found.optional()?.unwrap_or_else(|| "BINARY".to_owned()))
    }

    /// Runs the statement that makes the key unique.
    fn make_unique(&self, statement: &str, table: &str) -> anyhow::Result<()> {
        let Err(error) = self.connection.execute(statement, []) else {
            return Ok(());
        };
        if violation(&error).is_none() {
            return Err(told(error, &self.name));
        }
        Err(self
            .duplicate(table)
            .unwrap_or_else(|_| told(error, &self.name)))
    }

    /// The first record whose key was there before it, as an error.
    fn duplicate(&self, table: &str) -> rusqlite::Result<anyhow::Error> {
        let key = self.table_key();
        let is_free = |name: &&str| {
            !self
                .columns
                .iter()
                .any(|(column, _)| column.eq_ignore_ascii_case(name))
        };
        let rowid = ["rowid", "oid", "_rowid_"]
            .into_iter()
            .find(is_free)
            .unwrap_or("rowid");
        let names = listed(&key);
        let (first, values): (i64, Vec<Value>) = self.connection.query_row(
            &format!("SELECT min({rowid}), {names} FROM {table} GROUP BY {names} HAVING count(*) > 1 ORDER BY 1 LIMIT 1"),
            [],
            |row| {
                let values = (1..=key.len()).map(|place| row.get(place)).collect::<Result<_, _>>()?;
                Ok((row.get(0)?, values))
            },
        )?;
        let tests: Vec<String> = key
            .iter()
            .map(|name| format!("{} = ?", quoted(name)))
            .collect();
        let second: i64 = self.connection.query_row(
            &format!(
                "SELECT min({rowid}) FROM {table} WHERE {rowid} > {first} AND {}",
                tests.join(" AND ")
            ),
            params_from_iter(&values),
            |row| row.get(0),
        )?;
        let shown: Vec<String> = values.iter().map(shown).collect();
        Ok(anyhow::Error::new(Refused {
            record: second as u64 - 1,
            fault: Fault::new(format!(
                "{}: {} stands in more than one record; 'aggregate' makes keys unique",
                self.key.join(", "),
                shown.join(", ")
            )),
        }))
    }

    /// That the table has a unique index on the key: SQLite prepares no upsert without.
    pub(super) fn check_key(&self) -> anyhow::Result<()> {
        let key = listed(&self.table_key());
        let table = quoted(&self.table);
        let probe = format!(
            "INSERT INTO {table} ({key}) SELECT {key} FROM {table} WHERE false ON CONFLICT ({key}) DO NOTHING"
        );
        match self.connection.prepare(&probe) {
            Ok(_) => Ok(()),
            Err(error) if words(&error).contains("ON CONFLICT clause") => bail!(
                "table '{}' has no unique index on its key, so nothing says which record to replace: CREATE UNIQUE INDEX {} ON {table} ({key})",
                self.table,
                quoted(&self.key_index()),
            ),
            Err(error) => Err(told(error, &self.name)),
        }
    }
}

/// A key's value as an error shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => real.to_string(),
        Value::Text(text) => types::shown(text.as_bytes()),
        Value::Blob(_) => "a blob".to_owned(),
    }
}
