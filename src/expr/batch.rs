//! The records that expressions are evaluated over at once, and what operators take and give.

use bumpalo::Bump;

use crate::record::{Fault, Faults, Records};
use crate::value::{Numbers, Value};

/// Records evaluated at once: their values stay in the processor's first caches.
pub const BATCH: usize = 1024;

/// Made texts that are longer than this are looked at together.
pub(super) const LONG: usize = 4 << 10;

/// When they take more than this, the records after them wait for another batch.
pub(super) const MOST: usize = 4 << 20;

/// Empties an arena, and keeps its memory if that is not much.
pub fn renew(arena: &mut Bump) {
    match arena.allocated_bytes() > MOST {
        true => *arena = Bump::new(),
        false => arena.reset(),
    }
}

/// What expressions are evaluated over.
#[derive(Clone, Copy)]
pub struct Batch<'s, 'v> {
    /// The block's records; none where only slots are read.
    pub records: Option<Records<'v>>,
    /// Values computed elsewhere, by slot and then by record from `first` on.
    pub slots: &'s [Operand<'v>],
    /// The record that the slots begin with.
    pub first: u32,
    /// Where new text lives.
    pub arena: &'v Bump,
}

impl<'v> Batch<'_, 'v> {
    /// A batch over a block's records.
    pub fn over(records: Records<'v>, arena: &'v Bump) -> Self {
        Batch {
            records: Some(records),
            slots: &[],
            first: 0,
            arena,
        }
    }
}

/// An operator's input: values that were made, or that need not be.
pub enum Operand<'v> {
    /// The same for every record.
    Constant(Value<'v>),
    /// A column, read where it is used.
    Column(Records<'v>, usize, &'v Bump),
    /// One number for each selected record.
    Numbers(Numbers<'v>),
    /// One value for each selected record.
    Made(Vec<Value<'v>>),
}

impl<'v> Operand<'v> {
    /// The value for the record at `place` of the selection.
    #[inline(always)]
    pub fn get(&self, place: usize, record: u32) -> Value<'v> {
        match self {
            Operand::Constant(value) => *value,
            Operand::Column(records, column, arena) => {
                Value::of_field(records.field(record as usize, *column), arena)
            }
            Operand::Numbers(numbers) => numbers.get(place),
            Operand::Made(values) => values[place],
        }
    }

    /// Its values for the selected records, to be changed one by one.
    pub fn make(&mut self, selection: &[u32]) -> &mut [Value<'v>] {
        if !matches!(self, Operand::Made(_)) {
            let values = selection.iter().enumerate();
            *self = Operand::Made(
                values
                    .map(|(place, &record)| self.get(place, record))
                    .collect(),
            );
        }
        match self {
            Operand::Made(values) => values,
            _ => &mut [],
        }
    }

    /// The numbers that these values are for the selected records, all of them; see [`Numbers`].
    pub fn numbers(&self, selection: &[u32], arena: &'v Bump) -> Option<Numbers<'v>> {
        match self {
            Operand::Constant(value) => Numbers::of_constant(value, selection.len(), arena),
            Operand::Column(records, column, arena) => {
                Numbers::of_fields(records, *column, selection, arena)
            }
            Operand::Numbers(numbers) => Some(*numbers),
            Operand::Made(_) => None,
        }
    }
}

/// One answer for each selected record; where there is none, `unknown` and a fault.
#[inline(always)]
pub(super) fn each<T: Copy>(
    selection: &[u32],
    faults: &mut Faults,
    unknown: T,
    mut answer: impl FnMut(usize, u32) -> Result<T, Fault>,
) -> Vec<T> {
    selection
        .iter()
        .enumerate()
        .map(|(place, &record)| {
            answer(place, record).unwrap_or_else(|fault| {
                faults.add(record, fault);
                unknown
            })
        })
        .collect()
}
