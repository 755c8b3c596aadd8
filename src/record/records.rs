//! The regular records of a block, as found by an index.

use std::ops::Range;

use super::block::Block;
use super::lines::LineCursor;
use super::{Fault, Mapping, Place};
use crate::bytes::scan;

/// A record that does not have as many fields as the header, or is not UTF-8.
#[derive(Clone, Debug)]
pub struct Ragged {
    /// The number of regular records of the block before it.
    pub before: u32,
    /// Its line in the source.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
    /// The original record, without its newline.
    pub raw: Vec<u8>,
}

/// One field of each record, for loops over many records.
#[derive(Clone, Copy, Debug)]
pub struct FieldColumn<'b> {
    bounds: &'b [u32],
    stride: usize,
    start: usize,
    end: usize,
}

impl FieldColumn<'_> {
    /// Returns the range of a record's field in the block, including a carriage return before a line end.
    #[inline(always)]
    pub fn place(&self, record: u32) -> Range<usize> {
        let bounds = &self.bounds[record as usize * self.stride..];
        bounds[self.start] as usize..bounds[self.end] as usize - 1
    }
}

/// The regular records of an indexed block.
#[derive(Clone, Copy, Debug)]
pub struct Records<'b> {
    pub(super) block: &'b Block,
    pub(super) bounds: &'b [u32],
    pub(super) columns: usize,
    pub(super) stride: usize,
    pub(super) slots: &'b [u32],
    pub(super) count: usize,
    pub(super) has_returns: bool,
    pub(super) lacks_returns: bool,
    pub(super) ragged: &'b [Ragged],
    pub(super) removed_lines: &'b [(u32, u64)],
}

impl<'b> Records<'b> {
    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the number of fields per record.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns the raw bytes of a field of the layout, including quotes; empty means null.
    #[inline(always)]
    pub fn field(&self, record: usize, column: usize) -> &'b [u8] {
        let raw = &self.block.bytes[self.span_of(record, column, column)];
        if self.has_returns && column + 1 == self.columns {
            return raw.strip_suffix(b"\r").unwrap_or(raw);
        }
        raw
    }

    /// Returns one field of each record; the layout must include it.
    pub fn column(&self, column: usize) -> FieldColumn<'b> {
        FieldColumn {
            bounds: self.bounds,
            stride: self.stride,
            start: self.slots[column] as usize,
            end: self.slots[column + 1] as usize,
        }
    }

    /// Returns the range from the start of one column to the end of another, including a carriage return before a
    /// line end.
    #[inline(always)]
    fn span_of(&self, record: usize, first: usize, last: usize) -> Range<usize> {
        let place = record * self.stride;
        let start = self.bounds[place + self.slots[first] as usize] as usize;
        let end = self.bounds[place + self.slots[last + 1] as usize] as usize;
        start..end - 1
    }

    /// Returns the range of a whole record in the block, including its newline. Not available in a layout that only
    /// counts.
    #[inline(always)]
    pub fn range(&self, record: usize) -> Range<usize> {
        let place = record * self.stride;
        self.bounds[place] as usize..self.bounds[place + self.stride] as usize
    }

    /// Returns the range from the start of one column to the end of another (both included), without the delimiter
    /// after it.
    #[inline(always)]
    pub fn span(&self, record: usize, first: usize, last: usize) -> Range<usize> {
        let mut span = self.span_of(record, first, last);
        if self.has_returns
            && last + 1 == self.columns
            && self.block.bytes[span.clone()].ends_with(b"\r")
        {
            span.end -= 1;
        }
        span
    }

    /// Returns where the fields begin, if the layout has all: field `c` of record `r` at `r * columns + c`. Each
    /// field ends one byte before the next begins. Before a line end of CR LF, the CR is still included.
    pub fn bounds(&self) -> &'b [u32] {
        debug_assert_eq!(self.stride, self.columns);
        self.bounds
    }

    /// Returns the bytes of the whole block, to which the ranges refer.
    pub fn bytes(&self) -> &'b [u8] {
        &self.block.bytes
    }

    /// Returns a record's bytes without its line end.
    #[inline]
    pub fn raw(&self, record: usize) -> &'b [u8] {
        without_line_end(&self.block.bytes[self.range(record)])
    }

    /// Whether any record ends in CR LF.
    pub fn has_returns(&self) -> bool {
        self.has_returns
    }

    /// Whether the block is known to contain no carriage return at all.
    pub fn lacks_returns(&self) -> bool {
        self.lacks_returns
    }

    /// Returns the line of the source on which a record begins.
    pub fn line(&self, record: usize) -> u64 {
        self.line_cursor().line(record)
    }

    /// Returns a cursor that finds the lines of records in ascending order.
    pub fn line_cursor(&self) -> RecordLines<'b> {
        RecordLines::new(*self, self.block, self.removed_lines)
    }

    /// Returns the line of every record, in order.
    pub fn lines(&self) -> impl Iterator<Item = u64> {
        let newlines = scan::count_byte(&self.block.bytes, b'\n');
        let is_plain = newlines == self.count;
        let mut line = self.block.place.line;
        let mut removed = self.removed_lines.iter().peekable();
        (0..self.count).map(move |record| {
            while let Some((_, lines)) = removed.next_if(|(before, _)| *before as usize <= record) {
                line += lines;
            }
            let own = line;
            line += match is_plain {
                true => 1,
                false => scan::count_byte(&self.block.bytes[self.range(record)], b'\n') as u64,
            };
            own
        })
    }

    /// Returns how they become records of the stream, if their header differs from that of the first source.
    pub fn mapping(&self) -> Option<&'b Mapping> {
        self.block.mapping.as_deref()
    }

    /// Returns the position of the block in its source.
    pub fn place(&self) -> &'b Place {
        &self.block.place
    }

    /// Returns the irregular records that were removed.
    pub fn ragged(&self) -> &'b [Ragged] {
        self.ragged
    }
}

/// Finds the lines of records in ascending order.
#[derive(Clone, Debug)]
pub struct RecordLines<'b> {
    records: Records<'b>,
    cursor: LineCursor<'b>,
    removed: std::slice::Iter<'b, (u32, u64)>,
    /// Number of lines removed before the last record asked for.
    removed_lines: u64,
}

impl<'b> RecordLines<'b> {
    /// Starts at the first record of `block`. Each `(record, lines)` of `removed` says how many lines were removed
    /// before a record.
    fn new(records: Records<'b>, block: &'b Block, removed: &'b [(u32, u64)]) -> Self {
        RecordLines {
            records,
            cursor: LineCursor::new(&block.bytes, block.place.line),
            removed: removed.iter(),
            removed_lines: 0,
        }
    }

    /// Returns the line of the source on which a record begins. Records must ascend from call to call.
    pub fn line(&mut self, record: usize) -> u64 {
        while let Some((before, lines)) = self.removed.as_slice().first()
            && *before as usize <= record
        {
            self.removed_lines += lines;
            self.removed.next();
        }
        self.removed_lines + self.cursor.line(self.records.range(record).start)
    }
}

/// Returns a raw record without its line end.
pub(super) fn without_line_end(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}
