//! `min` and `max`: of numbers by value, of text byte by byte, of times in time.

use std::cmp::Ordering;

use bumpalo::Bump;

use super::held::Held;
use super::{Accumulator, Aggregate, Batch, same};
use crate::record::Fault;
use crate::value::{Value, compare, parse};

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

/// The best number and the best text of a group: only one may be there in the end, but which
/// fields are numbers is known only when all were seen.
#[derive(Clone, Default)]
struct Best {
    number: Held,
    other: Held,
}

struct Extremes {
    /// How a better value stands to the best one so far.
    better: Ordering,
    best: Vec<Best>,
}

impl Extremes {
    fn new(better: Ordering) -> Self {
        Extremes {
            better,
            best: Vec::new(),
        }
    }

    #[inline]
    fn offer(&mut self, group: u32, value: &Value<'_>) {
        let best = &mut self.best[group as usize];
        let held = match value {
            Value::Null => return,
            Value::Decimal(_) | Value::Double(_) => &mut best.number,
            Value::Raw(text) | Value::Text(text) if parse::is_plain(text) => &mut best.number,
            _ => &mut best.other,
        };
        let known = held.value();
        let order = match known {
            Value::Null => Some(self.better),
            _ => order_of(value, &known),
        };
        // Equal numbers can be spelled differently (1.0 and 1); the lesser spelling wins, so that
        // the result does not depend on which came first.
        let is_better = match order {
            Some(Ordering::Equal) => compare::texts(value, &known) == Some(Ordering::Less),
            Some(order) => order == self.better,
            None => false,
        };
        if is_better {
            held.set(value);
        }
    }
}

/// The order of two numbers, or of two other values; what cannot be compared in kind is compared
/// as text.
#[inline]
fn order_of(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    compare::compare(a, b).unwrap_or_else(|_| compare::texts(a, b))
}

impl Accumulator for Extremes {
    fn grow(&mut self, groups: usize) {
        self.best.resize_with(groups, Best::default);
    }

    fn absorb(&mut self, batch: &Batch<'_>) {
        for (&group, value) in batch.groups.iter().zip(batch.arguments[0]) {
            self.offer(group, value);
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let Some(other) = same::<Self>(other) else {
            return;
        };
        for (best, &group) in other.best.iter().zip(map) {
            self.offer(group, &best.number.value());
            self.offer(group, &best.other.value());
        }
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        let best = &self.best[group as usize];
        match (best.number.value(), best.other.value()) {
            (Value::Null, _) => Ok(best.other.copied(arena)),
            (_, Value::Null) => Ok(best.number.copied(arena)),
            (number, other) => Err(Fault::new(format!(
                "mixes numbers and text ({} and {}); use number(x) or text(x)",
                crate::value::text::quoted(&number),
                crate::value::text::quoted(&other)
            ))),
        }
    }
}
