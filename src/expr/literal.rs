//! Constants in a program: texts, numbers, intervals.

use super::ast::Span;
use super::error::ProgramError;
use super::lex::{Token, continues_name, name_end};
use crate::value::Interval;

/// The text between the quotes that open at `start`, and where the closing one ends.
///
/// `\n \t \r \\ \" \'` and `\u{..}` are escapes; before any other character the backslash stays,
/// so that `"\d+\.csv"` is the regular expression it looks like. A doubled quote is one quote.
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

/// Appends what the escape stands for whose backslash is just before `at`; yields where it ends.
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

/// Appends the character of `u{..}` at `at`; yields where it ends.
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

/// The number or interval that begins at `start`, and where it ends.
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

/// `007` is a code, and this language has no octal numbers.
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

/// Where `12_000.50` ends that begins at `start`.
fn mantissa_end(text: &str, start: usize) -> usize {
    let whole = digits_end(text, start);
    match text[whole..].strip_prefix('.') {
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => digits_end(text, whole + 1),
        _ => whole,
    }
}

/// Where the digits end that begin at `start`; single underscores may stand between them.
fn digits_end(text: &str, start: usize) -> usize {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = start;
    while is_digit(at) || at > start && bytes.get(at) == Some(&b'_') && is_digit(at + 1) {
        at += 1;
    }
    at
}

/// Where the exponent ends that may begin at `at`; `at` where there is none.
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

/// Where what follows a number without a space ends: letters, digits, dots between them.
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

/// What a unit of an interval counts, and how many of them it is.
enum Unit {
    Months(i128),
    Days(i128),
    Nanoseconds(i128),
}

/// The units, as `2h` and `1h30m` write them.
fn unit(name: &str) -> Option<Unit> {
    const SECOND: i128 = 1_000_000_000;
    Some(match name {
        "y" => Unit::Months(12),
        "mo" => Unit::Months(1),
        "w" => Unit::Days(7),
        "d" => Unit::Days(1),
        "h" => Unit::Nanoseconds(3600 * SECOND),
        "m" => Unit::Nanoseconds(60 * SECOND),
        "s" => Unit::Nanoseconds(SECOND),
        "ms" => Unit::Nanoseconds(1_000_000),
        "us" | "\u{B5}s" | "\u{3BC}s" => Unit::Nanoseconds(1_000),
        "ns" => Unit::Nanoseconds(1),
        _ => return None,
    })
}

/// The length of time that `15m` or `1h30m` at `span` stands for.
fn interval(text: &str, span: Span) -> Result<Interval, ProgramError> {
    let source = &text[span.clone()];
    let refuse = |message: String| ProgramError::new(text, span.clone(), message);
    let unknown = || {
        let hint = format!(
            "for the column write [{source}]; the units of time are y mo w d h m s ms us ns"
        );
        refuse(format!(
            "'{source}' is neither a number nor a length of time"
        ))
        .with_hint(hint)
    };
    let too_long = || refuse(format!("'{source}' is too long a time"));
    let mut total = Interval::default();
    let mut at = 0;
    while at < source.len() {
        let amount_end = mantissa_end(source, at);
        let letters = source[amount_end..]
            .chars()
            .take_while(|c| c.is_alphabetic());
        let end = amount_end + letters.map(char::len_utf8).sum::<usize>();
        let (amount, name) = (&source[at..amount_end], &source[amount_end..end]);
        let Some(unit) = unit(name).filter(|_| !amount.is_empty()) else {
            return Err(unknown());
        };
        let factor = match unit {
            Unit::Months(factor) | Unit::Days(factor) | Unit::Nanoseconds(factor) => factor,
        };
        let Some(count) = scaled(amount, factor) else {
            let error = refuse(format!(
                "'{source}' is no whole number of {}",
                counted(&unit)
            ));
            return Err(match unit {
                Unit::Nanoseconds(_) => error,
                _ => error.with_hint("write it in smaller units, as in 12h for half a day"),
            });
        };
        let added = match unit {
            Unit::Months(_) => add(&mut total.months, count),
            Unit::Days(_) => add(&mut total.days, count),
            Unit::Nanoseconds(_) => add(&mut total.nanoseconds, count),
        };
        added.ok_or_else(too_long)?;
        at = end;
    }
    Ok(total)
}

fn counted(unit: &Unit) -> &'static str {
    match unit {
        Unit::Months(_) => "months",
        Unit::Days(_) => "days",
        Unit::Nanoseconds(_) => "nanoseconds",
    }
}

/// `1.5` times the factor where that is whole; `i128::MAX` where it is beyond any interval.
fn scaled(amount: &str, factor: i128) -> Option<i128> {
    let plain = amount.replace('_', "");
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 18 {
        return None;
    }
    let digits = format!("{whole}{fraction}");
    let scale = 10i128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let Some(product) = digits
        .parse::<i128>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
    else {
        return Some(i128::MAX);
    };
    (product % scale == 0).then(|| product / scale)
}

fn add<N>(total: &mut N, count: i128) -> Option<()>
where
    N: Copy + Into<i128> + TryFrom<i128>,
{
    let sum = (*total).into().checked_add(count)?;
    *total = N::try_from(sum).ok()?;
    Some(())
}
