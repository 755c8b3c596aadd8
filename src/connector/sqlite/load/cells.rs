//! Encodes records as SQLite's values, on any thread.

use crate::connector::sqlite::load::rule::Rule;
use crate::load::{Encoder, Parcel, null_in_key};
use crate::record::{Faults, Records};
use crate::schema::types::is_text;

/// One column of the stream, and how its fields are stored.
#[derive(Clone, Debug)]
pub struct SqliteColumn {
    /// The name, for faults.
    pub name: String,
    /// Which values the column accepts.
    pub rule: Rule,
    /// Whether null is rejected, because the column is part of the key.
    pub is_key: bool,
}

/// Encodes records as cells.
pub struct Cells {
    /// The columns of the stream.
    pub columns: Vec<SqliteColumn>,
    /// Whether the whole input is known to be text that a database can store.
    pub is_clean: bool,
}

impl Encoder for Cells {
    fn encode(&self, records: &Records<'_>, faults: &mut Faults, parcel: &mut Parcel) {
        let is_clean = self.is_clean || is_text(records.bytes());
        parcel.encode_each(records, faults, |record, out| {
            for (place, column) in self.columns.iter().enumerate() {
                let raw = records.field(record, place);
                let pushed = match column.is_key && raw.is_empty() {
                    true => Err(null_in_key()),
                    false => column.rule.push(raw, is_clean, out),
                };
                pushed.map_err(|fault| fault.about(&column.name))?;
            }
            Ok(())
        });
    }
}
