//! Binds a tree to a header: every name is looked up once, before any data is read.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::ast::{Arithmetic, Compare, Expr, ExprKind as Ast, Literal, Logic};
use super::error::ProgramError;
use super::functions;
use super::mixture;
use super::node::{List, Node, NodeKind, Pattern};
use super::parse::source_of;
use super::regex::Matcher;
use super::sequence;
use crate::record::Header;
use crate::value::Value;
use crate::value::compare::TextLiteral;
use crate::value::parse::{self, is_plain};

/// Names that are defined only over many records (in `fold`), not as functions of one record.
pub const AGGREGATES: [&str; 35] = [
    "any",
    "approx_count_distinct",
    "approx_quantile",
    "arg_max",
    "arg_min",
    "avg",
    "bool_and",
    "bool_or",
    "count",
    "count_distinct",
    "count_if",
    "countif",
    "every",
    "first",
    "first_value",
    "group_concat",
    "last",
    "last_value",
    "listagg",
    "max_by",
    "mean",
    "median",
    "min_by",
    "mode",
    "percentile_cont",
    "quantile",
    "quantile_cont",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var_pop",
    "var_samp",
    "variance",
];

/// What names in a program can refer to.
#[derive(Clone, Copy)]
pub struct Scope<'s> {
    /// The program's text, for errors.
    pub text: &'s str,
    /// The columns, by index.
    pub header: &'s Header,
    /// The values of `--set`.
    pub settings: &'s BTreeMap<String, String>,
}

/// Called for every expression before it is resolved; a node that it returns stands for the whole expression.
/// `aggregate` inserts its results this way.
pub type Special<'f> = dyn FnMut(&Expr) -> Result<Option<Node>, ProgramError> + 'f;

impl Scope<'_> {
    /// Resolves an expression over the records.
    pub fn resolve(&self, expr: &Expr) -> Result<Node, ProgramError> {
        self.resolve_with(expr, &mut |_| Ok(None))
    }

    /// Resolves an expression in which `special` resolves some parts.
    pub fn resolve_with(
        &self,
        expr: &Expr,
        special: &mut Special<'_>,
    ) -> Result<Node, ProgramError> {
        if let Some(node) = special(expr)? {
            return Ok(node);
        }
        if let Some(column) = expr.quoted_column() {
            return Err(ProgramError::constant_key(self.text, column));
        }
        let kind = match &expr.kind {
            Ast::Literal(literal) => NodeKind::Constant(constant(literal)),
            Ast::Column(name) => return self.column(expr, name),
            Ast::Setting(name) => self.setting(expr, name)?,
            Ast::Negate(value) => {
                let value = self.boxed(value, special)?;
                match value.as_literal() {
                    Some(Value::Decimal(number)) => {
                        NodeKind::Constant(Value::Decimal(number.negate()))
                    }
                    Some(Value::Long(digits)) => NodeKind::Constant(long(&[b"-", digits].concat())),
                    _ => NodeKind::Negate(value),
                }
            }
            Ast::Not(value) => NodeKind::Not(self.boxed(value, special)?),
            Ast::Arithmetic(op, left, right) => {
                NodeKind::Arithmetic(*op, self.boxed(left, special)?, self.boxed(right, special)?)
            }
            Ast::Logic(op, left, right) => {
                NodeKind::Logic(*op, self.boxed(left, special)?, self.boxed(right, special)?)
            }
            Ast::Compare(op, left, right) => {
                NodeKind::Compare(*op, self.boxed(left, special)?, self.boxed(right, special)?)
            }
            Ast::Match {
                value,
                pattern,
                negated,
            } => NodeKind::Match {
                value: self.boxed(value, special)?,
                pattern: self.pattern(pattern, special)?,
                negated: *negated,
            },
            Ast::In {
                value,
                list,
                negated,
            } => NodeKind::In {
                value: self.boxed(value, special)?,
                list: self.list(list, special)?,
                negated: *negated,
            },
            Ast::Between {
                value,
                low,
                high,
                negated,
            } => {
                return self.between(expr, [value, low, high], *negated, special);
            }
            Ast::IsNull { value, negated } => NodeKind::IsNull {
                value: self.boxed(value, special)?,
                negated: *negated,
            },
            Ast::Case {
                subject,
                arms,
                otherwise,
            } => self.case(subject.as_deref(), arms, otherwise.as_deref(), special)?,
            Ast::Call { .. } => self.call(expr, special)?,
        };
        Ok(Node {
            kind,
            label: source_of(expr, self.text).into(),
        })
    }

    fn boxed(&self, expr: &Expr, special: &mut Special<'_>) -> Result<Box<Node>, ProgramError> {
        Ok(Box::new(self.resolve_with(expr, special)?))
    }

    fn column(&self, expr: &Expr, name: &str) -> Result<Node, ProgramError> {
        match self.header.position(name) {
            Some(column) => Ok(Node {
                kind: NodeKind::Column(column),
                label: name.into(),
            }),
            None => Err(ProgramError::unknown_column(
                self.text,
                expr.span.clone(),
                name,
                self.header.names(),
            )),
        }
    }

    fn setting(&self, expr: &Expr, name: &str) -> Result<NodeKind, ProgramError> {
        match self.settings.get(name) {
            // A setting behaves like a field. Raw values are written without quotes, and only a number is sure to
            // need none.
            Some(value) if is_plain(value.as_bytes()) => {
                Ok(NodeKind::Setting(Value::Raw(forever(value))))
            }
            Some(value) => Ok(NodeKind::Setting(Value::Quoted(forever(value)))),
            None => Err(ProgramError::unknown_setting(
                self.text,
                expr.span.clone(),
                name,
                self.settings.keys().map(String::as_str),
            )),
        }
    }

    fn pattern(&self, expr: &Expr, special: &mut Special<'_>) -> Result<Pattern, ProgramError> {
        let node = self.resolve_with(expr, special)?;
        match node.as_constant() {
            Some(Value::Text(text) | Value::Quoted(text) | Value::Raw(text)) => Matcher::new(text)
                .map(Pattern::Compiled)
                .map_err(|message| ProgramError::new(self.text, expr.span.clone(), message)),
            _ => Ok(Pattern::Computed(Box::new(node))),
        }
    }

    fn list(&self, list: &[Expr], special: &mut Special<'_>) -> Result<List, ProgramError> {
        let nodes = list
            .iter()
            .map(|item| self.resolve_with(item, special))
            .collect::<Result<Vec<_>, _>>()?;
        let texts = nodes
            .iter()
            .map(|node| match node.as_literal() {
                Some(Value::Text(text)) if !text.is_empty() => {
                    let is_moment = TextLiteral::new(text).is_moment();
                    (!is_moment).then(|| Box::from(text))
                }
                _ => None,
            })
            .collect::<Option<_>>();
        let numbers = || {
            let number = |node: &Node| match node.as_literal() {
                Some(Value::Decimal(number)) => Some(number),
                _ => None,
            };
            nodes.iter().map(number).collect()
        };
        Ok(match (texts, numbers()) {
            (Some(texts), _) => List::Texts(texts),
            (None, Some(numbers)) => List::Numbers(numbers),
            (None, None) => List::Any(nodes),
        })
    }

    /// `a between b and c` is `a >= b and a <= c`.
    fn between(
        &self,
        expr: &Expr,
        [value, low, high]: [&Expr; 3],
        negated: bool,
        special: &mut Special<'_>,
    ) -> Result<Node, ProgramError> {
        let label: Box<str> = source_of(expr, self.text).into();
        let node = |kind| Node {
            kind,
            label: label.clone(),
        };
        let above = node(NodeKind::Compare(
            Compare::GreaterOrEqual,
            self.boxed(value, special)?,
            self.boxed(low, special)?,
        ));
        let below = node(NodeKind::Compare(
            Compare::LessOrEqual,
            self.boxed(value, special)?,
            self.boxed(high, special)?,
        ));
        let both = node(NodeKind::Logic(
            Logic::And,
            Box::new(above),
            Box::new(below),
        ));
        Ok(match negated {
            true => node(NodeKind::Not(Box::new(both))),
            false => both,
        })
    }

    fn case(
        &self,
        subject: Option<&Expr>,
        arms: &[(Expr, Expr)],
        otherwise: Option<&Expr>,
        special: &mut Special<'_>,
    ) -> Result<NodeKind, ProgramError> {
        let mut resolved = Vec::with_capacity(arms.len());
        for (when, then) in arms {
            resolved.push((
                self.resolve_with(when, special)?,
                self.resolve_with(then, special)?,
            ));
        }
        Ok(NodeKind::Case {
            subject: subject
                .map(|subject| self.boxed(subject, special))
                .transpose()?,
            arms: resolved,
            otherwise: match otherwise {
                Some(otherwise) => self.boxed(otherwise, special)?,
                None => Box::new(Node {
                    kind: NodeKind::Constant(Value::Null),
                    label: "null".into(),
                }),
            },
        })
    }

    fn call(&self, expr: &Expr, special: &mut Special<'_>) -> Result<NodeKind, ProgramError> {
        let Ast::Call {
            name,
            name_span,
            arguments,
            distinct,
        } = &expr.kind
        else {
            return Err(ProgramError::new(
                self.text,
                expr.span.clone(),
                "not a call",
            ));
        };
        let Some(function) = functions::find(name) else {
            return Err(self.no_function(name, name_span.clone()));
        };
        let signature = (function.parameters, &function.arity);
        self.check_call(expr, name, signature, (arguments.len(), *distinct))?;
        let nodes = arguments
            .iter()
            .map(|argument| self.resolve_with(argument, special))
            .collect::<Result<Vec<_>, _>>()?;
        let constants: Vec<_> = nodes.iter().map(Node::as_constant).collect();
        let body = (function.make)(&constants).map_err(|fault| {
            let span = arguments
                .get(fault.argument)
                .map_or(expr.span.clone(), |argument| argument.span.clone());
            ProgramError::new(self.text, span, fault.fault.to_string())
        })?;
        Ok(NodeKind::Call {
            function,
            body,
            arguments: mixture::compared(function, nodes),
        })
    }

    /// Rejects a call with the wrong number of arguments, or with `distinct`.
    pub(super) fn check_call(
        &self,
        expr: &Expr,
        name: &str,
        (parameters, arity): (&str, &RangeInclusive<usize>),
        (given, distinct): (usize, bool),
    ) -> Result<(), ProgramError> {
        let message = match distinct {
            true => "'distinct' stands in aggregates only".to_owned(),
            false if arity.contains(&given) => return Ok(()),
            false => format!(
                "{name}({parameters}) does not take {}",
                crate::record::counted(given, "argument")
            ),
        };
        Err(ProgramError::new(self.text, expr.span.clone(), message))
    }

    fn no_function(&self, name: &str, span: super::token::Span) -> ProgramError {
        if AGGREGATES.contains(&name) {
            let message = format!("'{name}' is an aggregate: it needs many records");
            return ProgramError::new(self.text, span, message)
                .with_hint("the program 'aggregate' computes it");
        }
        if sequence::find(name).is_some() {
            let message = format!("'{name}' depends on the records before this one");
            return ProgramError::new(self.text, span, message)
                .with_hint("only an assignment of the program 'map' can call it");
        }
        let names = functions::all().map(|function| function.name);
        let names = names.chain(sequence::all().map(|function| function.name));
        ProgramError::unknown_function(self.text, span, name, names)
    }
}

fn constant(literal: &Literal) -> Value<'static> {
    match literal {
        Literal::Null => Value::Null,
        Literal::Bool(truth) => Value::Bool(*truth),
        Literal::Decimal(decimal) => Value::Decimal(*decimal),
        Literal::Long(digits) => long(digits.as_bytes()),
        Literal::Text(text) => Value::Text(forever(text)),
        Literal::Interval(interval) => Value::Interval(*interval),
    }
}

/// Returns a constant that needs more than 38 digits; `digits` may begin with two signs.
fn long(digits: &[u8]) -> Value<'static> {
    let digits = digits.strip_prefix(b"--").unwrap_or(digits);
    let mut written = Vec::new();
    if let Some(number) = parse::wide(digits) {
        number.write(&mut written);
    }
    Value::Long(Box::leak(written.into_boxed_slice()))
}

/// Leaks a text: there is one program, and its constants are needed until the process ends.
fn forever(text: &str) -> &'static [u8] {
    Box::leak(Box::<[u8]>::from(text.as_bytes()))
}

impl Arithmetic {
    /// The operator as written.
    pub fn sign(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::WholeDivide => "//",
            Arithmetic::Remainder => "%",
        }
    }
}
