//! Aggregation of more groups than fit into memory.
//!
//! A thread whose groups take too much memory spills all of them to disk as states, sorted by key, and starts anew.
//! At the end, the states of each key are adjacent and are merged, and the results are sorted by the groups' first
//! records. So every result is the same as in memory, and only the state of a single group must fit there.

use super::speak::{Emit, Ready};
use super::{Aggregation, GroupStates, LOT};
use crate::expr::BATCH;
use crate::fold::budget::Budget;
use crate::fold::functions::Accumulator;
use crate::fold::functions::state::{Saved, Words};
use crate::fold::order::{Portion, Sorter, Wanted};
use crate::fold::{Position, length};
use crate::record::Fault;

/// Size in bytes at which a portion is passed to a sorter.
const PORTION: usize = 256 << 10;

/// Groups that were spilled to disk.
pub struct Spilled {
    sorter: Sorter,
    budget: Budget,
    is_empty: bool,
}

impl Spilled {
    /// Returns an empty set. Half of the memory in `budget` is for the groups in memory.
    pub fn new(budget: Budget) -> Self {
        // The other half is for the groups that are sorted by key, those that are put in order, and data in
        // transit.
        let budget = budget.part(4);
        Spilled {
            sorter: Sorter::new(Wanted::default(), budget),
            budget,
            is_empty: true,
        }
    }

    /// Returns how much of the budget the groups of one thread may take, in bytes.
    pub fn share_of_thread(budget: Budget) -> usize {
        budget.part(2).per_thread()
    }

    /// Whether no group was spilled.
    pub fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Takes groups that a thread spilled.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub fn take(&mut self, portion: &mut Portion) -> anyhow::Result<()> {
        if portion.bytes() > 0 {
            self.is_empty = false;
            self.sorter.take(portion)?;
        }
        Ok(())
    }

    /// Writes all groups, in the order of their first records.
    ///
    /// # Errors
    /// A group has no result; errors of the disk and of `each`, which takes a record and returns whether it wants
    /// more.
    pub fn finish(
        self,
        aggregation: &Aggregation,
        each: &mut dyn FnMut(&[u8]) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let mut placed = Placed {
            sorter: Sorter::new(Wanted::default(), self.budget),
            portion: Portion::default(),
            out: Vec::new(),
            fault: None,
        };
        let (mut joined, mut last) = (Joined::new(aggregation, BATCH)?, Vec::new());
        self.sorter.finish_with_keys(&mut |key, record| {
            let is_new = joined.is_empty() || last != key;
            if is_new {
                if joined.is_full() {
                    placed.take(aggregation, &joined)?;
                    joined = Joined::new(aggregation, BATCH)?;
                }
                last.clear();
                last.extend_from_slice(key);
            }
            joined.take(aggregation, record, is_new)?;
            Ok(true)
        })?;
        placed.take(aggregation, &joined)?;
        if let Some((_, fault)) = placed.fault {
            return Err(fault.into());
        }
        placed.sorter.take(&mut placed.portion)?;
        placed.sorter.finish(each)
    }
}

impl Aggregation {
    /// Writes the groups of all threads and those on disk.
    ///
    /// # Errors
    /// A group has no result; errors of the disk and of `emit`.
    pub fn conclude(
        &self,
        states: Vec<GroupStates>,
        mut spilled: Spilled,
        emit: &mut Emit<'_>,
    ) -> anyhow::Result<()> {
        // Group numbers have 32 bits, and all threads together have no more groups than this sum.
        let groups: usize = states.iter().map(|state| state.groups.count()).sum();
        if spilled.is_empty() && u32::try_from(groups).is_ok() {
            return self.finish(&self.join(states)?, emit);
        }
        let mut portion = Portion::default();
        for mut state in states {
            self.give_up(&mut state, &mut portion)?;
            spilled.take(&mut portion)?;
        }
        spilled.finish(self, &mut |record| emit(record, 1))
    }

    /// Moves all groups of a thread to `portion`, so that its state is empty.
    ///
    /// # Errors
    /// Only those of [`Aggregation::start`].
    pub fn give_up(&self, state: &mut GroupStates, portion: &mut Portion) -> Result<(), Fault> {
        let firsts = state.groups.firsts();
        let (mut key, mut part) = (Vec::new(), Vec::new());
        for group in 0..state.groups.count() as u32 {
            key.clear();
            state.groups.write_identity(group, &mut key);
            part.clear();
            self.write_part(state, (group, firsts[group as usize]), &mut part);
            portion.push(&key, &part);
        }
        // Free the old groups and states before new ones are made.
        state.groups = super::Groups::new(self.seed);
        state.accumulators.clear();
        *state = self.start()?;
        Ok(())
    }
}

impl Aggregation {
    /// Appends the state of a group and the position of its first record.
    pub(super) fn write_part(
        &self,
        state: &GroupStates,
        (group, (block, place)): (u32, Position),
        out: &mut Vec<u8>,
    ) {
        out.extend_from_slice(&block.to_le_bytes());
        out.extend_from_slice(&place.to_le_bytes());
        let mut bytes = Vec::new();
        state.groups.write_fields(group, &mut bytes, self.delimiter);
        push(&bytes, out);
        bytes.clear();
        state
            .groups
            .write_letters(group, &mut bytes, self.delimiter);
        push(&bytes, out);
        for accumulator in &state.accumulators {
            bytes.clear();
            accumulator.save(group, &mut Saved::new(&mut bytes, true));
            push(&bytes, out);
        }
    }
}

/// Appends a length and the bytes.
fn push(bytes: &[u8], out: &mut Vec<u8>) {
    length::push(bytes.len(), out);
    out.extend_from_slice(bytes);
}

/// Takes what [`push`] appended from the front.
fn pull<'r>(rest: &mut &'r [u8]) -> &'r [u8] {
    let (len, behind) = length::split(rest);
    let (bytes, behind) = behind.split_at(len);
    *rest = behind;
    bytes
}

/// Groups that are merged from their parts.
pub(super) struct Joined {
    accumulators: Vec<Box<dyn Accumulator>>,
    groups: Vec<Group>,
    /// Total size of these parts.
    bytes: usize,
}

struct Group {
    first: Position,
    /// Its keys, as spelled by its first record.
    fields: Vec<u8>,
    /// A letter for each key, if the fields alone do not tell the kinds of the keys.
    letters: Vec<u8>,
}

impl Joined {
    /// Returns an empty set with room for this many groups.
    pub(super) fn new(aggregation: &Aggregation, room: usize) -> Result<Self, Fault> {
        let mut accumulators = aggregation.start()?.accumulators;
        let states = accumulators.iter_mut();
        states.for_each(|states| states.grow(room));
        Ok(Joined {
            accumulators,
            groups: Vec::with_capacity(room),
            bytes: 0,
        })
    }

    /// Appends a record for each group, and passes the end of each to `each`.
    pub(super) fn speak(
        &self,
        aggregation: &Aggregation,
        out: &mut Vec<u8>,
        each: &mut dyn FnMut(usize),
    ) -> Result<(), Fault> {
        let groups: Vec<u32> = (0..self.groups.len() as u32).collect();
        aggregation.speak(&self.ready(&groups), out, each)
    }

    fn ready<'r>(&'r self, groups: &'r [u32]) -> Ready<'r> {
        Ready {
            accumulators: &self.accumulators,
            groups,
            write_keys: Box::new(|group, out| {
                out.extend_from_slice(&self.groups[group as usize].fields);
            }),
            write_letters: Box::new(|group, out| {
                out.extend_from_slice(&self.groups[group as usize].letters);
            }),
        }
    }

    fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    fn is_full(&self) -> bool {
        self.groups.len() == BATCH || self.bytes > LOT
    }

    /// Takes one part of a group: of a new one, or of the last one.
    pub(super) fn take(
        &mut self,
        aggregation: &Aggregation,
        mut record: &[u8],
        is_new: bool,
    ) -> Result<(), Fault> {
        self.bytes += record.len();
        let mut first = (0, 0);
        if let Some((block, rest)) = record.split_first_chunk() {
            (first.0, record) = (u64::from_le_bytes(*block), rest);
        }
        if let Some((place, rest)) = record.split_first_chunk() {
            (first.1, record) = (u32::from_le_bytes(*place), rest);
        }
        let (fields, letters) = (pull(&mut record), pull(&mut record));
        match self.groups.last_mut().filter(|_| !is_new) {
            Some(group) if group.first <= first => {}
            Some(group) => {
                group.first = first;
                group.fields = fields.to_vec();
                group.letters = letters.to_vec();
            }
            None => self.groups.push(Group {
                first,
                fields: fields.to_vec(),
                letters: letters.to_vec(),
            }),
        }
        let group = self.groups.len() as u32 - 1;
        for (call, accumulator) in aggregation.calls.iter().zip(&mut self.accumulators) {
            let words = &mut Words::new(pull(&mut record), first);
            accumulator
                .load(group, words)
                .map_err(|fault| fault.about(&call.source))?;
        }
        Ok(())
    }
}

/// Sorts the output for the groups by their first records.
struct Placed {
    sorter: Sorter,
    portion: Portion,
    out: Vec<u8>,
    /// The first group, in order of the stream, that has no result, and why.
    fault: Option<(Position, Fault)>,
}

impl Placed {
    /// Notes the first of these groups that has no result. A later call may find one that comes before it.
    fn take_fault(
        &mut self,
        aggregation: &Aggregation,
        joined: &Joined,
        fault: Fault,
    ) -> anyhow::Result<()> {
        let mut order: Vec<u32> = (0..joined.groups.len() as u32).collect();
        order.sort_by_key(|group| joined.groups[*group as usize].first);
        let mut found = None;
        for group in order {
            let alone = joined.ready(std::slice::from_ref(&group));
            self.out.clear();
            if let Err(fault) = aggregation.speak(&alone, &mut self.out, &mut |_| ()) {
                found = Some((joined.groups[group as usize].first, fault));
                break;
            }
        }
        let (first, fault) = found.unwrap_or(((0, 0), fault));
        if self.fault.as_ref().is_none_or(|(known, _)| first < *known) {
            self.fault = Some((first, fault));
        }
        Ok(())
    }

    fn take(&mut self, aggregation: &Aggregation, joined: &Joined) -> anyhow::Result<()> {
        let groups: Vec<u32> = (0..joined.groups.len() as u32).collect();
        let (ready, mut left) = (joined.ready(&groups), groups.as_slice());
        while !left.is_empty() {
            self.out.clear();
            let mut ends = Vec::with_capacity(left.len());
            let some = (&ready, left);
            let spoken =
                match aggregation.speak_some(some, &mut self.out, &mut |end| ends.push(end)) {
                    Ok(spoken) => spoken,
                    Err(fault) => return self.take_fault(aggregation, joined, fault),
                };
            let mut start = 0;
            for (&group, end) in left.iter().zip(ends) {
                let (block, place) = joined.groups[group as usize].first;
                let mut key = [0; 12];
                key[..8].copy_from_slice(&block.to_be_bytes());
                key[8..].copy_from_slice(&place.to_be_bytes());
                // The sorter adds the line end again.
                self.portion.push(&key, &self.out[start..end - 1]);
                start = end;
            }
            if self.portion.bytes() >= PORTION {
                self.sorter.take(&mut self.portion)?;
            }
            left = &left[spoken..];
        }
        Ok(())
    }
}
