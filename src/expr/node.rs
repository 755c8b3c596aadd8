//! A program that is ready to run: columns are indexes, constants are values, functions are compiled.

use std::collections::{BTreeSet, HashSet};

use super::ast::{Arithmetic, Compare, Logic};
use super::functions::{Body, Function};
use super::regex::Matcher;
use crate::value::{Decimal, Value};

/// A resolved expression.
pub struct Node {
    pub(super) kind: NodeKind,
    /// The column's name or the source text, for error messages about its value.
    pub(super) label: Box<str>,
}

/// The forms of a resolved expression: those of [`super::ast::ExprKind`] with all names bound.
pub(super) enum NodeKind {
    /// A constant. Its text is never freed.
    Constant(Value<'static>),
    /// A value of `--set`: constant over all records, but compared as a field.
    Setting(Value<'static>),
    Column(usize),
    /// A value computed elsewhere: a group's key, an aggregate's result.
    Slot(usize),
    Negate(Box<Node>),
    Not(Box<Node>),
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Logic(Logic, Box<Node>, Box<Node>),
    Compare(Compare, Box<Node>, Box<Node>),
    Match {
        value: Box<Node>,
        pattern: Pattern,
        negated: bool,
    },
    In {
        value: Box<Node>,
        list: List,
        negated: bool,
    },
    IsNull {
        value: Box<Node>,
        negated: bool,
    },
    Case {
        subject: Option<Box<Node>>,
        arms: Vec<(Node, Node)>,
        otherwise: Box<Node>,
    },
    Call {
        function: &'static Function,
        body: Body,
        arguments: Vec<Node>,
    },
}

/// A regular expression, compiled once if it is constant.
pub(super) enum Pattern {
    Compiled(Matcher),
    Computed(Box<Node>),
}

/// The candidates of `in`.
pub(super) enum List {
    /// Only non-empty texts, none of them a date-time: a set of their bytes.
    Texts(HashSet<Box<[u8]>>),
    /// Only exact numbers.
    Numbers(HashSet<Decimal>),
    Any(Vec<Node>),
}

impl Node {
    /// Returns a node for the column at this index.
    pub fn column(column: usize, name: &str) -> Self {
        Node {
            kind: NodeKind::Column(column),
            label: name.into(),
        }
    }

    /// Returns a node for a value computed elsewhere, in this slot of the batch.
    pub fn slot(slot: usize, label: &str) -> Self {
        Node {
            kind: NodeKind::Slot(slot),
            label: label.into(),
        }
    }

    /// Returns the column's index if this is just a column.
    pub fn as_column(&self) -> Option<usize> {
        match self.kind {
            NodeKind::Column(column) => Some(column),
            _ => None,
        }
    }

    /// Returns the value if it is the same for every record.
    pub fn as_constant(&self) -> Option<Value<'static>> {
        match self.kind {
            NodeKind::Constant(value) | NodeKind::Setting(value) => Some(value),
            _ => None,
        }
    }

    /// Returns the value if the program spells it out.
    pub(super) fn as_literal(&self) -> Option<Value<'static>> {
        self.as_constant()
            .filter(|_| matches!(self.kind, NodeKind::Constant(_)))
    }

    /// What error messages about its value name: the column, or the expression's text.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Adds the indexes of all columns that it reads.
    pub fn add_columns(&self, columns: &mut BTreeSet<usize>) {
        match &self.kind {
            NodeKind::Column(column) => {
                columns.insert(*column);
            }
            NodeKind::Constant(_) | NodeKind::Setting(_) | NodeKind::Slot(_) => {}
            NodeKind::Negate(value) | NodeKind::Not(value) | NodeKind::IsNull { value, .. } => {
                value.add_columns(columns);
            }
            NodeKind::Arithmetic(_, left, right)
            | NodeKind::Logic(_, left, right)
            | NodeKind::Compare(_, left, right) => {
                left.add_columns(columns);
                right.add_columns(columns);
            }
            NodeKind::Match { value, pattern, .. } => {
                value.add_columns(columns);
                if let Pattern::Computed(pattern) = pattern {
                    pattern.add_columns(columns);
                }
            }
            NodeKind::In { value, list, .. } => {
                value.add_columns(columns);
                if let List::Any(nodes) = list {
                    nodes.iter().for_each(|node| node.add_columns(columns));
                }
            }
            NodeKind::Case {
                subject,
                arms,
                otherwise,
            } => {
                subject.iter().for_each(|node| node.add_columns(columns));
                for (when, then) in arms {
                    when.add_columns(columns);
                    then.add_columns(columns);
                }
                otherwise.add_columns(columns);
            }
            NodeKind::Call { arguments, .. } => {
                arguments.iter().for_each(|node| node.add_columns(columns));
            }
        }
    }
}
