//! Answers a query to an SQLite database as CSV, for machines without the `sqlite3` program:
//! `query DATABASE SQL | load -`.

use std::io;

use anyhow::{Context, bail};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [database, sql] = arguments.as_slice() else {
        bail!("usage: query DATABASE SQL");
    };
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .with_context(|| format!("cannot open '{database}'"))?;
    let mut statement = connection.prepare(sql)?;
    let names: Vec<_> = statement
        .column_names()
        .into_iter()
        .map(String::from)
        .collect();
    let mut out = csv::Writer::from_writer(io::stdout().lock());
    out.write_record(&names)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        for place in 0..names.len() {
            out.write_field(match row.get_ref(place)? {
                ValueRef::Null => Vec::new(),
                ValueRef::Integer(number) => number.to_string().into_bytes(),
                ValueRef::Real(number) => number.to_string().into_bytes(),
                ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes.to_vec(),
            })?;
        }
        out.write_record(None::<&[u8]>)?;
    }
    out.flush()?;
    Ok(())
}
