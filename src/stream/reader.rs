//! One source, cut into blocks of whole units.

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

/// What one read asks for. Larger blocks bring nothing more and fall out of the cache.
pub(super) const BLOCK: usize = 256 * 1024;

/// The most bytes that are pending, and so the longest record and the longest block: offsets within
/// a block have 32 bits. The rest is for the newline that is added to the last record, and for the
/// scan, which looks at 64 bytes at a time.
const LONGEST: usize = u32::MAX as usize - 128;

/// Letters of a record that a message shows.
const MOST_SHOWN: usize = 60;

/// How a stream of bytes falls into units that must stay whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Records of CSV: a newline inside quotes ends nothing.
    Records(Dialect),
    /// Lines.
    Lines,
    /// Values as JSON brackets them, one after the other or as elements of an array.
    Values,
}

impl Framing {
    /// Where the next unit at or behind `at` begins that is not blank, up to its line end; of a
    /// value, up to the end of the block.
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

    /// The unit that begins here, without its line end.
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

/// How far the bytes that were looked at are understood.
enum Cut {
    /// Whether they end inside quotes.
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

    /// Looks at more bytes: where the last whole unit in them ends, and what there is in them.
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

/// What there is in bytes; of text, whether it is UTF-8, too.
fn tally(bytes: &[u8], dialect: Dialect, utf8: Option<&mut Utf8>) -> Tally {
    match utf8 {
        Some(utf8) => scan::tally_text(bytes, dialect, utf8),
        None => scan::tally(bytes, dialect),
    }
}

/// That of lines, which have neither.
const UNQUOTED: Dialect = Dialect {
    delimiter: b',',
    quote: None,
};

/// What was read. The buffer is longer than what it holds, so that no byte is cleared before it is
/// read into.
#[derive(Default)]
struct Pending {
    buffer: Vec<u8>,
    filled: usize,
}

impl Pending {
    /// Where the next bytes are read into: this many.
    fn room(&mut self, want: usize) -> &mut [u8] {
        let end = self.filled + want;
        if self.buffer.len() < end {
            self.buffer.resize(end, 0);
        }
        &mut self.buffer[self.filled..end]
    }

    /// Takes the bytes before `end`; the others go to the front of `spare`, whatever that holds.
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

/// One source, cut into blocks.
pub(super) struct Reader {
    pub(super) source: Source,
    ends: Ends,
    cut: Cut,
    /// Bytes read and not yet handed on; all of them were looked at.
    pending: Pending,
    /// When `pending` grows to this without holding a whole record, it is looked at for quotes
    /// gone astray.
    suspicious: usize,
    /// `LONGEST`, but in tests.
    longest: usize,
    /// Of the first byte that is pending.
    pub(super) line: u64,
    /// Newlines that are pending.
    newlines: usize,
    /// Whether the bytes that are pending are UTF-8, but for a last character; false where that is not
    /// known.
    is_utf8: bool,
    /// The last bytes of text that were looked at; none if they may be anything.
    utf8: Option<Utf8>,
    /// Whether the first bytes were looked at.
    is_started: bool,
    is_done: bool,
    /// What comes after the units that are whole.
    failure: Option<anyhow::Error>,
    /// What came with the source's end, once that was judged.
    carried: Carried,
}

impl Reader {
    pub(super) fn new(source: Source, framing: Framing, ends: Ends) -> Self {
        Reader {
            line: source.line,
            // What begins in the middle of a file has no mark at its start.
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

    /// Takes what came with the source's end: once.
    pub(super) fn take_carried(&mut self) -> Carried {
        std::mem::take(&mut self.carried)
    }

    /// The same of text.
    pub(super) fn of_text(mut self) -> Self {
        self.utf8 = Some(Utf8::default());
        self
    }

    /// The next whole records: as many as one read of so many bytes brings, and whether they are
    /// known to be UTF-8. `spare` lends its memory.
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
                    // So few bytes that they tell nothing.
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
        // A small file's end is seen by a read that finds less than it asks for. A size of 0 says
        // nothing: files in /proc have it.
        let want = match self.source.size {
            Some(size @ 1..) if size < (BLOCK / 2) as u64 => want.min(size as usize + 1),
            _ => want,
        };
        // No more than what may be pending, so that no block passes what its offsets can say.
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
            // Data that are cut short are read as damaged ones: better said whose fault it is.
            if self.source.has_ended() {
                self.carried = self.source.judge(self.ends)?;
            }
            Err(error).with_context(|| format!("cannot read {}", self.source.name))
        })
    }

    /// Drops a byte order mark and names what is no text at all; false where more bytes must tell.
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

    /// Where the last whole unit in `pending` ends, its bytes before `old` already looked at.
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

    /// The line on which this byte of `pending` stands.
    fn line_at(&self, place: usize) -> u64 {
        self.line + scan::count_byte(&self.pending[..place], b'\n') as u64
    }

    /// A quote gone astray makes one record of all that follows: better said early than after
    /// the whole input was taken in.
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

    /// What is left when the source has ended: a last record without a newline.
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

    /// Tells of a last record that has no line end and may be cut. A line of JSON that is closed is
    /// whole.
    fn tell_unfinished(&self) {
        let is_closed =
            matches!(self.cut, Cut::Lines) && matches!(self.pending.last(), Some(b'}' | b']'));
        let is_values = matches!(self.cut, Cut::Values(_));
        let Some(doubt) = self.source.doubt().filter(|_| !is_closed && !is_values) else {
            return;
        };
        if self.source.tail.is_some() {
            // The user has asked for it as it stands.
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

/// What a program that failed has left at the end of its output: a line that begins with a quote
/// and the program's name.
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

    /// Reads these bytes in reads of `size`, with at most `longest` pending. Returns the lengths of the
    /// blocks, their bytes, and the failure.
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

    /// A long record that is followed by short ones fills a block up to what its offsets can say, and no
    /// further; one that is longer is refused.
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
