//! Statements that put one record into a table.

use rusqlite::types::ToSqlOutput;
use rusqlite::{Connection, Result, Statement};

use crate::record::Fault;

/// A statement, and the columns of the stream that it takes.
pub(crate) struct Bound {
    pub(crate) sql: String,
    pub(crate) places: Vec<usize>,
}

impl Bound {
    /// Runs it for a record: how many records of the table itself it changed.
    pub(crate) fn run(&self, connection: &Connection, cells: &[ToSqlOutput<'_>]) -> Result<u64> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        self.run_as(&mut statement, cells)
    }

    /// The same with the statement at hand.
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

/// What one record did.
pub(crate) enum Done {
    /// Records inserted and updated.
    Counted(u64, u64),
    /// Its key was in the stream before.
    Repeated(Fault),
}
