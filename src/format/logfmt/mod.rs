//! logfmt: `level=info msg="it works" took=12ms`.

mod quick;

use std::borrow::Cow;
use std::ops::Range;

use crate::record::{Fault, field};
use crate::stream::{Convert, Summary};

use crate::format::entry::{Format, Read};
use crate::format::json::push_json_text;
use crate::format::keys::Keys;
use crate::format::picked::shown;
use crate::format::read::{Asked, Reader, Way};
use crate::format::wanted::{Extra, Keyed, Survey, WantedFields, repeated, see};
use crate::value::text::push_typed_text;
use quick::Quick;

/// logfmt's entry in the table of formats.
pub const FORMATS: &[Format] = &[Format {
    name: "logfmt",
    aliases: &[],
    endings: &[],
    flags: &[],
    takes_names: false,
    read: Read::Units(|_| Ok(Box::new(LogfmtLines))),
}];

struct LogfmtLines;

impl Reader for LogfmtLines {
    fn is_keyed(&self) -> bool {
        true
    }

    fn run(self: Box<Self>, asked: &Asked<'_>, way: Way<'_>) -> anyhow::Result<Summary> {
        asked.keyed::<LogfmtSurvey, _>(Logfmt::new, way)
    }
}

/// Converts logfmt lines to records. A bare word is a key whose value is `true`; an unquoted value may be a number,
/// a quoted one is text.
pub struct Logfmt {
    keys: Keys<usize>,
    wanted: WantedFields,
}

impl Logfmt {
    /// Prepares for these keys.
    pub fn new(wanted: WantedFields) -> Self {
        let mut keys = Keys::default();
        for (place, name) in wanted.names.iter().enumerate() {
            keys.find_or_insert(name.as_bytes(), || place);
        }
        Logfmt { keys, wanted }
    }
}

/// The keys of the first lines, in order of first appearance.
#[derive(Default)]
pub struct LogfmtSurvey {
    keys: Keys<()>,
}

impl Survey for LogfmtSurvey {
    fn look(&mut self, line: &[u8]) -> Result<(), Fault> {
        refuse_without_pairs(line)?;
        let all = |look: &mut dyn FnMut(&[u8])| {
            let mut pairs = Pairs { line, at: 0 };
            while let Some(pair) = pairs.next()? {
                look(pair.key);
            }
            Ok(())
        };
        all(&mut |_| {})?;
        all(&mut |key| {
            self.keys.find_or_insert(key, || ());
        })
    }

    fn names(&self) -> Result<Vec<String>, Fault> {
        self.keys
            .iter()
            .map(|(key, ())| {
                String::from_utf8(key.to_vec()).map_err(|_| {
                    let shown = String::from_utf8_lossy(key);
                    Fault::new(format!("the key '{shown}' is not valid UTF-8"))
                })
            })
            .collect()
    }
}

/// Refuses a line without `=`: each of its words could be a key, but it is not logfmt.
fn refuse_without_pairs(line: &[u8]) -> Result<(), Fault> {
    match memchr::memchr(b'=', line) {
        Some(_) => Ok(()),
        None => Err(Fault::new(format!("no key=value in {}", shown(line)))),
    }
}

/// One pair of a line.
struct Pair<'l> {
    key: &'l [u8],
    value: Cow<'l, [u8]>,
    is_quoted: bool,
}

struct Pairs<'l> {
    line: &'l [u8],
    at: usize,
}

impl<'l> Pairs<'l> {
    fn next(&mut self) -> Result<Option<Pair<'l>>, Fault> {
        let is_space = |byte: &u8| *byte <= b' ';
        let rest = &self.line[self.at..];
        let Some(start) = rest.iter().position(|byte| !is_space(byte)) else {
            return Ok(None);
        };
        let rest = &rest[start..];
        let is_end = |byte: &u8| is_space(byte) || *byte == b'=';
        let length = rest.iter().position(is_end).unwrap_or(rest.len());
        let key = &rest[..length];
        if key.is_empty() || key.contains(&b'"') {
            let line = shown(rest);
            return Err(Fault::new(format!("a key was expected before {line}")));
        }
        self.at += start + length;
        let (value, is_quoted, length) = match rest[length..] {
            [b'=', b'"', ref inner @ ..] => {
                let end = quote_end(inner)
                    .ok_or_else(|| Fault::new(format!("a quote never ends: {}", shown(rest))))?;
                if inner.get(end + 1).is_some_and(|byte| !is_space(byte)) {
                    let behind = shown(&inner[end + 1..]);
                    return Err(Fault::new(format!(
                        "a space was expected behind the quote, before {behind}"
                    )));
                }
                (unescaped(&inner[..end]), true, end + 3)
            }
            [b'=', ref bare @ ..] => {
                let end = bare.iter().position(is_space).unwrap_or(bare.len());
                (Cow::Borrowed(&bare[..end]), false, end + 1)
            }
            _ => (Cow::Borrowed(&b"true"[..]), false, 0),
        };
        self.at += length;
        Ok(Some(Pair {
            key,
            value,
            is_quoted,
        }))
    }
}

/// Returns where a quoted value ends; a backslash escapes the next byte.
fn quote_end(inner: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', inner.get(at..)?)?;
        if inner[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

/// Removes the backslashes that writers of logfmt add; others stay.
fn unescaped(raw: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(b'\\', raw).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut text = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(place) = memchr::memchr(b'\\', rest) {
        text.extend_from_slice(&rest[..place]);
        match rest.get(place + 1) {
            Some(b'n') => text.push(b'\n'),
            Some(b'r') => text.push(b'\r'),
            Some(b't') => text.push(b'\t'),
            Some(&itself @ (b'"' | b'\\')) => text.push(itself),
            Some(&other) => text.extend_from_slice(&[b'\\', other]),
            None => text.push(b'\\'),
        }
        rest = rest.get(place + 2..).unwrap_or_default();
    }
    text.extend_from_slice(rest);
    Cow::Owned(text)
}

/// What a thread keeps from line to line.
#[derive(Default)]
pub struct Scratch {
    /// The range in `text` of each known field, in the form that is written.
    fields: Vec<Option<Range<usize>>>,
    text: Vec<u8>,
    /// Unknown pairs as members of a JSON object.
    extra: Vec<u8>,
    quick: Quick,
    /// The names that no record had so far.
    unseen: Vec<usize>,
}

impl Keyed for Logfmt {
    fn unseen(scratch: &Scratch) -> &[usize] {
        &scratch.unseen
    }
}

impl Convert for Logfmt {
    type Scratch = Scratch;

    fn scratch(&self) -> Scratch {
        Scratch {
            unseen: self.wanted.unseen(),
            ..Scratch::default()
        }
    }

    #[inline]
    fn usual(&self, scratch: &mut Scratch, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        self.quick(&mut scratch.quick, &mut scratch.unseen, bytes, out)
    }

    fn unit(&self, scratch: &mut Scratch, line: &[u8], out: &mut Vec<u8>) -> Result<usize, Fault> {
        refuse_without_pairs(line)?;
        let Scratch {
            fields,
            text,
            extra,
            unseen,
            ..
        } = scratch;
        fields.clear();
        fields.resize(self.wanted.names.len(), None);
        text.clear();
        extra.clear();
        let (mut pairs, mut guess) = (Pairs { line, at: 0 }, 0);
        while let Some(pair) = pairs.next()? {
            let Some(&place) = self.keys.find(pair.key, &mut guess) else {
                self.unknown(&pair, extra)?;
                continue;
            };
            if fields[place].is_some() {
                return Err(repeated(&self.wanted.names[place]));
            }
            let start = text.len();
            self.write_value(&pair, text);
            fields[place] = Some(start..text.len());
        }
        for &pick in &self.wanted.picks {
            if let Some(range) = &fields[pick] {
                out.extend_from_slice(&text[range.clone()]);
            }
            out.push(b',');
        }
        if self.wanted.extra == Extra::Column {
            if !extra.is_empty() {
                extra.insert(0, b'{');
                extra.push(b'}');
                field::push_text(extra, b',', out);
            }
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
        see(unseen, |name| fields[name].is_none());
        Ok(line.len())
    }
}

impl Logfmt {
    fn write_value(&self, pair: &Pair<'_>, out: &mut Vec<u8>) {
        if self.wanted.is_null(&pair.value) {
            return;
        }
        match (pair.is_quoted, pair.value.is_empty()) {
            (true, _) => push_typed_text(&pair.value, b',', out),
            (false, true) => {}
            (false, false) => field::push_text(&pair.value, b',', out),
        }
    }

    fn unknown(&self, pair: &Pair<'_>, extra: &mut Vec<u8>) -> Result<(), Fault> {
        match self.wanted.extra {
            Extra::Ignore => {}
            Extra::Fail => return Err(self.wanted.unknown(pair.key)),
            Extra::Column => {
                if !extra.is_empty() {
                    extra.push(b',');
                }
                push_json_text(pair.key, extra);
                extra.push(b':');
                push_json_text(&pair.value, extra);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(names: &[&str], extra: Extra, line: &str) -> Result<String, String> {
        let logfmt = Logfmt::new(WantedFields {
            names: names.iter().map(|name| name.to_string()).collect(),
            picks: (0..names.len()).collect(),
            indexed: Vec::new(),
            sampled: Some(1000),
            extra,
            nulls: Vec::new(),
        });
        let mut out = Vec::new();
        logfmt
            .unit(&mut logfmt.scratch(), line.as_bytes(), &mut out)
            .map_err(|fault| fault.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn pairs_of_all_kinds() {
        let names = ["level", "msg", "took", "code", "empty", "none", "flag"];
        let line =
            r#"level=info  took=12 msg="say \"hi\", \\ \u00e9" code="12" empty="" none= flag"#;
        assert_eq!(
            converted(&names, Extra::Fail, line).unwrap(),
            "info,\"say \"\"hi\"\", \\ \\u00e9\",12,\"12\",\"\",,true\n"
        );
        assert_eq!(converted(&["a"], Extra::Ignore, "b=1 a=2").unwrap(), "2\n");
        assert_eq!(
            converted(&["a"], Extra::Column, "b=1 a=2 c=\"x\"").unwrap(),
            "2,\"{\"\"b\"\":\"\"1\"\",\"\"c\"\":\"\"x\"\"}\"\n"
        );
    }

    #[test]
    fn other_lines_are_faults() {
        for (line, fault) in [
            (
                "b=1",
                "the key 'b' is not among those of the first 1,000 records",
            ),
            ("a=1 a=2", "the key 'a' stands twice"),
            ("hello world", "no key=value in 'hello world'"),
            ("a=\"x", "a quote never ends: 'a=\"x'"),
            (
                "a=\"x\"y",
                "a space was expected behind the quote, before 'y'",
            ),
            ("a=1 =2", "a key was expected before '=2'"),
        ] {
            let found = converted(&["a"], Extra::Fail, line).unwrap_err();
            assert!(found.starts_with(fault), "{found}");
        }
    }

    #[test]
    fn keys_come_in_order() {
        let mut survey = LogfmtSurvey::default();
        survey.look(b"a=1 b=\"x y=2\"").unwrap();
        survey.look(b"c b=1").unwrap();
        assert!(survey.look(b"d=1 e=\"").is_err());
        assert!(survey.look(b"d e").is_err());
        assert_eq!(survey.names().unwrap(), ["a", "b", "c"]);
    }
}
