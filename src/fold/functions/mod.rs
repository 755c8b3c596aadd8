//! The aggregate functions.
//!
//! | file | what it holds |
//! |---|---|
//! | `argument` | the values of an aggregate's arguments |
//! | `count` | `count` |
//! | `sum` | `sum`, `avg` |
//! | `extremes` | `min`, `max`; `best`: the best value so far |
//! | `position` | `first`, `last`, `arg_min`, `arg_max` |
//! | `quantile` | `median`, `quantile`; `numbers`: the numbers of a group |
//! | `exact` | exact sums per group |
//! | `spread` | `variance`, `stddev` and their population forms |
//! | `distinct` | `count_distinct`, `mode`; `interned`: the values seen in each group |
//! | `text` | `string_agg` |
//! | `approximate` | `approx_count_distinct`, `approx_quantile` |
//! | `truth` | `bool_and`, `bool_or`, `count_if` |
//! | [`state`] | the states of all of them as text; `measured`: estimates of their memory |
//!
//! An accumulator holds the states of all groups for one call, so a batch of records costs one virtual call. No
//! result depends on how the stream is divided among threads; only `first`, `last`, `string_agg` and ties depend on
//! the order of the records.

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

/// Records of one block, as passed to an accumulator.
pub struct Batch<'b, 'v> {
    /// The group of each record.
    pub groups: &'b [u32],
    /// The block's index in the stream.
    pub block: u64,
    /// Each record's index in its block.
    pub records: &'b [u32],
    /// The values of the arguments.
    pub arguments: &'b [&'b Argument<'v>],
}

impl<'v> Batch<'_, 'v> {
    /// Returns the values of an argument, one per record.
    #[inline(always)]
    pub fn values(&self, argument: usize) -> impl Iterator<Item = Value<'v>> {
        let argument = self.arguments[argument];
        let records = self.records.iter().enumerate();
        records.map(|(place, &record)| argument.get(place, record))
    }

    /// Returns the values of an argument that must be a number: decimals, doubles or null.
    #[inline(always)]
    pub fn number_values(&self, argument: usize) -> impl Iterator<Item = Value<'v>> {
        let argument = self.arguments[argument];
        let records = self.records.iter().enumerate();
        records.map(|(place, &record)| argument.number(place, record))
    }

    /// Returns the values of an argument if all are short numbers.
    pub fn numbers(&self, argument: usize) -> Option<Numbers<'v>> {
        self.arguments[argument].numbers(self.records)
    }

    /// Returns the position in the stream of the record at `place` of the batch; ascending.
    pub fn position(&self, place: usize) -> Position {
        (self.block, self.records[place])
    }
}

/// The states of all groups for one call of an aggregate.
pub trait Accumulator: Any + Send {
    /// Makes room for groups `0..groups`.
    fn grow(&mut self, groups: usize);

    /// Adds records. Cannot fail: faults are found when the arguments are evaluated, or reported by
    /// [`Accumulator::finish`].
    fn absorb(&mut self, batch: &Batch<'_, '_>);

    /// Merges another thread's states of the same call; its group `i` is `map[i]` here.
    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]);

    /// Writes a group's state, which does not depend on how its records were divided among threads.
    fn save(&self, group: u32, saved: &mut Saved<'_>);

    /// Merges a state that [`Accumulator::save`] wrote for the same call.
    ///
    /// # Errors
    /// It is not such a state.
    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault>;

    /// Returns approximately how many bytes the states take.
    fn bytes(&self) -> usize;

    /// Returns a group's result.
    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault>;
}

/// Downcasts the other side of a merge. Both sides come from one call, so they have one type.
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
    /// Alternative names.
    pub aliases: &'static [&'static str],
    /// The names of its parameters, as help shows them.
    pub parameters: &'static str,
    /// How many arguments it accepts.
    pub arity: RangeInclusive<usize>,
    /// One line on what it returns.
    pub purpose: &'static str,
    /// Which arguments must be numbers.
    pub numeric: &'static [usize],
    /// Creates the states of a call.
    pub make: Make,
}

/// Creates the states of a call; gets one entry per argument, which is `None` unless the argument is constant.
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

/// Returns all aggregate functions, in the order in which help lists them.
pub fn all() -> impl Iterator<Item = &'static Aggregate> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Returns the aggregate function with this name or alias.
pub fn find(name: &str) -> Option<&'static Aggregate> {
    all().find(|aggregate| aggregate.name == name || aggregate.aliases.contains(&name))
}
