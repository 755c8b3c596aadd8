//! CSV and its relatives: any delimiter and quote in, the stream out.

use std::ops::Range;

use crate::record::{Dialect, Faults, Records, field};
use crate::stream::{Made, Pass};

use super::picked::Picked;

/// How the records of a source become the stream.
#[derive(Clone, Debug)]
pub struct Table {
    /// Of the source.
    pub dialect: Dialect,
    /// The columns to write; only an unquoted field may be null.
    pub picked: Picked,
    /// Quotes mean nothing: a quoted field is as an unquoted one.
    pub unquote: bool,
    /// Where the source has one column, null records are blank lines, and left out.
    pub without_blank: bool,
}

/// A table with the way decided in which its blocks are passed on.
pub struct Extract {
    table: Table,
    /// Columns that stand side by side in the source and in the result, and can be copied together:
    /// first and last.
    runs: Vec<(usize, usize)>,
    null_lengths: Lengths,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All fields in order, as they stand.
    Whole,
    /// All fields in order, without the nulls' content.
    WholeButNulls,
    /// Some fields, or with another delimiter.
    Runs,
    /// Field by field.
    Fields,
}

impl Extract {
    /// Prepares for records of `columns` fields.
    pub fn new(mut table: Table, columns: usize) -> Self {
        table.without_blank &= columns == 1;
        let nulls = &table.picked.nulls;
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for &column in &table.picked.picks {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == column && nulls.is_empty() => *last = column,
                _ => runs.push((column, column)),
            }
        }
        let is_whole = table.picked.picks.iter().copied().eq(0..columns);
        let may_copy =
            table.dialect.quote == Dialect::STREAM.quote && !table.unquote && !table.without_blank;
        let way = match (may_copy, is_whole && table.dialect == Dialect::STREAM) {
            (false, _) => Way::Fields,
            (true, false) => Way::Runs,
            (true, true) if nulls.is_empty() => Way::Whole,
            (true, true) => Way::WholeButNulls,
        };
        Extract {
            runs,
            null_lengths: Lengths::of(nulls),
            way,
            table,
        }
    }

    #[inline(always)]
    fn is_null(&self, content: &[u8]) -> bool {
        self.null_lengths.has(content.len()) && self.table.picked.is_null(content)
    }

    /// Passes on all but the content of null fields. The records end in LF alone.
    fn whole_but_nulls(&self, records: &Records<'_>, count: usize, made: &mut Made) {
        let block = records.bytes();
        let mut kept = 0;
        for pair in records.bounds()[..=count * records.columns()].windows(2) {
            let field = pair[0] as usize..pair[1] as usize - 1;
            if self.is_null(&block[field.clone()]) {
                made.keep(block, kept..field.start);
                kept = field.end;
            }
        }
        made.keep(block, kept..records.range(count - 1).end);
    }

    /// Copies runs of fields, and changes what is between them where the delimiter is another.
    fn runs(&self, records: &Records<'_>, count: usize, made: &mut Made) {
        let block = records.bytes();
        let buffer = made.buffer(block);
        let picks = self.table.picked.picks.len();
        let guess = block.len() / records.columns() * picks + block.len() / 8;
        let mut room = Room::behind(buffer, guess.min(block.len()));
        let delimiter = self.table.dialect.delimiter;
        let mut commas = Commas::of(block, delimiter);
        for record in 0..count {
            if commas.is_within(records.range(record)) {
                self.record_by_fields(records, record, room.made());
                room.push_made();
                continue;
            }
            for &(first, last) in &self.runs {
                let span = records.span(record, first, last);
                if first == last && self.is_null(&block[span.clone()]) {
                    room.push_byte(b',');
                    continue;
                }
                let (start, place) = (span.start, room.at);
                room.push(block, span);
                if delimiter != b',' {
                    for column in first + 1..=last {
                        let next = records.span(record, column, column).start;
                        room.bytes[place + next - 1 - start] = b',';
                    }
                }
                room.push_byte(b',');
            }
            if room.ends_in_return() {
                // Behind the last field, it would be taken for a part of the line end.
                room.at = room.record;
                self.record_by_fields(records, record, room.made());
                room.push_made();
                continue;
            }
            room.end_record();
        }
        room.close();
    }

    fn fields(&self, records: &Records<'_>, count: usize, made: &mut Made) -> u64 {
        let out = made.buffer(records.bytes());
        let mut left_out = 0;
        for record in 0..count {
            let start = out.len();
            self.record_by_fields(records, record, out);
            if self.table.without_blank && out.len() == start + 1 {
                out.truncate(start);
                left_out += 1;
            }
        }
        left_out
    }

    fn record_by_fields(&self, records: &Records<'_>, record: usize, out: &mut Vec<u8>) {
        for &column in &self.table.picked.picks {
            self.rewrite(records.field(record, column), out);
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
    }

    /// Appends a field of the source's dialect as one of the stream.
    fn rewrite(&self, raw: &[u8], out: &mut Vec<u8>) {
        let quote = self.table.dialect.quote;
        let is_quoted = quote.is_some() && raw.first().copied() == quote;
        if !is_quoted {
            return self.unquoted(raw, out);
        }
        if quote == Some(b'"') && !self.table.unquote {
            return out.extend_from_slice(raw);
        }
        let content = field::content_in(raw, quote);
        match self.table.unquote {
            true => self.unquoted(&content, out),
            false => field::push_quoted(&content, out),
        }
    }

    fn unquoted(&self, content: &[u8], out: &mut Vec<u8>) {
        if !content.is_empty() && !self.is_null(content) {
            field::push_text(content, b',', out);
        }
    }
}

impl Pass for Extract {
    type Scratch = ();

    fn scratch(&self) -> Self::Scratch {}

    fn records(&self, _: &mut (), records: &Records<'_>, faults: &mut Faults, made: &mut Made) {
        let count = faults.limit() as usize;
        if count == 0 {
            return;
        }
        let mut left_out = 0;
        match (self.way, records.has_returns()) {
            (Way::Whole, false) => made.keep(records.bytes(), 0..records.range(count - 1).end),
            (Way::WholeButNulls, false) => self.whole_but_nulls(records, count, made),
            (Way::Fields, _) => left_out = self.fields(records, count, made),
            _ => self.runs(records, count, made),
        }
        made.records = count as u64 - left_out;
    }
}

/// Which lengths there are among some texts; one past the greatest bit stands for all longer ones.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths(u64);

impl Lengths {
    fn of(texts: &[Vec<u8>]) -> Self {
        Lengths(
            texts
                .iter()
                .fold(0, |bits, text| bits | 1 << text.len().min(63)),
        )
    }

    #[inline(always)]
    fn has(self, length: usize) -> bool {
        self.0 >> length.min(63) & 1 != 0
    }
}

/// Commas that a foreign delimiter leaves in fields, which must be quoted for them.
struct Commas<'b> {
    block: &'b [u8],
    next: usize,
}

impl<'b> Commas<'b> {
    fn of(block: &'b [u8], delimiter: u8) -> Self {
        let mut commas = Commas {
            block,
            next: usize::MAX,
        };
        if delimiter != b',' {
            commas.look_from(0);
        }
        commas
    }

    fn look_from(&mut self, start: usize) {
        let found = memchr::memchr(b',', &self.block[start..]);
        self.next = found.map_or(usize::MAX, |place| start + place);
    }

    /// Whether one is in this record, which begins no earlier than those that were asked for before.
    #[inline(always)]
    fn is_within(&mut self, record: Range<usize>) -> bool {
        if self.next < record.start {
            self.look_from(record.start);
        }
        self.next < record.end
    }
}

/// Room at the end of a buffer beyond what is needed, for copies of a fixed length.
const SLACK: usize = 4096;

/// A field this short is copied as that many bytes: a copy of a fixed length is two instructions.
const SHORT: usize = 32;

/// The part of a buffer behind what was in it, filled from `at` on.
struct Room<'o> {
    bytes: &'o mut Vec<u8>,
    at: usize,
    /// Where the record that is written began.
    record: usize,
    made: Vec<u8>,
}

impl<'o> Room<'o> {
    /// Room for about `guess` bytes; it grows.
    fn behind(bytes: &'o mut Vec<u8>, guess: usize) -> Self {
        let at = bytes.len();
        bytes.resize(at + guess + SLACK, 0);
        Room {
            bytes,
            at,
            record: at,
            made: Vec::new(),
        }
    }

    #[inline(always)]
    fn push(&mut self, block: &[u8], range: Range<usize>) {
        let length = range.len();
        let wide = block.get(range.start..range.start + SHORT);
        let to = self.bytes.get_mut(self.at..self.at + SHORT);
        if length <= SHORT
            && let (Some(wide), Some(to)) = (wide, to)
        {
            to.copy_from_slice(wide);
        } else {
            self.push_exactly(&block[range]);
        }
        self.at += length;
    }

    fn push_exactly(&mut self, field: &[u8]) {
        self.want(field.len());
        self.bytes[self.at..self.at + field.len()].copy_from_slice(field);
    }

    #[inline(always)]
    fn want(&mut self, length: usize) {
        if self.at + length > self.bytes.len() {
            self.bytes.resize((self.at + length) * 2 + SLACK, 0);
        }
    }

    #[inline(always)]
    fn push_byte(&mut self, byte: u8) {
        self.want(1);
        self.bytes[self.at] = byte;
        self.at += 1;
    }

    /// Whether the last field of the record ends in a carriage return.
    #[inline(always)]
    fn ends_in_return(&self) -> bool {
        self.at >= self.record + 2 && self.bytes[self.at - 2] == b'\r'
    }

    /// Where a whole record can be made, apart.
    fn made(&mut self) -> &mut Vec<u8> {
        self.made.clear();
        &mut self.made
    }

    /// Pushes the record that was made.
    fn push_made(&mut self) {
        let made = std::mem::take(&mut self.made);
        self.push_exactly(&made);
        self.at += made.len();
        self.record = self.at;
        self.made = made;
    }

    /// Makes a newline of the last delimiter.
    #[inline(always)]
    fn end_record(&mut self) {
        self.bytes[self.at - 1] = b'\n';
        self.record = self.at;
    }

    /// Drops what was not filled.
    fn close(self) {
        self.bytes.truncate(self.at);
    }
}

#[cfg(test)]
mod tests;
