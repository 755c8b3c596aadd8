//! Counts the records that end in bytes that arrive in pieces.

use super::{Dialect, Lanes, MaskWork, work};
use crate::bytes::processor::features;

/// State of a record count between two pieces of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counting {
    /// All ones inside a quoted field.
    inside: u64,
    /// 1 if the next byte begins a line.
    start: u64,
    /// 1 if the last byte was a carriage return at the start of a line.
    lone: u64,
}

impl Counting {
    /// The state before the first byte.
    pub(crate) const START: Counting = Counting {
        inside: 0,
        start: 1,
        lone: 0,
    };

    /// Whether a record has begun but not ended.
    pub(crate) fn is_within(self) -> bool {
        self.start | self.lone == 0
    }

    /// Whether a quoted field has begun but not ended.
    pub(crate) fn is_inside(self) -> bool {
        self.inside != 0
    }
}

/// Counts the records that end in these bytes: line ends outside quotes, except those of blank lines.
pub(crate) fn record_ends(bytes: &[u8], dialect: Dialect, counting: &mut Counting) -> u64 {
    work(
        RecordEnds { bytes, counting },
        dialect,
        features(bytes.len()),
    )
}

/// The work of [`record_ends`].
pub(super) struct RecordEnds<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) counting: &'b mut Counting,
}

impl MaskWork for RecordEnds<'_> {
    type Found = u64;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> u64 {
        let mut present = *self.counting;
        let mut count = 0;
        let (chunks, rest) = self.bytes.as_chunks::<64>();
        for chunk in chunks {
            count += record_ends_of(lanes, chunk, 64, &mut present);
        }
        if !rest.is_empty() {
            let mut chunk = [0; 64];
            chunk[..rest.len()].copy_from_slice(rest);
            count += record_ends_of(lanes, &chunk, rest.len() as u32, &mut present);
        }
        *self.counting = present;
        count
    }
}

/// Counts them in the first `length` bytes (1 to 64) of a chunk.
#[inline(always)]
fn record_ends_of<L: Lanes>(
    lanes: L,
    chunk: &[u8; 64],
    length: u32,
    counting: &mut Counting,
) -> u64 {
    let masks = lanes.masks(chunk);
    let valid = u64::MAX >> (64 - length);
    let inside = lanes.parity(masks.quotes & valid) ^ counting.inside;
    let ends = masks.newlines & valid & !inside;
    let starts = ends << 1 | counting.start;
    let lone = starts & masks.returns & valid;
    let blank = ends & (starts | lone << 1 | counting.lone);
    let last = length - 1;
    counting.inside = (((inside << (63 - last)) as i64) >> 63) as u64;
    counting.start = ends >> last & 1;
    counting.lone = lone >> last & 1;
    u64::from((ends & !blank).count_ones())
}
