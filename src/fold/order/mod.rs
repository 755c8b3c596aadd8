//! Sorts records, also more than fit into memory.
//!
//! | file | what it does |
//! |---|---|
//! | [`key`] | turns a value and its direction into bytes that compare alike |
//! | [`portion`] | records with their keys, and sorting them |
//! | `merge` | merges sorted runs |
//! | [`keys`] | the keys of an order, and the records of a block by them |
//! | `check` | checks whether records are already in order |
//!
//! Records are collected in memory. When that is full, they are sorted and written to disk as a run; at the end all
//! runs are merged. Equal records stay in the order of the stream.

mod check;
pub mod key;
pub mod keys;
mod merge;
pub mod portion;

use std::cmp::Ordering;

use super::spill::{Spill, Stretch};
use crate::fold::budget::Budget;

pub use check::Ascent;
pub use keys::Keys;
pub use portion::Portion;

use merge::{Heads, Losers, Runs};
use portion::{Entry, Portions, prefix_of};

/// Records beyond a limit are dropped only if there are more than this.
const KEPT: usize = 1 << 16;

/// Which records of a stream are wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// Which of the records with the same key.
    pub of_equal: OfEqual,
    /// Maximum number of records, counted from the first.
    pub limit: Option<u64>,
}

/// Which of the records with the same key are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfEqual {
    /// All, in the order of the stream.
    #[default]
    All,
    /// The first in the stream.
    First,
    /// The last in the stream.
    Last,
}

/// Takes portions, and returns their records in order.
pub struct Sorter {
    wanted: Wanted,
    budget: Budget,
    portions: Portions,
    entries: Vec<Entry>,
    /// Records with a greater prefix are not wanted.
    most: u64,
    spill: Option<Spill>,
    runs: Vec<Stretch>,
    /// Size of the longest record in a run with its key, in bytes.
    longest: usize,
}

/// Takes the next record in order, including its line end; returns false if no more are wanted.
pub type Each<'e> = dyn FnMut(&[u8]) -> anyhow::Result<bool> + 'e;

impl Sorter {
    /// Returns a sorter without records.
    pub fn new(wanted: Wanted, budget: Budget) -> Self {
        Sorter {
            wanted,
            budget,
            portions: Portions::new(
                budget.threads > 1 && Portions::are_small_beside(budget.memory),
            ),
            entries: Vec::new(),
            most: u64::MAX,
            spill: None,
            runs: Vec::new(),
            longest: 0,
        }
    }

    /// Takes the next portion of the stream and empties it. Returns the greatest key prefix that later records may
    /// have to be wanted.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn take(&mut self, portion: &mut Portion) -> anyhow::Result<u64> {
        self.portions.take(portion, &mut self.entries, self.most);
        if let Some(limit) = self.limit()
            && self.entries.len() > limit.saturating_mul(2).max(KEPT)
        {
            self.drop_unwanted(limit);
        }
        let entries = self.entries.len() * size_of::<Entry>();
        if self.portions.bytes() + entries >= self.budget.memory {
            self.write_run()?;
        }
        Ok(self.most)
    }

    fn limit(&self) -> Option<usize> {
        let limit = self.wanted.limit?;
        Some(usize::try_from(limit).unwrap_or(usize::MAX))
    }

    /// Drops the records after the wanted ones.
    fn drop_unwanted(&mut self, limit: usize) {
        self.portions.sort(&mut self.entries);
        let portions = &self.portions;
        let is_equal = |a: Entry, b: Entry| portions.compare(a, b) == Ordering::Equal;
        match self.wanted.of_equal {
            OfEqual::All => {}
            OfEqual::First => self.entries.dedup_by(|next, first| is_equal(*first, *next)),
            OfEqual::Last => self.entries.dedup_by(|next, last| {
                let is_equal = is_equal(*last, *next);
                if is_equal {
                    *last = *next;
                }
                is_equal
            }),
        }
        self.entries.truncate(limit);
        if let (true, Some(last)) = (self.entries.len() == limit, self.entries.last()) {
            self.most = prefix_of(*last);
        }
        // Restore the order of the stream, on which the order of equal records depends.
        self.entries.sort_unstable_by_key(|entry| *entry as u64);
        let (mut kept, mut key) = (Portion::default(), Vec::new());
        for entry in &self.entries {
            self.portions.write_key(*entry, &mut key);
            let record = self.portions.held(*entry).record;
            kept.push(&key, &record[..record.len() - 1]);
        }
        self.portions.clear();
        self.entries.clear();
        self.portions.take(&mut kept, &mut self.entries, self.most);
    }

    /// Sorts the records in memory, as many parts at once as there are threads, and returns the ends of the parts.
    fn sort(&mut self) -> Vec<usize> {
        let parts = self.budget.threads.min(self.entries.len() / KEPT).max(1);
        let size = self.entries.len().div_ceil(parts).max(1);
        let portions = &self.portions;
        if parts == 1 {
            portions.sort(&mut self.entries);
        } else {
            std::thread::scope(|scope| {
                let mut slices = self.entries.chunks_mut(size);
                let own = slices.next();
                for slice in slices {
                    scope.spawn(move || portions.sort(slice));
                }
                own.into_iter().for_each(|slice| portions.sort(slice));
            });
        }
        let count = self.entries.len();
        (1..=parts).map(|part| (part * size).min(count)).collect()
    }

    /// Calls `each` with all entries in memory in order, until no more are wanted.
    fn in_order(
        &mut self,
        each: &mut dyn FnMut(&Portions, Entry) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let ends = self.sort();
        let portions = &self.portions;
        if let [_] = ends[..] {
            for (place, &entry) in self.entries.iter().enumerate() {
                if let Some(later) = self.entries.get(place + AHEAD) {
                    portions.prefetch(*later);
                }
                if !each(portions, entry)? {
                    break;
                }
            }
            return Ok(());
        }
        let starts = std::iter::once(&0).chain(&ends);
        let parts = starts
            .zip(&ends)
            .map(|(start, end)| &self.entries[*start..*end]);
        let mut parts = Parts {
            portions,
            parts: parts.collect(),
        };
        let mut losers = Losers::new(&parts);
        while let Some((&entry, rest)) = parts.parts[losers.winner()].split_first() {
            if let Some(later) = rest.get(AHEAD) {
                portions.prefetch(*later);
            }
            if !each(portions, entry)? {
                break;
            }
            parts.parts[losers.winner()] = rest;
            losers.replay(&parts);
        }
        Ok(())
    }

    /// Sorts the records in memory and moves them to disk.
    fn write_run(&mut self) -> anyhow::Result<()> {
        if self.entries.is_empty() {
            self.portions.clear();
            return Ok(());
        }
        let mut spill = match self.spill.take() {
            Some(spill) => spill,
            None => Spill::new()?,
        };
        let start = spill.start();
        let (mut chosen, mut key) = (Chosen::new(self.wanted), Vec::new());
        let mut longest = self.longest;
        let mut write = |key: &[u8], record: &[u8]| {
            longest = longest.max(merge::write(key, record, &mut spill)?);
            Ok(true)
        };
        self.in_order(&mut |portions, entry| {
            portions.write_key(entry, &mut key);
            chosen.take(&key, portions.held(entry).record, &mut write)
        })?;
        chosen.finish(&mut write)?;
        self.longest = longest;
        self.runs.push(spill.finish(start)?);
        self.spill = Some(spill);
        self.portions.clear();
        self.entries.clear();
        Ok(())
    }

    /// Calls `each` with all wanted records in order.
    ///
    /// # Errors
    /// Errors of the disk and of `each`.
    pub fn finish(self, each: &mut Each<'_>) -> anyhow::Result<()> {
        self.hand_on(false, &mut |_, record| each(record))
    }

    /// [`Sorter::finish`] with the key of each record.
    ///
    /// # Errors
    /// As [`Sorter::finish`].
    pub fn finish_with_keys(self, each: &mut Write<'_>) -> anyhow::Result<()> {
        self.hand_on(true, each)
    }

    fn hand_on(mut self, with_keys: bool, each: &mut Write<'_>) -> anyhow::Result<()> {
        let mut chosen = Chosen::new(self.wanted);
        if self.runs.is_empty() {
            let needs_key = with_keys || self.wanted.of_equal != OfEqual::All;
            let mut key = Vec::new();
            self.in_order(&mut |portions, entry| {
                if needs_key {
                    portions.write_key(entry, &mut key);
                }
                chosen.take(&key, portions.held(entry).record, each)
            })?;
            return chosen.finish(each);
        }
        self.write_run()?;
        self.entries = Vec::new();
        if let Some(mut spill) = self.spill.take() {
            self.merge_down(&mut spill)?;
            merge_runs(
                &self.runs,
                &spill,
                self.budget.memory,
                &mut |key, record| chosen.take(key, record, each),
            )?;
        }
        chosen.finish(each)
    }

    /// Merges runs until the rest can be merged at once.
    fn merge_down(&mut self, spill: &mut Spill) -> anyhow::Result<()> {
        let width = merge::width(self.budget.memory, self.longest);
        while self.runs.len() > width {
            let mut merged = Vec::new();
            for runs in self.runs.chunks(width) {
                // What is read comes before what is written.
                let source = spill.reader()?;
                let start = spill.start();
                let mut chosen = Chosen::new(self.wanted);
                let mut write = |key: &[u8], record: &[u8]| {
                    merge::write(key, record, spill)?;
                    Ok(true)
                };
                merge_runs(runs, &source, self.budget.memory, &mut |key, record| {
                    chosen.take(key, record, &mut write)
                })?;
                chosen.finish(&mut write)?;
                merged.push(spill.finish(start)?);
            }
            self.runs = merged;
        }
        Ok(())
    }
}

/// Number of entries by which records are prefetched ahead of use.
const AHEAD: usize = 16;

/// Calls `each` with the keys and records of several runs in order, until no more are wanted.
fn merge_runs(
    stretches: &[Stretch],
    spill: &Spill,
    memory: usize,
    each: &mut Write<'_>,
) -> anyhow::Result<()> {
    let mut runs = Runs::open(stretches, spill, memory)?;
    let mut losers = Losers::new(&runs);
    while runs.prefix(losers.winner()).is_some() {
        let (key, record) = runs.head(losers.winner());
        if !each(key, record)? {
            break;
        }
        runs.advance(losers.winner(), spill)?;
        losers.replay(&runs);
    }
    Ok(())
}

/// Takes a key and its record, including the line end; returns false if no more are wanted.
pub type Write<'w> = dyn FnMut(&[u8], &[u8]) -> anyhow::Result<bool> + 'w;

/// Sorted parts of the entries in memory.
struct Parts<'p> {
    portions: &'p Portions,
    parts: Vec<&'p [Entry]>,
}

impl Heads for Parts<'_> {
    fn count(&self) -> usize {
        self.parts.len()
    }

    #[inline]
    fn prefix(&self, source: usize) -> Option<u64> {
        self.parts[source].first().map(|entry| prefix_of(*entry))
    }

    #[inline]
    fn compare_rest(&self, a: usize, b: usize) -> Ordering {
        self.portions.compare(self.parts[a][0], self.parts[b][0])
    }
}

/// Selects the wanted ones among sorted records.
struct Chosen {
    wanted: Wanted,
    taken: u64,
    /// The previous key, and also its record if the last one of each key is wanted.
    key: Vec<u8>,
    record: Vec<u8>,
}

impl Chosen {
    fn new(wanted: Wanted) -> Self {
        Chosen {
            wanted,
            taken: 0,
            key: Vec::new(),
            record: Vec::new(),
        }
    }

    /// Writes what is wanted up to this record; returns false if no more are wanted.
    #[inline]
    fn take(&mut self, key: &[u8], record: &[u8], write: &mut Write<'_>) -> anyhow::Result<bool> {
        if self.wanted.limit.is_some_and(|limit| self.taken >= limit) {
            return Ok(false);
        }
        match self.wanted.of_equal {
            OfEqual::All => {}
            OfEqual::First if self.taken > 0 && self.key == key => return Ok(true),
            OfEqual::First => assign(&mut self.key, key),
            OfEqual::Last => {
                let is_next = !self.record.is_empty() && self.key != key;
                let go_on = !is_next || self.write_last(write)?;
                assign(&mut self.key, key);
                assign(&mut self.record, record);
                return Ok(go_on);
            }
        }
        self.taken += 1;
        write(key, record)
    }

    fn write_last(&mut self, write: &mut Write<'_>) -> anyhow::Result<bool> {
        self.taken += 1;
        write(&self.key, &self.record)
    }

    /// Writes the record that is still waiting.
    fn finish(mut self, write: &mut Write<'_>) -> anyhow::Result<()> {
        let is_wanted = self.wanted.limit.is_none_or(|limit| self.taken < limit);
        match is_wanted && !self.record.is_empty() {
            true => self.write_last(write).map(|_| ()),
            false => Ok(()),
        }
    }
}

fn assign(to: &mut Vec<u8>, bytes: &[u8]) {
    to.clear();
    to.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Keys that differ early, late and not at all; each ends in a zero, so that none is a prefix of another.
    fn keys() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let key = prop_oneof![
            "[ab]{0,3}",
            "same beginning[ab]{0,12}",
            "[ab]{0,90}",
            Just("a".repeat(100)),
        ];
        let ended = key.prop_map(|key| [key.as_bytes(), b"\0"].concat());
        prop::collection::vec(ended, 0..200)
    }

    /// Returns the wanted records according to a stable sort.
    fn expected(keys: &[Vec<u8>], wanted: Wanted) -> Vec<usize> {
        let mut order: Vec<usize> = (0..keys.len()).collect();
        order.sort_by_key(|place| &keys[*place]);
        if wanted.of_equal != OfEqual::All {
            let groups = order.chunk_by(|a, b| keys[*a] == keys[*b]);
            order = groups
                .map(|group| match wanted.of_equal {
                    OfEqual::Last => group[group.len() - 1],
                    _ => group[0],
                })
                .collect();
        }
        order.truncate(wanted.limit.map_or(usize::MAX, |limit| limit as usize));
        order
    }

    proptest! {
        #[test]
        fn records_come_in_order(
            keys in keys(),
            sizes in prop::collection::vec(1usize..40, 1..9),
            memory in prop_oneof![Just(1usize), 100usize..8000, Just(usize::MAX)],
            of_equal in prop::sample::select(vec![OfEqual::All, OfEqual::First, OfEqual::Last]),
            limit in prop::option::of(0u64..250),
        ) {
            let wanted = Wanted { of_equal, limit };
            let mut sorter = Sorter::new(wanted, Budget { memory, threads: 2 });
            let (mut portion, mut rest, mut place) = (Portion::default(), &keys[..], 0);
            for size in sizes.iter().cycle() {
                let (now, later) = rest.split_at((*size).min(rest.len()));
                for key in now {
                    portion.push(key, place.to_string().as_bytes());
                    place += 1;
                }
                sorter.take(&mut portion).unwrap();
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let mut found = Vec::new();
            sorter
                .finish(&mut |record| {
                    let text = std::str::from_utf8(record).unwrap();
                    found.push(text.trim_end().parse::<usize>().unwrap());
                    Ok(true)
                })
                .unwrap();
            prop_assert_eq!(found, expected(&keys, wanted));
        }
    }

    /// Many more records than are kept at once, in several parts and with a limit.
    #[test]
    fn large_inputs_are_as_small_ones() {
        let count = 4 * KEPT as u64;
        // A permutation with every key four times.
        let number = |place: u64| place * 48_271 % count / 4;
        let keys: Vec<Vec<u8>> = (0..count)
            .map(|place| number(place).to_be_bytes().into())
            .collect();
        for (of_equal, limit) in [
            (OfEqual::All, None),
            (OfEqual::First, None),
            (OfEqual::Last, Some(1000)),
            (OfEqual::All, Some(1000)),
            (OfEqual::First, Some(100_000)),
        ] {
            let wanted = Wanted { of_equal, limit };
            let memory = usize::MAX;
            let mut sorter = Sorter::new(wanted, Budget { memory, threads: 3 });
            let mut portion = Portion::default();
            for (place, keys) in keys.chunks(1000).enumerate() {
                for (nth, key) in keys.iter().enumerate() {
                    portion.push(key, (place * 1000 + nth).to_string().as_bytes());
                }
                sorter.take(&mut portion).unwrap();
            }
            let mut found = Vec::new();
            sorter
                .finish(&mut |record| {
                    let text = std::str::from_utf8(record).unwrap();
                    found.push(text.trim_end().parse::<usize>().unwrap());
                    Ok(true)
                })
                .unwrap();
            assert!(found == expected(&keys, wanted), "{wanted:?}");
        }
    }
}
