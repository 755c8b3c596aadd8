//! `min` and `max`: of numbers by value, of text byte by byte, of times in time.

use std::cmp::Ordering;

use bumpalo::Bump;

use super::best::Best;
use super::rank::Rank;
use super::{Accumulator, Aggregate, Batch, same};
use crate::record::Fault;
use crate::value::Value;

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "min",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "the least value, as it is spelled",
        numeric: &[],
        make: |_| Ok(Box::new(Extremes::new(Ordering::Less))),
    },
    Aggregate {
        name: "max",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "the greatest value, as it is spelled",
        numeric: &[],
        make: |_| Ok(Box::new(Extremes::new(Ordering::Greater))),
    },
];

/// `min` and `max`.
struct Extremes {
    wanted: Ordering,
    best: Vec<Best>,
}

impl Extremes {
    fn new(wanted: Ordering) -> Self {
        Extremes {
            wanted,
            best: Vec::new(),
        }
    }
}

impl Accumulator for Extremes {
    fn grow(&mut self, groups: usize) {
        self.best.resize_with(groups, Best::default);
    }

    fn absorb(&mut self, batch: &Batch<'_>) {
        for (&group, value) in batch.groups.iter().zip(batch.arguments[0]) {
            let best = &mut self.best[group as usize];
            if best.is_worse_number(value, self.wanted) {
                continue;
            }
            if let Some(rank) = Rank::of(value) {
                best.offer(rank, self.wanted);
            }
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        for (best, &group) in other.best.into_iter().zip(map) {
            self.best[group as usize].merge(best, self.wanted);
        }
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        self.best[group as usize].value(arena)
    }
}
