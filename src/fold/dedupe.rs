//! Keeps one record per key, in the order of the stream.
//!
//! The first record of each key is written at once, as long as the known keys fit into memory. When memory is full,
//! records with unknown keys are sorted by key on disk, and at the end the first of each key is put back in the
//! order of the stream. The last record of each key is found in the same way, with all records on disk.

use std::ops::Range;

use super::Groups;
use super::order::keys::{Keys, Scratch};
use super::order::{OfEqual, Portion, Sorter, Wanted};
use super::table::{KeyKind, KeyTable, LOT, Lot};
use crate::fold::budget::Budget;
use crate::record::{Faults, Records};

/// Approximate size, in bytes, of the portions that are passed to a sorter.
const PORTION: usize = 256 << 10;

/// The records of a block that have no fault: their ranges and keys.
#[derive(Debug, Default)]
pub struct Keyed {
    keys: Vec<u8>,
    /// The end of each key.
    ends: Vec<usize>,
    ranges: Vec<Range<usize>>,
}

impl Keyed {
    /// Clears it, keeping its memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.ends.clear();
        self.ranges.clear();
    }

    /// Adds the records of a block.
    pub fn add_records(
        &mut self,
        keys: &Keys,
        records: &Records<'_>,
        faults: &mut Faults,
        scratch: &mut Scratch,
    ) {
        keys.identities_of_records(records, faults, scratch, |record, key| {
            self.keys.extend_from_slice(key);
            self.ends.push(self.keys.len());
            self.ranges.push(records.range(record as usize));
        });
    }

    fn key(&self, nth: usize) -> &[u8] {
        let start = nth.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.keys[start..self.ends[nth]]
    }
}

/// Finds the wanted record, such as the first or the last, of each key.
pub struct Deduper {
    table: KeyTable,
    lot: Lot,
    budget: Budget,
    /// Records that cannot be decided yet, each prefixed with its number.
    late: Option<Late>,
    of_equal: OfEqual,
    number: u64,
}

struct Late {
    sorter: Sorter,
    portion: Portion,
    numbered: Vec<u8>,
}

impl Late {
    fn new(of_equal: OfEqual, budget: Budget) -> Self {
        let wanted = Wanted {
            of_equal,
            limit: None,
        };
        Late {
            sorter: Sorter::new(wanted, budget),
            portion: Portion::default(),
            numbered: Vec::new(),
        }
    }

    fn push(&mut self, key: &[u8], number: u64, record: &[u8]) -> anyhow::Result<()> {
        self.numbered.clear();
        self.numbered.extend_from_slice(&number.to_be_bytes());
        self.numbered.extend_from_slice(record);
        self.portion.push(key, &self.numbered);
        self.hand_on(PORTION)
    }

    /// Passes the portion to the sorter if it has at least this many bytes.
    fn hand_on(&mut self, least: usize) -> anyhow::Result<()> {
        if self.portion.bytes() >= least {
            self.sorter.take(&mut self.portion)?;
        }
        Ok(())
    }
}

impl Deduper {
    /// Creates a deduper. `of_equal` says which of the records with the same key are wanted.
    pub fn new(of_equal: OfEqual, budget: Budget) -> Self {
        // Half is for the table and half for the undecided records. At the end, half is for those sorted by key and
        // half for those sorted by number.
        let budget = budget.part(2);
        Deduper {
            table: KeyTable::new(Groups::seed()),
            lot: Lot::default(),
            budget,
            late: (of_equal == OfEqual::Last).then(|| Late::new(of_equal, budget)),
            of_equal,
            number: 0,
        }
    }

    /// Takes the next records of the stream, from this block, and calls `keep` for those that are certainly wanted.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub fn take(
        &mut self,
        keyed: &Keyed,
        block: &[u8],
        mut keep: impl FnMut(Range<usize>),
    ) -> anyhow::Result<()> {
        for start in (0..keyed.ends.len()).step_by(LOT) {
            let end = (start + LOT).min(keyed.ends.len());
            if self.of_equal != OfEqual::Last {
                self.lot.clear();
                (start..end).for_each(|nth| self.lot.push_bytes(KeyKind::Several, keyed.key(nth)));
                self.table.look_ahead(&mut self.lot);
            }
            for nth in start..end {
                let range = keyed.ranges[nth].clone();
                match &mut self.late {
                    None => {
                        let (_, is_new) = self.table.number(&self.lot, nth - start);
                        if is_new {
                            keep(range);
                        }
                    }
                    Some(late) => {
                        let is_known = self.of_equal != OfEqual::Last
                            && self.table.known(&self.lot, nth - start).is_some();
                        if !is_known {
                            late.push(keyed.key(nth), self.number, line(&block[range]))?;
                        }
                    }
                }
                self.number += 1;
            }
            if self.late.is_none() && self.table.bytes_to_grow() > self.budget.memory {
                self.late = Some(Late::new(self.of_equal, self.budget));
            }
        }
        Ok(())
    }

    /// Passes on the wanted records that were undecided, in the order of the stream.
    ///
    /// # Errors
    /// Errors of the disk and of `each`.
    pub fn finish(self, each: &mut dyn FnMut(&[u8]) -> anyhow::Result<bool>) -> anyhow::Result<()> {
        let Deduper {
            late,
            budget,
            table,
            ..
        } = self;
        drop(table);
        let Some(mut late) = late else {
            return Ok(());
        };
        late.hand_on(1)?;
        let mut wanted = Late::new(OfEqual::All, budget);
        late.sorter.finish(&mut |numbered| {
            if let Some((number, record)) = numbered.split_first_chunk::<8>() {
                wanted.portion.push(number, line(record));
                wanted.hand_on(PORTION)?;
            }
            Ok(true)
        })?;
        wanted.hand_on(1)?;
        wanted.sorter.finish(each)
    }
}

/// Returns a record without its line end.
fn line(record: &[u8]) -> &[u8] {
    let line = record.strip_suffix(b"\n").unwrap_or(record);
    line.strip_suffix(b"\r").unwrap_or(line)
}
