//! Splits a program's text into tokens.

use unicode_width::UnicodeWidthChar;

use super::error::ProgramError;
use super::literal;
use super::token::{Lexeme, Token, begins_name, continues_name, name_end, name_or_keyword};

/// Operators and punctuation. If one is a prefix of another, the longer comes first.
const SYMBOLS: [&str; 26] = [
    "==", "=~", "!=", "!~", "<>", "<=", ">=", "&&", "||", "**", "//", "=", "<", ">", "!", "~", "+",
    "-", "*", "/", "%", "^", "(", ")", ",", ":",
];

/// Operators and characters of other languages, and what to write instead.
const MISTAKEN: [(&str, &str); 20] = [
    ("===", "write '='"),
    ("!==", "write '!='"),
    ("=>", "write '>='"),
    ("=<", "write '<='"),
    ("<=>", "write '='"),
    ("~*", "for upper or lower case write ~ \"(?i)...\""),
    ("!~*", "for upper or lower case write !~ \"(?i)...\""),
    (":=", "write '='"),
    ("?", "write if(condition, a, b)"),
    ("&", "write 'and'"),
    ("|", "write 'or'; texts are joined by concat(a, b)"),
    (
        "$",
        "give shell values by --set name=\"$value\" and read them as :name",
    ),
    (
        "`",
        "write a column's name as it is, or in brackets: [First Name]",
    ),
    (";", "separate by ','"),
    ("≠", "write '!='"),
    ("≤", "write '<='"),
    ("≥", "write '>='"),
    ("×", "write '*'"),
    ("“", "write a straight quote: \""),
    ("‘", "write a straight quote: \""),
];

/// Returns the tokens of a program; the last is [`Token::End`].
pub(super) fn lex(text: &str) -> Result<Vec<Lexeme>, ProgramError> {
    let mut lexemes = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
        } else if first == '#' {
            at = text[at..].find('\n').map_or(text.len(), |line| at + line);
        } else {
            let (token, end) = word(text, at, first)?;
            lexemes.push(Lexeme {
                token,
                span: at..end,
            });
            at = end;
        }
    }
    lexemes.push(Lexeme {
        token: Token::End,
        span: at..at,
    });
    Ok(lexemes)
}

/// Returns the token that begins with the character `first` at `start`, and its end.
fn word(text: &str, start: usize, first: char) -> Result<(Token, usize), ProgramError> {
    let second = text[start + first.len_utf8()..].chars().next();
    match first {
        '"' | '\'' => literal::quoted(text, start, first),
        '[' => bracketed(text, start).map(|(name, end)| (Token::Bracketed(name), end)),
        '0'..='9' => literal::numeric(text, start),
        '.' if second.is_some_and(|c| c.is_ascii_digit()) => literal::numeric(text, start),
        ':' if second.is_some_and(continues_name) => {
            let end = name_end(text, start + 1);
            Ok((Token::Setting(text[start + 1..end].to_owned()), end))
        }
        _ if begins_name(first) => {
            let end = name_end(text, start);
            Ok((name_or_keyword(&text[start..end]), end))
        }
        _ => symbol(text, start, first),
    }
}

fn symbol(text: &str, start: usize, first: char) -> Result<(Token, usize), ProgramError> {
    let rest = &text[start..];
    let known = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol));
    let mistaken = MISTAKEN
        .iter()
        .filter(|(wrong, _)| rest.starts_with(wrong) && known.is_none_or(|k| k.len() < wrong.len()))
        .max_by_key(|(wrong, _)| wrong.len());
    if let Some((wrong, instead)) = mistaken {
        let span = start..start + wrong.len();
        let operator = wrong.chars().all(|c| "=<>!~*:&|≠≤≥×".contains(c));
        let message = match operator {
            true => format!("'{wrong}' is not an operator"),
            false => format!("unexpected character '{wrong}'"),
        };
        return Err(ProgramError::new(text, span, message).with_hint(*instead));
    }
    match known {
        Some(symbol) => Ok((Token::Symbol(symbol), start + symbol.len())),
        None => Err(unexpected_character(text, start, first)),
    }
}

fn unexpected_character(text: &str, start: usize, first: char) -> ProgramError {
    let visible = first.width().is_some_and(|width| width > 0);
    let culprit = match visible {
        true => format!("'{first}'"),
        false => format!("U+{:04X}", u32::from(first)),
    };
    let span = start..start + first.len_utf8();
    ProgramError::new(text, span, format!("unexpected character {culprit}"))
}

/// Returns the name in the brackets that open at `start`, and the end of the closing bracket. `]]` stands for one
/// `]`.
pub(super) fn bracketed(text: &str, start: usize) -> Result<(String, usize), ProgramError> {
    let mut name = String::new();
    let mut at = start + 1;
    while let Some(close) = text[at..].find(']') {
        name.push_str(&text[at..at + close]);
        at += close + 1;
        if !text[at..].starts_with(']') {
            return match name.is_empty() {
                true => Err(ProgramError::new(text, start..at, "'[]' names no column")),
                false => Ok((name, at)),
            };
        }
        name.push(']');
        at += 1;
    }
    Err(ProgramError::new(
        text,
        start..start + 1,
        "'[' without its ']'",
    ))
}
