//! A whole aggregation: keys, aggregates, and the expressions over them, over a stream.
//!
//! | file | what it does |
//! |---|---|
//! | `resolve` | binds an aggregation to a header |
//! | `states` | takes in the states of another run |
//! | `speak` | says what has become of the groups |
//! | [`spilled`] | groups that are too many for memory |
//! | [`grouped`] | groups that come one behind the other |
//! | [`windows`] | groups of stretches of time |

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

/// The column of the number of the format, in a record of states.
pub const FORMAT_COLUMN: &str = "_state";

/// What is read, and what is said at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Records become results.
    #[default]
    Whole,
    /// Records become states.
    First,
    /// States become states, of fewer groups.
    Between,
    /// States become results.
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

/// What to compute of each group, bound to a header.
pub struct Aggregation {
    keys: Vec<Node>,
    key_names: Vec<String>,
    /// What the calls take in; equal ones are evaluated once.
    arguments: Vec<Taken>,
    calls: Vec<Call>,
    outputs: Vec<Node>,
    output_names: Vec<String>,
    part: Phase,
    /// Where states are read: the column of the format's number, and that of each call.
    states: Option<(usize, Vec<usize>)>,
    delimiter: u8,
    seed: [u64; 2],
}

/// An argument of one call or several.
struct Taken {
    node: Node,
    /// Whether a call needs numbers.
    needs_number: bool,
}

/// One call of an aggregate function.
struct Call {
    aggregate: &'static Aggregate,
    /// The call as written: equal ones are computed once.
    source: String,
    /// Which arguments it takes in.
    arguments: Vec<usize>,
    /// Those of them that are the same for every record.
    constants: Vec<Option<Value<'static>>>,
}

impl Aggregation {
    /// The output's names: keys, then aggregates, or the states that they are made of.
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

    /// The fields that it looks at, and `also` does, of records of so many.
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

    /// No groups yet; without keys, the one group of all records.
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

    /// Takes in a block of records.
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

    /// Takes in some records of a block, at most [`BATCH`].
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
        // The one group of all records never comes behind another.
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

    /// The keys of some records, and what the calls take in of them.
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

    /// Joins the states of all threads.
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

/// The group of each record. `places` are those of the records in the operands, where they are not
/// all.
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

/// About how many bytes of states become results at once.
pub(super) const LOT: usize = 1 << 20;

/// The groups of one thread and their states.
pub struct GroupStates {
    groups: Groups,
    accumulators: Vec<Box<dyn Accumulator>>,
    arena: Bump,
    selection: Vec<u32>,
    course: Course,
}

/// Whether groups come one behind the other.
#[derive(Default)]
struct Course {
    /// The group of the last record.
    last: u32,
    /// The first group that came again behind others.
    again: Option<u32>,
}

impl Course {
    /// Takes note of the groups of the next records. They are numbered as they come.
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

    /// How many groups are spoken of at once, so that what is made of them is not large beside them.
    pub(super) fn lot(&self) -> usize {
        let groups = self.groups.count().max(1);
        (LOT / (self.bytes() / groups).max(1)).clamp(1, BATCH)
    }

    /// About how many bytes of memory the groups take, or will while they grow.
    pub fn bytes(&self) -> usize {
        let states = self.accumulators.iter().map(|states| states.bytes());
        (self.groups.bytes() + states.sum::<usize>()) * 2
    }
}
