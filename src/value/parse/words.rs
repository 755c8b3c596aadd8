//! Several short numbers at once: a loop for each step, without a branch, which the compiler makes
//! one instruction for several lanes of.

use super::{HIGH_BITS, POINT, ZEROS};

/// Numbers that are read at once.
pub(in crate::value) const LANES: usize = 16;

const ONES: u64 = 0x0101_0101_0101_0101;

/// The texts of some numbers of one to eight bytes each.
pub(in crate::value) struct Words {
    /// The eight bytes that end with the number, whatever stands before it.
    pub(in crate::value) bytes: [u64; LANES],
    /// How many of them are the number.
    pub(in crate::value) lengths: [u64; LANES],
}

/// What some numbers are.
pub(in crate::value) struct Parsed {
    /// The numbers without their points.
    pub(in crate::value) mantissas: [i64; LANES],
    /// The highest bit of the byte where the point stood, 0 where there was none.
    pub(in crate::value) points: [u64; LANES],
    /// Whether one is no number.
    pub(in crate::value) is_bad: bool,
    /// Whether all are spelled as [`super::is_plain`] says, and none is a negative zero.
    pub(in crate::value) is_plain: bool,
}

impl Words {
    /// Zeros.
    pub(in crate::value) const NONE: Words = Words {
        bytes: [ZEROS; LANES],
        lengths: [1; LANES],
    };

    /// Reads all of them.
    #[inline(always)]
    pub(in crate::value) fn parse(&self) -> Parsed {
        let mut digits = [0; LANES];
        let mut signs = [0; LANES];
        let mut texts = [0; LANES];
        // Not plain, or not numbers, as bits that are not zero.
        let (mut odd, mut bad) = ([0; LANES], [0; LANES]);
        for lane in 0..LANES {
            let first = self.bytes[lane] >> (64 - 8 * self.lengths[lane]) & 0xFF;
            signs[lane] = u64::from(first == u64::from(b'-'));
            digits[lane] = self.lengths[lane] - signs[lane];
        }
        for lane in 0..LANES {
            // Of no digits, all eight bytes stay, and it is bad all the same.
            let unused = (64 - 8 * digits[lane]) & 63;
            texts[lane] = (self.bytes[lane] ^ ZEROS) >> unused << unused;
            let front = texts[lane] >> unused;
            let (one, two) = (front & 0xFF, front >> 8 & 0xFF);
            let last = texts[lane] >> 56;
            let is_one = u64::from(digits[lane] == 1);
            let zero = u64::from(one == 0) & (1 - is_one) & u64::from(two != u64::from(POINT));
            let point = u64::from(one == u64::from(POINT));
            odd[lane] = zero | point | u64::from(last == u64::from(POINT));
            bad[lane] = u64::from(digits[lane] == 0) | (is_one & point);
        }
        let mut points = [0; LANES];
        let mut numbers = [0; LANES];
        for lane in 0..LANES {
            let text = texts[lane];
            let rest = text ^ (ONES * POINT as u64);
            let hits = rest.wrapping_sub(ONES) & !rest & HIGH_BITS;
            let hit = hits & hits.wrapping_neg();
            points[lane] = hit;
            // All ones where there is no point.
            let before = (hit >> 7).wrapping_sub(1);
            let at = (hit << 1).wrapping_sub(hit >> 7);
            let front = text & before;
            let moved = match hit {
                0 => front,
                _ => front << 8,
            };
            numbers[lane] = moved | (text & !(before | at));
        }
        let mut mantissas = [0; LANES];
        for lane in 0..LANES {
            let number = numbers[lane];
            bad[lane] |= (number.wrapping_add(ONES * 0x76) | number) & HIGH_BITS;
            let magnitude = eight_of(number);
            odd[lane] |= signs[lane] & u64::from(magnitude == 0);
            mantissas[lane] =
                ((magnitude ^ signs[lane].wrapping_neg()).wrapping_add(signs[lane])) as i64;
        }
        let (mut is_odd, mut is_bad) = (0, 0);
        for lane in 0..LANES {
            is_odd |= odd[lane];
            is_bad |= bad[lane];
        }
        Parsed {
            mantissas,
            points,
            is_bad: is_bad != 0,
            is_plain: is_odd == 0,
        }
    }
}

/// The number that eight digits make, put together by pairs; multiplications by sums, which lanes of
/// 64 bits have.
#[inline(always)]
fn eight_of(word: u64) -> u64 {
    const BYTES: u64 = 0x00ff_00ff_00ff_00ff;
    const PAIRS: u64 = 0x0000_ffff_0000_ffff;
    let tens = word & BYTES;
    let pairs = (tens << 3) + (tens << 1) + (word >> 8 & BYTES);
    let hundreds = pairs & PAIRS;
    let fours = (hundreds << 6) + (hundreds << 5) + (hundreds << 2) + (pairs >> 16 & PAIRS);
    (fours & 0xFFFF_FFFF) * 10_000 + (fours >> 32)
}
