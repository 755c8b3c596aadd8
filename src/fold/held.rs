//! Values that outlive the block that they came from.

use bumpalo::Bump;

use crate::value::{Decimal, Interval, Time, Value};

/// A [`Value`] that owns its text; null by default.
#[derive(Clone, Debug, Default)]
pub(super) enum HeldValue {
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

impl HeldValue {
    /// Holds a copy of `value`.
    pub(super) fn set(&mut self, value: &Value<'_>) {
        // Values of one column often have the same length, so reuse the memory.
        if let (HeldValue::Raw(own), Value::Raw(text)) = (&mut *self, value)
            && own.len() == text.len()
        {
            own.copy_from_slice(text);
            return;
        }
        *self = match *value {
            Value::Null => HeldValue::Null,
            Value::Bool(truth) => HeldValue::Bool(truth),
            Value::Decimal(decimal) => HeldValue::Decimal(decimal),
            Value::Double(double) => HeldValue::Double(double),
            Value::Long(digits) => HeldValue::Long(digits.into()),
            Value::Raw(text) => HeldValue::Raw(text.into()),
            Value::Quoted(text) => HeldValue::Quoted(text.into()),
            Value::Text(text) => HeldValue::Text(text.into()),
            Value::Time(time) => HeldValue::Time(time),
            Value::Interval(interval) => HeldValue::Interval(interval),
        };
    }

    /// Returns the memory of its text in bytes.
    pub(super) fn bytes(&self) -> usize {
        match self {
            HeldValue::Raw(text)
            | HeldValue::Quoted(text)
            | HeldValue::Text(text)
            | HeldValue::Long(text) => text.len() + 16,
            _ => 0,
        }
    }

    /// Returns the text, if it is a field or a text.
    #[inline]
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            HeldValue::Raw(text) | HeldValue::Quoted(text) | HeldValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Borrows the value.
    #[inline]
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            HeldValue::Null => Value::Null,
            HeldValue::Bool(truth) => Value::Bool(*truth),
            HeldValue::Decimal(decimal) => Value::Decimal(*decimal),
            HeldValue::Double(double) => Value::Double(*double),
            HeldValue::Long(digits) => Value::Long(digits),
            HeldValue::Raw(text) => Value::Raw(text),
            HeldValue::Quoted(text) => Value::Quoted(text),
            HeldValue::Text(text) => Value::Text(text),
            HeldValue::Time(time) => Value::Time(*time),
            HeldValue::Interval(interval) => Value::Interval(*interval),
        }
    }

    /// Returns the value with its text copied to the arena.
    pub(super) fn copied<'a>(&self, arena: &'a Bump) -> Value<'a> {
        match self {
            HeldValue::Raw(text) => Value::Raw(arena.alloc_slice_copy(text)),
            HeldValue::Quoted(text) => Value::Quoted(arena.alloc_slice_copy(text)),
            HeldValue::Text(text) => Value::Text(arena.alloc_slice_copy(text)),
            HeldValue::Long(digits) => Value::Long(arena.alloc_slice_copy(digits)),
            HeldValue::Null => Value::Null,
            HeldValue::Bool(truth) => Value::Bool(*truth),
            HeldValue::Decimal(decimal) => Value::Decimal(*decimal),
            HeldValue::Double(double) => Value::Double(*double),
            HeldValue::Time(time) => Value::Time(*time),
            HeldValue::Interval(interval) => Value::Interval(*interval),
        }
    }
}
