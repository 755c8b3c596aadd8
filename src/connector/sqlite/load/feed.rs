//! Presents a block's cells to SQLite as a virtual table: one `INSERT … SELECT` takes many records, while a
//! statement for each would be bound, started and ended each time ("The Virtual Table Mechanism Of SQLite").

#![allow(
    unsafe_code,
    reason = "SQLite's virtual tables are unsafe traits of rusqlite"
)]

use std::cell::Cell;
use std::ffi::c_int;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::types::ToSqlOutput;
use rusqlite::vtab::{
    Context, Filters, IndexInfo, VTab, VTabConnection, VTabCursor, eponymous_only_module,
    sqlite3_vtab, sqlite3_vtab_cursor,
};
use rusqlite::{Connection, Result};

use crate::connector::sqlite::load::cell;

/// The table's name: SQLite reserves its prefix, so no table of the user has it.
pub const TABLE: &str = "sqlite_pipewright";

/// The records that SQLite reads next.
#[derive(Clone, Default)]
pub struct Feed(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    cells: Vec<u8>,
    /// How many records the last statement took.
    taken: u64,
}

impl Feed {
    /// Registers a table of this many columns with a connection.
    pub fn open(connection: &Connection, columns: usize) -> Result<Self> {
        let feed = Feed::default();
        let aux = (columns, feed.clone());
        connection.create_module(TABLE, eponymous_only_module::<FeedTable>(), Some(aux))?;
        Ok(feed)
    }

    /// Provides the cells that the next statement reads.
    pub fn put(&self, cells: Vec<u8>) {
        *self.waiting() = Waiting { cells, taken: 0 };
    }

    /// Returns how many records the last statement took; if it failed, how many preceded the record that caused it.
    pub fn taken(&self) -> u64 {
        self.waiting().taken
    }

    /// Takes the cells back, to reuse their memory.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.waiting().cells)
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[repr(C)]
struct FeedTable {
    /// SQLite's own part.
    base: sqlite3_vtab,
    columns: usize,
    feed: Feed,
}

// SAFETY: the struct is `repr(C)`, with SQLite's part first.
unsafe impl VTab<'_> for FeedTable {
    type Aux = (usize, Feed);
    type Cursor = Cursor;

    fn connect(
        _: &mut VTabConnection,
        aux: Option<&Self::Aux>,
        _: &[&[u8]],
    ) -> Result<(String, Self)> {
        let (columns, feed) = aux.cloned().unwrap_or_default();
        let names: Vec<String> = (1..=columns).map(|number| format!("c{number}")).collect();
        let table = FeedTable {
            base: sqlite3_vtab::default(),
            columns,
            feed,
        };
        Ok((format!("CREATE TABLE x ({})", names.join(", ")), table))
    }

    fn best_index(&self, _: &mut IndexInfo) -> Result<()> {
        Ok(())
    }

    fn open(&mut self) -> Result<Cursor> {
        Ok(Cursor {
            base: sqlite3_vtab_cursor::default(),
            columns: self.columns,
            feed: self.feed.clone(),
            cells: Vec::new(),
            record: 0,
            next: Cell::new((0, 0)),
            taken: 0,
        })
    }
}

/// Owns the cells while it is open, and gives them back at the end.
#[repr(C)]
struct Cursor {
    /// SQLite's own part.
    base: sqlite3_vtab_cursor,
    columns: usize,
    feed: Feed,
    cells: Vec<u8>,
    /// The offset of the current record.
    record: usize,
    /// The next column to read, and the offset of its cell.
    next: Cell<(usize, usize)>,
    /// How many records it has passed.
    taken: u64,
}

impl Cursor {
    /// Returns the cell of a column. SQLite usually reads columns in order.
    fn cell(&self, column: usize) -> Option<ToSqlOutput<'_>> {
        let (mut place, mut at) = self.next.get();
        if column < place {
            (place, at) = (0, self.record);
        }
        loop {
            let (value, length) = cell::first(self.cells.get(at..)?)?;
            at += length;
            place += 1;
            if place > column {
                self.next.set((place, at));
                return Some(value);
            }
        }
    }

    fn begin(&mut self, at: usize) {
        self.record = at;
        self.next.set((0, at));
    }
}

// SAFETY: the struct is `repr(C)`, with SQLite's part first.
unsafe impl VTabCursor for Cursor {
    fn filter(&mut self, _: c_int, _: Option<&str>, _: &Filters<'_>) -> Result<()> {
        self.cells = self.feed.take();
        self.taken = 0;
        self.begin(0);
        Ok(())
    }

    fn next(&mut self) -> Result<()> {
        let (place, _) = self.next.get();
        if place < self.columns {
            self.cell(self.columns - 1);
        }
        let (_, end) = self.next.get();
        self.begin(end);
        self.taken += 1;
        Ok(())
    }

    fn eof(&self) -> bool {
        self.record >= self.cells.len()
    }

    fn column(&self, context: &mut Context, column: c_int) -> Result<()> {
        match self.cell(column as usize) {
            Some(value) => context.set_result(&value),
            None => Ok(()),
        }
    }

    fn rowid(&self) -> Result<i64> {
        Ok(self.taken as i64)
    }
}

impl Drop for Cursor {
    fn drop(&mut self) {
        let mut waiting = self.feed.waiting();
        waiting.cells = std::mem::take(&mut self.cells);
        waiting.taken = self.taken;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Dialect;
    use crate::connector::sqlite::load::cells::{Cells, SqliteColumn};
    use crate::connector::sqlite::load::rule::Rule;
    use crate::load::{Encoder, Parcel};
    use crate::record::{Block, Faults, Index, Layout, OnFault};

    fn cells(text: &str) -> Vec<u8> {
        let column = |rule| SqliteColumn {
            name: "c".to_owned(),
            rule,
            is_key: false,
        };
        let encoder = Cells {
            columns: vec![
                column(Rule::Integer),
                column(Rule::Text),
                column(Rule::Real),
            ],
            is_clean: false,
        };
        let mut block = Block {
            bytes: text.into(),
            ..Block::default()
        };
        let (mut index, layout) = (Index::default(), Layout::all(3));
        let records = index.build(&mut block, &layout, Dialect::STREAM).unwrap();
        let mut parcel = Parcel::default();
        let mut faults = Faults::new(OnFault::Fail, records.len());
        encoder.encode(&records, &mut faults, &mut parcel);
        assert!(faults.into_list().is_empty());
        std::mem::take(parcel.made.buffer(b""))
    }

    #[test]
    fn one_statement_takes_all_and_says_where_it_stopped() {
        let connection = Connection::open_in_memory().unwrap();
        let feed = Feed::open(&connection, 3).unwrap();
        connection
            .execute_batch("CREATE TABLE t (a INTEGER NOT NULL, b TEXT, c REAL)")
            .unwrap();
        let insert = format!("INSERT INTO t (c, a, b) SELECT c3, c1, c2 FROM {TABLE}");
        feed.put(cells("1,one,1.5\n2,,\n-3,\"\",2\n"));
        assert_eq!(connection.execute(&insert, []).unwrap(), 3);
        assert_eq!(feed.taken(), 3);
        assert!(!feed.take().is_empty());
        feed.put(cells("4,four,0.1\n5,\"a,\"\"b\"\"\",\n,six,6\n7,seven,7\n"));
        assert!(connection.execute(&insert, []).is_err());
        assert_eq!(feed.taken(), 2);
        feed.put(Vec::new());
        assert_eq!(connection.execute(&insert, []).unwrap(), 0);
        let all: String = connection
            .query_row(
                "SELECT group_concat(quote(a) || quote(b) || quote(c), ' ') FROM t",
                [],
                |row| row.get(0),
            )
            .unwrap();
        assert_eq!(all, "1'one'1.5 2NULLNULL -3''2.0");
    }
}
