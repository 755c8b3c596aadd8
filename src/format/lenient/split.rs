//! Bytes cut into records and fields, whatever they are.
//!
//! A quoted field ends at the first quote that is not doubled. Where neither a delimiter nor a line
//! end follows that quote, or where there is none within [`LONGEST_QUOTED`] bytes or before the source
//! ends, the field was never quoted: it is read again from its start as text, up to the next delimiter
//! or line end. So a quote gone astray at the start of a field takes in no line but its own, unless
//! the next quote in the source happens to stand at the end of a field: then the two enclose one, as
//! in good CSV.

use std::ops::Range;

/// How far the end of a quoted field is looked for.
pub(crate) const LONGEST_QUOTED: usize = 16 << 20;

/// One field as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Within its record, quotes included.
    pub(crate) range: Range<usize>,
    pub(crate) kind: Quoting,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    /// Without a quote.
    Plain,
    /// In quotes, each one inside doubled.
    Quoted,
    /// With quotes where none belong.
    Stray,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NextRecord {
    /// A record, up to here with its line end.
    Record(usize),
    /// The field that begins here has stray quotes, which are not mended.
    Damage(usize),
    /// A record that more bytes must end.
    More,
}

/// What stands at a place where a field may end.
enum Mark {
    Delimiter,
    /// Of so many bytes.
    LineEnd(usize),
    Nothing,
    /// More bytes must tell.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SplitState {
    FieldStart,
    Quoted,
    Text,
    StrayText,
}

/// Cuts records, and remembers how far the one was read that is not whole yet.
pub(crate) struct Splitter {
    delimiter: Vec<u8>,
    quote: Option<u8>,
    /// Whether stray quotes are text and CR alone ends a line.
    mends: bool,
    longest_quoted: usize,
    /// Those of the record so far.
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

    /// Whether nothing of a record was read yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.at == 0
    }

    /// Goes on to the next record.
    pub(crate) fn clear(&mut self) {
        self.fields.clear();
        (self.field_start, self.at) = (0, 0);
        self.state = SplitState::FieldStart;
    }

    /// Reads on in the record that `bytes`, which are not empty, begin with. They are those of the
    /// last call with more behind them, unless the splitter was cleared; `is_last` where none follow.
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

    /// Whether a quoted field that reaches to here is longer than one may be.
    fn is_too_long(&self, end: usize) -> bool {
        self.mends && end - self.field_start > self.longest_quoted
    }

    /// The first quote that is not doubled; the next call goes on behind those that are.
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

    /// Where the next byte stands with which text may end, or that is a quote.
    fn text_end(&self, bytes: &[u8]) -> usize {
        let (first, quote) = (self.delimiter[0], self.quote);
        let ends =
            |&byte: &u8| byte == first || byte == b'\n' || byte == b'\r' || Some(byte) == quote;
        let length = bytes[self.at..].iter().position(ends);
        length.map_or(bytes.len(), |length| self.at + length)
    }

    /// What stands at `at`; the end of all bytes ends a line.
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
