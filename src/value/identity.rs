//! When two values count as one: for distinct counts, groups and keys.

use super::parse::{self, is_plain};
use super::{Number, Value, print, text};

/// The longest number that stands for itself.
const LONGEST: usize = 38;

/// Append bytes that are the same for two values just where the language's `=` holds between
/// them as fields: plain numbers by value (`1`, `1.0` and `1e0` are one, `007` is another), all
/// else by its text. Null is nothing, and so is the empty text.
pub fn write_identity(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Raw(field) | Value::Text(field) | Value::Long(field) => write_field(field, out),
        Value::Double(double) => {
            let mut printed = Vec::new();
            print::write_double(*double, &mut printed);
            write_field(&printed, out);
        }
        _ => text::write_text(value, out),
    }
}

/// The field's identity where it is the field itself or the beginning of it, as it is for text,
/// for an integer, and for a number with places, less the zeros at its end.
#[inline]
pub fn identity_within(field: &[u8]) -> Option<&[u8]> {
    match field.first() {
        Some(b'0'..=b'9' | b'-') => number_within(field),
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
    if digits.len() > LONGEST || count_digits(places) < places.len() {
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

/// Whether a field of up to 15 bytes is its own identity, as far as that shows at once: it does
/// not begin as a number does, or is an integer without a sign. The word holds the bytes from the
/// lowest on, and zeros behind.
#[inline(always)]
pub fn is_short_identity(word: u128, len: usize) -> bool {
    const ONES: u128 = u128::MAX / 0xFF;
    let first = word as u8;
    if !(first.is_ascii_digit() || first == b'-') {
        return true;
    }
    // Digits become 0 to 9, and what stands behind the field does not count.
    let digits = (word ^ (ONES * b'0' as u128)) & !(u128::MAX << (8 * len));
    (digits.wrapping_add(ONES * 0x76) | digits) & (ONES * 0x80) == 0
}

fn write_field(field: &[u8], out: &mut Vec<u8>) {
    if let Some(identity) = identity_within(field) {
        out.extend_from_slice(identity);
        return;
    }
    match parse::parse(field) {
        Ok(Number::Decimal(decimal)) => decimal.write(out),
        _ => parse::write_canonical(field, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The identity by way of the number itself.
    fn by_number(field: &[u8]) -> Vec<u8> {
        let mut identity = Vec::new();
        if !is_plain(field) {
            return field.to_vec();
        }
        match parse::parse(field) {
            Ok(Number::Decimal(decimal)) => decimal.write(&mut identity),
            _ => parse::write_canonical(field, &mut identity),
        }
        identity
    }

    fn fields() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "-?[0-9]{0,3}(\\.[0-9]{0,4})?(e-?[0-9]{1,2})?",
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
            write_field(field, &mut written);
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
        }
    }
}
