//! A block of whole records.

use std::sync::Arc;

use super::lines::LineCursor;
use super::text::Malformed;
use super::{Mapping, Place};

/// Bytes that hold whole records (or whole lines), and where they came from.
#[derive(Debug, Default)]
pub struct Block {
    /// The records, each ending in a newline.
    pub bytes: Vec<u8>,
    /// Where the first byte stood.
    pub place: Place,
    /// How records that are no UTF-8 are told of; none where the bytes are known to be UTF-8, or may
    /// be anything.
    pub malformed: Option<Malformed>,
    /// How its records become those of the stream, if their header is not that of the first source.
    pub mapping: Option<Arc<Mapping>>,
}

impl Block {
    /// How its records that are no UTF-8 are told of, where it has any.
    pub fn broken(&self) -> Option<Malformed> {
        let malformed = self.malformed.as_ref();
        malformed
            .filter(|malformed| malformed.is_in(&self.bytes))
            .cloned()
    }

    /// The line of the source on which this byte of the block stands.
    pub fn line(&self, place: usize) -> u64 {
        LineCursor::new(&self.bytes, self.place.line).line(place)
    }
}
