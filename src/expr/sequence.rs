//! Functions that depend on earlier records: their names, and their calls bound to a header.
//!
//! An expression sees only one record. `fold` carries state from record to record and passes the values of these
//! functions in slots of the batch.

use std::ops::RangeInclusive;

use super::ast::{ExprKind as Ast, Item};
use super::node::Node;

/// A function that depends on earlier records.
#[derive(Debug)]
pub struct Function {
    /// In lower case.
    pub name: &'static str,
    /// The names of its parameters, as help shows them.
    pub parameters: &'static str,
    /// How many arguments it accepts.
    pub arity: RangeInclusive<usize>,
    /// One line on what it returns.
    pub purpose: &'static str,
    /// Whether its argument must be a number.
    pub is_numeric: bool,
    /// What it computes.
    pub kind: CallKind,
}

/// What is carried from record to record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// The previous value.
    Prev,
    /// The exact sum so far.
    RunningSum,
    /// The number of records so far.
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

/// Returns all of them, in the order in which help lists them.
pub fn all() -> impl Iterator<Item = &'static Function> {
    FUNCTIONS.iter()
}

/// Returns the function with this name.
pub fn find(name: &str) -> Option<&'static Function> {
    all().find(|function| function.name == name)
}

/// Whether a program calls any of these functions.
pub fn is_called(items: &[Item]) -> bool {
    let is_call = |kind: &Ast| matches!(kind, Ast::Call { name, .. } if find(name).is_some());
    items
        .iter()
        .any(|item| item.expr.has(&|expr| is_call(&expr.kind)))
}

/// A call of one of these functions, bound to a header.
pub struct Call {
    /// The function.
    pub function: &'static Function,
    /// Its arguments.
    pub arguments: Vec<Node>,
    /// The call as written, for error messages about it.
    pub source: Box<str>,
}
