//! Division of decimals: the quotient that ends, its whole part, and what is left.

use super::decimal::{Decimal, aligned_small};
use super::{parse, wide};

impl Decimal {
    /// The quotient where it ends within 38 digits; `None` where it does not, and for a zero
    /// divisor.
    ///
    /// With the divisor as `2^i * 5^j * rest`, the quotient ends only if `rest` divides the
    /// dividend.
    pub fn divide_exact(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let (rest, mut twos, mut fives) = split_tens(other.mantissa().unsigned_abs());
        let mut digits = divide_evenly(self.mantissa().unsigned_abs(), rest)?;
        if digits == 0 {
            return Some(Decimal::ZERO);
        }
        let even = twos.min(digits.trailing_zeros());
        digits >>= even;
        twos -= even;
        while fives > 0
            && let Some(fifth) = divide_evenly(digits, 5)
        {
            digits = fifth;
            fives -= 1;
        }
        let places = twos.max(fives);
        let widen = 2u128
            .checked_pow(places - twos)?
            .checked_mul(5u128.checked_pow(places - fives)?)?;
        let exponent = i64::from(other.scale()) - i64::from(self.scale()) - i64::from(places);
        let magnitude = parse::scaled(digits.checked_mul(widen)?, exponent)?;
        Some(if self.is_negative() == other.is_negative() {
            magnitude
        } else {
            magnitude.negate()
        })
    }

    /// The quotient without its fraction, as SQL's `div`: with [`Decimal::remainder`] it gives the
    /// dividend again. `None` past 38 digits and for a zero divisor.
    pub fn whole_divide(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let (a, b) = match aligned_small(self, other) {
            Some((a, b, _)) => (a, b),
            None => return wide::whole_quotient(self, other),
        };
        let whole = match (i64::try_from(a), i64::try_from(b)) {
            // The one quotient of two i64 that overflows is i64::MIN / -1.
            (Ok(a), Ok(b)) if b != -1 => i128::from(a / b),
            _ => a / b,
        };
        Decimal::new(whole, 0)
    }

    /// What is left of the division, with the sign of the dividend as in C and SQL: always exact.
    /// `None` for a zero divisor.
    pub fn remainder(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        match aligned_small(self, other) {
            Some((a, b, scale)) => match (i64::try_from(a), i64::try_from(b)) {
                (Ok(a), Ok(b)) => Some(Decimal::raw(i128::from(a.wrapping_rem(b)), scale)),
                _ => Some(Decimal::raw(a % b, scale)),
            },
            None => wide::remainder(self, other),
        }
    }
}

/// `number` as `(rest, twos, fives)` with `rest * 2^twos * 5^fives`; `number` is not zero.
fn split_tens(number: u128) -> (u128, u32, u32) {
    let twos = number.trailing_zeros();
    let (mut rest, mut fives) = (number >> twos, 0);
    while let Some(fifth) = divide_evenly(rest, 5) {
        rest = fifth;
        fives += 1;
    }
    (rest, twos, fives)
}

/// `a / b` where nothing is left over; `b` is not zero. 64-bit division where it can be.
#[inline]
fn divide_evenly(a: u128, b: u128) -> Option<u128> {
    if b == 1 {
        return Some(a);
    }
    match (u64::try_from(a), u64::try_from(b)) {
        (Ok(a), Ok(b)) => a.is_multiple_of(b).then(|| u128::from(a / b)),
        _ => a.is_multiple_of(b).then(|| a / b),
    }
}
