//! Operands: constants, columns, calls, `case`, parentheses.

use super::super::ast::{Expr, ExprKind, Literal};
use super::super::error::ProgramError;
use super::super::token::Span;
use super::super::token::Token;
use super::Parser;
use crate::value::Number;
use crate::value::parse::{self, NotNumber};

impl Parser<'_> {
    /// Parses one operand.
    pub(super) fn operand(&mut self) -> Result<Expr, ProgramError> {
        let start = self.start();
        let kind = match self.peek() {
            Token::Name(_) if *self.peek_second() == Token::Symbol("(") => return self.call(),
            Token::Name(name) | Token::Bracketed(name) => ExprKind::Column(name.clone()),
            Token::Text(text) => ExprKind::Literal(Literal::Text(text.clone())),
            Token::Number(number) => ExprKind::Literal(self.number(number)?),
            Token::Interval(interval) => ExprKind::Literal(Literal::Interval(*interval)),
            Token::Setting(name) => ExprKind::Setting(name.clone()),
            Token::Keyword("null") => ExprKind::Literal(Literal::Null),
            Token::Keyword("true") => ExprKind::Literal(Literal::Bool(true)),
            Token::Keyword("false") => ExprKind::Literal(Literal::Bool(false)),
            Token::Keyword("case") if !self.is_column_like() => return self.case(),
            Token::Keyword(_) => return Err(self.misplaced_keyword()),
            Token::Symbol("(") => return self.parenthesised(),
            Token::Symbol(":") => {
                return Err(self
                    .expected("a value")
                    .with_hint("a setting is written :name"));
            }
            _ => return Err(self.expected("a value")),
        };
        self.advance();
        Ok(self.spanning(start, kind))
    }

    /// Whether the next keyword is used like a column: an operator follows it.
    fn is_column_like(&self) -> bool {
        match self.peek_second() {
            Token::Symbol(symbol) => !matches!(*symbol, "(" | "-" | "+" | "!"),
            Token::Keyword(keyword) => matches!(*keyword, "in" | "between" | "is"),
            Token::End => true,
            _ => false,
        }
    }

    /// Error for a keyword in place of a value.
    fn misplaced_keyword(&self) -> ProgramError {
        let joins = matches!(
            self.peek(),
            Token::Keyword("and" | "or" | "in" | "between" | "is")
        );
        match self.is_column_like() && !(joins && self.previous().is_some()) {
            true => self.reserved(),
            false => self.expected("a value"),
        }
    }

    fn parenthesised(&mut self) -> Result<Expr, ProgramError> {
        let open = self.here();
        self.advance();
        let expr = self.expression()?;
        if self.takes(")") {
            return Ok(expr);
        }
        Err(match self.peek() {
            Token::End => self.unclosed(open),
            Token::Symbol(",") => self
                .expected("')' or an operator")
                .with_hint("a list of values stands behind 'in'"),
            _ => self.unfinished("')' or an operator"),
        })
    }

    /// Parses the values up to the `)` that matches the `(` at `open`, which was just read; none for `()`.
    pub(super) fn list_in_parentheses(&mut self, open: Span) -> Result<Vec<Expr>, ProgramError> {
        let mut list = Vec::new();
        if self.takes(")") {
            return Ok(list);
        }
        loop {
            if *self.peek() == Token::End {
                return Err(self.unclosed(open));
            }
            list.push(self.expression()?);
            if self.takes(")") {
                return Ok(list);
            }
            if !self.takes(",") {
                return Err(match self.peek() {
                    Token::End => self.unclosed(open),
                    _ => self.unfinished("',' or ')'"),
                });
            }
        }
    }

    fn unclosed(&self, open: Span) -> ProgramError {
        self.error(open, "'(' without its ')'")
    }

    /// `name(a, b)`
    fn call(&mut self) -> Result<Expr, ProgramError> {
        let name_span = self.here();
        let name = self.text[name_span.clone()].to_lowercase();
        self.advance();
        let open = self.here();
        self.advance();
        let star = self.here();
        if self.takes("*") {
            if name != "count" {
                return Err(self.error(star, "'*' stands only in count(*)"));
            }
            if *self.peek() != Token::Symbol(")") {
                return Err(self.expected("')'"));
            }
        }
        let distinct = self.is_distinct();
        if distinct {
            self.advance();
        }
        let arguments = self.list_in_parentheses(open)?;
        let start = name_span.start;
        let kind = match name.as_str() {
            "if" if !distinct => self.choice(start, arguments)?,
            _ => ExprKind::Call {
                name,
                name_span,
                arguments,
                distinct,
            },
        };
        Ok(self.spanning(start, kind))
    }

    /// Whether the word `distinct` is next and an expression follows, as in `count(distinct x)`. In
    /// `count(distinct)` it is a column.
    fn is_distinct(&self) -> bool {
        let word =
            matches!(self.peek(), Token::Name(name) if name.eq_ignore_ascii_case("distinct"));
        let follows = match self.peek_second() {
            Token::Symbol(symbol) => matches!(*symbol, "(" | "-" | "+" | "!"),
            Token::Keyword(keyword) => {
                matches!(*keyword, "case" | "not" | "null" | "true" | "false")
            }
            Token::End => false,
            _ => true,
        };
        word && follows
    }

    /// `if(condition, then, else)`: a `case` with one arm.
    fn choice(&self, start: usize, arguments: Vec<Expr>) -> Result<ExprKind, ProgramError> {
        let count = arguments.len();
        let mut arguments = arguments.into_iter();
        match (count, arguments.next(), arguments.next()) {
            (2 | 3, Some(condition), Some(then)) => Ok(ExprKind::Case {
                subject: None,
                arms: vec![(condition, then)],
                otherwise: arguments.next().map(Box::new),
            }),
            _ => {
                let message = format!("'if' takes 2 or 3 values, found {count}");
                let error = self.error(start..self.end(), message);
                Err(error.with_hint("write if(condition, then, else)"))
            }
        }
    }

    /// `case [subject] when a then b ... [else c] end`
    fn case(&mut self) -> Result<Expr, ProgramError> {
        let opening = self.here();
        self.advance();
        let subject = match self.peek() {
            Token::Keyword("when") => None,
            _ => Some(Box::new(self.expression()?)),
        };
        let mut arms = Vec::new();
        while self.takes_keyword("when") {
            let when = self.expression()?;
            if !self.takes_keyword("then") {
                return Err(self.expected("'then' or an operator"));
            }
            arms.push((when, self.expression()?));
        }
        if arms.is_empty() {
            let hint = "write case when condition then value else value end";
            return Err(self.expected("'when'").with_hint(hint));
        }
        let otherwise = match self.takes_keyword("else") {
            true => Some(Box::new(self.expression()?)),
            false => None,
        };
        if !self.takes_keyword("end") {
            return Err(match (self.peek(), &otherwise) {
                (Token::End, _) => self.error(opening, "'case' without its 'end'"),
                (_, Some(_)) => self.unfinished("'end' or an operator"),
                (_, None) => self.unfinished("'when', 'else', 'end' or an operator"),
            });
        }
        Ok(self.spanning(
            opening.start,
            ExprKind::Case {
                subject,
                arms,
                otherwise,
            },
        ))
    }

    /// Returns the constant that the digits denote.
    fn number(&self, digits: &str) -> Result<Literal, ProgramError> {
        let mark = self.here();
        let refuse = |why: &str| self.error(mark.clone(), format!("{} {why}", self.quoted(&mark)));
        match parse::parse(digits.as_bytes()) {
            Ok(Number::Decimal(decimal)) => Ok(Literal::Decimal(decimal)),
            Err(NotNumber::Long) => Ok(Literal::Long(digits.to_owned())),
            Err(NotNumber::TooLong) => Err(refuse("has more than 1,000 digits")),
            Ok(Number::Double(_)) | Err(NotNumber::Text) => Err(refuse("is not a number")),
        }
    }
}
