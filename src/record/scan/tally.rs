//! How many quotes and newlines there are: all that a cut at whole records asks for.

use super::{Dialect, UNUSED};
#[cfg(target_arch = "x86_64")]
use crate::record::processor::{Features, features};

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
    if features(bytes.len()) >= Features::Avx2 {
        // SAFETY: the processor has the features.
        return unsafe { tally_avx2(bytes, dialect) };
    }
    tally_portable(bytes, dialect)
}

/// The portable twin of [`tally`].
pub(super) fn tally_portable(bytes: &[u8], dialect: Dialect) -> Tally {
    let quote = dialect.quote.unwrap_or(UNUSED);
    let mut tally = Tally::default();
    for &byte in bytes {
        tally.quotes += usize::from(byte == quote);
        tally.newlines += usize::from(byte == b'\n');
    }
    if dialect.quote.is_none() {
        tally.quotes = 0;
    }
    tally
}

/// Counts in lanes of eight bits, which are emptied before the first can run over.
///
/// # Safety
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn tally_avx2(bytes: &[u8], dialect: Dialect) -> Tally {
    use std::arch::x86_64::*;
    /// Each adds at most one to a lane.
    const ROUNDS: usize = 255;
    let quote = _mm256_set1_epi8(dialect.quote.unwrap_or(UNUSED) as i8);
    let newline = _mm256_set1_epi8(b'\n' as i8);
    let zero = _mm256_setzero_si256();
    let (mut quotes, mut newlines) = (zero, zero);
    // A load across two cache lines takes twice as long.
    let boundary = bytes.as_ptr().align_offset(32).min(bytes.len());
    let (head, bytes) = bytes.split_at(boundary);
    let (chunks, rest) = bytes.as_chunks::<32>();
    for round in chunks.chunks(ROUNDS) {
        let (mut quotes_here, mut newlines_here) = (zero, zero);
        for chunk in round {
            // SAFETY: the load stays inside `chunk`.
            let chunk = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast()) };
            // An equal lane is minus one.
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
    let (first, last) = (tally_portable(head, dialect), tally_portable(rest, dialect));
    let is_quoted = dialect.quote.is_some();
    Tally {
        quotes: first.quotes + if is_quoted { sum(quotes) } else { 0 } + last.quotes,
        newlines: first.newlines + sum(newlines) + last.newlines,
    }
}
