//! A block of whole records.

use std::sync::Arc;

use super::lines::LineCursor;
use super::text::Malformed;
use super::{Mapping, Place};

/// Bytes that hold whole records (or whole lines), and their origin.
#[derive(Debug, Default)]
pub struct Block {
    /// The records, each ending in a newline.
    pub bytes: Vec<u8>,
    /// The position of the first byte.
    pub place: Place,
    /// How to report records that are not UTF-8; `None` if the bytes are known to be UTF-8, or may be anything.
    pub malformed: Option<Malformed>,
    /// How its records become those of the stream, if its header differs from that of the first source.
    pub mapping: Option<Arc<Mapping>>,
}

impl Block {
    /// Returns how to report records that are not UTF-8, if there are any.
    pub fn broken(&self) -> Option<Malformed> {
        let malformed = self.malformed.as_ref();
        malformed
            .filter(|malformed| malformed.is_in(&self.bytes))
            .cloned()
    }

    /// Returns the line of the source that contains this byte of the block.
    pub fn line(&self, place: usize) -> u64 {
        LineCursor::new(&self.bytes, self.place.line).line(place)
    }
}
