//! Number to text.

use super::decimal::Decimal;

/// Digits of the longest magnitude, with the zeros that a scale of 38 puts in front.
const WIDTH: usize = 40;

/// Append a decimal in plain notation, without trailing zeros behind the point.
#[inline]
pub fn write_decimal(decimal: Decimal, out: &mut Vec<u8>) {
    let mantissa = decimal.mantissa();
    let magnitude = mantissa.unsigned_abs();
    if mantissa < 0 {
        out.push(b'-');
    }
    if magnitude < 100_000_000 && decimal.scale() < 8 {
        write_short(magnitude as u64, decimal.scale().into(), out);
    } else {
        write_long(magnitude, decimal.scale().into(), out);
    }
}

/// The eight digits of a number below `10^8`, the first in the lowest byte: split in halves, in
/// pairs, in digits, all lanes of a word at once.
#[inline]
fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = (fours - hundreds * 100) << 16 | hundreds;
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    (pairs - tens * 10) << 8 | tens
}

/// A magnitude below `10^8` with at most seven places, in one store of fixed size.
#[inline]
fn write_short(magnitude: u64, scale: u32, out: &mut Vec<u8>) {
    let (text, length) = short_text(magnitude, scale);
    let end = out.len() + length;
    out.extend_from_slice(&text.to_le_bytes());
    out.truncate(end);
}

/// Room for any number of 64 bits at a scale of up to 18: a sign, `0.`, 19 digits, and some more.
pub const SMALL: usize = 24;

/// Writes `mantissa / 10^scale` as [`write_decimal`] does; how many bytes it takes. The scale is at
/// most 18; what is behind the number in `out` is overwritten with whatever it may be.
#[inline]
pub fn write_small(mantissa: i64, scale: u8, out: &mut [u8; SMALL]) -> usize {
    let magnitude = mantissa.unsigned_abs();
    let sign = usize::from(mantissa < 0);
    out[0] = b'-';
    if magnitude < 100_000_000 && scale < 8 {
        let (text, length) = short_text(magnitude, scale.into());
        out[sign..sign + 16].copy_from_slice(&text.to_le_bytes());
        return sign + length;
    }
    let digits = all_digits(magnitude.into());
    let (whole, fraction) = split_digits(&digits, scale.into());
    let mut length = sign + whole.len();
    out[sign..length].copy_from_slice(whole);
    if let Some(last) = fraction.iter().rposition(|digit| *digit != b'0') {
        out[length] = b'.';
        out[length + 1..length + last + 2].copy_from_slice(&fraction[..=last]);
        length += last + 2;
    }
    length
}

/// The text of a magnitude below `10^8` with at most seven places, the first byte lowest, and its
/// length: without a loop, the digits standing in a word and the point moved in between.
#[inline]
fn short_text(magnitude: u64, scale: u32) -> (u128, usize) {
    let digits = eight_digits(magnitude);
    let leading = (digits.trailing_zeros() / 8).min(7 - scale);
    let trailing = (digits.leading_zeros() / 8).min(scale);
    let text = u128::from(digits | 0x3030_3030_3030_3030);
    let whole = text & ((1 << (8 * (8 - scale))) - 1);
    let fraction = text >> (8 * (8 - scale)) << (8 * (9 - scale));
    let pointed = whole | u128::from(b'.') << (8 * (8 - scale)) | fraction;
    let point = u32::from(trailing < scale);
    let length = (8 - leading - trailing + point) as usize;
    (pointed >> (8 * leading), length)
}

fn write_long(magnitude: u128, scale: usize, out: &mut Vec<u8>) {
    let digits = all_digits(magnitude);
    let (whole, fraction) = split_digits(&digits, scale);
    out.extend_from_slice(whole);
    if let Some(last) = fraction.iter().rposition(|digit| *digit != b'0') {
        out.push(b'.');
        out.extend_from_slice(&fraction[..=last]);
    }
}

/// Append a decimal with every place of its scale, as a field that it was read from spelled it:
/// `1.50`.
pub fn write_with_scale(decimal: Decimal, out: &mut Vec<u8>) {
    if decimal.is_negative() {
        out.push(b'-');
    }
    let digits = all_digits(decimal.mantissa().unsigned_abs());
    let (whole, fraction) = split_digits(&digits, decimal.scale().into());
    out.extend_from_slice(whole);
    if !fraction.is_empty() {
        out.push(b'.');
        out.extend_from_slice(fraction);
    }
}

/// The digits before the point, at least one, and those behind it.
fn split_digits(digits: &[u8; WIDTH], scale: usize) -> (&[u8], &[u8]) {
    let (whole, fraction) = digits.split_at(WIDTH - scale);
    let first = whole.iter().position(|digit| *digit != b'0');
    (&whole[first.unwrap_or(whole.len() - 1)..], fraction)
}

/// A magnitude below `10^40` with zeros in front.
fn all_digits(magnitude: u128) -> [u8; WIDTH] {
    const CHUNK: u128 = 10_000_000_000_000_000;
    let mut digits = [b'0'; WIDTH];
    let mut end = WIDTH;
    let mut rest = magnitude;
    while rest > u128::from(u64::MAX) {
        let chunk = (rest % CHUNK) as u64;
        rest /= CHUNK;
        end -= 16;
        put_eight(chunk / 100_000_000, &mut digits[end..end + 8]);
        put_eight(chunk % 100_000_000, &mut digits[end + 8..end + 16]);
    }
    let mut rest = rest as u64;
    while rest > 0 {
        end -= 8;
        put_eight(rest % 100_000_000, &mut digits[end..end + 8]);
        rest /= 100_000_000;
    }
    digits
}

#[inline]
fn put_eight(number: u64, at: &mut [u8]) {
    at.copy_from_slice(&(eight_digits(number) | 0x3030_3030_3030_3030).to_le_bytes());
}

/// The shortest decimal that reads back as this finite double, as `(digits, exponent)` with the
/// value `digits * 10^exponent`; the digits have the sign and no trailing zeros.
pub fn shortest(double: f64) -> (i64, i32) {
    let mut buffer = zmij::Buffer::new();
    let (mut digits, mut exponent, mut behind_point) = (0i64, 0i32, false);
    let mut bytes = buffer.format_finite(double).bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'0'..=b'9' => {
                digits = digits * 10 + i64::from(byte - b'0');
                exponent -= i32::from(behind_point);
            }
            b'.' => behind_point = true,
            b'e' => exponent += read_exponent(bytes.by_ref()),
            _ => {} // the sign
        }
    }
    if digits == 0 {
        return (0, 0);
    }
    while digits % 10 == 0 {
        digits /= 10;
        exponent += 1;
    }
    (if double < 0.0 { -digits } else { digits }, exponent)
}

fn read_exponent(bytes: impl Iterator<Item = u8>) -> i32 {
    let (mut exponent, mut negative) = (0, false);
    for byte in bytes {
        match byte {
            b'0'..=b'9' => exponent = exponent * 10 + i32::from(byte - b'0'),
            _ => negative = byte == b'-',
        }
    }
    if negative { -exponent } else { exponent }
}

/// Append a finite double: the shortest text that reads back as the same double. Plain notation
/// from `1e-7` up to `1e21`, else like `1.5e-9` and `1e+21`; no `.0`; minus zero is `0`.
pub fn write_double(double: f64, out: &mut Vec<u8>) {
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(double).as_bytes();
    if memchr::memchr(b'e', text).is_none() && double != 0.0 {
        out.extend_from_slice(text.strip_suffix(b".0").unwrap_or(text));
        return;
    }
    // Its bounds for the plain notation are narrower than ours.
    let (digits, exponent) = shortest(double);
    if digits < 0 {
        out.push(b'-');
    }
    let size = double.abs();
    if size == 0.0 {
        out.push(b'0');
    } else if (1e-7..1e21).contains(&size) {
        write_plain(digits.unsigned_abs(), exponent, out);
    } else {
        write_scientific(digits.unsigned_abs(), exponent, out);
    }
}

fn write_plain(digits: u64, exponent: i32, out: &mut Vec<u8>) {
    // Below 1e21, zeros at the end are at most 20; above 1e-7, places are at most 7 + 17.
    if exponent >= 0 {
        write_long(digits.into(), 0, out);
        out.extend(std::iter::repeat_n(b'0', exponent as usize));
    } else {
        write_long(digits.into(), exponent.unsigned_abs() as usize, out);
    }
}

fn write_scientific(digits: u64, exponent: i32, out: &mut Vec<u8>) {
    let places = digits.ilog10();
    write_long(digits.into(), places as usize, out);
    out.push(b'e');
    let power = exponent + places as i32;
    out.push(if power < 0 { b'-' } else { b'+' });
    write_long(power.unsigned_abs().into(), 0, out);
}
