//! `sum` and `avg`: exact, whatever the order.
//!
//! A sum is a mantissa at the largest scale seen. Where 38 digits do not hold it, it goes on as an
//! integer of any length; it may come back into range, and only the result must fit. A double is
//! added as the decimal that it prints as, so that summing a computed value gives what summing a
//! column of its printed values gives.

use std::collections::HashMap;

use bumpalo::Bump;

use super::{Accumulator, Aggregate, Batch, same};
use crate::record::Fault;
use crate::value::wide::Wide;
use crate::value::{Decimal, Number, Value};

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "sum",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "the exact sum; null where there is no number",
        numeric: &[0],
        make: |_| Ok(Box::new(Sums::new(false))),
    },
    Aggregate {
        name: "avg",
        aliases: &["mean"],
        parameters: "x",
        arity: 1..=1,
        purpose: "the mean, of the exact sum",
        numeric: &[0],
        make: |_| Ok(Box::new(Sums::new(true))),
    },
];

/// One group's sum.
#[derive(Clone, Copy)]
struct Sum {
    /// What was added so far; the rest is in `Sums::wide` where there is any.
    total: Decimal,
    count: u64,
}

struct Sums {
    is_mean: bool,
    sums: Vec<Sum>,
    /// What does not fit into a decimal, by group.
    wide: HashMap<u32, Wide>,
    /// Groups that took in a double: their result may be rounded to one.
    rounded: Vec<bool>,
}

impl Sums {
    fn new(is_mean: bool) -> Self {
        Sums {
            is_mean,
            sums: Vec::new(),
            wide: HashMap::new(),
            rounded: Vec::new(),
        }
    }

    #[inline]
    fn add(&mut self, group: u32, number: Decimal) {
        let total = &mut self.sums[group as usize].total;
        match total.add(number) {
            Some(sum) => *total = sum,
            None => self.add_wide(group, number.into()),
        }
    }

    #[cold]
    fn add_wide(&mut self, group: u32, number: Wide) {
        match self.wide.get_mut(&group) {
            Some(wide) => wide.add(&number),
            None => {
                self.wide.insert(group, number);
            }
        }
    }

    #[inline(never)]
    fn add_double(&mut self, group: u32, double: f64) {
        self.rounded[group as usize] = true;
        match Decimal::from_f64_shortest(double) {
            Some(decimal) => self.add(group, decimal),
            None => self.add_wide(group, Wide::from_f64_shortest(double)),
        }
    }

    fn total(&self, group: u32) -> Wide {
        let mut total = Wide::from(self.sums[group as usize].total);
        if let Some(wide) = self.wide.get(&group) {
            total.add(wide);
        }
        total
    }
}

impl Accumulator for Sums {
    fn grow(&mut self, groups: usize) {
        let empty = Sum {
            total: Decimal::from(0u64),
            count: 0,
        };
        self.sums.resize(groups, empty);
        self.rounded.resize(groups, false);
    }

    fn absorb(&mut self, batch: &Batch<'_>) {
        for (&group, value) in batch.groups.iter().zip(batch.arguments[0]) {
            match value {
                Value::Decimal(decimal) => self.add(group, *decimal),
                Value::Double(double) => self.add_double(group, *double),
                _ => continue,
            }
            self.sums[group as usize].count += 1;
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        for (sum, &group) in other.sums.iter().zip(map) {
            self.add(group, sum.total);
            self.sums[group as usize].count += sum.count;
        }
        for (theirs, wide) in other.wide {
            self.add_wide(map[theirs as usize], wide);
        }
        for (rounded, &group) in other.rounded.into_iter().zip(map) {
            self.rounded[group as usize] |= rounded;
        }
    }

    fn finish<'a>(&self, group: u32, _: &'a Bump) -> Result<Value<'a>, Fault> {
        let Sum { total, count } = self.sums[group as usize];
        if count == 0 {
            return Ok(Value::Null);
        }
        let is_wide = self.wide.contains_key(&group);
        let number = match (is_wide, self.is_mean) {
            (false, false) => Number::Decimal(total),
            (false, true) => Number::Decimal(total).divide(Decimal::from(count).into())?,
            (true, false) => self.total(group).to_number(self.rounded[group as usize])?,
            (true, true) => self.total(group).divide(&Decimal::from(count).into())?,
        };
        Ok(number.into())
    }
}
