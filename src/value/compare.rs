//! Equal, less, greater between any two values.
//!
//! A number makes a comparison numeric, a truth value makes it one of truth, a time or an interval
//! one of time: the other side must be one too, or be written as one. Two fields are numbers where
//! both are plainly written as numbers, text where neither is; where only one is, they differ, and
//! to ask which is greater is a fault. Quotes around a field play no part. A text *literal* makes a
//! comparison bytewise: that is [`compare_text`], which the evaluator chooses.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::parse::{self, NotNumber, compare_plain, compare_plain_with, is_plain};
use super::text::{self, quoted};
use super::{Decimal, Interval, Number, Time, Value};
use crate::record::Fault;

/// How two values that are not null stand to each other.
enum Relation {
    Ordered(Ordering),
    /// A number and a text: different, without an order.
    Apart,
}

use Relation::{Apart, Ordered};

/// Which of two values is greater; `None` where one is null.
///
/// # Errors
/// The two are of different kinds.
#[inline]
pub fn compare(a: &Value<'_>, b: &Value<'_>) -> Result<Option<Ordering>, Fault> {
    match relate(a, b)? {
        None => Ok(None),
        Some(Ordered(order)) => Ok(Some(order)),
        Some(Apart) => Err(apart(a, b)),
    }
}

/// Whether a value is one of these numbers; `None` for null.
///
/// # Errors
/// It is no number.
pub fn is_among(value: &Value<'_>, numbers: &HashSet<Decimal>) -> Result<Option<bool>, Fault> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::Raw(field) | Value::Text(field) => match parse::parse(field) {
            Ok(number) => number,
            Err(NotNumber::Long | NotNumber::TooLong) => return Ok(Some(false)),
            Err(reason) => return Err(text::not_a_number(field, reason)),
        },
        Value::Long(_) => return Ok(Some(false)),
        other => number(other)?,
    };
    let exact = match number {
        Number::Decimal(decimal) => Some(decimal),
        Number::Double(double) => Decimal::from_f64_shortest(double),
    };
    Ok(Some(exact.is_some_and(|exact| numbers.contains(&exact))))
}

/// Whether what [`compare`] and [`equal`] refuse is the second value: the kind of the other one
/// decides what both must be.
#[cold]
pub fn is_second_at_fault(a: &Value<'_>, b: &Value<'_>) -> bool {
    fn yields(value: &Value<'_>) -> u8 {
        match value {
            Value::Decimal(_) | Value::Double(_) | Value::Long(_) => 0,
            Value::Bool(_) => 1,
            Value::Time(_) => 2,
            Value::Interval(_) => 3,
            Value::Raw(_) | Value::Text(_) | Value::Null => 4,
        }
    }
    yields(b) > yields(a)
}

/// Whether two values are the same; `None` where one is null. A field that is a number and one
/// that is not are different.
///
/// # Errors
/// The two are of different kinds and are not both fields.
#[inline]
pub fn equal(a: &Value<'_>, b: &Value<'_>) -> Result<Option<bool>, Fault> {
    match relate(a, b)? {
        None => Ok(None),
        Some(Ordered(order)) => Ok(Some(order == Ordering::Equal)),
        Some(Apart) => Ok(Some(false)),
    }
}

/// The order of a value's text and a text, byte by byte; `None` for null.
#[inline]
pub fn compare_text(value: &Value<'_>, text: &[u8]) -> Option<Ordering> {
    match value {
        Value::Null => None,
        Value::Raw(field) | Value::Text(field) => Some((*field).cmp(text)),
        _ => {
            let mut written = Vec::new();
            text::write_text(value, &mut written);
            Some(written.as_slice().cmp(text))
        }
    }
}

/// The order of two values' texts, byte by byte; `None` where one is null.
#[inline]
pub fn texts(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    match (a, b) {
        (Value::Null, _) => None,
        (_, Value::Raw(text) | Value::Text(text)) => compare_text(a, text),
        (Value::Raw(text) | Value::Text(text), _) => compare_text(b, text).map(Ordering::reverse),
        _ => {
            let mut written = Vec::new();
            text::write_text(b, &mut written);
            compare_text(a, &written).filter(|_| !matches!(b, Value::Null))
        }
    }
}

/// The order of a field's content, read as a number, and a number.
///
/// # Errors
/// The field is not a number.
#[inline]
pub fn compare_number_literal(field: &[u8], literal: &Number) -> Result<Ordering, Fault> {
    match parse::parse(field) {
        Ok(number) => Ok(number.compare(*literal)),
        Err(NotNumber::Long | NotNumber::TooLong) => Ok(compare_long(field, *literal)),
        Err(reason) => Err(text::not_a_number(field, reason)),
    }
}

/// A number too long for a [`Number`] is compared digit by digit.
#[cold]
fn compare_long(field: &[u8], number: Number) -> Ordering {
    compare_plain_with(field, number)
}

/// The order of a value that must be a number and a [`Value::Long`].
#[cold]
fn compare_with_long(value: &Value<'_>, long: &[u8]) -> Result<Ordering, Fault> {
    match value {
        Value::Long(digits) => Ok(compare_plain(digits, long)),
        Value::Raw(field) | Value::Text(field) => match parse::parse(field) {
            Err(NotNumber::Text) => Err(text::not_a_number(field, NotNumber::Text)),
            _ => Ok(compare_plain(field, long)),
        },
        _ => Ok(compare_plain_with(long, number(value)?).reverse()),
    }
}

/// The order of two fields' content; [`None`] where one is a number and the other is not.
#[inline]
pub fn compare_fields(a: &[u8], b: &[u8]) -> Option<Ordering> {
    match (is_plain(a), is_plain(b)) {
        (true, true) => Some(match (parse::parse(a), parse::parse(b)) {
            (Ok(Number::Decimal(a)), Ok(Number::Decimal(b))) => a.compare(b),
            _ => compare_plain(a, b),
        }),
        (false, false) => Some(a.cmp(b)),
        _ => None,
    }
}

fn relate(a: &Value<'_>, b: &Value<'_>) -> Result<Option<Relation>, Fault> {
    use Value::{Bool, Decimal, Double, Long, Null, Raw, Text};
    let order = match (a, b) {
        (Null, _) | (_, Null) => return Ok(None),
        (Raw(a) | Text(a), Raw(b) | Text(b)) => {
            return Ok(Some(compare_fields(a, b).map_or(Apart, Ordered)));
        }
        (Decimal(a), Decimal(b)) => a.compare(*b),
        (Raw(field) | Text(field), Decimal(_) | Double(_)) => {
            compare_number_literal(field, &number(b)?)?
        }
        (Decimal(_) | Double(_), Raw(field) | Text(field)) => {
            compare_number_literal(field, &number(a)?)?.reverse()
        }
        (Long(a), b) => compare_with_long(b, a)?.reverse(),
        (a, Long(b)) => compare_with_long(a, b)?,
        (Decimal(_) | Double(_), _) | (_, Decimal(_) | Double(_)) => number(a)?.compare(number(b)?),
        (Bool(_), _) | (_, Bool(_)) => text::is_true(a)?.cmp(&text::is_true(b)?),
        (Value::Time(_), _) | (_, Value::Time(_)) => time(a)?.compare(&time(b)?)?,
        (Value::Interval(_), _) | (_, Value::Interval(_)) => interval(a)?.compare(&interval(b)?)?,
    };
    Ok(Some(Ordered(order)))
}

/// A value that is not null as a number.
fn number(value: &Value<'_>) -> Result<Number, Fault> {
    text::to_number(value)?.ok_or_else(|| Fault::new("null is not a number"))
}

/// A value that is not null as a time.
///
/// # Errors
/// It is not written as one.
pub fn time(value: &Value<'_>) -> Result<Time, Fault> {
    let parsed = match value {
        Value::Time(time) => Some(*time),
        Value::Raw(field) | Value::Text(field) => Time::parse(field),
        _ => None,
    };
    parsed.ok_or_else(|| Fault::new(format!("{} is not a time", quoted(value))))
}

fn interval(value: &Value<'_>) -> Result<Interval, Fault> {
    let parsed = match value {
        Value::Interval(interval) => Some(*interval),
        Value::Raw(field) | Value::Text(field) => Interval::parse(field),
        _ => None,
    };
    parsed.ok_or_else(|| Fault::new(format!("{} is not an interval", quoted(value))))
}

#[cold]
fn apart(a: &Value<'_>, b: &Value<'_>) -> Fault {
    Fault::new(format!(
        "{} and {} cannot be ordered: one is a number, the other is text; use number(x) or text(x)",
        quoted(a),
        quoted(b)
    ))
}
