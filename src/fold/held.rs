//! A value that outlives the block it came from.

use bumpalo::Bump;

use crate::value::{Decimal, Interval, Time, Value};

/// A [`Value`] with text of its own. Starts as null.
#[derive(Clone, Debug, Default)]
pub(super) enum Held {
    #[default]
    Null,
    Bool(bool),
    Decimal(Decimal),
    Double(f64),
    Long(Box<[u8]>),
    Raw(Box<[u8]>),
    Quoted(Box<[u8]>),
    Text(Box<[u8]>),
    Time(Time),
    Interval(Interval),
}

impl Held {
    /// Holds a copy of `value`.
    pub(super) fn set(&mut self, value: &Value<'_>) {
        // Values of one column are often of one length: their memory is used again.
        if let (Held::Raw(own), Value::Raw(text)) = (&mut *self, value)
            && own.len() == text.len()
        {
            own.copy_from_slice(text);
            return;
        }
        *self = match *value {
            Value::Null => Held::Null,
            Value::Bool(truth) => Held::Bool(truth),
            Value::Decimal(decimal) => Held::Decimal(decimal),
            Value::Double(double) => Held::Double(double),
            Value::Long(digits) => Held::Long(digits.into()),
            Value::Raw(text) => Held::Raw(text.into()),
            Value::Quoted(text) => Held::Quoted(text.into()),
            Value::Text(text) => Held::Text(text.into()),
            Value::Time(time) => Held::Time(time),
            Value::Interval(interval) => Held::Interval(interval),
        };
    }

    /// The bytes of memory that its text takes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Held::Raw(text) | Held::Quoted(text) | Held::Text(text) | Held::Long(text) => {
                text.len() + 16
            }
            _ => 0,
        }
    }

    /// Its text, where it is a field or a text.
    #[inline]
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            Held::Raw(text) | Held::Quoted(text) | Held::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value, as long as it is held.
    #[inline]
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Held::Null => Value::Null,
            Held::Bool(truth) => Value::Bool(*truth),
            Held::Decimal(decimal) => Value::Decimal(*decimal),
            Held::Double(double) => Value::Double(*double),
            Held::Long(digits) => Value::Long(digits),
            Held::Raw(text) => Value::Raw(text),
            Held::Quoted(text) => Value::Quoted(text),
            Held::Text(text) => Value::Text(text),
            Held::Time(time) => Value::Time(*time),
            Held::Interval(interval) => Value::Interval(*interval),
        }
    }

    /// The value, its text copied into the arena.
    pub(super) fn copied<'a>(&self, arena: &'a Bump) -> Value<'a> {
        match self {
            Held::Raw(text) => Value::Raw(arena.alloc_slice_copy(text)),
            Held::Quoted(text) => Value::Quoted(arena.alloc_slice_copy(text)),
            Held::Text(text) => Value::Text(arena.alloc_slice_copy(text)),
            Held::Long(digits) => Value::Long(arena.alloc_slice_copy(digits)),
            Held::Null => Value::Null,
            Held::Bool(truth) => Value::Bool(*truth),
            Held::Decimal(decimal) => Value::Decimal(*decimal),
            Held::Double(double) => Value::Double(*double),
            Held::Time(time) => Value::Time(*time),
            Held::Interval(interval) => Value::Interval(*interval),
        }
    }
}
