//! What is needed to cut bytes at whole records: whether quotes are open, the number of newlines, and whether all
//! bytes are known to be UTF-8.

#[cfg(target_arch = "x86_64")]
use super::UNUSED;
use super::fields::Chunks;
#[cfg(target_arch = "x86_64")]
use super::utf8::{Checking, RUN};
use super::{Dialect, Lanes, MaskWork, Masks, Utf8, work};
use crate::bytes::processor::{Features, features};

/// Quotes and newlines in a piece of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Whether the number of quotes is odd, so that inside and outside are swapped for what follows.
    pub is_odd: bool,
    /// Number of newlines, inside quotes or not.
    pub newlines: usize,
    /// Whether the bytes are known to be UTF-8, except that the last character may be incomplete. [`tally`], and
    /// [`tally_text`] without AVX-512, know this only of ASCII.
    pub is_utf8: bool,
}

/// Counts quotes and newlines in one pass.
pub fn tally(bytes: &[u8], dialect: Dialect) -> Tally {
    tally_with(bytes, dialect, features(bytes.len()))
}

/// [`tally`] of text that continues the bytes that `utf8` has seen.
pub fn tally_text(bytes: &[u8], dialect: Dialect, utf8: &mut Utf8) -> Tally {
    tally_text_with(bytes, dialect, utf8, features(bytes.len()))
}

/// [`tally`] with `features`, all of which the processor must have.
pub(super) fn tally_with(bytes: &[u8], dialect: Dialect, features: Features) -> Tally {
    match features {
        // Counting in lanes is faster than building masks from two registers.
        // SAFETY: the processor has the features.
        #[cfg(target_arch = "x86_64")]
        Features::Avx2 => unsafe { tally_avx2(bytes, dialect) },
        _ => work(Tallying { bytes }, dialect, features),
    }
}

/// [`tally_text`] with `features`, all of which the processor must have.
pub(super) fn tally_text_with(
    bytes: &[u8],
    dialect: Dialect,
    utf8: &mut Utf8,
    features: Features,
) -> Tally {
    let was_whole = utf8.is_whole();
    let mut tally = match features {
        // SAFETY: the processor has the features.
        #[cfg(target_arch = "x86_64")]
        Features::Avx512 => unsafe { tally_avx512(bytes, dialect, utf8) },
        _ => tally_with(bytes, dialect, features),
    };
    // ASCII alone does not complete a character that was incomplete.
    tally.is_utf8 &= was_whole || features == Features::Avx512 || bytes.is_empty();
    utf8.pass(bytes);
    tally
}

/// The work of [`tally`].
struct Tallying<'b> {
    bytes: &'b [u8],
}

impl MaskWork for Tallying<'_> {
    type Found = Tally;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Tally {
        let chunks = Chunks::of(self.bytes);
        let mut seen = MaskCounts::default();
        for (chunk, valid) in [chunks.head(), chunks.rest()].into_iter().flatten() {
            seen.take(lanes.masks(&chunk).within(valid));
        }
        for chunk in chunks.whole {
            seen.take(lanes.masks(chunk));
        }
        Tally {
            is_odd: seen.odd.count_ones() % 2 == 1,
            newlines: seen.newlines,
            is_utf8: seen.high == 0,
        }
    }
}

/// [`tally_text`] with AVX-512, which checks UTF-8 in the same pass.
///
/// # Safety
/// The processor must have AVX-512F, BW and VL, AVX2 and POPCNT.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,popcnt")]
unsafe fn tally_avx512(bytes: &[u8], dialect: Dialect, utf8: &Utf8) -> Tally {
    use std::arch::x86_64::*;
    let quote = _mm512_set1_epi8(dialect.quote.unwrap_or(UNUSED) as i8);
    let newline = _mm512_set1_epi8(b'\n' as i8);
    let (mut odd, mut newlines) = (0, 0);
    // A load across two cache lines takes twice as long.
    let boundary = bytes.as_ptr().align_offset(64).min(bytes.len());
    let (head, rest) = bytes.split_at(boundary);
    let (chunks, rest) = rest.as_chunks::<64>();
    // SAFETY: the processor has the features; the loads stay inside their chunks.
    let is_utf8 = unsafe {
        let mut checking = Checking::behind(utf8);
        checking.take_few(head);
        for run in chunks.chunks(RUN) {
            checking.take(run, |chunk| {
                odd ^= _mm512_cmpeq_epi8_mask(chunk, quote);
                newlines += _mm512_cmpeq_epi8_mask(chunk, newline).count_ones() as usize;
            });
        }
        checking.take_few(rest);
        checking.is_utf8()
    };
    let mut is_odd = odd.count_ones() % 2 == 1;
    for &byte in head.iter().chain(rest) {
        is_odd ^= byte == dialect.quote.unwrap_or(UNUSED);
        newlines += usize::from(byte == b'\n');
    }
    Tally {
        is_odd: is_odd && dialect.quote.is_some(),
        newlines,
        is_utf8,
    }
}

#[derive(Default)]
struct MaskCounts {
    /// XOR of all quote masks: its number of set bits is odd exactly if the number of quotes is.
    odd: u64,
    newlines: usize,
    high: u64,
}

impl MaskCounts {
    #[inline(always)]
    fn take(&mut self, masks: Masks) {
        self.odd ^= masks.quotes;
        self.newlines += masks.newlines.count_ones() as usize;
        self.high |= masks.high;
    }
}

/// Counts in 8-bit lanes, which are emptied before one can overflow.
///
/// # Safety
/// The processor must have AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn tally_avx2(bytes: &[u8], dialect: Dialect) -> Tally {
    use std::arch::x86_64::*;
    /// A round adds at most one to a lane.
    const ROUNDS: usize = 255;
    let quote = _mm256_set1_epi8(dialect.quote.unwrap_or(UNUSED) as i8);
    let newline = _mm256_set1_epi8(b'\n' as i8);
    let zero = _mm256_setzero_si256();
    let (mut quotes, mut newlines, mut all) = (zero, zero, zero);
    // A load across two cache lines takes twice as long.
    let boundary = bytes.as_ptr().align_offset(32).min(bytes.len());
    let (head, bytes) = bytes.split_at(boundary);
    let (chunks, rest) = bytes.as_chunks::<32>();
    for round in chunks.chunks(ROUNDS) {
        let (mut quotes_here, mut newlines_here) = (zero, zero);
        for chunk in round {
            // SAFETY: the load stays inside `chunk`.
            let chunk = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) };
            all = _mm256_or_si256(all, chunk);
            // An equal lane is -1.
            quotes_here = _mm256_sub_epi8(quotes_here, _mm256_cmpeq_epi8(chunk, quote));
            newlines_here = _mm256_sub_epi8(newlines_here, _mm256_cmpeq_epi8(chunk, newline));
        }
        quotes = _mm256_add_epi64(quotes, _mm256_sad_epu8(quotes_here, zero));
        newlines = _mm256_add_epi64(newlines, _mm256_sad_epu8(newlines_here, zero));
    }
    let sum = |lanes: __m256i| {
        let half = _mm_add_epi64(
            _mm256_castsi256_si128(lanes),
            _mm256_extracti128_si256(lanes, 1),
        );
        (_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1)) as usize
    };
    let mut tally = Tally {
        is_odd: sum(quotes) % 2 == 1 && dialect.quote.is_some(),
        newlines: sum(newlines),
        is_utf8: _mm256_movemask_epi8(all) == 0,
    };
    for &byte in head.iter().chain(rest) {
        tally.is_odd ^= Some(byte) == dialect.quote;
        tally.newlines += usize::from(byte == b'\n');
        tally.is_utf8 &= byte.is_ascii();
    }
    tally
}
