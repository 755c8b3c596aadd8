//! What the columns of SQLite's tables accept: a value that SQLite would store as a different one is rejected.

use crate::connector::sqlite::load::cell::{
    push_bytes, push_integer, push_null, push_pairs, push_real, push_text,
};
use crate::connector::sqlite::{blob_digits, infinity};
use crate::record::{Fault, field};
use crate::schema::Fit;
use crate::schema::plain;
use crate::schema::plain::Plain;
use crate::schema::rule::no_integer;
use crate::schema::types;
use crate::schema::types::{ColumnKind, ColumnType, shown};
use crate::value::parse::is_plain;

/// What a column accepts, and how it stores a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Integers of 64 bits.
    Integer,
    /// Numbers whose digits a double preserves.
    Real,
    /// Integers, or numbers whose digits a double preserves.
    Number,
    /// `true` and `false`, stored as 1 and 0; other values as [`Rule::Numeric`].
    Boolean,
    /// Anything, as text.
    Text,
    /// Anything, as bytes.
    Blob,
    /// Anything, unchanged: the column has no type.
    Loose,
    /// Like [`Rule::Loose`], but SQLite converts text that reads as a number, such as `007`.
    Numeric,
}

impl Rule {
    /// Returns the rule for a declared type, by SQLite's rules of affinity ("Datatypes In SQLite", section 3.1).
    /// Types that mean something to people only, such as BOOLEAN and DATE, reject nothing that SQLite stores
    /// unchanged.
    pub fn declared(declared: &str, is_strict: bool) -> Self {
        let name = declared.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        if has(&["INT"]) {
            Rule::Integer
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Rule::Text
        } else if has(&["BLOB"]) {
            Rule::Blob
        } else if name.is_empty() || is_strict && name == "ANY" {
            Rule::Loose
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            Rule::Real
        } else if has(&["BOOL"]) {
            Rule::Boolean
        } else if has(&["NUMERIC", "DEC", "NUMBER"]) {
            Rule::Number
        } else {
            Rule::Numeric
        }
    }

    /// Returns the declared type and the rule for a column as found. A decimal column is REAL only if that loses no
    /// digit, otherwise TEXT.
    pub fn found(found: ColumnType) -> (&'static str, Self) {
        match found.kind {
            ColumnKind::Integer => ("INTEGER", Rule::Integer),
            ColumnKind::Decimal | ColumnKind::Double if found.survives_double => {
                ("REAL", Rule::Real)
            }
            ColumnKind::Boolean => ("BOOLEAN", Rule::Boolean),
            _ => ("TEXT", Rule::Text),
        }
    }

    /// Appends a raw field as a cell.
    ///
    /// # Errors
    /// SQLite would store a different value, or the column is numeric and the field is not a number.
    pub fn push(self, raw: &[u8], is_clean: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
        if raw.is_empty() {
            push_null(out);
            return Ok(());
        }
        match self {
            Rule::Text => push_text(raw, is_clean, out),
            Rule::Integer => match plain::integer(&field::content(raw)) {
                Some(integer) => {
                    push_integer(integer, out);
                    Ok(())
                }
                None => Err(no_integer(raw)),
            },
            Rule::Real => push_double(raw, out),
            Rule::Number => match plain::integer(&field::content(raw)) {
                Some(integer) => {
                    push_integer(integer, out);
                    Ok(())
                }
                None => push_double(raw, out),
            },
            Rule::Boolean => match types::boolean(&field::content(raw)) {
                Some(truth) => {
                    push_integer(truth.into(), out);
                    Ok(())
                }
                None => Rule::Numeric.push_loose(raw, is_clean, out),
            },
            Rule::Blob => {
                match blob_digits(raw) {
                    Some(digits) => push_pairs(digits, out),
                    None => push_bytes(raw, out),
                }
                Ok(())
            }
            Rule::Loose | Rule::Numeric => self.push_loose(raw, is_clean, out),
        }
    }

    fn push_loose(self, raw: &[u8], is_clean: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
        if let Some(integer) = plain::integer(raw) {
            push_integer(integer, out);
        } else if let Some(real) = plain_double(raw) {
            push_real(real, out);
        } else if let Some(digits) = blob_digits(raw) {
            push_pairs(digits, out);
        } else if self == Rule::Numeric && reads_as_number(&field::content(raw)) {
            return push_as_number(raw, out);
        } else {
            return push_text(raw, is_clean, out);
        }
        Ok(())
    }
}

impl Fit for Rule {
    fn fit(&self, raw: &[u8], is_clean: bool) -> Result<(), Fault> {
        self.push(raw, is_clean, &mut Vec::new())
    }
}

/// Returns the number that an unquoted field spells, if a double preserves its digits.
fn plain_double(raw: &[u8]) -> Option<f64> {
    match is_plain(raw) {
        true => plain::surviving(raw),
        false => infinity(raw),
    }
}

fn push_double(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let content = field::content(raw);
    match plain::surviving(&content).or_else(|| infinity(raw)) {
        Some(real) => {
            push_real(real, out);
            Ok(())
        }
        None if Plain::of(&content).is_some() => Err(Fault::new(format!(
            "{} has more digits than a double holds",
            shown(raw)
        ))),
        None => Err(Fault::new(format!("{} is not a number", shown(raw)))),
    }
}

/// Appends text that SQLite would store as a number, if that number is written exactly like the text.
fn push_as_number(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let content = field::content(raw);
    let is_written = |number: String| number.as_bytes() == &*content;
    if let Some(integer) = plain::integer(&content).filter(|number| is_written(number.to_string()))
    {
        push_integer(integer, out);
        return Ok(());
    }
    // SQLite stores a whole number as an integer, without a point.
    let fraction = plain::surviving(&content).filter(|number| number.fract() != 0.0);
    if let Some(real) = fraction.filter(|number| is_written(format!("{number:?}"))) {
        push_real(real, out);
        return Ok(());
    }
    Err(Fault::new(format!(
        "{} would be changed into a number by the column's type; declare it TEXT",
        shown(raw)
    )))
}

/// Returns whether SQLite's numeric affinity takes this text for a number: a decimal literal, optionally surrounded
/// by white space ("Datatypes In SQLite", section 3.4).
fn reads_as_number(text: &[u8]) -> bool {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().position(|byte| !is_space(byte));
    let end = text.iter().rposition(|byte| !is_space(byte));
    let (Some(start), Some(end)) = (start, end) else {
        return false;
    };
    let text = &text[start..=end];
    let text = text
        .strip_prefix(b"+")
        .or(text.strip_prefix(b"-"))
        .unwrap_or(text);
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = digits(text);
    let mut rest = &text[whole..];
    let mut places = 0;
    if let [b'.', behind @ ..] = rest {
        places = digits(behind);
        rest = &behind[places..];
    }
    if whole + places == 0 {
        return false;
    }
    match rest {
        [] => true,
        [b'e' | b'E', b'+' | b'-', power @ ..] | [b'e' | b'E', power @ ..] => {
            !power.is_empty() && digits(power) == power.len()
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::sqlite::load::cell::first;
    use rusqlite::Connection;
    use rusqlite::types::{ToSqlOutput, ValueRef};

    fn stored(rule: Rule, raw: &str) -> Result<String, String> {
        let mut out = Vec::new();
        rule.push(raw.as_bytes(), true, &mut out)
            .map_err(|fault| fault.to_string())?;
        let (cell, length) = first(&out).unwrap();
        assert_eq!(length, out.len());
        Ok(match cell {
            ToSqlOutput::Borrowed(ValueRef::Null) => "null".into(),
            ToSqlOutput::Borrowed(ValueRef::Integer(value)) => format!("{value}"),
            ToSqlOutput::Borrowed(ValueRef::Real(value)) => format!("{value:?}"),
            ToSqlOutput::Borrowed(ValueRef::Text(value)) => {
                format!("'{}'", String::from_utf8_lossy(value))
            }
            other => format!("{other:?}"),
        })
    }

    #[test]
    fn declared_types_are_known() {
        for (declared, rule) in [
            ("INTEGER", Rule::Integer),
            ("bigint", Rule::Integer),
            ("VARCHAR(20)", Rule::Text),
            ("", Rule::Loose),
            ("DOUBLE PRECISION", Rule::Real),
            ("DECIMAL(10,2)", Rule::Number),
            ("boolean", Rule::Boolean),
            ("DATETIME", Rule::Numeric),
            ("ANY", Rule::Numeric),
            ("STRING", Rule::Numeric),
            ("BLOB", Rule::Blob),
        ] {
            assert_eq!(Rule::declared(declared, false), rule, "{declared}");
        }
        assert_eq!(Rule::declared("any", true), Rule::Loose);
    }

    #[test]
    fn values_are_stored_or_refused() {
        for (rule, raw, stored_as) in [
            (Rule::Text, "", "null"),
            (Rule::Text, "\"\"", "''"),
            (Rule::Text, "1.50", "'1.50'"),
            (Rule::Text, "\"a\"\"b\"", "'a\"b'"),
            (Rule::Integer, "-12", "-12"),
            (Rule::Integer, "\"12\"", "12"),
            (Rule::Real, "1.50", "1.5"),
            (Rule::Real, "3", "3.0"),
            (Rule::Number, "3", "3"),
            (Rule::Number, "3.25", "3.25"),
            (Rule::Boolean, "true", "1"),
            (Rule::Boolean, "F", "0"),
            (Rule::Boolean, "maybe", "'maybe'"),
            (Rule::Boolean, "2", "2"),
            (Rule::Real, "-Infinity", "-inf"),
            (Rule::Number, "Infinity", "inf"),
            (Rule::Loose, "Infinity", "inf"),
            (Rule::Loose, "\"Infinity\"", "'Infinity'"),
            (Rule::Loose, "\\x00fF", "Borrowed(Blob([0, 255]))"),
            (Rule::Loose, "\"\\x00ff\"", "'\\x00ff'"),
            (Rule::Blob, "\\x", "Borrowed(Blob([]))"),
            (Rule::Blob, "\\x0", "Borrowed(Blob([92, 120, 48]))"),
            (Rule::Text, "\\x00", "'\\x00'"),
            (Rule::Loose, "007", "'007'"),
            (Rule::Loose, "7", "7"),
            (
                Rule::Loose,
                "0.1234567890123456789",
                "'0.1234567890123456789'",
            ),
            (Rule::Numeric, "abc", "'abc'"),
            (Rule::Numeric, "\"12\"", "12"),
            (Rule::Numeric, "\"1.5\"", "1.5"),
            (Rule::Numeric, "1.50", "1.5"),
            (Rule::Numeric, "0x1F", "'0x1F'"),
            (Rule::Numeric, "1.1.2013", "'1.1.2013'"),
            (Rule::Numeric, "2013-01-01", "'2013-01-01'"),
        ] {
            assert_eq!(
                stored(rule, raw).as_deref(),
                Ok(stored_as),
                "{rule:?} {raw}"
            );
        }
        for (rule, raw, words) in [
            (Rule::Integer, "007", "not an integer"),
            (Rule::Integer, "1.5", "not an integer"),
            (Rule::Integer, "9223372036854775808", "beyond 64 bits"),
            (Rule::Integer, "\"\"", "not an integer"),
            (Rule::Real, "abc", "not a number"),
            (Rule::Real, "0.1234567890123456789", "more digits"),
            (Rule::Real, "\"Infinity\"", "not a number"),
            (Rule::Real, "1e400", "more digits"),
            (Rule::Boolean, "02", "changed"),
            (Rule::Numeric, "007", "changed"),
            (Rule::Numeric, "\" +5\"", "changed"),
            (Rule::Numeric, "+5", "changed"),
            (Rule::Numeric, "1e5", "changed"),
            (Rule::Numeric, "12e3456", "changed"),
            (Rule::Numeric, "1e400", "changed"),
            (Rule::Numeric, "9223372036854775809", "changed"),
            (Rule::Numeric, "\"5.\"", "changed"),
            (Rule::Numeric, "\"5.0\"", "changed"),
            (Rule::Numeric, "\"\u{b}5\"", "changed"),
        ] {
            let fault = stored(rule, raw).unwrap_err();
            assert!(fault.contains(words), "{rule:?} {raw}: {fault}");
        }
    }

    #[test]
    fn text_reads_as_a_number_where_sqlite_takes_it_for_one() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE n (v NUMERIC)")
            .unwrap();
        let mut insert = connection
            .prepare("INSERT INTO n VALUES (?1) RETURNING typeof(v) <> 'text'")
            .unwrap();
        let parts = [
            "", " ", "\u{b}", "+", "-", "0", "07", ".", "e", "E", "5", "x", "\u{a0}",
        ];
        let mut known = 0;
        for number in 0..parts.len().pow(5) {
            let picked = (0..5).map(|place| parts[number / parts.len().pow(place) % parts.len()]);
            let text: String = picked.collect();
            let stored: bool = insert.query_row([&text], |row| row.get(0)).unwrap();
            assert_eq!(reads_as_number(text.as_bytes()), stored, "{text:?}");
            known += usize::from(stored);
        }
        assert!(known > 1000);
    }
}
