//! What `min` and `max` compare: a value in its class.

use std::borrow::Cow;
use std::cmp::Ordering;

use bumpalo::Bump;

use crate::record::Fault;
use crate::value::parse::{self, compare_plain, is_plain};
use crate::value::{Decimal, Interval, Number, Time, Value, print, text};

/// A value by its class; only values of one class have an order. `B` owns or borrows bytes.
#[derive(Clone, Debug)]
pub(super) enum Rank<B> {
    /// A number written without exponent, at the scale it was written with.
    Number(Decimal, Quotes),
    /// Any other plain number, as it is written.
    Digits(B, Quotes),
    Text(B),
    Truth(bool),
    Time(Time),
    Interval(Interval),
}

/// Whether a number stood in quotes, which makes it text on the stream. Of equal numbers the one
/// without is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quotes {
    Without,
    With,
}

/// Classes as bits, for the set of those that a group has seen.
const NUMBER: u8 = 1;
const TEXT: u8 = 2;
const TRUTH: u8 = 4;
const CIVIL: u8 = 8;
const INSTANT: u8 = 16;
const INTERVAL: u8 = 32;

impl<'v> Rank<Cow<'v, [u8]>> {
    /// A value's rank; `None` for null.
    #[inline]
    pub fn of(value: &Value<'v>) -> Option<Self> {
        Some(match *value {
            Value::Null => return None,
            Value::Raw(field) => Rank::of_field(field, Quotes::Without),
            Value::Text(field) => Rank::of_field(field, Quotes::With),
            Value::Decimal(decimal) => Rank::Number(decimal.normalized(), Quotes::Without),
            Value::Double(double) => Rank::of_double(double),
            Value::Long(digits) => Rank::of_field(digits, Quotes::Without),
            Value::Bool(truth) => Rank::Truth(truth),
            Value::Time(time) => Rank::Time(time),
            Value::Interval(interval) => Rank::Interval(interval),
        })
    }

    #[inline]
    fn of_field(field: &'v [u8], quotes: Quotes) -> Self {
        if !is_plain(field) {
            return Rank::Text(Cow::Borrowed(field));
        }
        match parse::parse(field) {
            Ok(Number::Decimal(decimal)) if is_spelled_by_scale(field, decimal) => {
                Rank::Number(decimal, quotes)
            }
            _ => Rank::Digits(Cow::Borrowed(field), quotes),
        }
    }

    /// A double as the text that it prints as would be.
    fn of_double(double: f64) -> Self {
        let mut printed = Vec::new();
        print::write_double(double, &mut printed);
        match parse::parse(&printed) {
            Ok(Number::Decimal(decimal)) if is_spelled_by_scale(&printed, decimal) => {
                Rank::Number(decimal, Quotes::Without)
            }
            _ => Rank::Digits(Cow::Owned(printed), Quotes::Without),
        }
    }

    /// The same rank with its own bytes.
    pub fn into_owned(self) -> Rank<Box<[u8]>> {
        match self {
            Rank::Digits(digits, quotes) => Rank::Digits(digits.into(), quotes),
            Rank::Text(text) => Rank::Text(text.into()),
            Rank::Number(decimal, quotes) => Rank::Number(decimal, quotes),
            Rank::Truth(truth) => Rank::Truth(truth),
            Rank::Time(time) => Rank::Time(time),
            Rank::Interval(interval) => Rank::Interval(interval),
        }
    }
}

/// Do mantissa and scale say how this plain number is written? Not with an exponent, nor for a
/// negative zero.
#[inline]
fn is_spelled_by_scale(field: &[u8], decimal: Decimal) -> bool {
    if decimal.is_zero() && field[0] == b'-' {
        return false;
    }
    match decimal.scale() {
        0 => {
            field[field.len() - 1].is_ascii_digit() && !field.iter().any(|&byte| byte | 32 == b'e')
        }
        scale => {
            field.len() > usize::from(scale) && field[field.len() - 1 - usize::from(scale)] == b'.'
        }
    }
}

impl<B: AsRef<[u8]>> Rank<B> {
    /// Its class, as a bit.
    #[inline]
    pub fn class(&self) -> u8 {
        match self {
            Rank::Number(..) | Rank::Digits(..) => NUMBER,
            Rank::Text(_) => TEXT,
            Rank::Truth(_) => TRUTH,
            Rank::Time(time) => match Time::parse(b"1970-01-01").map(|civil| civil.compare(time)) {
                Some(Ok(_)) => CIVIL,
                _ => INSTANT,
            },
            Rank::Interval(_) => INTERVAL,
        }
    }

    /// The order of two ranks of one class (of different ones: they are equal).
    #[inline]
    pub fn compare<C: AsRef<[u8]>>(&self, other: &Rank<C>) -> Ordering {
        match (self, other) {
            (Rank::Number(a, _), Rank::Number(b, _)) => a.compare(*b),
            (Rank::Text(a), Rank::Text(b)) => a.as_ref().cmp(b.as_ref()),
            (Rank::Truth(a), Rank::Truth(b)) => a.cmp(b),
            (Rank::Time(a), Rank::Time(b)) => a.compare(b).unwrap_or(Ordering::Equal),
            (Rank::Interval(a), Rank::Interval(b)) => length(a).cmp(&length(b)),
            _ => compare_plain(&self.spelling(), &other.spelling()),
        }
    }

    /// The order of equal ranks: the shortest spelling comes first, so that which of them is the
    /// result does not depend on the order of the records.
    pub fn compare_spelling<C: AsRef<[u8]>>(&self, other: &Rank<C>) -> Ordering {
        let quotes = self.quotes().cmp(&other.quotes());
        quotes.then_with(|| {
            let (a, b) = (self.spelling(), other.spelling());
            a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
        })
    }

    fn quotes(&self) -> Quotes {
        match self {
            Rank::Number(_, quotes) | Rank::Digits(_, quotes) => *quotes,
            _ => Quotes::Without,
        }
    }

    fn spelling(&self) -> Vec<u8> {
        let mut spelling = Vec::new();
        match self {
            Rank::Number(decimal, _) => print::write_with_scale(*decimal, &mut spelling),
            Rank::Digits(bytes, _) | Rank::Text(bytes) => {
                spelling.extend_from_slice(bytes.as_ref())
            }
            Rank::Truth(truth) => text::write_text(&Value::Bool(*truth), &mut spelling),
            Rank::Time(time) => time.write(&mut spelling),
            Rank::Interval(interval) => interval.write(&mut spelling),
        }
        spelling
    }

    /// The value, as it was spelled.
    pub fn to_value<'a>(&self, arena: &'a Bump) -> Value<'a> {
        match self {
            Rank::Number(_, Quotes::Without) | Rank::Digits(_, Quotes::Without) => {
                Value::Raw(arena.alloc_slice_copy(&self.spelling()))
            }
            Rank::Number(..) | Rank::Digits(..) => {
                Value::Text(arena.alloc_slice_copy(&self.spelling()))
            }
            Rank::Text(text) => Value::Text(arena.alloc_slice_copy(text.as_ref())),
            Rank::Truth(truth) => Value::Bool(*truth),
            Rank::Time(time) => Value::Time(*time),
            Rank::Interval(interval) => Value::Interval(*interval),
        }
    }
}

/// An interval's length with months of 30 days, as PostgreSQL orders them, and then its parts:
/// an order of all intervals.
fn length(interval: &Interval) -> (i128, i32, i32) {
    const DAY: i128 = 86_400_000_000_000;
    let days = i128::from(interval.months) * 30 + i128::from(interval.days);
    let total = days * DAY + i128::from(interval.nanoseconds);
    (total, interval.months, interval.days)
}

/// That a set of classes has at most one.
pub(super) fn one_class(classes: u8) -> Result<(), Fault> {
    if classes.count_ones() <= 1 {
        return Ok(());
    }
    Err(Fault::new(match classes {
        _ if classes == NUMBER | TEXT => "mixes numbers and text; use number(x) or text(x)",
        _ if classes == CIVIL | INSTANT => {
            "mixes times with and without a zone; give them one with at_zone(t, zone)"
        }
        _ => "mixes values of different kinds",
    }))
}
