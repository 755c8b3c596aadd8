//! The scalar functions: one record's values in, one value out.
//!
//! | file | what it holds |
//! |---|---|
//! | `number` | `round`, `sqrt`, `greatest` |
//! | `text`, `padding` | `upper`, `substr`, `split_part`; `lpad`, `repeat` |
//! | `pattern` | regular expressions and `like` |
//! | `time` | `strptime`, `date_trunc`, zones |
//! | `json`, `hash` | `json`; `sha256`, `crc32` |
//! | `convert` | `number`, `text`, `coalesce` |
//! | `argument` | what each of them may ask of its arguments |

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

/// How a call is carried out: pure, one record at a time; text results live in the arena or in
/// the arguments.
pub type Body =
    Box<dyn for<'a> Fn(&'a Bump, &[Value<'a>]) -> Result<Value<'a>, Fault> + Send + Sync>;

/// A scalar function.
#[derive(Debug)]
pub struct Function {
    /// In lower case, as `find` finds it.
    pub name: &'static str,
    /// Other names it goes by.
    pub aliases: &'static [&'static str],
    /// The arguments' names, as help shows them: `text, start[, length]`.
    pub parameters: &'static str,
    /// How many arguments it takes.
    pub arity: RangeInclusive<usize>,
    /// One line on what it yields.
    pub purpose: &'static str,
    /// An expression and what it prints on the stream.
    pub example: (&'static str, &'static str),
    /// What a null argument does.
    pub nulls: Nulls,
    /// What kind of value it returns.
    pub yields: Yields,
    /// Prepares a call. One entry per argument, known where it is a literal: what can be compiled
    /// is compiled here, and what is wrong with it is said before a byte is read.
    pub make: fn(&[Option<Value<'static>>]) -> Result<Body, MakeFault>,
}

/// What a null argument does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// Any null argument makes the result null; the body is not called.
    Propagate,
    /// The body is called and sees it.
    Sees,
}

/// What kind of value a function returns, if not null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yields {
    /// A number, a truth value, or a field as the stream has it.
    Field,
    /// Made text.
    Text,
    /// A computed time.
    Time,
    /// A computed interval.
    Interval,
    /// Its first argument, unchanged.
    First,
    /// One of its arguments, unchanged.
    Argument,
    /// One of its arguments, unchanged, after comparing them all.
    Compared,
}

/// A literal argument that can never work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakeFault {
    /// Which argument, from 0.
    pub argument: usize,
    /// What is wrong with it.
    pub fault: Fault,
}

/// The functions of all families, in the order that help lists them.
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

/// Every function, once.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The function of this name or alias, in lower case.
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name || function.aliases.contains(&name))
}

impl Function {
    /// A function that null arguments pass by.
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

/// A body that was not prepared by any literal, or holds what was.
pub(super) fn body<F>(call: F) -> Result<Body, MakeFault>
where
    F: for<'a> Fn(&'a Bump, &[Value<'a>]) -> Result<Value<'a>, Fault> + Send + Sync + 'static,
{
    Ok(Box::new(call))
}

#[cfg(test)]
mod tests;
