//! 64 bytes in one register, where a comparison yields the mask itself.

use std::arch::x86_64::*;

use super::avx2::parity;
use super::{Dialect, Lanes, Masks, UNUSED, Work};

/// Made only where AVX-512F and BW and what comes with AVX2 were detected; every method relies on
/// that.
#[derive(Clone, Copy)]
struct Avx512 {
    quote: __m512i,
    delimiter: __m512i,
    keep_quotes: u64,
}

impl Avx512 {
    /// # Safety
    /// The processor has AVX-512F and BW and what comes with AVX2.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn new(dialect: Dialect) -> Self {
        Avx512 {
            quote: _mm512_set1_epi8(dialect.quote.unwrap_or(UNUSED) as i8),
            delimiter: _mm512_set1_epi8(dialect.delimiter as i8),
            keep_quotes: if dialect.quote.is_some() { !0 } else { 0 },
        }
    }
}

impl Lanes for Avx512 {
    #[inline(always)]
    fn masks(self, chunk: &[u8; 64]) -> Masks {
        // SAFETY: `new` was called, so the features are there; the load stays inside `chunk`.
        unsafe {
            let bytes = _mm512_loadu_si512(chunk.as_ptr().cast());
            let newlines = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(10));
            Masks {
                quotes: _mm512_cmpeq_epi8_mask(bytes, self.quote) & self.keep_quotes,
                ends: _mm512_cmpeq_epi8_mask(bytes, self.delimiter) | newlines,
                newlines,
                returns: _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(13)),
            }
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
/// The processor has the features.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt")]
pub(super) unsafe fn work<W: Work>(work: W, dialect: Dialect) -> W::Found {
    // SAFETY: the features are there.
    work.run(unsafe { Avx512::new(dialect) })
}
