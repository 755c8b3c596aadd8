//! Finds the end of every field.

use super::{Dialect, Lanes, MaskWork, Masks, work};
use crate::bytes::processor::features;

/// Result of a scan over whole records, apart from the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldsFound {
    /// Number of newlines outside quotes.
    pub records: usize,
    /// Offset of the first quote that opens or closes in the middle of a field.
    pub stray_quote: Option<usize>,
    /// Whether the last quoted field is still open at the end.
    pub is_open: bool,
}

/// Appends to `bounds`, for every delimiter and newline outside quotes, the offset after it.
/// `bytes` begins at a record's start and is shorter than 4 GiB.
pub fn field_bounds(bytes: &[u8], dialect: Dialect, bounds: &mut Vec<u32>) -> FieldsFound {
    work(
        FieldBounds { bytes, bounds },
        dialect,
        features(bytes.len()),
    )
}

/// State that the bytes before a chunk leave for it.
pub(super) struct Carry {
    /// All ones inside a quoted field.
    inside: u64,
    /// 1 if the last byte ended a field. Before the first byte: the bit of that byte.
    boundary: u64,
    /// 1 if the last byte closed a quoted field.
    closed: u64,
    /// 1 if the last byte was a carriage return after a closing quote.
    returned: u64,
}

impl Carry {
    /// The state before the lowest of these bits.
    pub(super) fn before(bits: u64) -> Carry {
        Carry {
            inside: 0,
            boundary: bits & bits.wrapping_neg(),
            closed: 0,
            returned: 0,
        }
    }
}

/// Bytes as chunks aligned to cache lines: a load across two lines takes twice as long.
pub(super) struct Chunks<'b> {
    /// The bytes before the first boundary.
    head: &'b [u8],
    pub(super) whole: &'b [[u8; 64]],
    rest: &'b [u8],
}

impl<'b> Chunks<'b> {
    #[inline(always)]
    pub(super) fn of(bytes: &'b [u8]) -> Self {
        let boundary = bytes.as_ptr().align_offset(64).min(bytes.len());
        let (head, bytes) = bytes.split_at(boundary);
        let (whole, rest) = bytes.as_chunks();
        Chunks { head, whole, rest }
    }

    /// Returns the head bytes, placed at the end of a chunk, and the mask of the bits that stand for them.
    #[inline(always)]
    pub(super) fn head(&self) -> Option<([u8; 64], u64)> {
        let free = 64 - self.head.len();
        let mut chunk = [0; 64];
        chunk[free..].copy_from_slice(self.head);
        (free < 64).then(|| (chunk, !0 << free))
    }

    /// Returns the remaining bytes, placed at the start of a chunk, and the mask of the bits that stand for them.
    #[inline(always)]
    pub(super) fn rest(&self) -> Option<([u8; 64], u64)> {
        let length = self.rest.len();
        let mut chunk = [0; 64];
        chunk[..length].copy_from_slice(self.rest);
        (length > 0).then(|| (chunk, (1 << length) - 1))
    }

    /// Returns the offset of the first chunk. The chunk of the head begins before byte 0, so its offset wraps.
    #[inline(always)]
    pub(super) fn base(&self) -> u32 {
        match self.head.len() {
            0 => 0,
            length => (length as u32).wrapping_sub(64),
        }
    }
}

/// Number of chunks for which room is reserved at once.
pub(super) const RUN: usize = 64;

/// The work of [`field_bounds`].
pub(super) struct FieldBounds<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) bounds: &'b mut Vec<u32>,
}

impl MaskWork for FieldBounds<'_> {
    type Found = FieldsFound;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> FieldsFound {
        let FieldBounds { bytes, bounds } = self;
        let chunks = Chunks::of(bytes);
        let head = chunks.head();
        let mut scan = Scan {
            lanes,
            carry: Carry::before(head.map_or(!0, |(_, valid)| valid)),
            base: chunks.base(),
            found: FieldsFound::default(),
        };
        bounds.reserve(64);
        if let Some((chunk, valid)) = head {
            scan.chunk(&chunk, valid, bounds);
        }
        for run in chunks.whole.chunks(RUN) {
            bounds.reserve(64 * RUN);
            for chunk in run {
                scan.chunk(chunk, !0, bounds);
            }
        }
        bounds.reserve(64);
        if let Some((chunk, valid)) = chunks.rest() {
            scan.chunk(&chunk, valid, bounds);
        }
        scan.found.is_open = scan.carry.inside != 0;
        scan.found
    }
}

/// State carried from chunk to chunk. Not a closure: a closure would not be compiled with the target features of
/// the function that `run` is inlined into.
struct Scan<L> {
    lanes: L,
    carry: Carry,
    base: u32,
    found: FieldsFound,
}

impl<L: Lanes> Scan<L> {
    #[inline(always)]
    fn chunk(&mut self, chunk: &[u8; 64], valid: u64, bounds: &mut Vec<u32>) {
        let masks = self.lanes.masks(chunk).within(valid);
        let Scan {
            lanes,
            carry,
            base,
            found,
        } = self;
        let ends = structure(*lanes, masks, valid, carry, *base, &mut found.stray_quote);
        found.records += (ends & masks.newlines).count_ones() as usize;
        lanes.push_bounds::<8>(ends, *base, bounds);
        *base = base.wrapping_add(64);
    }
}

/// Returns the delimiters and newlines of a chunk that lie outside quotes, and checks that quotes stand only at the
/// two ends of a field.
#[inline(always)]
pub(super) fn structure<L: Lanes>(
    lanes: L,
    masks: Masks,
    valid: u64,
    carry: &mut Carry,
    base: u32,
    stray: &mut Option<usize>,
) -> u64 {
    let ends = masks.ends;
    if masks.quotes == 0 && carry.closed | carry.returned == 0 {
        let ends = ends & !carry.inside;
        carry.boundary = ends >> 63;
        return ends;
    }
    let inside = lanes.parity(masks.quotes) ^ carry.inside;
    let ends = ends & !inside;
    let open = masks.quotes & inside;
    let close = masks.quotes & !inside;
    let after_close = close << 1 | carry.closed;
    let field_start = ends << 1 | carry.boundary;
    let returned = after_close & masks.returns;
    let bad = open & !(field_start | after_close)
        | after_close & !(ends | masks.quotes | masks.returns)
        | (returned << 1 | carry.returned) & !masks.newlines;
    let bad = bad & valid;
    if bad != 0 && stray.is_none() {
        *stray = Some(base.wrapping_add(bad.trailing_zeros()) as usize);
    }
    carry.inside = ((inside as i64) >> 63) as u64;
    carry.boundary = ends >> 63;
    carry.closed = close >> 63;
    carry.returned = returned >> 63;
    ends
}

/// [`Lanes::push_bounds`] bit by bit. Each round writes `AT_ONCE` values, whether the bits exist or not, which
/// avoids an unpredictable branch; the new length covers only the real ones.
#[inline(always)]
pub(super) fn push_bounds<const AT_ONCE: usize>(mut ends: u64, base: u32, bounds: &mut Vec<u32>) {
    let count = ends.count_ones() as usize;
    let old = bounds.len();
    debug_assert!(bounds.capacity() - old >= 64 && 64 % AT_ONCE == 0);
    let next = base.wrapping_add(1);
    // SAFETY: there is room for 64 bounds, and at most 64 are written, each before the length covers it.
    unsafe {
        let out = bounds.as_mut_ptr().add(old);
        let mut written = 0;
        while written < count {
            for place in written..written + AT_ONCE {
                *out.add(place) = next.wrapping_add(ends.trailing_zeros());
                ends &= ends.wrapping_sub(1);
            }
            written += AT_ONCE;
        }
        bounds.set_len(old + count);
    }
}
