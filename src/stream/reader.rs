//! Splits one source into blocks of whole units.

use std::io;
use std::ops::{Deref, DerefMut, Range};

use anyhow::{Context, bail};

use crate::bytes::scan::{Tally, Utf8};
use crate::bytes::{Dialect, scan};
use crate::record::Fault;
use crate::trust::{Carried, Ends, stage};

use super::Source;
use super::start::{Start, utf16};
use super::values::{self, Misplaced, ValueScan};

/// Bytes per read. Larger blocks gain nothing and do not fit in the cache.
pub(super) const BLOCK: usize = 256 * 1024;

/// The most bytes that may be pending, and so the longest record and block: offsets within a block have 32 bits.
/// The difference leaves room for the newline added to the last record, and for the scan, which reads 64 bytes at a
/// time.
const LONGEST: usize = u32::MAX as usize - 128;

/// Characters of a record that a message shows.
const MOST_SHOWN: usize = 60;

/// How a stream of bytes is split into units that must stay whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// CSV records: a newline inside quotes is not a line end.
    Records(Dialect),
    /// Lines.
    Lines,
    /// JSON values, one after another or as the elements of an array.
    Values,
}

impl Framing {
    /// Returns the next unit that starts at or after `at` and is not blank: up to its line end or, for a value, to
    /// the end of the block.
    pub(super) fn unit_start(self, bytes: &[u8], at: usize) -> Option<Range<usize>> {
        let blank = bytes[at..]
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())?;
        if self == Framing::Values {
            return Some(at + blank..bytes.len());
        }
        let is_end = |byte: &u8| *byte == b'\n';
        let line = bytes[at..at + blank].iter().rposition(is_end);
        Some(self.whole_unit(bytes, at + line.map_or(0, |end| end + 1)))
    }

    /// Returns the unit that starts here, without its line end.
    pub(super) fn whole_unit(self, bytes: &[u8], start: usize) -> Range<usize> {
        let rest = &bytes[start..];
        if self == Framing::Values {
            return start..start + values::value_end(rest);
        }
        let end = rest.iter().position(|byte| *byte == b'\n');
        let line = &rest[..end.unwrap_or(rest.len())];
        start..start + line.strip_suffix(b"\r").unwrap_or(line).len()
    }
}

/// The state of splitting the bytes scanned so far.
enum Cut {
    /// `is_inside`: whether they end inside quotes.
    Records {
        dialect: Dialect,
        is_inside: bool,
    },
    Lines,
    Values(ValueScan),
}

impl Cut {
    fn new(framing: Framing) -> Self {
        match framing {
            Framing::Records(dialect) => Cut::Records {
                dialect,
                is_inside: false,
            },
            Framing::Lines => Cut::Lines,
            Framing::Values => Cut::Values(ValueScan::default()),
        }
    }

    /// Scans more bytes. Returns where the last whole unit in them ends, and their tally.
    fn extend(
        &mut self,
        fresh: &mut [u8],
        utf8: Option<&mut Utf8>,
    ) -> Result<(Option<usize>, Tally), Misplaced> {
        match self {
            Cut::Records { dialect, is_inside } => {
                let tally = tally(fresh, *dialect, utf8);
                *is_inside ^= tally.is_odd;
                let end = scan::last_record_end(fresh, dialect.quote, *is_inside);
                Ok((end, tally))
            }
            Cut::Lines => {
                let tally = tally(fresh, UNQUOTED, utf8);
                Ok((scan::last_record_end(fresh, None, false), tally))
            }
            Cut::Values(values) => {
                let tally = tally(fresh, UNQUOTED, utf8);
                Ok((values.extend(fresh)?, tally))
            }
        }
    }
}

/// Counts what is in the bytes; for text, also checks that it is UTF-8.
fn tally(bytes: &[u8], dialect: Dialect, utf8: Option<&mut Utf8>) -> Tally {
    match utf8 {
        Some(utf8) => scan::tally_text(bytes, dialect, utf8),
        None => scan::tally(bytes, dialect),
    }
}

/// The dialect for lines, which have neither delimiters nor quotes.
const UNQUOTED: Dialect = Dialect {
    delimiter: b',',
    quote: None,
};

/// The bytes read. The buffer is longer than its content, so that bytes need not be zeroed before each read.
#[derive(Default)]
struct Pending {
    buffer: Vec<u8>,
    filled: usize,
}

impl Pending {
    /// Returns the space for the next `want` bytes.
    fn room(&mut self, want: usize) -> &mut [u8] {
        let end = self.filled + want;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.filled..end]
    }

    /// Takes the bytes before `end`. The rest moves to the front of `spare`, which replaces the buffer; its content
    /// is overwritten.
    fn split_at(&mut self, end: usize, mut spare: Vec<u8>) -> Vec<u8> {
        let rest = &self.buffer[end..self.filled];
        if spare.len() < rest.len() {
            spare.resize(rest.len(), 0);
        }
        spare[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
        let mut block = std::mem::replace(&mut self.buffer, spare);
        block.truncate(end);
        block
    }

    fn drop_front(&mut self, count: usize) {
        self.buffer.copy_within(count..self.filled, 0);
        self.filled -= count;
    }
}

impl Deref for Pending {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer[..self.filled]
    }
}

impl DerefMut for Pending {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[..self.filled]
    }
}

/// One source, split into blocks.
pub(super) struct Reader {
    pub(super) source: Source,
    ends: Ends,
    cut: Cut,
    /// Bytes read and not yet returned; all of them were scanned.
    pending: Pending,
    /// If `pending` reaches this size without holding a whole record, it is checked for stray quotes.
    suspicious: usize,
    /// `LONGEST`, except in tests.
    longest: usize,
    /// The line of the first pending byte.
    pub(super) line: u64,
    /// The number of pending newlines.
    newlines: usize,
    /// Whether the pending bytes are UTF-8, except for an incomplete last character; false if that is not known.
    is_utf8: bool,
    /// The state of the UTF-8 check; None if the source need not be text.
    utf8: Option<Utf8>,
    /// Whether the first bytes were checked.
    is_started: bool,
    is_done: bool,
    /// An error to report after the units that are whole.
    failure: Option<anyhow::Error>,
    /// What the source's end carried, once it was judged.
    carried: Carried,
}

impl Reader {
    pub(super) fn new(source: Source, framing: Framing, ends: Ends) -> Self {
        Reader {
            line: source.line,
            // A source that starts in the middle of a file has no byte order mark.
            is_started: source.line > 1,
            source,
            ends,
            cut: Cut::new(framing),
            pending: Pending::default(),
            suspicious: 4 * BLOCK,
            longest: LONGEST,
            newlines: 0,
            is_utf8: true,
            utf8: None,
            is_done: false,
            failure: None,
            carried: Carried::default(),
        }
    }

    /// Takes what the source's end carried; empty after the first call.
    pub(super) fn take_carried(&mut self) -> Carried {
        std::mem::take(&mut self.carried)
    }

    /// Makes the reader check for UTF-8.
    pub(super) fn of_text(mut self) -> Self {
        self.utf8 = Some(Utf8::default());
        self
    }

    /// Returns the next whole records that one read of this many bytes yields, and whether they are known to be
    /// UTF-8. `spare` provides memory for them.
    pub(super) fn next(
        &mut self,
        spare: &mut Vec<u8>,
        block: usize,
    ) -> anyhow::Result<Option<(Vec<u8>, bool)>> {
        while !self.is_done {
            if let Some(failure) = self.failure.take() {
                return Err(failure);
            }
            let old = self.pending.len();
            let read = self.read_more(block)?;
            if read == 0 {
                self.is_done = true;
                self.carried = self.source.judge(self.ends)?;
                if !self.is_started {
                    // Too few bytes to recognise what they are.
                    self.whole_until(0)?;
                }
                return self.last();
            }
            let mut fresh = old;
            if !self.is_started {
                self.is_started = self.look_at_start()?;
                if !self.is_started {
                    continue;
                }
                fresh = 0;
            }
            if let Some(end) = self.whole_until(fresh)? {
                let block = self.pending.split_at(end, std::mem::take(spare));
                self.suspicious = 4 * BLOCK;
                let left = scan::count_byte(&self.pending, b'\n');
                self.line += (self.newlines - left) as u64;
                self.newlines = left;
                let is_utf8 = self.is_utf8;
                self.is_utf8 = is_utf8 || self.pending.is_ascii();
                return Ok(Some((block, is_utf8)));
            }
            self.refuse_endless()?;
        }
        Ok(None)
    }

    fn read_more(&mut self, block: usize) -> anyhow::Result<usize> {
        let old = self.pending.len();
        let want = match old < block {
            true => block - old / 2,
            false => 4 * block,
        };
        // For a small file, one read finds the end by returning less than it asks for. A size of 0 says nothing:
        // files in /proc have it.
        let want = match self.source.size {
            Some(size @ 1..) if size < (BLOCK / 2) as u64 => want.min(size as usize + 1),
            _ => want,
        };
        // At most what may be pending, so that no block exceeds its 32-bit offsets.
        let want = want.min(self.longest - old);
        let room = self.pending.room(want);
        let result = loop {
            match self.source.read.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        self.pending.filled += result.as_ref().copied().unwrap_or(0);
        result.or_else(|error| {
            // If the input was cut short, decompression fails: the failed upstream is the better message.
            if self.source.has_ended() {
                self.carried = self.source.judge(self.ends)?;
            }
            Err(error).with_context(|| format!("cannot read {}", self.source.name))
        })
    }

    /// Drops a byte order mark and rejects anything but text. Returns false if more bytes are needed.
    fn look_at_start(&mut self) -> anyhow::Result<bool> {
        let name = &self.source.name;
        match Start::of(&self.pending) {
            Start::Unknown => return Ok(false),
            Start::Text(mark) => self.pending.drop_front(mark),
            Start::Compressed => bail!("{name}: compressed data; 'extract' reads it"),
            Start::Utf16(label) => return Err(utf16(name, label)),
        }
        Ok(true)
    }

    /// Returns where the last whole unit in `pending` ends. The bytes before `old` were scanned already.
    fn whole_until(&mut self, old: usize) -> anyhow::Result<Option<usize>> {
        match self
            .cut
            .extend(&mut self.pending[old..], self.utf8.as_mut())
        {
            Ok((end, tally)) => {
                self.newlines += tally.newlines;
                self.is_utf8 &= tally.is_utf8;
                Ok(end.map(|end| old + end))
            }
            Err(Misplaced {
                at,
                expected,
                whole,
            }) => {
                let (name, line) = (&self.source.name, self.line_at(old + at));
                let failure = anyhow::anyhow!("{name}:{line}: {expected} was expected here");
                let Some(end) = whole else {
                    return Err(failure);
                };
                self.newlines += scan::count_byte(&self.pending[old..], b'\n');
                self.is_utf8 = false;
                self.failure = Some(failure);
                Ok(Some(old + end))
            }
        }
    }

    /// Returns the line of this byte of `pending`.
    fn line_at(&self, place: usize) -> u64 {
        self.line + scan::count_byte(&self.pending[..place], b'\n') as u64
    }

    /// Rejects records without an end. A stray quote makes one record of everything after it, and that should be
    /// reported before the whole input is in memory.
    fn refuse_endless(&mut self) -> anyhow::Result<()> {
        if self.pending.len() >= self.longest {
            let (name, line) = (&self.source.name, self.line);
            bail!("{name}:{line}: a record longer than 4 GiB, the most that one may have");
        }
        if self.pending.len() >= self.suspicious {
            self.suspicious = self.pending.len() * 2;
            self.refuse_stray_quote()?;
        }
        Ok(())
    }

    fn refuse_stray_quote(&self) -> anyhow::Result<()> {
        let Cut::Records { dialect, .. } = self.cut else {
            return Ok(());
        };
        match scan::field_bounds(&self.pending, dialect, &mut Vec::new()).stray_quote {
            None => Ok(()),
            Some(place) => {
                let (name, line) = (&self.source.name, self.line_at(place));
                let fault = Fault::stray_quote_in(&self.pending, place, dialect.delimiter);
                bail!("{name}:{line}: {fault}")
            }
        }
    }

    /// Returns what is left at the end of the source: a last record without a newline.
    fn last(&mut self) -> anyhow::Result<Option<(Vec<u8>, bool)>> {
        if let Some(tail) = self.source.tail.clone().filter(|tail| !tail.takes_all()) {
            tail.end(self.line, self.newlines);
            return Ok(None);
        }
        self.refuse_open_end()?;
        let line = self.line_at(self.pending.len());
        if let Some(tail) = &self.source.tail {
            tail.end(line, 0);
        }
        if self.pending.is_empty() {
            return Ok(None);
        }
        if self.pending.last() != Some(&b'\n') {
            self.tell_unfinished();
            self.pending.room(1)[0] = b'\n';
            self.pending.filled += 1;
        }
        self.line = self.line_at(self.pending.len());
        let end = self.pending.len();
        Ok(Some((
            self.pending.split_at(end, Vec::new()),
            self.is_utf8 && self.utf8.is_none_or(|utf8| utf8.is_whole()),
        )))
    }

    /// Warns about a last record that has no line end and may be truncated. A line of JSON whose brackets are
    /// closed is whole.
    fn tell_unfinished(&self) {
        let is_closed =
            matches!(self.cut, Cut::Lines) && matches!(self.pending.last(), Some(b'}' | b']'));
        let is_values = matches!(self.cut, Cut::Values(_));
        let Some(doubt) = self.source.doubt().filter(|_| !is_closed && !is_values) else {
            return;
        };
        if self.source.tail.is_some() {
            // The user has asked for the last record as it is.
            return;
        }
        let start = scan::last_record_end(&self.pending, None, false).unwrap_or_default();
        let words = String::from_utf8_lossy(&self.pending[start..]);
        let words = match words.char_indices().nth(MOST_SHOWN) {
            Some((end, _)) => format!("{}...", &words[..end]),
            None => words.into_owned(),
        };
        let (name, line) = (&self.source.name, self.line_at(start));
        stage::notice(format!(
            "{name}:{line}: the last line has no line end, and {doubt}; if its writer has died, the record is cut: '{words}'"
        ));
    }

    fn refuse_open_end(&self) -> anyhow::Result<()> {
        let name = &self.source.name;
        match &self.cut {
            Cut::Records {
                is_inside: true, ..
            } => {
                self.refuse_stray_quote()?;
                let said = last_words(&self.pending)
                    .map_or_else(String::new, |words| format!("; it says '{words}'"));
                bail!(
                    "{name}:{}: a quoted field begins in this record and never ends{said}",
                    self.line
                )
            }
            Cut::Values(scan) if !scan.is_complete() => {
                let blank = |byte: &u8| byte.is_ascii_whitespace();
                let start = self.pending.iter().take_while(|byte| blank(byte)).count();
                bail!("{name}:{}: {}", self.line_at(start), scan.open())
            }
            _ => Ok(()),
        }
    }
}

/// Returns the message that a failed program left at the end of its output: a line that begins with a quote and the
/// name of the program.
pub fn last_words(pending: &[u8]) -> Option<&str> {
    let line = pending.strip_prefix(b"\"")?.strip_suffix(b"\n")?;
    let line = std::str::from_utf8(line).ok()?;
    let (program, _) = line.split_once(": ")?;
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_name(program) && !line.contains(['"', '\n'])).then_some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// Reads this text in reads of `size` bytes, with at most `longest` pending. Returns the lengths of the blocks,
    /// their bytes, and the error.
    fn blocks(text: &str, size: usize, longest: usize) -> (Vec<usize>, String, Option<String>) {
        struct Slow(std::io::Cursor<Vec<u8>>, usize);
        impl std::io::Read for Slow {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let size = self.1.min(buffer.len());
                self.0.read(&mut buffer[..size])
            }
        }
        let read = Box::new(Slow(std::io::Cursor::new(text.as_bytes().to_vec()), size));
        let source = Source::own(Arc::from("in.csv"), read);
        let framing = Framing::Records(Dialect::STREAM);
        let mut reader = Reader::new(source, framing, Ends::Judged);
        reader.longest = longest;
        let (mut lengths, mut whole) = (Vec::new(), String::new());
        loop {
            match reader.next(&mut Vec::new(), BLOCK) {
                Ok(Some((block, _))) => {
                    lengths.push(block.len());
                    whole.push_str(std::str::from_utf8(&block).unwrap());
                }
                Ok(None) => return (lengths, whole, None),
                Err(error) => return (lengths, whole, Some(error.to_string())),
            }
        }
    }

    /// A long record followed by short ones fills a block up to the limit of its offsets and no further; a longer
    /// record is rejected.
    #[test]
    fn no_block_is_longer_than_its_offsets_can_say() {
        for long in [1000, 2030, 2043, 2044, 2045, 2046, 2047, 2048, 3000] {
            let record = format!("1,\"{}\"\n", "x".repeat(long - 5));
            let text = format!("a,b\n{record}{}", "2,y\n".repeat(700));
            for size in [1, 7, 100, 2048, 5000] {
                let (lengths, whole, failure) = blocks(&text, size, 2048);
                assert!(
                    lengths.iter().all(|&length| length <= 2048),
                    "{long} {size}: {lengths:?}"
                );
                match long <= 2048 {
                    true => assert_eq!((failure, &whole), (None, &text), "{long} {size}"),
                    false => {
                        let said = failure.expect("it is refused");
                        assert!(said.starts_with("in.csv:2: a record longer than"), "{said}");
                        assert_eq!(whole, "a,b\n");
                    }
                }
            }
        }
    }
}
