//! The statements of an upsert for one record, which goes into the table as it arrives.

use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, Result};

use crate::connector::sqlite::load::bound::{Bound, Done};
use crate::connector::sqlite::load::key::shown;
use crate::connector::sqlite::violation;
use crate::load::repeated;
use crate::record::Fault;

/// The statements of an upsert for one record.
pub(crate) struct Upsert {
    /// Stores the key; fails if it is already stored.
    pub(crate) note: Bound,
    /// Removes the stored key.
    pub(crate) forget: String,
    /// None if all columns are key columns.
    pub(crate) update: Option<Bound>,
    pub(crate) insert: Bound,
    /// Names of the key's columns.
    pub(crate) key: Vec<String>,
}

impl Upsert {
    /// Updates the record with the same key, or inserts one. An INSERT that becomes an UPDATE on a conflict would
    /// need a complete record, with all NOT NULL columns.
    pub(crate) fn put(&self, connection: &Connection, cells: &[ToSqlOutput<'_>]) -> Result<Done> {
        if let Err(error) = self.note.run(connection, cells) {
            return match violation(&error) {
                Some(_) => Ok(Done::Repeated(self.repeated(cells))),
                None => Err(error),
            };
        }
        let noted = connection.last_insert_rowid();
        let done = self.update_or_insert(connection, cells);
        if done.is_err() && !connection.is_autocommit() {
            connection.prepare_cached(&self.forget)?.execute([noted])?;
        }
        done
    }

    fn update_or_insert(&self, connection: &Connection, cells: &[ToSqlOutput<'_>]) -> Result<Done> {
        let updated = match &self.update {
            Some(update) => update.run(connection, cells)?,
            None => 0,
        };
        if updated > 0 {
            return Ok(Done::Counted(0, 1));
        }
        let inserted = self.insert.run(connection, cells)?;
        // If all columns are key columns, an existing record counts as updated.
        let is_there = self.update.is_none() && inserted == 0;
        Ok(Done::Counted(inserted, is_there.into()))
    }

    fn repeated(&self, cells: &[ToSqlOutput<'_>]) -> Fault {
        let value = |place: &usize| match &cells[*place] {
            ToSqlOutput::Borrowed(value) => Value::try_from(*value).unwrap_or(Value::Null),
            ToSqlOutput::Owned(value) => value.clone(),
            _ => Value::Null,
        };
        let values: Vec<String> = self
            .note
            .places
            .iter()
            .map(value)
            .map(|v| shown(&v))
            .collect();
        repeated(&self.key, &values.join(", "))
    }
}
