//! Statements that put one record into a table.

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Result, Statement};

use crate::record::Fault;

/// A statement, and the stream's columns that it takes.
pub(crate) struct Bound {
    pub(crate) sql: String,
    pub(crate) places: Vec<usize>,
}

impl Bound {
    /// Runs it for a record. Returns how many records of the table itself it changed.
    pub(crate) fn run(&self, connection: &Connection, cells: &[ToSqlOutput<'_>]) -> Result<u64> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        self.run_as(&mut statement, cells)
    }

    /// Like `run`, with a statement that is already prepared.
    pub(crate) fn run_as(
        &self,
        statement: &mut Statement<'_>,
        cells: &[ToSqlOutput<'_>],
    ) -> Result<u64> {
        for (number, place) in self.places.iter().enumerate() {
            statement.raw_bind_parameter(number + 1, &cells[*place])?;
        }
        Ok(statement.raw_execute()? as u64)
    }
}

/// The effect of one record.
pub(crate) enum Done {
    /// The numbers of records inserted and updated.
    Counted(u64, u64),
    /// Its key occurred in the stream before.
    Repeated(Fault),
}
