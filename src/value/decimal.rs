//! Exact decimal numbers: an integer mantissa and a scale.
//!
//! Every operation has a short path for mantissas that fit in 64 bits, which is nearly all data,
//! and a long one, kept out of line, that is exact for the rest.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

use super::{parse, print, wide};

/// The greatest number of significant digits, and the greatest scale.
pub const MAX_DIGITS: u8 = 38;

/// The number `mantissa / 10^scale`: at most 38 significant digits, scale 0 to 38. Not
/// normalised: `1.50` keeps its scale of 2 until it is printed or compared.
///
/// The mantissa is kept in two halves: a [`super::Value`] then takes 32 bytes and not 48, and the
/// compiler keeps decimals in registers, which it does not with an `i128` on an 8-byte boundary.
#[derive(Clone, Copy)]
pub struct Decimal {
    low: u64,
    high: i64,
    /// A whole word, for padding is copied byte by byte.
    scale: u64,
}

/// What becomes of the digits that are cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// To the nearest; a half goes away from zero, as in SQL.
    HalfAway,
    /// Towards minus infinity.
    Floor,
    /// Towards plus infinity.
    Ceiling,
    /// Towards zero.
    Truncate,
}

impl Rounding {
    /// What is added to the digits that are kept, where those that are cut off have this sign
    /// (0 for none) and, by `half`, reach the half.
    #[inline]
    pub(super) fn carry(self, sign: i64, half: bool) -> i64 {
        match self {
            Rounding::HalfAway if half => sign,
            Rounding::Floor => sign.min(0),
            Rounding::Ceiling => sign.max(0),
            Rounding::HalfAway | Rounding::Truncate => 0,
        }
    }
}

/// `10^0` to `10^38`.
const POWERS: [i128; MAX_DIGITS as usize + 1] = {
    let mut powers = [1; MAX_DIGITS as usize + 1];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// `10^0` to `10^18`, those that fit in 64 bits.
const SMALL_POWERS: [i64; 19] = {
    let mut powers = [1; 19];
    let mut i = 1;
    while i < powers.len() {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

/// Mantissas are less than this, `10^38`, on either side of zero.
const LIMIT: u128 = POWERS[MAX_DIGITS as usize] as u128;

/// `10^exponent`, for exponents up to 38.
#[inline]
pub(crate) fn power_of_ten(exponent: u8) -> i128 {
    POWERS[usize::from(exponent)]
}

impl Decimal {
    /// Zero.
    pub const ZERO: Decimal = Decimal::raw(0, 0);
    /// One.
    pub const ONE: Decimal = Decimal::raw(1, 0);

    /// Only for mantissas and scales known to be in range.
    #[inline]
    pub(crate) const fn raw(mantissa: i128, scale: u8) -> Self {
        Decimal {
            low: mantissa as u64,
            high: (mantissa >> 64) as i64,
            scale: scale as u64,
        }
    }

    /// `mantissa / 10^scale`; `None` past 38 digits or a scale of 38.
    #[inline]
    pub const fn new(mantissa: i128, scale: u8) -> Option<Self> {
        if mantissa.unsigned_abs() < LIMIT && scale <= MAX_DIGITS {
            Some(Decimal::raw(mantissa, scale))
        } else {
            None
        }
    }

    /// The digits as an integer, with the sign.
    #[inline]
    pub const fn mantissa(self) -> i128 {
        (self.high as i128) << 64 | self.low as i128
    }

    /// How many of the mantissa's digits stand behind the point.
    #[inline]
    pub const fn scale(self) -> u8 {
        self.scale as u8
    }

    /// The same number, taken apart and put together. Around a call out of line it keeps the
    /// number that the short path works on from having an address, and so in registers.
    #[inline(always)]
    pub(super) fn apart(self) -> Self {
        Decimal {
            low: self.low,
            high: self.high,
            scale: self.scale,
        }
    }

    /// The mantissa where it fits in 64 bits.
    #[inline]
    pub fn small_mantissa(self) -> Option<i64> {
        // The high half says nothing more than the low half's sign.
        let low = self.low as i64;
        (self.high == low >> 63).then_some(low)
    }

    /// The same number with the smallest scale: `1.50` becomes `1.5`.
    pub fn normalized(self) -> Self {
        let (mut mantissa, mut scale) = (self.mantissa(), self.scale());
        while scale >= 8 && mantissa % 100_000_000 == 0 && i64::try_from(mantissa).is_err() {
            mantissa /= 100_000_000;
            scale -= 8;
        }
        if let Ok(mut small) = i64::try_from(mantissa) {
            while scale > 0 && small % 10 == 0 {
                small /= 10;
                scale -= 1;
            }
            return Decimal::raw(i128::from(small), scale);
        }
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Decimal::raw(mantissa, scale)
    }

    /// Is it zero?
    #[inline]
    pub fn is_zero(self) -> bool {
        self.mantissa() == 0
    }

    /// Is it less than zero?
    #[inline]
    pub fn is_negative(self) -> bool {
        self.mantissa() < 0
    }

    /// Has it no fraction? `2.0` is an integer.
    #[inline]
    pub fn is_integer(self) -> bool {
        self.scale() == 0 || self.normalized().scale == 0
    }

    /// The same integer; `None` for a fraction and past 64 bits.
    #[inline]
    pub fn to_i64(self) -> Option<i64> {
        let whole = if self.scale() == 0 {
            self
        } else {
            self.normalized()
        };
        if whole.scale() == 0 {
            whole.small_mantissa()
        } else {
            None
        }
    }

    /// The nearest double (ties to even).
    #[inline]
    pub fn to_f64(self) -> f64 {
        let magnitude = wide::nearest(
            self.mantissa().unsigned_abs(),
            power_of_ten(self.scale()).unsigned_abs(),
        );
        if self.is_negative() {
            -magnitude
        } else {
            magnitude
        }
    }

    /// The decimal that a double prints as: the shortest that reads back as the same double.
    /// `None` where that needs more than 38 places on either side of the point.
    pub fn from_f64_shortest(double: f64) -> Option<Self> {
        let (mantissa, exponent) = print::shortest(double);
        parse::scaled(mantissa.unsigned_abs().into(), exponent.into()).map(|decimal| {
            if mantissa < 0 {
                decimal.negate()
            } else {
                decimal
            }
        })
    }

    /// `-self`.
    #[inline]
    pub fn negate(self) -> Self {
        Decimal::raw(-self.mantissa(), self.scale())
    }

    /// The distance from zero.
    #[inline]
    pub fn abs(self) -> Self {
        Decimal::raw(self.mantissa().abs(), self.scale())
    }

    /// The sum; `None` where it needs more than 38 digits.
    #[inline]
    #[expect(
        clippy::should_implement_trait,
        reason = "it can fail, which `+` cannot say"
    )]
    pub fn add(self, other: Self) -> Option<Self> {
        if let Some((a, b, scale)) = aligned_small(self, other) {
            // Both below 2^63 * 10^18 < 10^37.
            return Some(Decimal::raw(a + b, scale));
        }
        Some(wide::sum(self.apart(), other.apart())?.apart())
    }

    /// The difference; `None` where it needs more than 38 digits.
    #[inline]
    pub fn subtract(self, other: Self) -> Option<Self> {
        self.add(other.negate())
    }

    /// The product; `None` where it needs more than 38 digits.
    #[inline]
    pub fn multiply(self, other: Self) -> Option<Self> {
        let scale = self.scale() + other.scale();
        if scale <= MAX_DIGITS
            && let (Some(a), Some(b)) = (self.small_mantissa(), other.small_mantissa())
        {
            // 2^126 < 10^38.
            return Some(Decimal::raw(i128::from(a) * i128::from(b), scale));
        }
        Some(wide::product(self.apart(), other.apart())?.apart())
    }

    /// The nearest number with `digits` places behind the point (before it, where negative); a
    /// half goes away from zero. `None` where that needs more than 38 digits.
    #[inline]
    pub fn round(self, digits: i32) -> Option<Self> {
        self.round_by(digits, Rounding::HalfAway)
    }

    /// Cut to `digits` places behind the point (before it, where negative). `None` where that
    /// needs more than 38 digits.
    #[inline]
    pub fn round_by(self, digits: i32, rounding: Rounding) -> Option<Self> {
        let cut = i64::from(self.scale()) - i64::from(digits);
        if cut <= 0 {
            return Some(self);
        }
        if digits >= 0
            && let Some(mantissa) = self.small_mantissa()
            && let Some(unit) = SMALL_POWERS.get(cut as usize)
        {
            let rest = mantissa % unit;
            let half = rest.unsigned_abs() >= unit.unsigned_abs() / 2;
            let kept = mantissa / unit + rounding.carry(rest.signum(), half);
            return Some(Decimal::raw(i128::from(kept), digits as u8));
        }
        Some(self.apart().round_long(cut, digits, rounding)?.apart())
    }

    /// [`Decimal::round_by`] for any mantissa; `cut` digits go.
    #[inline(never)]
    fn round_long(self, cut: i64, digits: i32, rounding: Rounding) -> Option<Self> {
        let mantissa = self.mantissa();
        let sign = mantissa.signum() as i64;
        let kept = match u8::try_from(cut).ok().filter(|cut| *cut <= MAX_DIGITS) {
            Some(cut) => {
                let unit = power_of_ten(cut);
                let rest = mantissa % unit;
                let half = rest.unsigned_abs() >= unit.unsigned_abs() / 2;
                mantissa / unit + i128::from(rounding.carry(rest.signum() as i64, half))
            }
            None => i128::from(rounding.carry(sign, false)),
        };
        match u8::try_from(digits) {
            Ok(scale) => Decimal::new(kept, scale),
            Err(_) if kept == 0 => Some(Decimal::ZERO),
            Err(_) => {
                let zeros = u8::try_from(digits.unsigned_abs()).ok();
                let zeros = zeros.filter(|zeros| *zeros < MAX_DIGITS)?;
                Decimal::new(kept.checked_mul(power_of_ten(zeros))?, 0)
            }
        }
    }

    /// Which of the two is greater, by value.
    #[inline]
    pub fn compare(self, other: Self) -> Ordering {
        if self.scale() == other.scale() {
            return self.mantissa().cmp(&other.mantissa());
        }
        match aligned_small(self, other) {
            Some((a, b, _)) => a.cmp(&b),
            None => compare_long(self, other),
        }
    }

    /// Append it in plain notation, without trailing zeros behind the point.
    #[inline]
    pub fn write(self, out: &mut Vec<u8>) {
        print::write_decimal(self, out);
    }
}

/// Both mantissas at the greater of the two scales, where both fit in 64 bits before and the
/// scales are within 18 of each other: the results are below 2^63 * 10^18 < 10^37.
#[inline]
pub(super) fn aligned_small(a: Decimal, b: Decimal) -> Option<(i128, i128, u8)> {
    let (x, y) = (
        i128::from(a.small_mantissa()?),
        i128::from(b.small_mantissa()?),
    );
    if a.scale() == b.scale() {
        Some((x, y, a.scale()))
    } else if a.scale() < b.scale() {
        let power = SMALL_POWERS.get(usize::from(b.scale() - a.scale()))?;
        Some((x * i128::from(*power), y, b.scale()))
    } else {
        let power = SMALL_POWERS.get(usize::from(a.scale() - b.scale()))?;
        Some((x, y * i128::from(*power), a.scale()))
    }
}

/// Comparison of mantissas past 64 bits or scales far apart.
#[cold]
fn compare_long(a: Decimal, b: Decimal) -> Ordering {
    let (x, y) = (a.mantissa(), b.mantissa());
    if x.signum() != y.signum() {
        return x.signum().cmp(&y.signum());
    }
    let (x_size, y_size) = (x.unsigned_abs(), y.unsigned_abs());
    // A product past 128 bits is greater than any mantissa.
    let magnitudes = if a.scale() < b.scale() {
        let power = power_of_ten(b.scale() - a.scale()).unsigned_abs();
        x_size
            .checked_mul(power)
            .map_or(Ordering::Greater, |x| x.cmp(&y_size))
    } else {
        let power = power_of_ten(a.scale() - b.scale()).unsigned_abs();
        y_size
            .checked_mul(power)
            .map_or(Ordering::Less, |y| x_size.cmp(&y))
    };
    if x < 0 {
        magnitudes.reverse()
    } else {
        magnitudes
    }
}

impl From<i64> for Decimal {
    #[inline]
    fn from(integer: i64) -> Self {
        Decimal::raw(i128::from(integer), 0)
    }
}

impl From<u64> for Decimal {
    #[inline]
    fn from(integer: u64) -> Self {
        Decimal::raw(i128::from(integer), 0)
    }
}

impl PartialEq for Decimal {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.compare(*other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(*other)
    }
}

impl Hash for Decimal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let normal = self.normalized();
        normal.mantissa().hash(state);
        normal.scale().hash(state);
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

impl fmt::Debug for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Decimal({self}, scale {})", self.scale())
    }
}
