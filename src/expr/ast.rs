//! The tree that the parser makes of a program's text.

use super::token::{Span, spelled};
use crate::value::{Decimal, Interval};

/// One expression and where it stands in the program.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

impl Expr {
    /// Whether this expression, or one inside of it, is what `is` looks for.
    pub fn has(&self, is: &dyn Fn(&Expr) -> bool) -> bool {
        is(self) || self.parts().into_iter().any(|part| part.has(is))
    }

    /// Whether it is the same for every record, whatever the columns: it looks at none, and calls
    /// nothing that takes no arguments, as `now()` and `count()` do.
    pub fn is_constant(&self) -> bool {
        !self.has(&|part| match &part.kind {
            ExprKind::Column(_) => true,
            ExprKind::Call { arguments, .. } => arguments.is_empty(),
            _ => false,
        })
    }

    /// Whether it is a text in quotes.
    pub fn is_text(&self) -> bool {
        matches!(self.kind, ExprKind::Literal(Literal::Text(_)))
    }

    /// The text in quotes that a condition compares with constants alone: a column, as SQL quotes it.
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

    /// The expressions that it is made of, in their order.
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
    /// `:since`, given by `--set since=...`.
    Setting(String),
    /// `-x`.
    Negate(Box<Expr>),
    /// `not x`, `!x`.
    Not(Box<Expr>),
    /// `a + b` and its like.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    /// `a || b` is *or* here; text is joined by `concat`.
    Logic(Logic, Box<Expr>, Box<Expr>),
    /// `a < b` and its like.
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
    /// `case [subject] when .. then .. [else ..] end`; `if(c, a, b)` becomes one without subject.
    Case {
        /// compared with each `when` by `=`
        subject: Option<Box<Expr>>,
        /// `(when, then)`, at least one
        arms: Vec<(Expr, Expr)>,
        /// `else`, null where absent
        otherwise: Option<Box<Expr>>,
    },
    /// `name(arguments)`: a function or an aggregate; `count(*)` has no arguments.
    Call {
        /// in lower case
        name: String,
        /// where the name stands
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

/// `+ - * / // %` (`//` drops the quotient's fraction and `%` takes the dividend's sign, as in SQL and C).
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
    /// What is ordered by.
    pub expr: Expr,
    /// Whether a `-` before it or a `desc` behind it turns it around.
    pub is_descending: bool,
}

/// One item of a comma-separated program: `name = expr`, or a bare `expr`.
#[derive(Clone, Debug)]
pub struct Item {
    /// The name assigned, where one is.
    pub name: Option<String>,
    /// Where the name stands.
    pub name_span: Span,
    /// What is computed.
    pub expr: Expr,
}

impl Item {
    /// What to do about an item without a name that looks as if it were to have one, as `a-b = x` does,
    /// if what is wrong begins at `place`, in that name.
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
