//! Constants in a program: texts, numbers, intervals.

use super::error::ProgramError;
use super::token::Span;
use super::token::{Token, continues_name, name_end};
use crate::value::Interval;

/// Reads the text between the quotes that open at `start`; returns it and the end of the closing quote.
///
/// `\n \t \r \\ \" \'` and `\u{..}` are escapes. Before any other character the backslash is literal, so that
/// `"\d+\.csv"` is the regular expression that it looks like. A doubled quote is one quote.
pub(super) fn quoted(
    text: &str,
    start: usize,
    quote: char,
) -> Result<(Token, usize), ProgramError> {
    let mut value = String::new();
    let mut at = start + 1;
    while let Some(c) = text[at..].chars().next() {
        at += c.len_utf8();
        if c == quote {
            if !text[at..].starts_with(quote) {
                return Ok((Token::Text(value), at));
            }
            at += 1;
            value.push(quote);
        } else if c == '\\' {
            at = escape(text, at, &mut value)?;
        } else {
            value.push(c);
        }
    }
    let error = ProgramError::new(text, start..text.len(), "a text without its closing quote");
    Err(error.with_hint(format!("add {quote} where it ends")))
}

/// Appends the character of the escape whose backslash is just before `at`; returns its end.
fn escape(text: &str, at: usize, value: &mut String) -> Result<usize, ProgramError> {
    let rest = &text[at..];
    let meaning = match rest.chars().next() {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some(c @ ('\\' | '"' | '\'')) => c,
        Some('u') if rest.starts_with("u{") => return code_point(text, at, value),
        _ => {
            value.push('\\');
            return Ok(at);
        }
    };
    value.push(meaning);
    Ok(at + 1)
}

/// Appends the character of `u{..}` at `at`; returns its end.
fn code_point(text: &str, at: usize, value: &mut String) -> Result<usize, ProgramError> {
    let digits = text[at + 2..].split('}').next().unwrap_or_default();
    let end = (at + 2 + digits.len() + 1).min(text.len());
    match u32::from_str_radix(digits, 16)
        .ok()
        .and_then(char::from_u32)
    {
        Some(c) if digits.starts_with(|c: char| c.is_ascii_hexdigit()) => {
            value.push(c);
            Ok(end)
        }
        _ => {
            let wrong = &text[at - 1..end];
            let message = format!("'{wrong}' is not a character");
            let error = ProgramError::new(text, at - 1..end, message);
            Err(error.with_hint("write its number in hexadecimal: \\u{20AC}"))
        }
    }
}

/// Reads the number or interval that begins at `start`; returns it and its end.
pub(super) fn numeric(text: &str, start: usize) -> Result<(Token, usize), ProgramError> {
    let mantissa = mantissa_end(text, start);
    let number = exponent_end(text, mantissa);
    let end = junk_end(text, number);
    let source = &text[start..end];
    if end == number {
        let span = start..end;
        refuse_leading_zero(text, &span)?;
        return Ok((Token::Number(source.replace('_', "")), end));
    }
    if source.contains(char::is_alphabetic) {
        return interval(text, start..end).map(|interval| (Token::Interval(interval), end));
    }
    let message = format!("'{source}' is not a number");
    Err(ProgramError::new(text, start..end, message))
}

/// Rejects a leading zero: `007` is probably a code, and the language has no octal numbers.
fn refuse_leading_zero(text: &str, span: &Span) -> Result<(), ProgramError> {
    let source = &text[span.clone()];
    let mut characters = source.chars();
    let leading = characters.next() == Some('0')
        && characters
            .next()
            .is_some_and(|c| c.is_ascii_digit() || c == '_');
    if !leading {
        return Ok(());
    }
    let message = format!("the number '{source}' begins with a zero");
    let number = match source.trim_start_matches(['0', '_']) {
        "" => "0".to_owned(),
        rest if rest.starts_with(|c: char| c.is_ascii_digit()) => rest.to_owned(),
        rest => format!("0{rest}"),
    };
    let hint = format!("for the text write \"{source}\", for the number {number}");
    Err(ProgramError::new(text, span.clone(), message).with_hint(hint))
}

/// Returns the end of the number without exponent, such as `12_000.50`, that begins at `start`.
fn mantissa_end(text: &str, start: usize) -> usize {
    let whole = digits_end(text, start);
    match text[whole..].strip_prefix('.') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => digits_end(text, whole + 1),
        _ => whole,
    }
}

/// Returns the end of the digits that begin at `start`; single underscores between them are allowed.
fn digits_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = start;
    while is_digit(at) || at > start && bytes.get(at) == Some(&b'_') && is_digit(at + 1) {
        at += 1;
    }
    at
}

/// Returns the end of the exponent at `at`, or `at` if there is none.
fn exponent_end(text: &str, at: usize) -> usize {
    let rest = &text[at..];
    let Some(exponent) = rest.strip_prefix(['e', 'E']) else {
        return at;
    };
    let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let sign = exponent.len() - digits.len();
    match digits.bytes().take_while(u8::is_ascii_digit).count() {
        0 => at,
        count => at + 1 + sign + count,
    }
}

/// Returns the end of the letters, digits and dots that directly follow a number.
fn junk_end(text: &str, number: usize) -> usize {
    let rest = &text[number..];
    let dotted = rest
        .strip_prefix('.')
        .is_some_and(|rest| rest.starts_with(continues_name));
    match dotted || rest.starts_with(continues_name) {
        true => name_end(text, number),
        false => number,
    }
}

/// Parses the interval, such as `15m` or `1h30m`, at `span`.
fn interval(text: &str, span: Span) -> Result<Interval, ProgramError> {
    let source = &text[span.clone()];
    let spelling = source.replace('_', "");
    if let Some(interval) = Interval::parse(spelling.as_bytes()) {
        return Ok(interval);
    }
    let refuse =
        |message: &str| ProgramError::new(text, span.clone(), format!("'{source}' {message}"));
    let has_known_units = Interval::parse(with_ones(&spelling).as_bytes()).is_some();
    Err(match (has_known_units, spelling.contains('.')) {
        (true, true) => refuse("is no whole length of time")
            .with_hint("nanoseconds, and days and longer, come whole: half a day is 12h"),
        (true, false) => refuse("is too long a time"),
        (false, _) => refuse("is neither a number nor a length of time").with_hint(format!(
            "for the column write [{source}]; the units of time are y mo w d h m s ms us ns"
        )),
    })
}

/// Replaces each number of an interval with 1, so that only its units matter.
fn with_ones(spelling: &str) -> String {
    let mut ones = String::new();
    let mut was_number = false;
    for c in spelling.chars() {
        let is_number = c.is_ascii_digit() || c == '.';
        match (is_number, was_number) {
            (true, true) => {}
            (true, false) => ones.push('1'),
            (false, _) => ones.push(c),
        }
        was_number = is_number;
    }
    ones
}
