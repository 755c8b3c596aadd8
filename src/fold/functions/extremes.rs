//! `min` and `max`, in the single order of all values.

use std::cmp::Ordering;

use bumpalo::Bump;

use super::best::Best;
use super::state::{Saved, Words};
use super::{Accumulator, Aggregate, Batch, same};
use crate::fold::room;
use crate::record::Fault;
use crate::value::numbers::{NULL, small_power};
use crate::value::{Decimal, Numbers, Value};

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
    /// Integers at one scale; the best value of a group is at least as good as its limit. [`NULL`] if unknown.
    limits: Vec<i64>,
    scale: u8,
    /// Size of the texts in `best`, in bytes.
    texts: usize,
}

impl Extremes {
    fn new(wanted: Ordering) -> Self {
        Extremes {
            wanted,
            best: Vec::new(),
            limits: Vec::new(),
            scale: 0,
            texts: 0,
        }
    }

    #[inline]
    fn offer(&mut self, group: u32, value: &Value<'_>) {
        if !matches!(value, Value::Null) {
            let best = &mut self.best[group as usize];
            self.texts -= best.bytes();
            best.offer(value, self.wanted);
            self.texts += best.bytes();
        }
    }

    /// Merges another best value of the same group.
    fn take(&mut self, group: u32, other: &Best) {
        let best = &mut self.best[group as usize];
        self.texts -= best.bytes();
        best.merge(other, self.wanted);
        self.texts += best.bytes();
    }

    /// Offers a value that may be better than the limit, and updates the limit.
    #[inline(never)]
    fn offer_number(&mut self, group: u32, value: &Value<'_>) {
        self.offer(group, value);
        let best = self.best[group as usize].number();
        self.limits[group as usize] = best.and_then(|best| self.aligned(best)).unwrap_or(NULL);
    }

    /// Returns a number as an integer at the limits' scale.
    fn aligned(&self, number: Decimal) -> Option<i64> {
        let least = number.normalized();
        let power = small_power(self.scale.checked_sub(least.scale())?)?;
        least.small_mantissa()?.checked_mul(power)
    }

    /// Converts the limits to a scale that is not smaller.
    fn widen(&mut self, scale: u8) {
        let power = small_power(scale - self.scale).unwrap_or(i64::MAX);
        for limit in self.limits.iter_mut().filter(|limit| **limit != NULL) {
            *limit = limit.checked_mul(power).unwrap_or(NULL);
        }
        self.scale = scale;
    }

    /// Takes numbers. Most are worse than the limit, which makes them cheap.
    fn absorb_numbers(&mut self, batch: &Batch<'_, '_>, numbers: &Numbers<'_>) {
        if numbers.scale > self.scale {
            self.widen(numbers.scale);
        }
        let power = small_power(self.scale - numbers.scale).unwrap_or(i64::MAX);
        let is_less = self.wanted == Ordering::Less;
        let each = batch.groups.iter().zip(numbers.mantissas).enumerate();
        for (place, (&group, &mantissa)) in each {
            let limit = self.limits[group as usize];
            let (number, overflows) = mantissa.overflowing_mul(power);
            let is_worse = match is_less {
                true => number > limit,
                false => number < limit,
            };
            if (is_worse & !overflows & (limit != NULL)) | (mantissa == NULL) {
                continue;
            }
            let value = batch.arguments[0].get(place, batch.records[place]);
            self.offer_number(group, &value);
        }
    }
}

impl Accumulator for Extremes {
    fn grow(&mut self, groups: usize) {
        self.best.resize_with(groups, Best::default);
        room::resize(&mut self.limits, groups, NULL);
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        match batch.numbers(0).filter(|numbers| numbers.is_plain) {
            Some(numbers) => self.absorb_numbers(batch, &numbers),
            None => {
                for (&group, value) in batch.groups.iter().zip(batch.values(0)) {
                    self.offer(group, &value);
                }
            }
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        for (best, &group) in other.best.iter().zip(map) {
            self.take(group, best);
        }
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        self.best[group as usize].save(saved);
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        self.take(group, &Best::load(words)?);
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.texts + size_of_val(&self.best[..]) + size_of_val(&self.limits[..])
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        Ok(self.best[group as usize].value(arena))
    }
}
