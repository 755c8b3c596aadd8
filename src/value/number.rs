//! A number: a decimal, or the double where a decimal cannot be exact.
//!
//! What a result is depends on the values alone. A sum, a difference or a product of two decimals
//! is a decimal, and never rounded: if it needs more than 38 digits, the operation fails, and the
//! caller repeats it with a [`Real`](super::Real). Quotients and roots are decimals if 38 digits
//! hold them exactly, else the nearest double. With a double the result is a double.

use std::cmp::Ordering;
use std::fmt;

use super::decimal::{Decimal, Rounding, power_of_ten};
use super::wide::{self, Wide};
use super::{Value, parse, print};
use crate::record::Fault;

/// An exact decimal or a finite double.
#[derive(Clone, Copy, Debug)]
pub enum Number {
    /// Exact.
    Decimal(Decimal),
    /// Not exact; finite.
    Double(f64),
}

impl Number {
    /// A double; a fault where it is infinite or not a number.
    #[inline]
    pub fn from_f64(double: f64) -> Result<Self, Fault> {
        finite(double).map(Number::Double)
    }

    /// The nearest double.
    #[inline]
    pub fn to_f64(self) -> f64 {
        match self {
            Number::Decimal(decimal) => decimal.to_f64(),
            Number::Double(double) => double,
        }
    }

    /// Is it zero?
    pub fn is_zero(self) -> bool {
        match self {
            Number::Decimal(decimal) => decimal.is_zero(),
            Number::Double(double) => double == 0.0,
        }
    }

    /// Is it less than zero?
    pub fn is_negative(self) -> bool {
        match self {
            Number::Decimal(decimal) => decimal.is_negative(),
            Number::Double(double) => double < 0.0,
        }
    }

    /// The same integer; `None` for a fraction and past 64 bits.
    pub fn to_i64(self) -> Option<i64> {
        match self {
            Number::Decimal(decimal) => decimal.to_i64(),
            Number::Double(double) => Decimal::from_f64_shortest(double)?.to_i64(),
        }
    }

    /// `self + other`.
    #[inline(always)]
    #[expect(
        clippy::should_implement_trait,
        reason = "it can fail, which `+` cannot say"
    )]
    pub fn add(self, other: Self) -> Result<Self, Fault> {
        if let (Number::Decimal(a), Number::Decimal(b)) = (self, other)
            && let Some(sum) = a.add(b)
        {
            return Ok(Number::Decimal(sum));
        }
        Ok(Number::Double(rounded_sum(self.apart(), other.apart())?))
    }

    /// `self - other`.
    #[inline(always)]
    pub fn subtract(self, other: Self) -> Result<Self, Fault> {
        if let (Number::Decimal(a), Number::Decimal(b)) = (self, other)
            && let Some(difference) = a.subtract(b)
        {
            return Ok(Number::Decimal(difference));
        }
        Ok(Number::Double(rounded_sum(self.apart(), other.negate())?))
    }

    /// `self * other`.
    #[inline(always)]
    pub fn multiply(self, other: Self) -> Result<Self, Fault> {
        if let (Number::Decimal(a), Number::Decimal(b)) = (self, other)
            && let Some(product) = a.multiply(b)
        {
            return Ok(Number::Decimal(product));
        }
        Ok(Number::Double(rounded_product(
            self.apart(),
            other.apart(),
        )?))
    }

    /// `self / other`: exact where the quotient ends within 38 digits, else the double nearest to
    /// the true quotient.
    #[inline(always)]
    pub fn divide(self, other: Self) -> Result<Self, Fault> {
        if let (Number::Decimal(a), Number::Decimal(b)) = (self, other)
            && let Some(quotient) = a.divide_exact(b)
        {
            return Ok(Number::Decimal(quotient));
        }
        Ok(Number::Double(rounded_quotient(
            self.apart(),
            other.apart(),
        )?))
    }

    /// The same number, put together anew; see [`Decimal::apart`].
    #[inline(always)]
    pub(super) fn apart(self) -> Self {
        match self {
            Number::Decimal(decimal) => Number::Decimal(decimal.apart()),
            Number::Double(double) => Number::Double(double),
        }
    }

    /// `self // other`: the quotient without its fraction, as SQL's `div`.
    pub fn whole_divide(self, other: Self) -> Result<Self, Fault> {
        if other.is_zero() {
            return Err(division_by_zero());
        }
        if let (Number::Decimal(a), Number::Decimal(b)) = (self, other) {
            return a.whole_divide(b).map(Number::Decimal).ok_or_else(too_long);
        }
        let (a, b) = (self.to_f64(), other.to_f64());
        Number::from_f64(((a - a % b) / b).round())
    }

    /// `self % other`, with the sign of `self` as in C and SQL.
    pub fn remainder(self, other: Self) -> Result<Self, Fault> {
        if other.is_zero() {
            return Err(division_by_zero());
        }
        match (self, other) {
            (Number::Decimal(a), Number::Decimal(b)) => {
                a.remainder(b).map(Number::Decimal).ok_or_else(too_long)
            }
            _ => Number::from_f64(self.to_f64() % other.to_f64()),
        }
    }

    /// `self` to the power of `exponent`: exact for integer exponents where 38 digits hold it, else the
    /// nearest double.
    pub fn power(self, exponent: Self) -> Result<Self, Fault> {
        if self.is_zero() && exponent.is_negative() {
            return Err(division_by_zero());
        }
        if let (Number::Decimal(base), Number::Decimal(times)) = (self, exponent)
            && let Some(count) = times.to_i64()
        {
            match exact_power(base, count.unsigned_abs()) {
                Some(power) if count < 0 => {
                    return Number::Decimal(Decimal::ONE).divide(Number::Decimal(power));
                }
                Some(power) => return Ok(Number::Decimal(power)),
                None if count > 0 && base.is_integer() => return Err(too_long()),
                None => {}
            }
        }
        let (base, power) = (self.to_f64(), exponent.to_f64());
        if base < 0.0 && power.fract() != 0.0 {
            return Err(Fault::new(format!(
                "{self} to the power of {exponent} is not a real number"
            )));
        }
        Number::from_f64(pxfm::f_pow(base, power))
    }

    /// The square root: exact where there is one, else the nearest double.
    pub fn sqrt(self) -> Result<Self, Fault> {
        if self.is_negative() {
            return Err(Fault::new(format!(
                "{self} has no square root: it is negative"
            )));
        }
        match self {
            Number::Decimal(decimal) => Ok(root(decimal)),
            Number::Double(double) => Number::from_f64(double.sqrt()),
        }
    }

    /// `-self`.
    #[inline]
    pub fn negate(self) -> Self {
        match self {
            Number::Decimal(decimal) => Number::Decimal(decimal.negate()),
            Number::Double(double) => Number::Double(-double),
        }
    }

    /// The distance from zero.
    #[inline]
    pub fn abs(self) -> Self {
        if self.is_negative() {
            self.negate()
        } else {
            self
        }
    }

    /// To the nearest number with `digits` places behind the point (before it, where negative); a
    /// half goes away from zero. A double is taken for the decimal that it prints as.
    #[inline]
    pub fn round(self, digits: i32) -> Result<Self, Fault> {
        self.round_by(digits, Rounding::HalfAway)
    }

    /// Cut to `digits` places; see [`Number::round`].
    pub fn round_by(self, digits: i32, rounding: Rounding) -> Result<Self, Fault> {
        match self {
            Number::Decimal(decimal) => match decimal.round_by(digits, rounding) {
                Some(rounded) => Ok(Number::Decimal(rounded)),
                None => Err(too_long()),
            },
            Number::Double(double) => round_double(double, digits, rounding),
        }
    }

    /// Which is greater, exactly; a double is taken for the decimal that it prints as, so that
    /// the order of two results is the order of what is written.
    #[inline]
    pub fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Number::Decimal(a), Number::Decimal(b)) => a.compare(b),
            (Number::Double(a), Number::Double(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
            (Number::Decimal(a), Number::Double(b)) => compare_mixed(a, b),
            (Number::Double(a), Number::Decimal(b)) => compare_mixed(b, a).reverse(),
        }
    }

    /// Append it as it is written on the stream.
    #[inline]
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Number::Decimal(decimal) => decimal.write(out),
            Number::Double(double) => print::write_double(double, out),
        }
    }
}

#[cold]
fn division_by_zero() -> Fault {
    Fault::new("division by zero")
}

/// That a [`Number`] cannot hold the result. Callers repeat the operation with a `Real`.
#[cold]
fn too_long() -> Fault {
    Fault::new("number overflow: the result needs more than 38 digits")
}

/// A finite double; a fault for any other.
#[inline]
fn finite(double: f64) -> Result<f64, Fault> {
    if double.is_finite() {
        Ok(double)
    } else {
        Err(Fault::new(
            "number overflow: the result is past the range of doubles",
        ))
    }
}

/// The sum if one of the two is a double; a fault for decimals, whose sum is too long.
#[inline(never)]
fn rounded_sum(a: Number, b: Number) -> Result<f64, Fault> {
    match (a, b) {
        (Number::Decimal(_), Number::Decimal(_)) => Err(too_long()),
        _ => finite(a.to_f64() + b.to_f64()),
    }
}

/// The product; see [`rounded_sum`].
#[inline(never)]
fn rounded_product(a: Number, b: Number) -> Result<f64, Fault> {
    match (a, b) {
        (Number::Decimal(_), Number::Decimal(_)) => Err(too_long()),
        _ => finite(a.to_f64() * b.to_f64()),
    }
}

/// The double nearest to `a / b`.
#[inline(never)]
fn rounded_quotient(a: Number, b: Number) -> Result<f64, Fault> {
    if b.is_zero() {
        return Err(division_by_zero());
    }
    let (Number::Decimal(a), Number::Decimal(b)) = (a, b) else {
        return finite(a.to_f64() / b.to_f64());
    };
    let widen = |mantissa: i128, by: u8| {
        mantissa
            .unsigned_abs()
            .checked_mul(power_of_ten(by).unsigned_abs())
    };
    let n = widen(a.mantissa(), b.scale().saturating_sub(a.scale()));
    let d = widen(b.mantissa(), a.scale().saturating_sub(b.scale()));
    // Below 10^76, and so finite.
    Ok(match (n, d) {
        (Some(n), Some(d)) if a.is_negative() == b.is_negative() => wide::nearest(n, d),
        (Some(n), Some(d)) => -wide::nearest(n, d),
        _ => Wide::from(a).nearest_quotient(&b.into()),
    })
}

fn exact_power(base: Decimal, mut count: u64) -> Option<Decimal> {
    let (mut power, mut square) = (Decimal::ONE, base.normalized());
    loop {
        if count & 1 == 1 {
            power = power.multiply(square)?.normalized();
        }
        count >>= 1;
        if count == 0 {
            return Some(power);
        }
        square = square.multiply(square)?.normalized();
    }
}

/// The root of a decimal that is not negative.
fn root(decimal: Decimal) -> Number {
    let (mantissa, scale) = (decimal.mantissa().unsigned_abs(), decimal.scale());
    let odd = scale % 2;
    let even = mantissa.checked_mul(power_of_ten(odd).unsigned_abs());
    if let Some(square) = even {
        let root = square.isqrt();
        // Below 2^64, for a square below 2^128.
        if root * root == square {
            return Number::Decimal(Decimal::raw(root as i128, (scale + odd) / 2));
        }
    }
    if scale == 0 && mantissa < 1 << 53 {
        return Number::Double((mantissa as f64).sqrt());
    }
    Number::Double(Wide::from(decimal).root_of_quotient(&Decimal::ONE.into()))
}

fn round_double(double: f64, digits: i32, rounding: Rounding) -> Result<Number, Fault> {
    let (mantissa, exponent) = print::shortest(double);
    let cut = -(i64::from(exponent) + i64::from(digits));
    if cut <= 0 {
        return Ok(Number::Double(double));
    }
    // Seventeen digits at most: past twenty, all that matters is that there is something.
    let cut = cut.min(20) as u8;
    let kept = Decimal::raw(mantissa.into(), cut)
        .round_by(0, rounding)
        .unwrap_or(Decimal::ZERO)
        .mantissa();
    if let Some(magnitude) = parse::scaled(kept.unsigned_abs(), -i64::from(digits)) {
        return Ok(Number::Decimal(if kept < 0 {
            magnitude.negate()
        } else {
            magnitude
        }));
    }
    let text = format!("{kept}e{}", -i64::from(digits));
    Number::from_f64(text.parse().unwrap_or(f64::INFINITY))
}

/// A decimal with the decimal that a double prints as. Rounding to doubles keeps the order, so
/// only where the decimal rounds to this very double must the digits be looked at.
fn compare_mixed(decimal: Decimal, double: f64) -> Ordering {
    match decimal.to_f64().partial_cmp(&double) {
        Some(Ordering::Equal) | None => {
            Wide::from(decimal).compare(&Wide::from_f64_shortest(double))
        }
        Some(order) => order,
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other) == Ordering::Equal
    }
}

impl From<Decimal> for Number {
    #[inline]
    fn from(decimal: Decimal) -> Self {
        Number::Decimal(decimal)
    }
}

impl From<Number> for Value<'_> {
    #[inline]
    fn from(number: Number) -> Self {
        match number {
            Number::Decimal(decimal) => Value::Decimal(decimal),
            Number::Double(double) => Value::Double(double),
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}
