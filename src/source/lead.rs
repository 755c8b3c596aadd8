//! Lines that are no data: a preamble, comments.

use std::io::{self, Read};

use crate::stream::Source;

/// Lines to pass over in every source. Their line ends stay, so that line numbers hold; blank
/// lines are then passed over by each format.
#[derive(Clone, Copy, Debug, Default)]
pub struct Lead {
    /// So many lines at the start.
    pub skip: u64,
    /// Every line that begins with this byte.
    pub comment: Option<u8>,
    /// Encloses fields in which a line's start is none.
    pub quote: Option<u8>,
}

impl Lead {
    /// Whether any line may be passed over.
    pub fn is_any(self) -> bool {
        self.skip > 0 || self.comment.is_some()
    }

    /// The source without those lines.
    pub(super) fn passed_over(self, mut source: Source) -> Source {
        if self.is_any() {
            source.read = Box::new(PassingOver {
                read: source.read,
                lead: self,
                state: State::LineStart,
            });
        }
        source
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    LineStart,
    Within,
    Quoted,
    PassedOver,
}

struct PassingOver<R> {
    read: R,
    lead: Lead,
    state: State,
}

impl<R: Read> Read for PassingOver<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let count = self.read.read(buffer)?;
            let kept = self.compact(&mut buffer[..count]);
            if kept > 0 || count == 0 {
                return Ok(kept);
            }
        }
    }
}

impl<R> PassingOver<R> {
    /// Moves what stays to the front; gives its length.
    fn compact(&mut self, bytes: &mut [u8]) -> usize {
        let (mut at, mut kept) = (0, 0);
        while at < bytes.len() {
            if self.state == State::LineStart {
                self.state = self.line_start(bytes[at]);
            }
            let end = match self.state {
                State::PassedOver => {
                    at += memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len() - at);
                    at..(at + 1).min(bytes.len())
                }
                _ => at..self.piece_end(bytes, at),
            };
            if bytes[..end.end].last() == Some(&b'\n') && self.state != State::Quoted {
                self.state = State::LineStart;
            }
            bytes.copy_within(end.clone(), kept);
            kept += end.len();
            at = end.end;
        }
        kept
    }

    fn line_start(&mut self, first: u8) -> State {
        if self.lead.skip > 0 {
            self.lead.skip -= 1;
            return State::PassedOver;
        }
        match self.lead.comment == Some(first) {
            true => State::PassedOver,
            false => State::Within,
        }
    }

    /// Where the line ends, or the quoted part of it that is looked at.
    fn piece_end(&mut self, bytes: &[u8], start: usize) -> usize {
        let mut at = start;
        while at < bytes.len() {
            let rest = &bytes[at..];
            let stop = match (self.state, self.lead.quote) {
                (State::Quoted, Some(quote)) => memchr::memchr(quote, rest),
                (_, Some(quote)) => memchr::memchr2(b'\n', quote, rest),
                (_, None) => memchr::memchr(b'\n', rest),
            };
            let Some(stop) = stop else {
                return bytes.len();
            };
            at += stop + 1;
            if bytes[at - 1] == b'\n' && self.state != State::Quoted {
                return at;
            }
            self.state = match self.state {
                State::Quoted => State::Within,
                _ => State::Quoted,
            };
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in reads of one size.
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
        };
        for size in 1..text.len() {
            let mut read = PassingOver {
                read: Dribble(text, size),
                lead,
                state: State::LineStart,
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
            state: State::LineStart,
        };
        let mut out = Vec::new();
        read.read_to_end(&mut out).unwrap();
        assert_eq!(out, b"\n\na\n");
    }
}
