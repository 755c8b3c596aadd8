//! Comparisons whose one side is a text that the program spells out.

use std::cmp::Ordering;

use crate::record::Fault;
use crate::value::Value;
use crate::value::compare::{self, TextLiteral};

/// The text literal on one side of a comparison, which decides how the other side is compared.
#[derive(Clone, Copy)]
pub(super) struct LiteralSide {
    text: TextLiteral<'static>,
    is_left: bool,
}

impl LiteralSide {
    /// That of two sides, where there is one.
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

    /// The order of two values by it, `None` where one is null; nothing where the other side is a time
    /// that was made: then the literal is read as one.
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

/// Whether two values are the same.
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
