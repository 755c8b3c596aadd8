//! An aggregation: keys, aggregates, and expressions over them.
//!
//! | file | what it does |
//! |---|---|
//! | `resolve` | binds an aggregation to a header |
//! | `states` | reads the states of another run |
//! | `speak` | writes the groups as results or as states |
//! | [`spilled`] | spills groups that do not fit into memory |
//! | [`grouped`] | aggregates input that is sorted by its keys |
//! | [`windows`] | groups by time windows |

pub mod grouped;
mod resolve;
mod speak;
pub mod spilled;
mod states;
pub mod windows;

use std::borrow::Cow;
use std::collections::BTreeSet;

use bumpalo::Bump;

use crate::expr::{BATCH, Batch, Node, Operand, renew};
use crate::fold::functions::{Accumulator, Aggregate, Argument, Batch as Absorbed};
use crate::fold::groups::Groups;
use crate::record::{Fault, Faults, Header, Layout, Records};
use crate::value::Value;

pub use resolve::Program;
pub use speak::Emit;

/// The column of a state record that contains the format number.
pub const FORMAT_COLUMN: &str = "_state";

/// What an aggregation reads and writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Reads records, writes results.
    #[default]
    Whole,
    /// Reads records, writes states.
    First,
    /// Reads states, writes states of fewer groups.
    Between,
    /// Reads states, writes results.
    Last,
}

impl Phase {
    fn reads_states(self) -> bool {
        matches!(self, Phase::Between | Phase::Last)
    }

    fn says_states(self) -> bool {
        matches!(self, Phase::First | Phase::Between)
    }
}

/// What to compute for each group, bound to a header.
pub struct Aggregation {
    keys: Vec<Node>,
    key_names: Vec<String>,
    /// The arguments of the calls; equal ones are evaluated once.
    arguments: Vec<Taken>,
    calls: Vec<Call>,
    outputs: Vec<Node>,
    output_names: Vec<String>,
    part: Phase,
    /// If states are read: the column of the format number, and the column of each call.
    states: Option<(usize, Vec<usize>)>,
    delimiter: u8,
    seed: [u64; 2],
}

/// An argument of one or more calls.
struct Taken {
    node: Node,
    /// Whether any of the calls needs numbers.
    needs_number: bool,
}

/// One call of an aggregate function.
struct Call {
    aggregate: &'static Aggregate,
    /// The call as written; equal calls are computed once.
    source: String,
    /// Indexes of its arguments.
    arguments: Vec<usize>,
    /// The values of those that are constant.
    constants: Vec<Option<Value<'static>>>,
}

impl Aggregation {
    /// The header of the output: keys, then the aggregates or their states.
    pub fn header(&self) -> Header {
        let mut names = self.key_names.clone();
        if self.part.says_states() {
            names.push(FORMAT_COLUMN.to_owned());
            names.extend(self.calls.iter().map(|call| call.source.clone()));
        } else {
            names.extend(self.output_names.iter().cloned());
        }
        Header::new(names)
    }

    /// Returns the layout of records with `columns` fields, for the fields that this aggregation and `also` read.
    pub fn layout(&self, columns: usize, also: Option<&Node>) -> Layout {
        let mut looked_at = BTreeSet::new();
        let arguments = self.arguments.iter().map(|argument| &argument.node);
        for node in self.keys.iter().chain(arguments).chain(also) {
            node.add_columns(&mut looked_at);
        }
        if let Some((format, states)) = &self.states {
            looked_at.insert(*format);
            looked_at.extend(states);
        }
        match looked_at.is_empty() {
            true => Layout::counting(columns),
            false => Layout::of(
                columns,
                looked_at.into_iter().map(|column| (column, column)),
            ),
        }
    }

    /// Returns the state without groups; without keys, with the one group of all records.
    pub fn start(&self) -> Result<GroupStates, Fault> {
        let accumulators = self
            .calls
            .iter()
            .map(|call| (call.aggregate.make)(&call.constants))
            .collect::<Result<_, _>>()?;
        let mut state = GroupStates {
            groups: Groups::new(self.seed),
            accumulators,
            arena: Bump::new(),
            selection: Vec::new(),
            course: Course::default(),
        };
        if self.keys.is_empty() {
            state.groups.find(&[], (0, 0), self.delimiter);
            state.grow();
        }
        Ok(state)
    }

    /// Aggregates a block of records.
    pub fn absorb(&self, state: &mut GroupStates, records: &Records<'_>, faults: &mut Faults) {
        let mut selection = std::mem::take(&mut state.selection);
        faults.select_all(&mut selection);
        for chunk in selection.chunks(BATCH) {
            if faults.left().is_some() {
                break;
            }
            renew(&mut state.arena);
            self.absorb_batch(state, records, chunk, faults);
        }
        state.selection = selection;
    }

    /// Aggregates at most [`BATCH`] records of a block.
    fn absorb_batch(
        &self,
        state: &mut GroupStates,
        records: &Records<'_>,
        selection: &[u32],
        faults: &mut Faults,
    ) {
        if let Some(states) = &self.states {
            return self.load_batch(state, states, (records, selection), faults);
        }
        let GroupStates {
            groups,
            accumulators,
            arena,
            course,
            ..
        } = state;
        let batch = Batch::over(*records, arena);
        let (keys, mut arguments) = self.evaluate(&batch, selection, faults);
        let (mut sound, mut places) = (Cow::Borrowed(selection), None);
        if !faults.is_empty() {
            faults.settle(sound.to_mut());
            let is_sound = |place: &u32| sound.binary_search(&selection[*place as usize]).is_ok();
            let left: Vec<u32> = (0..selection.len() as u32).filter(is_sound).collect();
            arguments
                .iter_mut()
                .for_each(|argument| argument.settle(&left, selection));
            places = Some(left);
        }
        let block = records.place().sequence;
        let numbers = find_groups(
            groups,
            &keys,
            (&sound, places.as_deref()),
            block,
            self.delimiter,
        );
        // Without keys there is only one group, which cannot be out of order.
        if !keys.is_empty() {
            course.note(&numbers);
        }
        for (call, accumulator) in self.calls.iter().zip(accumulators) {
            let arguments: Vec<_> = call
                .arguments
                .iter()
                .map(|&place| &arguments[place])
                .collect();
            accumulator.grow(groups.count());
            accumulator.absorb(&Absorbed {
                groups: &numbers,
                block,
                records: &sound,
                arguments: &arguments,
            });
        }
    }

    /// Evaluates the keys and the arguments of the calls for some records.
    fn evaluate<'v>(
        &'v self,
        batch: &Batch<'_, 'v>,
        selection: &[u32],
        faults: &mut Faults,
    ) -> (Vec<Operand<'v>>, Vec<Argument<'v>>) {
        let keys = self.keys.iter();
        let keys = keys.map(|key| key.evaluate(batch, selection, faults));
        let keys = keys.collect();
        let arguments = self.arguments.iter().map(|taken| {
            Argument::evaluate(&taken.node, taken.needs_number, batch, selection, faults)
        });
        (keys, arguments.collect())
    }

    /// Merges the states of all threads.
    pub fn join(&self, states: Vec<GroupStates>) -> Result<GroupStates, Fault> {
        let mut states = states.into_iter();
        let mut whole = match states.next() {
            Some(first) => first,
            None => self.start()?,
        };
        for state in states {
            let map = whole.groups.merge(&state.groups);
            whole.grow();
            for (mine, theirs) in whole.accumulators.iter_mut().zip(state.accumulators) {
                mine.merge(theirs, &map);
            }
        }
        Ok(whole)
    }
}

/// Returns the group of each record. `places` are the positions of these records in the operands, if some were
/// removed.
pub(super) fn find_groups(
    groups: &mut Groups,
    keys: &[Operand<'_>],
    (sound, places): (&[u32], Option<&[u32]>),
    block: u64,
    delimiter: u8,
) -> Vec<u32> {
    if let ([Operand::Column(records, column, arena)], None) = (keys, places) {
        return groups.find_fields((records, *column, arena), (block, sound), delimiter);
    }
    let place = |nth: usize| places.map_or(nth, |places| places[nth] as usize);
    match keys {
        [] => vec![0; sound.len()],
        _ => {
            let mut values = Vec::with_capacity(keys.len() * sound.len());
            for (nth, &record) in sound.iter().enumerate() {
                values.extend(keys.iter().map(|key| key.get(place(nth), record)));
            }
            groups.find_all(&values, keys.len(), (block, sound), delimiter)
        }
    }
}

/// Approximate size, in bytes, of the states that are turned into results at once.
pub(super) const LOT: usize = 1 << 20;

/// The groups of one thread, and their states.
pub struct GroupStates {
    groups: Groups,
    accumulators: Vec<Box<dyn Accumulator>>,
    arena: Bump,
    selection: Vec<u32>,
    course: Course,
}

/// Tracks whether the records of each group are adjacent.
#[derive(Default)]
struct Course {
    /// The group of the last record.
    last: u32,
    /// The first group that came again after others.
    again: Option<u32>,
}

impl Course {
    /// Notes the groups of the next records. Groups are numbered in order of appearance.
    fn note(&mut self, numbers: &[u32]) {
        if self.again.is_some() {
            return;
        }
        for &number in numbers {
            if number < self.last {
                self.again = Some(number);
                return;
            }
            self.last = number;
        }
    }
}

impl GroupStates {
    fn grow(&mut self) {
        for accumulator in &mut self.accumulators {
            accumulator.grow(self.groups.count());
        }
    }

    /// Returns how many groups are written at once; limited so that their output stays small compared with all
    /// states.
    pub(super) fn lot(&self) -> usize {
        let groups = self.groups.count().max(1);
        (LOT / (self.bytes() / groups).max(1)).clamp(1, BATCH)
    }

    /// Returns about how many bytes the groups take, or will take as their tables grow.
    pub fn bytes(&self) -> usize {
        let states = self.accumulators.iter().map(|states| states.bytes());
        (self.groups.bytes() + states.sum::<usize>()) * 2
    }
}
