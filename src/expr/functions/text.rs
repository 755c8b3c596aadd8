//! Text: case, cutting, searching. Positions and lengths count characters, from 1.

use bumpalo::Bump;
use memchr::memmem;

use super::argument::{bounded, bytes, integer, utf8};
use super::{Function, Yields, body};
use crate::record::Fault;
use crate::value::Value;

type Outcome<'a> = Result<Value<'a>, Fault>;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "upper",
        "text",
        1..=1,
        "in upper case",
        (r#"upper("naïve")"#, "NAÏVE"),
        |_| body(upper),
    )
    .yielding(Yields::Text)
    .also(&["ucase"]),
    Function::new(
        "lower",
        "text",
        1..=1,
        "in lower case",
        (r#"lower("ÉTÉ")"#, "été"),
        |_| body(lower),
    )
    .yielding(Yields::Text)
    .also(&["lcase"]),
    Function::new(
        "initcap",
        "text",
        1..=1,
        "each word with a capital, the rest in lower case",
        (r#"initcap("new YORK")"#, "New York"),
        |_| body(initcap),
    )
    .yielding(Yields::Text),
    Function::new(
        "trim",
        "text[, characters]",
        1..=2,
        "without white space (or these characters) at both ends",
        (r#"trim("  abc ")"#, "abc"),
        |_| body(|arena, arguments| trim(arena, arguments, true, true)),
    )
    .yielding(Yields::Text)
    .also(&["btrim"]),
    Function::new(
        "ltrim",
        "text[, characters]",
        1..=2,
        "without white space (or these characters) at the start",
        (r#"ltrim("007", "0")"#, "\"7\""),
        |_| body(|arena, arguments| trim(arena, arguments, true, false)),
    )
    .yielding(Yields::Text),
    Function::new(
        "rtrim",
        "text[, characters]",
        1..=2,
        "without white space (or these characters) at the end",
        (r#"rtrim("abc.;", ".;")"#, "abc"),
        |_| body(|arena, arguments| trim(arena, arguments, false, true)),
    )
    .yielding(Yields::Text),
    Function::new(
        "length",
        "text",
        1..=1,
        "number of characters",
        (r#"length("서울")"#, "2"),
        |_| body(length),
    )
    .also(&["char_length", "len"]),
    Function::new(
        "octet_length",
        "text",
        1..=1,
        "number of bytes",
        (r#"octet_length("서울")"#, "6"),
        |_| body(|arena, arguments| Ok(number(bytes(arena, &arguments[0]).len()))),
    ),
    Function::new(
        "substr",
        "text, start[, length]",
        2..=3,
        "the characters from position start (1 is the first)",
        (r#"substr("database", 5, 2)"#, "ba"),
        |_| body(substr),
    )
    .yielding(Yields::Text)
    .also(&["substring"]),
    Function::new(
        "left",
        "text, n",
        2..=2,
        "the first n characters; without the last -n where n is negative",
        (r#"left("database", 4)"#, "data"),
        |_| body(left),
    )
    .yielding(Yields::Text),
    Function::new(
        "right",
        "text, n",
        2..=2,
        "the last n characters; without the first -n where n is negative",
        (r#"right("database", 4)"#, "base"),
        |_| body(right),
    )
    .yielding(Yields::Text),
    Function::new(
        "replace",
        "text, from, to",
        3..=3,
        "with every occurrence of from replaced",
        (r#"replace("1.234.567", ".", "")"#, "\"1234567\""),
        |_| body(replace),
    )
    .yielding(Yields::Text),
    Function::new(
        "split_part",
        "text, delimiter, n",
        3..=3,
        "the n-th field of text, from the end where n is negative; empty beyond them",
        (r#"split_part("a-b-c", "-", 2)"#, "b"),
        |_| body(split_part),
    )
    .yielding(Yields::Text),
    Function::new(
        "starts_with",
        "text, start",
        2..=2,
        "whether text begins with start",
        (r#"starts_with("/api/v1", "/api")"#, "true"),
        |_| {
            body(|arena, arguments| {
                Ok(Value::Bool(
                    bytes(arena, &arguments[0]).starts_with(bytes(arena, &arguments[1])),
                ))
            })
        },
    ),
    Function::new(
        "ends_with",
        "text, end",
        2..=2,
        "whether text ends with end",
        (r#"ends_with("a.csv", ".csv")"#, "true"),
        |_| {
            body(|arena, arguments| {
                Ok(Value::Bool(
                    bytes(arena, &arguments[0]).ends_with(bytes(arena, &arguments[1])),
                ))
            })
        },
    ),
    Function::new(
        "contains",
        "text, part",
        2..=2,
        "whether part occurs in text",
        (r#"contains("database", "tab")"#, "true"),
        |_| {
            body(|arena, arguments| {
                let (text, part) = (bytes(arena, &arguments[0]), bytes(arena, &arguments[1]));
                Ok(Value::Bool(memmem::find(text, part).is_some()))
            })
        },
    ),
    Function::new(
        "strpos",
        "text, part",
        2..=2,
        "the position of part's first occurrence, 0 where there is none",
        (r#"strpos("database", "base")"#, "5"),
        |_| body(strpos),
    )
    .also(&["instr"]),
    Function::new(
        "reverse",
        "text",
        1..=1,
        "its characters from last to first",
        (r#"reverse("été!")"#, "!été"),
        |_| body(reverse),
    )
    .yielding(Yields::Text),
    Function::new(
        "translate",
        "text, from, to",
        3..=3,
        "each character of from replaced by the one at its place in to, or dropped",
        (r#"translate("(02) 123", "() ", "-")"#, "-02123"),
        |_| body(translate),
    )
    .yielding(Yields::Text),
    Function::new(
        "concat",
        "value, ...",
        1..=usize::MAX,
        "the texts one after the other; nulls are left out",
        (r#"concat("a", null, 1)"#, "a1"),
        |_| body(|arena, arguments| join(arena, b"", arguments)),
    )
    .yielding(Yields::Text)
    .seeing_nulls(),
    Function::new(
        "concat_ws",
        "separator, value, ...",
        2..=usize::MAX,
        "the texts with the separator between them; nulls are left out",
        (r#"concat_ws("-", "a", null, "b")"#, "a-b"),
        |_| {
            body(|arena, arguments| match arguments[0] {
                Value::Null => Ok(Value::Null),
                separator => join(arena, bytes(arena, &separator), &arguments[1..]),
            })
        },
    )
    .yielding(Yields::Text)
    .seeing_nulls(),
];

/// Returns a count as a value.
fn number<'a>(count: usize) -> Value<'a> {
    super::argument::whole(i64::try_from(count).unwrap_or(i64::MAX))
}

fn upper<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let text = bytes(arena, &arguments[0]);
    if !text.is_ascii() {
        return Ok(Value::Text(
            arena.alloc_str(&utf8(text)?.to_uppercase()).as_bytes(),
        ));
    }
    if !text.iter().any(u8::is_ascii_lowercase) {
        return Ok(Value::Text(text));
    }
    let copy = arena.alloc_slice_copy(text);
    copy.make_ascii_uppercase();
    Ok(Value::Text(copy))
}

fn lower<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let text = bytes(arena, &arguments[0]);
    if !text.is_ascii() {
        return Ok(Value::Text(
            arena.alloc_str(&utf8(text)?.to_lowercase()).as_bytes(),
        ));
    }
    if !text.iter().any(u8::is_ascii_uppercase) {
        return Ok(Value::Text(text));
    }
    let copy = arena.alloc_slice_copy(text);
    copy.make_ascii_lowercase();
    Ok(Value::Text(copy))
}

/// A word is a run of letters and digits, as in PostgreSQL.
fn initcap<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let text = utf8(bytes(arena, &arguments[0]))?;
    let mut out = bumpalo::collections::String::with_capacity_in(text.len(), arena);
    let mut is_inside = false;
    for c in text.chars() {
        if is_inside {
            out.extend(c.to_lowercase());
        } else {
            out.extend(c.to_uppercase());
        }
        is_inside = c.is_alphanumeric();
    }
    Ok(Value::Text(out.into_bump_str().as_bytes()))
}

fn trim<'a>(arena: &'a Bump, arguments: &[Value<'a>], at_start: bool, at_end: bool) -> Outcome<'a> {
    let text = bytes(arena, &arguments[0]);
    if let Some(characters) = arguments.get(1) {
        let characters = utf8(bytes(arena, characters))?;
        return Ok(Value::Text(cut(utf8(text)?, at_start, at_end, |c| {
            characters.contains(c)
        })));
    }
    let mut rest = text;
    if at_start {
        rest = rest.trim_ascii_start();
    }
    if at_end {
        rest = rest.trim_ascii_end();
    }
    // Other white space is possible only if the outermost byte is not ASCII or is a vertical tab (0x0B), which
    // `trim_ascii` keeps.
    let is_done = (!at_start
        || rest
            .first()
            .is_none_or(|&byte| byte.is_ascii() && byte != 0x0b))
        && (!at_end
            || rest
                .last()
                .is_none_or(|&byte| byte.is_ascii() && byte != 0x0b));
    if is_done {
        return Ok(Value::Text(rest));
    }
    Ok(Value::Text(cut(
        utf8(rest)?,
        at_start,
        at_end,
        char::is_whitespace,
    )))
}

fn cut(text: &str, at_start: bool, at_end: bool, goes: impl Fn(char) -> bool) -> &[u8] {
    let text = if at_start {
        text.trim_start_matches(&goes)
    } else {
        text
    };
    if at_end {
        text.trim_end_matches(&goes).as_bytes()
    } else {
        text.as_bytes()
    }
}

/// Counts the characters.
pub(super) fn characters(text: &[u8]) -> Result<usize, Fault> {
    if text.is_ascii() {
        Ok(text.len())
    } else {
        Ok(utf8(text)?.chars().count())
    }
}

fn length<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    Ok(number(characters(bytes(arena, &arguments[0]))?))
}

/// Returns the characters from index `from` up to but excluding `to`. Both count from 0 and may be out of range.
pub(super) fn slice(text: &[u8], from: i64, to: i64) -> Result<&[u8], Fault> {
    let from = usize::try_from(from.max(0)).unwrap_or(usize::MAX);
    let to = usize::try_from(to.max(0)).unwrap_or(usize::MAX).max(from);
    if text.is_ascii() {
        return Ok(&text[from.min(text.len())..to.min(text.len())]);
    }
    let mut ends = utf8(text)?
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()]);
    let start = ends.by_ref().nth(from).unwrap_or(text.len());
    let end = match to - from {
        0 => start,
        count => ends.nth(count - 1).unwrap_or(text.len()),
    };
    Ok(&text[start..end])
}

fn substr<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let text = bytes(arena, &arguments[0]);
    let start = integer(&arguments[1])?.saturating_sub(1);
    let end = match arguments.get(2) {
        None => i64::MAX,
        Some(length) => {
            let length = integer(length)?;
            if length < 0 {
                return Err(Fault::new(format!(
                    "a length cannot be negative: '{length}'"
                )));
            }
            start.saturating_add(length)
        }
    };
    slice(text, start, end).map(Value::Text)
}

fn left<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (text, n) = (bytes(arena, &arguments[0]), integer(&arguments[1])?);
    let end = if n < 0 {
        n.saturating_add(characters(text)? as i64)
    } else {
        n
    };
    slice(text, 0, end).map(Value::Text)
}

fn right<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (text, n) = (bytes(arena, &arguments[0]), integer(&arguments[1])?);
    let start = if n < 0 {
        n.saturating_neg()
    } else {
        characters(text)? as i64 - n
    };
    slice(text, start, i64::MAX).map(Value::Text)
}

fn replace<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let [text, from, to] = [0, 1, 2].map(|index| bytes(arena, &arguments[index]));
    if from.is_empty() {
        return Ok(Value::Text(text));
    }
    let finder = memmem::Finder::new(from);
    let count = finder.find_iter(text).count();
    if count == 0 {
        return Ok(Value::Text(text));
    }
    let size = bounded(count.checked_mul(to.len()).map(|added| text.len() + added))?;
    let mut out = bumpalo::collections::Vec::with_capacity_in(size, arena);
    let mut rest = 0;
    for at in finder.find_iter(text) {
        out.extend_from_slice_copy(&text[rest..at]);
        out.extend_from_slice_copy(to);
        rest = at + from.len();
    }
    out.extend_from_slice_copy(&text[rest..]);
    Ok(Value::Text(out.into_bump_slice()))
}

fn split_part<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (text, delimiter) = (bytes(arena, &arguments[0]), bytes(arena, &arguments[1]));
    let n = integer(&arguments[2])?;
    if n == 0 {
        return Err(Fault::new(
            "fields are counted from 1, or from -1 backwards: '0'",
        ));
    }
    let index = usize::try_from(n.unsigned_abs() - 1).unwrap_or(usize::MAX);
    if delimiter.is_empty() {
        return Ok(Value::Text(if index == 0 { text } else { b"" }));
    }
    let part = if n > 0 {
        let mut borders = memmem::find_iter(text, delimiter);
        let start = match index.checked_sub(1) {
            None => Some(0),
            Some(skipped) => borders.nth(skipped).map(|at| at + delimiter.len()),
        };
        start.map(|start| &text[start..borders.next().unwrap_or(text.len())])
    } else {
        let borders: Vec<usize> = memmem::find_iter(text, delimiter).collect();
        borders.len().checked_sub(index).map(|field| {
            let start = field
                .checked_sub(1)
                .map_or(0, |border| borders[border] + delimiter.len());
            &text[start..borders.get(field).copied().unwrap_or(text.len())]
        })
    };
    Ok(Value::Text(part.unwrap_or(b"")))
}

fn strpos<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (text, part) = (bytes(arena, &arguments[0]), bytes(arena, &arguments[1]));
    match memmem::find(text, part) {
        None => Ok(number(0)),
        Some(at) => Ok(number(characters(&text[..at])? + 1)),
    }
}

fn reverse<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let text = bytes(arena, &arguments[0]);
    if text.is_ascii() {
        let copy = arena.alloc_slice_copy(text);
        copy.reverse();
        return Ok(Value::Text(copy));
    }
    let turned = bumpalo::collections::String::from_iter_in(utf8(text)?.chars().rev(), arena);
    Ok(Value::Text(turned.into_bump_str().as_bytes()))
}

fn translate<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let text = utf8(bytes(arena, &arguments[0]))?;
    let from = utf8(bytes(arena, &arguments[1]))?;
    let to = utf8(bytes(arena, &arguments[2]))?;
    let kept = text
        .chars()
        .filter_map(|c| match from.chars().position(|known| known == c) {
            None => Some(c),
            Some(place) => to.chars().nth(place),
        });
    let out = bumpalo::collections::String::from_iter_in(kept, arena);
    Ok(Value::Text(out.into_bump_str().as_bytes()))
}

/// Joins the values' texts with the separator, skipping nulls.
fn join<'a>(arena: &'a Bump, separator: &[u8], values: &[Value<'a>]) -> Outcome<'a> {
    let mut out = bumpalo::collections::Vec::new_in(arena);
    let mut is_first = true;
    for value in values.iter().filter(|value| !matches!(value, Value::Null)) {
        if !is_first {
            out.extend_from_slice_copy(separator);
        }
        is_first = false;
        out.extend_from_slice_copy(bytes(arena, value));
        bounded(Some(out.len()))?;
    }
    Ok(Value::Text(out.into_bump_slice()))
}
