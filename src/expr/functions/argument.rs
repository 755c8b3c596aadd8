//! What a function may ask of its arguments: text, characters, a whole number, a time.
//!
//! Nulls never come here: they passed the function by.

use bumpalo::Bump;

use super::MakeFault;
use crate::record::Fault;
use crate::value::text::{self, quoted};
use crate::value::time::LEAP_SECOND;
use crate::value::{Decimal, Interval, Number, Real, Time, Value};

/// The longest text that a function makes: one field must not take the machine.
const LONGEST: usize = 64 << 20;

/// The value's text, as the stream would have it without quotes.
pub(super) fn bytes<'a>(arena: &'a Bump, value: &Value<'a>) -> &'a [u8] {
    text::to_text(value, arena).unwrap_or_default()
}

/// The text's characters.
///
/// # Errors
/// It is not valid UTF-8.
pub(super) fn utf8(text: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(text)
        .map_err(|_| Fault::new(format!("{} is not valid UTF-8", quoted(&Value::Text(text)))))
}

/// The characters of a value that must be a text, such as a pattern.
///
/// # Errors
/// It is of another kind, or not valid UTF-8.
pub(super) fn text_of<'v>(value: &'v Value<'_>) -> Result<&'v str, Fault> {
    match value {
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) => utf8(text),
        _ => Err(Fault::new(format!("{} is not a text", quoted(value)))),
    }
}

/// The value as a number.
///
/// # Errors
/// It is none.
pub(super) fn number(value: &Value<'_>) -> Result<Number, Fault> {
    text::to_number(value)?.ok_or_else(|| Fault::new("null is not a number"))
}

/// The value as a number of any length.
///
/// # Errors
/// It is none, or has more than 1,000 digits.
pub(super) fn real(value: &Value<'_>) -> Result<Real, Fault> {
    Real::of(value)?.ok_or_else(|| Fault::new("null is not a number"))
}

/// The value as a whole number; past 64 bits it stays at their end.
///
/// # Errors
/// It is no number, or has a fraction.
pub(super) fn integer(value: &Value<'_>) -> Result<i64, Fault> {
    if let Ok(number) = number(value)
        && let Some(whole) = number.to_i64()
    {
        return Ok(whole);
    }
    let number = real(value)?;
    match (number.is_integer(), number.is_negative()) {
        (false, _) => Err(Fault::new(format!(
            "{} is not a whole number",
            quoted(value)
        ))),
        (true, true) => Ok(i64::MIN),
        (true, false) => Ok(i64::MAX),
    }
}

/// The value as a time.
///
/// # Errors
/// It is none.
pub(super) fn time(value: &Value<'_>) -> Result<Time, Fault> {
    let text = match value {
        Value::Time(time) => return Ok(*time),
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) => *text,
        _ => &[],
    };
    Time::parse(text).ok_or_else(|| {
        let what = if Time::is_leap_second(text) {
            format!("is not a time: {LEAP_SECOND}")
        } else {
            "is not a time (ISO 8601); use strptime(text, format)".into()
        };
        Fault::new(format!("{} {what}", quoted(value)))
    })
}

/// The value as an interval.
///
/// # Errors
/// It is none.
pub(super) fn interval(value: &Value<'_>) -> Result<Interval, Fault> {
    let interval = match value {
        Value::Interval(interval) => Some(*interval),
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) => Interval::parse(text),
        _ => None,
    };
    interval.ok_or_else(|| Fault::new(format!("{} is not an interval such as 15m", quoted(value))))
}

/// A whole number as a value.
pub(super) fn whole<'a>(count: i64) -> Value<'a> {
    Value::Decimal(Decimal::from(count))
}

/// The size of a text about to be made, where it is known and not too large.
///
/// # Errors
/// It would be past 64 MiB.
pub(super) fn bounded(size: Option<usize>) -> Result<usize, Fault> {
    size.filter(|&size| size <= LONGEST)
        .ok_or_else(|| Fault::new("the text would be longer than 64 MiB"))
}

/// The literal at this place, where it is one and not null.
pub(super) fn known<'l, 'a>(
    literals: &'l [Option<Value<'a>>],
    argument: usize,
) -> Option<&'l Value<'a>> {
    literals
        .get(argument)?
        .as_ref()
        .filter(|value| !matches!(value, Value::Null))
}

/// What is made of an argument: beforehand where it is a literal, else for every record.
pub(super) struct Prepared<T> {
    known: Option<T>,
    prepare: fn(&Value<'_>) -> Result<T, Fault>,
}

impl<T> Prepared<T> {
    /// Prepares the argument where it is a literal.
    ///
    /// # Errors
    /// It is a wrong one.
    pub(super) fn new(
        literals: &[Option<Value<'static>>],
        argument: usize,
        prepare: fn(&Value<'_>) -> Result<T, Fault>,
    ) -> Result<Self, MakeFault> {
        let known = known(literals, argument).map(prepare).transpose();
        let known = known.map_err(|fault| MakeFault { argument, fault })?;
        Ok(Prepared { known, prepare })
    }

    /// What was made of the literal.
    pub(super) fn known(&self) -> Option<&T> {
        self.known.as_ref()
    }

    /// Uses what was made of the literal, or what is made of this value now.
    ///
    /// # Errors
    /// The value is a wrong one, or the use fails.
    pub(super) fn with<R>(
        &self,
        value: &Value<'_>,
        used: impl FnOnce(&T) -> Result<R, Fault>,
    ) -> Result<R, Fault> {
        match &self.known {
            Some(known) => used(known),
            None => used(&(self.prepare)(value)?),
        }
    }
}
