//! The records that are evaluated together, and the operands and results of operators.

use bumpalo::Bump;

use crate::record::{Fault, Faults, Records};
use crate::value::{Numbers, Value};

/// Records evaluated together; small enough that their values stay in the L1 and L2 caches.
pub const BATCH: usize = 1024;

/// Size in bytes of a computed text after which the arena's size is compared with [`MOST`].
pub(super) const LONG: usize = 4 << 10;

/// Bytes in the arena above which the remaining records wait for another batch.
pub(super) const MOST: usize = 4 << 20;

/// Empties an arena, and keeps its memory unless it is larger than 4 MiB.
pub fn renew(arena: &mut Bump) {
    match arena.allocated_bytes() > MOST {
        true => *arena = Bump::new(),
        false => arena.reset(),
    }
}

/// The input of an evaluation.
#[derive(Clone, Copy)]
pub struct Batch<'s, 'v> {
    /// The block's records; `None` if only slots are read.
    pub records: Option<Records<'v>>,
    /// Values computed elsewhere, by slot and then by record, starting with record `first`.
    pub slots: &'s [Operand<'v>],
    /// The first record in the slots.
    pub first: u32,
    /// Holds new text.
    pub arena: &'v Bump,
}

impl<'v> Batch<'_, 'v> {
    /// Returns a batch over a block's records.
    pub fn over(records: Records<'v>, arena: &'v Bump) -> Self {
        Batch {
            records: Some(records),
            slots: &[],
            first: 0,
            arena,
        }
    }
}

/// The input of an operator: computed values, or values that need no computation.
pub enum Operand<'v> {
    /// The same value for every record.
    Constant(Value<'v>),
    /// A column, read on use.
    Column(Records<'v>, usize, &'v Bump),
    /// One number for each selected record.
    Numbers(Numbers<'v>),
    /// One value for each selected record.
    Made(Vec<Value<'v>>),
}

impl<'v> Operand<'v> {
    /// Returns the value for `record`, which is at `place` of the selection.
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

    /// Returns the values for the selected records, for changes one by one.
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

    /// Returns these values as numbers, or `None` if they are not all suitable; see [`Numbers`].
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

/// Returns one answer per selected record. If `answer` fails, the record gets a fault, and `unknown` as its answer.
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
