//! The functions of a record and those before it: their names, and their calls bound to a header.
//!
//! An expression knows one record. What the records before it come to is told to it, in a slot of the
//! batch, by who carries it from record to record: the room `fold`.

use std::ops::RangeInclusive;

use super::ast::{ExprKind as Ast, Item};
use super::node::Node;

/// A function of a record and those before it.
#[derive(Debug)]
pub struct Function {
    /// In lower case.
    pub name: &'static str,
    /// Its arguments' names, as help shows them.
    pub parameters: &'static str,
    /// How many arguments it takes.
    pub arity: RangeInclusive<usize>,
    /// One line on what it yields.
    pub purpose: &'static str,
    /// Whether its argument must be a number.
    pub is_numeric: bool,
    /// Which it is.
    pub kind: CallKind,
}

/// What is carried from record to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// The last value.
    Prev,
    /// The exact sum.
    RunningSum,
    /// How many records came.
    RecordNumber,
}

static FUNCTIONS: [Function; 3] = [
    Function {
        name: "prev",
        parameters: "x",
        arity: 1..=1,
        purpose: "x of the record before, null for the first; coalesce(x, prev(x)) fills only the first null \
                  of a run",
        is_numeric: false,
        kind: CallKind::Prev,
    },
    Function {
        name: "running_sum",
        parameters: "x",
        arity: 1..=1,
        purpose: "the exact sum up to this record; null until there is a number",
        is_numeric: true,
        kind: CallKind::RunningSum,
    },
    Function {
        name: "record_number",
        parameters: "",
        arity: 0..=0,
        purpose: "1 for the first record, 2 for the second ...",
        is_numeric: false,
        kind: CallKind::RecordNumber,
    },
];

/// All of them, in the order that help lists them.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter()
}

/// The function of this name.
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

/// Whether a program calls any of them.
pub fn is_called(items: &[Item]) -> bool {
    let is_call = |kind: &Ast| matches!(kind, Ast::Call { name, .. } if find(name).is_some());
    items
        .iter()
        .any(|item| item.expr.has(&|expr| is_call(&expr.kind)))
}

/// A call of one of them, bound to a header.
pub struct Call {
    /// What is called.
    pub function: &'static Function,
    /// What it takes in.
    pub arguments: Vec<Node>,
    /// As written: what an error about it names.
    pub source: Box<str>,
}
