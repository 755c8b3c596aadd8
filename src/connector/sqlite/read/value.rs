//! Converts SQLite's values to fields of the stream.

use std::borrow::Cow;

use anyhow::Context;
use rusqlite::types::{Value, ValueRef};

use crate::bytes::hex;
use crate::connector::sql::Last;
use crate::connector::sqlite::needs_quotes;
use crate::record::field;
use crate::value::Decimal;
use crate::value::text::push_typed_text;

/// Appends a value: null as an empty field, numbers as they are (a REAL with the fewest digits that read back as
/// the same value, and a point), a BLOB in hexadecimal as PostgreSQL writes it. Text that looks like any of these
/// is quoted.
#[inline]
pub fn push(value: ValueRef<'_>, out: &mut Vec<u8>) {
    match value {
        ValueRef::Null => {}
        ValueRef::Integer(integer) => Decimal::from(integer).write(out),
        ValueRef::Real(real) => push_real(real, out),
        ValueRef::Text(text) if needs_quotes(text) => field::push_quoted(text, out),
        ValueRef::Text(text) => push_typed_text(text, b',', out),
        ValueRef::Blob(bytes) => hex::push(bytes, out),
    }
}

/// Replaces `key` with the text of a value. Returns SQLite's name for its type.
#[inline]
pub fn put_key(value: ValueRef<'_>, key: &mut Vec<u8>) -> &'static str {
    key.clear();
    match value {
        ValueRef::Text(text) => key.extend_from_slice(text),
        value => push(value, key),
    }
    match value {
        ValueRef::Null => "null",
        ValueRef::Integer(_) => "integer",
        ValueRef::Real(_) => "real",
        ValueRef::Text(_) => "text",
        ValueRef::Blob(_) => "blob",
    }
}

/// Converts a stored key back to SQLite's value.
pub fn of_last(last: &Last) -> anyhow::Result<Value> {
    let value = match last.kind.as_str() {
        "integer" => last.value.parse().ok().map(Value::Integer),
        "real" => last.value.parse().ok().map(Value::Real),
        "text" => Some(Value::Text(last.value.clone())),
        _ => None,
    };
    value.with_context(|| {
        format!(
            "the last load ended at a key of another kind of database: '{}'",
            last.value
        )
    })
}

fn push_real(real: f64, out: &mut Vec<u8>) {
    match real {
        f64::INFINITY => out.extend_from_slice(b"Infinity"),
        f64::NEG_INFINITY => out.extend_from_slice(b"-Infinity"),
        _ => out.extend_from_slice(signed_exponent(&format!("{real:?}")).as_bytes()),
    }
}

/// Returns a double as Rust prints it, with a plus sign before a positive exponent: without the sign, it would be a
/// code on the stream.
fn signed_exponent(printed: &str) -> Cow<'_, str> {
    match printed.split_once('e') {
        Some((mantissa, power)) if !power.starts_with('-') => format!("{mantissa}e+{power}").into(),
        _ => printed.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_keep_their_kind() {
        for (value, field) in [
            (ValueRef::Null, ""),
            (ValueRef::Integer(i64::MIN), "-9223372036854775808"),
            (ValueRef::Real(1.0), "1.0"),
            (ValueRef::Real(0.1), "0.1"),
            (ValueRef::Real(1e300), "1e+300"),
            (ValueRef::Real(-1.5e-9), "-1.5e-9"),
            (ValueRef::Real(f64::NEG_INFINITY), "-Infinity"),
            (ValueRef::Text(b""), "\"\""),
            (ValueRef::Text(b"12"), "\"12\""),
            (ValueRef::Text(b"true"), "\"true\""),
            (ValueRef::Text(b"007"), "007"),
            (ValueRef::Text(b"a,b"), "\"a,b\""),
            (ValueRef::Text(b"\\x00ab"), "\"\\x00ab\""),
            (ValueRef::Text(b"\\x00a"), "\\x00a"),
            (ValueRef::Text(b"Infinity"), "\"Infinity\""),
            (ValueRef::Blob(&[0, 0xAB]), "\\x00ab"),
        ] {
            let mut out = Vec::new();
            push(value, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), field);
        }
    }
}
