//! Operators, from loosest to tightest.

use super::super::ast::{Arithmetic, Compare, Expr, ExprKind, Literal, Logic};
use super::super::error::ProgramError;
use super::super::token::Token;
use super::{MAX_NESTING, MAX_OPERATORS, Parser};

impl Parser<'_> {
    /// Parses a whole expression.
    pub(super) fn expression(&mut self) -> Result<Expr, ProgramError> {
        self.nested(|parser| parser.logic(Logic::Or))
    }

    /// Runs `parse` one nesting level deeper.
    pub(super) fn nested(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Expr, ProgramError>,
    ) -> Result<Expr, ProgramError> {
        if self.nesting > MAX_NESTING {
            return Err(self
                .error(self.here(), "the expression is nested too deeply")
                .with_hint(format!("at most {MAX_NESTING} levels")));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    /// Parses a chain of `or`, or of `and`, into a balanced tree. The result does not depend on the grouping, and a
    /// program with thousands of terms stays shallow.
    fn logic(&mut self, operator: Logic) -> Result<Expr, ProgramError> {
        let (keyword, symbol) = match operator {
            Logic::Or => ("or", "||"),
            Logic::And => ("and", "&&"),
        };
        let mut terms = Vec::new();
        loop {
            let start = self.start();
            let term = match operator {
                Logic::Or => self.logic(Logic::And)?,
                Logic::And => self.negation()?,
            };
            terms.push((start, self.end(), term));
            if !self.takes_keyword(keyword) && !self.takes(symbol) {
                return Ok(balanced(operator, terms));
            }
        }
    }

    /// `not a`, `!a`
    fn negation(&mut self) -> Result<Expr, ProgramError> {
        let start = self.start();
        if !self.takes_keyword("not") && !self.takes("!") {
            return self.comparison();
        }
        let operand = self.nested(Self::negation)?;
        Ok(self.spanning(start, ExprKind::Not(Box::new(operand))))
    }

    /// Parses an operand with at most one comparison.
    fn comparison(&mut self) -> Result<Expr, ProgramError> {
        let start = self.start();
        let left = self.arithmetic(0)?;
        let left_end = self.end();
        let Some(operator) = self.comparator() else {
            return Ok(left);
        };
        let kind = self.compared(start, left, operator)?;
        if self.at_comparator() {
            return Err(self.chained(start..left_end, operator));
        }
        Ok(self.spanning(start, kind))
    }

    /// Consumes a comparison operator if one is next, with the `not` before it if the operator allows that.
    fn comparator(&mut self) -> Option<Comparator> {
        let negated = matches!(self.peek(), Token::Keyword("not"));
        let operator = comparator_of(self.token(self.at + usize::from(negated)))?;
        let negatable = matches!(
            operator,
            Comparator::In { .. } | Comparator::Between { .. } | Comparator::Like { .. }
        );
        if negated && !negatable {
            return None;
        }
        self.at += 1 + usize::from(negated);
        Some(match operator {
            Comparator::In { .. } => Comparator::In { negated },
            Comparator::Between { .. } => Comparator::Between { negated },
            Comparator::Like { any_case, .. } => Comparator::Like { negated, any_case },
            other => other,
        })
    }

    fn at_comparator(&self) -> bool {
        let negated = matches!(self.peek(), Token::Keyword("not"));
        comparator_of(self.token(self.at + usize::from(negated))).is_some()
    }

    /// Parses what follows the operator and returns the comparison with `left`.
    fn compared(
        &mut self,
        start: usize,
        left: Expr,
        operator: Comparator,
    ) -> Result<ExprKind, ProgramError> {
        let value = Box::new(left);
        Ok(match operator {
            Comparator::Compare(compare) => {
                ExprKind::Compare(compare, value, Box::new(self.arithmetic(0)?))
            }
            Comparator::Match { negated } => {
                let pattern = Box::new(self.arithmetic(0)?);
                ExprKind::Match {
                    value,
                    pattern,
                    negated,
                }
            }
            Comparator::Like { negated, any_case } => self.like(start, value, negated, any_case)?,
            Comparator::In { negated } => {
                let open = self.here();
                if !self.takes("(") {
                    let hint = "write in (1, 2, 3)";
                    return Err(self.expected("'('").with_hint(hint));
                }
                let list = self.list_in_parentheses(open)?;
                if list.is_empty() {
                    let span = self.end() - 1..self.end();
                    return Err(self.error(span, "'in' needs at least one value"));
                }
                ExprKind::In {
                    value,
                    list,
                    negated,
                }
            }
            Comparator::Between { negated } => {
                let low = Box::new(self.arithmetic(0)?);
                if !self.takes_keyword("and") {
                    let hint = "write between low and high";
                    return Err(self.expected("'and'").with_hint(hint));
                }
                let high = Box::new(self.arithmetic(0)?);
                ExprKind::Between {
                    value,
                    low,
                    high,
                    negated,
                }
            }
            Comparator::Is => {
                let negated = self.takes_keyword("not");
                if !self.takes_keyword("null") {
                    let hint = "write is null or is not null; other values are compared by '='";
                    return Err(self.expected("'null'").with_hint(hint));
                }
                ExprKind::IsNull { value, negated }
            }
        })
    }

    /// `a like "x%"` is a match if the pattern is a literal, else a call of the function.
    fn like(
        &mut self,
        start: usize,
        value: Box<Expr>,
        negated: bool,
        any_case: bool,
    ) -> Result<ExprKind, ProgramError> {
        let name_span = self.previous().map_or(0..0, |lexeme| lexeme.span.clone());
        let pattern = self.arithmetic(0)?;
        if let ExprKind::Literal(Literal::Text(like)) = &pattern.kind {
            let regex = Literal::Text(like_as_regex(like, any_case));
            let pattern = Box::new(Expr {
                kind: ExprKind::Literal(regex),
                span: pattern.span,
            });
            return Ok(ExprKind::Match {
                value,
                pattern,
                negated,
            });
        }
        let call = ExprKind::Call {
            name: if any_case { "ilike" } else { "like" }.to_owned(),
            name_span,
            arguments: vec![*value, pattern],
            distinct: false,
        };
        Ok(match negated {
            true => ExprKind::Not(Box::new(self.spanning(start, call))),
            false => call,
        })
    }

    /// Error for a second comparison directly after a first one.
    fn chained(&mut self, first: std::ops::Range<usize>, operator: Comparator) -> ProgramError {
        let mark = self.here();
        let error = self.error(mark.clone(), "comparisons do not chain");
        let middle = self.previous().map_or(0..0, |lexeme| lexeme.span.clone());
        let second = self.comparator();
        let third_start = self.start();
        let ordered = |operator: Option<Comparator>| match operator {
            Some(Comparator::Compare(Compare::Less)) => Some("<"),
            Some(Comparator::Compare(Compare::LessOrEqual)) => Some("<="),
            _ => None,
        };
        let (Some(left), Some(right)) = (ordered(Some(operator)), ordered(second)) else {
            return error.with_hint("join two comparisons by 'and'");
        };
        if let Err(error) = self.arithmetic(0) {
            return error;
        }
        let low = &self.text[first];
        let high = &self.text[third_start..self.end()];
        let value = &self.text[middle];
        error.with_hint(match (left, right) {
            ("<=", "<=") => format!("write {value} between {low} and {high}"),
            _ => format!(
                "write {low} {left} {value} and {value} {right} {high}, \
                 or use between, which includes both ends"
            ),
        })
    }

    /// Parses sums (level 0) of products (level 1) of signed values.
    fn arithmetic(&mut self, level: u8) -> Result<Expr, ProgramError> {
        let start = self.start();
        let mut left = self.signed_or(level)?;
        loop {
            let Token::Symbol(symbol) = *self.peek() else {
                return Ok(left);
            };
            let operator = match (level, symbol) {
                (0, "+") => Arithmetic::Add,
                (0, "-") => Arithmetic::Subtract,
                (1, "*") => Arithmetic::Multiply,
                (1, "/") => Arithmetic::Divide,
                (1, "//") => Arithmetic::WholeDivide,
                (1, "%") => Arithmetic::Remainder,
                _ => return Ok(left),
            };
            self.operators += 1;
            if self.operators > MAX_OPERATORS {
                return Err(self
                    .error(self.here(), "the expression is too long")
                    .with_hint(format!("at most {MAX_OPERATORS} operators of arithmetic")));
            }
            self.advance();
            let right = self.signed_or(level)?;
            let kind = ExprKind::Arithmetic(operator, Box::new(left), Box::new(right));
            left = self.spanning(start, kind);
        }
    }

    /// Parses an operand of a sum (a product) or of a product (a signed value).
    fn signed_or(&mut self, level: u8) -> Result<Expr, ProgramError> {
        match level {
            0 => self.arithmetic(1),
            _ => self.signed(),
        }
    }

    /// `-a`, `+a`; also `!a` where only a value can stand, as in `a == !b`.
    fn signed(&mut self) -> Result<Expr, ProgramError> {
        let start = self.start();
        if self.takes("+") {
            return self.nested(Self::signed);
        }
        if self.takes("-") {
            let operand = self.nested(Self::signed)?;
            return Ok(self.spanning(start, ExprKind::Negate(Box::new(operand))));
        }
        if self.takes("!") || self.takes_keyword("not") {
            let operand = self.nested(Self::signed)?;
            return Ok(self.spanning(start, ExprKind::Not(Box::new(operand))));
        }
        self.power()
    }

    /// `a ^ b`, `a ** b`: right-associative, and tighter than a sign on its left.
    fn power(&mut self) -> Result<Expr, ProgramError> {
        let start = self.start();
        let base = self.operand()?;
        let name_span = self.here();
        if !self.takes("^") && !self.takes("**") {
            return Ok(base);
        }
        let exponent = self.nested(Self::signed)?;
        let kind = ExprKind::Call {
            name: "pow".to_owned(),
            name_span,
            arguments: vec![base, exponent],
            distinct: false,
        };
        Ok(self.spanning(start, kind))
    }

    /// Returns an expression from `start` to the last token read.
    pub(super) fn spanning(&self, start: usize, kind: ExprKind) -> Expr {
        Expr {
            kind,
            span: start..self.end(),
        }
    }
}

/// The operators of the comparison level.
#[derive(Clone, Copy)]
enum Comparator {
    Compare(Compare),
    Match { negated: bool },
    Like { negated: bool, any_case: bool },
    In { negated: bool },
    Between { negated: bool },
    Is,
}

/// Returns the comparison operator that a token denotes, ignoring any `not` before it.
fn comparator_of(token: &Token) -> Option<Comparator> {
    Some(match token {
        Token::Symbol("=" | "==") => Comparator::Compare(Compare::Equal),
        Token::Symbol("!=" | "<>") => Comparator::Compare(Compare::NotEqual),
        Token::Symbol("<") => Comparator::Compare(Compare::Less),
        Token::Symbol("<=") => Comparator::Compare(Compare::LessOrEqual),
        Token::Symbol(">") => Comparator::Compare(Compare::Greater),
        Token::Symbol(">=") => Comparator::Compare(Compare::GreaterOrEqual),
        Token::Symbol("~" | "=~") => Comparator::Match { negated: false },
        Token::Symbol("!~") => Comparator::Match { negated: true },
        Token::Keyword("in") => Comparator::In { negated: false },
        Token::Keyword("between") => Comparator::Between { negated: false },
        Token::Keyword("is") => Comparator::Is,
        Token::Name(name) if name.eq_ignore_ascii_case("like") => Comparator::Like {
            negated: false,
            any_case: false,
        },
        Token::Name(name) if name.eq_ignore_ascii_case("ilike") => Comparator::Like {
            negated: false,
            any_case: true,
        },
        _ => return None,
    })
}

/// Builds one balanced tree of terms, which come with their start and end in the program.
fn balanced(operator: Logic, mut terms: Vec<(usize, usize, Expr)>) -> Expr {
    while terms.len() > 1 {
        let mut paired = Vec::with_capacity(terms.len().div_ceil(2));
        let mut rest = terms.into_iter();
        while let Some((start, end, left)) = rest.next() {
            let Some((_, end, right)) = rest.next() else {
                paired.push((start, end, left));
                break;
            };
            let kind = ExprKind::Logic(operator, Box::new(left), Box::new(right));
            paired.push((
                start,
                end,
                Expr {
                    kind,
                    span: start..end,
                },
            ));
        }
        terms = paired;
    }
    match terms.pop() {
        Some((_, _, expr)) => expr,
        None => unreachable!("a chain has at least one term"),
    }
}

/// Translates a `like` pattern to a regular expression: `%` is any text, `_` any one character, and a backslash
/// makes either literal. The expression must match bytes, because `%` also spans invalid UTF-8.
fn like_as_regex(like: &str, any_case: bool) -> String {
    let mut regex = String::from(if any_case { "(?is)" } else { "(?s)" });
    let open_start = like.starts_with('%');
    let middle = like.trim_start_matches('%');
    let stripped = middle.trim_end_matches('%');
    let open_end = stripped.len() < middle.len() && !stripped.ends_with('\\')
        || middle.is_empty() && open_start;
    let middle = if open_end { stripped } else { middle };
    if !open_start {
        regex.push('^');
    }
    let mut characters = middle.chars();
    while let Some(c) = characters.next() {
        match c {
            '%' => regex.push_str("(?s-u:.)*"),
            '_' => regex.push('.'),
            '\\' => {
                let plain = characters.next().unwrap_or('\\');
                regex.push_str(&regex::escape(plain.encode_utf8(&mut [0; 4])));
            }
            _ => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    if !open_end {
        regex.push('$');
    }
    regex
}
