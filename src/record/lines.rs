//! The lines of the source on which places and records of a block begin, each found on the way from the one
//! before: counted from the start for each, the lines of many bad records would cost the square of the block.

use super::block::{Block, Records};
use super::scan;

/// Counts lines on the way through a block, so that many places cost one look at its bytes.
#[derive(Clone, Copy, Debug)]
pub struct LineCursor<'b> {
    bytes: &'b [u8],
    at: usize,
    line: u64,
}

impl<'b> LineCursor<'b> {
    /// At the start of a block.
    pub fn new(block: &'b Block) -> Self {
        LineCursor {
            bytes: &block.bytes,
            at: 0,
            line: block.place.line,
        }
    }

    /// The line of the source on which this byte stands, which is none before the last one asked for.
    pub fn line(&mut self, place: usize) -> u64 {
        self.line += scan::count_byte(&self.bytes[self.at..place], b'\n') as u64;
        self.at = place;
        self.line
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
    pub(super) fn new(records: Records<'b>, block: &'b Block, removed: &'b [(u32, u64)]) -> Self {
        RecordLines {
            records,
            cursor: LineCursor::new(block),
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
