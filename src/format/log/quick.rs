//! The fast path for a line of the usual kind: nothing is wrong with it, its names have no spaces, its quoted parts
//! no backslashes. Whatever is in doubt is left to [`crate::format::log::AccessLog::fields`]. What is accepted here
//! is accepted there too, with the same result.

use std::ops::Range;

use crate::bytes::seek;
use crate::record::field;

use crate::format::log::{AccessFormat, AccessLog, COLUMNS, TIME, UTC, iso_time};

/// The last time of a log: usually only the time of day changes from line to line.
pub struct Times {
    /// As it was read: `10/Oct/2000:13:55:36 -0700`.
    text: [u8; 26],
    /// As it is written, with spare room after it.
    iso: [u8; 48],
    length: usize,
}

impl Default for Times {
    fn default() -> Self {
        Times {
            text: [0; 26],
            iso: [0; 48],
            length: 0,
        }
    }
}

/// Where the time of day is in a log's time, and in ISO 8601.
const CLOCK: Range<usize> = 12..20;
const ISO_CLOCK: Range<usize> = 11..19;

impl Times {
    /// Reads a time; `None` if it is not one.
    #[inline(always)]
    fn read(&mut self, text: &[u8; 26]) -> Option<()> {
        let is_same_day = text[..CLOCK.start] == self.text[..CLOCK.start]
            && text[CLOCK.end..] == self.text[CLOCK.end..];
        if is_same_day && is_clock(&text[CLOCK]) {
            self.iso[ISO_CLOCK].copy_from_slice(&text[CLOCK]);
            return Some(());
        }
        self.read_all(text)
    }

    #[inline(never)]
    fn read_all(&mut self, text: &[u8; 26]) -> Option<()> {
        let mut time = [0; TIME];
        iso_time(text, &mut time)?;
        self.text = *text;
        self.length = TIME;
        if time.ends_with(b"+00:00") {
            time[UTC] = b'Z';
            self.length = UTC + 1;
        }
        self.iso[..TIME].copy_from_slice(&time);
        Some(())
    }
}

/// Returns whether this is `hh:mm:ss`, leap seconds excluded. Checks all eight bytes at once.
#[inline(always)]
fn is_clock(text: &[u8]) -> bool {
    /// Added to the bytes, sets the highest bit of each that is more than the digit at its place may be.
    const OVER: u64 = u64::from_le_bytes([0x7D, 0x76, 0x7F, 0x7A, 0x76, 0x7F, 0x7A, 0x76]);
    let Some(text) = text.first_chunk::<8>() else {
        return false;
    };
    let digits = u64::from_le_bytes(*text) ^ u64::from_le_bytes(*b"00:00:00");
    let is_over = (digits.wrapping_add(OVER) | digits) & 0x8080_8080_8080_8080 != 0;
    // The first digit of an hour is at most 2, and the second after a 2 at most 3.
    let is_hour = text[..2] <= b"23"[..];
    !is_over && is_hour
}

/// A field of the line.
#[derive(Clone, Copy, Default)]
struct LogField {
    start: u32,
    end: u32,
    /// Whether it may contain a comma.
    has_comma: bool,
}

impl LogField {
    #[inline(always)]
    fn new(range: Range<usize>, has_comma: bool) -> Self {
        LogField {
            start: range.start as u32,
            end: range.end as u32,
            has_comma,
        }
    }
}

/// A line, and the bytes after it.
struct Line<'l> {
    bytes: &'l [u8],
    at: usize,
}

impl Line<'_> {
    #[inline(always)]
    fn takes<const LENGTH: usize>(&mut self, text: &[u8; LENGTH]) -> Option<()> {
        let is_there = self.bytes.get(self.at..self.at + LENGTH)? == text;
        self.at += LENGTH;
        is_there.then_some(())
    }

    /// Takes a word and the space after it.
    #[inline(always)]
    fn word(&mut self) -> Option<LogField> {
        let start = self.at;
        self.at += seek::word_stop(self.bytes.get(start..)?);
        let piece = LogField::new(start..self.at, false);
        self.takes(b" ")?;
        (piece.end > piece.start).then_some(piece)
    }

    /// Takes digits, or `-`.
    #[inline(always)]
    fn number(&mut self) -> Option<LogField> {
        let start = self.at;
        let rest = self.bytes.get(start..)?;
        let length = match seek::few_digits(rest) {
            0 => usize::from(rest.first() == Some(&b'-')),
            digits => digits,
        };
        self.at += length;
        (length > 0).then_some(LogField::new(start..self.at, false))
    }

    /// Takes the content of quotes.
    #[inline(always)]
    fn quoted(&mut self) -> Option<LogField> {
        self.takes(b"\"")?;
        let stop = seek::string_stop(self.bytes.get(self.at..)?);
        let piece = LogField::new(self.at..self.at + stop.at, stop.has_comma);
        self.at += stop.at;
        self.takes(b"\"")?;
        Some(piece)
    }

    /// Takes method, path and protocol; `None` if one is missing.
    #[inline(always)]
    fn request(&mut self) -> Option<[LogField; 3]> {
        /// Length of ` HTTP/1.1`.
        const PROTOCOL: usize = 9;
        let whole = self.quoted()?;
        let (start, end) = (whole.start as usize, whole.end as usize);
        let text = &self.bytes[start..end];
        let method = text
            .iter()
            .take_while(|byte| byte.is_ascii_uppercase() || **byte == b'-')
            .count();
        let protocol = text.last_chunk::<PROTOCOL>()?;
        let is_usual = protocol.starts_with(b" HTTP/")
            && !protocol[6..].contains(&b' ')
            && text[method] == b' '
            && method > 0
            && start + method < end - PROTOCOL;
        is_usual.then_some([
            LogField::new(start..start + method, false),
            LogField::new(start + method + 1..end - PROTOCOL, whole.has_comma),
            LogField::new(end - PROTOCOL + 1..end, whole.has_comma),
        ])
    }
}

impl AccessLog {
    /// Implements [`crate::stream::Convert::usual`].
    #[inline(always)]
    pub(crate) fn quick(
        &self,
        times: &mut Times,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) -> Option<usize> {
        let mut line = Line { bytes, at: 0 };
        let mut pieces = [LogField::default(); COLUMNS.len()];
        pieces[0] = line.word()?;
        pieces[1] = line.word()?;
        pieces[2] = line.word()?;
        // A bracket would end the user's name.
        let user = pieces[2].start as usize..pieces[2].end as usize;
        if user.len() > 1 && bytes[user.clone()].contains(&b'[') || bytes[user.start] == b'[' {
            return None;
        }
        line.takes(b"[")?;
        times.read(bytes.get(line.at..)?.first_chunk::<26>()?)?;
        line.at += 26;
        line.takes(b"] ")?;
        [pieces[4], pieces[5], pieces[6]] = line.request()?;
        line.takes(b" ")?;
        pieces[7] = line.number()?;
        line.takes(b" ")?;
        pieces[8] = line.number()?;
        if self.format == AccessFormat::Combined {
            line.takes(b" ")?;
            pieces[9] = line.quoted()?;
            line.takes(b" ")?;
            pieces[10] = line.quoted()?;
        }
        let line_end = match bytes.get(line.at..)? {
            [b'\n', ..] => 1,
            [b'\r', b'\n', ..] => 2,
            _ => return None,
        };
        self.write(&pieces, times, bytes, out);
        Some(line.at + line_end)
    }

    #[inline(always)]
    fn write(
        &self,
        pieces: &[LogField; COLUMNS.len()],
        times: &Times,
        bytes: &[u8],
        out: &mut Vec<u8>,
    ) {
        let has_nulls = !self.picked.nulls.is_empty();
        for &pick in &self.picked.picks {
            let (bytes, piece) = match pick {
                3 => (&times.iso[..], LogField::new(0..times.length, false)),
                _ => (bytes, pieces[pick]),
            };
            let range = piece.start as usize..piece.end as usize;
            let is_dash = range.len() == 1 && bytes[range.start] == b'-';
            if range.is_empty()
                || is_dash
                || has_nulls && self.picked.is_null(&bytes[range.clone()])
            {
            } else if piece.has_comma {
                field::push_text(&bytes[range], b',', out);
            } else {
                seek::push_wide(bytes, range, out);
            }
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::log::tests::converted;
    use crate::format::picked::Picked;
    use crate::stream::Convert;
    use proptest::prelude::*;

    /// A part of a line, usually as it should be.
    fn part(usual: &'static [&'static str], other: &'static str) -> impl Strategy<Value = String> {
        prop_oneof![
            30 => proptest::sample::select(usual).prop_map(str::to_owned),
            1 => other.prop_map(|text: String| text),
        ]
    }

    proptest! {
        #[test]
        fn both_ways_agree(
            host in part(&["10.0.0.1", "::1", "a,b", "a, b", "a, b, ::1", "a , b"], "[a, \\[\"\t-]{0,4}"),
            ident in part(&["-", "x"], "[a \\[\"-]{0,3}"),
            user in part(&["-", "frank", "a b", "a[", "[", "", "- -", "a -"], "[a \\[\"-]{0,3}"),
            time in part(
                &["10/Oct/2000:13:55:36 -0700", "10/Oct/2000:23:59:59 -0700", "01/Jan/2001:00:00:60 +0000"],
                "10/Oct/2000:[0-3][0-9]:[0-9]{2}:[0-9:]{2} [-+]0[07]00"
            ),
            request in part(
                &["GET /a HTTP/1.1", "-", "GET /a,b c HTTP/2.0", "GET  HTTP/1.1", "M-SEARCH * HTTP/1.1",
                  "- / HTTP/1.1", "GET / HTTP/1 1", "GET HTTP/1.1"],
                "[A-Z/ ,\\\\\"-]{0,9}( HTTP/[0-9., ]{0,3})?"
            ),
            numbers in part(&["200 12", "304 -", "- -"], "[0-9 a-]{0,20}"),
            agents in part(&[" \"-\" \"x (KHTML, like Gecko)\"", " \"a\" \"\"", ""], "[ \"a,\\\\-]{0,12}"),
            end in part(&["\n", "\r\n"], "[ \r]{0,2}\n"),
            is_common in any::<bool>(),
            null in any::<bool>(),
        ) {
            let text = format!("{host} {ident} {user} [{time}] \"{request}\" {numbers}{agents}{end}");
            let format = if is_common { AccessFormat::Common } else { AccessFormat::Combined };
            let log = AccessLog {
                format,
                picked: Picked {
                    picks: (0..format.columns().len()).rev().collect(),
                    nulls: if null { vec![b"frank".to_vec(), b"200".to_vec()] } else { vec![] },
                },
            };
            let line = text.strip_suffix('\n').unwrap();
            let line = line.strip_suffix('\r').unwrap_or(line);
            let mut expected = Vec::new();
            let is_right = log.unit(&mut log.scratch(), line.as_bytes(), &mut expected).is_ok();
            let mut scratch = log.scratch();
            for behind in ["", "\n", "10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.1\" 200 1\n"] {
                let bytes = format!("{text}{behind}");
                let mut found = Vec::new();
                if let Some(length) = log.usual(&mut scratch, bytes.as_bytes(), &mut found) {
                    prop_assert!(is_right);
                    prop_assert_eq!(length, text.len());
                    prop_assert_eq!(String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected));
                }
            }
        }

        #[test]
        fn clocks_are_those_of_a_day(text in "[0-3/:][0-9][:;][0-6:][0-9:]:[0-7][0-9/é]") {
            let whole = format!("10/Oct/2000:{text} +0000");
            let whole: Option<&[u8; 26]> = whole.as_bytes().try_into().ok();
            let is_time = whole.is_some_and(|text| iso_time(text, &mut [0; TIME]).is_some());
            let is_leap = text.as_bytes().get(6) == Some(&b'6');
            prop_assert_eq!(is_clock(text.as_bytes()) && whole.is_some(), is_time && !is_leap);
        }
    }

    #[test]
    fn usual_lines_go_the_quick_way() {
        let log = AccessLog {
            format: AccessFormat::Combined,
            picked: Picked {
                picks: (0..COLUMNS.len()).collect(),
                nulls: Vec::new(),
            },
        };
        let line = r#"10.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /a,b HTTP/1.0" 200 2326 "-" "Mozilla/4.08""#;
        let bytes = format!("{line}\n{line}\n");
        let mut found = Vec::new();
        let length = log.usual(&mut log.scratch(), bytes.as_bytes(), &mut found);
        assert_eq!(length, Some(line.len() + 1));
        assert_eq!(
            String::from_utf8(found).unwrap(),
            converted(AccessFormat::Combined, line).unwrap()
        );
    }
}
