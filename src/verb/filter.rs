//! Keeps the records for which a condition is true.

use std::collections::BTreeSet;

use bumpalo::Bump;

use crate::expr::{BATCH, Batch, Node, renew};
use crate::record::{Faults, Layout, Records};
use crate::stream::{self, Made, Output, Sink, Summary};

use super::Streams;

/// A condition, resolved against the header of its input.
pub struct Filter {
    /// The condition.
    pub condition: Node,
    /// Whether to keep the records for which the condition is not true.
    pub invert: bool,
}

impl Filter {
    /// Writes the records that are kept to the output, and the others to `other`, if it is given. Both begin with
    /// the header.
    ///
    /// # Errors
    /// Those of the input and of both outputs; or a bad record that the policy does not allow.
    pub fn run(
        self,
        streams: Streams<'_>,
        mut other: Option<&mut Output>,
    ) -> anyhow::Result<Summary> {
        let Streams {
            input,
            header,
            settings,
            output,
        } = streams;
        let delimiter = settings.dialect.delimiter;
        if let Some(other) = &mut other {
            other.write_header(header, delimiter)?;
        }
        output.write_header(header, delimiter)?;
        let mut columns = BTreeSet::new();
        self.condition.add_columns(&mut columns);
        let spans = columns.into_iter().map(|column| (column, column));
        let layout = Layout::of(header.len(), spans);
        let splitter = Splitter {
            condition: self.condition,
            invert: self.invert,
            splits: other.is_some(),
        };
        stream::pass(input, &layout, settings, &splitter, output, other)
    }
}

/// Splits records into those that are kept and the others.
struct Splitter {
    condition: Node,
    invert: bool,
    /// Whether the other records are written, too.
    splits: bool,
}

#[derive(Default)]
struct Scratch {
    arena: Bump,
    /// Records without a fault, and those among them for which the condition is true.
    sound: Vec<u32>,
    kept: Vec<u32>,
}

impl Sink for Splitter {
    type Scratch = Scratch;
    type Parcel = Made;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        made: &mut Made,
    ) {
        let Scratch { arena, sound, kept } = scratch;
        faults.select_all(sound);
        kept.clear();
        let mut chosen = Vec::with_capacity(BATCH);
        for selection in sound.chunks(BATCH) {
            if faults.left().is_some() {
                break;
            }
            renew(arena);
            let batch = Batch::over(*records, arena);
            chosen.clear();
            chosen.extend_from_slice(selection);
            self.condition.select(&batch, &mut chosen, faults);
            kept.extend_from_slice(&chosen);
        }
        faults.settle(kept);
        if !self.invert && !self.splits {
            keep(kept.iter().copied(), records, made);
            return;
        }
        faults.settle(sound);
        let mut next = kept.iter().copied().peekable();
        let others = sound
            .iter()
            .copied()
            .filter(|record| next.next_if_eq(record).is_none());
        if self.invert {
            keep(others, records, made);
            if self.splits {
                keep(kept.iter().copied(), records, made.aside());
            }
        } else {
            keep(others, records, made.aside());
            keep(kept.iter().copied(), records, made);
        }
    }
}

fn keep(chosen: impl Iterator<Item = u32>, records: &Records<'_>, made: &mut Made) {
    for record in chosen {
        made.keep_record(records, record as usize);
    }
}
