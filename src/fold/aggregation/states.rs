//! Taking in the states of another run.

use super::{Aggregation, FORMAT_COLUMN, State, find_groups};
use crate::expr::{Batch, Operand};
use crate::fold::functions::state::{FORMAT, Words};
use crate::record::{Fault, Faults, Records, field};

impl Aggregation {
    /// Takes in some records of states.
    pub(super) fn load_batch(
        &self,
        state: &mut State,
        (format, states): &(usize, Vec<usize>),
        (records, selection): (&Records<'_>, &[u32]),
        faults: &mut Faults,
    ) {
        let State {
            groups,
            accumulators,
            arena,
            course,
            ..
        } = state;
        let batch = Batch::over(*records, arena);
        let keys = self.keys.iter();
        let keys: Vec<Operand<'_>> = keys
            .map(|key| key.evaluate(&batch, selection, faults))
            .collect();
        let block = records.place().sequence;
        let numbers = find_groups(groups, &keys, (selection, None), block, self.delimiter);
        course.note(&numbers);
        let content =
            |record: u32, column: usize| field::content(records.field(record as usize, column));
        for &record in selection {
            let known = content(record, *format);
            if *known != *FORMAT.as_bytes() {
                let known = String::from_utf8_lossy(&known);
                let fault = format!("'{known}' is not the format that is known here, {FORMAT}");
                return faults.add(record, Fault::new(fault).about(FORMAT_COLUMN));
            }
        }
        let calls = self.calls.iter().zip(states).zip(accumulators);
        for ((call, column), accumulator) in calls {
            accumulator.grow(groups.count());
            for (&record, &group) in selection.iter().zip(&numbers) {
                let state = content(record, *column);
                let words = &mut Words::new(&state, (block, record));
                let loaded = accumulator.load(group, words);
                if let Err(fault) = loaded.and_then(|()| words.finish()) {
                    return faults.add(record, fault.about(&call.source));
                }
            }
        }
    }
}
