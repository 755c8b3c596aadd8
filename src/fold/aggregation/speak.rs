//! Writes the groups of an aggregation as results or as states.

use bumpalo::Bump;

use super::{Aggregation, GroupStates};
use crate::expr::{Batch, Operand};
use crate::fold::functions::Accumulator;
use crate::fold::functions::state::{FORMAT, Saved};
use crate::record::{Fault, Faults, OnFault, field};
use crate::value::text;

/// Receives output records with their number; returns false if no more are wanted.
pub type Emit<'e> = dyn FnMut(&[u8], u64) -> anyhow::Result<bool> + 'e;

/// Appends something about a group.
type WriteKeys<'r> = Box<dyn Fn(u32, &mut Vec<u8>) + 'r>;

/// Groups that are ready to be written.
pub(super) struct Ready<'r> {
    pub(super) accumulators: &'r [Box<dyn Accumulator>],
    /// Their numbers in the accumulators.
    pub(super) groups: &'r [u32],
    /// Appends a group's keys, with delimiters between them.
    pub(super) write_keys: WriteKeys<'r>,
    /// Appends a letter for each key, if the fields alone do not tell the kinds of the keys.
    pub(super) write_letters: WriteKeys<'r>,
}

impl GroupStates {
    /// Makes some of the groups ready to be written.
    pub(super) fn ready<'r>(&'r self, groups: &'r [u32], delimiter: u8) -> Ready<'r> {
        Ready {
            accumulators: &self.accumulators,
            groups,
            write_keys: Box::new(move |group, out| {
                self.groups.write_fields(group, out, delimiter);
            }),
            write_letters: Box::new(move |group, out| {
                self.groups.write_letters(group, out, delimiter);
            }),
        }
    }
}

impl Aggregation {
    /// Writes the groups as records, in the order of their first records.
    ///
    /// # Errors
    /// A group has no result; errors of `emit`.
    pub fn finish(&self, state: &GroupStates, emit: &mut Emit<'_>) -> anyhow::Result<()> {
        let (order, lot) = (state.groups.in_order(), state.lot());
        let (mut out, mut left) = (Vec::new(), order.as_slice());
        while !left.is_empty() {
            let groups = &left[..lot.min(left.len())];
            out.clear();
            let ready = state.ready(groups, self.delimiter);
            let spoken = self.speak_some((&ready, groups), &mut out, &mut |_| ())?;
            if !emit(&out, spoken as u64)? {
                break;
            }
            left = &left[spoken..];
        }
        Ok(())
    }

    /// Appends a record for each of these groups, and passes the end of each to `each`.
    pub(super) fn speak(
        &self,
        ready: &Ready<'_>,
        out: &mut Vec<u8>,
        each: &mut dyn FnMut(usize),
    ) -> Result<(), Fault> {
        let mut left = ready.groups;
        while !left.is_empty() {
            left = &left[self.speak_some((ready, left), out, each)?..];
        }
        Ok(())
    }

    /// [`Self::speak`] for the first of these groups: all of them, unless their results are large. Returns how
    /// many.
    pub(super) fn speak_some(
        &self,
        (ready, groups): (&Ready<'_>, &[u32]),
        out: &mut Vec<u8>,
        each: &mut dyn FnMut(usize),
    ) -> Result<usize, Fault> {
        if self.part.says_states() {
            self.write_states((ready, groups), out, each);
            return Ok(groups.len());
        }
        let start = out.len();
        let spoken = self.write_results(groups, ready, out, each);
        if spoken.is_ok() || groups.len() < 2 {
            return spoken;
        }
        // Report the first group that fails, whichever aggregate failed first.
        let mut alone = groups.chunks(1);
        out.truncate(start);
        alone.try_for_each(|group| {
            self.write_results(group, ready, out, &mut |_| ())?;
            Ok(())
        })?;
        spoken
    }

    fn write_states(
        &self,
        (ready, groups): (&Ready<'_>, &[u32]),
        out: &mut Vec<u8>,
        each: &mut dyn FnMut(usize),
    ) {
        let mut state = Vec::new();
        for &group in groups {
            let start = out.len();
            (ready.write_keys)(group, out);
            if out.len() > start || !self.keys.is_empty() {
                out.push(self.delimiter);
            }
            state.clear();
            (ready.write_letters)(group, &mut state);
            if !state.is_empty() {
                state.insert(0, b':');
            }
            state.splice(0..0, FORMAT.bytes());
            field::push_text(&state, self.delimiter, out);
            for accumulator in ready.accumulators {
                state.clear();
                accumulator.save(group, &mut Saved::new(&mut state, false));
                out.push(self.delimiter);
                field::push_text(&state, self.delimiter, out);
            }
            out.push(b'\n');
            each(out.len());
        }
    }

    fn write_results(
        &self,
        groups: &[u32],
        ready: &Ready<'_>,
        out: &mut Vec<u8>,
        each: &mut dyn FnMut(usize),
    ) -> Result<usize, Fault> {
        let arena = &Bump::new();
        let mut slots = Vec::with_capacity(self.calls.len());
        for (call, accumulator) in self.calls.iter().zip(ready.accumulators) {
            let mut values = Vec::with_capacity(groups.len());
            for &group in groups {
                let value = accumulator
                    .finish(group, arena)
                    .map_err(|fault| self.in_group(ready, group, fault.about(&call.source)))?;
                values.push(value);
            }
            slots.push(Operand::Made(values));
        }
        let batch = Batch {
            records: None,
            slots: &slots,
            first: 0,
            arena,
        };
        let selection: Vec<u32> = (0..groups.len() as u32).collect();
        let mut faults = Faults::new(OnFault::Fail, groups.len()).leaving(0);
        let outputs = self.outputs.iter();
        let columns: Vec<Operand<'_>> = outputs
            .map(|output| output.evaluate(&batch, &selection, &mut faults))
            .collect();
        let done = faults.limit() as usize;
        if let Some((place, fault)) = faults.into_list().into_iter().next() {
            return Err(self.in_group(ready, groups[place as usize], fault));
        }
        for (place, &group) in groups[..done].iter().enumerate() {
            let start = out.len();
            (ready.write_keys)(group, out);
            let has_keys = out.len() > start || !self.keys.is_empty();
            for (number, column) in columns.iter().enumerate() {
                if number > 0 || has_keys {
                    out.push(self.delimiter);
                }
                text::write_value(&column.get(place, place as u32), out, self.delimiter);
            }
            out.push(b'\n');
            each(out.len());
        }
        Ok(done)
    }

    /// Adds the group to the fault, if there are keys.
    fn in_group(&self, ready: &Ready<'_>, group: u32, fault: Fault) -> Fault {
        let mut keys = Vec::new();
        (ready.write_keys)(group, &mut keys);
        match keys.is_empty() && self.keys.is_empty() {
            true => fault,
            false => fault.about(&format!("group '{}'", String::from_utf8_lossy(&keys))),
        }
    }
}
