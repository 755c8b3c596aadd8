//! When two values count as one: for `=` between fields, and for all that has keys.
//!
//! An unquoted plain number is its value; a time that was made is its instant, or its wall clock where
//! it has no zone; an interval that was made is its months and its length. All else is its bytes, be it
//! quoted or not. So `1`, `1.0` and `"1"` are one, while `007`, `"1.0"` and `3.1.0` are only themselves.

use super::digits::Digits;
use super::parse::is_plain;
use super::{Value, print, text, wide};

/// The longest whole part or places of a number that stands for itself.
const LONGEST: usize = wide::MAX_DIGITS as usize;

/// Append bytes that are the same for two values just where they count as one. Null is nothing, and
/// so is the empty text.
pub fn write_identity(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Raw(field) => write_unquoted(field, out),
        Value::Quoted(text) | Value::Text(text) => out.extend_from_slice(text),
        Value::Double(double) => {
            let mut printed = Vec::new();
            print::write_double(*double, &mut printed);
            write_unquoted(&printed, out);
        }
        Value::Time(time) => time.write_identity(out),
        Value::Interval(interval) => interval.write_identity(out),
        Value::Null | Value::Bool(_) | Value::Decimal(_) | Value::Long(_) => {
            text::write_text(value, out);
        }
    }
}

/// Whether two values, neither of which is null, count as one.
pub fn is_same(a: &Value<'_>, b: &Value<'_>) -> bool {
    let own = |value: &Value<'_>| {
        let mut identity = Vec::new();
        write_identity(value, &mut identity);
        identity
    };
    match (within(a), within(b)) {
        (Some(a), Some(b)) => a == b,
        (Some(known), None) => known == own(b),
        (None, Some(known)) => own(a) == known,
        (None, None) => own(a) == own(b),
    }
}

/// A value's identity where it stands in the value's own text.
#[inline(always)]
pub fn within<'v>(value: &Value<'v>) -> Option<&'v [u8]> {
    match value {
        Value::Raw(field) => identity_within(field),
        Value::Quoted(text) | Value::Text(text) | Value::Long(text) => Some(text),
        _ => None,
    }
}

/// The identity of an unquoted field where it is the field itself or the beginning of it, as it is for
/// text, for an integer, and for a number with places, less the zeros at its end.
#[inline]
fn identity_within(field: &[u8]) -> Option<&[u8]> {
    match field.first() {
        Some(b'0'..=b'9' | b'-' | b'.') => number_within(field),
        _ => Some(field),
    }
}

fn number_within(field: &[u8]) -> Option<&[u8]> {
    let digits = field.strip_prefix(b"-").unwrap_or(field);
    let whole = count_digits(digits);
    // An integer may be a code, such as `007`, which is text.
    let is_integer = whole == digits.len();
    if is_integer && digits.len() <= LONGEST && field != b"-0" {
        return Some(field);
    }
    if !is_plain(field) {
        return Some(field);
    }
    let places = digits[whole..].strip_prefix(b".")?;
    let is_usual = (1..=LONGEST).contains(&whole) && places.len() <= LONGEST;
    if !is_usual || count_digits(places) < places.len() {
        return None;
    }
    let zeros = places.iter().rev().take_while(|digit| **digit == b'0');
    let zeros = zeros.count();
    let point = usize::from(zeros == places.len());
    let identity = &field[..field.len() - zeros - point];
    (identity != b"-0").then_some(identity)
}

fn count_digits(text: &[u8]) -> usize {
    let is_other = |byte: &u8| !byte.is_ascii_digit();
    text.iter().position(is_other).unwrap_or(text.len())
}

/// Whether an unquoted field of up to 15 bytes is its own identity, as far as that shows at once: it
/// does not begin as a number does, or is an integer without a sign. The word holds the bytes from the
/// lowest on, and zeros behind.
#[inline(always)]
pub fn is_short_identity(word: u128, len: usize) -> bool {
    const ONES: u128 = u128::MAX / 0xFF;
    let first = word as u8;
    if !(first.is_ascii_digit() || first == b'-' || first == b'.') {
        return true;
    }
    // Digits become 0 to 9, and what stands behind the field does not count.
    let digits = (word ^ (ONES * b'0' as u128)) & !(u128::MAX << (8 * len));
    (digits.wrapping_add(ONES * 0x76) | digits) & (ONES * 0x80) == 0
}

fn write_unquoted(field: &[u8], out: &mut Vec<u8>) {
    match identity_within(field) {
        Some(identity) => out.extend_from_slice(identity),
        None => match Digits::of(field) {
            Some(number) => number.write(out),
            None => out.extend_from_slice(field),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The identity by way of the number itself.
    fn by_number(field: &[u8]) -> Vec<u8> {
        let mut identity = Vec::new();
        match Digits::of(field).filter(|_| is_plain(field)) {
            Some(number) => number.write(&mut identity),
            None => identity.extend_from_slice(field),
        }
        identity
    }

    fn fields() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "-?[0-9]{0,3}(\\.[0-9]{0,4})?(e[-+]?[0-9]{1,2})?",
            2 => "-?[0-9.]{0,16}",
            1 => "-?[0-9]{14,40}(\\.0{0,3}[0-9]{0,30}0{0,3})?",
            1 => "-?0{0,2}\\.?0{0,40}",
            1 => "[-0-9a./:\u{0}]{0,15}",
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn short_ways_say_what_the_number_says(field in fields()) {
            let field = field.as_bytes();
            let expected = by_number(field);
            let mut written = Vec::new();
            write_unquoted(field, &mut written);
            prop_assert_eq!(&written, &expected);
            if let Some(identity) = identity_within(field) {
                prop_assert_eq!(identity, &expected[..]);
            }
            if field.len() <= 15 {
                let mut word = [0; 16];
                word[..field.len()].copy_from_slice(field);
                if is_short_identity(u128::from_le_bytes(word), field.len()) {
                    prop_assert_eq!(field, &expected[..]);
                }
            }
            // It stands for itself.
            prop_assert_eq!(by_number(&expected), expected);
        }
    }

    #[test]
    fn numbers_past_1000_digits_have_one_text() {
        let long = format!("1{}", "0".repeat(1_000));
        for (field, expected) in [
            (&*format!("{long}.0"), "1e+1000"),
            ("1e+1000", "1e+1000"),
            ("0.001e+1003", "1e+1000"),
            ("12.50e-1003", "1.25e-1002"),
            ("-15e+1000", "-1.5e+1001"),
            ("1e+999", &long[..1_000]),
        ] {
            let mut identity = Vec::new();
            write_unquoted(field.as_bytes(), &mut identity);
            assert_eq!(String::from_utf8_lossy(&identity), expected, "{field}");
        }
    }
}
