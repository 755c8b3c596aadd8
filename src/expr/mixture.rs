//! Expressions whose values are of several kinds.
//!
//! Computed texts, times and intervals each have an equality and an order of their own. An expression that returns
//! one of them for some records and a field for others (`if(a, text(x), x)`) would be compared by two rules at
//! once, and its order would contradict its equality. So each of its values is compared as the field that it is
//! written as.

use super::ast::Arithmetic;
use super::functions::{Function, Yields, body};
use super::node::{Node, NodeKind};
use crate::value::{Value, text};

/// The kinds of values that an expression can return, other than null: one bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kinds(u8);

impl Kinds {
    const NONE: Kinds = Kinds(0);
    const FIELD: Kinds = Kinds(1);
    const TEXT: Kinds = Kinds(2);
    const TIME: Kinds = Kinds(4);
    const INTERVAL: Kinds = Kinds(8);

    fn of_all<'n>(nodes: impl IntoIterator<Item = &'n Node>) -> Kinds {
        let join = |kinds: Kinds, node| Kinds(kinds.0 | Kinds::of(node).0);
        nodes.into_iter().fold(Kinds::NONE, join)
    }

    fn of(node: &Node) -> Kinds {
        match &node.kind {
            NodeKind::Constant(value) | NodeKind::Setting(value) => match value {
                Value::Null => Kinds::NONE,
                Value::Text(_) => Kinds::TEXT,
                Value::Time(_) => Kinds::TIME,
                Value::Interval(_) => Kinds::INTERVAL,
                _ => Kinds::FIELD,
            },
            NodeKind::Negate(value) => Kinds::of(value).or_field(),
            NodeKind::Arithmetic(operation, left, right) => {
                Kinds::of_result(*operation, Kinds::of(left), Kinds::of(right))
            }
            NodeKind::Case {
                arms, otherwise, ..
            } => Kinds::of_all(arms.iter().map(|(_, then)| then).chain([&**otherwise])),
            NodeKind::Call {
                function,
                arguments,
                ..
            } => match function.yields {
                Yields::Field => Kinds::FIELD,
                Yields::Text => Kinds::TEXT,
                Yields::Time => Kinds::TIME,
                Yields::Interval => Kinds::INTERVAL,
                Yields::First => Kinds::of_all(arguments.first()),
                Yields::Argument | Yields::Compared => Kinds::of_all(arguments),
            },
            _ => Kinds::FIELD,
        }
    }

    /// Returns the kind of an operation's result. A field combined with an interval is assumed to be a time.
    fn of_result(operation: Arithmetic, left: Kinds, right: Kinds) -> Kinds {
        let is_sum = matches!(operation, Arithmetic::Add | Arithmetic::Subtract);
        match (left, right) {
            (Kinds::TIME, Kinds::TIME) => Kinds::INTERVAL,
            (Kinds::TIME, _) | (_, Kinds::TIME) => Kinds::TIME,
            (Kinds::INTERVAL, Kinds::INTERVAL) => match is_sum {
                true => Kinds::INTERVAL,
                false => Kinds::FIELD,
            },
            (Kinds::INTERVAL, _) | (_, Kinds::INTERVAL) => match is_sum {
                true => Kinds::TIME,
                false => Kinds::INTERVAL,
            },
            _ => Kinds::FIELD,
        }
    }

    /// A negated interval is an interval; everything else that can be negated is a number.
    fn or_field(self) -> Kinds {
        match self {
            Kinds::INTERVAL => self,
            _ => Kinds::FIELD,
        }
    }

    fn is_mixture(self) -> bool {
        self.0.count_ones() > 1
    }
}

/// Converts a computed value to the field that it is written as.
static AS_FIELD: Function = Function::new(
    "as_field",
    "value",
    1..=1,
    "the value as the field that it is written as",
    ("", ""),
    |_| {
        body(|arena, arguments| {
            Ok(match arguments[0] {
                Value::Text(text) => Value::Quoted(text),
                value if value.is_time() => {
                    let mut written = Vec::with_capacity(48);
                    text::write_text(&value, &mut written);
                    Value::Raw(arena.alloc_slice_copy(&written))
                }
                value => value,
            })
        })
    },
);

impl Node {
    /// Prepares the expression for use as a key or in comparisons with others: if its values are of several kinds,
    /// each is converted to the field that it is written as.
    #[must_use]
    pub fn compared(self) -> Node {
        match Kinds::of(&self).is_mixture() {
            true => self.into_field(),
            false => self,
        }
    }

    fn into_field(self) -> Node {
        let label = self.label.clone();
        // Cannot fail, because no argument is a literal.
        let Ok(body) = (AS_FIELD.make)(&[None]) else {
            return self;
        };
        let kind = NodeKind::Call {
            function: &AS_FIELD,
            body,
            arguments: vec![self],
        };
        Node { kind, label }
    }
}

/// Prepares the arguments of a function that compares them: all are of one kind, or all are fields.
pub(super) fn compared(function: &Function, arguments: Vec<Node>) -> Vec<Node> {
    let is_mixture = function.yields == Yields::Compared && Kinds::of_all(&arguments).is_mixture();
    match is_mixture {
        true => arguments.into_iter().map(Node::into_field).collect(),
        false => arguments,
    }
}
