//! The tokens of a program, and how it spells names.

use std::ops::Range;

use unicode_width::UnicodeWidthChar;

use crate::value::Interval;

/// Byte offsets into the program's text.
pub type Span = Range<usize>;

/// A token and its position.
#[derive(Clone, Debug)]
pub(super) struct Lexeme {
    pub token: Token,
    pub span: Span,
}

/// The kinds of token. Comments and white space are not tokens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// `price`, `user.name`
    Name(String),
    /// `[First Name]`, without its brackets
    Bracketed(String),
    /// `"text"`, its escapes resolved
    Text(String),
    /// `1_000.5e3` without its underscores
    Number(String),
    /// `15m`
    Interval(Interval),
    /// `:since`, without its colon
    Setting(String),
    /// one of [`KEYWORDS`], in lower case
    Keyword(&'static str),
    /// an operator or punctuation
    Symbol(&'static str),
    /// the end of the program
    End,
}

/// Words that are columns only in brackets.
const KEYWORDS: [&str; 14] = [
    "and", "or", "not", "in", "between", "is", "null", "true", "false", "case", "when", "then",
    "else", "end",
];

/// Returns the keyword that a word is, in any case, or else a name.
pub(super) fn name_or_keyword(word: &str) -> Token {
    match KEYWORDS
        .iter()
        .find(|keyword| keyword.eq_ignore_ascii_case(word))
    {
        Some(keyword) => Token::Keyword(keyword),
        None => Token::Name(word.to_owned()),
    }
}

/// Whether an unbracketed name may begin with this character: a letter of any script, or `_`.
pub(super) fn begins_name(c: char) -> bool {
    c.is_alphabetic() || c == '_'
}

/// Whether an unbracketed name may continue with this character: also digits, and combining marks, which have no
/// width of their own.
pub(super) fn continues_name(c: char) -> bool {
    let combines = |c: char| {
        !matches!(
            c,
            '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
        ) && !matches!(c, '\u{2060}'..='\u{206F}' | '\u{FEFF}')
            && c.width() == Some(0)
    };
    c.is_alphanumeric() || c == '_' || !c.is_ascii() && combines(c)
}

/// Returns the end of the name that begins at `start`. A dot belongs to the name if the name continues after it.
pub(super) fn name_end(text: &str, start: usize) -> usize {
    let mut characters = text[start..].char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let goes_on = match c {
            '.' => characters
                .peek()
                .is_some_and(|&(_, next)| continues_name(next)),
            _ => continues_name(c),
        };
        if !goes_on {
            return start + at;
        }
    }
    text.len()
}

/// Whether a column with this name can be written without brackets.
pub(super) fn is_plain_name(name: &str) -> bool {
    name.starts_with(begins_name)
        && name_end(name, 0) == name.len()
        && matches!(name_or_keyword(name), Token::Name(_))
}

/// Returns a column's name as a program spells it: in brackets if it needs them.
pub(super) fn spelled(name: &str) -> String {
    match is_plain_name(name) {
        true => name.to_owned(),
        false => format!("[{}]", name.replace(']', "]]")),
    }
}
