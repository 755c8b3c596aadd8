//! Converts arguments to what a function needs: text, characters, an integer, a time.
//!
//! Arguments are never null here: a null argument makes the result null without a call.

use bumpalo::Bump;

use super::MakeFault;
use crate::record::Fault;
use crate::value::text::{self, quoted};
use crate::value::time::LEAP_SECOND;
use crate::value::{Decimal, Interval, Number, Real, Time, Value};

/// Maximum length of a text that a function returns, so that one field cannot exhaust memory.
const LONGEST: usize = 64 << 20;

/// Returns the value's text, as it would be written to the stream but without quotes.
pub(super) fn bytes<'a>(arena: &'a Bump, value: &Value<'a>) -> &'a [u8] {
    text::to_text(value, arena).unwrap_or_default()
}

/// Returns the text as a `str`.
///
/// # Errors
/// It is not valid UTF-8.
pub(super) fn utf8(text: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(text)
        .map_err(|_| Fault::new(format!("{} is not valid UTF-8", quoted(&Value::Text(text)))))
}

/// Returns a value that must be text, such as a pattern, as a `str`.
///
/// # Errors
/// It is of another kind, or not valid UTF-8.
pub(super) fn text_of<'v>(value: &'v Value<'_>) -> Result<&'v str, Fault> {
    match value {
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) => utf8(text),
        _ => Err(Fault::new(format!("{} is not a text", quoted(value)))),
    }
}

/// Returns the value as a number.
///
/// # Errors
/// It is not a number.
pub(super) fn number(value: &Value<'_>) -> Result<Number, Fault> {
    text::to_number(value)?.ok_or_else(|| Fault::new("null is not a number"))
}

/// Returns the value as a number of any length.
///
/// # Errors
/// It is not a number, or has more than 1,000 digits.
pub(super) fn real(value: &Value<'_>) -> Result<Real, Fault> {
    Real::of(value)?.ok_or_else(|| Fault::new("null is not a number"))
}

/// Returns the value as an integer, clamped to 64 bits.
///
/// # Errors
/// It is not a number, or has a fraction.
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

/// Returns the value as a time.
///
/// # Errors
/// It is not a time.
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

/// Returns the value as an interval.
///
/// # Errors
/// It is not an interval.
pub(super) fn interval(value: &Value<'_>) -> Result<Interval, Fault> {
    let interval = match value {
        Value::Interval(interval) => Some(*interval),
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) => Interval::parse(text),
        _ => None,
    };
    interval.ok_or_else(|| Fault::new(format!("{} is not an interval such as 15m", quoted(value))))
}

/// Returns an integer as a value.
pub(super) fn whole<'a>(count: i64) -> Value<'a> {
    Value::Decimal(Decimal::from(count))
}

/// Returns the size of a text that is about to be made. `None` means that the size overflowed.
///
/// # Errors
/// It would be larger than 64 MiB.
pub(super) fn bounded(size: Option<usize>) -> Result<usize, Fault> {
    size.filter(|&size| size <= LONGEST)
        .ok_or_else(|| Fault::new("the text would be longer than 64 MiB"))
}

/// Returns the argument at this index if it is a literal other than null.
pub(super) fn known<'l, 'a>(
    literals: &'l [Option<Value<'a>>],
    argument: usize,
) -> Option<&'l Value<'a>> {
    literals
        .get(argument)?
        .as_ref()
        .filter(|value| !matches!(value, Value::Null))
}

/// Something derived from an argument: once if the argument is a literal, else for every record.
pub(super) struct Prepared<T> {
    known: Option<T>,
    prepare: fn(&Value<'_>) -> Result<T, Fault>,
}

impl<T> Prepared<T> {
    /// Prepares the argument if it is a literal.
    ///
    /// # Errors
    /// The literal is invalid.
    pub(super) fn new(
        literals: &[Option<Value<'static>>],
        argument: usize,
        prepare: fn(&Value<'_>) -> Result<T, Fault>,
    ) -> Result<Self, MakeFault> {
        let known = known(literals, argument).map(prepare).transpose();
        let known = known.map_err(|fault| MakeFault { argument, fault })?;
        Ok(Prepared { known, prepare })
    }

    /// Returns what was prepared from the literal.
    pub(super) fn known(&self) -> Option<&T> {
        self.known.as_ref()
    }

    /// Calls `used` with what was prepared from the literal, or else from this value.
    ///
    /// # Errors
    /// The value is invalid, or `used` fails.
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
