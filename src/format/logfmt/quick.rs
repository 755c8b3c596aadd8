//! The fast path for a line of the usual kind: its keys are known from earlier lines, and nothing is wrong with it.
//! Whatever is in doubt is left to the slow path. What is accepted here is accepted there too, with the same
//! result.

use std::borrow::Cow;

use crate::bytes::seek;
use crate::format::shape::{Role, Shape};
use crate::format::wanted::{Extra, see};
use crate::record::field;
use crate::value::text::{looks_typed, push_typed_text};

use crate::format::logfmt::{Logfmt, quote_end, unescaped};

/// What was found under a key: its range in the line, and its kind.
#[derive(Clone, Copy, Default)]
struct Slot {
    start: u32,
    end: u32,
    kind: ValueKind,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum ValueKind {
    #[default]
    Absent,
    Empty,
    /// Unquoted, without quotes or commas.
    Bare,
    /// Unquoted, with quotes or commas.
    BareOther,
    /// In quotes, without commas or backslashes.
    Text,
    /// In quotes, with a comma, without backslashes.
    WithComma,
    Escaped,
}

/// What a thread keeps from line to line.
#[derive(Default)]
pub(crate) struct Quick {
    slots: Vec<Slot>,
    shape: Shape,
}

impl Logfmt {
    /// Implements [`crate::stream::Convert::usual`].
    #[inline(always)]
    pub(crate) fn quick(
        &self,
        quick: &mut Quick,
        unseen: &mut Vec<usize>,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        quick.slots.clear();
        quick.slots.resize(self.wanted.names.len(), Slot::default());
        let (mut at, mut guess) = (0, 0);
        loop {
            let rest = bytes.get(at..)?;
            let (role, length) = match quick.shape.find(rest, &mut guess) {
                Some(found) => found,
                None => self.other_key(&mut quick.shape, rest, &mut guess)?,
            };
            at += length;
            let (slot, behind) = value(bytes, at)?;
            match role {
                Role::Known(place) => {
                    let known = quick.slots.get_mut(place as usize)?;
                    if known.kind != ValueKind::Absent {
                        return None;
                    }
                    *known = slot;
                }
                Role::Unknown if self.wanted.extra == Extra::Ignore => {}
                Role::Unknown => return None,
            }
            at = behind;
            while bytes.get(at) == Some(&b' ') {
                at += 1;
            }
            let line_end = match bytes.get(at..)? {
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                _ if at > behind => continue,
                _ => return None,
            };
            self.write_slots(&quick.slots, bytes, out);
            see(unseen, |name| quick.slots[name].kind == ValueKind::Absent);
            return Some(at + line_end);
        }
    }

    /// Takes a key and its `=`, if the key is new or long.
    #[cold]
    #[inline(never)]
    fn other_key(
        &self,
        shape: &mut Shape,
        bytes: &[u8],
        guess: &mut usize,
    ) -> Option<(Role, usize)> {
        let is_end = |byte: &u8| *byte <= b' ' || matches!(*byte, b'=' | b'"');
        let length = bytes.iter().position(is_end)?;
        if length == 0 || bytes[length] != b'=' {
            return None;
        }
        let role = match self.keys.place(&bytes[..length]) {
            Some(place) => Role::Known(*self.keys.at(place)? as u32),
            None => Role::Unknown,
        };
        shape.learn(bytes, length + 1, role, guess);
        Some((role, length + 1))
    }

    fn write_slots(&self, slots: &[Slot], bytes: &[u8], out: &mut Vec<u8>) {
        for &pick in &self.wanted.picks {
            let slot = slots[pick];
            let range = slot.start as usize..slot.end as usize;
            let raw = &bytes[range.clone()];
            let text = match slot.kind {
                ValueKind::Escaped => unescaped(raw),
                _ => Cow::Borrowed(raw),
            };
            match slot.kind {
                _ if self.wanted.is_null(&text) => {}
                ValueKind::Absent | ValueKind::Empty => {}
                ValueKind::Bare => seek::push_wide(bytes, range, out),
                ValueKind::BareOther => field::push_text(raw, b',', out),
                ValueKind::Text if !raw.is_empty() && !looks_typed(raw) => {
                    seek::push_wide(bytes, range, out);
                }
                ValueKind::WithComma => {
                    out.push(b'"');
                    seek::push_wide(bytes, range, out);
                    out.push(b'"');
                }
                ValueKind::Text | ValueKind::Escaped => push_typed_text(&text, b',', out),
            }
            out.push(b',');
        }
        if self.wanted.extra == Extra::Column {
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
    }
}

/// Returns the value that begins here, and the place after it.
#[inline(always)]
fn value(bytes: &[u8], start: usize) -> Option<(Slot, usize)> {
    let slot = |start: usize, end: usize, kind| Slot {
        start: start as u32,
        end: end as u32,
        kind,
    };
    if bytes.get(start) == Some(&b'"') {
        let start = start + 1;
        let rest = bytes.get(start..)?;
        let stop = seek::string_stop(rest);
        let (length, kind) = match (rest.get(stop.at)?, stop.has_comma) {
            (b'"', false) => (stop.at, ValueKind::Text),
            (b'"', true) => (stop.at, ValueKind::WithComma),
            (b'\\', _) => {
                // The closing quote must not be looked for in the lines after this one.
                let line = &rest[..memchr::memchr(b'\n', rest)?];
                (quote_end(line)?, ValueKind::Escaped)
            }
            _ => return None,
        };
        return Some((slot(start, start + length, kind), start + length + 1));
    }
    let mut end = start + seek::word_stop(bytes.get(start..)?);
    let mut kind = ValueKind::Bare;
    while *bytes.get(end)? > b' ' {
        kind = ValueKind::BareOther;
        end += 1;
        end += seek::word_stop(bytes.get(end..)?);
    }
    if end == start {
        return Some((slot(0, 0, ValueKind::Empty), end));
    }
    Some((slot(start, end, kind), end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::wanted::WantedFields;
    use crate::stream::Convert;
    use proptest::prelude::*;

    fn logfmt(extra: Extra) -> Logfmt {
        Logfmt::new(WantedFields {
            names: ["level", "msg", "n"].map(str::to_owned).to_vec(),
            indexed: Vec::new(),
            picks: vec![2, 0, 1],
            sampled: None,
            extra,
            nulls: vec![b"NA".to_vec()],
        })
    }

    proptest! {
        #[test]
        fn both_ways_agree(
            lines in proptest::collection::vec(
                ("((level|msg|n|other|=|\"x)=?(\"[a-z ,\\\\é]{0,20}\"|[a-z0-9,.]{0,20}|NA|\"NA\"|\"1\")( |  |\t)?){1,5}",
                 "|[ \"=\\\\\t\ra]{0,2}"),
                1..6
            ),
            extra in proptest::sample::select(vec![Extra::Fail, Extra::Ignore, Extra::Column]),
        ) {
            let logfmt = logfmt(extra);
            let text: String = lines.iter().map(|(line, end)| format!("{line}{end}\n")).collect();
            let mut scratch = logfmt.scratch();
            let mut at = 0;
            for line in text.split_terminator('\n') {
                let rest = &text[at..];
                at += line.len() + 1;
                let bare = line.strip_suffix('\r').unwrap_or(line).as_bytes();
                let mut expected = Vec::new();
                let is_right = logfmt.unit(&mut logfmt.scratch(), bare, &mut expected).is_ok();
                let mut found = Vec::new();
                if let Some(length) = logfmt.usual(&mut scratch, rest.as_bytes(), &mut found) {
                    prop_assert!(is_right, "{}", rest);
                    prop_assert_eq!(length, line.len() + 1);
                    prop_assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected));
                }
            }
        }
    }

    #[test]
    fn usual_lines_go_the_quick_way() {
        let logfmt = logfmt(Extra::Ignore);
        let line = "other=1 level=info n=1,2  msg=\"say \\\"hi\\\", x\"\n";
        let mut found = Vec::new();
        let text = format!("{line}{line}");
        let length = logfmt.usual(&mut logfmt.scratch(), text.as_bytes(), &mut found);
        assert_eq!(length, Some(line.len()));
        assert_eq!(found, b"\"1,2\",info,\"say \"\"hi\"\", x\"\n");
    }
}
