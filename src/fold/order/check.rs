//! Checks whether records are already in order, which takes no memory.

use super::keys::{Keys, Scratch};
use crate::record::{Faults, Records};

/// The first and last key of a block, and where it is out of order.
#[derive(Debug, Default)]
pub struct Ascent {
    /// The line of the first record, and its key.
    first: Option<(u64, Vec<u8>)>,
    last: Vec<u8>,
    /// The line of the first record that belongs before the previous one.
    broken: Option<u64>,
}

impl Ascent {
    /// Clears it.
    pub fn clear(&mut self) {
        self.first = None;
        self.last.clear();
        self.broken = None;
    }

    /// Checks the records of a block. With `strictly`, no key may occur twice.
    pub fn see(
        &mut self,
        keys: &Keys,
        records: &Records<'_>,
        faults: &mut Faults,
        (scratch, strictly): (&mut Scratch, bool),
    ) {
        keys.of_records(records, faults, scratch, |record, key| {
            if self.first.is_none() {
                self.first = Some((records.line(record as usize), key.to_vec()));
            } else if self.broken.is_none() && !is_ascending(&self.last, key, strictly) {
                self.broken = Some(records.line(record as usize));
            }
            self.last.clear();
            self.last.extend_from_slice(key);
        });
    }

    /// Appends the next block, and returns the line of its first record that is out of order.
    pub fn join(&mut self, next: &mut Ascent, strictly: bool) -> Option<u64> {
        let (line, key) = next.first.take()?;
        let is_broken = self.first.is_some() && !is_ascending(&self.last, &key, strictly);
        self.first.get_or_insert((line, key));
        std::mem::swap(&mut self.last, &mut next.last);
        is_broken.then_some(line).or(next.broken)
    }
}

fn is_ascending(before: &[u8], key: &[u8], strictly: bool) -> bool {
    match strictly {
        true => before < key,
        false => before <= key,
    }
}
