//! Assignments that depend on earlier records: the state that their calls carry from record to record, for each
//! key.
//!
//! Records are processed in the order of the stream, a run of neighbours at a time. A record with an error leaves
//! no trace: what follows is computed as if it had not come. So the state advances only to the first error of a
//! run. The next run, which begins after it, is shorter, so that many errors do not cost many runs of full length.

mod carried;

use std::collections::{BTreeMap, BTreeSet};

use self::carried::{Carried, RecordRun};
use super::aggregation::{Aggregation, find_groups};
use super::functions::Argument;
use super::groups::Groups;
use super::room;
use crate::expr::{Assignments, BATCH, Batch, Node, Operand, ProgramError};
use crate::record::{Faults, Header, OnFault};
use crate::value::Value;

/// The keys by which records are chained.
pub struct Sequence {
    keys: Vec<Node>,
    delimiter: u8,
}

/// The state after the records so far.
pub struct SequenceState {
    groups: Groups,
    /// One for each call.
    carried: Vec<Box<dyn Carried>>,
    /// For each group, the index in the run, from 1, of its last record; 0 between runs.
    last: Vec<u32>,
    /// Maximum number of records that are evaluated together.
    run: usize,
}

/// The result of the next records of a block.
pub struct Evaluated<'v> {
    /// What [`Assignments::evaluate`] returns.
    pub values: Vec<Operand<'v>>,
    /// The records without an error.
    pub sound: Vec<u32>,
    /// How many records were processed, including those with errors: at least one, and all of them if an error ends
    /// the program.
    pub taken: usize,
}

impl Sequence {
    /// Binds the list of keys `by` to a header. Without keys, all records form one sequence.
    pub fn resolve(
        by: Option<&str>,
        header: &Header,
        settings: &BTreeMap<String, String>,
        delimiter: u8,
    ) -> Result<Self, ProgramError> {
        let keys = by.map(|by| Aggregation::keys(by, header, settings));
        let keys = keys.transpose()?.unwrap_or_default();
        Ok(Sequence {
            keys: keys.into_iter().map(|(_, key)| key).collect(),
            delimiter,
        })
    }

    /// Returns the input columns that the keys read.
    pub fn columns(&self) -> BTreeSet<usize> {
        let mut columns = BTreeSet::new();
        let keys = self.keys.iter();
        keys.for_each(|key| key.add_columns(&mut columns));
        columns
    }

    /// Returns the state before the first record.
    pub fn start(&self, assignments: &Assignments) -> SequenceState {
        let calls = assignments.calls();
        SequenceState {
            groups: Groups::new(Groups::seed()),
            carried: calls
                .map(|call| carried::start(call.function.kind))
                .collect(),
            last: Vec::new(),
            run: BATCH,
        }
    }

    /// Evaluates the next records of a block; `selection` has all that are left.
    pub fn evaluate<'v>(
        &'v self,
        assignments: &'v Assignments,
        batch: &Batch<'_, 'v>,
        state: &mut SequenceState,
        selection: &[u32],
        faults: &mut Faults,
    ) -> Evaluated<'v> {
        if state.carried.is_empty() {
            return each_alone(assignments, batch, selection, faults);
        }
        let all = selection.len();
        let selection = &selection[..all.min(state.run)];
        // Errors after the first one may only be its consequences.
        let end = selection.last().map_or(0, |last| *last as usize + 1);
        let mut first = Faults::new(OnFault::Fail, end);
        if faults.can_leave() {
            first = first.leaving(0);
        }
        let run = self.run(batch, state, selection, &mut first);
        let mut arguments: Vec<Vec<Argument<'v>>> = Vec::with_capacity(state.carried.len());
        let values =
            assignments.evaluate(batch, selection, &mut first, &mut |call, batch, first| {
                let is_numeric = call.function.is_numeric;
                let taken = call.arguments.iter();
                let taken = taken
                    .map(|node| Argument::evaluate(node, is_numeric, batch, selection, first))
                    .collect::<Vec<_>>();
                let carried = &mut state.carried[arguments.len()];
                let values = carried.values(&run, &taken, &mut |record, fault| {
                    first.add(record, fault.about(&call.source));
                });
                arguments.push(taken);
                values
            });
        let (limit, left) = (first.limit(), first.left());
        let error = first.into_list().into_iter().next();
        let sound = &selection[..selection.partition_point(|record| *record < limit)];
        if let Some(left) = left {
            faults.leave_from(left);
        }
        for (carried, arguments) in state.carried.iter_mut().zip(&arguments) {
            carried.keep(&run, arguments, sound.len());
        }
        state.run = match &error {
            Some(_) => (state.run / 2).max(1),
            None => (state.run * 2).min(BATCH),
        };
        let mut taken = sound.len();
        if let Some((record, fault)) = error {
            faults.add(record, fault);
            taken = match record < faults.limit() {
                true => taken + 1,
                false => all,
            };
        }
        Evaluated {
            values,
            sound: sound.to_vec(),
            taken,
        }
    }

    /// Finds the groups of the next records, and each record's predecessor in its group.
    fn run<'r, 'v>(
        &'v self,
        batch: &Batch<'_, 'v>,
        state: &mut SequenceState,
        selection: &'r [u32],
        faults: &mut Faults,
    ) -> RecordRun<'r, 'v> {
        let keys = self.keys.iter();
        let keys: Vec<_> = keys
            .map(|key| key.evaluate(batch, selection, faults))
            .collect();
        let block = batch.records.map_or(0, |records| records.place().sequence);
        let known = (selection, None);
        let groups = find_groups(&mut state.groups, &keys, known, block, self.delimiter);
        let count = state.groups.count().max(1);
        room::resize(&mut state.last, count, 0);
        for carried in &mut state.carried {
            carried.grow(count);
        }
        let before = (1..).zip(&groups).map(|(place, &group)| {
            let last = std::mem::replace(&mut state.last[group as usize], place);
            last.checked_sub(1)
        });
        let before = before.collect();
        for &group in &groups {
            state.last[group as usize] = 0;
        }
        RecordRun {
            records: selection,
            groups,
            before,
            arena: batch.arena,
        }
    }
}

/// Evaluates the next records if no call depends on earlier ones.
fn each_alone<'v>(
    assignments: &'v Assignments,
    batch: &Batch<'_, 'v>,
    selection: &[u32],
    faults: &mut Faults,
) -> Evaluated<'v> {
    let mut sound = selection[..selection.len().min(BATCH)].to_vec();
    let taken = sound.len();
    let mut no_calls = |_: &_, _: &Batch<'_, 'v>, _: &mut _| Operand::Constant(Value::Null);
    let values = assignments.evaluate(batch, &sound, faults, &mut no_calls);
    faults.settle(&mut sound);
    Evaluated {
        values,
        sound,
        taken,
    }
}
