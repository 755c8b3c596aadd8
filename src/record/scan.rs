//! The scan: 64 bytes at a time become bit masks of quotes, delimiters and newlines.
//!
//! Which bytes lie inside quotes is the running parity of the quotes before them, and the parity
//! of all 64 positions at once is one carry-less multiplication by all ones (Langdale and Lemire,
//! "Parsing gigabytes of JSON per second", 2019, section 3.1.5). AVX2 where the processor has it,
//! else a portable twin with the same results.

use super::Dialect;

/// The bits of 64 bytes; bit `i` speaks of byte `i`.
#[derive(Clone, Copy)]
struct Masks {
    quotes: u64,
    delimiters: u64,
    newlines: u64,
    returns: u64,
}

/// How 64 bytes become masks, and a mask its running parity.
trait Lanes: Copy {
    fn masks(self, chunk: &[u8; 64]) -> Masks;
    /// Bit `i` of the result is the parity of bits `0..=i`.
    fn parity(self, bits: u64) -> u64;
}

/// A byte that never occurs where it is asked for: stands for "no quote byte". The mask it makes
/// is dropped.
const UNUSED: u8 = b'"';

#[derive(Clone, Copy)]
struct Portable {
    dialect: Dialect,
}

impl Portable {
    #[inline(always)]
    fn equal(chunk: &[u8; 64], byte: u8) -> u64 {
        let mut mask = 0;
        for (place, &candidate) in chunk.iter().enumerate() {
            mask |= u64::from(candidate == byte) << place;
        }
        mask
    }
}

impl Lanes for Portable {
    #[inline(always)]
    fn masks(self, chunk: &[u8; 64]) -> Masks {
        Masks {
            quotes: self.dialect.quote.map_or(0, |q| Self::equal(chunk, q)),
            delimiters: Self::equal(chunk, self.dialect.delimiter),
            newlines: Self::equal(chunk, b'\n'),
            returns: Self::equal(chunk, b'\r'),
        }
    }

    #[inline(always)]
    fn parity(self, mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Dialect, Lanes, Masks, UNUSED};
    use std::arch::x86_64::*;

    /// Made only where AVX2 and PCLMULQDQ were detected; every method relies on that.
    #[derive(Clone, Copy)]
    pub(super) struct Avx2 {
        quote: __m256i,
        delimiter: __m256i,
        keep_quotes: u64,
    }

    impl Avx2 {
        /// # Safety
        /// The processor has AVX2 and PCLMULQDQ.
        #[inline]
        #[target_feature(enable = "avx2,pclmulqdq")]
        pub(super) unsafe fn new(dialect: Dialect) -> Self {
            Avx2 {
                quote: _mm256_set1_epi8(dialect.quote.unwrap_or(UNUSED) as i8),
                delimiter: _mm256_set1_epi8(dialect.delimiter as i8),
                keep_quotes: if dialect.quote.is_some() { !0 } else { 0 },
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx2")]
    fn equal(low: __m256i, high: __m256i, byte: __m256i) -> u64 {
        let low = _mm256_movemask_epi8(_mm256_cmpeq_epi8(low, byte)) as u32;
        let high = _mm256_movemask_epi8(_mm256_cmpeq_epi8(high, byte)) as u32;
        u64::from(low) | u64::from(high) << 32
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn masks(self, chunk: &[u8; 64]) -> Masks {
            // SAFETY: `new` was called, so the features are there; the loads stay inside `chunk`.
            unsafe {
                let low = _mm256_loadu_si256(chunk.as_ptr().cast());
                let high = _mm256_loadu_si256(chunk.as_ptr().add(32).cast());
                Masks {
                    quotes: equal(low, high, self.quote) & self.keep_quotes,
                    delimiters: equal(low, high, self.delimiter),
                    newlines: equal(low, high, _mm256_set1_epi8(b'\n' as i8)),
                    returns: equal(low, high, _mm256_set1_epi8(b'\r' as i8)),
                }
            }
        }

        #[inline(always)]
        fn parity(self, bits: u64) -> u64 {
            // SAFETY: `new` was called, so the features are there.
            unsafe {
                let product =
                    _mm_clmulepi64_si128(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1), 0);
                _mm_cvtsi128_si64(product) as u64
            }
        }
    }

    pub(super) fn is_detected() -> bool {
        std::is_x86_feature_detected!("avx2")
            && std::is_x86_feature_detected!("pclmulqdq")
            && std::is_x86_feature_detected!("bmi1")
            && std::is_x86_feature_detected!("bmi2")
            && std::is_x86_feature_detected!("popcnt")
            && std::is_x86_feature_detected!("lzcnt")
    }
}

/// What a scan over whole records found, beside the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Newlines outside quotes.
    pub records: usize,
    /// Offset of the first quote that opens or closes in the middle of a field.
    pub stray_quote: Option<usize>,
    /// Whether the last quoted field is still open at the end.
    pub is_open: bool,
}

/// Appends to `bounds`, for every delimiter and newline outside quotes, the offset after it.
/// `bytes` begins at a record's start and is shorter than 4 GiB.
pub fn field_bounds(bytes: &[u8], dialect: Dialect, bounds: &mut Vec<u32>) -> Found {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_detected() {
        // SAFETY: the features were just detected.
        return unsafe { field_bounds_avx2(bytes, dialect, bounds) };
    }
    field_bounds_portable(bytes, dialect, bounds)
}

/// The portable twin of [`field_bounds`].
pub fn field_bounds_portable(bytes: &[u8], dialect: Dialect, bounds: &mut Vec<u32>) -> Found {
    bounds_with(Portable { dialect }, bytes, bounds)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt")]
unsafe fn field_bounds_avx2(bytes: &[u8], dialect: Dialect, bounds: &mut Vec<u32>) -> Found {
    // SAFETY: the caller detected the features.
    let lanes = unsafe { avx2::Avx2::new(dialect) };
    bounds_with(lanes, bytes, bounds)
}

/// What the bytes before a chunk leave to it.
struct Carry {
    /// All ones inside a quoted field.
    inside: u64,
    /// 1 where the last byte was a field's end (or nothing was before).
    boundary: u64,
    /// 1 where the last byte closed a quote.
    closed: u64,
    /// 1 where the last byte was a carriage return behind a closing quote.
    returned: u64,
}

#[inline(always)]
fn bounds_with<L: Lanes>(lanes: L, bytes: &[u8], bounds: &mut Vec<u32>) -> Found {
    let mut found = Found::default();
    let mut carry = Carry {
        inside: 0,
        boundary: 1,
        closed: 0,
        returned: 0,
    };
    let mut stray = None;
    let (chunks, rest) = bytes.as_chunks::<64>();
    let mut base = 0u32;
    for chunk in chunks {
        let masks = lanes.masks(chunk);
        let ends = structure(lanes, masks, !0, &mut carry, base, &mut stray);
        found.records += (ends & masks.newlines).count_ones() as usize;
        push_bounds(ends, base, bounds);
        base = base.wrapping_add(64);
    }
    if !rest.is_empty() {
        let mut chunk = [0; 64];
        chunk[..rest.len()].copy_from_slice(rest);
        let valid = (1u64 << rest.len()) - 1;
        let mut masks = lanes.masks(&chunk);
        masks.quotes &= valid;
        masks.newlines &= valid;
        masks.delimiters &= valid;
        let ends = structure(lanes, masks, valid, &mut carry, base, &mut stray);
        found.records += (ends & masks.newlines).count_ones() as usize;
        push_bounds(ends, base, bounds);
    }
    found.is_open = carry.inside != 0;
    found.stray_quote = stray;
    found
}

/// The delimiters and newlines of a chunk that lie outside quotes, and the check that quotes stand
/// only at the two ends of a field.
#[inline(always)]
fn structure<L: Lanes>(
    lanes: L,
    masks: Masks,
    valid: u64,
    carry: &mut Carry,
    base: u32,
    stray: &mut Option<usize>,
) -> u64 {
    let ends = masks.delimiters | masks.newlines;
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
        *stray = Some(base as usize + bad.trailing_zeros() as usize);
    }
    carry.inside = ((inside as i64) >> 63) as u64;
    carry.boundary = ends >> 63;
    carry.closed = close >> 63;
    carry.returned = returned >> 63;
    ends
}

/// Appends `base + i + 1` for every set bit `i`. Eight are written whether they are there or not,
/// which spares the unpredictable branch; the length then says how many count.
#[inline(always)]
fn push_bounds(mut ends: u64, base: u32, bounds: &mut Vec<u32>) {
    bounds.reserve(64);
    let count = ends.count_ones() as usize;
    let old = bounds.len();
    let next = base.wrapping_add(1);
    // SAFETY: 64 places were reserved and at most 64 are written, each before the length covers it.
    unsafe {
        let out = bounds.as_mut_ptr().add(old);
        let mut written = 0;
        while written < count {
            for place in written..written + 8 {
                *out.add(place) = next.wrapping_add(ends.trailing_zeros());
                ends &= ends.wrapping_sub(1);
            }
            written += 8;
        }
        bounds.set_len(old + count);
    }
}

/// How many quotes and newlines there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Quotes: an odd number of them turns inside out what follows.
    pub quotes: usize,
    /// Newlines, inside quotes or not.
    pub newlines: usize,
}

/// Counts quotes and newlines in one go.
pub fn tally(bytes: &[u8], dialect: Dialect) -> Tally {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_detected() {
        // SAFETY: the features were just detected.
        return unsafe { tally_avx2(bytes, dialect) };
    }
    tally_portable(bytes, dialect)
}

/// The portable twin of [`tally`].
pub fn tally_portable(bytes: &[u8], dialect: Dialect) -> Tally {
    tally_with(Portable { dialect }, bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt")]
unsafe fn tally_avx2(bytes: &[u8], dialect: Dialect) -> Tally {
    // SAFETY: the caller detected the features.
    let lanes = unsafe { avx2::Avx2::new(dialect) };
    tally_with(lanes, bytes)
}

#[inline(always)]
fn tally_with<L: Lanes>(lanes: L, bytes: &[u8]) -> Tally {
    let mut tally = Tally::default();
    let (chunks, rest) = bytes.as_chunks::<64>();
    let mut add = |chunk: &[u8; 64], valid: u64| {
        let masks = lanes.masks(chunk);
        tally.quotes += (masks.quotes & valid).count_ones() as usize;
        tally.newlines += (masks.newlines & valid).count_ones() as usize;
    };
    for chunk in chunks {
        add(chunk, !0);
    }
    let mut chunk = [0; 64];
    chunk[..rest.len()].copy_from_slice(rest);
    add(&chunk, (1u64 << rest.len()) - 1);
    tally
}

/// What a count of records keeps from one piece of the bytes to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counting {
    /// All ones inside a quoted field.
    inside: u64,
    /// 1 where the next byte begins a line.
    start: u64,
    /// 1 where the last byte was a carriage return that began a line.
    lone: u64,
}

impl Counting {
    /// Before the first byte.
    pub(super) const START: Counting = Counting {
        inside: 0,
        start: 1,
        lone: 0,
    };

    /// Whether a record has begun that has not ended.
    pub(super) fn is_within(self) -> bool {
        self.start | self.lone == 0
    }

    /// Whether a quoted field has begun that has not ended.
    pub(super) fn is_inside(self) -> bool {
        self.inside != 0
    }
}

/// How many records end in these bytes: line ends outside quotes, but for those of blank lines.
pub(super) fn record_ends(bytes: &[u8], dialect: Dialect, counting: &mut Counting) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if avx2::is_detected() {
        // SAFETY: the features were just detected.
        return unsafe { record_ends_avx2(bytes, dialect, counting) };
    }
    record_ends_portable(bytes, dialect, counting)
}

/// The portable twin of [`record_ends`].
fn record_ends_portable(bytes: &[u8], dialect: Dialect, counting: &mut Counting) -> u64 {
    record_ends_with(Portable { dialect }, bytes, counting)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt")]
unsafe fn record_ends_avx2(bytes: &[u8], dialect: Dialect, counting: &mut Counting) -> u64 {
    // SAFETY: the caller detected the features.
    let lanes = unsafe { avx2::Avx2::new(dialect) };
    record_ends_with(lanes, bytes, counting)
}

#[inline(always)]
fn record_ends_with<L: Lanes>(lanes: L, bytes: &[u8], counting: &mut Counting) -> u64 {
    let mut present = *counting;
    let mut count = 0;
    let (chunks, rest) = bytes.as_chunks::<64>();
    for chunk in chunks {
        count += record_ends_of(lanes, chunk, 64, &mut present);
    }
    if !rest.is_empty() {
        let mut chunk = [0; 64];
        chunk[..rest.len()].copy_from_slice(rest);
        count += record_ends_of(lanes, &chunk, rest.len() as u32, &mut present);
    }
    *counting = present;
    count
}

/// Those in the first `length` bytes of a chunk, from 1.
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

/// How often `byte` occurs.
pub fn count_byte(bytes: &[u8], byte: u8) -> usize {
    memchr::memchr_iter(byte, bytes).count()
}

/// Where the last newline outside quotes ends, given whether `bytes` ends inside quotes. Looks
/// backward and stops at once in the usual case.
pub fn last_record_end(bytes: &[u8], quote: Option<u8>, ends_inside: bool) -> Option<usize> {
    let Some(quote) = quote else {
        return memchr::memrchr(b'\n', bytes).map(|place| place + 1);
    };
    let mut is_inside = ends_inside;
    for place in memchr::memrchr2_iter(b'\n', quote, bytes) {
        if bytes[place] == quote {
            is_inside = !is_inside;
        } else if !is_inside {
            return Some(place + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Text made of the bytes that matter, often enough to meet in every way.
    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(
            prop_oneof![
                4 => Just(b'a'), 2 => Just(b','), 2 => Just(b'"'), 1 => Just(b'\n'), 1 => Just(b'\r'),
                1 => any::<u8>()
            ],
            0..300,
        )
    }

    fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
        (1usize..6).prop_flat_map(|columns| {
            proptest::collection::vec(
                proptest::collection::vec("[a-z,\"\n\r é]{0,30}", columns),
                0..30,
            )
        })
    }

    proptest! {
        #[test]
        fn twins_agree(bytes in hostile(), quoted in any::<bool>()) {
            let dialect = Dialect { delimiter: b',', quote: quoted.then_some(b'"') };
            let (mut fast, mut portable) = (Vec::new(), Vec::new());
            let one = field_bounds(&bytes, dialect, &mut fast);
            let other = field_bounds_portable(&bytes, dialect, &mut portable);
            prop_assert_eq!(one, other);
            prop_assert_eq!(fast, portable);
        }

        #[test]
        fn the_csv_crate_agrees(table in table()) {
            let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
            for record in &table {
                writer.write_record(record).unwrap();
            }
            let bytes = writer.into_inner().unwrap();
            let mut bounds = vec![0];
            let found = field_bounds(&bytes, Dialect::STREAM, &mut bounds);
            prop_assert_eq!(found.records, table.len());
            prop_assert_eq!(found.stray_quote, None);
            let fields: Vec<_> = bounds
                .windows(2)
                .map(|w| crate::record::field::content(&bytes[w[0] as usize..w[1] as usize - 1]).into_owned())
                .collect();
            let expected: Vec<_> = table.iter().flatten().map(|f| f.clone().into_bytes()).collect();
            prop_assert_eq!(fields, expected);
        }

        /// A blank line is a line end at the beginning of a line, behind a carriage return or not.
        #[test]
        fn record_ends_are_the_scans(bytes in hostile(), size in 1usize..150) {
            let mut bounds = Vec::new();
            field_bounds_portable(&bytes, Dialect::STREAM, &mut bounds);
            let ends = bounds.iter().map(|&bound| bound as usize).filter(|&bound| bytes[bound - 1] == b'\n');
            let (mut start, mut expected) = (0, 0);
            for end in ends {
                expected += u64::from(!matches!(&bytes[start..end], b"\n" | b"\r\n"));
                start = end;
            }
            let count = |twin: fn(&[u8], Dialect, &mut Counting) -> u64| {
                let mut counting = Counting::START;
                let pieces = bytes.chunks(size);
                let found: u64 = pieces.map(|piece| twin(piece, Dialect::STREAM, &mut counting)).sum();
                (found, counting)
            };
            prop_assert_eq!(count(record_ends).0, expected);
            prop_assert_eq!(count(record_ends), count(record_ends_portable));
        }

        #[test]
        fn the_last_record_end_is_the_scans(bytes in hostile()) {
            let mut bounds = Vec::new();
            let found = field_bounds_portable(&bytes, Dialect::STREAM, &mut bounds);
            let expected = bounds.iter().rev().find(|&&b| bytes[b as usize - 1] == b'\n').map(|&b| b as usize);
            let tally = tally(&bytes, Dialect::STREAM);
            prop_assert_eq!(tally, tally_portable(&bytes, Dialect::STREAM));
            prop_assert_eq!(tally.quotes, count_byte(&bytes, b'"'));
            prop_assert_eq!(tally.newlines, count_byte(&bytes, b'\n'));
            let is_inside = tally.quotes % 2 == 1;
            prop_assert_eq!(is_inside, found.is_open);
            prop_assert_eq!(last_record_end(&bytes, Some(b'"'), is_inside), expected);
        }
    }
}
