//! Cuts any bytes into records and fields.
//!
//! A quoted field ends at the first quote that is not doubled. If neither a delimiter nor a line end follows that
//! quote, or if no such quote comes within [`LONGEST_QUOTED`] bytes or before the source ends, the field was never
//! quoted: it is read again from its start as text, up to the next delimiter or line end. So a stray quote at the
//! start of a field affects only its own line, unless the next quote in the source happens to be at the end of a
//! field: then the two enclose one, as in good CSV.

use std::ops::Range;

/// How far the end of a quoted field is looked for, in bytes.
pub(crate) const LONGEST_QUOTED: usize = 16 << 20;

/// One field as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its range in the record, quotes included.
    pub(crate) range: Range<usize>,
    pub(crate) kind: Quoting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// Without a quote.
    Plain,
    /// In quotes, with each inner one doubled.
    Quoted,
    /// With quotes where none belong.
    Stray,
}

/// The result of [`Splitter::next`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextRecord {
    /// A record that ends here, with its line end.
    Record(usize),
    /// The field that begins here has stray quotes, which are not mended.
    Damage(usize),
    /// A record that is not whole; more bytes are needed.
    More,
}

/// What is at a place where a field may end.
enum Mark {
    Delimiter,
    /// Of this many bytes.
    LineEnd(usize),
    Nothing,
    /// More bytes are needed to tell.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SplitState {
    FieldStart,
    Quoted,
    Text,
    StrayText,
}

/// Cuts records, and remembers how far an incomplete one was read.
pub(crate) struct Splitter {
    delimiter: Vec<u8>,
    quote: Option<u8>,
    /// Whether stray quotes are text and CR alone ends a line.
    mends: bool,
    longest_quoted: usize,
    /// The fields of the record so far.
    pub(crate) fields: Vec<Field>,
    field_start: usize,
    at: usize,
    state: SplitState,
}

impl Splitter {
    pub(crate) fn new(delimiter: &[u8], quote: Option<u8>, mends: bool, longest: usize) -> Self {
        Splitter {
            delimiter: delimiter.to_vec(),
            quote,
            mends,
            longest_quoted: longest,
            fields: Vec::new(),
            field_start: 0,
            at: 0,
            state: SplitState::FieldStart,
        }
    }

    /// Returns whether nothing of a record was read yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.at == 0
    }

    /// Prepares for the next record.
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
        (self.field_start, self.at) = (0, 0);
        self.state = SplitState::FieldStart;
    }

    /// Reads on in the record at the start of `bytes`, which is not empty. Unless the splitter was cleared, `bytes`
    /// is that of the last call with more appended. `is_last` if nothing follows.
    pub(crate) fn next(&mut self, bytes: &[u8], is_last: bool) -> NextRecord {
        loop {
            let (end, mark, kind) = match self.state {
                SplitState::FieldStart => match bytes.get(self.at) {
                    None if !is_last => return NextRecord::More,
                    Some(&byte) if Some(byte) == self.quote => {
                        self.state = SplitState::Quoted;
                        self.at += 1;
                        continue;
                    }
                    _ => {
                        self.state = SplitState::Text;
                        continue;
                    }
                },
                SplitState::Quoted => match self.closing_quote(bytes, is_last) {
                    None if is_last || self.is_too_long(self.at) => {
                        if !self.mends {
                            return NextRecord::Damage(self.field_start);
                        }
                        self.retreat();
                        continue;
                    }
                    None => return NextRecord::More,
                    Some(quote) => {
                        let mark = self.mark(bytes, quote + 1, is_last);
                        if matches!(mark, Mark::Nothing) || self.is_too_long(quote) {
                            if !self.mends {
                                return NextRecord::Damage(self.field_start);
                            }
                            self.retreat();
                            continue;
                        }
                        (quote + 1, mark, Quoting::Quoted)
                    }
                },
                SplitState::Text | SplitState::StrayText => {
                    let end = self.text_end(bytes);
                    if end < bytes.len() && Some(bytes[end]) == self.quote {
                        if !self.mends {
                            return NextRecord::Damage(self.field_start);
                        }
                        self.state = SplitState::StrayText;
                        self.at = end + 1;
                        continue;
                    }
                    let kind = match self.state {
                        SplitState::StrayText => Quoting::Stray,
                        _ => Quoting::Plain,
                    };
                    (end, self.mark(bytes, end, is_last), kind)
                }
            };
            let behind = match mark {
                Mark::Unknown => {
                    self.at = end - usize::from(kind == Quoting::Quoted);
                    return NextRecord::More;
                }
                Mark::Nothing => {
                    self.at = end + 1;
                    continue;
                }
                Mark::Delimiter => end + self.delimiter.len(),
                Mark::LineEnd(length) => end + length,
            };
            let range = self.field_start..end;
            self.fields.push(Field { range, kind });
            if matches!(mark, Mark::LineEnd(_)) {
                return NextRecord::Record(behind);
            }
            (self.field_start, self.at) = (behind, behind);
            self.state = SplitState::FieldStart;
        }
    }

    /// Reads the field that began with a quote again, as text.
    fn retreat(&mut self) {
        self.state = SplitState::StrayText;
        self.at = self.field_start + 1;
    }

    /// Returns whether a quoted field that reaches to here is too long.
    fn is_too_long(&self, end: usize) -> bool {
        self.mends && end - self.field_start > self.longest_quoted
    }

    /// Returns the place of the first quote that is not doubled; the next call continues after those that are.
    fn closing_quote(&mut self, bytes: &[u8], is_last: bool) -> Option<usize> {
        let quote = self.quote?;
        while let Some(place) = memchr::memchr(quote, &bytes[self.at..]) {
            let place = self.at + place;
            match bytes.get(place + 1) {
                Some(&next) if next == quote => self.at = place + 2,
                None if !is_last => {
                    self.at = place;
                    return None;
                }
                _ => return Some(place),
            }
        }
        self.at = bytes.len();
        None
    }

    /// Returns the place of the next byte that may end text or is a quote.
    fn text_end(&self, bytes: &[u8]) -> usize {
        let (first, quote) = (self.delimiter[0], self.quote);
        let ends =
            |&byte: &u8| byte == first || byte == b'\n' || byte == b'\r' || Some(byte) == quote;
        let length = bytes[self.at..].iter().position(ends);
        length.map_or(bytes.len(), |length| self.at + length)
    }

    /// Returns what is at `at`; the end of the source counts as a line end.
    fn mark(&self, bytes: &[u8], at: usize, is_last: bool) -> Mark {
        let rest = &bytes[at..];
        match rest {
            [] if is_last => return Mark::LineEnd(0),
            [] => return Mark::Unknown,
            [b'\n', ..] => return Mark::LineEnd(1),
            [b'\r', ..] if self.mends => return Mark::LineEnd(1),
            [b'\r', b'\n', ..] => return Mark::LineEnd(2),
            [b'\r'] if is_last => return Mark::LineEnd(1),
            [b'\r'] => return Mark::Unknown,
            _ => {}
        }
        if rest.starts_with(&self.delimiter) {
            return Mark::Delimiter;
        }
        match !is_last && self.delimiter.starts_with(rest) {
            true => Mark::Unknown,
            false => Mark::Nothing,
        }
    }
}
