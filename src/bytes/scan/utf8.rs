//! Checks whether bytes that arrive in pieces are UTF-8.
//!
//! Three tables list the faults that a pair of neighbouring bytes can have, one bit per fault: by the upper half of
//! the first byte, its lower half, and the upper half of the second byte. A fault exists if all three have its bit.
//! Third and fourth bytes are recognised by the bytes two and three before them (Keiser and Lemire, "Validating
//! UTF-8 in less than one instruction per byte", 2021).

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// State kept between pieces: the last four bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utf8 {
    last: [u8; 4],
}

impl Utf8 {
    /// Whether the bytes so far end with a whole character, provided that they are UTF-8.
    pub fn is_whole(&self) -> bool {
        let [_, third, second, last] = self.last;
        third < 0xF0 && second < 0xE0 && last < 0xC0
    }

    /// Continues after these bytes.
    pub(super) fn pass(&mut self, bytes: &[u8]) {
        match bytes.last_chunk::<4>() {
            Some(last) => self.last = *last,
            None => {
                let all = [&self.last[..], bytes].concat();
                self.last.copy_from_slice(&all[bytes.len()..]);
            }
        }
    }
}

/// Maximum number of pieces read before those that are not ASCII are checked.
#[cfg(target_arch = "x86_64")]
pub(super) const RUN: usize = 64;

/// Checks pieces of 64 bytes, one after the other.
#[cfg(target_arch = "x86_64")]
pub(super) struct Checking {
    /// The previous piece.
    before: __m512i,
    /// Mask of its bytes above 127.
    high_before: u64,
    /// Faults found so far.
    faults: __m512i,
    tables: [__m512i; 3],
}

#[cfg(target_arch = "x86_64")]
impl Checking {
    /// # Safety
    /// The processor must have AVX-512F and BW.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn behind(utf8: &Utf8) -> Self {
        let mut before = [0; 64];
        before[60..].copy_from_slice(&utf8.last);
        let table = |table: &[u8; 16]| {
            // SAFETY: the load stays inside the table.
            _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
        };
        // SAFETY: the load stays inside the array.
        let before = unsafe { _mm512_loadu_si512(before.as_ptr().cast()) };
        Checking {
            before,
            high_before: _mm512_movepi8_mask(before),
            faults: _mm512_setzero_si512(),
            tables: [
                table(&FIRST_UPPER),
                table(&FIRST_LOWER),
                table(&SECOND_UPPER),
            ],
        }
    }

    /// Takes the next pieces and shows each to `look`. The pieces that are not ASCII are noted and checked
    /// afterwards: an unpredictable branch would cost more than the check.
    ///
    /// # Safety
    /// The processor must have AVX-512F and BW.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn take(&mut self, pieces: &[[u8; 64]], mut look: impl FnMut(__m512i)) {
        let Some(last) = pieces.last() else {
            return;
        };
        let (mut places, mut count) = ([0_u8; RUN], 0);
        let mut high_before = self.high_before;
        // SAFETY: the loads stay inside their pieces.
        let load = |piece: &[u8; 64]| unsafe { _mm512_loadu_si512(piece.as_ptr().cast()) };
        for (place, piece) in pieces.iter().take(RUN).enumerate() {
            let piece = load(piece);
            look(piece);
            let high = _mm512_movepi8_mask(piece);
            places[count % RUN] = place as u8;
            // A character that the previous piece left incomplete began in its last three bytes.
            count += usize::from(high | high_before >> 61 != 0);
            high_before = high;
        }
        for &place in &places[..count] {
            let place = usize::from(place);
            let before = match place {
                0 => self.before,
                _ => load(&pieces[place - 1]),
            };
            let faults = self.faults_of(load(&pieces[place]), before);
            self.faults = _mm512_or_si512(self.faults, faults);
        }
        (self.before, self.high_before) = (load(last), high_before);
    }

    /// Takes the next bytes, fewer than 64.
    ///
    /// # Safety
    /// The processor must have AVX-512F and BW.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn take_few(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.high_before == 0 && bytes.is_ascii() {
            return;
        }
        // The bytes go to the end of two pieces, after the last four bytes that came before them.
        let mut pieces = [0; 128];
        let mut before = [0; 64];
        // SAFETY: the store stays inside the array.
        unsafe { _mm512_storeu_si512(before.as_mut_ptr().cast(), self.before) };
        let start = pieces.len() - bytes.len();
        pieces[start - 4..start].copy_from_slice(&before[60..]);
        pieces[start..].copy_from_slice(bytes);
        // SAFETY: the loads stay inside the array.
        let (first, second) = unsafe {
            (
                _mm512_loadu_si512(pieces.as_ptr().cast()),
                _mm512_loadu_si512(pieces.as_ptr().add(64).cast()),
            )
        };
        let own = !0 << (64 - bytes.len());
        let faults = _mm512_maskz_mov_epi8(own, self.faults_of(second, first));
        self.faults = _mm512_or_si512(self.faults, faults);
        (self.before, self.high_before) = (second, _mm512_movepi8_mask(second));
    }

    /// Returns nonzero lanes for the bytes that are not UTF-8, given the previous piece.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    fn faults_of(&self, bytes: __m512i, before: __m512i) -> __m512i {
        let lanes = _mm512_alignr_epi32::<12>(bytes, before);
        let first = _mm512_alignr_epi8::<15>(bytes, lanes);
        let (second, third) = (
            _mm512_alignr_epi8::<14>(bytes, lanes),
            _mm512_alignr_epi8::<13>(bytes, lanes),
        );
        let half = _mm512_set1_epi8(0x0F);
        let upper = |bytes| _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), half);
        let [first_upper, first_lower, second_upper] = self.tables;
        let pairs = _mm512_and_si512(
            _mm512_and_si512(
                _mm512_shuffle_epi8(first_upper, upper(first)),
                _mm512_shuffle_epi8(first_lower, _mm512_and_si512(first, half)),
            ),
            _mm512_shuffle_epi8(second_upper, upper(bytes)),
        );
        // The highest bit is set if the byte two before is at least 0xE0 or the byte three before is at least 0xF0:
        // the current byte must then be the second continuation byte in a row.
        let is_third = _mm512_subs_epu8(second, _mm512_set1_epi8(0x60));
        let is_fourth = _mm512_subs_epu8(third, _mm512_set1_epi8(0x70));
        let must_go_on = _mm512_and_si512(
            _mm512_or_si512(is_third, is_fourth),
            _mm512_set1_epi8(0x80_u8 as i8),
        );
        _mm512_xor_si512(must_go_on, pairs)
    }

    /// Whether no fault was found.
    ///
    /// # Safety
    /// The processor must have AVX-512F and BW.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn is_utf8(&self) -> bool {
        _mm512_test_epi8_mask(self.faults, self.faults) == 0
    }
}

/// A lead byte that no continuation byte follows.
const TOO_SHORT: u8 = 1 << 0;
/// ASCII followed by a continuation byte.
const TOO_LONG: u8 = 1 << 1;
/// Three bytes for a character that needs two.
const OVERLONG_3: u8 = 1 << 2;
/// Above U+10FFFF: `F4 90`, `F5` and so on.
const TOO_LARGE: u8 = 1 << 3;
/// Half of a UTF-16 surrogate pair.
const SURROGATE: u8 = 1 << 4;
/// Two bytes for an ASCII character.
const OVERLONG_2: u8 = 1 << 5;
/// Above U+10FFFF: `F5 80` and so on.
const TOO_LARGE_1000: u8 = 1 << 6;
/// Four bytes for a character that needs three; never occurs together with the fault above.
const OVERLONG_4: u8 = 1 << 6;
/// Two continuation bytes in a row, which is valid only at the third and fourth byte of a character.
const TWO_GO_ON: u8 = 1 << 7;
/// The faults that do not depend on the lower half of the first byte.
const ANY: u8 = TOO_SHORT | TOO_LONG | TWO_GO_ON;

const FIRST_UPPER: [u8; 16] = {
    let mut table = [TOO_LONG; 16];
    let mut half = 8;
    while half < 12 {
        table[half] = TWO_GO_ON;
        half += 1;
    }
    table[0xC] = TOO_SHORT | OVERLONG_2;
    table[0xD] = TOO_SHORT;
    table[0xE] = TOO_SHORT | OVERLONG_3 | SURROGATE;
    table[0xF] = TOO_SHORT | TOO_LARGE | TOO_LARGE_1000 | OVERLONG_4;
    table
};

const FIRST_LOWER: [u8; 16] = {
    let mut table = [ANY | TOO_LARGE | TOO_LARGE_1000; 16];
    table[0x0] = ANY | OVERLONG_2 | OVERLONG_3 | OVERLONG_4;
    table[0x1] = ANY | OVERLONG_2;
    table[0x2] = ANY;
    table[0x3] = ANY;
    table[0x4] = ANY | TOO_LARGE;
    table[0xD] |= SURROGATE;
    table
};

const SECOND_UPPER: [u8; 16] = {
    let mut table = [TOO_SHORT; 16];
    let goes_on = TOO_LONG | OVERLONG_2 | TWO_GO_ON;
    table[0x8] = goes_on | OVERLONG_3 | OVERLONG_4 | TOO_LARGE_1000;
    table[0x9] = goes_on | OVERLONG_3 | TOO_LARGE;
    table[0xA] = goes_on | SURROGATE | TOO_LARGE;
    table[0xB] = goes_on | SURROGATE | TOO_LARGE;
    table
};
