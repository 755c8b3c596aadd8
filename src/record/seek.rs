//! Bytes that matter in short texts, eight bytes at a time (the zero-byte tests of H. S. Warren,
//! "Hacker's Delight", section 6-1; of the bits that they set, the lowest is always right).

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

#[inline(always)]
fn equal(word: u64, byte: u8) -> u64 {
    let rest = word ^ (ONES * byte as u64);
    rest.wrapping_sub(ONES) & !rest & HIGHS
}

/// `limit` is at most 128.
#[inline(always)]
fn below(word: u64, limit: u8) -> u64 {
    word.wrapping_sub(ONES * limit as u64) & !word & HIGHS
}

/// What ends the plain part of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StringStop {
    /// Offset of the first quote, backslash or control character; the length where there is none.
    pub at: usize,
    /// Whether a comma stands before it.
    pub has_comma: bool,
}

/// Looks for the end of the plain part of a string.
#[inline]
pub fn string_stop(bytes: &[u8]) -> StringStop {
    let mut commas = 0;
    let (chunks, rest) = bytes.as_chunks::<8>();
    for (number, chunk) in chunks.iter().enumerate() {
        let word = u64::from_le_bytes(*chunk);
        let stops = equal(word, b'"') | equal(word, b'\\') | below(word, 0x20);
        let found = equal(word, b',');
        if stops != 0 {
            let before = (stops & stops.wrapping_neg()) - 1;
            return StringStop {
                at: number * 8 + stops.trailing_zeros() as usize / 8,
                has_comma: commas | found & before != 0,
            };
        }
        commas |= found;
    }
    let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let length = rest.iter().position(is_stop).unwrap_or(rest.len());
    StringStop {
        at: bytes.len() - rest.len() + length,
        has_comma: commas != 0 || rest[..length].contains(&b','),
    }
}

/// Offset of the first bracket, brace or quote; the length where there is none.
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

/// Whether any of these bytes is in the text.
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
