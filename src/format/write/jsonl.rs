//! JSON: one object per line, or one array of objects.

use crate::record::{Block, Fault, Faults, Header, Records, field};
use crate::stream::{Flow, Output};

use crate::format::write::form::Form;
use crate::load::{Encoder, Parcel};
use crate::schema::types::check_text;
use crate::value::parse::is_plain;

/// Records as JSON objects. Unquoted plain numbers stay numbers, `true` and `false` are booleans, an unquoted empty
/// field is null, and all else is a string.
pub struct Json {
    is_array: bool,
    is_first: bool,
}

impl Json {
    /// One object per line.
    pub fn lines() -> Self {
        Json {
            is_array: false,
            is_first: true,
        }
    }

    /// One array of objects, one object per line.
    pub fn array() -> Self {
        Json {
            is_array: true,
            is_first: true,
        }
    }
}

impl Form for Json {
    fn begin(&mut self, _header: &Header, out: &mut Vec<u8>) {
        if self.is_array {
            out.push(b'[');
        }
    }

    fn encoder(&self, header: &Header) -> Box<dyn Encoder> {
        let mut opening = b"{".to_vec();
        let keys = header.names().iter().map(|name| {
            push_string(name.as_bytes(), &mut opening);
            opening.push(b':');
            std::mem::replace(&mut opening, b",".to_vec())
        });
        Box::new(Objects {
            keys: keys.collect(),
            header: header.clone(),
            before: if self.is_array { b",\n" } else { b"" },
            behind: if self.is_array { b"" } else { b"\n" },
        })
    }

    fn write(
        &mut self,
        block: &Block,
        parcel: &mut Parcel,
        output: &mut Output,
    ) -> anyhow::Result<Flow> {
        if !self.is_array || !std::mem::take(&mut self.is_first) {
            return output.write_made(&block.bytes, &mut parcel.made);
        }
        // The very first object has no comma before it.
        let bytes: Vec<u8> = parcel
            .made
            .slices(&block.bytes)
            .iter()
            .flat_map(|slice| slice.to_vec())
            .collect();
        output.write(&bytes[1..])
    }

    fn end(&mut self, out: &mut Vec<u8>) {
        if self.is_array {
            out.extend_from_slice(if self.is_first { b"]\n" } else { b"\n]\n" });
        }
    }
}

struct Objects {
    /// The text before each value: `{"id":`, `,"name":`.
    keys: Vec<Vec<u8>>,
    header: Header,
    before: &'static [u8],
    behind: &'static [u8],
}

impl Encoder for Objects {
    fn encode(&self, records: &Records<'_>, faults: &mut Faults, parcel: &mut Parcel) {
        parcel.encode_each(records, faults, |record, out| {
            out.extend_from_slice(self.before);
            for (column, key) in self.keys.iter().enumerate() {
                out.extend_from_slice(key);
                push_value(records.field(record, column), out)
                    .map_err(|fault| fault.about(&self.header.names()[column]))?;
            }
            out.push(b'}');
            out.extend_from_slice(self.behind);
            Ok(())
        });
    }
}

fn push_value(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    match raw {
        [] => out.extend_from_slice(b"null"),
        b"true" | b"false" => out.extend_from_slice(raw),
        [b'-' | b'0'..=b'9' | b'.', ..] if is_plain(raw) => push_number(raw, out),
        _ => {
            if std::str::from_utf8(raw).is_err() {
                check_text(raw)?;
            }
            push_string(&field::content(raw), out);
        }
    }
    Ok(())
}

/// Appends a plain number as in RFC 8259, section 6: with a digit on both sides of a point.
#[inline]
fn push_number(raw: &[u8], out: &mut Vec<u8>) {
    let Some(point) = memchr::memchr(b'.', raw) else {
        return out.extend_from_slice(raw);
    };
    let (whole, places) = (&raw[..point], &raw[point + 1..]);
    out.extend_from_slice(whole);
    if matches!(whole, b"" | b"-") {
        out.push(b'0');
    }
    if places.first().is_some_and(u8::is_ascii_digit) {
        out.push(b'.');
    }
    out.extend_from_slice(places);
}

/// Appends text as a JSON string; escapes only what RFC 8259, section 7 requires.
fn push_string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(raw: &str) -> String {
        let mut out = Vec::new();
        push_value(raw.as_bytes(), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_keep_what_they_are() {
        for (raw, json) in [
            ("", "null"),
            ("\"\"", "\"\""),
            ("1.50", "1.50"),
            ("1e+5", "1e+5"),
            ("1e5", "\"1e5\""),
            (".5", "0.5"),
            ("-.5e7", "-0.5e7"),
            ("5.", "5"),
            ("-5.e2", "-5e2"),
            ("5.0", "5.0"),
            ("007", "\"007\""),
            ("-", "\"-\""),
            ("\"12\"", "\"12\""),
            ("true", "true"),
            ("True", "\"True\""),
            ("NaN", "\"NaN\""),
            ("\"a\"\"b\\\n\u{1}é\"", "\"a\\\"b\\\\\\n\\u0001é\""),
        ] {
            assert_eq!(value(raw), json);
            assert!(
                serde_json::from_str::<serde_json::Value>(json).is_ok(),
                "{json}"
            );
        }
    }
}
