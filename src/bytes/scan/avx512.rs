//! Masks of 64 bytes from one AVX-512 register, whose comparisons yield masks directly.

use std::arch::x86_64::*;

use super::avx2::parity;
use super::{Dialect, Lanes, MaskWork, Masks, UNUSED};

/// Made only if AVX-512F, BW, VBMI2 and the features of the AVX2 level were detected; every method relies on that.
#[derive(Clone, Copy)]
struct Avx512 {
    quote: __m512i,
    delimiter: __m512i,
    keep_quotes: u64,
    places: __m512i,
}

impl Avx512 {
    /// # Safety
    /// The processor must have AVX-512F, BW, VBMI2 and the features of the AVX2 level.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn new(dialect: Dialect) -> Self {
        Avx512 {
            quote: _mm512_set1_epi8(dialect.quote.unwrap_or(UNUSED) as i8),
            delimiter: _mm512_set1_epi8(dialect.delimiter as i8),
            keep_quotes: if dialect.quote.is_some() { !0 } else { 0 },
            // SAFETY: the load stays inside the array.
            places: unsafe { _mm512_loadu_si512(PLACES.as_ptr().cast()) },
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
                high: _mm512_movepi8_mask(bytes),
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

    /// Compresses the positions of the set bits into bytes, and widens 16 of them at a time to offsets.
    #[inline(always)]
    fn push_bounds<const AT_ONCE: usize>(self, ends: u64, base: u32, bounds: &mut Vec<u32>) {
        const LANES: usize = 16;
        let count = ends.count_ones() as usize;
        let old = bounds.len();
        debug_assert!(bounds.capacity() - old >= 64);
        // SAFETY: `new` was called, so the features are there. There is room for 64 bounds, and at most 64 are
        // written, each before the length covers it.
        unsafe {
            let first = _mm512_set1_epi32(base.wrapping_add(1) as i32);
            let mut places = _mm512_maskz_compress_epi8(ends, self.places);
            let out = bounds.as_mut_ptr().add(old);
            let mut written = 0;
            while written < count {
                let offsets = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(places));
                let offsets = _mm512_add_epi32(offsets, first);
                _mm512_storeu_si512(out.add(written).cast(), offsets);
                places = _mm512_alignr_epi32::<4>(places, places);
                written += LANES;
            }
            bounds.set_len(old + count);
        }
    }
}

/// The numbers 0 to 63.
const PLACES: [u8; 64] = {
    let mut places = [0; 64];
    let mut place = 0;
    while place < places.len() {
        places[place] = place as u8;
        place += 1;
    }
    places
};

/// Does work with these lanes.
///
/// # Safety
/// The processor must have these features.
#[target_feature(
    enable = "avx512f,avx512bw,avx512vl,avx512vbmi2,avx2,pclmulqdq,bmi1,bmi2,popcnt,lzcnt"
)]
pub(super) unsafe fn work<W: MaskWork>(work: W, dialect: Dialect) -> W::Found {
    // SAFETY: the features are there.
    work.run(unsafe { Avx512::new(dialect) })
}
