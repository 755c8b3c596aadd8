//! A number of any length as its digits: the order of two, and the one text that stands for each.

use std::cmp::Ordering;

use super::{Number, parse, print, wide};

/// Compare two texts that [`is_number`](parse::is_number) accepts, of any length, exactly: by sign, then by the
/// power of ten of the first digit, then digit by digit.
pub fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let (Some(a), Some(b)) = (Digits::of(a), Digits::of(b)) else {
        return a.cmp(b);
    };
    a.compare(&b)
}

/// The order of a text that [`is_number`](parse::is_number) accepts and that is too long for a number, and a number.
pub fn compare_with(text: &[u8], number: Number) -> Ordering {
    let mut printed = Vec::new();
    match number {
        Number::Decimal(decimal) => decimal.write(&mut printed),
        Number::Double(double) => print::write_double(double, &mut printed),
    }
    compare_numbers(text, &printed)
}

/// A number of any length: `0.digits` times ten to the power of `power`. Zero has no digits.
#[derive(Debug)]
pub struct Digits {
    /// Below zero; never for zero itself.
    pub is_negative: bool,
    /// From the first to the last that is not zero.
    pub digits: Vec<u8>,
    /// 0 for zero.
    pub power: i64,
}

impl Digits {
    /// The number that a text is; none where [`is_number`](parse::is_number) says that it is not one.
    pub fn of(text: &[u8]) -> Option<Self> {
        let parts = parse::split(text)?;
        let (digits, power) = parse::significant(&parts);
        Some(Digits {
            is_negative: parts.negative && !digits.is_empty(),
            digits,
            power,
        })
    }

    fn compare(&self, other: &Digits) -> Ordering {
        let sign = |number: &Digits| match (number.is_negative, number.digits.is_empty()) {
            (_, true) => 0,
            (true, _) => -1,
            (false, _) => 1,
        };
        let magnitudes = || {
            let by_power = self.power.cmp(&other.power);
            by_power.then_with(|| self.digits.cmp(&other.digits))
        };
        sign(self)
            .cmp(&sign(other))
            .then_with(|| match self.is_negative {
                true => magnitudes().reverse(),
                false => magnitudes(),
            })
    }

    /// Appends the one text that stands for the number: digits, with a point where there are places,
    /// up to 1,000 of either; beyond that like `1.5e+2000`. It is plain, and reads back as the number.
    pub fn write(&self, out: &mut Vec<u8>) {
        const MOST: i64 = wide::MAX_DIGITS as i64;
        if self.is_negative {
            out.push(b'-');
        }
        let count = self.digits.len() as i64;
        let zeros = |count: i64| std::iter::repeat_n(b'0', usize::try_from(count).unwrap_or(0));
        match self.power {
            _ if count == 0 => out.push(b'0'),
            power if power > MOST || count - power > MOST => {
                out.push(self.digits[0]);
                if let rest @ [_, ..] = &self.digits[1..] {
                    out.push(b'.');
                    out.extend_from_slice(rest);
                }
                out.extend_from_slice(format!("e{:+}", power - 1).as_bytes());
            }
            power if power >= count => {
                out.extend_from_slice(&self.digits);
                out.extend(zeros(power - count));
            }
            power if power > 0 => {
                let (whole, places) = self.digits.split_at(power as usize);
                out.extend_from_slice(whole);
                out.push(b'.');
                out.extend_from_slice(places);
            }
            power => {
                out.extend_from_slice(b"0.");
                out.extend(zeros(-power));
                out.extend_from_slice(&self.digits);
            }
        }
    }
}
