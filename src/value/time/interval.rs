//! Lengths of time.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};

use crate::record::Fault;

/// A length of time in three units that do not convert into each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Calendar months (a year is 12).
    pub months: i32,
    /// Calendar days (a week is 7).
    pub days: i32,
    /// Exact nanoseconds: hours and below.
    pub nanoseconds: i64,
}

const NANOSECOND: i64 = 1;
const MICROSECOND: i64 = 1_000 * NANOSECOND;
const MILLISECOND: i64 = 1_000 * MICROSECOND;
const SECOND: i64 = 1_000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// What one unit of a spelling counts.
#[derive(Clone, Copy)]
enum UnitCount {
    Months(i32),
    Days(i32),
    Nanoseconds(i64),
}

impl Interval {
    /// Either spelling: the language's `15m`, `1h30m`, `2w`, `3mo`, `1y`, `1.5h`, `500ms`, or ISO
    /// 8601's `PT15M`, `P1Y2M3DT4H`. A minus may stand in front. None where it is anything else,
    /// does not fit, or has a fraction of a day, week, month or year.
    pub fn parse(text: &[u8]) -> Option<Interval> {
        match text {
            [b'-', rest @ ..] => parse_unsigned(rest)?.negate().ok(),
            _ => parse_unsigned(text),
        }
    }

    /// Appends the interval as the stream has it, an ISO 8601 duration: `PT15M`, `P1Y2M`, `-P1D`;
    /// parts of different sign carry their own: `P1M-1D`.
    pub fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.to_string().as_bytes());
    }

    /// Appends text that is the same for two intervals just where they count as one: they have the
    /// same months, and the same length without them, a day counting 24 hours.
    pub fn write_identity(&self, out: &mut Vec<u8>) {
        let rest = i128::from(self.days) * i128::from(DAY) + i128::from(self.nanoseconds);
        let told = match i32::try_from(rest / i128::from(DAY)) {
            Ok(days) => Interval {
                days,
                nanoseconds: (rest % i128::from(DAY)) as i64,
                ..*self
            },
            Err(_) => *self,
        };
        told.write(out);
    }

    /// The length in nanoseconds that intervals are ordered by: a day counts 24 hours and a month 30
    /// days, as in PostgreSQL.
    pub fn usual_nanoseconds(&self) -> i128 {
        let days = i128::from(self.months) * 30 + i128::from(self.days);
        days * i128::from(DAY) + i128::from(self.nanoseconds)
    }

    /// The order of length. A day counts 24 hours; a month between 28 and 31 days.
    ///
    /// # Errors
    /// Where the length of a month would decide.
    pub fn compare(&self, other: &Interval) -> Result<Ordering, Fault> {
        let months = i128::from(self.months) - i128::from(other.months);
        let days = i128::from(self.days) - i128::from(other.days);
        let nanoseconds = i128::from(self.nanoseconds) - i128::from(other.nanoseconds);
        let exact = days * i128::from(DAY) + nanoseconds;
        let month = |days: i128| (months * days * i128::from(DAY) + exact).cmp(&0);
        let (short, long) = (month(28), month(31));
        if short == long {
            return Ok(short);
        }
        Err(Fault::new(format!(
            "{self} and {other} cannot be ordered: months differ in length"
        )))
    }

    /// The length in nanoseconds, a day counting 24 hours.
    ///
    /// # Errors
    /// Months have no fixed length.
    pub fn total_nanoseconds(&self) -> Result<i128, Fault> {
        if self.months != 0 {
            return Err(Fault::new(format!(
                "{self} has no fixed length: months differ"
            )));
        }
        Ok(i128::from(self.days) * i128::from(DAY) + i128::from(self.nanoseconds))
    }

    /// Both, one after the other.
    ///
    /// # Errors
    /// Overflow.
    pub fn add(&self, other: Interval) -> Result<Interval, Fault> {
        let sum = || {
            Some(Interval {
                months: self.months.checked_add(other.months)?,
                days: self.days.checked_add(other.days)?,
                nanoseconds: self.nanoseconds.checked_add(other.nanoseconds)?,
            })
        };
        sum().ok_or_else(|| Fault::new(format!("{self} plus {other} is too long an interval")))
    }

    /// So many times the interval.
    ///
    /// # Errors
    /// Overflow.
    pub fn multiply(&self, factor: i64) -> Result<Interval, Fault> {
        let part = |part: i32| i32::try_from(i64::from(part).checked_mul(factor)?).ok();
        let product = || {
            Some(Interval {
                months: part(self.months)?,
                days: part(self.days)?,
                nanoseconds: self.nanoseconds.checked_mul(factor)?,
            })
        };
        product()
            .ok_or_else(|| Fault::new(format!("{self} times {factor} is too long an interval")))
    }

    /// The same length backwards.
    ///
    /// # Errors
    /// Overflow.
    pub fn negate(&self) -> Result<Interval, Fault> {
        self.multiply(-1)
    }

    fn plus(self, counts: UnitCount, digits: Number<'_>) -> Option<Interval> {
        let whole = |unit: i32| -> Option<i32> {
            digits.fraction.is_empty().then_some(())?;
            i32::try_from(digits.times(i64::from(unit))?).ok()
        };
        let part = match counts {
            UnitCount::Months(unit) => Interval {
                months: whole(unit)?,
                ..Interval::default()
            },
            UnitCount::Days(unit) => Interval {
                days: whole(unit)?,
                ..Interval::default()
            },
            UnitCount::Nanoseconds(unit) => Interval {
                nanoseconds: digits.times(unit)?,
                ..Interval::default()
            },
        };
        self.add(part).ok()
    }
}

/// A number in a spelling: sign, digits before and after the point.
#[derive(Clone, Copy)]
struct Number<'a> {
    is_negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
}

impl<'a> Number<'a> {
    /// The number that `text` begins with, and the rest.
    fn take(text: &'a [u8]) -> Option<(Number<'a>, &'a [u8])> {
        let (is_negative, text) = match text {
            [b'-', rest @ ..] => (true, rest),
            _ => (false, text),
        };
        let (whole, rest) = split_while(text, u8::is_ascii_digit);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => {
                let (fraction, rest) = split_while(rest, u8::is_ascii_digit);
                (!fraction.is_empty()).then_some((fraction, rest))?
            }
            _ => (&rest[..0], rest),
        };
        (!whole.is_empty()).then_some((
            Number {
                is_negative,
                whole,
                fraction,
            },
            rest,
        ))
    }

    /// The number times `unit`, where that is whole and fits.
    fn times(&self, unit: i64) -> Option<i64> {
        let fraction = match self.fraction.iter().rposition(|&digit| digit != b'0') {
            Some(last) => &self.fraction[..=last],
            None => &[],
        };
        let mut value = 0i128;
        for digit in self.whole.iter().chain(fraction) {
            value = value
                .checked_mul(10)?
                .checked_add(i128::from(digit - b'0'))?;
        }
        let scale = 10i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let value = value.checked_mul(i128::from(unit))?;
        let value = (value % scale == 0).then_some(value / scale)?;
        i64::try_from(if self.is_negative { -value } else { value }).ok()
    }
}

fn split_while(text: &[u8], holds: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    text.split_at(text.iter().take_while(|byte| holds(byte)).count())
}

fn parse_unsigned(text: &[u8]) -> Option<Interval> {
    match text {
        [b'P', rest @ ..] => parse_iso(rest),
        _ => parse_spelling(text),
    }
}

/// `1h30m`.
fn parse_spelling(mut text: &[u8]) -> Option<Interval> {
    let mut interval = Interval::default();
    loop {
        let (number, rest) = Number::take(text).filter(|(number, _)| !number.is_negative)?;
        let (unit, rest) = split_while(rest, u8::is_ascii_lowercase);
        interval = interval.plus(spelt(unit)?, number)?;
        text = rest;
        if text.is_empty() {
            return Some(interval);
        }
    }
}

fn spelt(unit: &[u8]) -> Option<UnitCount> {
    Some(match unit {
        b"y" => UnitCount::Months(12),
        b"mo" => UnitCount::Months(1),
        b"w" => UnitCount::Days(7),
        b"d" => UnitCount::Days(1),
        b"h" => UnitCount::Nanoseconds(HOUR),
        b"m" => UnitCount::Nanoseconds(MINUTE),
        b"s" => UnitCount::Nanoseconds(SECOND),
        b"ms" => UnitCount::Nanoseconds(MILLISECOND),
        b"us" => UnitCount::Nanoseconds(MICROSECOND),
        b"ns" => UnitCount::Nanoseconds(NANOSECOND),
        _ => return None,
    })
}

/// `1Y2M3DT4H5M6.5S`, what follows the `P`; each designator at most once and in this order.
fn parse_iso(mut text: &[u8]) -> Option<Interval> {
    let mut units: &[(u8, UnitCount)] = &[
        (b'Y', UnitCount::Months(12)),
        (b'M', UnitCount::Months(1)),
        (b'W', UnitCount::Days(7)),
        (b'D', UnitCount::Days(1)),
    ];
    let mut interval = Interval::default();
    let mut is_clock = false;
    loop {
        if let ([b'T', rest @ ..], false) = (text, is_clock) {
            is_clock = true;
            text = rest;
            units = &[
                (b'H', UnitCount::Nanoseconds(HOUR)),
                (b'M', UnitCount::Nanoseconds(MINUTE)),
                (b'S', UnitCount::Nanoseconds(SECOND)),
            ];
        }
        let (number, rest) = Number::take(text)?;
        let (designator, rest) = rest.split_first()?;
        let found = units.iter().position(|(name, _)| name == designator)?;
        interval = interval.plus(units[found].1, number)?;
        units = &units[found + 1..];
        text = rest;
        if text.is_empty() {
            return Some(interval);
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Interval {
            months,
            days,
            nanoseconds,
        } = *self;
        let is_negative = months <= 0 && days <= 0 && nanoseconds <= 0 && *self != Self::default();
        let sign = if is_negative { -1i128 } else { 1 };
        let [months, days, nanoseconds] =
            [months.into(), days.into(), nanoseconds.into()].map(|part: i128| part * sign);
        f.write_str(if is_negative { "-P" } else { "P" })?;
        for (count, designator) in [(months / 12, 'Y'), (months % 12, 'M'), (days, 'D')] {
            if count != 0 {
                write!(f, "{count}{designator}")?;
            }
        }
        if nanoseconds == 0 {
            return f.write_str(if *self == Self::default() { "T0S" } else { "" });
        }
        f.write_char('T')?;
        let (hours, rest) = (
            nanoseconds / i128::from(HOUR),
            nanoseconds % i128::from(HOUR),
        );
        let (minutes, rest) = (rest / i128::from(MINUTE), rest % i128::from(MINUTE));
        for (count, designator) in [(hours, 'H'), (minutes, 'M')] {
            if count != 0 {
                write!(f, "{count}{designator}")?;
            }
        }
        if rest == 0 {
            return Ok(());
        }
        let second = u128::from(SECOND.unsigned_abs());
        let mut fraction = Vec::with_capacity(10);
        super::iso::push_fraction(&mut fraction, (rest.unsigned_abs() % second) as u32);
        let fraction = String::from_utf8_lossy(&fraction);
        let sign = if rest < 0 { "-" } else { "" };
        write!(f, "{sign}{}{fraction}S", rest.unsigned_abs() / second)
    }
}
