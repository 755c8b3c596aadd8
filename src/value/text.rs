//! A value as text, as truth, as a number; how it is written on the stream.

use bumpalo::Bump;

use super::parse::{self, NotNumber, is_plain};
use super::{Number, Time, Value, print};
use crate::record::{Fault, field};

/// Append the field that a value is on the stream. Null is nothing, the empty text is `""`; text
/// is quoted where it must be and where it would pass for a number or a truth value; a raw field
/// stands as it did.
pub fn write_value(value: &Value<'_>, out: &mut Vec<u8>, delimiter: u8) {
    match value {
        Value::Null => {}
        Value::Raw(raw) => out.extend_from_slice(raw),
        Value::Quoted(text) | Value::Text(text) => push_typed_text(text, delimiter, out),
        _ => {
            let start = out.len();
            write_text(value, out);
            if stands_in_values(delimiter) && out[start..].contains(&delimiter) {
                let text = out.split_off(start);
                field::push_quoted(&text, out);
            }
        }
    }
}

/// Appends text as a field of a stream with types: quoted where it must be, and where it would pass
/// for what it is not.
#[inline]
pub fn push_typed_text(text: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    match looks_typed(text) {
        true => field::push_quoted(text, out),
        false => field::push_text(text, delimiter, out),
    }
}

/// Whether text would pass for a number or a truth value, were it not quoted.
#[inline]
pub fn looks_typed(text: &[u8]) -> bool {
    match text.first() {
        Some(b'0'..=b'9' | b'-' | b'.') => is_plain(text),
        Some(b't' | b'f') => matches!(text, b"true" | b"false"),
        _ => false,
    }
}

/// Could a number, a time or a truth value hold this delimiter? A colon stands in times.
#[inline]
pub fn stands_in_values(delimiter: u8) -> bool {
    delimiter.is_ascii_alphanumeric()
        || matches!(
            delimiter,
            b':' | b'.' | b'-' | b'+' | b'[' | b']' | b'/' | b'_'
        )
}

/// Append a value's text, without any quoting; nothing for null.
pub fn write_text(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Decimal(decimal) => decimal.write(out),
        Value::Double(double) => print::write_double(*double, out),
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) | Value::Long(text) => {
            out.extend_from_slice(text)
        }
        Value::Time(time) => time.write(out),
        Value::Interval(interval) => interval.write(out),
    }
}

/// A value's text, made in the arena where it is not there yet; `None` for null.
pub fn to_text<'a>(value: &Value<'a>, arena: &'a Bump) -> Option<&'a [u8]> {
    match value {
        Value::Null => None,
        Value::Bool(true) => Some(b"true"),
        Value::Bool(false) => Some(b"false"),
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) | Value::Long(text) => {
            Some(text)
        }
        _ => {
            let mut written = Vec::with_capacity(48);
            write_text(value, &mut written);
            Some(arena.alloc_slice_copy(&written))
        }
    }
}

/// A value as truth: `true` and `false` in any case of letters; `None` for null.
///
/// # Errors
/// It is neither.
#[inline]
pub fn is_true(value: &Value<'_>) -> Result<Option<bool>, Fault> {
    match value {
        Value::Null => Ok(None),
        Value::Bool(truth) => Ok(Some(*truth)),
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text)
            if text.eq_ignore_ascii_case(b"true") =>
        {
            Ok(Some(true))
        }
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text)
            if text.eq_ignore_ascii_case(b"false") =>
        {
            Ok(Some(false))
        }
        _ => Err(Fault::new(format!(
            "{} is neither true nor false",
            quoted(value)
        ))),
    }
}

/// A value as a number, as [`parse::parse`] reads it; `None` for null.
///
/// # Errors
/// It is not one, or needs more than 38 digits; [`Real::of`](super::Real::of) reads that too.
#[inline(always)]
pub fn to_number(value: &Value<'_>) -> Result<Option<Number>, Fault> {
    match value {
        Value::Null => Ok(None),
        Value::Decimal(decimal) => Ok(Some(Number::Decimal(*decimal))),
        Value::Double(double) => Ok(Some(Number::Double(*double))),
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) => match parse::parse(text) {
            Ok(number) => Ok(Some(number)),
            Err(reason) => Err(not_a_number(text, reason)),
        },
        Value::Long(text) => Err(not_a_number(text, NotNumber::Long)),
        Value::Bool(_) | Value::Time(_) | Value::Interval(_) => {
            Err(Fault::new(format!("{} is not a number", quoted(value))))
        }
    }
}

/// A value as a number of up to 38 digits, as the quick paths need it: no fault is made. The outer
/// `None` is any other value, the inner one is null.
#[inline(always)]
pub fn short_number(value: &Value<'_>) -> Option<Option<Number>> {
    match value {
        Value::Null => Some(None),
        Value::Decimal(decimal) => Some(Some(Number::Decimal(*decimal))),
        Value::Double(double) => Some(Some(Number::Double(*double))),
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text) => match parse::parse(text) {
            Ok(number) => Some(Some(number)),
            Err(_) => None,
        },
        Value::Long(_) | Value::Bool(_) | Value::Time(_) | Value::Interval(_) => None,
    }
}

/// The fault for a text that [`parse::parse`] refuses.
#[cold]
pub fn not_a_number(text: &[u8], reason: NotNumber) -> Fault {
    let culprit = quoted(&Value::Text(text));
    Fault::new(match reason {
        NotNumber::Text if Time::parse(text).is_some() => {
            format!("{culprit} is not a number; time(x) makes it a time to compute with")
        }
        NotNumber::Text if text.is_empty() => format!(
            "{culprit} is not a number; where a file quotes all fields, extract --unquote makes \"\" null"
        ),
        NotNumber::Text => format!("{culprit} is not a number"),
        NotNumber::Long => format!("{culprit} has more than 38 digits"),
        NotNumber::TooLong => {
            format!("{culprit} has more than 1,000 digits; use text(x) for a code")
        }
    })
}

/// A value in single quotes as messages show it: one line, and not all of a long text.
#[cold]
pub fn quoted(value: &Value<'_>) -> String {
    const SHOWN: usize = 60;
    let mut written = Vec::new();
    write_text(value, &mut written);
    let text = String::from_utf8_lossy(&written);
    let mut shown: String = text.chars().take(SHOWN).flat_map(one_line).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push_str("...");
    }
    format!("'{shown}'")
}

/// A character, with control characters as their escapes.
fn one_line(character: char) -> impl Iterator<Item = char> {
    let escape = character.is_control().then(|| character.escape_default());
    let plain = escape.is_none().then_some(character);
    escape.into_iter().flatten().chain(plain)
}
