//! Values for SQLite: checked and parsed on any thread, bound on one.

use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::record::{Fault, Faults, Records, field};
use crate::target::plain::Plain;
use crate::target::rule::no_integer;
use crate::target::types::{self, Found, Kind, check_text, is_text, shown};
use crate::target::{Encoder, Parcel, plain};
use crate::value::parse::is_plain;

/// What a column takes, and as what a value is stored in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Integers of 64 bits.
    Integer,
    /// Numbers that a double holds.
    Real,
    /// Integers, or numbers that a double holds.
    Number,
    /// `true` and `false`, stored as 1 and 0.
    Boolean,
    /// Anything, as text.
    Text,
    /// Dates and times, as text.
    Moment,
    /// Anything, as bytes.
    Blob,
    /// Numbers where they are plain, else text.
    Loose,
    /// As [`Rule::Loose`], but SQLite would make a number of a text like `007`.
    Numeric,
}

impl Rule {
    /// The rule for a declared type, by SQLite's own rules of affinity ("Datatypes In SQLite",
    /// section 3.1), and by the names that people give to booleans and times.
    pub fn declared(declared: &str) -> Self {
        let name = declared.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
        if has(&["INT"]) {
            Rule::Integer
        } else if has(&["CHAR", "CLOB", "TEXT"]) {
            Rule::Text
        } else if has(&["BLOB"]) {
            Rule::Blob
        } else if name.is_empty() || name == "ANY" {
            Rule::Loose
        } else if has(&["REAL", "FLOA", "DOUB"]) {
            Rule::Real
        } else if has(&["BOOL"]) {
            Rule::Boolean
        } else if has(&["DATE", "TIME"]) {
            Rule::Moment
        } else if has(&["NUMERIC", "DEC", "NUMBER"]) {
            Rule::Number
        } else {
            Rule::Numeric
        }
    }

    /// The declared type and the rule for what a column was found to be. A decimal column is REAL
    /// only where no digit is lost by that, else it is TEXT.
    pub fn found(found: Found) -> (&'static str, Self) {
        match found.kind {
            Kind::Integer => ("INTEGER", Rule::Integer),
            Kind::Decimal | Kind::Double if found.survives_double => ("REAL", Rule::Real),
            Kind::Boolean => ("BOOLEAN", Rule::Boolean),
            _ => ("TEXT", Rule::Text),
        }
    }

    /// Appends a raw field as a cell.
    fn push(self, raw: &[u8], is_clean: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
        if raw.is_empty() {
            out.push(NULL);
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
            Rule::Real => push_real(raw, out),
            Rule::Number => match plain::integer(&field::content(raw)) {
                Some(integer) => {
                    push_integer(integer, out);
                    Ok(())
                }
                None => push_real(raw, out),
            },
            Rule::Boolean => match types::boolean(&field::content(raw)) {
                Some(truth) => {
                    push_integer(truth.into(), out);
                    Ok(())
                }
                None => Err(Fault::new(format!(
                    "{} is neither true nor false",
                    shown(raw)
                ))),
            },
            Rule::Moment => match types::Moment::of(&field::content(raw)) {
                Some(_) => push_text(raw, is_clean, out),
                None => Err(Fault::new(format!(
                    "{} is no date or time as ISO 8601 writes them",
                    shown(raw)
                ))),
            },
            Rule::Blob => {
                push_bytes(BLOB, raw, out);
                Ok(())
            }
            Rule::Loose | Rule::Numeric => self.push_loose(raw, is_clean, out),
        }
    }

    fn push_loose(self, raw: &[u8], is_clean: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
        if let Some(integer) = plain::integer(raw) {
            push_integer(integer, out);
            return Ok(());
        }
        let is_number = self == Rule::Numeric || is_plain(raw);
        if let Some(real) = plain::surviving(raw).filter(|_| is_number) {
            out.push(REAL);
            out.extend_from_slice(&real.to_le_bytes());
            return Ok(());
        }
        let content = field::content(raw);
        if self == Rule::Numeric && would_change(&content) {
            return Err(Fault::new(format!(
                "{} would be changed into a number by the column's type; declare it TEXT",
                shown(raw)
            )));
        }
        push_text(raw, is_clean, out)
    }
}

/// Whether SQLite's numeric affinity takes this text for a number, and the number is written
/// otherwise.
fn would_change(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let could = text
        .iter()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    could && plain::integer(text).is_none() && plain::nearest(text).is_some()
}

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

fn push_integer(integer: i64, out: &mut Vec<u8>) {
    out.push(INTEGER);
    out.extend_from_slice(&integer.to_le_bytes());
}

fn push_real(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let content = field::content(raw);
    match plain::surviving(&content) {
        Some(real) => {
            out.push(REAL);
            out.extend_from_slice(&real.to_le_bytes());
            Ok(())
        }
        None if Plain::of(&content).is_some() => Err(Fault::new(format!(
            "{} has more digits than a double holds",
            shown(raw)
        ))),
        None => Err(Fault::new(format!("{} is not a number", shown(raw)))),
    }
}

fn push_text(raw: &[u8], is_clean: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
    if !is_clean {
        check_text(raw)?;
    }
    push_bytes(TEXT, raw, out);
    Ok(())
}

fn push_bytes(tag: u8, raw: &[u8], out: &mut Vec<u8>) {
    out.push(tag);
    let length = out.len();
    out.extend_from_slice(&[0; 4]);
    match raw {
        [b'"', inner @ .., b'"'] => field::push_unescaped(inner, out),
        _ => out.extend_from_slice(raw),
    }
    // A field is shorter than its block, which has fewer than 2^32 bytes.
    let written = (out.len() - length - 4) as u32;
    out[length..length + 4].copy_from_slice(&written.to_le_bytes());
}

/// The first of these cells, and its length; none behind the last one.
#[inline]
pub fn first(bytes: &[u8]) -> Option<(ToSqlOutput<'_>, usize)> {
    let (tag, rest) = bytes.split_first()?;
    let (value, length) = match *tag {
        NULL => (ValueRef::Null, 1),
        INTEGER => {
            let value = rest.first_chunk()?;
            (ValueRef::Integer(i64::from_le_bytes(*value)), 9)
        }
        REAL => {
            let value = rest.first_chunk()?;
            (ValueRef::Real(f64::from_le_bytes(*value)), 9)
        }
        tag => {
            let (length, rest) = rest.split_first_chunk()?;
            let length = u32::from_le_bytes(*length) as usize;
            let value = rest.get(..length)?;
            match tag {
                TEXT => (ValueRef::Text(value), 5 + length),
                _ => (ValueRef::Blob(value), 5 + length),
            }
        }
    };
    Some((ToSqlOutput::Borrowed(value), length))
}

/// All of these cells, in order.
pub fn all(mut bytes: &[u8]) -> impl Iterator<Item = ToSqlOutput<'_>> {
    std::iter::from_fn(move || {
        let (value, length) = first(bytes)?;
        bytes = &bytes[length..];
        Some(value)
    })
}

/// One column of the stream, and how its fields are stored.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, for faults.
    pub name: String,
    /// What it takes.
    pub rule: Rule,
    /// Whether it must not be null, being part of the key.
    pub is_key: bool,
}

/// Makes cells of records.
pub struct Cells {
    /// The columns of the stream.
    pub columns: Vec<Column>,
    /// Whether all is known to be text that a database holds.
    pub is_clean: bool,
}

impl Encoder for Cells {
    fn encode(&self, records: &Records<'_>, faults: &mut Faults, parcel: &mut Parcel) {
        let is_clean = self.is_clean || is_text(records.bytes());
        parcel.encode_each(records, faults, |record, out| {
            for (place, column) in self.columns.iter().enumerate() {
                let raw = records.field(record, place);
                let pushed = match column.is_key && raw.is_empty() {
                    true => Err(Fault::new("null in a column of the key")),
                    false => column.rule.push(raw, is_clean, out),
                };
                pushed.map_err(|fault| fault.about(&column.name))?;
            }
            Ok(())
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("DATETIME", Rule::Moment),
            ("STRING", Rule::Numeric),
            ("BLOB", Rule::Blob),
        ] {
            assert_eq!(Rule::declared(declared), rule, "{declared}");
        }
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
            (Rule::Moment, "2013-01-01", "'2013-01-01'"),
            (Rule::Loose, "007", "'007'"),
            (Rule::Loose, "7", "7"),
            (
                Rule::Loose,
                "0.1234567890123456789",
                "'0.1234567890123456789'",
            ),
            (Rule::Numeric, "abc", "'abc'"),
            (Rule::Numeric, "\"12\"", "'12'"),
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
            (Rule::Boolean, "2", "neither"),
            (Rule::Moment, "yesterday", "no date"),
            (Rule::Numeric, "007", "changed"),
            (Rule::Numeric, "\" +5\"", "changed"),
        ] {
            let fault = stored(rule, raw).unwrap_err();
            assert!(fault.contains(words), "{rule:?} {raw}: {fault}");
        }
    }
}
