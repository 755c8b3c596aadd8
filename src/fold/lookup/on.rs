//! What rows and records are matched by.

use super::asof::{Asof, Scale, Values};
use crate::fold::order::keys::{self, Keys};
use crate::record::{Faults, Layout, Records};

/// The columns of a stream or a table that it is matched by.
pub struct On {
    columns: Vec<usize>,
    keys: Keys,
    asof: Option<Asof>,
}

/// Where a row or a record belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'r> {
    /// The same bytes where keys are the same; none begins another.
    pub key: &'r [u8],
    /// Empty where no as-of column was named.
    pub asof: &'r [u8],
    pub scale: Option<Scale>,
}

/// Memory that is used from block to block.
#[derive(Default)]
pub struct Scratch {
    keys: keys::Scratch,
    values: Values,
}

impl On {
    /// These columns are to be the same, and the as-of column at or before.
    pub fn new(keys: &[(usize, &str)], asof: Option<Asof>) -> Self {
        On {
            columns: keys.iter().map(|(column, _)| *column).collect(),
            keys: Keys::of_columns(keys.iter().copied()),
            asof,
        }
    }

    /// Whether there is an as-of column.
    pub fn has_asof(&self) -> bool {
        self.asof.is_some()
    }

    /// Whether there are columns that are to be the same.
    pub fn has_keys(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Whether it looks at this column.
    pub fn has(&self, column: usize) -> bool {
        let asof = self.asof.as_ref().map(Asof::place);
        self.columns.contains(&column) || asof == Some(column)
    }

    /// The fields that it looks at, of records of so many.
    pub fn layout(&self, columns: usize) -> Layout {
        let looked_at = (0..columns).filter(|column| self.has(*column));
        Layout::of(columns, looked_at.map(|column| (column, column)))
    }

    /// Gives each record that no fault was found with to `each`; where a null stands in its way, it
    /// belongs nowhere. Of a stream, `table` is the scale of its table.
    pub(super) fn of_records(
        &self,
        table: Option<Scale>,
        records: &Records<'_>,
        faults: &mut Faults,
        scratch: &mut Scratch,
        mut each: impl FnMut(u32, Option<At<'_>>),
    ) {
        let Scratch { keys, values } = scratch;
        if let Some(asof) = &self.asof {
            asof.read(table, records, faults, values);
        }
        let values = self.asof.as_ref().map(|_| &*values);
        self.keys
            .of_records_with_nulls(records, faults, keys, |record, key, has_null| {
                let (asof, scale) = match values.map(|values| values.of(record)) {
                    None => (&[][..], None),
                    Some(Some((asof, scale))) => (asof, Some(scale)),
                    Some(None) => return each(record, None),
                };
                each(record, (!has_null).then_some(At { key, asof, scale }));
            });
    }
}
