//! The columns by which rows and records are matched.

use std::collections::BTreeSet;

use bumpalo::Bump;

use super::asof::{Asof, Scale, Values};
use crate::fold::groups::{encode, push_key};
use crate::fold::table::{self, KeyKind, Lot, NULL};
use crate::record::{Faults, Layout, Records};
use crate::value::Value;
use crate::value::identity::{is_short_identity, write_identity};

/// The columns of a stream or a table by which it is matched.
pub struct On {
    columns: Vec<usize>,
    asof: Option<Asof>,
}

/// The key and as-of value of a row or a record.
#[derive(Clone, Copy, Debug)]
pub(super) struct At<'r> {
    /// Equal keys have equal bytes.
    pub key: &'r [u8],
    /// Empty without an as-of column.
    pub asof: &'r [u8],
    pub scale: Option<Scale>,
}

/// Memory that is reused from block to block.
#[derive(Default)]
pub struct Scratch {
    arena: Bump,
    /// The records without a fault.
    pub(super) sound: Vec<u32>,
    key: Vec<u8>,
    values: Values,
}

impl On {
    /// Matches these columns by equality, and the as-of column by order.
    pub fn new(columns: Vec<usize>, asof: Option<Asof>) -> Self {
        On { columns, asof }
    }

    /// Returns the index of the `nth` key column.
    pub(super) fn column(&self, nth: usize) -> usize {
        self.columns[nth]
    }

    /// Returns a record's fields in the key columns.
    pub(super) fn fields<'r>(
        &self,
        records: &Records<'r>,
        record: u32,
    ) -> impl Iterator<Item = &'r [u8]> {
        let columns = self.columns.iter();
        columns.map(move |column| records.field(record as usize, *column))
    }

    /// Whether there is an as-of column.
    pub fn has_asof(&self) -> bool {
        self.asof.is_some()
    }

    /// Whether there are key columns.
    pub fn has_keys(&self) -> bool {
        !self.columns.is_empty()
    }

    /// Returns the columns that it reads, in order.
    pub fn looked_at(&self) -> BTreeSet<usize> {
        let asof = self.asof.as_ref().map(Asof::place);
        self.columns.iter().copied().chain(asof).collect()
    }

    /// Returns the layout of the fields that it reads, for records with `columns` fields.
    pub fn layout(&self, columns: usize) -> Layout {
        let looked_at = self.looked_at().into_iter();
        Layout::of(columns, looked_at.map(|column| (column, column)))
    }

    /// Returns the kind that its keys have in a [`table`].
    pub(super) fn kind(&self) -> KeyKind {
        match self.columns.len() {
            1 => KeyKind::One,
            _ => KeyKind::Several,
        }
    }

    /// Selects the records without a fault and reads their as-of values. For a stream, `table` is the scale of its
    /// table.
    pub(super) fn select(
        &self,
        table: Option<Scale>,
        records: &Records<'_>,
        faults: &mut Faults,
        scratch: &mut Scratch,
    ) {
        scratch.arena.reset();
        if let Some(asof) = &self.asof {
            asof.read(table, records, faults, &mut scratch.values);
        }
        faults.select_all(&mut scratch.sound);
        faults.settle(&mut scratch.sound);
    }

    /// Returns the as-of value of a record of the last block read; `None` for null. Empty without an as-of column.
    #[inline]
    pub(super) fn asof<'s>(
        &self,
        scratch: &'s Scratch,
        record: u32,
    ) -> Option<(&'s [u8], Option<Scale>)> {
        match self.asof {
            None => Some((&[], None)),
            Some(_) => {
                let value = scratch.values.of(record);
                value.map(|(value, scale)| (value, Some(scale)))
            }
        }
    }

    /// Adds the keys of these records to a lot; [`NULL`] if any key is null.
    #[inline]
    pub(super) fn push_keys(
        &self,
        of: &[u32],
        records: &Records<'_>,
        scratch: &Scratch,
        lot: &mut Lot,
    ) {
        let arena = &scratch.arena;
        let [column] = self.columns[..] else {
            for &record in of {
                let keys = self.keys(records, record, arena);
                match keys.iter().any(|key| matches!(key, Value::Null)) {
                    true => lot.push(NULL),
                    false => lot.push_written(KeyKind::Several, |bytes| encode(keys, bytes)),
                }
            }
            return;
        };
        let (block, fields) = (records.bytes(), records.column(column));
        let may_return = records.has_returns() && column + 1 == records.columns();
        for &record in of {
            let field = fields.place(record);
            match table::word_at(block, field.start, field.len()) {
                Some(word) if !may_return && is_short_identity(word, field.len()) => lot.push(word),
                _ => {
                    let raw = records.field(record as usize, column);
                    push_key(lot, &Value::of_field(raw, arena));
                }
            }
        }
    }

    fn keys<'r>(&self, records: &Records<'r>, record: u32, arena: &'r Bump) -> &'r mut [Value<'r>] {
        let columns = self.columns.iter();
        let field = |column: &usize| records.field(record as usize, *column);
        arena.alloc_slice_fill_iter(columns.map(|column| Value::of_field(field(column), arena)))
    }

    /// Calls `each` with every record that has no fault, and its key and as-of value unless one of them is null.
    /// For a stream, `table` is the scale of its table.
    pub(super) fn of_records(
        &self,
        table: Option<Scale>,
        records: &Records<'_>,
        faults: &mut Faults,
        scratch: &mut Scratch,
        mut each: impl FnMut(u32, Option<At<'_>>),
    ) {
        self.select(table, records, faults, scratch);
        let mut bytes = std::mem::take(&mut scratch.key);
        for &record in &scratch.sound {
            bytes.clear();
            let keys = &*self.keys(records, record, &scratch.arena);
            match keys {
                [key] => write_identity(key, &mut bytes),
                _ => encode(keys, &mut bytes),
            }
            let is_null = keys.iter().any(|key| matches!(key, Value::Null));
            let asof = self.asof(scratch, record).filter(|_| !is_null);
            let key = &bytes[..];
            each(record, asof.map(|(asof, scale)| At { key, asof, scale }));
        }
        scratch.key = bytes;
    }
}
