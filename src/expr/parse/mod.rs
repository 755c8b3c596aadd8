//! Parses a program's text into its tree, by recursive descent.
//!
//! | from loosest to tightest | |
//! |---|---|
//! | `or` `\|\|` | |
//! | `and` `&&` | |
//! | `not` `!` | |
//! | `=` `==` `!=` `<>` `<` `<=` `>` `>=` `~` `=~` `!~` `in` `between` `like` `is null` | do not chain |
//! | `+` `-` | |
//! | `*` `/` `//` `%` | |
//! | `-x` `+x` | |
//! | `^` `**` | from the right |

mod operand;
mod operator;

use super::ast::{Compare, Expr, ExprKind, Item, Key};
use super::error::ProgramError;
use super::lex::lex;
use super::token::Span;
use super::token::{Lexeme, Token};

/// Maximum nesting of parentheses, calls and signs; bounds the stack of every recursive walk.
const MAX_NESTING: usize = 200;

/// Maximum number of left-associative operators (`a + b + c`) in one expression, for the same reason. Chains of
/// `and` and `or` are balanced and may have any length.
const MAX_OPERATORS: usize = 1000;

/// Parses the one expression of a `filter`.
pub fn condition(text: &str) -> Result<Expr, ProgramError> {
    one(text, "join conditions by 'and'")
}

/// Parses one expression, such as a time.
pub fn expression(text: &str) -> Result<Expr, ProgramError> {
    one(text, "only one value is taken here")
}

/// Parses one expression; `hint` is shown if there are several.
fn one(text: &str, hint: &str) -> Result<Expr, ProgramError> {
    let mut parser = Parser::new(text)?;
    let expr = parser.expression()?;
    match parser.peek() {
        Token::End => Ok(expr),
        Token::Symbol(",") => Err(parser.expected("an operator").with_hint(hint)),
        _ => Err(parser.unfinished("an operator")),
    }
}

/// Parses the items of a `map`, an `aggregate` or a `--by`: at least one `name = expr` or bare `expr`, separated by
/// commas. A trailing comma is allowed.
pub fn items(text: &str) -> Result<Vec<Item>, ProgramError> {
    let mut parser = Parser::new(text)?;
    let mut items = Vec::new();
    loop {
        items.push(parser.item()?);
        match parser.peek() {
            Token::End => return Ok(items),
            Token::Symbol(",") => parser.advance(),
            next => {
                let names = matches!(next, Token::Symbol(":"))
                    || matches!(next, Token::Name(word) if word.eq_ignore_ascii_case("as"));
                let error = parser.unfinished("',' or an operator");
                return Err(match names {
                    true => error.with_hint("name a value by name = value"),
                    false => error,
                });
            }
        }
        if *parser.peek() == Token::End {
            return Ok(items);
        }
    }
}

/// Parses the keys of an `order`: at least one expression, separated by commas. A `-` before or a `desc` after an
/// expression reverses its order. A trailing comma is allowed.
pub fn keys(text: &str) -> Result<Vec<Key>, ProgramError> {
    let mut parser = Parser::new(text)?;
    let mut keys = Vec::new();
    loop {
        let is_descending = parser.takes("-");
        parser.operators = 0;
        let expr = parser.expression()?;
        let named = match parser.peek() {
            Token::Name(word) if word.eq_ignore_ascii_case("desc") => Some(true),
            Token::Name(word) if word.eq_ignore_ascii_case("asc") => Some(false),
            _ => None,
        };
        if named.is_some() {
            parser.advance();
        }
        keys.push(Key {
            expr,
            is_descending: is_descending != named.unwrap_or(false),
        });
        match parser.peek() {
            Token::End => return Ok(keys),
            Token::Symbol(",") => parser.advance(),
            _ => return Err(parser.unfinished("',', 'desc' or an operator")),
        }
        if *parser.peek() == Token::End {
            return Ok(keys);
        }
    }
}

/// Returns the expression as the program spells it, on one line and without comments: the name of a column that was
/// given none. `text` is the program from which the expression was parsed.
pub fn source_of(expr: &Expr, text: &str) -> String {
    let slice = text.get(expr.span.clone()).unwrap_or_default();
    let Ok(lexemes) = lex(slice) else {
        return slice.to_owned();
    };
    let mut source = String::new();
    let mut end = 0;
    for Lexeme { token, span } in lexemes {
        let tight = matches!(token, Token::Symbol("," | ")") | Token::End) || source.ends_with('(');
        if span.start > end && !tight {
            source.push(' ');
        }
        end = span.end;
        source.push_str(&slice[span]);
    }
    source
}

/// The tokens of a program, and how far they have been read.
struct Parser<'a> {
    text: &'a str,
    lexemes: Vec<Lexeme>,
    at: usize,
    nesting: usize,
    operators: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, ProgramError> {
        let lexemes = lex(text)?;
        if lexemes.len() == 1 {
            return Err(ProgramError::new("", 0..0, "the expression is empty"));
        }
        Ok(Parser {
            text,
            lexemes,
            at: 0,
            nesting: 0,
            operators: 0,
        })
    }

    fn item(&mut self) -> Result<Item, ProgramError> {
        self.operators = 0;
        let assigns = matches!(self.peek_second(), Token::Symbol("="));
        let name = match self.peek() {
            Token::Name(name) | Token::Bracketed(name) if assigns => Some(name.clone()),
            Token::Keyword(_) if assigns => return Err(self.reserved()),
            _ => None,
        };
        let Some(name) = name else {
            let expr = self.expression()?;
            self.refuse_constant_name(&expr)?;
            return Ok(Item {
                name: None,
                name_span: expr.span.clone(),
                expr,
            });
        };
        let name_span = self.here();
        self.advance();
        self.advance();
        let expr = self.expression()?;
        Ok(Item {
            name: Some(name),
            name_span,
            expr,
        })
    }

    /// Rejects an item such as `2023 = max(x)`, which makes no sense as a comparison and looks like an assignment.
    fn refuse_constant_name(&self, expr: &Expr) -> Result<(), ProgramError> {
        let ExprKind::Compare(Compare::Equal, left, right) = &expr.kind else {
            return Ok(());
        };
        let sign = self.text.get(left.span.end..right.span.start);
        match left.is_constant() && sign.is_some_and(|sign| sign.trim() == "=") {
            true => Err(ProgramError::constant_name(self.text, left)),
            false => Ok(()),
        }
    }

    fn peek(&self) -> &Token {
        self.token(self.at)
    }

    fn peek_second(&self) -> &Token {
        self.token(self.at + 1)
    }

    /// Returns the token at this index, or the end if the index is beyond the last.
    fn token(&self, at: usize) -> &Token {
        self.lexemes
            .get(at)
            .map_or(&Token::End, |lexeme| &lexeme.token)
    }

    /// Position of the next token; at the end of the program, the position after the last token.
    fn here(&self) -> Span {
        match self.lexemes.get(self.at) {
            Some(Lexeme { token, span }) if *token != Token::End => span.clone(),
            _ => self.end()..self.end(),
        }
    }

    /// Start of the next token.
    fn start(&self) -> usize {
        self.here().start
    }

    /// End of the last token that was read.
    fn end(&self) -> usize {
        self.previous().map_or(0, |lexeme| lexeme.span.end)
    }

    fn previous(&self) -> Option<&Lexeme> {
        self.at.checked_sub(1).and_then(|at| self.lexemes.get(at))
    }

    fn advance(&mut self) {
        self.at += 1;
    }

    /// Consumes the symbol if it is next.
    fn takes(&mut self, symbol: &str) -> bool {
        let next = matches!(self.peek(), Token::Symbol(found) if *found == symbol);
        self.at += usize::from(next);
        next
    }

    /// Consumes the keyword if it is next.
    fn takes_keyword(&mut self, keyword: &str) -> bool {
        let next = matches!(self.peek(), Token::Keyword(found) if *found == keyword);
        self.at += usize::from(next);
        next
    }

    /// Error for any next token other than the expected one.
    fn expected(&self, what: &str) -> ProgramError {
        let after = match self.previous() {
            Some(lexeme) => format!(" after {}", self.quoted(&lexeme.span)),
            None => String::new(),
        };
        let found = match self.peek() {
            Token::End => "the end".to_owned(),
            _ => self.quoted(&self.here()),
        };
        self.error(
            self.here(),
            format!("expected {what}{after}, found {found}"),
        )
    }

    /// Error for a token that cannot follow a complete expression.
    fn unfinished(&self, expected: &str) -> ProgramError {
        let error = self.expected(expected);
        match self.peek() {
            Token::Symbol(")") => self.error(self.here(), "')' without its '('"),
            Token::Symbol("=") => error.with_hint("comparisons do not chain; join them by 'and'"),
            Token::Name(_) => match self.spaced_name() {
                Some(words) => error.with_hint(format!(
                    "for a column with a space in its name write [{words}]"
                )),
                None => error,
            },
            _ => error,
        }
    }

    /// Returns the consecutive names around this position, such as `First Name`, if the previous token is a name.
    fn spaced_name(&self) -> Option<&str> {
        let is_name = |lexeme: &&Lexeme| matches!(lexeme.token, Token::Name(_));
        let first = self.previous().filter(is_name)?;
        let last = self
            .lexemes
            .get(self.at..)?
            .iter()
            .take_while(is_name)
            .last()?;
        Some(&self.text[first.span.start..last.span.end]).filter(|words| !words.contains('\n'))
    }

    /// Error for a keyword that may have been meant as a column.
    fn reserved(&self) -> ProgramError {
        let span = self.here();
        let word = &self.text[span.clone()];
        self.error(span.clone(), format!("'{word}' is a word of the language"))
            .with_hint(format!("for the column write [{word}]"))
    }

    fn error(&self, span: Span, message: impl Into<String>) -> ProgramError {
        ProgramError::new(self.text, span, message)
    }

    /// Quotes a part of the program for a message.
    fn quoted(&self, span: &Span) -> String {
        let words = self.text[span.clone()]
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ");
        format!("'{}'", super::error::cut_end(&words, 30))
    }
}

#[cfg(test)]
mod tests;
