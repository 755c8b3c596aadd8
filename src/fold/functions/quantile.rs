//! Exact medians and other quantiles: every number is kept until the end.

use bumpalo::Bump;

use super::measured::Measured;
use super::numbers::Numbers;
use super::state::{Saved, Words};
use super::{Accumulator, Aggregate, Batch, same};
use crate::record::Fault;
use crate::value::decimal::{Rounding, power_of_ten};
use crate::value::numbers::{NULL, Numbers as Column};
use crate::value::wide::Wide;
use crate::value::{Decimal, Number, Real, Value, text};

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "median",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "the number in the middle, or the mean of the two there",
        numeric: &[0],
        make: |_| Ok(Box::new(Quantile::new(Decimal::raw(5, 1)))),
    },
    Aggregate {
        name: "quantile",
        aliases: &["quantile_cont", "percentile_cont"],
        parameters: "x, q",
        arity: 2..=2,
        purpose: "the number below which the share q (0 to 1) lies, between two by interpolation",
        numeric: &[0],
        make: make_quantile,
    },
];

fn make_quantile(arguments: &[Option<Value<'static>>]) -> Result<Box<dyn Accumulator>, Fault> {
    Ok(Box::new(Quantile::new(share_of(arguments)?)))
}

/// Returns the share that the second argument gives.
pub(super) fn share_of(arguments: &[Option<Value<'static>>]) -> Result<Decimal, Fault> {
    let Some(Some(share)) = arguments.get(1) else {
        return Err(Fault::new("the share must be a constant"));
    };
    match text::to_number(share) {
        Ok(Some(Number::Decimal(exact)))
            if Decimal::ZERO <= exact && exact <= Decimal::ONE && exact.scale() <= 18 =>
        {
            Ok(exact)
        }
        _ => Err(Fault::new(format!(
            "{} is not a share between 0 and 1",
            text::quoted(share)
        ))),
    }
}

/// Numbers with more decimal places than this do not change the common scale.
const WIDEST: u8 = 9;

/// All numbers of each group.
struct Quantile {
    share: Decimal,
    /// The scale of all the integers in `states`.
    scale: u8,
    states: Vec<Numbers>,
    /// How many numbers were added.
    added: usize,
    measured: Measured,
}

impl Quantile {
    fn new(share: Decimal) -> Self {
        Quantile {
            share,
            scale: 0,
            states: Vec::new(),
            added: 0,
            measured: Measured::default(),
        }
    }

    #[inline]
    fn add(&mut self, group: u32, number: Decimal) {
        match number.small_mantissa() {
            Some(mantissa) if number.scale() == self.scale => {
                self.states[group as usize].add(mantissa);
            }
            _ => self.add_scaled(group, number),
        }
    }

    /// Adds a batch of short numbers; returns false if they are not at the common scale.
    fn add_all(&mut self, groups: &[u32], numbers: &Column<'_>) -> bool {
        if self.scale != numbers.scale {
            return false;
        }
        for (&group, &mantissa) in groups.iter().zip(numbers.mantissas) {
            if mantissa != NULL {
                self.states[group as usize].add(mantissa);
            }
        }
        true
    }

    #[inline(never)]
    fn add_scaled(&mut self, group: u32, number: Decimal) {
        self.add_weighted(group, number, 1);
    }

    fn add_weighted(&mut self, group: u32, number: Decimal, weight: u64) {
        let least = number.normalized();
        if least.scale() > self.scale && least.scale() <= WIDEST {
            self.widen(least.scale());
        }
        let aligned = match self.scale.checked_sub(least.scale()) {
            Some(places) => least.mantissa().checked_mul(power_of_ten(places)),
            None => None,
        };
        let numbers = &mut self.states[group as usize];
        match aligned.and_then(|aligned| i64::try_from(aligned).ok()) {
            Some(aligned) => numbers.add_weighted(aligned, weight),
            None => (0..weight).for_each(|_| numbers.add_other(least.into())),
        }
    }

    #[cold]
    fn add_long(&mut self, group: u32, digits: &[u8]) {
        if let Ok(Some(number)) = Real::of(&Value::Long(digits)) {
            self.states[group as usize].add_other(number);
        }
    }

    /// Converts all integers to a greater scale.
    fn widen(&mut self, scale: u8) {
        let places = scale - self.scale;
        for numbers in &mut self.states {
            numbers.widen(self.scale, places);
        }
        self.scale = scale;
    }
}

impl Accumulator for Quantile {
    fn grow(&mut self, groups: usize) {
        self.states.resize_with(groups, Numbers::default);
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        self.added += batch.groups.len();
        if let Some(numbers) = batch.numbers(0)
            && self.add_all(batch.groups, &numbers)
        {
            return;
        }
        for (&group, value) in batch.groups.iter().zip(batch.number_values(0)) {
            match value {
                Value::Decimal(decimal) => self.add(group, decimal),
                Value::Double(double) => {
                    self.states[group as usize].add_other(Real::Number(Number::Double(double)));
                }
                Value::Long(digits) => self.add_long(group, digits),
                _ => {}
            }
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let mut other: Self = same(other);
        if other.scale < self.scale {
            other.widen(self.scale);
        } else if other.scale > self.scale {
            self.widen(other.scale);
        }
        self.added += other.added;
        for (theirs, &group) in other.states.into_iter().zip(map) {
            self.states[group as usize].merge(theirs);
        }
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        let arena = Bump::new();
        for (number, weight) in self.states[group as usize].sorted(self.scale) {
            saved.value(&match number {
                Real::Number(Number::Decimal(decimal)) => Value::Decimal(decimal.normalized()),
                number => number.to_value(&arena),
            });
            saved.count(weight);
        }
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        let arena = Bump::new();
        while !words.is_empty() {
            let number = Real::of(&words.value(&arena)?)?;
            let weight = words.count()?;
            self.added = self.added.saturating_add(weight as usize);
            match number {
                Some(Real::Number(Number::Decimal(decimal))) => {
                    self.add_weighted(group, decimal, weight)
                }
                Some(other) => {
                    let numbers = &mut self.states[group as usize];
                    (0..weight).for_each(|_| numbers.add_other(other.clone()));
                }
                None => {}
            }
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.measured
            .bytes(self.added, || self.states.iter().map(Numbers::bytes).sum())
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        let numbers = &self.states[group as usize];
        let Some(last) = numbers.len().checked_sub(1) else {
            return Ok(Value::Null);
        };
        // Exact: there are fewer than 10^20 numbers, and the share has at most 18 decimal places.
        let place = self.share.multiply(Decimal::from(last));
        let place = place.unwrap_or(Decimal::ZERO);
        let floor = place.round_by(0, Rounding::Floor);
        let floor = floor.and_then(Decimal::to_i64).unwrap_or(0) as u64;
        let floor = floor.min(last);
        let [low, high] = numbers.at(floor, self.scale);
        let rest = Wide::from(place).subtract(&Decimal::from(floor).into());
        if rest.is_zero() || low == high {
            return Ok(low.to_value(arena));
        }
        let mut between = high.to_wide().subtract(&low.to_wide()).multiply(&rest);
        between.add(&low.to_wide());
        let is_rounded = low.is_double() || high.is_double();
        Ok(Real::of_sum(between, is_rounded)?.to_value(arena))
    }
}
