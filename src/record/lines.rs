//! Line numbers of offsets in a block, each counted from the previous one. Counting each from the start of the
//! block would make many bad records cost quadratic time.

use crate::bytes::scan;

/// Counts lines on the way through a block, so that many offsets cost one pass over its bytes.
#[derive(Clone, Copy, Debug)]
pub struct LineCursor<'b> {
    bytes: &'b [u8],
    at: usize,
    line: u64,
}

impl<'b> LineCursor<'b> {
    /// Starts at the first of these bytes, which is on this line of the source.
    pub fn new(bytes: &'b [u8], line: u64) -> Self {
        LineCursor { bytes, at: 0, line }
    }

    /// Returns the line of the source that contains this byte. Offsets must ascend from call to call.
    pub fn line(&mut self, place: usize) -> u64 {
        self.line += scan::count_byte(&self.bytes[self.at..place], b'\n') as u64;
        self.at = place;
        self.line
    }
}
