//! Parses JSON (RFC 8259) in place, without building anything from it.

use std::ops::Range;

use crate::bytes::seek;
use crate::record::Fault;

/// Deeper nesting is refused: it is not data, and would exhaust the stack.
pub(crate) const DEEPEST: usize = 128;

/// Bytes of the text that a fault shows.
const SHOWN: usize = 24;

/// A place in a JSON text. It checks what it reads, and returns pieces of the text.
#[derive(Clone)]
pub(crate) struct Cursor<'u> {
    text: &'u [u8],
    at: usize,
}

/// The content of a string, without its quotes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'u> {
    pub(crate) raw: &'u [u8],
    /// Whether it has a backslash.
    pub(crate) is_escaped: bool,
    /// Whether it has a comma; meaningful only if it has no backslash.
    pub(crate) has_comma: bool,
}

impl<'u> Cursor<'u> {
    pub(crate) fn new(text: &'u [u8]) -> Self {
        Cursor { text, at: 0 }
    }

    /// Skips white space, and returns the next byte, which stays.
    #[inline(always)]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            match self.text.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    /// Skips white space, and takes the next byte if it is this one.
    #[inline(always)]
    pub(crate) fn takes(&mut self, byte: u8) -> bool {
        let is_there = self.peek() == Some(byte);
        self.at += usize::from(is_there);
        is_there
    }

    #[inline(always)]
    pub(crate) fn expect(&mut self, byte: u8, name: &'static str) -> Result<(), Fault> {
        match self.takes(byte) {
            true => Ok(()),
            false => Err(self.fault(name)),
        }
    }

    /// Takes the string that begins here and the colon after it, if they are exactly this key.
    #[inline(always)]
    pub(crate) fn takes_key(&mut self, plain: &[u8]) -> bool {
        let rest = &self.text[self.at..];
        let end = plain.len() + 1;
        let is_there = rest.len() > end + 1
            && rest[0] == b'"'
            && rest[end] == b'"'
            && rest[end + 1] == b':'
            && rest[1..end] == *plain;
        if is_there {
            self.at += end + 2;
        }
        is_there
    }

    /// Starts at this place of a text.
    pub(crate) fn at(text: &'u [u8], at: usize) -> Self {
        Cursor { text, at }
    }

    /// Returns how many bytes were read.
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    /// Returns a fault at this place, where `expected` is missing.
    #[cold]
    pub(crate) fn fault(&self, expected: &str) -> Fault {
        let rest = self.text[self.at.min(self.text.len())..].trim_ascii();
        if rest.is_empty() {
            return Fault::new(format!("not JSON: it ends where {expected} should be"));
        }
        // Text on the next line or after the value is not part of the fault.
        let end = rest.iter().position(|byte| b"\r\n}]".contains(byte));
        let rest = match end {
            Some(end) if matches!(rest[end], b'}' | b']') => &rest[..=end],
            Some(end) => &rest[..end],
            None => rest,
        };
        let shown = String::from_utf8_lossy(&rest[..rest.len().min(SHOWN)]);
        let shown = shown.trim_end_matches(char::REPLACEMENT_CHARACTER);
        let more = if rest.len() > SHOWN { "..." } else { "" };
        Fault::new(format!(
            "not JSON: {expected} is missing before '{shown}{more}'"
        ))
    }

    /// Checks that only white space follows.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault("the end")),
        }
    }

    /// Reads the string that begins here.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Text<'u>, Fault> {
        self.expect(b'"', "'\"'")?;
        let start = self.at;
        let mut is_escaped = false;
        let mut has_comma = false;
        loop {
            let stop = seek::string_stop(&self.text[self.at..]);
            self.at += stop.at;
            has_comma |= stop.has_comma;
            match self.text.get(self.at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_escaped = true;
                    self.escape()?;
                }
                Some(_) => {
                    return Err(self.fault("'\\' (control characters are written as escapes)"));
                }
                None => return Err(self.unterminated()),
            }
        }
        let raw = &self.text[start..self.at];
        self.at += 1;
        Ok(Text {
            raw,
            is_escaped,
            has_comma,
        })
    }

    #[cold]
    fn unterminated(&self) -> Fault {
        Fault::new("not JSON: a string never ends")
    }

    /// Takes the escape that begins here, with its backslash.
    pub(crate) fn escape(&mut self) -> Result<(), Fault> {
        let length = match self.text.get(self.at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
            Some(b'u') => match self.text.get(self.at + 2..self.at + 6) {
                Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => 6,
                _ => return Err(self.fault("an escape of four hexadecimal digits")),
            },
            _ => return Err(self.fault("an escape that JSON knows")),
        };
        self.at += length;
        Ok(())
    }

    /// Reads the number that begins here, as it is spelled.
    #[inline]
    pub(crate) fn number(&mut self) -> Result<&'u [u8], Fault> {
        let start = self.at;
        self.at += usize::from(self.text[start] == b'-');
        match self.text.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.fault("a digit")),
        }
        if self.text.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.text.get(self.at) {
            self.at += 1;
            self.at += usize::from(matches!(self.text.get(self.at), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(&self.text[start..self.at])
    }

    #[inline(always)]
    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while self.text.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
        match self.at > start {
            true => Ok(()),
            false => Err(self.fault("a digit")),
        }
    }

    /// Reads the `true`, `false` or `null` that begins here.
    #[inline]
    pub(crate) fn word(&mut self) -> Result<&'u [u8], Fault> {
        for word in [&b"true"[..], b"false", b"null"] {
            if self.text[self.at..].starts_with(word) {
                self.at += word.len();
                return Ok(&self.text[self.at - word.len()..self.at]);
            }
        }
        Err(self.fault("a value"))
    }

    /// Reads the value of any kind that begins here, as it is written.
    pub(crate) fn value(&mut self, depth: usize) -> Result<&'u [u8], Fault> {
        if depth > DEEPEST {
            return Err(too_deep());
        }
        let first = self.peek();
        let start = self.at;
        match first {
            Some(b'"') => {
                self.string()?;
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number()?;
            }
            Some(b'{') => {
                self.at += 1;
                let mut is_first = true;
                while self.goes_on(b'}', &mut is_first)? {
                    self.string()?;
                    self.expect(b':', "':'")?;
                    self.value(depth + 1)?;
                }
            }
            Some(b'[') => {
                self.at += 1;
                let mut is_first = true;
                while self.goes_on(b']', &mut is_first)? {
                    self.value(depth + 1)?;
                }
            }
            Some(_) => {
                self.word()?;
            }
            None => return Err(self.fault("a value")),
        }
        Ok(&self.text[start..self.at])
    }

    /// Returns whether another member follows in an object or array that ends with `end`; takes the comma or the
    /// end.
    #[inline(always)]
    pub(crate) fn goes_on(&mut self, end: u8, is_first: &mut bool) -> Result<bool, Fault> {
        if self.takes(end) {
            return Ok(false);
        }
        if !std::mem::take(is_first) {
            self.expect(
                b',',
                if end == b'}' {
                    "',' or '}'"
                } else {
                    "',' or ']'"
                },
            )?;
        }
        Ok(true)
    }
}

/// Appends the text of a string; `raw` is the part between its quotes.
///
/// # Errors
/// The string has half of a surrogate pair.
pub(crate) fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut rest = raw;
    while let Some(place) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..place]);
        let length = match rest[place + 1] {
            b'u' => unescape_unicode(&rest[place..], out)?,
            letter => {
                out.push(match letter {
                    b'b' => 0x08,
                    b'f' => 0x0C,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    itself => itself,
                });
                2
            }
        };
        rest = &rest[place + length..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Appends the character of one escape, or of a surrogate pair, and returns the length of what it read.
fn unescape_unicode(text: &[u8], out: &mut Vec<u8>) -> Result<usize, Fault> {
    let unit = |text: &[u8]| match text {
        [b'\\', b'u', digits @ ..] => digits.get(..4).map(hexadecimal),
        _ => None,
    };
    let first = unit(text).unwrap_or_default();
    let (code, length) = match (first, unit(&text[6..])) {
        (0xD800..0xDC00, Some(second @ 0xDC00..0xE000)) => {
            (0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00), 12)
        }
        _ => (first, 6),
    };
    let letter = char::from_u32(code).ok_or_else(|| {
        Fault::new(format!(
            "'\\u{first:04x}' is half of a character (a lone surrogate)"
        ))
    })?;
    out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
    Ok(length)
}

fn hexadecimal(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |code, &digit| {
        code * 16 + (digit as char).to_digit(16).unwrap_or_default()
    })
}

#[cold]
pub(crate) fn too_deep() -> Fault {
    Fault::new(format!("nested deeper than {DEEPEST} levels"))
}

/// Appends a checked JSON text, without white space between its parts.
pub(crate) fn push_compact(text: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < text.len() {
        match text[at] {
            b' ' | b'\n' | b'\r' | b'\t' => at += 1,
            b'"' => {
                let start = at;
                at += 1;
                while text[at] != b'"' {
                    at += if text[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
                out.extend_from_slice(&text[start..at]);
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
}

/// Appends a checked JSON text, `bytes[range]`, as a field: like [`push_compact`], and in quotes if necessary.
pub(crate) fn push_nested(bytes: &[u8], range: Range<usize>, out: &mut Vec<u8>) {
    let text = &bytes[range.clone()];
    if memchr::memchr2(b',', b'"', text).is_none() {
        return push_compact(text, out);
    }
    if !seek::has_blank(text) {
        out.push(b'"');
        seek::push_doubled(bytes, range, out);
        out.push(b'"');
        return;
    }
    out.reserve(2 * text.len() + 32);
    out.push(b'"');
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b' ' | b'\n' | b'\r' | b'\t' => {}
            b'"' => {
                out.extend_from_slice(b"\"\"");
                at = push_string(text, at, out);
                out.extend_from_slice(b"\"\"");
            }
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

/// Appends the content of a string from `at` on, its quotes doubled, and returns the place after the string.
fn push_string(text: &[u8], mut at: usize, out: &mut Vec<u8>) -> usize {
    loop {
        let stop = at + seek::string_stop(&text[at..]).at;
        seek::push_wide(text, at..stop, out);
        match text.get(stop..) {
            Some([b'\\', b'"', ..]) => out.extend_from_slice(b"\\\"\""),
            Some([b'\\', other, ..]) => out.extend_from_slice(&[b'\\', *other]),
            _ => return stop + 1,
        }
        at = stop + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_value(text: &str) -> bool {
        let mut cursor = Cursor::new(text.as_bytes());
        cursor.value(0).and_then(|_| cursor.end()).is_ok()
    }

    #[test]
    fn values_are_those_of_the_standard() {
        for text in [
            "0",
            "-0",
            "1.50",
            "-1e5",
            "1E+05",
            "12.0e-3",
            "\"\"",
            "\"a\\u00e9\\n\\/\"",
            "null",
            "true",
            "false",
            "[]",
            "{}",
            " [ 1 , {\"a\" : [ ] } ] ",
            "\"é\"",
        ] {
            assert!(is_value(text), "{text}");
            assert!(serde_json::from_str::<serde_json::Value>(text).is_ok());
        }
        for text in [
            "",
            " ",
            "01",
            "1.",
            ".5",
            "-",
            "+1",
            "1e",
            "nul",
            "True",
            "[1,]",
            "[,1]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "{\"a\":1,}",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"a\nb\"",
            "1 2",
            "{]",
            "'a'",
            "NaN",
            "[1",
            "{\"a\":1",
        ] {
            assert!(!is_value(text), "{text}");
            assert!(
                serde_json::from_str::<serde_json::Value>(text).is_err(),
                "{text}"
            );
        }
        assert!(!is_value(&"[".repeat(100_000)));
    }

    #[test]
    fn strings_are_unescaped() {
        let said = |text: &str| {
            let mut out = Vec::new();
            let text = Cursor::new(text.as_bytes()).string().unwrap();
            unescape(text.raw, &mut out).map(|()| String::from_utf8(out).unwrap())
        };
        assert_eq!(
            said(r#""a\"\\\/\b\f\n\r\té""#).unwrap(),
            "a\"\\/\u{8}\u{c}\n\r\té"
        );
        assert_eq!(said(r#""\u00e9\ud83d\ude00x\u0000""#).unwrap(), "é😀x\0");
        for text in [r#""\ud83d""#, r#""\ude00""#, r#""\ud83d\u0041""#] {
            assert!(said(text).is_err(), "{text}");
        }
    }

    #[test]
    fn faults_show_the_place() {
        let fault = |text: &str| {
            let mut cursor = Cursor::new(text.as_bytes());
            cursor.value(0).unwrap_err().to_string()
        };
        assert_eq!(
            fault("[1 2]"),
            "not JSON: ',' or ']' is missing before '2]'"
        );
        assert_eq!(
            fault("{\"a\":"),
            "not JSON: it ends where a value should be"
        );
        assert_eq!(
            fault("{\"a\":tru},\n{\"a\":3}]"),
            "not JSON: a value is missing before 'tru}'"
        );
        assert_eq!(
            fault("[1 2\n,3]"),
            "not JSON: ',' or ']' is missing before '2'"
        );
        assert_eq!(fault("{\"a"), "not JSON: a string never ends");
    }

    #[test]
    fn white_space_goes_only_between_parts() {
        let mut out = Vec::new();
        let text = b"[ 1,\n {\"a b\" : \" \\\" x\", \"\":\"\\\\\"} ]";
        push_compact(text, &mut out);
        assert_eq!(out, b"[1,{\"a b\":\" \\\" x\",\"\":\"\\\\\"}]");
        for text in [
            &text[..],
            b"[1]",
            b" [ ] ",
            b"[1, 2]",
            b"[\"\\u00e9, x\"]",
            b"[\"a\",{\"\":\"\\\"\"}]",
        ] {
            let (mut compact, mut expected, mut found) = (vec![], vec![], vec![]);
            push_compact(text, &mut compact);
            crate::record::field::push_text(&compact, b',', &mut expected);
            push_nested(text, 0..text.len(), &mut found);
            assert_eq!(found, expected);
        }
    }
}
