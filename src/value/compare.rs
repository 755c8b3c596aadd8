//! `=`, `<` and their like, between any two values.
//!
//! A number makes a comparison numeric, a truth value makes it one of truth, a time or an interval
//! one of time: the other side must be one too, or be written as one. Two fields are the same where
//! they have the same [`identity`]; which is greater goes by what their content reads as, quotes or
//! not, as in [`order`], but a number beside what is none is a fault. Text that was made
//! goes byte by byte, and so does what is compared with a text literal: that is [`TextLiteral`], which
//! the evaluator chooses.

use std::cmp::Ordering;
use std::collections::HashSet;

use super::digits::{compare_numbers, compare_with};
use super::parse::{self, NotNumber};
use super::text::{self, quoted};
use super::{Decimal, Interval, Number, Time, Value, identity, order};
use crate::record::Fault;

/// Which of two values is greater; `None` where one is null.
///
/// # Errors
/// The two are of different kinds.
#[inline]
pub fn compare(a: &Value<'_>, b: &Value<'_>) -> Result<Option<Ordering>, Fault> {
    match (fields(a, b), a, b) {
        (None, _, _) => relate(a, b),
        (Some((a, b)), Value::Text(_), _) | (Some((a, b)), _, Value::Text(_)) => Ok(Some(a.cmp(b))),
        (Some((one, other)), _, _) => match compare_fields(one, other) {
            None => Err(apart(a, b)),
            order => Ok(order),
        },
    }
}

fn has_number(a: &Value<'_>, b: &Value<'_>) -> bool {
    let is_number =
        |value: &Value<'_>| matches!(value, Value::Decimal(_) | Value::Double(_) | Value::Long(_));
    is_number(a) || is_number(b)
}

/// The texts of two values, both of which are fields or texts.
#[inline(always)]
fn fields<'v>(a: &Value<'v>, b: &Value<'v>) -> Option<(&'v [u8], &'v [u8])> {
    let written = |value: &Value<'v>| match value {
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) => Some(*text),
        _ => None,
    };
    Some((written(a)?, written(b)?))
}

/// Whether a value is one of these numbers; `None` for null.
///
/// # Errors
/// It is no number.
pub fn is_among(value: &Value<'_>, numbers: &HashSet<Decimal>) -> Result<Option<bool>, Fault> {
    let number = match value {
        Value::Null => return Ok(None),
        Value::Raw(field) | Value::Quoted(field) | Value::Text(field) => {
            match parse::parse(field) {
                Ok(number) => number,
                Err(NotNumber::Long | NotNumber::TooLong) => return Ok(Some(false)),
                Err(reason) => return Err(text::not_a_number(field, reason)),
            }
        }
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
            Value::Raw(_) | Value::Quoted(_) | Value::Text(_) | Value::Null => 4,
        }
    }
    yields(b) > yields(a)
}

/// Whether two values are the same; `None` where one is null.
///
/// # Errors
/// The two are of different kinds and are not both fields.
#[inline]
pub fn equal(a: &Value<'_>, b: &Value<'_>) -> Result<Option<bool>, Fault> {
    match (a, b) {
        (Value::Null, _) | (_, Value::Null) => Ok(None),
        (Value::Interval(_), _) | (_, Value::Interval(_)) if !has_number(a, b) => {
            let [a, b] = [interval(a)?, interval(b)?].map(Value::Interval);
            Ok(Some(identity::is_same(&a, &b)))
        }
        _ if fields(a, b).is_some() => Ok(Some(identity::is_same(a, b))),
        _ => Ok(relate(a, b)?.map(Ordering::is_eq)),
    }
}

/// A text literal on one side of a comparison, which goes byte by byte; a complete ISO 8601 date-time is
/// compared in time with fields that are times.
#[derive(Clone, Copy, Debug)]
pub struct TextLiteral<'l> {
    text: &'l [u8],
    moment: Option<Moment>,
}

/// A literal's instant, and what a field needs to be written alike.
#[derive(Clone, Copy, Debug)]
struct Moment {
    nanoseconds: i128,
    /// Where the point of the seconds is, and where the zone begins.
    point: Option<usize>,
    zone: usize,
}

impl<'l> TextLiteral<'l> {
    /// The literal with this text.
    pub fn new(text: &'l [u8]) -> Self {
        let time = Time::parse(text).filter(|time| !time.is_date());
        let find = |bytes: &[u8]| {
            let at = text.iter().skip(11).position(|byte| bytes.contains(byte));
            at.map(|at| at + 11)
        };
        let moment = time.map(|time| Moment {
            nanoseconds: time.epoch_nanoseconds(),
            point: find(b".,"),
            zone: find(b"Zz+-").unwrap_or(text.len()),
        });
        TextLiteral { text, moment }
    }

    /// Whether it is a date-time.
    pub fn is_moment(&self) -> bool {
        self.moment.is_some()
    }

    /// The order of a value and the literal; `None` for null.
    #[inline]
    pub fn compare(&self, value: &Value<'_>) -> Option<Ordering> {
        match value {
            Value::Raw(field) | Value::Quoted(field) => Some(self.compare_field(field)),
            _ => compare_text(value, self.text),
        }
    }

    /// The order of a field's content and the literal.
    #[inline]
    pub fn compare_field(&self, field: &[u8]) -> Ordering {
        match &self.moment {
            Some(moment) if !self.is_alike(moment, field) => self.in_time(moment, field),
            _ => field.cmp(self.text),
        }
    }

    /// Whether a field, if it is a time, is written as the literal is: then their order is that of
    /// their bytes.
    #[inline(always)]
    fn is_alike(&self, moment: &Moment, field: &[u8]) -> bool {
        let same = |at: usize| field.get(at) == self.text.get(at);
        let has_same_zone = || match self.text.len() - moment.zone {
            0 => true,
            1 => same(moment.zone),
            _ => field[moment.zone..] == self.text[moment.zone..],
        };
        field.len() == self.text.len()
            && same(10)
            && same(16)
            && moment.point.is_none_or(same)
            && has_same_zone()
    }

    #[inline(never)]
    fn in_time(&self, moment: &Moment, field: &[u8]) -> Ordering {
        match order::time(field) {
            Some(time) => time.epoch_nanoseconds().cmp(&moment.nanoseconds),
            None => field.cmp(self.text),
        }
    }
}

/// The order of a value's text and a text, byte by byte; `None` for null.
#[inline]
fn compare_text(value: &Value<'_>, text: &[u8]) -> Option<Ordering> {
    match value {
        Value::Null => None,
        Value::Raw(field) | Value::Quoted(field) | Value::Text(field) => Some((*field).cmp(text)),
        _ => {
            let mut written = Vec::new();
            text::write_text(value, &mut written);
            Some(written.as_slice().cmp(text))
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
    compare_with(field, number)
}

/// The order of a value that must be a number and a [`Value::Long`].
#[cold]
fn compare_with_long(value: &Value<'_>, long: &[u8]) -> Result<Ordering, Fault> {
    match value {
        Value::Long(digits) => Ok(compare_numbers(digits, long)),
        Value::Raw(field) | Value::Quoted(field) | Value::Text(field) => {
            match parse::parse(field) {
                Err(NotNumber::Text) => Err(text::not_a_number(field, NotNumber::Text)),
                _ => Ok(compare_numbers(field, long)),
            }
        }
        _ => Ok(compare_with(long, number(value)?).reverse()),
    }
}

/// The order of two fields' content; [`None`] where one is a number and the other is not.
#[inline]
fn compare_fields(a: &[u8], b: &[u8]) -> Option<Ordering> {
    const TEXT: NotNumber = NotNumber::Text;
    match (parse::parse(a), parse::parse(b)) {
        (Ok(a), Ok(b)) => Some(a.compare(b)),
        (Err(TEXT), Err(TEXT)) => Some(match (order::time(a), order::time(b)) {
            (Some(a), Some(b)) => a.epoch_nanoseconds().cmp(&b.epoch_nanoseconds()),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => a.cmp(b),
        }),
        (Err(TEXT), _) | (_, Err(TEXT)) => None,
        _ => Some(compare_numbers(a, b)),
    }
}

/// The order of two values that are not both fields or texts; `None` where one is null.
fn relate(a: &Value<'_>, b: &Value<'_>) -> Result<Option<Ordering>, Fault> {
    use Value::{Bool, Decimal, Double, Long, Null, Quoted, Raw, Text};
    Ok(Some(match (a, b) {
        (Null, _) | (_, Null) => return Ok(None),
        (Decimal(a), Decimal(b)) => a.compare(*b),
        (Raw(field) | Quoted(field) | Text(field), Decimal(_) | Double(_)) => {
            compare_number_literal(field, &number(b)?)?
        }
        (Decimal(_) | Double(_), Raw(field) | Quoted(field) | Text(field)) => {
            compare_number_literal(field, &number(a)?)?.reverse()
        }
        (Long(a), b) => compare_with_long(b, a)?.reverse(),
        (a, Long(b)) => compare_with_long(a, b)?,
        (Decimal(_) | Double(_), _) | (_, Decimal(_) | Double(_)) => number(a)?.compare(number(b)?),
        (Bool(_), _) | (_, Bool(_)) => text::is_true(a)?.cmp(&text::is_true(b)?),
        (Value::Time(_), _) | (_, Value::Time(_)) => time(a)?.compare(&time(b)?)?,
        (Value::Interval(_), _) | (_, Value::Interval(_)) => interval(a)?.compare(&interval(b)?)?,
        // Both are fields or texts, which `fields` has taken out.
        _ => return Ok(None),
    }))
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
        Value::Raw(field) | Value::Quoted(field) | Value::Text(field) => Time::parse(field),
        _ => None,
    };
    parsed.ok_or_else(|| Fault::new(format!("{} is not a time", quoted(value))))
}

fn interval(value: &Value<'_>) -> Result<Interval, Fault> {
    let parsed = match value {
        Value::Interval(interval) => Some(*interval),
        Value::Raw(field) | Value::Quoted(field) | Value::Text(field) => Interval::parse(field),
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
