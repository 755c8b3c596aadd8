//! Conversions between kinds of values, and functions that handle null.

use bumpalo::Bump;

use super::argument::{bytes, interval, number, real, time};
use super::{Body, Function, MakeFault, Yields, body};
use crate::expr::literal_side::{LiteralSide, equal};
use crate::record::Fault;
use crate::value::text::{is_true, quoted};
use crate::value::{Decimal, Number, Real, Value};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "number",
        "value",
        1..=1,
        "the value as a number; an error where it is none",
        (r#"number("007")"#, "7"),
        |_| body(|arena, arguments| any_number(arena, &arguments[0])),
    ),
    Function::new(
        "try_number",
        "value",
        1..=1,
        "the value as a number; null where it is none",
        (r#"try_number("n/a") is null"#, "true"),
        |_| body(|arena, arguments| Ok(any_number(arena, &arguments[0]).unwrap_or(Value::Null))),
    ),
    Function::new(
        "is_number",
        "value",
        1..=1,
        "whether it can be read as a number",
        (r#"is_number("1e3")"#, "true"),
        |_| body(|_, arguments| Ok(Value::Bool(is_number(&arguments[0])))),
    ),
    Function::new(
        "integer",
        "value",
        1..=1,
        "the value as a whole number; an error where it has a fraction",
        (r#"integer("12.0")"#, "12"),
        |_| body(|arena, arguments| integer(arena, &arguments[0])),
    )
    .also(&["int"]),
    Function::new(
        "double",
        "value",
        1..=1,
        "the value as an IEEE double, no longer exact",
        ("double(0.1) + double(0.2) > 0.3", "true"),
        |_| body(|_, arguments| Ok(real(&arguments[0])?.to_double()?.into())),
    ),
    Function::new(
        "text",
        "value",
        1..=1,
        "the value as text, even if it looks like a number",
        ("text(7)", "\"7\""),
        |_| body(|arena, arguments| Ok(Value::Text(bytes(arena, &arguments[0])))),
    )
    .yielding(Yields::Text),
    Function::new(
        "bool",
        "value",
        1..=1,
        "true for true, t, yes, y, on, 1; false for false, f, no, n, off, 0; else an error",
        (r#"bool("Yes")"#, "true"),
        |_| body(|arena, arguments| truth(bytes(arena, &arguments[0]))),
    ),
    Function::new(
        "time",
        "value",
        1..=1,
        "the value as a time (ISO 8601); an error where it is none",
        (r#"time("2013-12-31 18:30")"#, "2013-12-31T18:30:00"),
        |_| body(|_, arguments| Ok(Value::Time(time(&arguments[0])?))),
    )
    .yielding(Yields::Time)
    .also(&["timestamp"]),
    Function::new(
        "try_time",
        "value",
        1..=1,
        "the value as a time (ISO 8601); null where it is none",
        (r#"try_time("soon") is null"#, "true"),
        |_| body(|_, arguments| Ok(time(&arguments[0]).map_or(Value::Null, Value::Time))),
    )
    .yielding(Yields::Time),
    Function::new(
        "is_time",
        "value",
        1..=1,
        "whether it can be read as a time (ISO 8601)",
        (r#"is_time("2013-02-30")"#, "false"),
        |_| body(|_, arguments| Ok(Value::Bool(time(&arguments[0]).is_ok()))),
    ),
    Function::new(
        "interval",
        "value",
        1..=1,
        "the value as a length of time: 1h30m or ISO 8601's PT1H30M",
        (r#"interval("90m")"#, "PT1H30M"),
        |_| body(|_, arguments| Ok(Value::Interval(interval(&arguments[0])?))),
    )
    .yielding(Yields::Interval),
    Function::new(
        "coalesce",
        "value, ...",
        1..=usize::MAX,
        "the first value that is not null",
        (r#"coalesce(null, "none")"#, "none"),
        |_| {
            body(|_, arguments| {
                let present = arguments.iter().find(|value| !matches!(value, Value::Null));
                Ok(present.copied().unwrap_or(Value::Null))
            })
        },
    )
    .yielding(Yields::Argument)
    .also(&["ifnull", "nvl"])
    .seeing_nulls(),
    Function::new(
        "nullif",
        "value, other",
        2..=2,
        "null where the two are equal, else the value",
        (r#"nullif("N/A", "N/A") is null"#, "true"),
        nullif,
    )
    .yielding(Yields::First)
    .seeing_nulls(),
];

/// Returns the value as a number of any length.
fn any_number<'a>(arena: &'a Bump, value: &Value<'a>) -> Result<Value<'a>, Fault> {
    match number(value) {
        Ok(number) => Ok(number.into()),
        Err(_) => Ok(real(value)?.to_value(arena)),
    }
}

fn is_number(value: &Value<'_>) -> bool {
    number(value).is_ok() || real(value).is_ok()
}

fn integer<'a>(arena: &'a Bump, value: &Value<'a>) -> Result<Value<'a>, Fault> {
    let number = match number(value) {
        Ok(number) => Real::Number(number),
        Err(_) => real(value)?,
    };
    let exact = match number {
        Real::Number(Number::Decimal(decimal)) => Some(decimal),
        Real::Number(Number::Double(double)) => Decimal::from_f64_shortest(double),
        Real::Long(_) if number.is_integer() => return Ok(number.to_value(arena)),
        Real::Long(_) => None,
    };
    match exact.filter(|decimal| decimal.is_integer()) {
        Some(decimal) => Ok(Value::Decimal(decimal.normalized())),
        None => Err(Fault::new(format!(
            "{} is not a whole number; use round(x), floor(x) or ceil(x)",
            quoted(value)
        ))),
    }
}

fn truth<'a>(text: &[u8]) -> Result<Value<'a>, Fault> {
    let is = |spellings: [&str; 5]| {
        spellings
            .iter()
            .any(|spelling| text.eq_ignore_ascii_case(spelling.as_bytes()))
    };
    let value = Value::Text(text);
    if is(["t", "yes", "y", "on", "1"]) {
        Ok(Value::Bool(true))
    } else if is(["f", "no", "n", "off", "0"]) {
        Ok(Value::Bool(false))
    } else {
        Ok(is_true(&value)?.map_or(Value::Null, Value::Bool))
    }
}

/// Compares as text if one side is a text literal, as everywhere in the language.
fn nullif(literals: &[Option<Value<'static>>]) -> Result<Body, MakeFault> {
    let literal = LiteralSide::of(literals[0], literals[1]);
    body(move |_, arguments| {
        let (value, other) = (&arguments[0], &arguments[1]);
        let is_equal = equal(literal, value, other)?;
        Ok(if is_equal == Some(true) {
            Value::Null
        } else {
            *value
        })
    })
}
