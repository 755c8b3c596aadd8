//! Counts records in bytes that arrive in pieces and may be anything.

use crate::bytes::Dialect;
use crate::bytes::scan::{self, Counting};

/// Counts the records after a header: what is between two line ends outside quotes, except blank lines. Bytes that
/// are not CSV have a count, too, and nothing is rejected.
#[derive(Clone, Copy, Debug)]
pub struct RecordCount {
    counting: Counting,
    /// Whether the header was seen.
    is_headed: bool,
}

impl Default for RecordCount {
    fn default() -> Self {
        RecordCount {
            counting: Counting::START,
            is_headed: false,
        }
    }
}

impl RecordCount {
    /// Returns how many records end in the next bytes.
    pub fn add(&mut self, bytes: &[u8]) -> u64 {
        let ends = scan::record_ends(bytes, Dialect::STREAM, &mut self.counting);
        self.without_header(ends)
    }

    /// Whether the bytes so far end inside a quoted field.
    pub fn is_inside(&self) -> bool {
        self.counting.is_inside()
    }

    /// Returns 1 if the last record has no line end. Called after all bytes.
    pub fn finish(mut self) -> u64 {
        let ends = u64::from(self.counting.is_within());
        self.without_header(ends)
    }

    fn without_header(&mut self, ends: u64) -> u64 {
        let header = u64::from(!self.is_headed && ends > 0);
        self.is_headed |= ends > 0;
        ends - header
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_in_any_pieces() {
        for (text, expected) in [
            ("", 0),
            ("a,b", 0),
            ("a,b\n", 0),
            ("a,b\n1,2", 1),
            ("\n\r\na\r\n\r\n1\r\n\n2\r\n\r\n", 2),
            ("a\n\"x\n\n\"\"\ny\"\n2\n", 2),
            ("a\n\"never\nends\n", 1),
        ] {
            for size in 1..=text.len().max(1) {
                let mut count = RecordCount::default();
                let pieces = text.as_bytes().chunks(size);
                let found: u64 = pieces.map(|piece| count.add(piece)).sum();
                assert_eq!(found + count.finish(), expected, "{text:?} by {size}");
            }
        }
    }
}
