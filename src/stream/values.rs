//! Finds JSON values by their brackets, without parsing them.
//!
//! Values come one after another or as the elements of an array. Either way, the bytes between them are overwritten
//! with spaces, so that a block contains only values and white space. Whether a value itself is valid is left to
//! its parser.

use crate::bytes::seek;

/// The state of a scan over bytes that arrive in pieces.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ValueScan {
    around: Around,
    within: Within,
    /// Open brackets within the value.
    depth: u32,
}

/// What surrounds the values, and so what may come next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Around {
    /// Not in an array: a value, or the start of an array.
    #[default]
    Open,
    /// At the start of an array: a value, or the end of the array.
    First,
    /// After a value in an array: a comma, or the end of the array.
    Behind,
    /// After a comma: a value.
    Next,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Within {
    /// Between values.
    #[default]
    Nothing,
    /// In the brackets of a value, outside its strings.
    Brackets,
    String,
    /// After a backslash.
    Escape,
    /// A number or a word that is a value of its own.
    Scalar,
}

/// A byte that is not allowed between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Misplaced {
    /// Its offset in the scanned bytes.
    pub(super) at: usize,
    pub(super) expected: &'static str,
    /// Where the last whole value before it ends.
    pub(super) whole: Option<usize>,
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

impl ValueScan {
    /// Scans more bytes and overwrites what is between values with spaces. Returns where the last whole value ends.
    pub(super) fn extend(&mut self, bytes: &mut [u8]) -> Result<Option<usize>, Misplaced> {
        let mut end = None;
        let mut at = 0;
        while at < bytes.len() {
            if matches!(self.within, Within::Brackets | Within::String) && self.depth > 0 {
                at += self.chunks(&bytes[at..]);
                if self.depth == 0 {
                    end = Some(at);
                    self.end_value();
                    continue;
                }
                if at == bytes.len() {
                    break;
                }
            }
            let byte = bytes[at];
            match self.within {
                Within::Nothing => {
                    if !is_space(byte) {
                        let between = self.between(&mut bytes[at]);
                        let goes_on = between.map_err(|expected| Misplaced {
                            at,
                            expected,
                            whole: end,
                        })?;
                        at += usize::from(goes_on);
                        continue;
                    }
                }
                Within::Brackets => {
                    at += seek::structure_stop(&bytes[at..]);
                    match bytes.get(at) {
                        None => break,
                        Some(b'"') => self.within = Within::String,
                        Some(b'{' | b'[') => self.depth += 1,
                        Some(_) => self.depth -= 1,
                    }
                    if self.depth == 0 {
                        end = Some(at + 1);
                        self.end_value();
                    }
                }
                Within::String => {
                    at += seek::string_stop(&bytes[at..]).at;
                    match bytes.get(at) {
                        None => break,
                        Some(b'\\') => self.within = Within::Escape,
                        Some(b'"') if self.depth > 0 => self.within = Within::Brackets,
                        Some(b'"') => {
                            end = Some(at + 1);
                            self.end_value();
                        }
                        // A control character; the parser of the string reports it.
                        Some(_) => {}
                    }
                }
                Within::Escape => self.within = Within::String,
                Within::Scalar => {
                    if is_space(byte) || matches!(byte, b',' | b']' | b'[' | b'{' | b'"') {
                        end = Some(at);
                        self.end_value();
                        continue;
                    }
                }
            }
            at += 1;
        }
        Ok(end)
    }

    /// Scans 64 bytes at a time within the brackets of a value, as long as enough bytes are left and they contain
    /// no backslash. Returns the number of bytes scanned; if the depth is then 0, the value ends there.
    fn chunks(&mut self, bytes: &[u8]) -> usize {
        let mut inside = match self.within {
            Within::String => !0,
            _ => 0,
        };
        let mut at = 0;
        for chunk in bytes.as_chunks::<64>().0 {
            let found = seek::brackets(chunk);
            if found.backslashes != 0 {
                break;
            }
            let strings = seek::parity(found.quotes) ^ inside;
            let (opens, mut closes) = (found.opens & !strings, found.closes & !strings);
            let (opened, closed) = (opens.count_ones(), closes.count_ones());
            if self.depth <= closed {
                let before = self.depth;
                let mut taken = 0;
                while closes != 0 {
                    let place = closes.trailing_zeros();
                    taken += 1;
                    // Brackets opened so far: the depth before, and those in the chunk up to this place.
                    let open = before + (opens & ((1 << place) - 1)).count_ones();
                    if open == taken {
                        self.depth = 0;
                        return at + place as usize + 1;
                    }
                    closes &= closes - 1;
                }
            }
            self.depth = self.depth + opened - closed;
            inside = ((strings as i64) >> 63) as u64;
            at += 64;
        }
        self.within = match inside {
            0 => Within::Brackets,
            _ => Within::String,
        };
        at
    }

    /// Whether the input may end here.
    pub(super) fn is_complete(&self) -> bool {
        self.around == Around::Open && matches!(self.within, Within::Nothing | Within::Scalar)
    }

    /// Returns what is still open, if the input ends too early.
    pub(super) fn open(&self) -> &'static str {
        match self.within {
            Within::Nothing => "an array that never ends",
            _ => "a value that never ends",
        }
    }

    fn end_value(&mut self) {
        self.within = Within::Nothing;
        if self.around != Around::Open {
            self.around = Around::Behind;
        }
    }

    /// Handles a byte between values. Returns false if it is the first byte of a scalar.
    ///
    /// # Errors
    /// What was expected instead of the byte.
    fn between(&mut self, byte: &mut u8) -> Result<bool, &'static str> {
        self.around = match (self.around, *byte) {
            (Around::Open, b'[') => Around::First,
            (Around::First | Around::Behind, b']') => Around::Open,
            (Around::Behind, b',') => Around::Next,
            (Around::Behind, _) => return Err("',' or ']'"),
            (_, b',' | b']' | b'}') => return Err("a value"),
            (_, first) => {
                self.within = match first {
                    b'{' | b'[' => Within::Brackets,
                    b'"' => Within::String,
                    _ => Within::Scalar,
                };
                self.depth = u32::from(self.within == Within::Brackets);
                return Ok(self.within != Within::Scalar);
            }
        };
        *byte = b' ';
        Ok(true)
    }
}

/// Returns where the value that these bytes begin with ends. The value is whole.
pub(super) fn value_end(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0u32);
    loop {
        match bytes.get(at) {
            None => return bytes.len(),
            Some(b'"') => at = string_end(bytes, at),
            Some(b'{' | b'[') => depth += 1,
            Some(b'}' | b']') => depth = depth.saturating_sub(1),
            Some(_) if depth == 0 => {
                let is_end = |byte: &u8| is_space(*byte) || matches!(byte, b'[' | b'{' | b'"');
                let length = bytes[at..].iter().position(is_end);
                return length.map_or(bytes.len(), |length| at + length);
            }
            Some(_) => {}
        }
        at += 1;
        if depth == 0 {
            return at.min(bytes.len());
        }
        at += seek::structure_stop(bytes.get(at..).unwrap_or_default());
    }
}

/// Returns the offset of the closing quote of the string that begins at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(rest) = bytes.get(at..) {
        at += seek::string_stop(rest).at;
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') | None => break,
            Some(_) => at += 1,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the values found if the text arrives in pieces of `size` bytes.
    fn values(text: &str, size: usize) -> Result<Vec<String>, Misplaced> {
        let mut scan = ValueScan::default();
        let mut found = Vec::new();
        let mut pending = Vec::new();
        let mut add = |whole: &[u8]| {
            let mut rest = whole.trim_ascii_start();
            while !rest.is_empty() {
                let (value, behind) = rest.split_at(value_end(rest));
                found.push(String::from_utf8(value.to_vec()).unwrap());
                rest = behind.trim_ascii_start();
            }
        };
        for piece in text.as_bytes().chunks(size) {
            let old = pending.len();
            pending.extend_from_slice(piece);
            if let Some(end) = scan.extend(&mut pending[old..])? {
                add(&pending[..old + end]);
                pending.drain(..old + end);
            }
        }
        assert!(scan.is_complete(), "{text}: {scan:?}");
        add(&pending);
        Ok(found)
    }

    #[test]
    fn values_are_found_in_any_pieces() {
        for (text, expected) in [
            ("", vec![]),
            (" [ ] \n", vec![]),
            (r#"{"a":1}"#, vec![r#"{"a":1}"#]),
            (
                r#"[{"a":"]}\"{"}, {"b":[{}]},7 ,"x]" ,null]"#,
                vec![r#"{"a":"]}\"{"}"#, r#"{"b":[{}]}"#, "7", r#""x]""#, "null"],
            ),
            (
                "{\"a\":{\"\\\\\":1}}\n{}[[1],2]\n true",
                vec!["{\"a\":{\"\\\\\":1}}", "{}", "[1]", "2", "true"],
            ),
        ] {
            for size in 1..=text.len().max(1) {
                assert_eq!(values(text, size).unwrap(), expected, "{text} by {size}");
            }
        }
    }

    type Extend = fn(&mut ValueScan, &mut [u8]) -> Result<Option<usize>, Misplaced>;

    /// Scans byte by byte, for comparison.
    fn extend_slowly(scan: &mut ValueScan, bytes: &mut [u8]) -> Result<Option<usize>, Misplaced> {
        let mut end = None;
        for at in 0..bytes.len() {
            match scan.extend(&mut bytes[at..=at]) {
                Ok(found) => end = found.map(|found| at + found).or(end),
                Err(wrong) => {
                    let whole = wrong.whole.map(|found| at + found).or(end);
                    let at = at + wrong.at;
                    return Err(Misplaced { at, whole, ..wrong });
                }
            }
        }
        Ok(end)
    }

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sixty_four_bytes_at_a_time_change_nothing(
            parts in proptest::collection::vec(prop_oneof![
                12 => proptest::sample::select(vec!["{", "}", "[", "]", "\"", "\"", ",", " ", "7", "{}", "\\\"", "\"a\":"]),
                1 => Just("\\"),
                3 => Just("{\"a\":[{\"some key\":\"some longer text, without any bracket in it\"},{}],\"b\":\"}\"}"),
                2 => Just("\"text {[\""),
            ], 0..60),
            is_array in any::<bool>(),
            size in 1usize..400,
        ) {
            let text = if is_array { "[{" } else { "" }.to_owned() + &parts.concat();
            let run = |extend: Extend| {
                let mut bytes = text.clone().into_bytes();
                let mut scan = ValueScan::default();
                let mut found: Vec<_> = vec![];
                for piece in bytes.chunks_mut(size) {
                    found.push(extend(&mut scan, piece));
                    if found.last().is_some_and(|result| result.is_err()) {
                        break;
                    }
                }
                (found, format!("{scan:?}"), bytes)
            };
            prop_assert_eq!(run(ValueScan::extend), run(extend_slowly));
        }
    }

    #[test]
    fn what_stands_between_values_is_checked() {
        for (text, at, expected) in [
            ("[{}{}]", 3, "',' or ']'"),
            ("[{},]", 4, "a value"),
            ("[,{}]", 1, "a value"),
            ("{},{}", 2, "a value"),
            ("{}]", 2, "a value"),
        ] {
            let wrong = values(text, 99).unwrap_err();
            assert_eq!((wrong.at, wrong.expected), (at, expected), "{text}");
        }
        let mut scan = ValueScan::default();
        scan.extend(&mut br#"[{"a":1},"#.to_vec()).unwrap();
        assert!(!scan.is_complete());
        let mut scan = ValueScan::default();
        scan.extend(&mut br#"{"a":"#.to_vec()).unwrap();
        assert!(!scan.is_complete());
    }
}
