//! A number as bytes that compare as it does, of any size, in so many bytes as its digits take.
//!
//! A sign, the power of ten of the point before the first digit, and the significant digits, two to
//! a byte; the lowest bit says whether more follow, so that no number's bytes begin another's (as
//! in the key encoding of SQLite4, its document "Key Encoding"). A negative number's are turned
//! over.

use crate::value::digits::Digits;
use crate::value::parse;

/// The first byte, in ascending order.
const NEGATIVE: u8 = 0x20;
const ZERO: u8 = 0x21;
const POSITIVE: u8 = 0x22;

/// Powers of ten from here on, of either sign, take eight bytes more.
const FAR: i64 = 0x7FFF;

/// Digits that are gathered without asking for memory.
const SHORT: usize = 40;

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// As [`parse::is_plain`] says.
    Plain,
    /// In any other way that is read as a number.
    Code,
}

/// Appends what a text reads as, if that is a number, and says how it is written; nothing where it
/// is none.
#[inline]
pub fn push(text: &[u8], out: &mut Vec<u8>) -> Option<Spelling> {
    let (is_negative, is_signed, rest) = match text.split_first()? {
        (b'-', rest) => (true, false, rest),
        (b'+', rest) => (false, true, rest),
        (b'0'..=b'9' | b'.', _) => (false, false, text),
        _ => return None,
    };
    let whole = count_digits(rest);
    let has_zeros = whole > 1 && rest[0] == b'0';
    let spelling = match !is_signed && !has_zeros {
        true => Spelling::Plain,
        false => Spelling::Code,
    };
    match &rest[whole..] {
        [] if whole > 0 => {
            push_digits(is_negative, rest, whole as i64, out);
            Some(spelling)
        }
        [b'.', places @ ..] if count_digits(places) == places.len() && rest.len() > 1 => {
            let mut short = [0; SHORT];
            match short.get_mut(..whole + places.len()) {
                Some(digits) => {
                    let (before, behind) = digits.split_at_mut(whole);
                    before.copy_from_slice(&rest[..whole]);
                    behind.copy_from_slice(places);
                    push_digits(is_negative, digits, whole as i64, out);
                }
                None => {
                    let digits = [&rest[..whole], places].concat();
                    push_digits(is_negative, &digits, whole as i64, out);
                }
            }
            Some(spelling)
        }
        _ => push_scientific(text, out),
    }
}

#[cold]
fn push_scientific(text: &[u8], out: &mut Vec<u8>) -> Option<Spelling> {
    let number = Digits::of(text)?;
    push_digits(number.is_negative, &number.digits, number.power, out);
    Some(match parse::is_plain(text) {
        true => Spelling::Plain,
        false => Spelling::Code,
    })
}

#[inline]
fn count_digits(text: &[u8]) -> usize {
    let is_other = |byte: &u8| !byte.is_ascii_digit();
    text.iter().position(is_other).unwrap_or(text.len())
}

/// Appends the number `0.digits` times ten to the power of `exponent`.
#[inline]
fn push_digits(is_negative: bool, digits: &[u8], exponent: i64, out: &mut Vec<u8>) {
    let Some(first) = digits.iter().position(|digit| *digit != b'0') else {
        out.push(ZERO);
        return;
    };
    let last = digits.iter().rposition(|digit| *digit != b'0');
    let digits = &digits[first..=last.unwrap_or(first)];
    out.push(if is_negative { NEGATIVE } else { POSITIVE });
    let start = out.len();
    push_exponent(exponent.saturating_sub(first as i64), out);
    // Twice the two digits and one more than that; the last byte says that none follows.
    let byte = |first: u8, second: u8| ((first - b'0') * 10 + (second - b'0')) * 2 + 1;
    let (pairs, odd) = digits.as_chunks::<2>();
    out.extend(pairs.iter().map(|[first, second]| byte(*first, *second)));
    out.extend(odd.iter().map(|last| byte(*last, b'0')));
    if let Some(last) = out.last_mut() {
        *last -= 1;
    }
    if is_negative {
        out[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

fn push_exponent(exponent: i64, out: &mut Vec<u8>) {
    let near = exponent.clamp(-FAR, FAR);
    out.extend_from_slice(&((near + 0x8000) as u16).to_be_bytes());
    if near.abs() == FAR {
        out.extend_from_slice(&(exponent as u64 ^ 1 << 63).to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bigdecimal::BigDecimal;
    use proptest::prelude::*;
    use std::str::FromStr;

    fn bytes(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(push(text.as_bytes(), &mut out).is_some(), "{text}");
        out
    }

    #[test]
    fn far_powers_are_in_order() {
        let ascending = [
            "-1e999999999",
            "-1e40000",
            "-1e32767",
            "-1e32765",
            "-1e-50000",
            "0e5",
            "1e-999999999",
            "1e-50000",
            "1e-32768",
            "1e-32766",
            "1e32765",
            "1e32767",
            "1e40000",
        ];
        for pair in ascending.windows(2) {
            assert!(bytes(pair[0]) < bytes(pair[1]), "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_a_number_and_what_is_plain_is_said_once(text in "[-+]?0{0,2}[0-9]{0,3}\\.?[0-9]{0,3}([eE][+-]?[0-9]{0,11})?") {
            let spelling = push(text.as_bytes(), &mut Vec::new());
            prop_assert_eq!(spelling.is_some(), parse::is_number(text.as_bytes()));
            prop_assert_eq!(spelling == Some(Spelling::Plain), parse::is_plain(text.as_bytes()));
        }

        #[test]
        fn bytes_compare_as_numbers_do(
            a in "[-+]?[0-9]{1,22}(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?",
            b in "[-+]?[0-9]{1,4}(\\.[0-9]{1,3})?([eE][+-]?[0-9])?",
        ) {
            let (x, y) = (BigDecimal::from_str(&a).unwrap(), BigDecimal::from_str(&b).unwrap());
            prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), x.cmp(&y), "{} {}", a, b);
            prop_assert!(x == y || !bytes(&a).starts_with(&bytes(&b)));
        }
    }
}
