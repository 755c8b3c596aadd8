//! The aggregate functions.
//!
//! | file | what it holds |
//! |---|---|
//! | `argument` | the values that aggregates take in |
//! | `count` | `count` |
//! | `sum` | `sum`, `avg` |
//! | `extremes` | `min`, `max`; `best`: the best value so far |
//! | `position` | `first`, `last`, `arg_min`, `arg_max` |
//! | `quantile` | `median`, `quantile`; `numbers`: those of a group |
//! | `exact` | exact sums of all groups |
//! | `spread` | `variance`, `stddev` and their population forms |
//! | `distinct` | `count_distinct`, `mode`; `interned`: the values seen in each group |
//! | `text` | `string_agg` |
//! | `approximate` | `approx_count_distinct`, `approx_quantile` |
//! | `truth` | `bool_and`, `bool_or`, `count_if` |
//! | [`state`] | the states of all of them as text; `measured`: their memory |
//!
//! An accumulator holds the states of all groups for one call, so that a batch of records costs one
//! virtual call. No result depends on how the stream is dealt to threads; only `first`, `last`,
//! `string_agg` and ties depend on the order of its records.

mod approximate;
mod argument;
mod best;
mod count;
mod distinct;
mod exact;
mod extremes;
mod interned;
mod measured;
mod numbers;
mod position;
mod quantile;
mod spread;
pub mod state;
mod sum;
mod text;
mod truth;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::ops::RangeInclusive;

use bumpalo::Bump;

use crate::record::Fault;
use crate::value::{Numbers, Value};

pub use argument::Argument;
use state::{Saved, Words};

pub use super::Position;

/// Records of one block, handed to an accumulator.
pub struct Batch<'b, 'v> {
    /// The group of each record.
    pub groups: &'b [u32],
    /// The block's place in the stream.
    pub block: u64,
    /// Each record's place in its block.
    pub records: &'b [u32],
    /// The values of each argument.
    pub arguments: &'b [&'b Argument<'v>],
}

impl<'v> Batch<'_, 'v> {
    /// The values of an argument, one for each record.
    #[inline(always)]
    pub fn values(&self, argument: usize) -> impl Iterator<Item = Value<'v>> {
        let argument = self.arguments[argument];
        let records = self.records.iter().enumerate();
        records.map(|(place, &record)| argument.get(place, record))
    }

    /// The values of an argument that must be a number: decimals, doubles or null.
    #[inline(always)]
    pub fn number_values(&self, argument: usize) -> impl Iterator<Item = Value<'v>> {
        let argument = self.arguments[argument];
        let records = self.records.iter().enumerate();
        records.map(|(place, &record)| argument.number(place, record))
    }

    /// The values of an argument, where all are short numbers.
    pub fn numbers(&self, argument: usize) -> Option<Numbers<'v>> {
        self.arguments[argument].numbers(self.records)
    }

    /// Where the record at `place` of the batch stands in the whole stream; ascending.
    pub fn position(&self, place: usize) -> Position {
        (self.block, self.records[place])
    }
}

/// The states of all groups for one call of an aggregate.
pub trait Accumulator: Any + Send {
    /// Makes room for groups `0..groups`.
    fn grow(&mut self, groups: usize);

    /// Takes in records. Nothing can go wrong here: what can was said when the arguments were
    /// computed, or is said by [`Accumulator::finish`].
    fn absorb(&mut self, batch: &Batch<'_, '_>);

    /// Takes in another thread's states of the same call: its group `i` is `map[i]` here.
    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]);

    /// Writes a group's state, the same one however its records were dealt.
    fn save(&self, group: u32, saved: &mut Saved<'_>);

    /// Takes in a state that [`Accumulator::save`] wrote of the same call.
    ///
    /// # Errors
    /// It is no such state.
    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault>;

    /// About how many bytes of memory the states take.
    fn bytes(&self) -> usize;

    /// A group's result.
    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault>;
}

/// The other side of a merge as what it is. Both sides come from one call, so it is of one type.
fn same<A: Accumulator>(other: Box<dyn Accumulator>) -> A {
    let other: Box<dyn Any> = other;
    match other.downcast() {
        Ok(other) => *other,
        Err(_) => unreachable!("both sides of a merge come from one call"),
    }
}

/// An aggregate function.
pub struct Aggregate {
    /// In lower case.
    pub name: &'static str,
    /// Other names it goes by.
    pub aliases: &'static [&'static str],
    /// Its arguments' names, as help shows them.
    pub parameters: &'static str,
    /// How many arguments it takes.
    pub arity: RangeInclusive<usize>,
    /// One line on what it yields.
    pub purpose: &'static str,
    /// Which arguments must be numbers.
    pub numeric: &'static [usize],
    /// Makes the states of a call. One entry for each argument, known where it is a constant.
    pub make: Make,
}

/// Makes the states of a call from its constant arguments.
pub type Make = fn(&[Option<Value<'static>>]) -> Result<Box<dyn Accumulator>, Fault>;

impl Aggregate {
    /// Whether the argument at `place` must be a number.
    pub fn is_numeric(&self, place: usize) -> bool {
        self.numeric.contains(&place)
    }
}

static FAMILIES: [&[Aggregate]; 10] = [
    count::AGGREGATES,
    sum::AGGREGATES,
    extremes::AGGREGATES,
    position::AGGREGATES,
    quantile::AGGREGATES,
    spread::AGGREGATES,
    distinct::AGGREGATES,
    text::AGGREGATES,
    truth::AGGREGATES,
    approximate::AGGREGATES,
];

/// All aggregate functions, in the order that help lists them.
pub fn all() -> impl Iterator<Item = &'static Aggregate> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The aggregate function of this name.
pub fn find(name: &str) -> Option<&'static Aggregate> {
    all().find(|aggregate| aggregate.name == name || aggregate.aliases.contains(&name))
}
