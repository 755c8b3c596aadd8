//! What a field means: null, truth, exact numbers, text, time.
//!
//! | file | what it answers |
//! |---|---|
//! | [`decimal`], `divide` | exact numbers of up to 38 digits and their arithmetic |
//! | [`number`] | a decimal, or the double where a decimal cannot be exact |
//! | [`numbers`] | those of many records at once |
//! | [`parse`], `print` | text to number and back |
//! | [`wide`] | exact numbers of any length; the double nearest to a quotient or a root |
//! | [`real`] | any number: what an operation falls back to when a `Number` is too short |
//! | [`digits`] | a number of any length as its digits: its order, the one text that stands for it |
//! | [`identity`] | when two values count as one |
//! | [`order`] | which of two values comes first: bytes that compare as the values do |
//! | [`compare`] | `=`, `<` and their like, between any two values |
//! | [`text`] | a value as text, as truth, as a number; how it is written on the stream |
//! | [`time`] | points and lengths of time |

pub mod compare;
pub mod decimal;
pub mod digits;
mod divide;
pub mod identity;
pub mod number;
pub mod numbers;
pub mod order;
pub mod parse;
pub mod print;
pub mod real;
pub mod text;
pub mod time;
pub mod wide;

use std::borrow::Cow;

use bumpalo::Bump;

use crate::record::field;

pub use decimal::Decimal;
pub use number::Number;
pub use numbers::Numbers;
pub use real::Real;
pub use time::{Interval, Time};

/// One value of the language. `'a` is the block (or the batch's arena) that text lives in.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    /// An unquoted empty field, or the result of an operation on one.
    Null,
    /// True or false; `true` and `false` on the stream.
    Bool(bool),
    /// An exact number.
    Decimal(Decimal),
    /// A number that a decimal cannot hold exactly; always finite.
    Double(f64),
    /// An exact number that needs more than 38 digits, as the stream writes it; see [`Real`].
    Long(&'a [u8]),
    /// An unquoted field as it stands on the stream: text or number, decided by its use. Never
    /// empty. Written back byte for byte.
    Raw(&'a [u8]),
    /// The content of a quoted field: text, which a number is read from where one is asked for, and
    /// which is ordered as if it had no quotes. Written quoted where it needs it or would pass for a
    /// number or a truth value.
    Quoted(&'a [u8]),
    /// Text that was made, by a literal or a function: ordered byte by byte. Written as
    /// [`Value::Quoted`] is.
    Text(&'a [u8]),
    /// A point in civil or absolute time; ISO 8601 on the stream.
    Time(Time),
    /// A length of time: `15m`, `1d`.
    Interval(Interval),
}

impl<'a> Value<'a> {
    /// What a raw field of the stream is. Only a quoted field that holds doubled quotes is copied.
    #[inline(always)]
    pub fn of_field(raw: &'a [u8], arena: &'a Bump) -> Self {
        match raw {
            [] => Value::Null,
            [b'"', ..] => Value::Quoted(quoted_content(raw, arena)),
            _ => Value::Raw(raw),
        }
    }

    /// Whether it is a point or a length of time.
    #[inline]
    pub fn is_time(&self) -> bool {
        matches!(self, Value::Time(_) | Value::Interval(_))
    }
}

fn quoted_content<'a>(raw: &'a [u8], arena: &'a Bump) -> &'a [u8] {
    match field::content(raw) {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => arena.alloc_slice_copy(&text),
    }
}

#[cfg(test)]
mod tests;
