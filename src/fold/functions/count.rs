//! `count()` and `count(x)`.

use bumpalo::Bump;

use super::state::{Saved, Words, add};
use super::{Accumulator, Aggregate, Batch, same};
use crate::fold::room;
use crate::fold::table::LOT;
use crate::record::Fault;
use crate::value::{Decimal, Value};

pub(super) static AGGREGATES: &[Aggregate] = &[Aggregate {
    name: "count",
    aliases: &[],
    parameters: "[x]",
    arity: 0..=1,
    purpose: "how many records; count(x): how many where x is not null",
    numeric: &[],
    make: |_| Ok(Box::new(Count::default())),
}];

/// Number of records per group.
#[derive(Default)]
struct Count(Vec<u64>);

impl Accumulator for Count {
    fn grow(&mut self, groups: usize) {
        room::resize(&mut self.0, groups, 0);
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        match batch.arguments {
            [] => match &mut self.0[..] {
                [count] => *count += batch.groups.len() as u64,
                counts => {
                    for groups in batch.groups.chunks(LOT) {
                        room::prefetch_all(counts, groups);
                        for &group in groups {
                            counts[group as usize] += 1;
                        }
                    }
                }
            },
            [_, ..] => {
                for (&group, value) in batch.groups.iter().zip(batch.values(0)) {
                    self.0[group as usize] += u64::from(!matches!(value, Value::Null));
                }
            }
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        for (count, &group) in other.0.iter().zip(map) {
            self.0[group as usize] += count;
        }
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        saved.count(self.0[group as usize]);
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        add(&mut self.0[group as usize], words.count()?)
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.0[..])
    }

    fn finish<'a>(&self, group: u32, _: &'a Bump) -> Result<Value<'a>, Fault> {
        Ok(Value::Decimal(Decimal::from(self.0[group as usize])))
    }
}
