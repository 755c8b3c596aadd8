//! Searches short texts, 16 bytes at a time: with SSE2, which every x86-64 processor has, else with a portable twin
//! that has the same results.

use std::ops::Range;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

#[cfg(not(target_arch = "x86_64"))]
use portable::Lanes;
#[cfg(target_arch = "x86_64")]
use sse2::Lanes;

/// Bytes per step.
const WIDTH: usize = 16;

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use super::WIDTH;
    use std::arch::x86_64::*;
    use std::ops::BitOr;

    /// 16 bytes.
    #[derive(Clone, Copy)]
    pub(super) struct Lanes(__m128i);

    /// Which of them match.
    #[derive(Clone, Copy)]
    pub(super) struct Hits(__m128i);

    impl Lanes {
        #[inline(always)]
        pub(super) fn new(chunk: &[u8; WIDTH]) -> Self {
            // SAFETY: the load stays inside `chunk` and needs no alignment.
            Lanes(unsafe { _mm_loadu_si128(chunk.as_ptr().cast()) })
        }

        #[inline(always)]
        pub(super) fn equal(self, byte: u8) -> Hits {
            // SAFETY: SSE2 is a part of x86-64.
            Hits(unsafe { _mm_cmpeq_epi8(self.0, _mm_set1_epi8(byte as i8)) })
        }

        #[inline(always)]
        pub(super) fn at_most(self, limit: u8) -> Hits {
            // SAFETY: SSE2 is a part of x86-64.
            unsafe {
                let lower = _mm_min_epu8(self.0, _mm_set1_epi8(limit as i8));
                Hits(_mm_cmpeq_epi8(lower, self.0))
            }
        }

        #[inline(always)]
        pub(super) fn digits(self) -> Hits {
            // SAFETY: SSE2 is a part of x86-64.
            unsafe { Lanes(_mm_sub_epi8(self.0, _mm_set1_epi8(b'0' as i8))).at_most(9) }
        }
    }

    impl BitOr for Hits {
        type Output = Hits;

        #[inline(always)]
        fn bitor(self, other: Hits) -> Hits {
            // SAFETY: SSE2 is a part of x86-64.
            Hits(unsafe { _mm_or_si128(self.0, other.0) })
        }
    }

    impl Hits {
        /// Bit `i` describes byte `i`.
        #[inline(always)]
        pub(super) fn mask(self) -> u32 {
            // SAFETY: SSE2 is a part of x86-64.
            unsafe { _mm_movemask_epi8(self.0) as u32 }
        }
    }
}

/// The same in portable code.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable {
    use super::WIDTH;
    use std::ops::BitOr;

    #[derive(Clone, Copy)]
    pub(super) struct Lanes([u8; WIDTH]);

    #[derive(Clone, Copy)]
    pub(super) struct Hits(u32);

    impl Lanes {
        #[inline(always)]
        pub(super) fn new(chunk: &[u8; WIDTH]) -> Self {
            Lanes(*chunk)
        }

        #[inline(always)]
        fn those(self, is_meant: impl Fn(u8) -> bool) -> Hits {
            let bits = self.0.iter().enumerate();
            Hits(bits.fold(0, |mask, (place, &byte)| {
                mask | u32::from(is_meant(byte)) << place
            }))
        }

        #[inline(always)]
        pub(super) fn equal(self, byte: u8) -> Hits {
            self.those(|candidate| candidate == byte)
        }

        #[inline(always)]
        pub(super) fn at_most(self, limit: u8) -> Hits {
            self.those(|candidate| candidate <= limit)
        }

        #[inline(always)]
        pub(super) fn digits(self) -> Hits {
            self.those(|candidate| candidate.is_ascii_digit())
        }
    }

    impl BitOr for Hits {
        type Output = Hits;

        #[inline(always)]
        fn bitor(self, other: Hits) -> Hits {
            Hits(self.0 | other.0)
        }
    }

    impl Hits {
        #[inline(always)]
        pub(super) fn mask(self) -> u32 {
            self.0
        }
    }
}

/// Loads 16 bytes of a text, padded with zeros at its end.
#[inline(always)]
fn lanes_at(bytes: &[u8], at: usize) -> Lanes {
    let rest = bytes.get(at..).unwrap_or_default();
    match rest.first_chunk::<WIDTH>() {
        Some(chunk) => Lanes::new(chunk),
        None => Lanes::new(&filled_up(rest)),
    }
}

#[cold]
#[inline(never)]
fn filled_up(rest: &[u8]) -> [u8; WIDTH] {
    let mut chunk = [0; WIDTH];
    chunk[..rest.len()].copy_from_slice(rest);
    chunk
}

/// The end of the plain part of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringStop {
    /// Offset of the first quote, backslash or control character; the length if there is none.
    pub at: usize,
    /// Whether a comma comes before it.
    pub has_comma: bool,
}

/// Finds the end of the plain part of a string.
#[inline(always)]
pub fn string_stop(bytes: &[u8]) -> StringStop {
    let (mut at, mut commas) = (0, 0);
    loop {
        // The padding counts as a control character, so the search stops at the end of the text.
        let lanes = lanes_at(bytes, at);
        let stops = (lanes.equal(b'"') | lanes.equal(b'\\') | lanes.at_most(0x1F)).mask();
        let found = lanes.equal(b',').mask();
        if stops != 0 {
            return StringStop {
                at: at + stops.trailing_zeros() as usize,
                has_comma: commas | found & (stops ^ (stops - 1)) != 0,
            };
        }
        commas |= found;
        at += WIDTH;
    }
}

/// Returns the offset of the first white space, control character, quote or comma; the length if there is none.
#[inline(always)]
pub fn word_stop(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let lanes = lanes_at(bytes, at);
        let stops = (lanes.equal(b'"') | lanes.equal(b',') | lanes.at_most(b' ')).mask();
        if stops != 0 {
            return at + stops.trailing_zeros() as usize;
        }
        at += WIDTH;
    }
}

/// Returns the length of the number that these bytes begin with, if it is a JSON number without an exponent and
/// shorter than 16 bytes. Returns 0 if not, or if fewer than 16 bytes are left.
#[inline(always)]
pub fn plain_number(bytes: &[u8]) -> usize {
    let Some(chunk) = bytes.first_chunk::<WIDTH>() else {
        return 0;
    };
    let digits = Lanes::new(chunk).digits().mask();
    let start = usize::from(chunk[0] == b'-');
    let mut end = start + (digits >> start).trailing_ones() as usize;
    if end == start || (chunk[start] == b'0' && end > start + 1) || end >= WIDTH {
        return 0;
    }
    if chunk[end] == b'.' {
        let fraction = (digits >> (end + 1)).trailing_ones() as usize;
        end += 1 + fraction;
        if fraction == 0 || end >= WIDTH {
            return 0;
        }
    }
    match chunk[end] | 0x20 {
        b'e' => 0,
        _ => end,
    }
}

/// Returns how many digits these bytes begin with; 0 if there are 16 or more, or fewer than 16 bytes are left.
#[inline(always)]
pub fn few_digits(bytes: &[u8]) -> usize {
    let Some(chunk) = bytes.first_chunk::<WIDTH>() else {
        return 0;
    };
    let digits = Lanes::new(chunk).digits().mask().trailing_ones() as usize;
    if digits < WIDTH { digits } else { 0 }
}

/// Appends `bytes[range]`, 16 bytes at a time. Excess bytes land after the end of `out` and are overwritten later.
#[inline(always)]
pub fn push_wide(bytes: &[u8], range: Range<usize>, out: &mut Vec<u8>) {
    let length = range.len();
    let whole = length.next_multiple_of(WIDTH);
    let has_room = out.capacity() - out.len() >= whole;
    match bytes.get(range.start..range.start + whole) {
        Some(from) if has_room => {
            // SAFETY: `from` has `whole` bytes to read, and `out` was just found to have `whole` bytes free. The
            // `length` bytes that become part of `out` were written.
            unsafe {
                let to = out.as_mut_ptr().add(out.len());
                let mut at = 0;
                while at < whole {
                    std::ptr::copy_nonoverlapping(from.as_ptr().add(at), to.add(at), WIDTH);
                    at += WIDTH;
                }
                out.set_len(out.len() + length);
            }
        }
        _ => push_narrow(&bytes[range], out),
    }
}

/// The safe twin of [`push_wide`]; also makes room for the next one.
#[inline(never)]
fn push_narrow(text: &[u8], out: &mut Vec<u8>) {
    out.reserve(text.len().next_multiple_of(WIDTH));
    out.extend_from_slice(text);
}

/// Appends `bytes[range]` and doubles its quotes.
#[inline]
pub fn push_doubled(bytes: &[u8], range: Range<usize>, out: &mut Vec<u8>) {
    out.reserve(2 * range.len() + WIDTH);
    let (mut at, mut start) = (range.start, range.start);
    while at < range.end {
        let mut quotes = lanes_at(bytes, at).equal(b'"').mask();
        while quotes != 0 {
            let quote = at + quotes.trailing_zeros() as usize;
            if quote >= range.end {
                break;
            }
            // The next piece starts with this quote again, which doubles it.
            push_wide(bytes, start..quote + 1, out);
            start = quote;
            quotes &= quotes - 1;
        }
        at += WIDTH;
    }
    push_wide(bytes, start..range.end, out);
}

/// Whether any byte is white space or a control character.
#[inline]
pub fn has_blank(text: &[u8]) -> bool {
    let (chunks, rest) = text.as_chunks::<WIDTH>();
    let is_blank = |chunk: &[u8; WIDTH]| Lanes::new(chunk).at_most(b' ').mask() != 0;
    chunks.iter().any(is_blank) || rest.iter().any(|&byte| byte <= b' ')
}

/// The brackets, quotes and backslashes of 64 bytes of JSON; bit `i` describes byte `i`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brackets {
    /// Quotes.
    pub quotes: u64,
    /// Backslashes.
    pub backslashes: u64,
    /// `{` and `[`.
    pub opens: u64,
    /// `}` and `]`.
    pub closes: u64,
}

/// Finds the brackets, quotes and backslashes of a chunk.
#[inline(always)]
pub fn brackets(chunk: &[u8; 64]) -> Brackets {
    let mut all = Brackets {
        quotes: 0,
        backslashes: 0,
        opens: 0,
        closes: 0,
    };
    for (number, part) in chunk.as_chunks::<WIDTH>().0.iter().enumerate() {
        let (lanes, shift) = (Lanes::new(part), number * WIDTH);
        let opens = (lanes.equal(b'{') | lanes.equal(b'[')).mask();
        let closes = (lanes.equal(b'}') | lanes.equal(b']')).mask();
        all.quotes |= u64::from(lanes.equal(b'"').mask()) << shift;
        all.backslashes |= u64::from(lanes.equal(b'\\').mask()) << shift;
        all.opens |= u64::from(opens) << shift;
        all.closes |= u64::from(closes) << shift;
    }
    all
}

/// Returns, in bit `i`, the parity of bits `0..=i`.
#[inline(always)]
pub fn parity(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Returns the length of the leading white space.
#[inline(always)]
pub fn blank(bytes: &[u8]) -> usize {
    let blank = |byte: &&u8| byte.is_ascii_whitespace();
    bytes.iter().take_while(blank).count()
}

/// Returns nonzero if `byte` is in the word: the zero-byte test of H. S. Warren, "Hacker's Delight", section 6-1.
/// The lowest bit set is always right; higher ones may not be.
#[inline(always)]
fn equal(word: u64, byte: u8) -> u64 {
    let rest = word ^ (ONES * byte as u64);
    rest.wrapping_sub(ONES) & !rest & HIGHS
}

/// Returns the offset of the first bracket, brace or quote; the length if there is none.
#[inline]
pub fn structure_stop(bytes: &[u8]) -> usize {
    /// The bit in which `[` differs from `{`, and `]` from `}`.
    const CURLY: u64 = 0x20 * ONES;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (number, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let curly = word | CURLY;
        let stops = equal(word, b'"') | equal(curly, b'{') | equal(curly, b'}');
        if stops != 0 {
            return number * 8 + stops.trailing_zeros() as usize / 8;
        }
    }
    let is_stop = |byte: &u8| matches!(byte, b'"' | b'{' | b'}' | b'[' | b']');
    bytes.len() - rest.len() + rest.iter().position(is_stop).unwrap_or(rest.len())
}

/// Whether any of these bytes occurs in the text.
#[inline]
pub fn has_any<const COUNT: usize>(text: &[u8], wanted: [u8; COUNT]) -> bool {
    let (chunks, rest) = text.as_chunks::<8>();
    let mut found = 0;
    for chunk in chunks {
        let word = u64::from_le_bytes(*chunk);
        for byte in wanted {
            found |= equal(word, byte);
        }
    }
    found != 0 || rest.iter().any(|byte| wanted.contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hostile() -> impl Strategy<Value = Vec<u8>> {
        let byte = prop_oneof![
            20 => any::<u8>(),
            1 => proptest::sample::select(b"\"\\,{}[]\n!#]-+z|~".to_vec())
        ];
        proptest::collection::vec(byte, 0..60)
    }

    proptest! {
        #[test]
        fn twins_agree(chunk in any::<[u8; WIDTH]>(), text in hostile(), byte in any::<u8>()) {
            let text = text.first_chunk::<WIDTH>().copied();
            for chunk in [chunk].into_iter().chain(text) {
                let (one, other) = (Lanes::new(&chunk), portable::Lanes::new(&chunk));
                for byte in [byte, chunk[0], b'"', b',', 0xFF, 0] {
                    prop_assert_eq!(one.equal(byte).mask(), other.equal(byte).mask());
                    prop_assert_eq!(one.at_most(byte).mask(), other.at_most(byte).mask());
                    let either = (one.equal(byte) | one.digits()).mask();
                    prop_assert_eq!(either, (other.equal(byte) | other.digits()).mask());
                }
            }
        }

        #[test]
        fn words_and_numbers_are_found(bytes in hostile(), number in "-?[0-9]{1,18}(\\.[0-9]{0,18})?[eE,} ]?") {
            let at = bytes.iter().position(|byte| matches!(byte, b'"' | b',' | 0..=b' '));
            prop_assert_eq!(word_stop(&bytes), at.unwrap_or(bytes.len()));
            let text = format!("{number}                ");
            let digits = text.bytes().take_while(u8::is_ascii_digit).count();
            prop_assert_eq!(few_digits(text.as_bytes()), if digits < WIDTH { digits } else { 0 });
            let plain = regex::Regex::new(r"^-?(0|[1-9][0-9]*)(\.[0-9]+)?").unwrap();
            let expected = match plain.find(&text) {
                Some(found) if found.len() < WIDTH => match text.as_bytes()[found.len()] {
                    b'e' | b'E' | b'.' | b'0'..=b'9' => 0,
                    _ => found.len(),
                },
                _ => 0,
            };
            prop_assert_eq!(plain_number(text.as_bytes()), expected);
            prop_assert_eq!(plain_number(b"1"), 0);
        }

        #[test]
        fn wide_copies_are_copies(bytes in hostile(), ends in any::<[proptest::sample::Index; 2]>(), room in 0usize..100) {
            let mut ends = ends.map(|end| end.index(bytes.len() + 1));
            ends.sort();
            let mut out = Vec::with_capacity(room);
            out.push(b'>');
            push_wide(&bytes, ends[0]..ends[1], &mut out);
            let text = &bytes[ends[0]..ends[1]];
            prop_assert_eq!(&out[1..], text);
            prop_assert_eq!(has_blank(text), text.iter().any(|&byte| byte <= b' '));
            out.truncate(1);
            push_doubled(&bytes, ends[0]..ends[1], &mut out);
            let doubled = text.iter().flat_map(|&byte| vec![byte; 1 + usize::from(byte == b'"')]);
            prop_assert_eq!(&out[1..], doubled.collect::<Vec<_>>());
        }

        #[test]
        fn brackets_are_found(chunk in proptest::collection::vec(proptest::sample::select(b"\"\\{}[]a|;=_".to_vec()), 64)) {
            let those = |wanted: &[u8]| {
                let bits = chunk.iter().enumerate();
                bits.fold(0, |mask, (place, byte)| mask | u64::from(wanted.contains(byte)) << place)
            };
            let expected = Brackets {
                quotes: those(b"\""),
                backslashes: those(b"\\"),
                opens: those(b"{["),
                closes: those(b"}]"),
            };
            prop_assert_eq!(brackets(chunk.as_slice().try_into().unwrap()), expected);
            let mut parities = 0;
            for place in 0..64 {
                let up_to = expected.quotes & (u64::MAX >> (63 - place));
                parities |= u64::from(up_to.count_ones() % 2) << place;
            }
            prop_assert_eq!(parity(expected.quotes), parities);
        }

        #[test]
        fn stops_are_found(bytes in hostile()) {
            let at = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20));
            let at = at.unwrap_or(bytes.len());
            let has_comma = bytes[..at].contains(&b',');
            prop_assert_eq!(string_stop(&bytes), StringStop { at, has_comma });
            prop_assert_eq!(
                has_any(&bytes, *b",\"\n"),
                bytes.iter().any(|byte| b",\"\n".contains(byte))
            );
            let at = bytes.iter().position(|byte| b"\"{}[]".contains(byte));
            prop_assert_eq!(structure_stop(&bytes), at.unwrap_or(bytes.len()));
        }
    }
}
