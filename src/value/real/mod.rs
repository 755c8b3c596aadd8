//! Numbers of any length, for the rare records that a [`Number`] cannot serve.
//!
//! Every operation of the language first tries [`Number`], which is quick. If that fails, the
//! operation is repeated here, where sums, differences and products are exact up to 1,000 digits
//! before and after the point, and where the message for the user comes from.

use std::cmp::Ordering;
use std::fmt;

use bumpalo::Bump;

use super::decimal::{Decimal, Rounding};
use super::parse::{self, NotNumber};
use super::wide::Wide;
use super::{Number, Value, text};
use crate::record::Fault;

/// A number of any kind.
#[derive(Clone, Debug)]
pub enum Real {
    /// A decimal or a double.
    Number(Number),
    /// An exact number that needs more than 38 digits.
    Long(Box<Wide>),
}

impl Real {
    /// A value as a number; `None` for null.
    ///
    /// # Errors
    /// It is not a number, or has more than 1,000 digits.
    pub fn of(value: &Value<'_>) -> Result<Option<Self>, Fault> {
        match value {
            Value::Long(field) | Value::Raw(field) | Value::Quoted(field) | Value::Text(field) => {
                match parse::parse(field) {
                    Ok(number) => Ok(Some(Real::Number(number))),
                    Err(NotNumber::Long) => match parse::wide(field) {
                        Some(wide) => Ok(Some(Real::Long(Box::new(wide)))),
                        None => Err(text::not_a_number(field, NotNumber::TooLong)),
                    },
                    Err(reason) => Err(text::not_a_number(field, reason)),
                }
            }
            _ => Ok(text::to_number(value)?.map(Real::Number)),
        }
    }

    /// The number as a value; a long one becomes text in the arena.
    pub fn to_value<'a>(&self, arena: &'a Bump) -> Value<'a> {
        match self {
            Real::Number(number) => (*number).into(),
            Real::Long(wide) => {
                let mut digits = Vec::new();
                wide.write(&mut digits);
                Value::Long(arena.alloc_slice_copy(&digits))
            }
        }
    }

    /// An exact number; `None` if it has more than 1,000 digits before or after the point.
    fn of_wide(wide: Wide) -> Option<Self> {
        if let Some(decimal) = wide.to_decimal() {
            return Some(decimal.into());
        }
        wide.fits().then(|| Real::Long(Box::new(wide)))
    }

    /// An exact sum, or the nearest double if `is_rounded`: if a double took part and 38 digits do
    /// not hold the sum.
    ///
    /// # Errors
    /// It has more than 1,000 digits, or is out of the range of doubles.
    pub fn of_sum(sum: Wide, is_rounded: bool) -> Result<Self, Fault> {
        match sum.to_decimal() {
            Some(decimal) => Ok(decimal.into()),
            None if is_rounded => Number::from_f64(sum.to_f64()).map(Real::Number),
            None => Real::of_wide(sum).ok_or_else(|| {
                Fault::new("number overflow: the result needs more than 1,000 digits")
            }),
        }
    }

    /// The exact number; `None` for a double.
    fn exact(&self) -> Option<Wide> {
        match self {
            Real::Number(Number::Decimal(decimal)) => Some((*decimal).into()),
            Real::Number(Number::Double(_)) => None,
            Real::Long(wide) => Some((**wide).clone()),
        }
    }

    /// The nearest double; infinite if the number is out of the range of doubles.
    pub fn to_f64(&self) -> f64 {
        match self {
            Real::Number(number) => number.to_f64(),
            Real::Long(wide) => wide.to_f64(),
        }
    }

    /// The nearest double as a number.
    ///
    /// # Errors
    /// It is out of the range of doubles.
    pub fn to_double(&self) -> Result<Number, Fault> {
        Number::from_f64(self.to_f64())
            .map_err(|_| Fault::new(format!("{self} is out of the range of doubles")))
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        matches!(self, Real::Number(number) if number.is_zero())
    }

    /// Whether it is less than zero.
    pub fn is_negative(&self) -> bool {
        match self {
            Real::Number(number) => number.is_negative(),
            Real::Long(wide) => wide.is_negative(),
        }
    }

    /// Whether it is a double.
    pub fn is_double(&self) -> bool {
        matches!(self, Real::Number(Number::Double(_)))
    }

    /// Whether it has no fraction.
    pub fn is_integer(&self) -> bool {
        match self {
            Real::Number(Number::Decimal(decimal)) => decimal.is_integer(),
            Real::Number(Number::Double(double)) => double.fract() == 0.0,
            Real::Long(wide) => wide.is_integer(),
        }
    }

    /// The result of two numbers: exact, or with the nearest doubles if one of them is a double.
    fn with(
        &self,
        operator: &str,
        other: &Self,
        exact: impl FnOnce(&Wide, &Wide) -> Option<Wide>,
        double: impl FnOnce(Number, Number) -> Result<Number, Fault>,
    ) -> Result<Self, Fault> {
        match (self.exact(), other.exact()) {
            (Some(a), Some(b)) => exact(&a, &b)
                .and_then(Real::of_wide)
                .ok_or_else(|| overflow(self, operator, other)),
            _ => double(self.to_double()?, other.to_double()?).map(Real::Number),
        }
    }

    /// `self + other`.
    ///
    /// # Errors
    /// The sum has more than 1,000 digits.
    pub fn add(&self, other: &Self) -> Result<Self, Fault> {
        let exact = |a: &Wide, b: &Wide| {
            let mut sum = a.clone();
            sum.add(b);
            Some(sum)
        };
        self.with("+", other, exact, Number::add)
    }

    /// `self - other`.
    ///
    /// # Errors
    /// The difference has more than 1,000 digits.
    pub fn subtract(&self, other: &Self) -> Result<Self, Fault> {
        let exact = |a: &Wide, b: &Wide| Some(a.subtract(b));
        self.with("-", other, exact, Number::subtract)
    }

    /// `self * other`.
    ///
    /// # Errors
    /// The product has more than 1,000 digits.
    pub fn multiply(&self, other: &Self) -> Result<Self, Fault> {
        let exact = |a: &Wide, b: &Wide| Some(a.multiply(b));
        self.with("*", other, exact, Number::multiply)
    }

    /// `self / other`; see [`Number::divide`].
    ///
    /// # Errors
    /// The divisor is zero, or the quotient is out of the range of doubles.
    pub fn divide(&self, other: &Self) -> Result<Self, Fault> {
        if other.is_zero() {
            return Err(division_by_zero());
        }
        let quotient = match (self.exact(), other.exact()) {
            (Some(a), Some(b)) => a.divide(&b)?,
            _ => self.to_double()?.divide(other.to_double()?)?,
        };
        Ok(Real::Number(quotient))
    }

    /// `self // other`; see [`Number::whole_divide`].
    ///
    /// # Errors
    /// The divisor is zero, or the quotient has more than 1,000 digits.
    pub fn whole_divide(&self, other: &Self) -> Result<Self, Fault> {
        if other.is_zero() {
            return Err(division_by_zero());
        }
        let exact = |a: &Wide, b: &Wide| Some(a.whole_divide(b));
        self.with("//", other, exact, Number::whole_divide)
    }

    /// `self % other`; see [`Number::remainder`].
    ///
    /// # Errors
    /// The divisor is zero.
    pub fn remainder(&self, other: &Self) -> Result<Self, Fault> {
        if other.is_zero() {
            return Err(division_by_zero());
        }
        let exact = |a: &Wide, b: &Wide| Some(a.remainder(b));
        self.with("%", other, exact, Number::remainder)
    }

    /// `self` to the power of `exponent`: exact for an integer to the power of a positive integer,
    /// else as [`Number::power`] gives it.
    ///
    /// # Errors
    /// An integer that has more than 1,000 digits, a power that is not a real number, or one out
    /// of the range of doubles.
    pub fn power(&self, exponent: &Self) -> Result<Self, Fault> {
        if let (Some(base), Real::Number(Number::Decimal(times))) = (self.exact(), exponent)
            && let Some(count) = times.to_i64().and_then(|count| u64::try_from(count).ok())
            && base.is_integer()
        {
            return base
                .integer_power(count)
                .and_then(Real::of_wide)
                .ok_or_else(|| overflow(self, "to the power of", exponent));
        }
        let (base, exponent) = (self.to_number()?, exponent.to_number()?);
        base.power(exponent).map(Real::Number)
    }

    /// The number, or the double nearest to a long one.
    fn to_number(&self) -> Result<Number, Fault> {
        match self {
            Real::Number(number) => Ok(*number),
            Real::Long(_) => self.to_double(),
        }
    }

    /// The square root: exact if there is one, else the nearest double.
    ///
    /// # Errors
    /// The number is negative, or its root is out of the range of doubles.
    pub fn sqrt(&self) -> Result<Self, Fault> {
        match self {
            Real::Number(number) => number.sqrt().map(Real::Number),
            Real::Long(_) if self.is_negative() => Err(Fault::new(format!(
                "{self} has no square root: it is negative"
            ))),
            Real::Long(wide) => match wide.exact_root().and_then(Real::of_wide) {
                Some(root) => Ok(root),
                None => {
                    Number::from_f64(wide.root_of_quotient(&Decimal::ONE.into())).map(Real::Number)
                }
            },
        }
    }

    /// `-self`.
    pub fn negate(&self) -> Self {
        match self {
            Real::Number(number) => Real::Number(number.negate()),
            Real::Long(wide) => Real::Long(Box::new(wide.negate())),
        }
    }

    /// The distance from zero.
    pub fn abs(&self) -> Self {
        match self.is_negative() {
            true => self.negate(),
            false => self.clone(),
        }
    }

    /// Cut to `digits` places; see [`Number::round`].
    ///
    /// # Errors
    /// The result has more than 1,000 digits.
    pub fn round_by(&self, digits: i32, rounding: Rounding) -> Result<Self, Fault> {
        let Some(exact) = self.exact() else {
            return self
                .to_double()?
                .round_by(digits, rounding)
                .map(Real::Number);
        };
        Real::of_wide(exact.round_by(digits, rounding)).ok_or_else(|| {
            Fault::new(format!(
                "number overflow: {self} rounded to {digits} places needs more than 1,000 digits"
            ))
        })
    }

    /// Which is greater, exactly; see [`Number::compare`].
    #[inline]
    pub fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Real::Number(a), Real::Number(b)) => a.compare(*b),
            _ => self.compare_long(other),
        }
    }

    #[cold]
    fn compare_long(&self, other: &Self) -> Ordering {
        self.to_wide().compare(&other.to_wide())
    }

    /// The exact number; a double as the decimal that it prints as.
    pub fn to_wide(&self) -> Wide {
        match self {
            Real::Number(number) => (*number).into(),
            Real::Long(wide) => (**wide).clone(),
        }
    }
}

impl From<Decimal> for Real {
    fn from(decimal: Decimal) -> Self {
        Real::Number(decimal.into())
    }
}

impl PartialEq for Real {
    fn eq(&self, other: &Self) -> bool {
        self.compare(other).is_eq()
    }
}

/// As messages show it: the beginning of a long number.
impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 60;
        let wide = match self {
            Real::Number(number) => return number.fmt(f),
            Real::Long(wide) => wide,
        };
        let mut digits = Vec::new();
        wide.write(&mut digits);
        let shown = String::from_utf8_lossy(&digits[..digits.len().min(SHOWN)]);
        f.write_str(&shown)?;
        match digits.len() > SHOWN {
            true => f.write_str("..."),
            false => Ok(()),
        }
    }
}

#[cold]
fn division_by_zero() -> Fault {
    Fault::new("division by zero")
}

#[cold]
fn overflow(a: &Real, operator: &str, b: &Real) -> Fault {
    Fault::new(format!(
        "number overflow: {a} {operator} {b} needs more than 1,000 digits"
    ))
}

#[cfg(test)]
mod tests;
