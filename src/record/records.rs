//! The regular records of a block, as an index finds them.

use std::ops::Range;

use super::block::Block;
use super::lines::LineCursor;
use super::{Fault, Mapping, Place};
use crate::bytes::scan;

/// A record that has not as many fields as the header, or is no text.
#[derive(Clone, Debug)]
pub struct Ragged {
    /// How many regular records of the block stand before it.
    pub before: u32,
    /// Its line in the source.
    pub line: u64,
    /// What is wrong.
    pub fault: Fault,
    /// The record as it stood, without its newline.
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
    /// Where a record's field stands in the block; a carriage return before a line end is a part of
    /// it.
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
    /// How many records.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Fields a record.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The raw bytes of a field that the layout has, quotes and all; empty is null.
    #[inline(always)]
    pub fn field(&self, record: usize, column: usize) -> &'b [u8] {
        let raw = &self.block.bytes[self.span_of(record, column, column)];
        if self.has_returns && column + 1 == self.columns {
            return raw.strip_suffix(b"\r").unwrap_or(raw);
        }
        raw
    }

    /// One field of each record, which the layout has.
    pub fn column(&self, column: usize) -> FieldColumn<'b> {
        FieldColumn {
            bounds: self.bounds,
            stride: self.stride,
            start: self.slots[column] as usize,
            end: self.slots[column + 1] as usize,
        }
    }

    /// From the start of one column to the end of another, a carriage return before a line end
    /// included.
    #[inline(always)]
    fn span_of(&self, record: usize, first: usize, last: usize) -> Range<usize> {
        let place = record * self.stride;
        let start = self.bounds[place + self.slots[first] as usize] as usize;
        let end = self.bounds[place + self.slots[last + 1] as usize] as usize;
        start..end - 1
    }

    /// The bytes of a whole record in the block, its newline included. A layout that only counts
    /// knows none.
    #[inline(always)]
    pub fn range(&self, record: usize) -> Range<usize> {
        let place = record * self.stride;
        self.bounds[place] as usize..self.bounds[place + self.stride] as usize
    }

    /// From the start of one column to the end of another (both included), with the delimiters
    /// between, without the one behind.
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

    /// Where the fields begin, of a layout that has all: field `c` of record `r` at
    /// `r * columns + c`; each ends one byte before the next begins. In front of a line end that is
    /// CR LF, the CR is still a part.
    pub fn bounds(&self) -> &'b [u32] {
        debug_assert_eq!(self.stride, self.columns);
        self.bounds
    }

    /// The whole block's bytes, which the ranges speak of.
    pub fn bytes(&self) -> &'b [u8] {
        &self.block.bytes
    }

    /// A record's bytes without its line end.
    #[inline]
    pub fn raw(&self, record: usize) -> &'b [u8] {
        without_line_end(&self.block.bytes[self.range(record)])
    }

    /// Whether any record ends in CR LF.
    pub fn has_returns(&self) -> bool {
        self.has_returns
    }

    /// Whether it was seen that there is no carriage return anywhere.
    pub fn lacks_returns(&self) -> bool {
        self.lacks_returns
    }

    /// The line of the source on which a record begins.
    pub fn line(&self, record: usize) -> u64 {
        self.line_cursor().line(record)
    }

    /// Finds the lines of records that are asked for in ascending order.
    pub fn line_cursor(&self) -> RecordLines<'b> {
        RecordLines::new(*self, self.block, self.removed_lines)
    }

    /// The line of every record, in order.
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

    /// How they become those of the stream, if their header is not that of the first source.
    pub fn mapping(&self) -> Option<&'b Mapping> {
        self.block.mapping.as_deref()
    }

    /// Where the block stood.
    pub fn place(&self) -> &'b Place {
        &self.block.place
    }

    /// The irregular records that were taken out.
    pub fn ragged(&self) -> &'b [Ragged] {
        self.ragged
    }
}

/// The lines of records, in ascending order.
#[derive(Clone, Debug)]
pub struct RecordLines<'b> {
    records: Records<'b>,
    cursor: LineCursor<'b>,
    removed: std::slice::Iter<'b, (u32, u64)>,
    /// Lines of the irregular records that were taken out before the last record asked for.
    removed_lines: u64,
}

impl<'b> RecordLines<'b> {
    /// From the first record of `block` on, out of which lines were removed: `(record, lines)` says how
    /// many before which record.
    fn new(records: Records<'b>, block: &'b Block, removed: &'b [(u32, u64)]) -> Self {
        RecordLines {
            records,
            cursor: LineCursor::new(&block.bytes, block.place.line),
            removed: removed.iter(),
            removed_lines: 0,
        }
    }

    /// The line of the source on which a record begins, which is none before the last one asked for.
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

/// A record as it stood, without its line end.
pub(super) fn without_line_end(raw: &[u8]) -> &[u8] {
    let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
    raw.strip_suffix(b"\r").unwrap_or(raw)
}
