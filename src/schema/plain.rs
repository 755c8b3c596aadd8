//! Numbers as text, and what databases make of them.

/// Parses an integer that is written plainly (`-?(0|[1-9][0-9]*)`) and fits 64 bits. `007` and `+5` are treated as
/// codes.
#[inline]
pub fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    match digits {
        [] | [b'0', _, ..] => return None,
        _ if digits.len() > 19 => return None,
        _ => {}
    }
    let mut magnitude = 0u64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Nineteen nines fit in a u64.
        magnitude = magnitude * 10 + u64::from(digit);
    }
    if digits.len() == text.len() {
        i64::try_from(magnitude).ok()
    } else {
        0i64.checked_sub_unsigned(magnitude)
    }
}

/// The parts of a number that a numeric column accepts, as unparsed text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plain<'t> {
    /// Digits before the point.
    pub whole: &'t [u8],
    /// Digits after the point; empty without a point.
    pub fraction: &'t [u8],
    /// The exponent, if there is one, limited to ±100,000.
    pub exponent: Option<i32>,
}

impl<'t> Plain<'t> {
    /// Splits `-?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][+-]?[0-9]+)?` with at least one digit in the mantissa. A leading
    /// zero or a plus sign marks a code, which a numeric column would change.
    pub fn of(text: &'t [u8]) -> Option<Self> {
        let text = text.strip_prefix(b"-").unwrap_or(text);
        let (whole, rest) = digits(text);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => digits(rest),
            _ => (&rest[..0], rest),
        };
        if whole.len() + fraction.len() == 0 || whole.len() > 1 && whole[0] == b'0' {
            return None;
        }
        let exponent = match rest {
            [] => None,
            [b'e' | b'E', rest @ ..] => Some(power(rest)?),
            _ => return None,
        };
        Some(Plain {
            whole,
            fraction,
            exponent,
        })
    }

    /// Returns the number of decimal places when written out, without trailing zeros.
    pub fn places(&self) -> i64 {
        let (digits, exponent) = self.significant();
        if digits.is_empty() {
            return 0;
        }
        (digits.len() as i64 - exponent).max(0)
    }

    /// Returns the exponent of `0.digits * 10^exponent`: the number of digits before the point or, if negative, of
    /// zeros right after it. None for zero.
    pub fn magnitude(&self) -> Option<i64> {
        let (digits, exponent) = self.significant();
        (!digits.is_empty()).then_some(exponent)
    }

    /// Returns how many zeros a whole number ends in when written out; `i64::MAX` for zero.
    pub fn trailing_zeros(&self) -> i64 {
        let (digits, exponent) = self.significant();
        match digits.is_empty() {
            true => i64::MAX,
            false => (exponent - digits.len() as i64).max(0),
        }
    }

    /// Whether it has thousands of digits when written out, more than databases accept.
    pub fn is_huge(&self) -> bool {
        self.whole.len() + self.fraction.len() > 10_000
            || self.exponent.is_some_and(|power| power.abs() > 10_000)
    }

    /// Whether the double, rounded to as many digits, is this number.
    fn is_rounded(&self, double: f64) -> bool {
        let own = self.significant();
        let digits = own.0.len();
        if digits == 0 || digits > MOST_DIGITS {
            return digits == 0;
        }
        let is_own = |text: String| {
            Plain::of(text.as_bytes()).is_some_and(|plain| plain.significant() == own)
        };
        is_own(format!("{double:.*e}", digits - 1)) || self.is_other_half(double, is_own)
    }

    /// Whether the double lies exactly halfway between two numbers with this many digits, and this is the one that
    /// rounding half to even does not choose.
    #[cold]
    fn is_other_half(&self, double: f64, is_own: impl Fn(String) -> bool) -> bool {
        let digits = self.significant().0.len();
        let exact = format!("{double:.MOST_DIGITS$e}");
        let half = format!("{double:.digits$e}");
        let Some((mantissa, power)) = half.split_once('e') else {
            return false;
        };
        let Some(shorter) = mantissa.strip_suffix('5') else {
            return false;
        };
        let is_exact =
            [&exact, &half].map(|text| Plain::of(text.as_bytes()).map(|p| p.significant()));
        let shorter = shorter.trim_end_matches('.');
        // A last digit of 9 needs no carry: half to even rounds it up, so that number was checked by `is_rounded`.
        let (kept, last) = shorter.split_at(shorter.len() - 1);
        let above = last
            .parse::<u8>()
            .map(|last| format!("{kept}{}e{power}", last + 1));
        is_exact[0] == is_exact[1]
            && (is_own(format!("{shorter}e{power}")) || above.is_ok_and(is_own))
    }

    /// Returns the digits from the first to the last that is not zero, and the exponent for which `0.digits *
    /// 10^exponent` is the number.
    fn significant(&self) -> (Vec<u8>, i64) {
        let all = [self.whole, self.fraction].concat();
        let Some(first) = all.iter().position(|&digit| digit != b'0') else {
            return (Vec::new(), 0);
        };
        let last = all
            .iter()
            .rposition(|&digit| digit != b'0')
            .unwrap_or(first);
        let exponent =
            self.whole.len() as i64 - first as i64 + i64::from(self.exponent.unwrap_or(0));
        (all[first..=last].to_vec(), exponent)
    }
}

/// A plain number of at most 15 digits without an exponent. A double holds it (IEEE 754).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Short {
    /// The number.
    pub double: f64,
    /// Whether it is written with a decimal point.
    pub has_point: bool,
}

impl Short {
    /// Parses one. The digits and the power of ten are exact doubles, so their quotient is rounded once and is the
    /// nearest double (Clinger, "How to Read Floating Point Numbers Accurately", 1990).
    #[inline]
    pub fn of(text: &[u8]) -> Option<Self> {
        let unsigned = text.strip_prefix(b"-").unwrap_or(text);
        if unsigned.len() > 16 {
            return None;
        }
        let mut digits = 0u64;
        let mut whole = None;
        for (place, byte) in unsigned.iter().enumerate() {
            let digit = byte.wrapping_sub(b'0');
            if digit <= 9 {
                digits = digits * 10 + u64::from(digit);
            } else if *byte == b'.' && whole.is_none() {
                whole = Some(place);
            } else {
                return None;
            }
        }
        let (whole, places) = match whole {
            Some(whole) => (whole, unsigned.len() - whole - 1),
            None => (unsigned.len(), 0),
        };
        let has_point = whole < unsigned.len();
        let is_plain = whole == 1 || whole > 1 && unsigned[0] != b'0';
        if !is_plain || has_point && places == 0 || whole + places > 15 {
            return None;
        }
        let double = digits as f64 / POWERS[places];
        Some(Short {
            double: if unsigned.len() < text.len() {
                -double
            } else {
                double
            },
            has_point,
        })
    }
}

/// Powers of ten, each of them exact.
const POWERS: [f64; 16] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

/// Returns the digits of a plain number from the first to the last that is not zero, and the exponent for which
/// `0.digits * 10^exponent` is its absolute value.
pub fn significant(text: &[u8]) -> Option<(Vec<u8>, i64)> {
    Plain::of(text).map(|plain| plain.significant())
}

/// Decimals with at most this many significant digits survive a round trip through a normal double or float
/// (`DBL_DIG` and `FLT_DIG` in C).
const DOUBLE_DIGITS: usize = 15;
const SINGLE_DIGITS: usize = 6;

/// No double needs more significant digits than this to be written exactly.
const MOST_DIGITS: usize = 767;

/// Returns the double for a plain number, if the number stands for that double: it is the double's exact value, or
/// the nearest number to it with as many digits. So every text that a program printed for a double, with enough
/// digits to read it back, is kept.
pub fn surviving(text: &[u8]) -> Option<f64> {
    if let Some(short) = Short::of(text) {
        return Some(short.double);
    }
    let plain = Plain::of(text)?;
    let double = nearest(text)?;
    let is_normal = double.abs() >= f64::MIN_POSITIVE;
    let digits = plain.significant().0.len();
    let survives = is_normal && digits <= DOUBLE_DIGITS || plain.is_rounded(double);
    survives.then_some(double)
}

/// Whether a plain number stands for a 32-bit float, in the sense of [`surviving`].
pub fn survives_single(text: &[u8]) -> bool {
    let survives = || {
        let single: f32 = std::str::from_utf8(text).ok()?.parse().ok()?;
        let plain = Plain::of(text)?;
        let is_normal = single.abs() >= f32::MIN_POSITIVE && single.is_finite();
        let digits = plain.significant().0.len();
        Some(
            is_normal && digits <= SINGLE_DIGITS
                || single.is_finite() && plain.is_rounded(single.into()),
        )
    };
    survives().unwrap_or(false)
}

/// Returns the double nearest to a plain number; None if it overflows.
pub fn nearest(text: &[u8]) -> Option<f64> {
    let double: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    double.is_finite().then_some(double)
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

fn power(text: &[u8]) -> Option<i32> {
    let (is_negative, text) = match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, text),
    };
    let ([_, ..], []) = digits(text) else {
        return None;
    };
    let power = text.iter().fold(0i32, |power, byte| {
        (power * 10 + i32::from(byte - b'0')).min(100_000)
    });
    Some(if is_negative { -power } else { power })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::parse::is_plain;

    #[test]
    fn integers_are_plain_and_fit() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("-7", Some(-7)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-9223372036854775809", None),
            ("99999999999999999999", None),
            ("007", None),
            ("+5", None),
            ("", None),
            ("-", None),
            ("1.0", None),
            ("1e3", None),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn columns_of_numbers_take_plain_ones_and_bare_exponents() {
        for text in [
            "0", "-0.0", "1.50", "1E+05", "10.25e-3", ".5", "5.", "-.5e7", "5.e2",
        ] {
            assert!(Plain::of(text.as_bytes()).is_some(), "{text}");
            assert!(is_plain(text.as_bytes()), "{text}");
        }
        for text in ["1e5", "0E0", "-12e12"] {
            assert!(Plain::of(text.as_bytes()).is_some(), "{text}");
            assert!(!is_plain(text.as_bytes()), "{text}");
        }
        for text in [
            "", "-", ".", "-.", ".e5", "01", "00.5", "+1", "1e", "1e+", "1_000", "inf", "0x1",
            " 1", "--1",
        ] {
            assert!(Plain::of(text.as_bytes()).is_none(), "{text}");
            assert!(!is_plain(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_a_double_keeps_survives() {
        for text in [
            "0",
            "1.50",
            "0.1",
            "123456789012345",
            "1e300",
            "1e-7",
            "0.30000000000000004",
            "9007199254740992",
            "100000000000000000000",
            "-2.5e10",
            // As other programs write doubles: with 17 digits, or with all of them.
            "0.10000000000000001",
            "1700000000123456.25",
            "5e-324",
            "4.9406564584124654e-324",
            "9.9999999999999992e+22",
            "0.1000000000000000055511151231257827021181583404541015625",
        ] {
            assert!(surviving(text.as_bytes()).is_some(), "{text}");
        }
        for text in [
            "9007199254740993",
            "0.1234567890123456789",
            "123456789012345678",
            "1e400",
            "1e-400",
            "007",
            "0.100000000000000001",
            "6e-324",
        ] {
            assert!(surviving(text.as_bytes()).is_none(), "{text}");
        }
    }

    proptest::proptest! {
        /// Any number of digits that reads back as the same double.
        #[test]
        fn all_that_is_printed_of_a_double_survives(bits: u64, digits in 16usize..25) {
            let double = f64::from_bits(bits);
            if double.is_finite() {
                for text in [format!("{double:e}"), format!("{double:.digits$e}"), format!("{double:?}")] {
                    proptest::prop_assert_eq!(surviving(text.as_bytes()), Some(double), "{}", text);
                }
            }
        }

        #[test]
        fn all_that_is_printed_of_a_float_survives(bits: u32, digits in 8usize..12) {
            let single = f32::from_bits(bits);
            if single.is_finite() {
                for text in [format!("{single:e}"), format!("{single:.digits$e}")] {
                    proptest::prop_assert!(survives_single(text.as_bytes()), "{}", text);
                }
            }
        }
    }

    #[test]
    fn short_numbers_are_read_as_all_are() {
        let texts = [
            "0",
            "-0",
            "7",
            "-7.5",
            "0.1",
            "0.000000000001",
            "1.50",
            "999999999999999",
            "99999999999999.9",
            "0.99999999999999",
            "123456789.012345",
            "4503599627.37049",
        ];
        for text in texts {
            let short = Short::of(text.as_bytes()).unwrap();
            let nearest = nearest(text.as_bytes()).unwrap();
            assert_eq!(short.double.to_bits(), nearest.to_bits(), "{text}");
            assert_eq!(short.has_point, text.contains('.'), "{text}");
        }
        for number in (0..1_000_000_000_000_000u64).step_by(999_999_999_989 * 7 / 3) {
            for places in 0..15 {
                let (whole, fraction) = (number / 10u64.pow(places), number % 10u64.pow(places));
                let text = match places {
                    0 => format!("-{number}"),
                    _ => format!("{whole}.{fraction:0width$}", width = places as usize),
                };
                if let Some(short) = Short::of(text.as_bytes()) {
                    let nearest = nearest(text.as_bytes()).unwrap();
                    assert_eq!(short.double.to_bits(), nearest.to_bits(), "{text}");
                } else {
                    assert!(text.len() > 16, "{text}");
                }
            }
        }
        for text in [
            "",
            "-",
            ".5",
            "5.",
            "01",
            "+1",
            "1e5",
            "1.2.3",
            "--1",
            "1234567890123456",
            " 1",
        ] {
            assert_eq!(Short::of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn digits_are_counted_by_value() {
        let counts = |text: &str| {
            let plain = Plain::of(text.as_bytes()).unwrap();
            (plain.magnitude(), plain.places())
        };
        assert_eq!(counts("0"), (None, 0));
        assert_eq!(counts("12.340"), (Some(2), 2));
        assert_eq!(counts("0.05"), (Some(-1), 2));
        assert_eq!(counts("1.5e-3"), (Some(-2), 4));
        assert_eq!(counts("1.5e3"), (Some(4), 0));
        assert_eq!(counts("120"), (Some(3), 0));
    }
}
