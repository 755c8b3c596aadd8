//! Keys as bytes that compare as the keys do, so that sorting needs no values.
//!
//! Nulls, and either the [`order`] of all values or their texts. No key's bytes are a prefix of another's.

use crate::value::{Value, order, text};

/// The first byte of a text if all values are compared as text.
const TEXT: u8 = 0x30;

/// A null comes before or after everything else, whatever the direction of the others.
const FIRST: u8 = 0x00;
const LAST: u8 = 0xFF;

/// How non-null values compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Numbers by value, then times by time, then text.
    #[default]
    Values,
    /// Everything as text, byte by byte.
    Text,
    /// Everything as text, with digits in it compared as numbers.
    Natural,
}

/// How the values of one key are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Direction {
    /// How they compare.
    pub style: Style,
    /// The greatest value first.
    pub is_descending: bool,
    /// Nulls always come last; otherwise they are the smallest.
    pub nulls_last: bool,
}

/// Appends the bytes of a value.
#[inline]
pub fn push(value: &Value<'_>, direction: Direction, out: &mut Vec<u8>) {
    let start = out.len();
    match value {
        Value::Null => {
            let is_last = direction.nulls_last || direction.is_descending;
            out.push(if is_last { LAST } else { FIRST });
            return;
        }
        _ if direction.style == Style::Values => order::push(value, out),
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) | Value::Long(text) => {
            push_text(text, direction.style, out);
        }
        _ => {
            let mut written = Vec::with_capacity(48);
            text::write_text(value, &mut written);
            push_text(&written, direction.style, out);
        }
    }
    if direction.is_descending {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

#[inline]
fn push_text(text: &[u8], style: Style, out: &mut Vec<u8>) {
    out.push(TEXT);
    match style {
        Style::Natural => {
            push_natural(text, out);
            out.push(0);
            return push_zeros(text, out);
        }
        Style::Values | Style::Text => order::push_escaped(text, out),
    }
    out.push(0);
}

/// Appends the number of leading zeros of each number in a text, for texts that are otherwise equal. More zeros
/// sort first, as their bytes do.
fn push_zeros(text: &[u8], out: &mut Vec<u8>) {
    /// From this number on, it follows in eight bytes.
    const MANY: usize = 0xFE;
    let numbers = text.split(|byte| !byte.is_ascii_digit());
    for number in numbers.filter(|number| !number.is_empty()) {
        let zeros = number.iter().take_while(|digit| **digit == b'0').count();
        match zeros {
            0..MANY => out.push(0xFF - zeros as u8),
            _ => {
                out.push(1);
                out.extend_from_slice(&(!zeros as u64).to_be_bytes());
            }
        }
    }
}

/// Replaces each number by a `0`, the count of its digits without leading zeros, and these digits.
fn push_natural(mut bytes: &[u8], out: &mut Vec<u8>) {
    loop {
        let is_digit = |byte: &u8| byte.is_ascii_digit();
        let start = bytes.iter().position(is_digit).unwrap_or(bytes.len());
        let (other, rest) = bytes.split_at(start);
        order::push_escaped(other, out);
        let Some(first) = rest.first() else {
            return;
        };
        debug_assert!(first.is_ascii_digit());
        let end = rest.iter().position(|byte| !is_digit(byte));
        let (digits, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
        let digits = &digits[zeros..];
        out.push(b'0');
        match u8::try_from(digits.len()) {
            Ok(short) if short < 0xFF => out.push(short),
            _ => {
                out.push(0xFF);
                out.extend_from_slice(&(digits.len() as u64).to_be_bytes());
            }
        }
        out.extend_from_slice(digits);
        bytes = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::parse;
    use proptest::prelude::*;

    fn bytes(value: &Value<'_>, direction: Direction) -> Vec<u8> {
        let mut out = Vec::new();
        push(value, direction, &mut out);
        out
    }

    fn raw(text: &str) -> Value<'_> {
        match text {
            "" => Value::Null,
            _ => Value::Raw(text.as_bytes()),
        }
    }

    #[track_caller]
    fn ascends(direction: Direction, texts: &[&str]) {
        for pair in texts.windows(2) {
            let keys = [0, 1].map(|place| bytes(&raw(pair[place]), direction));
            assert!(keys[0] < keys[1], "{pair:?}");
        }
    }

    #[test]
    fn there_is_one_order_over_all_values() {
        let ascending = [
            "", "-10", "-9.5", "0", "0.001", "1", "2", "+7", "007", "7", "10", "1e3", " 1", "1/2",
            "abc",
        ];
        ascends(Direction::default(), &ascending);
        let mut descending = ascending;
        descending.reverse();
        let direction = |style, is_descending, nulls_last| Direction {
            style,
            is_descending,
            nulls_last,
        };
        ascends(direction(Style::Values, true, false), &descending);
        ascends(direction(Style::Values, false, true), &["1", "a", ""]);
        ascends(direction(Style::Values, true, true), &["a", "1", ""]);
        ascends(
            direction(Style::Text, false, false),
            &["", "-1", "10", "2", "a", "ab"],
        );
        let natural = [
            "", "a", "a/", "a02", "a2", "a2b", "a10", "a010b", "a10b", "a11", "b", "b00c1",
            "b0c01", "b0c1",
        ];
        ascends(direction(Style::Natural, false, false), &natural);
    }

    #[test]
    fn one_number_is_one_key_however_it_is_spelled() {
        let made = parse::parse(b"1.50").map_or(Value::Null, Value::from);
        let keys = [
            bytes(&raw("1.5"), Direction::default()),
            bytes(&raw("1.50"), Direction::default()),
            bytes(&raw("15e-1"), Direction::default()),
            bytes(&Value::Quoted(b"1.5"), Direction::default()),
            bytes(&Value::Double(1.5), Direction::default()),
            bytes(&made, Direction::default()),
        ];
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    proptest! {
        #[test]
        fn text_compares_byte_by_byte(
            a in prop::collection::vec(0u8..4, 0..6), b in prop::collection::vec(0u8..4, 0..6),
            next in 0u8..=255, descending in any::<bool>(),
        ) {
            let direction = Direction { is_descending: descending, ..Direction::default() };
            let key = |text: &[u8]| {
                let mut key = bytes(&Value::Text(text), direction);
                key.push(next);
                key
            };
            let expected = if descending { b.cmp(&a) } else { a.cmp(&b) };
            prop_assert_eq!(key(&a).cmp(&key(&b)), expected);
        }
    }
}
