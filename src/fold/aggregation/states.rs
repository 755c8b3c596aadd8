//! Reads the states of another run.

use super::{Aggregation, FORMAT_COLUMN, GroupStates, find_groups};
use crate::expr::{Batch, Operand};
use crate::fold::functions::state::{FORMAT, MadeKey, Words};
use crate::record::{Fault, Faults, Records, field};

impl Aggregation {
    /// Merges some records of states.
    pub(super) fn load_batch(
        &self,
        state: &mut GroupStates,
        (format, states): &(usize, Vec<usize>),
        (records, selection): (&Records<'_>, &[u32]),
        faults: &mut Faults,
    ) {
        let GroupStates {
            groups,
            accumulators,
            arena,
            course,
            ..
        } = state;
        let batch = Batch::over(*records, arena);
        let keys = self.keys.iter();
        let mut keys: Vec<Operand<'_>> = keys
            .map(|key| key.evaluate(&batch, selection, faults))
            .collect();
        let block = records.place().sequence;
        let content =
            |record: u32, column: usize| field::content(records.field(record as usize, column));
        for (place, &record) in selection.iter().enumerate() {
            let known = content(record, *format);
            let read = match letters(&known) {
                Ok([]) => Ok(()),
                Ok(letters) => make_keys(&mut keys, letters, (place, selection)),
                Err(fault) => Err(fault),
            };
            if let Err(fault) = read {
                return faults.add(record, fault.about(FORMAT_COLUMN));
            }
        }
        let numbers = find_groups(groups, &keys, (selection, None), block, self.delimiter);
        course.note(&numbers);
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

/// Returns what follows the format number: a letter for each key, or nothing.
fn letters(format: &[u8]) -> Result<&[u8], Fault> {
    match format.strip_prefix(FORMAT.as_bytes()) {
        Some([]) => Ok(&[]),
        Some([b':', letters @ ..]) => Ok(letters),
        _ => Err(Fault::new(format!(
            "these states have format '{}', and this version reads format {FORMAT}: make them with \
             its own --partial",
            String::from_utf8_lossy(format)
        ))),
    }
}

/// Converts the keys of a record to times and intervals, according to their letters.
fn make_keys(
    keys: &mut [Operand<'_>],
    letters: &[u8],
    (place, selection): (usize, &[u32]),
) -> Result<(), Fault> {
    for (key, letter) in keys.iter_mut().zip(letters) {
        let made = MadeKey::read(*letter, key.get(place, selection[place]))?;
        if *letter != MadeKey::letter(None) {
            key.make(selection)[place] = made;
        }
    }
    Ok(())
}
