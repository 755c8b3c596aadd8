//! Text to number.

pub(super) mod words;

use num_bigint::{BigInt, BigUint, Sign};

use super::Number;
use super::decimal::{Decimal, MAX_DIGITS, power_of_ten};
use super::wide::{self, Wide};

/// Why a text is not read as a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotNumber {
    /// It is not written as one.
    Text,
    /// It is a number, but a decimal cannot hold it; [`wide()`] reads it.
    Long,
    /// It has more than 1,000 digits before or after the point.
    TooLong,
}

/// Read a number: an optional sign, digits with at most one point anywhere among them, and an
/// exponent. No blanks, no hexadecimal, no thousands separators, no `inf` or `nan`.
///
/// The result is always an exact decimal; a number that needs more than 38 digits is
/// [`NotNumber::Long`], and [`wide()`] reads that one.
#[inline(always)]
pub fn parse(text: &[u8]) -> Result<Number, NotNumber> {
    if let Some(packed) = short(text) {
        let mantissa = i128::from(packed >> SCALE_BITS);
        let scale = packed as u8 & ((1 << SCALE_BITS) - 1);
        return Ok(Number::Decimal(Decimal::raw(mantissa, scale)));
    }
    Ok(Number::Decimal(long(text)?.apart()))
}

/// Reads a number that [`parse`] calls [`NotNumber::Long`], exactly; `None` for a text that is no
/// number or has more than 1,000 digits before or after the point.
#[cold]
pub fn wide(text: &[u8]) -> Option<Wide> {
    let parts = split(text)?;
    if is_too_long(&parts) {
        return None;
    }
    let (digits, power) = significant(&parts);
    let mantissa = match digits.is_empty() {
        true => BigUint::ZERO,
        false => BigUint::parse_bytes(&digits, 10)?,
    };
    let places = digits.len() as i64 - power;
    let zeros = wide::ten_to(u32::try_from(-places).unwrap_or(0));
    let sign = if parts.negative {
        Sign::Minus
    } else {
        Sign::Plus
    };
    Some(Wide::new(
        BigInt::from_biguint(sign, mantissa * zeros),
        u32::try_from(places).unwrap_or(0),
    ))
}

/// Whether there are more than 1,000 digits before or after the point, zeros at either end of the
/// number aside. Only counts: a field may have a million digits.
fn is_too_long(parts: &Parts<'_>) -> bool {
    let digits = || parts.whole.iter().chain(parts.fraction);
    let Some(first) = digits().position(|digit| *digit != b'0') else {
        return false;
    };
    let trailing = digits().rev().take_while(|digit| **digit == b'0').count();
    let before = parts.exponent + parts.whole.len() as i64 - first as i64;
    let after = parts.fraction.len() as i64 - trailing as i64 - parts.exponent;
    before.max(after) > i64::from(wide::MAX_DIGITS)
}

/// Whether it is a *plain number*: `-?(0|[1-9][0-9]*)?(\.[0-9]*)?` with a digit in it, and behind it
/// an exponent, if it has a point or its exponent a sign. What looks else (`007`, `+5`, `12E12`) is
/// a code that happens to have digits, and so is what lies so far that powers are not told apart.
pub fn is_plain(text: &[u8]) -> bool {
    let is_near = |power: i64| power.abs() < FARTHEST;
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = count_digits(rest);
    if whole > 1 && rest[0] == b'0' {
        return false;
    }
    let after = &rest[whole..];
    let (places, after, has_point) = match after.split_first() {
        None => return whole > 0,
        Some((b'.', fraction)) => {
            let places = count_digits(fraction);
            (places, &fraction[places..], true)
        }
        Some(_) => (0, after, false),
    };
    if whole + places == 0 {
        return false;
    }
    match after.split_first() {
        None => true,
        Some((b'e' | b'E', exponent)) => {
            let is_signed = matches!(exponent.first(), Some(b'+' | b'-'));
            (has_point || is_signed) && self::exponent(exponent).is_some_and(is_near)
        }
        Some(_) => false,
    }
}

/// A power of ten that is as far as any; those beyond it are all this one.
const FARTHEST: i64 = u32::MAX as i64;

/// The number behind an `e`; none where it is not written as one.
fn exponent(text: &[u8]) -> Option<i64> {
    let (sign, digits) = match text.split_first()? {
        (b'-', digits) => (-1, digits),
        (b'+', digits) => (1, digits),
        _ => (1, text),
    };
    if digits.is_empty() || count_digits(digits) < digits.len() {
        return None;
    }
    let add = |sum: i64, digit: &u8| (sum * 10 + i64::from(digit - b'0')).min(FARTHEST);
    Some(sign * digits.iter().fold(0, add))
}

/// Whether it is written as a number, in any of the forms that [`parse`] reads, of any length.
pub fn is_number(text: &[u8]) -> bool {
    match text.first() {
        Some(b'0'..=b'9' | b'-' | b'+' | b'.') => split(text).is_some(),
        _ => false,
    }
}

#[inline]
fn count_digits(text: &[u8]) -> usize {
    text.iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len())
}

/// `digits * 10^exponent`; `None` past 38 digits.
pub(super) fn scaled(mut digits: u128, mut exponent: i64) -> Option<Decimal> {
    if digits == 0 {
        return Some(Decimal::ZERO);
    }
    while exponent < -i64::from(MAX_DIGITS) && digits.is_multiple_of(10) {
        digits /= 10;
        exponent += 1;
    }
    if exponent > 0 {
        let power = power_of_ten(
            u8::try_from(exponent)
                .ok()
                .filter(|power| *power <= MAX_DIGITS)?,
        );
        digits = digits.checked_mul(power.unsigned_abs())?;
        exponent = 0;
    }
    Decimal::new(i128::try_from(digits).ok()?, u8::try_from(-exponent).ok()?)
}

const ZEROS: u64 = 0x3030_3030_3030_3030;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// A scale of at most 15 below the mantissa's bits.
const SCALE_BITS: u32 = 4;

/// Up to sixteen digits and a point, eight at a time; `None` for all else. The mantissa, below
/// `10^16`, and the scale share a word, so that they come back in registers.
fn short(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        _ => (false, text),
    };
    let (magnitude, scale) = match digits.len() {
        1..=8 => eight(digits)?,
        9..=16 => sixteen(digits)?,
        _ => return None,
    };
    let mantissa = if negative { -magnitude } else { magnitude };
    Some(mantissa << SCALE_BITS | i64::from(scale))
}

/// The mantissa of what [`short`] and its like give.
#[inline(always)]
pub(super) fn mantissa_of(packed: i64) -> i64 {
    packed >> SCALE_BITS
}

/// The scale of what [`short`] and its like give.
#[inline(always)]
pub(super) fn scale_of(packed: i64) -> u8 {
    packed as u8 & ((1 << SCALE_BITS) - 1)
}

/// A byte of a word that has had `'0'` taken from each: a point.
const POINT: u8 = b'.' ^ b'0';

/// Mantissa and scale in a word; `point` is the highest bit of the byte where a point stood, 0 where
/// there was none.
#[inline(always)]
pub(super) fn pack(mantissa: i64, point: u64) -> i64 {
    let scale = match point {
        0 => 0,
        _ => 7 - point.trailing_zeros() / 8,
    };
    mantissa << SCALE_BITS | i64::from(scale)
}

/// The number that a field of up to sixteen digits is, and whether it is spelled as [`is_plain`]
/// says and is no negative zero.
pub(super) fn packed_field(field: &[u8]) -> Option<(i64, bool)> {
    let packed = short(field)?;
    Some((
        packed,
        is_plain(field) && (packed >> SCALE_BITS != 0 || field[0] != b'-'),
    ))
}

/// One to eight bytes of digits with at most one point: the number without the point, and how
/// many digits stand behind it.
///
/// The bytes are set at the end of a word whose first byte is the most significant, less `'0'`
/// each, so that a shorter text has zeros in front.
#[inline]
fn eight(text: &[u8]) -> Option<(i64, u8)> {
    let word = (load(text) ^ ZEROS) << (64 - 8 * text.len());
    match point(word) {
        None => Some((digits_of(word)?, 0)),
        Some(place) if text.len() > 1 => {
            let front = word & ((1 << (8 * place)) - 1);
            let behind = word & (u64::MAX << (8 * place) << 8);
            Some((digits_of(front << 8 | behind)?, 7 - place as u8))
        }
        Some(_) => None,
    }
}

/// Nine to sixteen bytes; see [`eight`].
#[inline]
fn sixteen(text: &[u8]) -> Option<(i64, u8)> {
    let (front, back) = text.split_at(text.len() - 8);
    let high = (load(front) ^ ZEROS) << (64 - 8 * front.len());
    let low = load(back) ^ ZEROS;
    let mut word = u128::from(high) | u128::from(low) << 64;
    let place = match (point(high), point(low)) {
        (None, None) => None,
        (Some(place), _) => Some(place),
        (None, Some(place)) => Some(place + 8),
    };
    let mut scale = 0;
    if let Some(place) = place {
        let front = word & ((1 << (8 * place)) - 1);
        let behind = word & (u128::MAX << (8 * place) << 8);
        word = front << 8 | behind;
        scale = 15 - place as u8;
    }
    let (high, low) = (digits_of(word as u64)?, digits_of((word >> 64) as u64)?);
    Some((high * 100_000_000 + low, scale))
}

/// One to eight bytes as a little-endian word, zeros behind.
#[inline]
fn load(text: &[u8]) -> u64 {
    if let Some(word) = text.first_chunk::<8>() {
        return u64::from_le_bytes(*word);
    }
    let length = text.len();
    match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        // The two halves may overlap: then they agree.
        (Some(front), Some(back)) => {
            u64::from(u32::from_le_bytes(*front))
                | u64::from(u32::from_le_bytes(*back)) << (8 * (length - 4))
        }
        _ => {
            u64::from(text[0])
                | u64::from(text[length / 2]) << (8 * (length / 2))
                | u64::from(text[length - 1]) << (8 * (length - 1))
        }
    }
}

/// The place of the first point in a word that has had `'0'` taken from each byte.
#[inline]
fn point(word: u64) -> Option<u32> {
    let difference = word ^ (0x0101_0101_0101_0101 * POINT as u64);
    let zeros = difference.wrapping_sub(0x0101_0101_0101_0101) & !difference & HIGH_BITS;
    (zeros != 0).then(|| zeros.trailing_zeros() / 8)
}

/// The number that eight digits make, the first byte being the most significant; `None` where a
/// byte is no digit.
#[inline]
fn digits_of(word: u64) -> Option<i64> {
    (!has_others(word)).then(|| eight_of(word))
}

/// Whether a byte of a word that has had `'0'` taken from each is no digit.
#[inline(always)]
fn has_others(word: u64) -> bool {
    (word.wrapping_add(0x7676_7676_7676_7676) | word) & HIGH_BITS != 0
}

/// The number that eight digits make: pairs, then fours, then eights are put together in three
/// multiplications.
#[inline(always)]
fn eight_of(word: u64) -> i64 {
    let pairs = word.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    let eights = fours.wrapping_mul(10_000 << 32 | 1) >> 32;
    eights as i64
}

/// The parts of a number's text.
pub(super) struct Parts<'a> {
    pub(super) negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

pub(super) fn split(text: &[u8]) -> Option<Parts<'_>> {
    let (negative, rest) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        (b'+', rest) => (false, rest),
        _ => (false, text),
    };
    let (whole, rest) = rest.split_at(count_digits(rest));
    let (fraction, after) = match rest.split_first() {
        Some((b'.', rest)) => rest.split_at(count_digits(rest)),
        _ => (&rest[..0], rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let exponent = match after.split_first() {
        None => 0,
        Some((b'e' | b'E', exponent)) => self::exponent(exponent)?,
        Some(_) => return None,
    };
    Some(Parts {
        negative,
        whole,
        fraction,
        exponent,
    })
}

/// Any length, any form. (Not a [`Number`]: in another shape than the short path's result it does
/// not force that one into memory.)
#[cold]
fn long(text: &[u8]) -> Result<Decimal, NotNumber> {
    let parts = split(text).ok_or(NotNumber::Text)?;
    let digits = parts.whole.iter().chain(parts.fraction);
    let digits = digits.map(|byte| byte - b'0');
    match exact(digits, parts.fraction.len(), parts.exponent) {
        Some(decimal) if parts.negative => Ok(decimal.negate()),
        Some(decimal) => Ok(decimal),
        None if is_too_long(&parts) => Err(NotNumber::TooLong),
        None => Err(NotNumber::Long),
    }
}

/// The decimal of these digits, of which `places` stand behind the point, times `10^exponent`.
fn exact(digits: impl Iterator<Item = u8>, places: usize, exponent: i64) -> Option<Decimal> {
    // Zeros are held back until a digit follows: those at the end cost no precision.
    let (mut mantissa, mut held, mut seen) = (0u128, 0u32, 0i64);
    for digit in digits {
        seen += 1;
        if digit == 0 {
            held = if mantissa == 0 { 0 } else { held + 1 };
            continue;
        }
        let shift = 10u128.checked_pow(held + 1)?;
        mantissa = mantissa.checked_mul(shift)?.checked_add(digit.into())?;
        held = 0;
    }
    debug_assert!(seen >= places as i64);
    scaled(mantissa, exponent - places as i64 + i64::from(held))
}

/// The digits from the first to the last that is not zero, and the power of ten of the point before
/// the first; nothing and 0 for zero.
pub(super) fn significant(parts: &Parts<'_>) -> (Vec<u8>, i64) {
    let digits: Vec<u8> = parts.whole.iter().chain(parts.fraction).copied().collect();
    let Some(first) = digits.iter().position(|digit| *digit != b'0') else {
        return (Vec::new(), 0);
    };
    let last = digits
        .iter()
        .rposition(|digit| *digit != b'0')
        .unwrap_or(first);
    (
        digits[first..=last].to_vec(),
        parts.exponent + parts.whole.len() as i64 - first as i64,
    )
}
