//! `sum` and `avg`: exact, independent of the order.
//!
//! A sum is a 64-bit integer at the largest scale seen. What overflows or does not fit there is added up separately
//! in 128 bits, and beyond these in an integer of any length. The sum may come back into range; only the result
//! must fit into 1,000 digits before and after the point. A double is added as the decimal that it prints as, so
//! that summing a computed value gives the same result as summing a column of its printed values.

use bumpalo::Bump;

use super::state::{Exact, Saved, Words, add};
use super::{Accumulator, Aggregate, Batch, exact, same};
use crate::fold::room;
use crate::fold::table::LOT;
use crate::record::Fault;
use crate::value::numbers::{NULL, small_power};
use crate::value::wide::Wide;
use crate::value::{Decimal, Number, Numbers, Real, Value};

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

/// The mark of a state whose result may be rounded.
const ROUNDED: &str = "rounded";

/// Numbers with more decimal places than this do not change the common scale.
const WIDEST: u8 = 9;

/// One group's sum.
#[derive(Clone, Copy, Default)]
struct Sum {
    /// The sum at the common scale; the rest is in `Sums::rest`.
    mantissa: i64,
    count: u64,
}

struct Sums {
    is_mean: bool,
    scale: u8,
    sums: Vec<Sum>,
    /// What did not fit. Has no states while it is empty.
    rest: exact::Sums,
    /// Whether a group added a double, so that its result may be rounded to one. Empty while no group did.
    rounded: Vec<bool>,
}

impl Sums {
    fn new(is_mean: bool) -> Self {
        Sums {
            is_mean,
            scale: 0,
            sums: Vec::new(),
            rest: exact::Sums::new(20),
            rounded: Vec::new(),
        }
    }

    /// Adds an integer at the common scale.
    #[inline(always)]
    fn add_aligned(&mut self, group: u32, mantissa: i64) {
        let sum = &mut self.sums[group as usize].mantissa;
        match sum.checked_add(mantissa) {
            Some(more) => *sum = more,
            None => {
                let full = std::mem::replace(sum, mantissa);
                self.add_to_rest(group, Decimal::raw(full.into(), self.scale));
            }
        }
    }

    /// Adds any decimal.
    fn add(&mut self, group: u32, number: Decimal) {
        let number = match number.scale() > self.scale {
            true => number.normalized(),
            false => number,
        };
        if number.scale() > self.scale && number.scale() <= WIDEST {
            self.widen(number.scale());
        }
        let places = self.scale.checked_sub(number.scale());
        let aligned = number.small_mantissa().zip(places.and_then(small_power));
        match aligned.and_then(|(mantissa, power)| mantissa.checked_mul(power)) {
            Some(mantissa) => self.add_aligned(group, mantissa),
            None => self.add_to_rest(group, number),
        }
    }

    #[cold]
    fn add_to_rest(&mut self, group: u32, number: Decimal) {
        self.rest.grow(self.sums.len());
        self.rest.add(group, number);
    }

    /// Converts all sums to a greater scale.
    fn widen(&mut self, scale: u8) {
        let power = small_power(scale - self.scale).unwrap_or(i64::MAX);
        let old = self.scale;
        for group in 0..self.sums.len() {
            let mantissa = self.sums[group].mantissa;
            let widened = mantissa.checked_mul(power);
            self.sums[group].mantissa = widened.unwrap_or(0);
            if widened.is_none() {
                self.add_to_rest(group as u32, Decimal::raw(mantissa.into(), old));
            }
        }
        self.scale = scale;
    }

    #[cold]
    fn add_double(&mut self, group: u32, double: f64) {
        self.mark_rounded(group);
        match Decimal::from_f64_shortest(double) {
            Some(decimal) => self.add(group, decimal),
            None => self.add_wide(group, &Wide::from_f64_shortest(double)),
        }
    }

    #[cold]
    fn add_long(&mut self, group: u32, digits: &[u8]) {
        if let Some(number) = Wide::parse(digits) {
            self.add_wide(group, &number);
        }
    }

    #[cold]
    fn add_wide(&mut self, group: u32, number: &Wide) {
        self.rest.grow(self.sums.len());
        self.rest.add_wide(group, number);
    }

    #[cold]
    fn mark_rounded(&mut self, group: u32) {
        room::resize(&mut self.rounded, self.sums.len(), false);
        self.rounded[group as usize] = true;
    }

    fn is_rounded(&self, group: u32) -> bool {
        self.rounded
            .get(group as usize)
            .is_some_and(|is_rounded| *is_rounded)
    }

    /// Adds short numbers; returns false if their scale exceeds the widest that the sums can have.
    fn absorb_numbers(&mut self, groups: &[u32], numbers: &Numbers<'_>) -> bool {
        if numbers.scale > self.scale {
            if numbers.scale > WIDEST {
                return false;
            }
            self.widen(numbers.scale);
        }
        let power = small_power(self.scale - numbers.scale).unwrap_or(i64::MAX);
        let lots = groups.chunks(LOT);
        for (groups, mantissas) in lots.zip(numbers.mantissas.chunks(LOT)) {
            room::prefetch_all(&self.sums, groups);
            for (&group, &mantissa) in groups.iter().zip(mantissas) {
                if mantissa == NULL {
                    continue;
                }
                match mantissa.checked_mul(power) {
                    Some(mantissa) => self.add_aligned(group, mantissa),
                    None => {
                        self.add_to_rest(group, Decimal::raw(mantissa.into(), numbers.scale));
                    }
                }
                self.sums[group as usize].count += 1;
            }
        }
        true
    }

    /// Returns a group's sum if a decimal can hold it.
    fn decimal(&self, group: u32) -> Option<Decimal> {
        let sum = Decimal::raw(self.sums[group as usize].mantissa.into(), self.scale);
        match self.rest.has(group) {
            false => Some(sum),
            true => self.rest.decimal(group)?.add(sum),
        }
    }

    /// Returns a group's sum.
    fn total(&self, group: u32) -> Wide {
        let sum = Decimal::raw(self.sums[group as usize].mantissa.into(), self.scale);
        let mut total = self.rest.total(group);
        total.add(&sum.into());
        total
    }
}

impl Accumulator for Sums {
    fn grow(&mut self, groups: usize) {
        room::resize(&mut self.sums, groups, Sum::default());
        if !self.rounded.is_empty() {
            self.rounded.resize(groups, false);
        }
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        if let Some(numbers) = batch.numbers(0)
            && self.absorb_numbers(batch.groups, &numbers)
        {
            return;
        }
        for (&group, value) in batch.groups.iter().zip(batch.number_values(0)) {
            match value {
                Value::Decimal(decimal) => self.add(group, decimal),
                Value::Double(double) => self.add_double(group, double),
                Value::Long(digits) => self.add_long(group, digits),
                _ => continue,
            }
            self.sums[group as usize].count += 1;
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let mut other: Self = same(other);
        if other.scale > self.scale {
            self.widen(other.scale);
        } else if other.scale < self.scale {
            other.widen(self.scale);
        }
        for (sum, &group) in other.sums.iter().zip(map) {
            self.add_aligned(group, sum.mantissa);
            self.sums[group as usize].count += sum.count;
        }
        if !other.rest.is_empty() {
            self.rest.grow(self.sums.len());
            self.rest.merge(&other.rest, map);
        }
        if !other.rounded.is_empty() {
            room::resize(&mut self.rounded, self.sums.len(), false);
        }
        for (rounded, &group) in other.rounded.into_iter().zip(map) {
            self.rounded[group as usize] |= rounded;
        }
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        saved.count(self.sums[group as usize].count);
        match self.decimal(group) {
            Some(total) => saved.decimal(total),
            None => saved.exact(&self.total(group)),
        }
        if self.is_rounded(group) {
            saved.mark(ROUNDED);
        }
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        add(&mut self.sums[group as usize].count, words.count()?)?;
        match words.exact()? {
            Exact::Decimal(total) => self.add(group, total),
            Exact::Wide(total) => self.add_wide(group, &total),
        }
        if words.take_mark(ROUNDED) {
            self.mark_rounded(group);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.sums[..]) + self.rest.bytes() + self.rounded.len()
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        let count = self.sums[group as usize].count;
        if count == 0 {
            return Ok(Value::Null);
        }
        let number = match (self.decimal(group), self.is_mean) {
            (Some(total), false) => Number::Decimal(total),
            (Some(total), true) => Number::Decimal(total).divide(Decimal::from(count).into())?,
            (None, false) => {
                let sum = Real::of_sum(self.total(group), self.is_rounded(group))?;
                return Ok(sum.to_value(arena));
            }
            (None, true) => self.total(group).divide(&Decimal::from(count).into())?,
        };
        Ok(number.into())
    }
}
