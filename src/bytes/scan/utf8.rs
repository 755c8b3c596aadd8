//! Whether bytes that come in pieces are UTF-8.
//!
//! What two bytes side by side can have wrong is looked up by the first one's halves and the second one's
//! upper half, one bit a fault; a fault is what all three have. Third and fourth bytes are told by what
//! stands two and three before them (Keiser and Lemire, "Validating UTF-8 in less than one instruction per
//! byte", 2021).

#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// What is kept from one piece of the bytes to the next: the last four bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Utf8 {
    last: [u8; 4],
}

impl Utf8 {
    /// Whether the bytes so far end with a whole character, if they are UTF-8.
    pub fn is_whole(&self) -> bool {
        let [_, third, second, last] = self.last;
        third < 0xF0 && second < 0xE0 && last < 0xC0
    }

    /// Goes on behind these bytes.
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

/// How many pieces are looked at, at most, before those that are not ASCII are checked.
#[cfg(target_arch = "x86_64")]
pub(super) const RUN: usize = 64;

/// Looks at pieces of 64 bytes, one behind the other.
#[cfg(target_arch = "x86_64")]
pub(super) struct Checking {
    /// The piece before.
    before: __m512i,
    /// Its bytes past 127.
    high_before: u64,
    /// Faults so far.
    faults: __m512i,
    tables: [__m512i; 3],
}

#[cfg(target_arch = "x86_64")]
impl Checking {
    /// # Safety
    /// The processor has AVX-512F and BW.
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

    /// The next pieces, of which `look` sees each. Which ones are not ASCII is written down, and they are
    /// checked afterwards: a branch that is taken now and then would cost more than the check.
    ///
    /// # Safety
    /// The processor has AVX-512F and BW.
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
            // What the piece before has left open ends within three bytes.
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

    /// The next bytes, fewer than 64.
    ///
    /// # Safety
    /// The processor has AVX-512F and BW.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn take_few(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.high_before == 0 && bytes.is_ascii() {
            return;
        }
        // The last of two pieces ends with them, behind the last four that came before.
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

    /// Where bytes are no UTF-8 behind those before.
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
        // The highest bit is left of what is 0xE0 or more two bytes before, or 0xF0 three before: there, two go on.
        let is_third = _mm512_subs_epu8(second, _mm512_set1_epi8(0x60));
        let is_fourth = _mm512_subs_epu8(third, _mm512_set1_epi8(0x70));
        let must_go_on = _mm512_and_si512(
            _mm512_or_si512(is_third, is_fourth),
            _mm512_set1_epi8(0x80_u8 as i8),
        );
        _mm512_xor_si512(must_go_on, pairs)
    }

    /// Whether there was no fault.
    ///
    /// # Safety
    /// The processor has AVX-512F and BW.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    pub(super) unsafe fn is_utf8(&self) -> bool {
        _mm512_test_epi8_mask(self.faults, self.faults) == 0
    }
}

/// A first byte of several without a second one.
const TOO_SHORT: u8 = 1 << 0;
/// ASCII, and a byte that goes on.
const TOO_LONG: u8 = 1 << 1;
/// Three bytes for what two are enough for.
const OVERLONG_3: u8 = 1 << 2;
/// Past U+10FFFF: `F4 90`, `F5` and so on.
const TOO_LARGE: u8 = 1 << 3;
/// A half of a pair of UTF-16.
const SURROGATE: u8 = 1 << 4;
/// Two bytes for ASCII.
const OVERLONG_2: u8 = 1 << 5;
/// Past U+10FFFF: `F5 80` and so on.
const TOO_LARGE_1000: u8 = 1 << 6;
/// Four bytes for what three are enough for; never both with the one above.
const OVERLONG_4: u8 = 1 << 6;
/// Two bytes that go on, which is right in a third and a fourth place alone.
const TWO_GO_ON: u8 = 1 << 7;
/// What the lower half of the first byte says nothing of.
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
