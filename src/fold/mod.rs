//! What many records become: groups, and the aggregate functions over them.
//!
//! | file | what it holds |
//! |---|---|
//! | `groups` | the groups; `table`: from keys to numbers; `room`: memory for large tables |
//! | `aggregation` | keys, calls of aggregates, and expressions over them |
//! | `argument` | the values that aggregates take in |
//! | `count` | `count` |
//! | `sum` | `sum`, `avg` |
//! | `extremes` | `min`, `max`; `best`, `rank`: what they compare |
//! | `position` | `first`, `last`, `arg_min`, `arg_max` |
//! | `quantile` | `median`, `quantile`; `numbers`: those of a group |
//! | `exact` | exact sums of all groups |
//! | `spread` | `variance`, `stddev` and their population forms |
//! | `distinct` | `count_distinct`, `mode`; `interned`: the values seen in each group |
//! | `text` | `string_agg` |
//! | `truth` | `bool_and`, `bool_or`, `count_if` |
//! | [`order`] | records in order; `spill`: what is too much for memory |
//! | [`dedupe`] | one record of each key |
//! | [`sequence`] | what is carried from record to record |
//! | [`lookup`] | a table that the records of a stream are joined with |
//!
//! An accumulator holds the states of all groups for one call, so that a batch of records costs one
//! virtual call. No result depends on how the stream is dealt to threads; only `first`, `last`,
//! `string_agg` and ties depend on the order of its records.

mod aggregation;
mod argument;
mod best;
mod count;
pub mod dedupe;
mod distinct;
mod exact;
mod extremes;
mod groups;
mod held;
mod interned;
pub mod lookup;
mod numbers;
pub mod order;
mod position;
mod quantile;
mod rank;
mod room;
pub mod sequence;
mod spill;
mod spread;
mod sum;
mod table;
mod text;
mod truth;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::ops::RangeInclusive;

use bumpalo::Bump;

use crate::record::Fault;
use crate::value::{Numbers, Value};

pub use aggregation::{Aggregation, State};
pub use argument::Argument;
use groups::Groups;

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

/// A record's place in the stream: its block, and its place there.
pub type Position = (u64, u32);

/// The states of all groups for one call of an aggregate.
pub trait Accumulator: Any + Send {
    /// Makes room for groups `0..groups`.
    fn grow(&mut self, groups: usize);

    /// Takes in records. Nothing can go wrong here: what can was said when the arguments were
    /// computed, or is said by [`Accumulator::finish`].
    fn absorb(&mut self, batch: &Batch<'_, '_>);

    /// Takes in another thread's states of the same call: its group `i` is `map[i]` here.
    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]);

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

static FAMILIES: [&[Aggregate]; 9] = [
    count::AGGREGATES,
    sum::AGGREGATES,
    extremes::AGGREGATES,
    position::AGGREGATES,
    quantile::AGGREGATES,
    spread::AGGREGATES,
    distinct::AGGREGATES,
    text::AGGREGATES,
    truth::AGGREGATES,
];

/// All aggregate functions, in the order that help lists them.
pub fn all() -> impl Iterator<Item = &'static Aggregate> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The aggregate function of this name.
pub fn find(name: &str) -> Option<&'static Aggregate> {
    all().find(|aggregate| aggregate.name == name || aggregate.aliases.contains(&name))
}
