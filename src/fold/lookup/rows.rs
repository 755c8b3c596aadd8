//! The rows of a table by their keys.

use crate::fold::order::keys::{Keys, Scratch};
use crate::fold::table::{Kind, LOT, Lot, NULL, Table};
use crate::fold::{Groups, room};
use crate::record::{Block, Faults, Records, field};

use super::{Repeated, Sorted};

/// No row.
const NONE: u32 = u32::MAX;

/// What a block of a table comes to: of each row that has a key, that, where it begins in the block,
/// and the fields that are wanted, as the stream writes them.
#[derive(Debug, Default)]
pub struct Taken {
    keys: Vec<u8>,
    fields: Vec<u8>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    key_end: usize,
    fields_end: usize,
    start: usize,
}

impl Taken {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.fields.clear();
        self.rows.clear();
    }

    /// Adds the rows of a block: their keys, and the fields of these columns. `delimiter` is the
    /// stream's.
    pub fn add(
        &mut self,
        (keys, columns): (&Keys, &[usize]),
        records: &Records<'_>,
        faults: &mut Faults,
        (scratch, delimiter): (&mut Scratch, u8),
    ) {
        keys.of_records_with_nulls(records, faults, scratch, |record, key, has_null| {
            if has_null {
                return;
            }
            self.keys.extend_from_slice(key);
            for (place, column) in columns.iter().enumerate() {
                if place > 0 {
                    self.fields.push(delimiter);
                }
                let raw = records.field(record as usize, *column);
                match field::is_quoted(raw) || memchr::memchr(delimiter, raw).is_none() {
                    true => self.fields.extend_from_slice(raw),
                    false => field::push_quoted(raw, &mut self.fields),
                }
            }
            self.rows.push(Row {
                key_end: self.keys.len(),
                fields_end: self.fields.len(),
                start: records.range(record as usize).start,
            });
        });
    }

    /// Each row's key, fields and beginning.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&[u8], &[u8], usize)> {
        let (mut key_start, mut fields_start) = (0, 0);
        self.rows.iter().map(move |row| {
            let key = &self.keys[key_start..row.key_end];
            let fields = &self.fields[fields_start..row.fields_end];
            (key_start, fields_start) = (row.key_end, row.fields_end);
            (key, fields, row.start)
        })
    }
}

/// The rows of a table that fits in memory.
pub struct Rows {
    keys: Table,
    /// Of each key, its first row and its last one.
    ends: Vec<(u32, u32)>,
    /// Of each row, the next one of the same key.
    next: Vec<u32>,
    /// Where each row's fields end.
    fields_ends: Vec<usize>,
    fields: Vec<u8>,
    /// Whether a key may come more than once.
    many: bool,
    lot: Lot,
}

impl Rows {
    /// No rows yet.
    pub fn new(many: bool) -> Self {
        Rows {
            keys: Table::new(Groups::seed()),
            ends: Vec::new(),
            next: Vec::new(),
            fields_ends: Vec::new(),
            fields: Vec::new(),
            many,
            lot: Lot::default(),
        }
    }

    /// Adds the rows that were taken of the next block.
    ///
    /// # Errors
    /// A key comes twice.
    pub fn add(&mut self, taken: &Taken, block: &Block) -> Result<(), Repeated> {
        let mut rows = taken.rows();
        let mut lot: Vec<(&[u8], &[u8], usize)> = Vec::with_capacity(LOT);
        loop {
            lot.clear();
            lot.extend(rows.by_ref().take(LOT));
            if lot.is_empty() {
                return Ok(());
            }
            self.lot.clear();
            lot.iter()
                .for_each(|(key, ..)| self.lot.push_bytes(Kind::Several, key));
            self.keys.look_ahead(&mut self.lot);
            for (place, (_, fields, start)) in lot.iter().enumerate() {
                let (key, is_new) = self.keys.number(&self.lot, place);
                let row = self.next.len() as u32;
                room::reserve(&mut self.fields, fields.len());
                self.fields.extend_from_slice(fields);
                self.fields_ends.push(self.fields.len());
                self.next.push(NONE);
                if is_new {
                    self.ends.push((row, row));
                    continue;
                }
                if !self.many {
                    return Err(Repeated {
                        line: block.line_at(*start),
                    });
                }
                let (_, last) = &mut self.ends[key as usize];
                self.next[*last as usize] = row;
                *last = row;
            }
        }
    }

    /// The bytes of memory that they take, growth included.
    pub fn bytes(&self) -> usize {
        let of_rows = self.next.len() * 12 + self.ends.len() * 8 + self.fields.len();
        let growing = self.keys.bytes_to_grow().max(self.keys.held());
        growing + of_rows
    }

    /// Moves all rows to a join on disk.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub fn move_to(self, sorted: &mut Sorted) -> anyhow::Result<()> {
        let mut short = [0; 16];
        for (key, (first, _)) in self.ends.iter().enumerate() {
            let key = self.keys.bytes(self.keys.word(key as u32), &mut short);
            let mut row = *first;
            while row != NONE {
                sorted.add_row(key, self.fields(row), 0)?;
                row = self.next[row as usize];
            }
        }
        Ok(())
    }

    /// The fields of a row.
    #[inline]
    pub fn fields(&self, row: u32) -> &[u8] {
        let row = row as usize;
        let start = row
            .checked_sub(1)
            .map_or(0, |before| self.fields_ends[before]);
        &self.fields[start..self.fields_ends[row]]
    }

    /// The next row with the key of this one.
    #[inline]
    pub fn next(&self, row: u32) -> Option<u32> {
        let next = self.next[row as usize];
        (next != NONE).then_some(next)
    }

    /// Gives each record that no fault was found with to `each`, with the first row of its key.
    pub fn matches(
        &self,
        keys: &Keys,
        records: &Records<'_>,
        faults: &mut Faults,
        matching: &mut Matching,
        mut each: impl FnMut(u32, Option<u32>),
    ) {
        let Matching { scratch, lot, wait } = matching;
        let mut find = |lot: &mut Lot, wait: &mut Vec<u32>| {
            self.keys.look_ahead(lot);
            for (place, record) in wait.drain(..).enumerate() {
                let key = self.keys.known(lot, place);
                each(record, key.map(|key| self.ends[key as usize].0));
            }
            lot.clear();
        };
        lot.clear();
        wait.clear();
        keys.of_records_with_nulls(records, faults, scratch, |record, key, has_null| {
            match has_null {
                true => lot.push(NULL),
                false => lot.push_bytes(Kind::Several, key),
            }
            wait.push(record);
            if wait.len() == LOT {
                find(lot, wait);
            }
        });
        find(lot, wait);
    }
}

/// Memory that is used from block to block.
#[derive(Default)]
pub struct Matching {
    scratch: Scratch,
    lot: Lot,
    wait: Vec<u32>,
}
