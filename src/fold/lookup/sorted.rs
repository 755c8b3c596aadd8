//! The join of a table that is too large for memory: the rows and the records are sorted together by
//! their keys, so that a key's rows come right before its records; what becomes of these is put back
//! in the order of the stream (a sort-merge join; Blasgen and Eswaran, "Storage and access in
//! relational data bases", 1977).

use crate::fold::order::keys::{Keys, Scratch};
use crate::fold::order::{Portion, Room, Sorter, Wanted};
use crate::record::{Block, Faults, Records};

use super::Repeated;

/// Handed to a sorter at once.
const PORTION: usize = 256 << 10;

/// What stands behind a key: rows come before records.
const ROW: u8 = 0;
const RECORD: u8 = 1;

/// What stands in front of a row's fields or of a record: a number of 8 bytes (of a row its line, of
/// a record its place in the stream), the length of the key, and that.
const HEAD: usize = 12;

/// A join under way.
pub struct Sorted {
    sorter: Sorter,
    room: Room,
    rows: Portion,
    many: bool,
}

/// Joins a record with a row's fields, or none; the number is the record's.
pub type Joined<'j> = dyn FnMut(&[u8], Option<&[u8]>, u64, &mut Vec<u8>) -> bool + 'j;

impl Sorted {
    /// No rows and no records yet.
    pub fn new(many: bool, room: Room) -> Self {
        // Half for what is sorted by key, and half for what is sorted by place.
        let room = Room {
            memory: room.memory / 2,
            ..room
        };
        Sorted {
            sorter: Sorter::new(Wanted::default(), room),
            room,
            rows: Portion::default(),
            many,
        }
    }

    /// Adds a row that stands on this line.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub fn add_row(&mut self, key: &[u8], fields: &[u8], line: u64) -> anyhow::Result<()> {
        push(&mut self.rows, (key, ROW), line, fields);
        if self.rows.bytes() >= PORTION {
            self.sorter.take(&mut self.rows)?;
        }
        Ok(())
    }

    /// Adds the rows that were taken of the next block of the table.
    ///
    /// # Errors
    /// As [`Sorted::add_row`].
    pub fn add_rows(&mut self, taken: &super::Taken, block: &Block) -> anyhow::Result<()> {
        let (mut line, mut at) = (block.line_at(0), 0);
        for (key, fields, start) in taken.rows() {
            line += memchr::memchr_iter(b'\n', &block.bytes[at..start]).count() as u64;
            at = start;
            self.add_row(key, fields, line)?;
        }
        Ok(())
    }

    /// Adds the records of a block to a portion.
    pub fn add_records(
        keys: &Keys,
        records: &Records<'_>,
        faults: &mut Faults,
        (scratch, portion): (&mut Scratch, &mut Portion),
    ) {
        let block = records.place().sequence << 32;
        keys.of_records_with_nulls(records, faults, scratch, |record, key, has_null| {
            // No row has the empty key, which begins no other.
            let key = if has_null { &[] } else { key };
            let raw = records.raw(record as usize);
            push(portion, (key, RECORD), block | u64::from(record), raw);
        });
    }

    /// Takes the records of the next block.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub fn take(&mut self, portion: &mut Portion) -> anyhow::Result<()> {
        self.sorter.take(&mut self.rows)?;
        self.sorter.take(portion).map(|_| ())
    }

    /// Joins all: `join` writes what becomes of a record with one row, or with none, and says whether
    /// that is anything; `each` takes these in the order of the stream.
    ///
    /// # Errors
    /// A key comes twice in the table; those of the disk, and those of `each`.
    pub fn finish(
        mut self,
        join: &mut Joined<'_>,
        each: &mut dyn FnMut(&[u8]) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        self.sorter.take(&mut self.rows)?;
        let (mut key, mut fields, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        let mut placed = Sorter::new(Wanted::default(), self.room);
        let (mut portion, mut out) = (Portion::default(), Vec::new());
        let many = self.many;
        self.sorter.finish(&mut |item| {
            let (number, of, kind, bytes) = apart(item);
            if kind == ROW {
                if of != key.as_slice() {
                    key.clear();
                    key.extend_from_slice(of);
                    fields.clear();
                    ends.clear();
                } else if !many && !ends.is_empty() {
                    return Err(Repeated { line: number }.into());
                }
                fields.extend_from_slice(bytes);
                ends.push(fields.len());
                return Ok(true);
            }
            let rows = if of == key.as_slice() { &ends[..] } else { &[] };
            let mut add = |row: Option<&[u8]>| {
                out.clear();
                if join(bytes, row, number, &mut out) {
                    portion.push(&number.to_be_bytes(), &out);
                }
            };
            let mut start = 0;
            for end in rows {
                add(Some(&fields[start..*end]));
                start = *end;
            }
            if rows.is_empty() {
                add(None);
            }
            if portion.bytes() >= PORTION {
                placed.take(&mut portion)?;
            }
            Ok(true)
        })?;
        placed.take(&mut portion)?;
        placed.finish(each)
    }
}

fn push(portion: &mut Portion, (key, kind): (&[u8], u8), number: u64, bytes: &[u8]) {
    let sorted_by = [key, &[kind]].concat();
    let len = (key.len() as u32).to_le_bytes();
    let item = [&number.to_le_bytes()[..], &len, &sorted_by, bytes].concat();
    portion.push(&sorted_by, &item);
}

/// What [`push`] has put together: number, key, kind and bytes.
fn apart(item: &[u8]) -> (u64, &[u8], u8, &[u8]) {
    let item = item.strip_suffix(b"\n").unwrap_or(item);
    let (head, rest) = item.split_at(HEAD);
    let word = |at: usize| head[at..].first_chunk().copied();
    let number = head
        .first_chunk()
        .map_or(0, |number| u64::from_le_bytes(*number));
    let len = word(8).map_or(0, u32::from_le_bytes) as usize;
    let (key, rest) = rest.split_at(len);
    match rest.split_first() {
        Some((kind, bytes)) => (number, key, *kind, bytes),
        None => (number, key, RECORD, rest),
    }
}
