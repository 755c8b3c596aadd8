//! Masks of 64 bytes from two AVX2 registers.

use std::arch::x86_64::*;

use super::{Dialect, Lanes, MaskWork, Masks, UNUSED};

/// Made only if AVX2 and PCLMULQDQ were detected; every method relies on that.
#[derive(Clone, Copy)]
struct Avx2 {
    quote: __m256i,
    delimiter: __m256i,
    keep_quotes: u64,
}

impl Avx2 {
    /// # Safety
    /// The processor must have AVX2 and PCLMULQDQ.
    #[inline]
    #[target_feature(enable = "avx2,pclmulqdq")]
    unsafe fn new(dialect: Dialect) -> Self {
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
                high: bits([low, high]),
            };
            // Most chunks have neither quotes nor carriage returns, so their masks are seldom computed.
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
        unsafe { parity(bits) }
    }

    #[inline(always)]
    fn deposit(self, bits: u64, mask: u64) -> u64 {
        // SAFETY: `new` was called, so the features are there.
        unsafe { _pdep_u64(bits, mask) }
    }
}

/// Does work with these lanes.
///
/// # Safety
/// The processor must have these features.
#[target_feature(enable = "avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt")]
pub(super) unsafe fn work<W: MaskWork>(work: W, dialect: Dialect) -> W::Found {
    // SAFETY: the features are there.
    work.run(unsafe { Avx2::new(dialect) })
}

/// Returns, in bit `i`, the parity of bits `0..=i`.
#[inline]
#[target_feature(enable = "pclmulqdq")]
pub(super) fn parity(bits: u64) -> u64 {
    let product = _mm_clmulepi64_si128(_mm_set_epi64x(0, bits as i64), _mm_set1_epi8(-1), 0);
    _mm_cvtsi128_si64(product) as u64
}
