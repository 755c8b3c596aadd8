//! Values for SQLite: encoded on any thread, bound on one.

use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::record::{Fault, field};
use crate::schema::types::check_text;

const NULL: u8 = 0;
const INTEGER: u8 = 1;
const REAL: u8 = 2;
const TEXT: u8 = 3;
const BLOB: u8 = 4;

/// Appends a null.
pub fn push_null(out: &mut Vec<u8>) {
    out.push(NULL);
}

/// Appends an integer.
pub fn push_integer(integer: i64, out: &mut Vec<u8>) {
    out.push(INTEGER);
    out.extend_from_slice(&integer.to_le_bytes());
}

/// Appends a double.
pub fn push_real(real: f64, out: &mut Vec<u8>) {
    out.push(REAL);
    out.extend_from_slice(&real.to_le_bytes());
}

/// Appends a field's content as text.
///
/// # Errors
/// The field is not text that a database can store.
pub fn push_text(raw: &[u8], is_clean: bool, out: &mut Vec<u8>) -> Result<(), Fault> {
    if !is_clean {
        check_text(raw)?;
    }
    push_content(TEXT, raw, out);
    Ok(())
}

/// Appends the bytes of a field's content.
pub fn push_bytes(raw: &[u8], out: &mut Vec<u8>) {
    push_content(BLOB, raw, out);
}

/// Appends the bytes that pairs of hexadecimal digits stand for.
pub fn push_pairs(digits: &[u8], out: &mut Vec<u8>) {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    };
    push_sized(BLOB, out, |out| {
        let pairs = digits.chunks_exact(2);
        out.extend(pairs.map(|pair| nibble(pair[0]) << 4 | nibble(pair[1])));
    });
}

fn push_content(tag: u8, raw: &[u8], out: &mut Vec<u8>) {
    push_sized(tag, out, |out| match raw {
        [b'"', inner @ .., b'"'] => field::push_unescaped(inner, out),
        _ => out.extend_from_slice(raw),
    });
}

#[inline]
fn push_sized(tag: u8, out: &mut Vec<u8>, push: impl FnOnce(&mut Vec<u8>)) {
    out.push(tag);
    let length = out.len();
    out.extend_from_slice(&[0; 4]);
    push(out);
    // A field is shorter than its block, which has fewer than 2^32 bytes.
    let written = (out.len() - length - 4) as u32;
    out[length..length + 4].copy_from_slice(&written.to_le_bytes());
}

/// Returns the first of these cells and its length; None at the end.
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

/// Returns all of these cells, in order.
pub fn all(mut bytes: &[u8]) -> impl Iterator<Item = ToSqlOutput<'_>> {
    std::iter::from_fn(move || {
        let (value, length) = first(bytes)?;
        bytes = &bytes[length..];
        Some(value)
    })
}
