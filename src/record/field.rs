//! A field: its raw bytes, its content, and how text is written as a field.

use std::borrow::Cow;

use crate::bytes::seek;

/// Whether the raw field is quoted, which makes it text and never null.
pub fn is_quoted(raw: &[u8]) -> bool {
    raw.first() == Some(&b'"')
}

/// Returns the content of a raw field: without its quotes, and with doubled quotes made single.
pub fn content(raw: &[u8]) -> Cow<'_, [u8]> {
    match raw {
        [b'"', inner @ .., b'"'] => match memchr::memchr(b'"', inner) {
            None => Cow::Borrowed(inner),
            Some(_) => {
                let mut text = Vec::with_capacity(inner.len());
                push_unescaped(inner, &mut text);
                Cow::Owned(text)
            }
        },
        _ => Cow::Borrowed(raw),
    }
}

/// [`content`] with another quote or none.
pub fn content_in(raw: &[u8], quote: Option<u8>) -> Cow<'_, [u8]> {
    let (inner, quote) = match (raw, quote) {
        (_, Some(b'"')) => return content(raw),
        ([first, inner @ .., last], Some(quote)) if *first == quote && *last == quote => {
            (inner, quote)
        }
        _ => return Cow::Borrowed(raw),
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        text.push(byte);
        if byte == quote {
            bytes.next();
        }
    }
    Cow::Owned(text)
}

/// Appends the text between two quotes, with doubled quotes made single.
pub fn push_unescaped(mut inner: &[u8], out: &mut Vec<u8>) {
    while let Some(place) = memchr::memchr(b'"', inner) {
        out.extend_from_slice(&inner[..=place]);
        inner = &inner[(place + 2).min(inner.len())..];
    }
    out.extend_from_slice(inner);
}

/// Whether text must be quoted in a field: it contains the delimiter, a quote or a line end, or is empty (unquoted,
/// it would be null).
pub fn needs_quotes(text: &[u8], delimiter: u8) -> bool {
    text.is_empty() || seek::has_any(text, [delimiter, b'"', b'\n', b'\r'])
}

/// Returns the raw fields of a valid record.
pub fn split(record: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(record);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let mut is_quoted = false;
        let end = bytes.iter().position(|&byte| {
            is_quoted ^= byte == b'"';
            byte == delimiter && !is_quoted
        });
        let (field, behind) = bytes.split_at(end.unwrap_or(bytes.len()));
        rest = behind.get(1..);
        Some(field)
    })
}

/// Appends text in quotes.
pub fn push_quoted(mut text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    while let Some(place) = memchr::memchr(b'"', text) {
        out.extend_from_slice(&text[..=place]);
        out.push(b'"');
        text = &text[place + 1..];
    }
    out.extend_from_slice(text);
    out.push(b'"');
}

/// Appends text as a field, quoted only if it must be.
pub fn push_text(text: &[u8], delimiter: u8, out: &mut Vec<u8>) {
    if needs_quotes(text, delimiter) {
        push_quoted(text, out);
    } else {
        out.extend_from_slice(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_undoes_quoting() {
        for text in [
            &b""[..],
            b"a",
            b"\"",
            b"a,b",
            b"say \"hi\"",
            b"\"\"",
            b"x\ny",
        ] {
            let mut field = Vec::new();
            push_quoted(text, &mut field);
            assert_eq!(content(&field), text);
        }
    }

    #[test]
    fn records_are_split_at_delimiters_outside_of_quotes() {
        let fields = |record: &'static [u8]| split(record, b',').collect::<Vec<_>>();
        assert_eq!(
            fields(b"a,\"b,\"\"c\",,"),
            [&b"a"[..], b"\"b,\"\"c\"", b"", b""]
        );
        assert_eq!(fields(b""), [b""]);
    }

    #[test]
    fn quotes_are_those_of_the_dialect() {
        for (raw, quote, text) in [
            ("'it''s'", Some(b'\''), "it's"),
            ("''", Some(b'\''), ""),
            ("\"a\"", Some(b'\''), "\"a\""),
            ("\"a\"", None, "\"a\""),
            ("\"a\"\"\"", Some(b'"'), "a\""),
        ] {
            assert_eq!(content_in(raw.as_bytes(), quote), text.as_bytes(), "{raw}");
        }
    }

    #[test]
    fn only_what_must_be_is_quoted() {
        let field = |text: &str| {
            let mut out = Vec::new();
            push_text(text.as_bytes(), b',', &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(field("plain text"), "plain text");
        assert_eq!(field(""), "\"\"");
        assert_eq!(field("a,b"), "\"a,b\"");
        assert_eq!(field("5\" disk"), "\"5\"\" disk\"");
    }
}
