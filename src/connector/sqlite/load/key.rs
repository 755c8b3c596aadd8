//! Keys: unique in a table that is created, and how the table compares them.

use anyhow::bail;
use rusqlite::{OptionalExtension, params_from_iter, types::Value};

use crate::connector::sqlite::load::Sqlite;
use crate::connector::sqlite::{listed, quoted, violation, words};
use crate::load::{Mode, Refused, repeated};
use crate::schema::types;

impl Sqlite {
    /// Returns the positions of the key's columns in the stream.
    pub(crate) fn key_places(&self) -> Vec<usize> {
        let position = |name: &String| self.header.position(name);
        self.key.iter().filter_map(position).collect()
    }

    /// Returns the key's columns as the table spells them.
    pub(crate) fn table_key(&self) -> Vec<String> {
        let places = self.key_places().into_iter();
        places.map(|place| self.columns[place].0.clone()).collect()
    }

    /// Makes the key unique in a table whose records all came from the stream.
    pub(crate) fn make_key(&self) -> anyhow::Result<()> {
        let key: Vec<String> = self.table_key().iter().map(|name| quoted(name)).collect();
        self.make_unique(&self.key_statement(), (&quoted(&self.table), &key))
    }

    /// Returns the statement that makes the key unique.
    pub(crate) fn key_statement(&self) -> String {
        format!(
            "CREATE UNIQUE INDEX {} ON {} ({})",
            quoted(&self.key_index()),
            quoted(&self.table),
            listed(&self.table_key())
        )
    }

    /// Returns the name of the index on the key of a table that `load` created.
    pub(crate) fn key_index(&self) -> String {
        format!("{}_key", self.table)
    }

    /// Returns the collation by which the table compares values of a column of its key.
    pub(crate) fn collation_at(&self, place: usize) -> anyhow::Result<String> {
        let found = self.connection.query_row(
            "SELECT x.coll FROM pragma_index_list(?1) AS l, pragma_index_xinfo(l.name) AS x
             WHERE l.\"unique\" AND x.key AND x.name = ?2 ORDER BY x.coll = 'BINARY' LIMIT 1",
            [&self.table, &self.columns[place].0],
            |row| row.get(0),
        );
        let found = found.optional().map_err(|error| self.told(error))?;
        Ok(found.unwrap_or_else(|| "BINARY".to_owned()))
    }

    /// Runs the statement that makes the key unique; `key` lists the key's columns in `table`.
    pub(crate) fn make_unique(
        &self,
        statement: &str,
        (table, key): (&str, &[String]),
    ) -> anyhow::Result<()> {
        let Err(error) = self.connection.execute(statement, []) else {
            return Ok(());
        };
        if violation(&error).is_none() {
            return Err(self.told(error));
        }
        Err(self
            .duplicate(table, key)
            .unwrap_or_else(|_| self.told(error)))
    }

    /// Returns, as an error, the first record whose key occurred before it.
    fn duplicate(&self, table: &str, key: &[String]) -> rusqlite::Result<anyhow::Error> {
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
        let names = key.join(", ");
        let (first, values): (i64, Vec<Value>) = self.connection.query_row(
            &format!("SELECT min({rowid}), {names} FROM {table} GROUP BY {names} HAVING count(*) > 1 ORDER BY 1 LIMIT 1"),
            [],
            |row| {
                let values = (1..=key.len()).map(|place| row.get(place)).collect::<Result<_, _>>()?;
                Ok((row.get(0)?, values))
            },
        )?;
        let tests: Vec<String> = key.iter().map(|name| format!("{name} = ?")).collect();
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
            fault: repeated(&self.key, &shown.join(", ")),
        }))
    }

    /// Returns whether the table has a unique index on the key: without one, SQLite prepares no upsert.
    pub(crate) fn is_key_unique(&self) -> anyhow::Result<bool> {
        let key = listed(&self.table_key());
        let table = quoted(&self.table);
        let probe = format!(
            "INSERT INTO {table} ({key}) SELECT {key} FROM {table} WHERE false ON CONFLICT ({key}) DO NOTHING"
        );
        match self.connection.prepare(&probe) {
            Ok(_) => Ok(true),
            Err(error) if words(&error).contains("ON CONFLICT clause") => Ok(false),
            Err(error) => Err(self.told(error)),
        }
    }

    /// Checks that the table has a unique index on the key.
    pub(crate) fn check_key(&self) -> anyhow::Result<()> {
        if self.is_key_unique()? {
            return Ok(());
        }
        let which = match self.mode {
            Mode::Upsert => "which record to replace",
            _ => "which records are there already",
        };
        bail!(
            "table '{}' has no unique index on its key, so nothing says {which}: {}",
            self.table,
            self.key_statement(),
        )
    }
}

/// Returns a key's value as an error shows it.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Integer(integer) => integer.to_string(),
        Value::Real(real) => real.to_string(),
        Value::Text(text) => types::shown(text.as_bytes()),
        Value::Blob(_) => "a blob".to_owned(),
    }
}
