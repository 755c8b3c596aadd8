//! A number as bytes that compare as it does, of any size, in so many bytes as its digits take.
//!
//! A sign, the power of ten of the point before the first digit, and the significant digits, two to
//! a byte; the lowest bit says whether more follow, so that no number's bytes begin another's (as
//! in the key encoding of SQLite4, its document "Key Encoding"). A negative number's are turned
//! over.

/// The first byte, in ascending order.
const NEGATIVE: u8 = 0x20;
const ZERO: u8 = 0x21;
const POSITIVE: u8 = 0x22;

/// Powers of ten from here on, of either sign, take eight bytes more.
const FAR: i64 = 0x7FFF;

/// Digits that are gathered without asking for memory.
const SHORT: usize = 40;

/// Appends a plain number (see [`is_plain`](crate::value::parse::is_plain)).
#[inline]
pub fn push(text: &[u8], out: &mut Vec<u8>) {
    let (is_negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    if text.iter().all(u8::is_ascii_digit) {
        return push_digits(is_negative, text, text.len() as i64, out);
    }
    let mantissa_end = text.iter().position(|byte| byte | 0x20 == b'e');
    let (mantissa, power) = text.split_at(mantissa_end.unwrap_or(text.len()));
    let point = mantissa.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = mantissa.split_at(point.unwrap_or(mantissa.len()));
    let fraction = fraction.get(1..).unwrap_or_default();
    let exponent = (whole.len() as i64).saturating_add(power_of(power));
    let count = whole.len() + fraction.len();
    let mut short = [0; SHORT];
    match short.get_mut(..count) {
        Some(digits) => {
            let (before, behind) = digits.split_at_mut(whole.len());
            before.copy_from_slice(whole);
            behind.copy_from_slice(fraction);
            push_digits(is_negative, digits, exponent, out);
        }
        None => push_digits(is_negative, &[whole, fraction].concat(), exponent, out),
    }
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

/// The number behind an `e`, or nothing; those that no machine counts to are cut.
fn power_of(text: &[u8]) -> i64 {
    let (is_negative, digits) = match text {
        [_, b'-', digits @ ..] => (true, digits),
        [_, b'+', digits @ ..] | [_, digits @ ..] => (false, digits),
        [] => (false, text),
    };
    let power = digits.iter().fold(0i64, |power, digit| {
        (power * 10 + i64::from(digit - b'0')).min(i64::MAX / 100)
    });
    if is_negative { -power } else { power }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bigdecimal::BigDecimal;
    use proptest::prelude::*;
    use std::str::FromStr;

    fn bytes(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        push(text.as_bytes(), &mut out);
        out
    }

    #[test]
    fn far_powers_are_in_order() {
        let ascending = [
            "-1e99999999999999999999",
            "-1e40000",
            "-1e32767",
            "-1e32765",
            "-1e-50000",
            "0e5",
            "1e-99999999999",
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
        fn bytes_compare_as_numbers_do(
            a in "-?(0|[1-9][0-9]{0,22})(\\.[0-9]{1,24})?([eE][+-]?[0-9]{1,2})?",
            b in "-?(0|[1-9][0-9]{0,3})(\\.[0-9]{1,3})?([eE][+-]?[0-9])?",
        ) {
            let (x, y) = (BigDecimal::from_str(&a).unwrap(), BigDecimal::from_str(&b).unwrap());
            prop_assert_eq!(bytes(&a).cmp(&bytes(&b)), x.cmp(&y), "{} {}", a, b);
            prop_assert!(x == y || !bytes(&a).starts_with(&bytes(&b)));
        }
    }
}
