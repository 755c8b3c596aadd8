//! Comparisons with a text literal on one side.

use std::cmp::Ordering;

use crate::record::Fault;
use crate::value::Value;
use crate::value::compare::{self, TextLiteral};

/// The text literal on one side of a comparison; it decides how the other side is compared.
#[derive(Clone, Copy)]
pub(super) struct LiteralSide {
    text: TextLiteral<'static>,
    is_left: bool,
}

impl LiteralSide {
    /// Returns the text literal of the two sides, if there is one.
    pub(super) fn of(left: Option<Value<'static>>, right: Option<Value<'static>>) -> Option<Self> {
        let literal = |value, is_left| match value {
            Some(Value::Text(text)) => Some(LiteralSide {
                text: TextLiteral::new(text),
                is_left,
            }),
            _ => None,
        };
        literal(right, false).or_else(|| literal(left, true))
    }

    /// Compares two values according to the literal. The outer `None` means that the other side is a computed time,
    /// so the literal must be read as a time; the inner one means that a value is null.
    #[inline(always)]
    pub(super) fn compare(&self, a: &Value<'_>, b: &Value<'_>) -> Option<Option<Ordering>> {
        let value = if self.is_left { b } else { a };
        (!value.is_time()).then(|| {
            let order = self.text.compare(value);
            order.map(|order| match self.is_left {
                true => order.reverse(),
                false => order,
            })
        })
    }
}

/// Whether two values are equal; `None` if one is null.
#[inline]
pub(super) fn equal(
    literal: Option<LiteralSide>,
    a: &Value<'_>,
    b: &Value<'_>,
) -> Result<Option<bool>, Fault> {
    match literal.and_then(|literal| literal.compare(a, b)) {
        Some(order) => Ok(order.map(Ordering::is_eq)),
        None => compare::equal(a, b),
    }
}
