//! How many different values there are, and which is the most frequent. Numbers are the same by
//! value, all else by its text; see [`write_identity`].

use bumpalo::Bump;

use super::held::Held;
use super::interned::Interned;
use super::{Accumulator, Aggregate, Batch, Position, same};
use crate::record::Fault;
use crate::value::identity::write_identity;
use crate::value::{Decimal, Value};

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "count_distinct",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "how many different values",
        numeric: &[],
        make: |_| Ok(Box::new(CountDistinct::default())),
    },
    Aggregate {
        name: "mode",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "the most frequent value; of equally frequent ones the first",
        numeric: &[],
        make: |_| Ok(Box::new(Mode::default())),
    },
];

#[derive(Default)]
struct CountDistinct {
    seen: Interned,
    counts: Vec<u64>,
}

impl Accumulator for CountDistinct {
    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups, 0);
    }

    fn absorb(&mut self, batch: &Batch<'_>) {
        let mut identity = Vec::new();
        for (&group, value) in batch.groups.iter().zip(batch.arguments[0]) {
            if matches!(value, Value::Null) {
                continue;
            }
            identity.clear();
            write_identity(value, &mut identity);
            let (_, is_new) = self.seen.insert(group, &identity);
            self.counts[group as usize] += u64::from(is_new);
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        for (group, identity) in other.seen.iter() {
            let group = map[group as usize];
            let (_, is_new) = self.seen.insert(group, identity);
            self.counts[group as usize] += u64::from(is_new);
        }
    }

    fn finish<'a>(&self, group: u32, _: &'a Bump) -> Result<Value<'a>, Fault> {
        Ok(Value::Decimal(Decimal::from(self.counts[group as usize])))
    }
}

#[derive(Default)]
struct Mode {
    seen: Interned,
    /// By the numbers that `seen` gives.
    values: Vec<Seen>,
    /// The number of each group's most frequent value.
    best: Vec<Option<u32>>,
}

/// How often a value was seen, and where first and in which spelling.
struct Seen {
    count: u64,
    first: Position,
    value: Held,
}

impl Mode {
    /// A value's count went up, or it was found in an earlier place: is it the best now?
    fn compete(&mut self, group: u32, number: u32) {
        let best = &mut self.best[group as usize];
        let is_better = best.is_none_or(|best| {
            let (old, new) = (&self.values[best as usize], &self.values[number as usize]);
            new.count > old.count || (new.count == old.count && new.first < old.first)
        });
        if is_better {
            *best = Some(number);
        }
    }

    fn add(&mut self, group: u32, identity: &[u8], seen: Seen) {
        let (number, is_new) = self.seen.insert(group, identity);
        if is_new {
            self.values.push(seen);
        } else {
            let known = &mut self.values[number as usize];
            known.count += seen.count;
            if seen.first < known.first {
                known.first = seen.first;
                known.value = seen.value;
            }
        }
        self.compete(group, number);
    }
}

impl Accumulator for Mode {
    fn grow(&mut self, groups: usize) {
        self.best.resize(groups, None);
    }

    fn absorb(&mut self, batch: &Batch<'_>) {
        let mut identity = Vec::new();
        for (place, (&group, value)) in batch.groups.iter().zip(batch.arguments[0]).enumerate() {
            let first = batch.position(place);
            if matches!(value, Value::Null) {
                continue;
            }
            identity.clear();
            write_identity(value, &mut identity);
            let (number, is_new) = self.seen.insert(group, &identity);
            if is_new {
                let mut held = Held::Null;
                held.set(value);
                self.values.push(Seen {
                    count: 1,
                    first,
                    value: held,
                });
            } else {
                let known = &mut self.values[number as usize];
                known.count += 1;
                if first < known.first {
                    known.first = first;
                    known.value.set(value);
                }
            }
            self.compete(group, number);
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        for ((group, identity), seen) in other.seen.iter().zip(other.values) {
            self.add(map[group as usize], identity, seen);
        }
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        Ok(match self.best[group as usize] {
            Some(number) => self.values[number as usize].value.copied(arena),
            None => Value::Null,
        })
    }
}
