//! The scalar functions: values of one record in, one value out.
//!
//! | file | what it holds |
//! |---|---|
//! | `number` | `round`, `sqrt`, `greatest` |
//! | `text`, `padding` | `upper`, `substr`, `split_part`; `lpad`, `repeat` |
//! | `pattern` | regular expressions and `like` |
//! | `time` | `strptime`, `date_trunc`, zones |
//! | `json`, `hash` | `json`; `sha256`, `crc32` |
//! | `convert` | `number`, `text`, `coalesce` |
//! | `argument` | conversions of arguments, with their errors |

mod argument;
mod convert;
mod hash;
mod json;
mod number;
mod padding;
mod pattern;
mod text;
mod time;

use std::ops::RangeInclusive;

use bumpalo::Bump;

use crate::record::Fault;
use crate::value::Value;

/// The implementation of a call: pure, one record at a time. A text result lives in the arena or in an argument.
pub type Body =
    Box<dyn for<'a> Fn(&'a Bump, &[Value<'a>]) -> Result<Value<'a>, Fault> + Send + Sync>;

/// A scalar function.
#[derive(Debug)]
pub struct Function {
    /// In lower case.
    pub name: &'static str,
    /// Alternative names.
    pub aliases: &'static [&'static str],
    /// The names of the parameters, as help shows them: `text, start[, length]`.
    pub parameters: &'static str,
    /// How many arguments it accepts.
    pub arity: RangeInclusive<usize>,
    /// One line on what it returns.
    pub purpose: &'static str,
    /// An expression and its result as written to the stream.
    pub example: (&'static str, &'static str),
    /// What a null argument does.
    pub nulls: Nulls,
    /// The kind of value that it returns.
    pub yields: Yields,
    /// Prepares a call. Gets one entry per argument, which is `None` unless the argument is a literal. Literals are
    /// compiled and checked here, so that their errors are reported before any input is read.
    pub make: fn(&[Option<Value<'static>>]) -> Result<Body, MakeFault>,
}

/// Effect of a null argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// Any null argument makes the result null; the body is not called.
    Propagate,
    /// The body is called and sees the null.
    Sees,
}

/// What kind of value a function returns, if not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yields {
    /// A number, a truth value, or a field as the stream has it.
    Field,
    /// Computed text.
    Text,
    /// A computed time.
    Time,
    /// A computed interval.
    Interval,
    /// Its first argument, unchanged.
    First,
    /// One of its arguments, unchanged.
    Argument,
    /// One of its arguments, unchanged, after a comparison of all.
    Compared,
}

/// An error in a literal argument, which no record can repair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakeFault {
    /// Which argument, from 0.
    pub argument: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// The functions of all families, in the order in which help lists them.
static FAMILIES: [&[Function]; 8] = [
    number::FUNCTIONS,
    text::FUNCTIONS,
    padding::FUNCTIONS,
    pattern::FUNCTIONS,
    time::FUNCTIONS,
    json::FUNCTIONS,
    hash::FUNCTIONS,
    convert::FUNCTIONS,
];

/// Returns every function once.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Returns the function with this name or alias, which must be in lower case.
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name || function.aliases.contains(&name))
}

impl Function {
    /// Creates a function whose result is null if any argument is.
    pub(super) const fn new(
        name: &'static str,
        parameters: &'static str,
        arity: RangeInclusive<usize>,
        purpose: &'static str,
        example: (&'static str, &'static str),
        make: fn(&[Option<Value<'static>>]) -> Result<Body, MakeFault>,
    ) -> Self {
        let nulls = Nulls::Propagate;
        Function {
            name,
            aliases: &[],
            parameters,
            arity,
            purpose,
            example,
            nulls,
            yields: Yields::Field,
            make,
        }
    }

    const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn yielding(mut self, yields: Yields) -> Self {
        self.yields = yields;
        self
    }

    const fn seeing_nulls(mut self) -> Self {
        self.nulls = Nulls::Sees;
        self
    }
}

/// Wraps a closure as a body.
pub(super) fn body<F>(call: F) -> Result<Body, MakeFault>
where
    F: for<'a> Fn(&'a Bump, &[Value<'a>]) -> Result<Value<'a>, Fault> + Send + Sync + 'static,
{
    Ok(Box::new(call))
}

#[cfg(test)]
mod tests;
