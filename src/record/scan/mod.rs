//! The scan: 64 bytes at a time become bit masks of quotes, delimiters and newlines.
//!
//! Which bytes lie inside quotes is the running parity of the quotes before them, and the parity
//! of all 64 positions at once is one carry-less multiplication by all ones (Langdale and Lemire,
//! "Parsing gigabytes of JSON per second", 2019, section 3.1.5). AVX2 where the processor has it,
//! else a portable twin with the same results.

mod ends;
mod fields;
mod picked;
mod tally;

use super::Dialect;
#[cfg(target_arch = "x86_64")]
use super::processor;

pub(super) use ends::{Counting, record_ends};
pub use fields::{Found, field_bounds};
pub(super) use picked::{Step, picked_bounds, picks_fast};
pub use tally::{Tally, tally};

/// The bits of 64 bytes; bit `i` speaks of byte `i`.
#[derive(Clone, Copy)]
struct Masks {
    quotes: u64,
    /// Delimiters and newlines.
    ends: u64,
    newlines: u64,
    returns: u64,
}

impl Masks {
    /// The same of the bytes that these bits stand for, the others taken for nothing.
    #[inline(always)]
    fn within(self, valid: u64) -> Self {
        Masks {
            quotes: self.quotes & valid,
            ends: self.ends & valid,
            newlines: self.newlines & valid,
            returns: self.returns & valid,
        }
    }
}

/// How 64 bytes become masks, and a mask its running parity.
trait Lanes: Copy {
    fn masks(self, chunk: &[u8; 64]) -> Masks;
    /// Bit `i` of the result is the parity of bits `0..=i`.
    fn parity(self, bits: u64) -> u64;
    /// The lowest bits of `bits`, one by one, where `mask` has its set bits.
    fn deposit(self, bits: u64, mask: u64) -> u64;
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
        let newlines = Self::equal(chunk, b'\n');
        Masks {
            quotes: self.dialect.quote.map_or(0, |q| Self::equal(chunk, q)),
            ends: Self::equal(chunk, self.dialect.delimiter) | newlines,
            newlines,
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

    #[inline(always)]
    fn deposit(self, mut bits: u64, mut mask: u64) -> u64 {
        let mut deposited = 0;
        while mask != 0 {
            let lowest = mask & mask.wrapping_neg();
            if bits & 1 != 0 {
                deposited |= lowest;
            }
            bits >>= 1;
            mask ^= lowest;
        }
        deposited
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
    fn bits([low, high]: [__m256i; 2]) -> u64 {
        let low = _mm256_movemask_epi8(low) as u32;
        let high = _mm256_movemask_epi8(high) as u32;
        u64::from(low) | u64::from(high) << 32
    }

    impl Lanes for Avx2 {
        #[inline(always)]
        fn masks(self, chunk: &[u8; 64]) -> Masks {
            // SAFETY: `new` was called, so the features are there; the loads stay inside `chunk`.
            unsafe {
                let low = _mm256_loadu_si256(chunk.as_ptr().cast());
                let high = _mm256_loadu_si256(chunk.as_ptr().add(32).cast());
                let (newline, carriage) = (_mm256_set1_epi8(10), _mm256_set1_epi8(13));
                let delimiters = [
                    _mm256_cmpeq_epi8(low, self.delimiter),
                    _mm256_cmpeq_epi8(high, self.delimiter),
                ];
                let newlines = [
                    _mm256_cmpeq_epi8(low, newline),
                    _mm256_cmpeq_epi8(high, newline),
                ];
                let quotes = [
                    _mm256_cmpeq_epi8(low, self.quote),
                    _mm256_cmpeq_epi8(high, self.quote),
                ];
                let returns = [
                    _mm256_cmpeq_epi8(low, carriage),
                    _mm256_cmpeq_epi8(high, carriage),
                ];
                let mut masks = Masks {
                    quotes: 0,
                    ends: bits([
                        _mm256_or_si256(delimiters[0], newlines[0]),
                        _mm256_or_si256(delimiters[1], newlines[1]),
                    ]),
                    newlines: bits(newlines),
                    returns: 0,
                };
                // Most chunks have neither, and no bits need be made of them.
                let seldom = _mm256_or_si256(
                    _mm256_or_si256(quotes[0], quotes[1]),
                    _mm256_or_si256(returns[0], returns[1]),
                );
                if _mm256_testz_si256(seldom, seldom) == 0 {
                    masks.quotes = bits(quotes) & self.keep_quotes;
                    masks.returns = bits(returns);
                }
                masks
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

        #[inline(always)]
        fn deposit(self, bits: u64, mask: u64) -> u64 {
            // SAFETY: `new` was called, so the features are there.
            unsafe { _pdep_u64(bits, mask) }
        }
    }
}

/// So few bytes are looked at one by one, without a question of what the processor can do.
const SHORT: usize = 1 << 10;

/// How often `byte` occurs.
pub fn count_byte(bytes: &[u8], byte: u8) -> usize {
    if bytes.len() < SHORT {
        return bytes.iter().filter(|&&other| other == byte).count();
    }
    memchr::memchr_iter(byte, bytes).count()
}

/// Where the last newline outside quotes ends, given whether `bytes` ends inside quotes. Looks
/// backward and stops at once in the usual case.
pub fn last_record_end(bytes: &[u8], quote: Option<u8>, ends_inside: bool) -> Option<usize> {
    let mut is_inside = ends_inside;
    let mut is_end = |place: &usize| {
        let is_quote = Some(bytes[*place]) == quote;
        is_inside ^= is_quote;
        bytes[*place] == b'\n' && !is_quote && !is_inside
    };
    let near = bytes.len().saturating_sub(SHORT);
    let place = (near..bytes.len()).rev().find(&mut is_end);
    if place.is_some() || near == 0 {
        return place.map(|place| place + 1);
    }
    let mut far = memchr::memrchr2_iter(b'\n', quote.unwrap_or(b'\n'), &bytes[..near]);
    far.find(is_end).map(|place| place + 1)
}

#[cfg(test)]
mod tests;
