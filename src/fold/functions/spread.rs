//! Variance and standard deviation from exact sums, rounded only once at the end.

use bumpalo::Bump;

use super::exact::Sums;
use super::state::{Saved, Words};
use super::{Accumulator, Aggregate, Batch, same};
use crate::record::Fault;
use crate::value::wide::Wide;
use crate::value::{Decimal, Number, Value};

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "stddev",
        aliases: &["stddev_samp"],
        parameters: "x",
        arity: 1..=1,
        purpose: "the standard deviation of a sample",
        numeric: &[0],
        make: |_| Ok(Box::new(Spread::new(1, true))),
    },
    Aggregate {
        name: "stddev_pop",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "the standard deviation of a whole population",
        numeric: &[0],
        make: |_| Ok(Box::new(Spread::new(0, true))),
    },
    Aggregate {
        name: "variance",
        aliases: &["var_samp"],
        parameters: "x",
        arity: 1..=1,
        purpose: "the variance of a sample",
        numeric: &[0],
        make: |_| Ok(Box::new(Spread::new(1, false))),
    },
    Aggregate {
        name: "var_pop",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "the variance of a whole population",
        numeric: &[0],
        make: |_| Ok(Box::new(Spread::new(0, false))),
    },
];

/// The sums of the numbers and of their squares.
struct Spread {
    sums: Sums,
    squares: Sums,
    /// Subtracted from the count in the divisor: 1 for a sample.
    less: u64,
    root: bool,
}

impl Spread {
    fn new(less: u64, root: bool) -> Self {
        Spread {
            sums: Sums::new(20),
            // The square of a double's 17 digits has up to 34.
            squares: Sums::new(34),
            less,
            root,
        }
    }

    #[inline]
    fn add(&mut self, group: u32, number: Decimal) {
        self.sums.add(group, number);
        match number.multiply(number) {
            Some(square) => self.squares.add(group, square),
            None => self.add_long_square(group, &number.into()),
        }
    }

    #[cold]
    fn add_long_square(&mut self, group: u32, number: &Wide) {
        self.squares.add_wide(group, &number.multiply(number));
    }

    #[cold]
    fn add_double(&mut self, group: u32, double: f64) {
        match Decimal::from_f64_shortest(double) {
            Some(decimal) => self.add(group, decimal),
            None => self.add_wide(group, &Wide::from_f64_shortest(double)),
        }
    }

    #[cold]
    fn add_wide(&mut self, group: u32, number: &Wide) {
        self.sums.add_wide(group, number);
        self.add_long_square(group, number);
    }

    /// Returns the variance as dividend and divisor: `(n * sum(x^2) - sum(x)^2) / (n * (n - less))`.
    fn ratio(&self, group: u32, count: u64) -> (Wide, Wide) {
        let n = Wide::from(Decimal::from(count));
        let sum = self.sums.total(group);
        let dividend = n.multiply(&self.squares.total(group));
        let divisor = n.multiply(&Decimal::from(count - self.less).into());
        (dividend.subtract(&sum.multiply(&sum)), divisor)
    }

    /// [`Spread::ratio`] if decimals can hold it.
    fn small_ratio(&self, group: u32, count: u64) -> Option<(Decimal, Decimal)> {
        let n = Decimal::from(count);
        let sum = self.sums.decimal(group)?;
        let dividend = n.multiply(self.squares.decimal(group)?)?;
        let divisor = n.multiply(Decimal::from(count - self.less))?;
        Some((dividend.subtract(sum.multiply(sum)?)?, divisor))
    }
}

impl Accumulator for Spread {
    fn grow(&mut self, groups: usize) {
        self.sums.grow(groups);
        self.squares.grow(groups);
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        for (&group, value) in batch.groups.iter().zip(batch.number_values(0)) {
            match value {
                Value::Decimal(decimal) => self.add(group, decimal),
                Value::Double(double) => self.add_double(group, double),
                Value::Long(digits) => {
                    if let Some(number) = Wide::parse(digits) {
                        self.add_wide(group, &number);
                    }
                }
                _ => {}
            }
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        self.sums.merge(&other.sums, map);
        self.squares.merge(&other.squares, map);
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        saved.count(self.sums.count(group));
        saved.exact(&self.sums.total(group));
        saved.exact(&self.squares.total(group));
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        let count = words.count()?;
        self.sums.add_sum(group, count, words.exact()?)?;
        self.squares.add_sum(group, count, words.exact()?)
    }

    fn bytes(&self) -> usize {
        self.sums.bytes() + self.squares.bytes()
    }

    fn finish<'a>(&self, group: u32, _: &'a Bump) -> Result<Value<'a>, Fault> {
        let count = self.sums.count(group);
        if count <= self.less {
            return Ok(Value::Null);
        }
        if let Some((dividend, divisor)) = self.small_ratio(group, count) {
            let (dividend, divisor) = (Number::Decimal(dividend), Number::Decimal(divisor));
            match dividend.divide(divisor)? {
                variance if !self.root => return Ok(variance.into()),
                exact @ Number::Decimal(_) => return Ok(exact.sqrt()?.into()),
                // Do not round twice: take the root of the exact ratio.
                Number::Double(_) => {}
            }
        }
        let (dividend, divisor) = self.ratio(group, count);
        let result = match dividend.divide_exact(&divisor) {
            Some(variance) if self.root => Number::Decimal(variance).sqrt()?,
            Some(variance) => Number::Decimal(variance),
            None if self.root => Number::from_f64(dividend.root_of_quotient(&divisor))?,
            None => Number::from_f64(dividend.nearest_quotient(&divisor))?,
        };
        Ok(result.into())
    }
}
