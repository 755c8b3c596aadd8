//! Exact numbers of any length, and the double nearest to an exact quotient or root.
//!
//! This is where the 38 digits of a [`Decimal`] end: the long paths of its arithmetic, sums that
//! must not overflow on the way, and the one rounding that turns an exact result into a double.

use num_bigint::{BigInt, BigUint, Sign};

use super::decimal::{self, Decimal, Rounding, power_of_ten};
use super::{Number, print};
use crate::record::Fault;

/// The greatest number of digits before the point, and after it, of a number that is read or
/// computed. What is summed up on the way may be longer.
pub const MAX_DIGITS: u32 = 1000;

/// Doubles hold every integer up to here.
const EXACT_INTEGERS: u128 = 1 << 53;

/// An exact number of any length: `mantissa / 10^scale`.
#[derive(Clone, Debug)]
pub struct Wide {
    mantissa: BigInt,
    scale: u32,
}

impl Wide {
    /// `mantissa / 10^scale`.
    pub fn new(mantissa: BigInt, scale: u32) -> Self {
        Wide { mantissa, scale }
    }

    /// The decimal that a finite double prints as, however many places that takes.
    pub fn from_f64_shortest(double: f64) -> Self {
        let (digits, exponent) = print::shortest(double);
        let mantissa = BigInt::from(digits);
        if exponent < 0 {
            Wide {
                mantissa,
                scale: exponent.unsigned_abs(),
            }
        } else {
            Wide {
                mantissa: mantissa * BigInt::from(ten_to(exponent.unsigned_abs())),
                scale: 0,
            }
        }
    }

    /// The mantissa at this scale, which must not be smaller than its own.
    fn mantissa_at(&self, scale: u32) -> BigInt {
        &self.mantissa * BigInt::from(ten_to(scale - self.scale))
    }

    /// Add a number.
    pub fn add(&mut self, other: &Wide) {
        if other.scale > self.scale {
            self.mantissa = self.mantissa_at(other.scale);
            self.scale = other.scale;
        }
        if other.scale == self.scale {
            self.mantissa += &other.mantissa;
        } else {
            self.mantissa += other.mantissa_at(self.scale);
        }
    }

    /// The product.
    pub fn multiply(&self, other: &Wide) -> Wide {
        Wide {
            mantissa: &self.mantissa * &other.mantissa,
            scale: self.scale + other.scale,
        }
    }

    /// `self - other`.
    pub fn subtract(&self, other: &Wide) -> Wide {
        let mut difference = Wide {
            mantissa: -&other.mantissa,
            scale: other.scale,
        };
        difference.add(self);
        difference
    }

    /// The order of two numbers.
    pub fn compare(&self, other: &Wide) -> std::cmp::Ordering {
        let scale = self.scale.max(other.scale);
        self.mantissa_at(scale).cmp(&other.mantissa_at(scale))
    }

    /// How many bytes of memory its digits take.
    pub fn bytes(&self) -> usize {
        self.mantissa.bits().div_ceil(8) as usize
    }

    /// Is it zero?
    pub fn is_zero(&self) -> bool {
        self.mantissa.sign() == Sign::NoSign
    }

    /// Is it below zero?
    pub fn is_negative(&self) -> bool {
        self.mantissa.sign() == Sign::Minus
    }

    /// Without trailing zeros behind the point.
    fn strip(mut self) -> Self {
        if self.is_zero() {
            self.scale = 0;
        }
        // A number has at least as many binary zeros at its end as decimal ones.
        let mut zeros = u64::from(self.scale).min(self.mantissa.trailing_zeros().unwrap_or(0));
        while zeros > 0 {
            // The greatest power of two first, so that a thousand zeros take ten divisions.
            let step = 1 << zeros.ilog2();
            let unit = BigInt::from(ten_to(step));
            let kept = &self.mantissa / &unit;
            if &kept * &unit == self.mantissa {
                self.mantissa = kept;
                self.scale -= step;
                zeros -= u64::from(step);
            } else {
                zeros = u64::from(step) - 1;
            }
        }
        self
    }

    /// Whether it has at most 1,000 digits before the point and at most 1,000 after it, zeros at
    /// its end aside.
    pub fn fits(&self) -> bool {
        let places = match self.scale > MAX_DIGITS {
            true => self.clone().strip().scale,
            false => self.scale,
        };
        // A digit has more than three bits: most numbers need no power of ten.
        places <= MAX_DIGITS
            && (self.mantissa.bits() <= 3 * u64::from(MAX_DIGITS + self.scale)
                || *self.mantissa.magnitude() < ten_to(MAX_DIGITS + self.scale))
    }

    /// Cut to `digits` places after the point (before it, if negative).
    pub fn round_by(&self, digits: i32, rounding: Rounding) -> Wide {
        let cut = i64::from(self.scale) - i64::from(digits);
        let Some(cut) = u32::try_from(cut).ok().filter(|cut| *cut > 0) else {
            return self.clone();
        };
        let unit = BigInt::from(ten_to(cut));
        let (kept, rest) = (&self.mantissa / &unit, &self.mantissa % &unit);
        let half = rest.magnitude() * 2u8 >= *unit.magnitude();
        let sign = match rest.sign() {
            Sign::Minus => -1,
            Sign::NoSign => 0,
            Sign::Plus => 1,
        };
        let kept = kept + rounding.carry(sign, half);
        match u32::try_from(digits) {
            Ok(scale) => Wide::new(kept, scale),
            Err(_) => Wide::new(kept * BigInt::from(ten_to(digits.unsigned_abs())), 0),
        }
    }

    /// `-self`.
    pub fn negate(&self) -> Wide {
        Wide::new(-&self.mantissa, self.scale)
    }

    /// Whether it has no fraction.
    pub fn is_integer(&self) -> bool {
        self.scale == 0 || self.clone().strip().scale == 0
    }

    /// The quotient without its fraction. The divisor is not zero.
    pub fn whole_divide(&self, divisor: &Wide) -> Wide {
        let scale = self.scale.max(divisor.scale);
        Wide::new(self.mantissa_at(scale) / divisor.mantissa_at(scale), 0)
    }

    /// What the division leaves, with the dividend's sign. The divisor is not zero.
    pub fn remainder(&self, divisor: &Wide) -> Wide {
        let scale = self.scale.max(divisor.scale);
        Wide::new(self.mantissa_at(scale) % divisor.mantissa_at(scale), scale)
    }

    /// The square root of a number that is not negative, if it is exact.
    pub fn exact_root(&self) -> Option<Wide> {
        let even = self.mantissa_at(self.scale.next_multiple_of(2));
        let root = even.sqrt();
        (&root * &root == even).then(|| Wide::new(root, self.scale.div_ceil(2)))
    }

    /// A power of an integer; `None` past 1,000 digits.
    pub fn integer_power(&self, mut count: u64) -> Option<Wide> {
        let (mut power, mut square) = (Wide::from(Decimal::ONE), self.clone().strip());
        loop {
            if count & 1 == 1 {
                power = Some(power.multiply(&square)).filter(Wide::fits)?;
            }
            count >>= 1;
            if count == 0 {
                return Some(power);
            }
            square = Some(square.multiply(&square)).filter(Wide::fits)?;
        }
    }

    /// Appends all its digits, without an exponent.
    pub fn write(&self, out: &mut Vec<u8>) {
        let number = self.clone().strip();
        let scale = number.scale as usize;
        let digits = number.mantissa.magnitude().to_string();
        let digits = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        if number.is_negative() {
            out.push(b'-');
        }
        out.extend_from_slice(whole.as_bytes());
        if scale > 0 {
            out.push(b'.');
            out.extend_from_slice(fraction.as_bytes());
        }
    }

    /// Reads what [`Wide::write`] writes.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let is_digit = |byte: u8| byte.is_ascii_digit();
        if !whole
            .strip_prefix('-')
            .unwrap_or(whole)
            .bytes()
            .all(is_digit)
            || !fraction.bytes().all(is_digit)
        {
            return None;
        }
        Some(Wide {
            mantissa: format!("{whole}{fraction}").parse().ok()?,
            scale: u32::try_from(fraction.len()).ok()?,
        })
    }

    /// The same number as a decimal; `None` where it needs more than 38 digits.
    pub fn to_decimal(&self) -> Option<Decimal> {
        if let (Ok(mantissa), Ok(scale)) =
            (i128::try_from(&self.mantissa), u8::try_from(self.scale))
            && let Some(decimal) = Decimal::new(mantissa, scale)
        {
            return Some(decimal);
        }
        let stripped = self.clone().strip();
        Decimal::new(
            i128::try_from(stripped.mantissa).ok()?,
            u8::try_from(stripped.scale).ok()?,
        )
    }

    /// The nearest double; infinite past the range of doubles.
    pub fn to_f64(&self) -> f64 {
        let magnitude = nearest_long(self.mantissa.magnitude(), &ten_to(self.scale));
        if self.is_negative() {
            -magnitude
        } else {
            magnitude
        }
    }

    /// The exact quotient where it ends within 38 digits, else the double nearest to it. The
    /// divisor is not zero.
    pub fn divide(&self, divisor: &Wide) -> Result<Number, Fault> {
        match self.divide_exact(divisor) {
            Some(quotient) => Ok(Number::Decimal(quotient)),
            None => Number::from_f64(self.nearest_quotient(divisor)),
        }
    }

    /// The quotient where it ends within 38 digits. The divisor is not zero.
    pub fn divide_exact(&self, divisor: &Wide) -> Option<Decimal> {
        let (n, d) = self.ratio(divisor);
        let quotient = terminating_quotient(&n, &d)?;
        Some(if self.is_negative() == divisor.is_negative() {
            quotient
        } else {
            quotient.negate()
        })
    }

    /// The double nearest to the quotient; infinite past the range. The divisor is not zero.
    pub fn nearest_quotient(&self, divisor: &Wide) -> f64 {
        let (n, d) = self.ratio(divisor);
        let magnitude = nearest_long(&n, &d);
        if self.is_negative() == divisor.is_negative() {
            magnitude
        } else {
            -magnitude
        }
    }

    /// The double nearest to the square root of the quotient of two numbers that are not negative.
    pub fn root_of_quotient(&self, divisor: &Wide) -> f64 {
        let (n, d) = self.ratio(divisor);
        nearest_root(&n, &d)
    }

    /// The magnitudes of the quotient as two integers.
    fn ratio(&self, divisor: &Wide) -> (BigUint, BigUint) {
        let scale = self.scale.max(divisor.scale);
        (
            self.mantissa_at(scale).into_parts().1,
            divisor.mantissa_at(scale).into_parts().1,
        )
    }
}

impl From<Decimal> for Wide {
    fn from(decimal: Decimal) -> Self {
        Wide {
            mantissa: BigInt::from(decimal.mantissa()),
            scale: decimal.scale().into(),
        }
    }
}

impl From<Number> for Wide {
    fn from(number: Number) -> Self {
        match number {
            Number::Decimal(decimal) => decimal.into(),
            Number::Double(double) => Wide::from_f64_shortest(double),
        }
    }
}

/// `n / d` where it ends within 38 digits; see [`Decimal::divide_exact`].
fn terminating_quotient(n: &BigUint, d: &BigUint) -> Option<Decimal> {
    let five = BigUint::from(5u8);
    let twos = d.trailing_zeros()?;
    let (mut rest, mut fives) = (d >> twos, 0);
    while (&rest % &five).bits() == 0 {
        rest /= &five;
        fives += 1;
    }
    if (n % &rest).bits() > 0 {
        return None;
    }
    let places = u32::try_from(twos).ok()?.max(fives);
    let widened = ((n / rest) * five.pow(places - fives)) << (u64::from(places) - twos);
    Wide::new(widened.into(), places).to_decimal()
}

pub(super) fn ten_to(exponent: u32) -> BigUint {
    match u8::try_from(exponent) {
        Ok(small) if small <= decimal::MAX_DIGITS => {
            BigUint::from(power_of_ten(small).unsigned_abs())
        }
        _ => BigUint::from(10u8).pow(exponent),
    }
}

/// The exact sum, where mantissas don't fit in 64 bits or scales are far apart.
#[cold]
pub(super) fn sum(a: Decimal, b: Decimal) -> Option<Decimal> {
    let scale = a.scale().max(b.scale());
    let at_scale = |number: Decimal| match scale - number.scale() {
        0 => Some(number.mantissa()),
        places => number.mantissa().checked_mul(power_of_ten(places)),
    };
    if let (Some(x), Some(y)) = (at_scale(a), at_scale(b))
        && let Some(mantissa) = x.checked_add(y)
        && let Some(sum) = Decimal::new(mantissa, scale)
    {
        return Some(sum);
    }
    let mut sum = Wide::from(a);
    sum.add(&b.into());
    sum.to_decimal()
}

/// The exact product, where mantissas don't fit in 64 bits or the scale passes 38.
#[cold]
pub(super) fn product(a: Decimal, b: Decimal) -> Option<Decimal> {
    if let Some(mantissa) = a.mantissa().checked_mul(b.mantissa())
        && let Some(product) = Decimal::new(mantissa, a.scale() + b.scale())
    {
        return Some(product);
    }
    Wide::from(a).multiply(&b.into()).to_decimal()
}

/// The quotient without its fraction, however long its parts are.
#[cold]
pub(super) fn whole_quotient(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (n, d) = Wide::from(a).ratio(&b.into());
    let magnitude = i128::try_from(n / d).ok()?;
    match a.is_negative() == b.is_negative() {
        true => Decimal::new(magnitude, 0),
        false => Decimal::new(-magnitude, 0),
    }
}

/// What is left of the division, with the dividend's sign.
#[cold]
pub(super) fn remainder(a: Decimal, b: Decimal) -> Option<Decimal> {
    let (n, d) = Wide::from(a).ratio(&b.into());
    let rest = Wide::new(BigInt::from(n % d), a.scale().max(b.scale()).into()).to_decimal()?;
    Some(if a.is_negative() { rest.negate() } else { rest })
}

/// The double nearest to `n / d` (ties to even). `d` is not zero.
#[inline]
pub(super) fn nearest(n: u128, d: u128) -> f64 {
    if n <= EXACT_INTEGERS && d <= EXACT_INTEGERS {
        // Both are exact as doubles, so IEEE division rounds once and correctly.
        return n as u64 as f64 / d as u64 as f64;
    }
    nearest_shifted(n, d)
}

fn nearest_shifted(n: u128, d: u128) -> f64 {
    let shift = n.leading_zeros();
    // With n at the top of 128 bits and d below 2^63, the quotient has at least 65 bits.
    if n == 0 || d >= 1 << 63 {
        return nearest_long(&n.into(), &d.into());
    }
    let shifted = n << shift;
    round_to_double(shifted / d, -i64::from(shift), !shifted.is_multiple_of(d))
}

/// The double nearest to `n / d` (ties to even); infinite past the range. `d` is not zero.
fn nearest_long(n: &BigUint, d: &BigUint) -> f64 {
    if n.bits() == 0 {
        return 0.0;
    }
    // A quotient of 66 or 67 bits: more than the 53 that stay, and it fits in a u128.
    let shift = 66 - (n.bits() as i64 - d.bits() as i64);
    let (n, d) = if shift >= 0 {
        (n << shift, d.clone())
    } else {
        (n.clone(), d << -shift)
    };
    let quotient = &n / &d;
    let inexact = &quotient * &d != n;
    u128::try_from(quotient).map_or(f64::INFINITY, |bits| round_to_double(bits, -shift, inexact))
}

/// The double nearest to `sqrt(n / d)`; infinite past the range. `d` is not zero.
pub(super) fn nearest_root(n: &BigUint, d: &BigUint) -> f64 {
    if n.bits() == 0 {
        return 0.0;
    }
    // The floor of a root is the root of the floor, so integer division may come first. An even
    // shift that leaves 132 bits or so makes a root of about 66 bits.
    let shift = (132 - (n.bits() as i64 - d.bits() as i64)) & !1;
    let (n, d) = if shift >= 0 {
        (n << shift, d.clone())
    } else {
        (n.clone(), d << -shift)
    };
    let quotient = &n / &d;
    let root = quotient.sqrt();
    let inexact = &root * &root * &d != n;
    u128::try_from(root).map_or(f64::INFINITY, |bits| {
        round_to_double(bits, -shift / 2, inexact)
    })
}

/// The double nearest to `bits * 2^exponent` plus a little, where `inexact` says that there is a
/// little. `bits` has more than 54 significant bits unless it is exact.
fn round_to_double(bits: u128, exponent: i64, inexact: bool) -> f64 {
    let length = i64::from(128 - bits.leading_zeros());
    // Below the normal range the last place stands still at 2^-1074.
    let drop = (length - 53).max(-1074 - exponent).max(0);
    let kept = if drop >= 128 { 0 } else { bits >> drop };
    let rest = if drop >= 128 {
        bits
    } else {
        bits & ((1 << drop) - 1)
    };
    let half = if drop == 0 || drop > 128 {
        u128::MAX
    } else {
        1 << (drop - 1)
    };
    let up = rest > half || (rest == half && (inexact || kept & 1 == 1));
    let significand = (kept + u128::from(up)) as f64;
    let power = exponent + drop;
    if power > 1023 {
        return f64::INFINITY;
    }
    // Exact: the significand has at most 53 bits and the product is representable.
    significand * power_of_two(power as i32)
}

/// `2^exponent`, for exponents from -1074 to 1023.
fn power_of_two(exponent: i32) -> f64 {
    if exponent >= -1022 {
        f64::from_bits(((exponent + 1023) as u64) << 52)
    } else {
        f64::from_bits(1 << (exponent + 1074))
    }
}
