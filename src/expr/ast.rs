//! The syntax tree of a program.

use super::token::{Span, spelled};
use crate::value::{Decimal, Interval};

/// An expression and its position in the program.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Its form.
    pub kind: ExprKind,
    /// Its position in the program.
    pub span: Span,
}

impl Expr {
    /// Whether this expression or one inside it satisfies `is`.
    pub fn has(&self, is: &dyn Fn(&Expr) -> bool) -> bool {
        is(self) || self.parts().into_iter().any(|part| part.has(is))
    }

    /// Whether the value is the same for every record: no part is a column, or a call without arguments such as
    /// `now()` or `count()`.
    pub fn is_constant(&self) -> bool {
        !self.has(&|part| match &part.kind {
            ExprKind::Column(_) => true,
            ExprKind::Call { arguments, .. } => arguments.is_empty(),
            _ => false,
        })
    }

    /// Whether it is a quoted text literal.
    pub fn is_text(&self) -> bool {
        matches!(self.kind, ExprKind::Literal(Literal::Text(_)))
    }

    /// Returns the quoted text with which a condition on constants only begins: probably a column, quoted as in
    /// SQL.
    pub fn quoted_column(&self) -> Option<&Expr> {
        let is_condition = matches!(
            self.kind,
            ExprKind::Compare(..)
                | ExprKind::Match { .. }
                | ExprKind::In { .. }
                | ExprKind::Between { .. }
                | ExprKind::IsNull { .. }
        );
        let parts = self.parts();
        let is_literal = |part: &&Expr| matches!(part.kind, ExprKind::Literal(_));
        let first = parts.first().filter(|first| first.is_text())?;
        (is_condition && parts.iter().all(is_literal)).then_some(first)
    }

    /// Returns the direct subexpressions, in order.
    fn parts(&self) -> Vec<&Expr> {
        match &self.kind {
            ExprKind::Literal(_) | ExprKind::Column(_) | ExprKind::Setting(_) => Vec::new(),
            ExprKind::Negate(value) | ExprKind::Not(value) | ExprKind::IsNull { value, .. } => {
                vec![value]
            }
            ExprKind::Arithmetic(_, left, right)
            | ExprKind::Logic(_, left, right)
            | ExprKind::Compare(_, left, right) => vec![left, right],
            ExprKind::Match { value, pattern, .. } => vec![value, pattern],
            ExprKind::In { value, list, .. } => std::iter::once(&**value).chain(list).collect(),
            ExprKind::Between {
                value, low, high, ..
            } => vec![value, low, high],
            ExprKind::Case {
                subject,
                arms,
                otherwise,
            } => {
                let arms = arms.iter().flat_map(|(when, then)| [when, then]);
                let ends = [subject, otherwise].map(|end| end.as_deref());
                ends[0].into_iter().chain(arms).chain(ends[1]).collect()
            }
            ExprKind::Call { arguments, .. } => arguments.iter().collect(),
        }
    }
}

/// The forms of an expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A constant.
    Literal(Literal),
    /// `price` or `[First Name]`.
    Column(String),
    /// `:since`, set by `--set since=...`.
    Setting(String),
    /// `-x`.
    Negate(Box<Expr>),
    /// `not x`, `!x`.
    Not(Box<Expr>),
    /// `a + b` and similar.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `a && b`, `a || b`. `||` means *or*; `concat` joins texts.
    Logic(Logic, Box<Expr>, Box<Expr>),
    /// `a < b` and similar.
    Compare(Compare, Box<Expr>, Box<Expr>),
    /// `a ~ "regex"`, `a !~ "regex"`.
    Match {
        /// the text
        value: Box<Expr>,
        /// the regular expression
        pattern: Box<Expr>,
        /// `!~`
        negated: bool,
    },
    /// `a in (1, 2)`, `a not in (1, 2)`.
    In {
        /// the value looked for
        value: Box<Expr>,
        /// the candidates, at least one
        list: Vec<Expr>,
        /// `not in`
        negated: bool,
    },
    /// `a between low and high`, both ends included.
    Between {
        /// the value
        value: Box<Expr>,
        /// lower bound
        low: Box<Expr>,
        /// upper bound
        high: Box<Expr>,
        /// `not between`
        negated: bool,
    },
    /// `a is null`, `a is not null`.
    IsNull {
        /// the value
        value: Box<Expr>,
        /// `is not null`
        negated: bool,
    },
    /// `case [subject] when .. then .. [else ..] end`; `if(c, a, b)` becomes one without a subject.
    Case {
        /// compared with each `when` by `=`
        subject: Option<Box<Expr>>,
        /// `(when, then)`, at least one
        arms: Vec<(Expr, Expr)>,
        /// `else`; null if absent
        otherwise: Option<Box<Expr>>,
    },
    /// `name(arguments)`: a function or an aggregate; `count(*)` has no arguments.
    Call {
        /// in lower case
        name: String,
        /// position of the name
        name_span: Span,
        /// in order
        arguments: Vec<Expr>,
        /// `count(distinct x)`
        distinct: bool,
    },
}

/// A constant in a program.
#[derive(Clone, Debug)]
pub enum Literal {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// `1.5`
    Decimal(Decimal),
    /// `1e300`: more than 38 digits
    Long(String),
    /// `"text"`, `'text'`
    Text(String),
    /// `15m`, `1d`, `2w`, `3mo`, `1y`, `500ms`
    Interval(Interval),
}

/// `+ - * / // %`. `//` drops the fraction of the quotient, and `%` has the sign of the dividend, as in SQL and C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arithmetic {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `//`
    WholeDivide,
    /// `%`
    Remainder,
}

/// `and`, `or`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logic {
    /// `and`, `&&`
    And,
    /// `or`, `||`
    Or,
}

/// `= != < <= > >=`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `=`, `==`
    Equal,
    /// `!=`, `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// One key of an `order`.
#[derive(Clone, Debug)]
pub struct Key {
    /// The expression to order by.
    pub expr: Expr,
    /// Whether a leading `-` or a trailing `desc` reverses the order.
    pub is_descending: bool,
}

/// One item of a comma-separated program: `name = expr`, or a bare `expr`.
#[derive(Clone, Debug)]
pub struct Item {
    /// The assigned name, if any.
    pub name: Option<String>,
    /// Position of the name.
    pub name_span: Span,
    /// The expression.
    pub expr: Expr,
}

impl Item {
    /// Suggests how to name a column, if this item has no name but looks like an assignment (such as `a-b = x`) and
    /// the error at `place` lies in what looks like the name.
    pub fn hint_to_name(&self, text: &str, place: usize) -> Option<String> {
        match (&self.name, &self.expr.kind) {
            (None, ExprKind::Compare(Compare::Equal, left, _)) if place < left.span.end => {
                let name = spelled(text.get(left.span.clone())?);
                Some(format!("to name a column write {name} = ..."))
            }
            _ => None,
        }
    }
}
