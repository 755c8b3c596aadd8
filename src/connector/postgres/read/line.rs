//! Converts lines of COPY's text format to records of the stream.

use memchr::memchr;
use postgres::types::Type;

use crate::connector::sql::SeenKeys;
use crate::record::field;
use crate::stream::{Emitter, Flow};
use crate::value::text::push_typed_text;

/// How a column's values are written on the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextForm {
    /// Numbers, as the server writes them.
    Number,
    /// `true` and `false`.
    Boolean,
    /// Times of a wall clock: `2026-01-02T03:04:05.6`.
    Civil,
    /// Times in UTC: `2026-01-02T03:04:05.6Z`.
    Instant,
    /// JSON; its numbers are not quoted.
    Json,
    /// Text, in quotes if it would be taken for a number.
    Text,
}

impl TextForm {
    /// Returns the form for values of this type.
    pub fn of(kind: &Type) -> Self {
        match *kind {
            Type::INT2
            | Type::INT4
            | Type::INT8
            | Type::OID
            | Type::NUMERIC
            | Type::FLOAT4
            | Type::FLOAT8 => TextForm::Number,
            Type::BOOL => TextForm::Boolean,
            Type::TIMESTAMP => TextForm::Civil,
            Type::TIMESTAMPTZ => TextForm::Instant,
            Type::JSON | Type::JSONB => TextForm::Json,
            _ => TextForm::Text,
        }
    }

    /// Appends a value that is not null.
    #[inline]
    fn push(self, text: &[u8], out: &mut Vec<u8>) {
        match self {
            TextForm::Number => out.extend_from_slice(text),
            TextForm::Boolean if text == b"t" => out.extend_from_slice(b"true"),
            TextForm::Boolean => out.extend_from_slice(b"false"),
            TextForm::Civil | TextForm::Instant => self.push_time(text, out),
            TextForm::Json => field::push_text(text, b',', out),
            TextForm::Text => push_typed_text(text, b',', out),
        }
    }

    /// Appends `2026-01-02 03:04:05.6`, which ends with `+00` for an instant, in ISO 8601. What ISO 8601 cannot
    /// express (`infinity`, years BC or after 9999) is written as the server wrote it.
    fn push_time(self, text: &[u8], out: &mut Vec<u8>) {
        let (body, zone) = match self {
            TextForm::Instant => (text.strip_suffix(b"+00"), &b"Z"[..]),
            _ => (Some(text), &b""[..]),
        };
        match body {
            Some(body) if body.get(10) == Some(&b' ') && !body.ends_with(b"BC") => {
                out.extend_from_slice(&body[..10]);
                out.push(b'T');
                out.extend_from_slice(&body[11..]);
                out.extend_from_slice(zone);
            }
            _ => field::push_text(text, b',', out),
        }
    }
}

/// How a line becomes a record: which of its fields are written, and how.
pub struct Line {
    /// How each field of a line is written.
    pub forms: Vec<TextForm>,
    /// The fields that are written, in order.
    pub picks: Vec<usize>,
    /// Receives a line's last field, the key, if there is one.
    pub seen: Option<SeenKeys>,
    /// The server's name for the key's type.
    pub key_type: String,
}

impl Line {
    /// Converts whole lines to records and passes them to `emitter`.
    pub fn push_all(
        &mut self,
        mut lines: &[u8],
        emitter: &mut Emitter<'_>,
    ) -> anyhow::Result<Flow> {
        let mut fields = Vec::with_capacity(self.forms.len());
        let mut scratch = Vec::new();
        while let Some(end) = memchr(b'\n', lines) {
            self.push(&lines[..end], &mut fields, &mut scratch, emitter.buffer());
            if let (Some(seen), Some(key)) = (&mut self.seen, fields.last()) {
                scratch.clear();
                push_unescaped(key, &mut scratch);
                seen.take(&self.key_type, &scratch)?;
            }
            lines = &lines[end + 1..];
            if emitter.record()? == Flow::Enough {
                return Ok(Flow::Enough);
            }
        }
        Ok(Flow::More)
    }

    fn push<'l>(
        &self,
        line: &'l [u8],
        fields: &mut Vec<&'l [u8]>,
        scratch: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) {
        fields.clear();
        fields.extend(line.split(|&byte| byte == b'\t'));
        let is_plain = memchr(b'\\', line).is_none();
        for &pick in &self.picks {
            let (form, raw) = (self.forms[pick], fields[pick]);
            if is_plain {
                form.push(raw, out);
            } else if raw != b"\\N" {
                scratch.clear();
                push_unescaped(raw, scratch);
                form.push(scratch, out);
            }
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
    }
}

/// Appends a field of COPY's text format with its escapes resolved.
fn push_unescaped(mut raw: &[u8], out: &mut Vec<u8>) {
    while let Some(place) = memchr(b'\\', raw) {
        out.extend_from_slice(&raw[..place]);
        let letter = raw.get(place + 1).copied().unwrap_or(b'\\');
        out.push(match letter {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            letter => letter,
        });
        raw = raw.get(place + 2..).unwrap_or_default();
    }
    out.extend_from_slice(raw);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_records() {
        let line = Line {
            forms: vec![
                TextForm::Number,
                TextForm::Text,
                TextForm::Boolean,
                TextForm::Json,
            ],
            picks: vec![1, 0, 3, 2],
            seen: None,
            key_type: String::new(),
        };
        for (text, record) in [
            ("1.50\tabc\tt\t{}", "abc,1.50,{},true"),
            ("1\t12\tf\t12", "\"12\",1,12,false"),
            ("\\N\t\\N\t\\N\t\\N", ",,,"),
            ("1\t\tt\t\"a\"", "\"\",1,\"\"\"a\"\"\",true"),
            (
                "1\ta\\tb\\\\N\\n\tt\t[1,2]",
                "\"a\tb\\N\n\",1,\"[1,2]\",true",
            ),
            ("NaN\t\\\\x00\tt\tnull", "\\x00,NaN,null,true"),
        ] {
            let mut out = Vec::new();
            line.push(text.as_bytes(), &mut Vec::new(), &mut Vec::new(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{record}\n"));
        }
    }

    #[test]
    fn times_are_iso() {
        for (form, text, field) in [
            (
                TextForm::Civil,
                "2026-01-02 03:04:05.6",
                "2026-01-02T03:04:05.6",
            ),
            (
                TextForm::Instant,
                "2026-01-02 03:04:05+00",
                "2026-01-02T03:04:05Z",
            ),
            (TextForm::Instant, "infinity", "infinity"),
            (
                TextForm::Civil,
                "0044-03-15 10:00:00 BC",
                "0044-03-15 10:00:00 BC",
            ),
            (
                TextForm::Instant,
                "0044-03-15 10:00:00+00 BC",
                "0044-03-15 10:00:00+00 BC",
            ),
            (
                TextForm::Civil,
                "12026-01-02 03:04:05",
                "12026-01-02 03:04:05",
            ),
        ] {
            let mut out = Vec::new();
            form.push(text.as_bytes(), &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), field);
        }
    }
}
