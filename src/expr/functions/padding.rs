//! Functions that lengthen text, and conversions between characters and numbers.

use bumpalo::Bump;

use super::argument::{bounded, bytes, integer, utf8, whole};
use super::text::{characters, slice};
use super::{Function, Yields, body};
use crate::record::Fault;
use crate::value::Value;

type Outcome<'a> = Result<Value<'a>, Fault>;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "lpad",
        "text, n[, fill]",
        2..=3,
        "filled at the start to n characters, or cut to them",
        (r#"lpad("7", 3, "0")"#, "007"),
        |_| body(|arena, arguments| pad(arena, arguments, true)),
    )
    .yielding(Yields::Text),
    Function::new(
        "rpad",
        "text, n[, fill]",
        2..=3,
        "filled at the end to n characters, or cut to them",
        (r#"rpad("abc", 5, ".")"#, "abc.."),
        |_| body(|arena, arguments| pad(arena, arguments, false)),
    )
    .yielding(Yields::Text),
    Function::new(
        "repeat",
        "text, n",
        2..=2,
        "n times one after the other",
        (r#"repeat("ab", 3)"#, "ababab"),
        |_| body(repeat),
    )
    .yielding(Yields::Text),
    Function::new(
        "ascii",
        "text",
        1..=1,
        "the Unicode number of the first character",
        (r#"ascii("A")"#, "65"),
        |_| body(ascii),
    )
    .also(&["unicode", "ord"]),
    Function::new(
        "chr",
        "n",
        1..=1,
        "the character of this Unicode number",
        ("chr(8364)", "€"),
        |_| body(chr),
    )
    .yielding(Yields::Text),
];

fn pad<'a>(arena: &'a Bump, arguments: &[Value<'a>], at_start: bool) -> Outcome<'a> {
    let (text, n) = (bytes(arena, &arguments[0]), integer(&arguments[1])?);
    let fill = arguments
        .get(2)
        .map_or(&b" "[..], |fill| bytes(arena, fill));
    let has = characters(text)?;
    let n = usize::try_from(n.max(0)).unwrap_or(usize::MAX);
    let fill_has = characters(fill)?;
    if n <= has || fill_has == 0 {
        return slice(text, 0, n as i64).map(Value::Text);
    }
    let missing = n - has;
    let part = slice(fill, 0, (missing % fill_has) as i64)?;
    let filled = (missing / fill_has).checked_mul(fill.len());
    let size = bounded(filled.and_then(|filled| filled.checked_add(part.len() + text.len())))?;
    let mut out = bumpalo::collections::Vec::with_capacity_in(size, arena);
    if !at_start {
        out.extend_from_slice_copy(text);
    }
    for _ in 0..missing / fill_has {
        out.extend_from_slice_copy(fill);
    }
    out.extend_from_slice_copy(part);
    if at_start {
        out.extend_from_slice_copy(text);
    }
    Ok(Value::Text(out.into_bump_slice()))
}

fn repeat<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let (text, n) = (bytes(arena, &arguments[0]), integer(&arguments[1])?);
    let n = usize::try_from(n.max(0)).unwrap_or(usize::MAX);
    let size = bounded(n.checked_mul(text.len()))?;
    if size == 0 {
        return Ok(Value::Text(b""));
    }
    let mut out = bumpalo::collections::Vec::with_capacity_in(size, arena);
    for _ in 0..n {
        out.extend_from_slice_copy(text);
    }
    Ok(Value::Text(out.into_bump_slice()))
}

fn ascii<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let first = utf8(bytes(arena, &arguments[0]))?.chars().next();
    Ok(first.map_or(Value::Null, |c| whole(i64::from(u32::from(c)))))
}

fn chr<'a>(arena: &'a Bump, arguments: &[Value<'a>]) -> Outcome<'a> {
    let n = integer(&arguments[0])?;
    match u32::try_from(n)
        .ok()
        .filter(|&n| n != 0)
        .and_then(char::from_u32)
    {
        Some(c) => Ok(Value::Text(
            arena.alloc_str(c.encode_utf8(&mut [0; 4])).as_bytes(),
        )),
        None => Err(Fault::new(format!("'{n}' is no Unicode character"))),
    }
}
