//! CSV and its relatives: any delimiter and quote in, the stream out.

use std::borrow::Cow;

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
    /// Null records of one column are blank lines, and left out.
    pub without_blank: bool,
}

/// A table with the way decided in which its blocks are passed on.
pub struct Extract {
    table: Table,
    /// Columns that stand side by side in the source and in the result: first and last.
    runs: Vec<(usize, usize)>,
    way: Way,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All fields in order, as they stand.
    Whole,
    /// All fields in order, without the nulls' content.
    WholeButNulls,
    /// Some fields, as they stand.
    Runs,
    /// Field by field.
    Fields,
}

impl Extract {
    /// Prepares for records of `columns` fields.
    pub fn new(table: Table, columns: usize) -> Self {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for &column in &table.picked.picks {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == column => *last = column,
                _ => runs.push((column, column)),
            }
        }
        let is_whole = runs == [(0, columns - 1)] && !(table.without_blank && columns == 1);
        let as_it_stands = table.dialect == Dialect::STREAM && !table.unquote;
        let way = match (as_it_stands, is_whole, table.picked.nulls.is_empty()) {
            (true, true, true) => Way::Whole,
            (true, true, false) => Way::WholeButNulls,
            (true, false, true) if !table.without_blank => Way::Runs,
            _ => Way::Fields,
        };
        Extract { table, runs, way }
    }

    fn is_null(&self, content: &[u8]) -> bool {
        self.table.picked.is_null(content)
    }

    /// Blocks whose records end in LF alone stay as they are.
    fn whole(&self, records: &Records<'_>, count: usize, made: &mut Made) {
        let block = records.bytes();
        if !records.has_returns() {
            made.keep(block, 0..records.range(count - 1).end);
            return;
        }
        for record in 0..count {
            let range = records.range(record);
            if block[..range.end].ends_with(b"\r\n") {
                made.keep(block, range.start..range.end - 2);
                made.buffer(block).push(b'\n');
            } else {
                made.keep(block, range);
            }
        }
    }

    /// Passes on all but the content of null fields.
    fn whole_but_nulls(&self, records: &Records<'_>, count: usize, made: &mut Made) {
        let block = records.bytes();
        let mut kept = 0;
        for record in 0..count {
            let range = records.range(record);
            for column in 0..records.columns() {
                let field = records.span(record, column, column);
                if self.is_null(&block[field.clone()]) {
                    made.keep(block, kept..field.start);
                    kept = field.end;
                }
            }
            if block[..range.end].ends_with(b"\r\n") {
                made.keep(block, kept..range.end - 2);
                kept = range.end - 1;
            }
        }
        made.keep(block, kept..records.range(count - 1).end);
    }

    /// Copies runs of fields as they stand.
    fn runs(&self, records: &Records<'_>, count: usize, made: &mut Made) {
        let block = records.bytes();
        let buffer = made.buffer(block);
        let old = buffer.len();
        // One byte more for each run's delimiter, where one column is picked twice as well.
        let most = block.len() * self.runs.len() + count * self.runs.len();
        buffer.resize(old + most.min(block.len() + SLACK), 0);
        let mut room = Room {
            bytes: buffer,
            at: old,
        };
        for record in 0..count {
            for &(first, last) in &self.runs {
                let span = records.span(record, first, last);
                room.push(block, span);
                room.push_byte(b',');
            }
            room.end_record();
        }
        let end = room.at;
        buffer.truncate(end);
    }

    fn fields(&self, records: &Records<'_>, count: usize, made: &mut Made) -> u64 {
        let out = made.buffer(records.bytes());
        let mut left_out = 0;
        for record in 0..count {
            let start = out.len();
            for &column in &self.table.picked.picks {
                self.rewrite(records.field(record, column), out);
                out.push(b',');
            }
            if self.table.without_blank && out.len() == start + 1 {
                out.truncate(start);
                left_out += 1;
            } else {
                out.pop();
                out.push(b'\n');
            }
        }
        left_out
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
        let content = quoted_content(raw, quote.unwrap_or(b'"'));
        match self.table.unquote {
            true => self.unquoted(&content, out),
            false => field::push_quoted(&content, out),
        }
    }

    fn unquoted(&self, content: &[u8], out: &mut Vec<u8>) {
        if content.is_empty() || self.is_null(content) {
            return;
        }
        field::push_text(content, b',', out);
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
        match self.way {
            Way::Whole => self.whole(records, count, made),
            Way::WholeButNulls => self.whole_but_nulls(records, count, made),
            Way::Runs => self.runs(records, count, made),
            Way::Fields => left_out = self.fields(records, count, made),
        }
        made.records = count as u64 - left_out;
    }
}

/// What stands between a field's quotes, doubled ones made single.
fn quoted_content(raw: &[u8], quote: u8) -> Cow<'_, [u8]> {
    let inner = match raw {
        [_, inner @ .., _] => inner,
        _ => return Cow::Borrowed(b""),
    };
    if memchr::memchr(quote, inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut content = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        content.push(byte);
        if byte == quote {
            bytes.next();
        }
    }
    Cow::Owned(content)
}

/// Room at the end of a buffer beyond what is needed, for copies of a fixed length.
const SLACK: usize = 4096;

/// A field this short is copied as that many bytes: a copy of a fixed length is two instructions.
const SHORT: usize = 32;

/// A buffer that is filled from `at` on.
struct Room<'o> {
    bytes: &'o mut Vec<u8>,
    at: usize,
}

impl Room<'_> {
    #[inline(always)]
    fn push(&mut self, block: &[u8], range: std::ops::Range<usize>) {
        let length = range.len();
        let wide = block.get(range.start..range.start + SHORT);
        let to = self.bytes.get_mut(self.at..self.at + SHORT);
        if length <= SHORT
            && let (Some(wide), Some(to)) = (wide, to)
        {
            to.copy_from_slice(wide);
        } else {
            self.push_long(&block[range]);
        }
        self.at += length;
    }

    #[cold]
    fn push_long(&mut self, field: &[u8]) {
        self.want(field.len());
        self.bytes[self.at..self.at + field.len()].copy_from_slice(field);
    }

    /// Makes the buffer longer where it must be: a column picked several times.
    fn want(&mut self, length: usize) {
        if self.at + length + 1 > self.bytes.len() {
            self.bytes.resize((self.at + length) * 2 + SLACK, 0);
        }
    }

    #[inline(always)]
    fn push_byte(&mut self, byte: u8) {
        if self.at == self.bytes.len() {
            self.want(1);
        }
        self.bytes[self.at] = byte;
        self.at += 1;
    }

    /// Makes a newline of the last delimiter.
    #[inline(always)]
    fn end_record(&mut self) {
        self.bytes[self.at - 1] = b'\n';
    }
}
