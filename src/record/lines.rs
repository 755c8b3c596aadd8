//! The lines of the source on which places of a block stand, each found on the way from the one
//! before: counted from the start for each, the lines of many bad records would cost the square of the block.

use crate::bytes::scan;

/// Counts lines on the way through a block, so that many places cost one look at its bytes.
#[derive(Clone, Copy, Debug)]
pub struct LineCursor<'b> {
    bytes: &'b [u8],
    at: usize,
    line: u64,
}

impl<'b> LineCursor<'b> {
    /// At the start of bytes that begin on this line of their source.
    pub fn new(bytes: &'b [u8], line: u64) -> Self {
        LineCursor { bytes, at: 0, line }
    }

    /// The line of the source on which this byte stands, which is none before the last one asked for.
    pub fn line(&mut self, place: usize) -> u64 {
        self.line += scan::count_byte(&self.bytes[self.at..place], b'\n') as u64;
        self.at = place;
        self.line
    }
}
