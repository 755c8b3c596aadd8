//! The fast path for an object of the usual kind: its keys are known from earlier records, and nothing is wrong
//! with it. Whatever is in doubt is left to [`crate::format::json::Walk`], which judges and words the faults. What
//! is accepted here is accepted there too, with the same result.

use crate::bytes::seek;
use crate::format::shape::{Role, Shape};
use crate::format::wanted::Extra;
use crate::stream::Framing;

use crate::format::json::cursor::Cursor;
use crate::format::json::tree::Node;
use crate::format::json::{Json, Scratch, Slot, ValueKind};

/// Deeper nesting is left to the slow path.
const DEEPEST: u32 = 60;

pub(crate) struct Quick<'w, 'u> {
    json: &'w Json,
    bytes: &'u [u8],
    at: usize,
    slots: &'w mut [Slot],
    shapes: &'w mut Vec<Shape>,
    /// Whether a line end is white space.
    is_over_lines: bool,
}

impl<'w, 'u> Quick<'w, 'u> {
    /// Starts at the beginning of `bytes`, which continue after the unit.
    #[inline(always)]
    pub(crate) fn new(json: &'w Json, bytes: &'u [u8], scratch: &'w mut Scratch) -> Self {
        Quick {
            json,
            bytes,
            at: 0,
            slots: &mut scratch.slots,
            shapes: &mut scratch.shapes,
            is_over_lines: json.framing == Framing::Values,
        }
    }

    /// Returns how many bytes were read.
    #[inline(always)]
    pub(crate) fn place(&self) -> usize {
        self.at
    }

    /// Skips white space, and returns the next byte, which stays.
    #[inline(always)]
    fn token(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        match byte {
            0..=b' ' => self.token_behind(),
            _ => Some(byte),
        }
    }

    #[inline(never)]
    fn token_behind(&mut self) -> Option<u8> {
        loop {
            match *self.bytes.get(self.at)? {
                b' ' | b'\t' => self.at += 1,
                b'\n' | b'\r' if self.is_over_lines => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Reads the object whose brace is here.
    pub(crate) fn object(&mut self, node: &Node, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        self.at += 1;
        let mut guess = 0;
        if self.token()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let role = self.key(node, &mut guess)?;
            let first = self.token()?;
            match role {
                Role::Known(place) => self.known(node.at(place as usize)?, first, depth)?,
                Role::Unknown => self.unknown(first, depth)?,
            }
            match self.token()? {
                b',' => {
                    self.at += 1;
                    self.token()?;
                }
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    /// Takes a key and its colon.
    #[inline(always)]
    fn key(&mut self, node: &Node, guess: &mut usize) -> Option<Role> {
        let rest = self.bytes.get(self.at..)?;
        let shape = self.shapes.get(node.number);
        match shape.and_then(|shape| shape.find(rest, guess)) {
            Some((role, length)) => {
                self.at += length;
                Some(role)
            }
            None => self.other_key(node, guess),
        }
    }

    /// Takes a key that is new, is long, or is not directly followed by its colon.
    #[cold]
    #[inline(never)]
    fn other_key(&mut self, node: &Node, guess: &mut usize) -> Option<Role> {
        let start = self.at;
        if self.token()? != b'"' || self.string()? == ValueKind::Escaped {
            return None;
        }
        let end = self.at;
        if self.token()? != b':' {
            return None;
        }
        self.at += 1;
        let key = &self.bytes[start + 1..end - 1];
        let role = match node.place(key) {
            Some(place) => Role::Known(place as u32),
            // A key with dots may name a node further down.
            None if memchr::memchr(b'.', key).is_some() => return None,
            None => Role::Unknown,
        };
        if self.at == end + 1 {
            if self.shapes.len() <= node.number {
                self.shapes.resize(node.number + 1, Shape::default());
            }
            self.shapes[node.number].learn(&self.bytes[start..], self.at - start, role, guess);
        }
        Some(role)
    }

    /// Reads the value of a known key.
    #[inline(always)]
    fn known(&mut self, node: &Node, first: u8, depth: u32) -> Option<()> {
        let Some(slot) = node.slot else {
            return match first {
                b'{' => self.object(node, depth + 1),
                b'[' if node.has_elements() => self.elements(node, depth + 1),
                _ => self.unknown(first, depth),
            };
        };
        let start = self.at;
        let kind = match first {
            b'"' => self.string()?,
            b'{' => match self.nested(node, depth)? {
                true => ValueKind::Nested,
                false => return Some(()),
            },
            b'[' => {
                self.brackets(depth + 1)?;
                if node.has_elements() {
                    let end = std::mem::replace(&mut self.at, start);
                    self.elements(node, depth + 1)?;
                    debug_assert_eq!(self.at, end);
                }
                ValueKind::Nested
            }
            b'n' => {
                self.word(first)?;
                ValueKind::Null
            }
            b'-' | b'0'..=b'9' => self.number()?,
            _ => {
                self.word(first)?;
                ValueKind::Plain
            }
        };
        let quote = usize::from(first == b'"');
        let place = self.slots.get_mut(slot as usize)?;
        if place.kind != ValueKind::Absent {
            return None;
        }
        *place = Slot {
            start: (start + quote) as u32,
            end: (self.at - quote) as u32,
            kind,
        };
        Some(())
    }

    /// Reads the array whose bracket is here, and of which some elements are known.
    #[inline(never)]
    fn elements(&mut self, node: &Node, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        self.at += 1;
        if self.token()? == b']' {
            self.at += 1;
            return Some(());
        }
        for place in 0.. {
            let first = self.token()?;
            match (node.element(place), first) {
                (Some(child), _) => self.known(child, first, depth)?,
                (None, b'{' | b'[') if node.slot.is_some() => self.brackets(depth + 1)?,
                (None, _) if node.slot.is_some() => self.scalar(first)?,
                (None, _) => self.unknown(first, depth)?,
            }
            let next = self.token()?;
            self.at += 1;
            match next {
                b',' => {}
                b']' => return Some(()),
                _ => return None,
            }
        }
        None
    }

    /// Reads an object under a key that has a column; returns whether the column holds all of it.
    fn nested(&mut self, node: &Node, depth: u32) -> Option<bool> {
        let start = self.at;
        self.at += 1;
        if self.token()? == b'}' {
            self.at += 1;
            return Some(true);
        }
        self.at = start;
        match (self.json.wanted.sampled, node.is_leaf()) {
            (None, true) => self.brackets(depth + 1).map(|()| true),
            (Some(_), false) => self.object(node, depth + 1).map(|()| false),
            _ => None,
        }
    }

    /// Reads the value of an unknown key.
    #[inline(always)]
    fn unknown(&mut self, first: u8, depth: u32) -> Option<()> {
        if self.json.wanted.extra != Extra::Ignore && first != b'n' {
            return None;
        }
        match first {
            b'{' | b'[' => self.brackets(depth + 1),
            _ => self.scalar(first),
        }
    }

    /// Reads a string, number or word.
    #[inline(always)]
    fn scalar(&mut self, first: u8) -> Option<()> {
        match first {
            b'"' => self.string().map(|_| ()),
            b'-' | b'0'..=b'9' => self.number().map(|_| ()),
            _ => self.word(first),
        }
    }

    /// Reads a string, and returns whether it has commas or escapes.
    #[inline(always)]
    fn string(&mut self) -> Option<ValueKind> {
        let stop = seek::string_stop(self.bytes.get(self.at + 1..)?);
        self.at += 1 + stop.at;
        if *self.bytes.get(self.at)? != b'"' {
            return self.escaped();
        }
        self.at += 1;
        Some(match stop.has_comma {
            true => ValueKind::WithComma,
            false => ValueKind::Text,
        })
    }

    /// Reads the rest of a string from a backslash on.
    #[inline(never)]
    fn escaped(&mut self) -> Option<ValueKind> {
        loop {
            match *self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => {
                    let mut cursor = Cursor::at(self.bytes, self.at);
                    cursor.escape().ok()?;
                    self.at = cursor.place();
                }
                _ => return None,
            }
            self.at += seek::string_stop(self.bytes.get(self.at..)?).at;
        }
        self.at += 1;
        Some(ValueKind::Escaped)
    }

    #[inline(always)]
    fn number(&mut self) -> Option<ValueKind> {
        match seek::plain_number(self.bytes.get(self.at..)?) {
            0 => self.other_number(),
            length => {
                self.at += length;
                Some(ValueKind::Plain)
            }
        }
    }

    #[inline(never)]
    fn other_number(&mut self) -> Option<ValueKind> {
        let mut cursor = Cursor::at(self.bytes, self.at);
        let number = cursor.number().ok()?;
        self.at = cursor.place();
        Some(ValueKind::of_number(number))
    }

    #[inline(always)]
    fn word(&mut self, first: u8) -> Option<()> {
        let word: &[u8] = match first {
            b't' => b"true",
            b'n' => b"null",
            b'f' => b"false",
            _ => return None,
        };
        let is_there = self.bytes.get(self.at..)?.starts_with(word);
        self.at += word.len();
        is_there.then_some(())
    }

    /// Checks an object or array of which nothing is kept.
    fn brackets(&mut self, depth: u32) -> Option<()> {
        // A bit for each open one, the innermost lowest: whether it is an object.
        let (mut objects, mut open) = (0u64, 0);
        loop {
            let first = self.token()?;
            match first {
                b'{' | b'[' => {
                    self.at += 1;
                    open += 1;
                    if open + depth > DEEPEST {
                        return None;
                    }
                    objects = objects << 1 | u64::from(first == b'{');
                    // In ASCII, `]` and `}` are two after `[` and `{`.
                    let next = self.token()?;
                    if next != first + 2 {
                        if first == b'{' {
                            self.any_key(next)?;
                        }
                        continue;
                    }
                }
                _ => self.scalar(first)?,
            }
            loop {
                let next = self.token()?;
                if next == b',' && open > 0 {
                    self.at += 1;
                    let first = self.token()?;
                    if objects & 1 == 1 {
                        self.any_key(first)?;
                    }
                    break;
                }
                let end = if objects & 1 == 1 { b'}' } else { b']' };
                if next != end || open == 0 {
                    return None;
                }
                self.at += 1;
                objects >>= 1;
                open -= 1;
                if open == 0 {
                    return Some(());
                }
            }
        }
    }

    /// Takes a key that does not matter, and its colon.
    #[inline(always)]
    fn any_key(&mut self, first: u8) -> Option<()> {
        if first != b'"' {
            return None;
        }
        self.string()?;
        if self.token()? != b':' {
            return None;
        }
        self.at += 1;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::wanted::WantedFields;
    use crate::stream::Convert;
    use proptest::prelude::*;
    use proptest::sample::{Index, select};

    fn blank() -> impl Strategy<Value = &'static str> {
        prop_oneof![12 => Just(""), 2 => Just(" "), 1 => select(vec!["\t", "  ", "\r", "\n", "\r\n"])]
    }

    fn scalar() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => select(vec!["null", "true", "false", "0", "-1.50", "12", "1e5", "\"\"", "\"12\"", "\"NA\""])
                .prop_map(str::to_owned),
            2 => "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,18})?([eE][-+]?[0-9]{1,2})?",
            4 => "\"[a-z ,:{}é-]{0,40}\"",
            2 => "\"([a-z]|\\\\[bfnrt\"/\\\\]|\\\\u00[0-9a-f]{2}|\\\\ud83d\\\\ude00){0,12}\"",
            1 => "[0-9a-z.eE\"\\\\-]{0,6}",
        ]
    }

    fn key() -> impl Strategy<Value = String> {
        let known = vec![
            "id",
            "user",
            "name",
            "meta",
            "at",
            "n",
            "user.name",
            "other",
            "id[0]",
            "meta[0].n",
        ];
        prop_oneof![
            12 => select(known).prop_map(|key| format!("\"{key}\"")),
            1 => "\"[a-z\\\\.]{0,40}\"",
        ]
    }

    fn value() -> impl Strategy<Value = String> {
        scalar().prop_recursive(4, 24, 5, |inner| {
            let member = (blank(), key(), blank(), blank(), inner.clone(), blank());
            let member =
                member.prop_map(|(a, key, b, c, value, d)| format!("{a}{key}{b}:{c}{value}{d}"));
            let item = (blank(), inner, blank()).prop_map(|(a, value, b)| format!("{a}{value}{b}"));
            prop_oneof![
                2 => (blank(), proptest::collection::vec(member, 0..5))
                    .prop_map(|(a, members)| format!("{{{a}{}}}", members.join(","))),
                1 => (blank(), proptest::collection::vec(item, 0..4))
                    .prop_map(|(a, items)| format!("[{a}{}]", items.join(","))),
            ]
        })
    }

    fn object() -> impl Strategy<Value = String> {
        let member =
            (key(), blank(), value()).prop_map(|(key, a, value)| format!("{key}:{a}{value}"));
        proptest::collection::vec(member, 0..6)
            .prop_map(|members| format!("{{{}}}", members.join(",")))
    }

    /// A change that may make a text wrong.
    fn harm() -> impl Strategy<Value = Option<(Index, u8, u8)>> {
        let byte = select(b"\"\\{}[]:,0-.e nt\n\r\x01\xFFa".to_vec());
        prop_oneof![
            1 => Just(None),
            1 => (any::<Index>(), 0..3u8, byte).prop_map(Some)
        ]
    }

    fn harmed(text: String, harm: Option<(Index, u8, u8)>) -> Vec<u8> {
        let mut bytes = text.into_bytes();
        if let Some((place, how, byte)) = harm {
            let place = place.index(bytes.len());
            match how {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => drop(bytes.remove(place)),
            }
        }
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1500))]

        /// What the fast path accepts, the slow path accepts too, with the same bytes and length.
        #[test]
        fn both_ways_agree(
            units in proptest::collection::vec((object(), harm()), 1..6),
            is_over_lines in any::<bool>(),
            sampled in select(vec![None, Some(7)]),
            extra in select(vec![Extra::Fail, Extra::Ignore, Extra::Column]),
            names in select(vec![
                &["id", "user.name", "meta", "n"][..], &["user", "user.name", "id"], &["at.n", "meta.user", "user"],
                &["id[0]", "meta[0].n", "meta[1]", "meta", "user.name[0][1]"], &["n[0][0]", "user[1].id[0]", "n[2]"],
            ]),
            end in select(vec!["\n", "\r\n", " \n", ""]),
            behind in select(vec![0usize, 100]),
        ) {
            let framing = if is_over_lines { Framing::Lines } else { Framing::Values };
            let wanted = WantedFields {
                names: names.iter().map(|name| name.to_string()).collect(),
                indexed: names.iter().map(|_| sampled.is_none()).collect(),
                picks: (0..names.len()).rev().collect(),
                sampled,
                extra,
                nulls: vec![b"NA".to_vec()],
            };
            let json = Json::new(wanted, framing);
            let mut scratch = json.scratch();
            for (text, harm) in units {
                let unit = harmed(text, harm);
                let bytes = [&unit[..], end.as_bytes(), &vec![b' '; behind]].concat();
                let mut found = Vec::new();
                let Some(length) = json.usual(&mut scratch, &bytes, &mut found) else {
                    continue;
                };
                let unit = match framing {
                    Framing::Lines => {
                        let line = bytes.split(|&byte| byte == b'\n').next().unwrap();
                        prop_assert_eq!(length, line.len() + 1);
                        line.strip_suffix(b"\r").unwrap_or(line)
                    }
                    _ => &bytes,
                };
                let mut expected = Vec::new();
                let result = json.unit(&mut json.scratch(), unit, &mut expected);
                if framing == Framing::Values {
                    prop_assert_eq!(result.as_ref().ok(), Some(&length));
                }
                prop_assert!(result.is_ok(), "{:?}", result);
                prop_assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected));
            }
        }
    }

    #[test]
    fn usual_objects_go_the_quick_way() {
        let names = ["id", "user.name", "tags"];
        let json = Json::new(
            WantedFields {
                names: names.map(str::to_owned).to_vec(),
                indexed: Vec::new(),
                picks: vec![0, 1, 2],
                sampled: None,
                extra: Extra::Ignore,
                nulls: Vec::new(),
            },
            Framing::Lines,
        );
        let unit = r#"{"id": 1, "user":{"id":2,"name":"a, b"},"tags":["x"],"at":{"items":[{"n":1.5}, {}]},"e":1e5}"#;
        let bytes = format!("{unit}\n{unit}\n");
        let mut scratch = json.scratch();
        let mut found = Vec::new();
        for _ in 0..2 {
            let length = json.usual(&mut scratch, bytes.as_bytes(), &mut found);
            assert_eq!(length, Some(unit.len() + 1));
        }
        let record = "1,\"a, b\",\"[\"\"x\"\"]\"\n";
        assert_eq!(String::from_utf8(found).unwrap(), record.repeat(2));
    }
}
