//! Which of two values comes first: bytes that compare as the values do, so that sorting knows nothing
//! of values.
//!
//! One order over all values that are not null, quotes or not: what reads as a number, by value; ISO
//! 8601 dates and date-times, by instant (without a zone as UTC, a date as midnight); intervals that
//! were made (a month as 30 days); text, byte by byte. Text that was made is text, whatever it reads
//! as. What is level and does not count as one goes by the bytes of its identity, so that two fields
//! have the same bytes here just where they have the same [`identity`]. No value's
//! bytes begin another's.

pub mod number;
pub mod time;

use std::cmp::Ordering;

use super::digits::Digits;
use super::parse::{self, NotNumber};
use super::{Interval, Number, Time, Value, identity, text};
use number::Spelling;

/// The first byte of times, of intervals and of texts, behind those of numbers.
const TIME: u8 = 0x28;
const INTERVAL: u8 = 0x2C;
const TEXT: u8 = 0x30;

/// How a number's identity stands to the one text of its value, which plain ones have for it.
const BEFORE: u8 = 1;
const SAME: u8 = 2;
const BEHIND: u8 = 3;

/// Appends a value that is not null.
#[inline]
pub fn push(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Raw(field) | Value::Long(field) => push_field(field, true, out),
        Value::Quoted(field) => push_field(field, false, out),
        Value::Text(text) => {
            out.push(TEXT);
            push_text(text, out);
        }
        _ => push_made(value, out),
    }
}

/// Which of two values that are not null comes first; equal just where they count as one.
pub fn compare(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    match (Class::of(a), Class::of(b)) {
        (Class::Number(a), Class::Number(b)) => a.compare(b),
        (Class::Time(a), Class::Time(b)) => a.cmp(&b),
        (Class::Text(a), Class::Text(b)) => return a.cmp(b),
        _ => Ordering::Equal,
    }
    .then_with(|| by_bytes(a, b))
}

/// What decides the order of most values, without their bytes: those of one class that differ in it.
#[derive(Clone, Copy, Debug)]
pub enum Class<'v> {
    /// What reads as a number, of up to 38 digits.
    Number(Number),
    /// A time, made or not: nanoseconds since 1970.
    Time(i128),
    /// What reads as neither, or was made as text.
    Text(&'v [u8]),
    /// Anything else, which its bytes must tell.
    Other,
}

impl<'v> Class<'v> {
    /// The class of a value.
    #[inline]
    pub fn of(value: &Value<'v>) -> Self {
        match *value {
            Value::Decimal(decimal) => Class::Number(Number::Decimal(decimal)),
            Value::Text(text) => Class::Text(text),
            Value::Time(time) => Class::Time(time.epoch_nanoseconds()),
            Value::Raw(field) | Value::Quoted(field) => Class::of_field(field),
            _ => Class::Other,
        }
    }

    #[inline]
    fn of_field(field: &'v [u8]) -> Self {
        if !may_be_time(field) {
            match parse::parse(field) {
                Ok(number) => return Class::Number(number),
                Err(NotNumber::Text) => {}
                Err(NotNumber::Long | NotNumber::TooLong) => return Class::Other,
            }
        }
        match time(field) {
            Some(time) => Class::Time(time.epoch_nanoseconds()),
            None => Class::Text(field),
        }
    }
}

/// Whether a field may be a time. No number is one: none has two hyphens behind its first byte.
#[inline]
fn may_be_time(field: &[u8]) -> bool {
    field.get(4) == Some(&b'-') && field.get(7) == Some(&b'-')
}

/// The time that a field is.
#[inline]
pub(super) fn time(field: &[u8]) -> Option<Time> {
    match may_be_time(field) {
        true => Time::parse(field),
        false => None,
    }
}

#[inline(never)]
fn by_bytes(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    if let (Value::Raw(a), Value::Raw(b)) = (a, b)
        && a == b
    {
        return Ordering::Equal;
    }
    let bytes = |value| {
        let mut bytes = Vec::new();
        push(value, &mut bytes);
        bytes
    };
    bytes(a).cmp(&bytes(b))
}

#[inline]
fn push_field(field: &[u8], is_unquoted: bool, out: &mut Vec<u8>) {
    match number::push(field, out) {
        Some(Spelling::Plain) if is_unquoted => out.push(SAME),
        Some(_) => push_spelling(field, out),
        None => match time(field) {
            Some(time) => {
                out.push(TIME);
                time::push_field(&time, field, out);
            }
            None => {
                out.push(TEXT);
                push_text(field, out);
            }
        },
    }
}

/// Appends how the identity of a number, which is its bytes, stands to the text of its value.
fn push_spelling(field: &[u8], out: &mut Vec<u8>) {
    if identity::within(&Value::Raw(field)) == Some(field) && parse::is_plain(field) {
        out.push(SAME);
        return;
    }
    let mut own = Vec::new();
    if let Some(number) = Digits::of(field) {
        number.write(&mut own);
    }
    let mark = match field.cmp(&own) {
        Ordering::Less => BEFORE,
        Ordering::Equal => SAME,
        Ordering::Greater => BEHIND,
    };
    out.push(mark);
    if mark != SAME {
        push_text(field, out);
    }
}

fn push_made(value: &Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Time(time) => {
            out.push(TIME);
            time::push_made(time, out);
        }
        Value::Interval(interval) => push_interval(interval, out),
        _ => {
            let mut written = Vec::with_capacity(48);
            text::write_text(value, &mut written);
            push_field(&written, true, out);
        }
    }
}

fn push_interval(interval: &Interval, out: &mut Vec<u8>) {
    out.push(INTERVAL);
    let length = interval.usual_nanoseconds();
    out.extend_from_slice(&(length as u128 ^ 1 << 127).to_be_bytes());
    let mut identity = Vec::new();
    interval.write_identity(&mut identity);
    push_text(&identity, out);
}

/// The bytes 0 and 1 become 1 1 and 1 2, so that a 0 can end the text.
#[inline]
pub fn push_escaped(mut bytes: &[u8], out: &mut Vec<u8>) {
    while let Some(place) = memchr::memchr2(0, 1, bytes) {
        out.extend_from_slice(&bytes[..place]);
        out.extend_from_slice(&[1, bytes[place] + 1]);
        bytes = &bytes[place + 1..];
    }
    out.extend_from_slice(bytes);
}

/// Appends text that compares byte by byte.
#[inline]
pub fn push_text(text: &[u8], out: &mut Vec<u8>) {
    push_escaped(text, out);
    out.push(0);
}

#[cfg(test)]
mod tests;
