//! JSON Lines, consecutive JSON values, and the elements of a JSON array.
//!
//! Objects within objects become columns `a.b`; an array is written as JSON text, and `a[0]` is its first element,
//! unless a key has that very name. Numbers keep their spelling, except that `1e5` becomes `1e+5`. Text that looks
//! like a number is quoted.

mod cursor;
mod path;
mod quick;
mod survey;
mod tree;

use std::borrow::Cow;

use crate::bytes::seek;
use crate::record::{Fault, field};
use crate::stream::{Convert, Framing, Summary};

use crate::format::entry::{Format, Read};
use crate::format::read::{Asked, Reader, Way};
use crate::format::shape::Shape;
use crate::format::wanted::{Extra, Keyed, WantedFields, repeated, see};
use crate::value::text::{looks_typed, push_typed_text};
use cursor::{Cursor, DEEPEST, push_compact, push_nested, too_deep, unescape};
use path::PathStep;
use quick::Quick;
pub use survey::JsonSurvey;
use tree::Node;

/// JSON's entries in the table of formats.
pub const FORMATS: &[Format] = &[
    Format {
        name: "json",
        aliases: &[],
        endings: &["json"],
        flags: &[],
        takes_names: false,
        read: Read::Units(|_| Ok(Box::new(Values(Framing::Values)))),
    },
    Format {
        name: "jsonl",
        aliases: &["ndjson"],
        endings: &["jsonl", "ndjson", "jsonlines"],
        flags: &[],
        takes_names: false,
        read: Read::Units(|_| Ok(Box::new(Values(Framing::Lines)))),
    },
];

/// JSON in lines or as values.
struct Values(Framing);

impl Reader for Values {
    fn framing(&self) -> Framing {
        self.0
    }

    fn is_keyed(&self) -> bool {
        true
    }

    fn has_paths(&self) -> bool {
        true
    }

    fn refuses_resume(&self) -> Option<&'static str> {
        (self.0 == Framing::Values).then_some(
            "--resume goes on behind the last whole line, and a JSON document has none; JSON Lines (--from jsonl) can be read on",
        )
    }

    fn run(self: Box<Self>, asked: &Asked<'_>, way: Way<'_>) -> anyhow::Result<Summary> {
        asked.keyed::<JsonSurvey, _>(|wanted| Json::new(wanted, self.0), way)
    }
}

/// Converts JSON objects to records.
pub struct Json {
    tree: Node,
    wanted: WantedFields,
    framing: Framing,
    /// The name of each slot: first those of all names, then those of paths with indexes.
    slots: Vec<String>,
    /// For each name, the slot of its path with indexes, which counts if no key has that name.
    others: Vec<Option<usize>>,
}

impl Json {
    /// Prepares for these paths, in lines or other values.
    pub fn new(wanted: WantedFields, framing: Framing) -> Self {
        let mut paths: Vec<_> = wanted.names.iter().map(|name| path::keys(name)).collect();
        let mut slots = wanted.names.clone();
        let others = wanted.names.iter().zip(&wanted.indexed);
        let others = others
            .map(|(name, is_indexed)| {
                let path = is_indexed.then(|| path::with_indexes(name)).flatten()?;
                paths.push(path);
                slots.push(name.clone());
                Some(slots.len() - 1)
            })
            .collect();
        Json {
            tree: Node::of(&paths),
            wanted,
            framing,
            slots,
            others,
        }
    }
}

/// What was found at a path: its range in the unit, and its kind.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    start: u32,
    end: u32,
    kind: ValueKind,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ValueKind {
    #[default]
    Absent,
    Null,
    /// A number, `true` or `false`.
    Plain,
    /// A number without a point whose exponent has no sign. The stream writes a sign: `1e5` becomes `1e+5`.
    Bare,
    /// Text without backslashes or commas.
    Text,
    /// Text with a comma, without backslashes.
    WithComma,
    /// Text with backslashes.
    Escaped,
    /// An array or object.
    Nested,
}

impl ValueKind {
    fn of_number(number: &[u8]) -> Self {
        let is_exponent = |byte: &u8| byte | 0x20 == b'e';
        let exponent = number.iter().position(is_exponent);
        let is_bare = exponent.is_some_and(|at| number[at + 1].is_ascii_digit());
        match is_bare && memchr::memchr(b'.', number).is_none() {
            true => ValueKind::Bare,
            false => ValueKind::Plain,
        }
    }
}

/// Appends a number with a plus after its `e`.
fn push_bare(number: &[u8], out: &mut Vec<u8>) {
    for &byte in number {
        out.push(byte);
        if byte | 0x20 == b'e' {
            out.push(b'+');
        }
    }
}

/// What a thread keeps from record to record.
#[derive(Default)]
pub struct Scratch {
    slots: Vec<Slot>,
    /// Names and values of unknown keys, as members of an object.
    extra: Vec<u8>,
    text: Vec<u8>,
    /// The shape of each node, by its number.
    shapes: Vec<Shape>,
    /// The names that no record had so far.
    unseen: Vec<usize>,
}

impl Keyed for Json {
    fn unseen(scratch: &Scratch) -> &[usize] {
        &scratch.unseen
    }
}

impl Convert for Json {
    type Scratch = Scratch;

    fn scratch(&self) -> Scratch {
        Scratch {
            unseen: self.wanted.unseen(),
            ..Scratch::default()
        }
    }

    fn unit(&self, scratch: &mut Scratch, unit: &[u8], out: &mut Vec<u8>) -> Result<usize, Fault> {
        scratch.clear(self.slots.len());
        let mut walk = Walk {
            json: self,
            unit,
            cursor: Cursor::new(unit),
            scratch,
        };
        if walk.cursor.peek() != Some(b'{') {
            return Err(no_object(walk.cursor, self.framing));
        }
        walk.object(&self.tree, None, 0)?;
        let length = walk.cursor.place();
        if self.framing == Framing::Lines {
            walk.cursor.end()?;
        }
        self.write(scratch, unit, out)?;
        Ok(length)
    }

    #[inline]
    fn usual(&self, scratch: &mut Scratch, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        if bytes.first() != Some(&b'{') {
            return None;
        }
        scratch.clear(self.slots.len());
        let mut quick = Quick::new(self, bytes, scratch);
        quick.object(&self.tree, 0)?;
        let place = quick.place();
        let line_end = match (self.framing, bytes.get(place..)?) {
            (Framing::Lines, [b'\n', ..]) => 1,
            (Framing::Lines, [b'\r', b'\n', ..]) => 2,
            (Framing::Lines, _) => return None,
            _ => 0,
        };
        self.write(scratch, bytes, out).ok()?;
        Some(place + line_end)
    }
}

impl Scratch {
    fn clear(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.resize(slots, Slot::default());
        self.extra.clear();
    }
}

/// Returns the fault of a value that is not an object: it is another value, or not JSON.
#[cold]
fn no_object(mut cursor: Cursor<'_>, framing: Framing) -> Fault {
    let whole = cursor.value(0).and_then(|_| match framing {
        Framing::Lines => cursor.end(),
        _ => Ok(()),
    });
    match whole {
        Ok(()) => Fault::new("a record is an object, such as {\"id\": 1}; this is another value"),
        Err(fault) => fault,
    }
}

impl Json {
    /// Appends the record of the slots, whose ranges are those of `bytes`.
    fn write(&self, scratch: &mut Scratch, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
        let Scratch { slots, text, .. } = scratch;
        for &pick in &self.wanted.picks {
            let slot = self.slot(slots, pick);
            let range = slot.start as usize..slot.end as usize;
            match slot.kind {
                ValueKind::Absent | ValueKind::Null => {}
                ValueKind::Plain => seek::push_wide(bytes, range, out),
                ValueKind::Bare => push_bare(&bytes[range], out),
                // It has no quote or line end either: those would have been escaped.
                ValueKind::Text if !range.is_empty() => {
                    let raw = &bytes[range.clone()];
                    if !self.wanted.is_null(raw) {
                        match looks_typed(raw) {
                            true => field::push_quoted(raw, out),
                            false => seek::push_wide(bytes, range, out),
                        }
                    }
                }
                ValueKind::WithComma if !self.wanted.is_null(&bytes[range.clone()]) => {
                    out.push(b'"');
                    seek::push_wide(bytes, range, out);
                    out.push(b'"');
                }
                ValueKind::Text | ValueKind::WithComma => self.write_text(&bytes[range], out),
                ValueKind::Escaped => {
                    text.clear();
                    unescape(&bytes[range], text)?;
                    self.write_text(text, out);
                }
                ValueKind::Nested => push_nested(bytes, range, out),
            }
            out.push(b',');
        }
        if self.wanted.extra == Extra::Column {
            if !scratch.extra.is_empty() {
                scratch.extra.insert(0, b'{');
                scratch.extra.push(b'}');
                field::push_text(&scratch.extra, b',', out);
            }
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
        let is_absent = |name| self.slot(&scratch.slots, name).kind == ValueKind::Absent;
        see(&mut scratch.unseen, is_absent);
        Ok(())
    }

    /// Returns what was found for a name: under its key, else on its path.
    #[inline(always)]
    fn slot(&self, slots: &[Slot], name: usize) -> Slot {
        match slots[name] {
            slot if slot.kind != ValueKind::Absent => slot,
            slot => match self.others.get(name) {
                Some(Some(other)) => slots[*other],
                _ => slot,
            },
        }
    }

    #[inline]
    fn write_text(&self, text: &[u8], out: &mut Vec<u8>) {
        if !self.wanted.is_null(text) {
            push_typed_text(text, b',', out);
        }
    }
}

/// Where a value is: its key or its index in an array, and those above it.
struct Above<'a> {
    step: PathStep<&'a [u8]>,
    above: Option<&'a Above<'a>>,
}

impl Above<'_> {
    fn push(&self, path: &mut Vec<u8>) {
        if let Some(above) = self.above {
            above.push(path);
        }
        match self.step {
            PathStep::Key(key) => {
                if self.above.is_some() {
                    path.push(b'.');
                }
                path.extend_from_slice(key);
            }
            PathStep::Index(place) => path.extend_from_slice(format!("[{place}]").as_bytes()),
        }
    }
}

/// One pass through a unit.
struct Walk<'w, 'u> {
    json: &'w Json,
    unit: &'u [u8],
    cursor: Cursor<'u>,
    scratch: &'w mut Scratch,
}

impl<'u> Walk<'_, 'u> {
    fn object(
        &mut self,
        node: &Node,
        above: Option<&Above<'_>>,
        depth: usize,
    ) -> Result<(), Fault> {
        if depth > DEEPEST {
            return Err(too_deep());
        }
        self.cursor.expect(b'{', "'{'")?;
        let (mut is_first, mut guess) = (true, 0);
        while self.cursor.goes_on(b'}', &mut is_first)? {
            self.cursor.peek();
            if let Some((key, child)) = node.child_at(guess)
                && self.cursor.takes_key(key)
            {
                guess += 1;
                let step = PathStep::Key(key);
                self.known(child, &Above { step, above }, depth)?;
                continue;
            }
            let key = self.cursor.string()?;
            self.cursor.expect(b':', "':'")?;
            let mut content = Cow::Borrowed(key.raw);
            if key.is_escaped {
                let mut unescaped = Vec::new();
                unescape(key.raw, &mut unescaped)?;
                content = Cow::Owned(unescaped);
            }
            let here = Above {
                step: PathStep::Key(&content),
                above,
            };
            match node.child(&content, &mut guess) {
                Some(child) => self.known(child, &here, depth)?,
                None => self.unknown(&here, depth)?,
            }
        }
        Ok(())
    }

    /// Reads the value of a known key.
    #[inline]
    fn known(&mut self, node: &Node, here: &Above<'_>, depth: usize) -> Result<(), Fault> {
        let first = self.cursor.peek();
        if first == Some(b'{') {
            return self.nested(node, here, depth);
        }
        if first == Some(b'[') && node.has_elements() {
            return self.elements(node, here, depth);
        }
        let Some(slot) = node.slot else {
            return self.unknown(here, depth);
        };
        let (raw, kind) = match first {
            Some(b'"') => {
                let text = self.cursor.string()?;
                let kind = match (text.is_escaped, text.has_comma) {
                    (true, _) => ValueKind::Escaped,
                    (_, true) => ValueKind::WithComma,
                    _ => ValueKind::Text,
                };
                (text.raw, kind)
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = self.cursor.number()?;
                (number, ValueKind::of_number(number))
            }
            Some(b'[') => (self.cursor.value(depth + 1)?, ValueKind::Nested),
            _ => match self.cursor.word()? {
                b"null" => (&b""[..], ValueKind::Null),
                word => (word, ValueKind::Plain),
            },
        };
        self.fill(slot, raw, kind)
    }

    /// Reads an object under a known key: as a column if the user asked for it, else as its members.
    fn nested(&mut self, node: &Node, here: &Above<'_>, depth: usize) -> Result<(), Fault> {
        let mut ahead = self.cursor.clone();
        let is_empty = ahead.takes(b'{') && ahead.takes(b'}');
        let is_asked = self.json.wanted.sampled.is_none();
        match node.slot {
            Some(slot) if is_empty || is_asked => {
                let mut whole = self.cursor.clone();
                let raw = whole.value(depth + 1)?;
                self.fill(slot, raw, ValueKind::Nested)?;
                if is_empty || node.is_leaf() {
                    self.cursor = whole;
                    return Ok(());
                }
            }
            _ => {}
        }
        self.object(node, Some(here), depth + 1)
    }

    /// Reads an array of which some elements are known.
    fn elements(&mut self, node: &Node, here: &Above<'_>, depth: usize) -> Result<(), Fault> {
        if let Some(slot) = node.slot {
            let raw = self.cursor.clone().value(depth + 1)?;
            self.fill(slot, raw, ValueKind::Nested)?;
        }
        self.cursor.expect(b'[', "'['")?;
        let (mut is_first, mut place) = (true, 0);
        while self.cursor.goes_on(b']', &mut is_first)? {
            let here = Above {
                step: PathStep::Index(place),
                above: Some(here),
            };
            match node.element(place) {
                Some(child) => self.known(child, &here, depth + 1)?,
                None if node.slot.is_some() => {
                    self.cursor.value(depth + 2)?;
                }
                None => self.unknown(&here, depth + 1)?,
            }
            place += 1;
        }
        Ok(())
    }

    #[inline]
    fn fill(&mut self, slot: u32, raw: &'u [u8], kind: ValueKind) -> Result<(), Fault> {
        let place = &mut self.scratch.slots[slot as usize];
        if place.kind != ValueKind::Absent {
            return Err(repeated(&self.json.slots[slot as usize]));
        }
        let start = match raw.is_empty() {
            true => 0,
            false => (raw.as_ptr() as usize - self.unit.as_ptr() as usize) as u32,
        };
        *place = Slot {
            start,
            end: start + raw.len() as u32,
            kind,
        };
        Ok(())
    }

    /// Reads the value of an unknown key. Null counts as absent.
    fn unknown(&mut self, here: &Above<'_>, depth: usize) -> Result<(), Fault> {
        self.cursor.peek();
        let value = self.cursor.value(depth + 1)?;
        let extra = self.json.wanted.extra;
        if extra == Extra::Ignore || value == b"null" {
            return Ok(());
        }
        let mut path = Vec::new();
        here.push(&mut path);
        if extra == Extra::Fail {
            return Err(self.json.wanted.unknown(&path));
        }
        let members = &mut self.scratch.extra;
        if !members.is_empty() {
            members.push(b',');
        }
        push_json_text(&path, members);
        members.push(b':');
        push_compact(value, members);
        Ok(())
    }
}

/// Appends text as a JSON string.
pub(crate) fn push_json_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..0x20 => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests;
