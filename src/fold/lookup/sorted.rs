//! The join with a table that does not fit into memory. Rows and records are sorted together by their keys, so that
//! the rows of a key come right before its records, and the results are put back in the order of the stream (a
//! sort-merge join; Blasgen and Eswaran, "Storage and access in relational data bases", 1977). With an as-of
//! column, both are sorted by key and as-of value, and a record is joined with the last row before it.

use super::{Flaw, On, Scale, Scratch, Taken, Terms};
use crate::fold::budget::Budget;
use crate::fold::order::{Portion, Sorter, Wanted};
use crate::record::{Faults, Records};

/// Size in bytes at which a portion is passed to a sorter.
const PORTION: usize = 256 << 10;

/// Follows a key and as-of value: rows sort before records.
const ROW: u8 = 0;
const RECORD: u8 = 1;

/// Length of the head before a row's fields (its line) or before a record (its position in the stream).
const HEAD: usize = 8;

/// Replaces the key of a record that matches nothing; no length has this value.
const NOWHERE: u8 = 0xFF;

/// Marks a key whose length follows in eight bytes.
const LONG: u8 = 0xFE;

/// A join in progress.
pub struct Sorted {
    sorter: Sorter,
    budget: Budget,
    rows: Portion,
    terms: Terms,
}

/// Joins a record with a row's fields, or with none; the number is the record's.
pub type Joined<'j> = dyn FnMut(&[u8], Option<&[u8]>, u64, &mut Vec<u8>) -> bool + 'j;

impl Sorted {
    /// Returns a join without rows and records.
    pub fn new(terms: Terms, budget: Budget) -> Self {
        // Half is for the sort by key, and half for the sort by position.
        let budget = budget.part(2);
        Sorted {
            sorter: Sorter::new(Wanted::default(), budget),
            budget,
            rows: Portion::default(),
            terms,
        }
    }

    /// Adds a row with this key and as-of value, which is on this line.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub(super) fn add_row(
        &mut self,
        (key, asof): (&[u8], &[u8]),
        fields: &[u8],
        line: u64,
    ) -> anyhow::Result<()> {
        push(&mut self.rows, (Some(key), asof, ROW), line, fields);
        if self.rows.bytes() >= PORTION {
            self.sorter.take(&mut self.rows)?;
        }
        Ok(())
    }

    /// Adds the rows of the next block of the table.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn add_rows(&mut self, taken: &Taken) -> anyhow::Result<()> {
        taken
            .rows()
            .try_for_each(|row| self.add_row((row.at.key, row.at.asof), row.fields, row.line))
    }

    /// Adds the records of a block to a portion. `scale` is that of the table's as-of values.
    pub fn add_records(
        (on, scale): (&On, Option<Scale>),
        records: &Records<'_>,
        faults: &mut Faults,
        (scratch, portion): (&mut Scratch, &mut Portion),
    ) {
        let block = records.place().sequence << 32;
        on.of_records(scale, records, faults, scratch, |record, at| {
            let key = at.map(|at| at.key);
            let asof = at.map_or(&[][..], |at| at.asof);
            let raw = records.raw(record as usize);
            push(portion, (key, asof, RECORD), block | u64::from(record), raw);
        });
    }

    /// Takes the records of the next block.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn take(&mut self, portion: &mut Portion) -> anyhow::Result<()> {
        self.sorter.take(&mut self.rows)?;
        self.sorter.take(portion).map(|_| ())
    }

    /// Joins everything. `join` writes the result for a record and one row or none, and returns whether there is
    /// one; `each` takes the results in the order of the stream.
    ///
    /// # Errors
    /// A key occurs twice in the table; errors of the disk and of `each`.
    pub fn finish(
        mut self,
        join: &mut Joined<'_>,
        each: &mut dyn FnMut(&[u8]) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        self.sorter.take(&mut self.rows)?;
        let (mut key, mut asof) = (Vec::new(), Vec::new());
        let (mut fields, mut ends) = (Vec::new(), Vec::new());
        let mut placed = Sorter::new(Wanted::default(), self.budget);
        let (mut portion, mut out) = (Portion::default(), Vec::new());
        let Terms {
            is_asof,
            may_repeat,
            first_only,
        } = self.terms;
        self.sorter.finish_with_keys(&mut |sorted_by, item| {
            let (number, (of, value), kind, bytes) = apart(sorted_by, item);
            let is_known = of == key.as_slice() && !ends.is_empty();
            if kind == ROW {
                if is_known && value == asof.as_slice() && !may_repeat {
                    return Err(Flaw::Repeated { line: number }.into());
                }
                if is_known && first_only && !is_asof {
                    return Ok(true);
                }
                if !is_known || is_asof {
                    for part in [&mut key, &mut asof, &mut fields] {
                        part.clear();
                    }
                    ends.clear();
                    key.extend_from_slice(of);
                    asof.extend_from_slice(value);
                }
                fields.extend_from_slice(bytes);
                ends.push(fields.len());
                return Ok(true);
            }
            let rows = if is_known { &ends[..] } else { &[] };
            let mut add = |row: Option<&[u8]>| {
                out.clear();
                if join(bytes, row, number, &mut out) {
                    portion.push(&number.to_be_bytes(), &out);
                }
                // The joined rows of a single record may not fit into memory.
                if portion.bytes() >= PORTION {
                    placed.take(&mut portion)?;
                }
                anyhow::Ok(())
            };
            let mut start = 0;
            for end in rows {
                add(Some(&fields[start..*end]))?;
                start = *end;
            }
            if rows.is_empty() {
                add(None)?;
            }
            Ok(true)
        })?;
        placed.take(&mut portion)?;
        placed.finish(each)
    }
}

/// Adds a row or a record, to be sorted by key, as-of value and kind. A key begins with its length, so that none is
/// a prefix of another.
fn push(
    portion: &mut Portion,
    (key, asof, kind): (Option<&[u8]>, &[u8], u8),
    number: u64,
    bytes: &[u8],
) {
    let mut sorted_by = Vec::with_capacity(key.map_or(0, <[u8]>::len) + asof.len() + 10);
    match key.map(|key| (key, u8::try_from(key.len()))) {
        None => sorted_by.push(NOWHERE),
        Some((_, Ok(len))) if len < LONG => sorted_by.push(len),
        Some((key, _)) => {
            sorted_by.push(LONG);
            sorted_by.extend_from_slice(&(key.len() as u64).to_be_bytes());
        }
    }
    sorted_by.extend_from_slice(key.unwrap_or_default());
    sorted_by.extend_from_slice(asof);
    sorted_by.push(kind);
    let item = [&number.to_le_bytes()[..], bytes].concat();
    portion.push(&sorted_by, &item);
}

/// A key with its length in front, and an as-of value.
type AsofKey<'i> = (&'i [u8], &'i [u8]);

/// Splits what [`push`] wrote: number, key and as-of value, kind, bytes.
fn apart<'i>(sorted_by: &'i [u8], item: &'i [u8]) -> (u64, AsofKey<'i>, u8, &'i [u8]) {
    let item = item.strip_suffix(b"\n").unwrap_or(item);
    let (head, bytes) = item.split_at(HEAD);
    let number = head.first_chunk().copied().map_or(0, u64::from_le_bytes);
    let key_len = match sorted_by {
        [LONG, rest @ ..] => {
            let len = rest.first_chunk().copied().map_or(0, u64::from_be_bytes);
            9 + len as usize
        }
        [NOWHERE, ..] | [] => 1,
        [len, ..] => 1 + usize::from(*len),
    };
    let (key, rest) = sorted_by.split_at(key_len);
    let (kind, asof) = rest.split_last().unwrap_or((&RECORD, &[]));
    (number, (key, asof), *kind, bytes)
}
