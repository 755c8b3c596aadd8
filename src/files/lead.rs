//! Lines that are not data: a preamble, comments.

use std::borrow::Cow;
use std::io::{self, Read};

use crate::record::PASSED_OVER;
use crate::stream::Source;

/// Lines to skip in every source. Their line ends stay, so that line numbers hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lead {
    /// This many lines at the start.
    pub skip: u64,
    /// Every line that begins with this byte.
    pub comment: Option<u8>,
    /// Encloses fields; a line that starts within one is data.
    pub quote: Option<u8>,
    /// Whether [`PASSED_OVER`] replaces each skipped line. Set if the source may have one column, where a blank
    /// line is a record. Other formats skip blank lines themselves.
    pub leaves_marks: bool,
}

impl Lead {
    /// Returns whether any line may be skipped.
    pub(crate) fn is_any(self) -> bool {
        self.skip > 0 || self.comment.is_some()
    }

    /// Returns the source without those lines.
    pub(crate) fn passed_over(self, mut source: Source) -> Source {
        if self.is_any() {
            source.read = Box::new(PassingOver {
                read: source.read,
                lead: self,
                state: LineState::LineStart,
            });
        }
        source
    }

    /// Returns the beginning of a source with blank lines in place of those that are skipped here or were before.
    /// Quotes are ignored: every line end ends a line.
    pub(crate) fn blanked(self, start: &[u8]) -> Cow<'_, [u8]> {
        let end = match start.contains(&b'\n') {
            true => b'\n',
            false => b'\r',
        };
        let lines = || start.split_inclusive(move |byte| *byte == end).enumerate();
        let is_passed = |(number, line): &(usize, &[u8])| {
            let first = line.first().copied();
            (*number as u64) < self.skip
                || **line == [PASSED_OVER, end]
                || first.is_some() && first == self.comment
        };
        if !lines().any(|line| is_passed(&line)) {
            return start.into();
        }
        let mut kept = Vec::with_capacity(start.len());
        for line in lines() {
            match is_passed(&line) {
                true if line.1.ends_with(&[end]) => kept.push(end),
                true => {}
                false => kept.extend_from_slice(line.1),
            }
        }
        kept.into()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineState {
    LineStart,
    Within,
    Quoted,
    PassedOver,
}

struct PassingOver<R> {
    read: R,
    lead: Lead,
    state: LineState,
}

impl<R: Read> Read for PassingOver<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            // Marking a blank line adds a byte.
            let may_grow = self.lead.leaves_marks && self.lead.skip > 0;
            let room = match may_grow {
                true => buffer.len().div_ceil(2),
                false => buffer.len(),
            };
            let mut count = self.read.read(&mut buffer[..room])?;
            if count == 0 {
                return Ok(0);
            }
            if may_grow && buffer.len() > 1 {
                count = self.filled(buffer, count);
            }
            let kept = self.compact(&mut buffer[..count]);
            if kept > 0 {
                return Ok(kept);
            }
        }
    }
}

impl<R> PassingOver<R> {
    /// Puts a byte on each blank line to skip among the first `count` bytes of the buffer, which are at most half
    /// of it, and returns the new count.
    fn filled(&self, buffer: &mut [u8], count: usize) -> usize {
        let fresh = buffer[..count].to_vec();
        let mut is_start = self.state == LineState::LineStart;
        let (mut left, mut at) = (self.lead.skip, 0);
        for byte in fresh {
            if is_start && left > 0 {
                left -= 1;
                if byte == b'\n' {
                    buffer[at] = PASSED_OVER;
                    at += 1;
                }
            }
            is_start = byte == b'\n';
            buffer[at] = byte;
            at += 1;
        }
        at
    }

    /// Moves the bytes that stay to the front, and returns their number.
    fn compact(&mut self, bytes: &mut [u8]) -> usize {
        let (mut at, mut kept) = (0, 0);
        while at < bytes.len() {
            if self.state == LineState::LineStart {
                self.state = self.line_start(bytes[at]);
                let is_blank = bytes[at] == b'\n';
                if self.state == LineState::PassedOver && self.lead.leaves_marks && !is_blank {
                    bytes[kept] = PASSED_OVER;
                    (kept, at) = (kept + 1, at + 1);
                    continue;
                }
            }
            let end = match self.state {
                LineState::PassedOver => {
                    at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
                    at..(at + 1).min(bytes.len())
                }
                _ => at..self.piece_end(bytes, at),
            };
            if bytes[..end.end].last() == Some(&b'\n') && self.state != LineState::Quoted {
                self.state = LineState::LineStart;
            }
            bytes.copy_within(end.clone(), kept);
            kept += end.len();
            at = end.end;
        }
        kept
    }

    fn line_start(&mut self, first: u8) -> LineState {
        if self.lead.skip > 0 {
            self.lead.skip -= 1;
            return LineState::PassedOver;
        }
        match self.lead.comment == Some(first) {
            true => LineState::PassedOver,
            false => LineState::Within,
        }
    }

    /// Returns where the line ends, or the end of the bytes; line ends in quotes do not count.
    fn piece_end(&mut self, bytes: &[u8], start: usize) -> usize {
        let mut at = start;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let stop = match (self.state, self.lead.quote) {
                (LineState::Quoted, Some(quote)) => memchr::memchr(quote, rest),
                (_, Some(quote)) => memchr::memchr2(b'\n', quote, rest),
                (_, None) => memchr::memchr(b'\n', rest),
            };
            let Some(stop) = stop else {
                return bytes.len();
            };
            at += stop + 1;
            if bytes[at - 1] == b'\n' && self.state != LineState::Quoted {
                return at;
            }
            self.state = match self.state {
                LineState::Quoted => LineState::Within,
                _ => LineState::Quoted,
            };
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns its bytes in reads of one size.
    struct Dribble<'b>(&'b [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn preamble_and_comments_leave_their_line_ends() {
        let text = b"# it's \"so\na,b\n#c\n1,\"x\n#not\"\"\n\"\n#\n2,#\n# end \"";
        let expected = b"\na,b\n\n1,\"x\n#not\"\"\n\"\n\n2,#\n";
        let lead = Lead {
            skip: 0,
            comment: Some(b'#'),
            quote: Some(b'"'),
            leaves_marks: false,
        };
        for size in 1..text.len() {
            let mut read = PassingOver {
                read: Dribble(text, size),
                lead,
                state: LineState::LineStart,
            };
            let mut out = Vec::new();
            read.read_to_end(&mut out).unwrap();
            assert_eq!(
                String::from_utf8_lossy(&out),
                String::from_utf8_lossy(expected),
                "{size}"
            );
        }
        let mut read = PassingOver {
            read: Dribble(b"one \"\ntwo\na\n", 3),
            lead: Lead { skip: 2, ..lead },
            state: LineState::LineStart,
        };
        let mut out = Vec::new();
        read.read_to_end(&mut out).unwrap();
        assert_eq!(out, b"\n\na\n");
    }

    #[test]
    fn marks_are_left_of_blank_lines_too() {
        let lead = Lead {
            skip: 3,
            comment: Some(b'#'),
            quote: Some(b'"'),
            leaves_marks: true,
        };
        let text = b"\nx \"\n\n\n#\n# c\r\na\n\n#";
        for size in 1..text.len() {
            for room in [1, 2, 3, 64] {
                let mut read = PassingOver {
                    read: Dribble(text, size),
                    lead,
                    state: LineState::LineStart,
                };
                let (mut out, mut buffer) = (Vec::new(), vec![0; room]);
                while let count @ 1.. = read.read(&mut buffer).unwrap() {
                    out.extend_from_slice(&buffer[..count]);
                }
                let marked = b"\xFE\n\xFE\n\xFE\n\n\xFE\n\xFE\na\n\n\xFE";
                match room {
                    // A buffer of one byte has no room for the mark of a blank line.
                    1 => assert_eq!(out.len() + 2, marked.len()),
                    _ => assert_eq!(out, marked, "{size} {room}"),
                }
            }
        }
    }

    #[test]
    fn a_beginning_is_looked_at_without_what_is_passed_over() {
        let lead = Lead {
            skip: 1,
            comment: Some(b'#'),
            ..Lead::default()
        };
        let blanked = |text: &'static [u8]| lead.blanked(text).into_owned();
        assert_eq!(blanked(b"t\n#c\na\n\xFE\nb"), b"\n\na\n\nb");
        assert_eq!(blanked(b"t\r#c\ra\r"), b"\r\ra\r");
        assert_eq!(blanked(b"t"), b"");
    }
}
