//! Guesses the encoding of bytes.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes that are looked at.
pub(crate) const LOOKED_AT: usize = 64 * 1024;

/// Bytes that are looked at before and after a byte.
pub(crate) const NEAR: usize = LOOKED_AT / 8;

/// What bytes that are not UTF-8 seem to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advice {
    /// Text of this encoding.
    Encoding(&'static Encoding),
    /// Mostly UTF-8.
    Damage,
    /// Not text.
    Binary,
}

/// Returns what bytes seem to be, by those around the first that is not UTF-8.
pub(crate) fn advice(bytes: &[u8]) -> Advice {
    if let Some(encoding) = by_zeros(&bytes[..bytes.len().min(LOOKED_AT)]) {
        return Advice::Encoding(encoding);
    }
    let wrong = std::str::from_utf8(bytes).err();
    let at = wrong.map_or(0, |error| error.valid_up_to());
    let start = at.saturating_sub(NEAR);
    let sample = &bytes[start..bytes.len().min(start + 2 * NEAR)];
    if sample.contains(&0) {
        return Advice::Binary;
    }
    let (good, bad) = letters(sample);
    if good > bad {
        return Advice::Damage;
    }
    if is_western(sample) {
        return Advice::Encoding(WINDOWS_1252);
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(sample, true);
    Advice::Encoding(detector.guess(None, Utf8Detection::Deny))
}

/// Counts the characters that are not ASCII, and the sequences that are not UTF-8.
pub(crate) fn letters(bytes: &[u8]) -> (usize, usize) {
    let (mut good, mut bad) = (0, 0);
    for chunk in bytes.utf8_chunks() {
        let is_other = |letter: &char| !letter.is_ascii();
        good += chunk.valid().chars().filter(is_other).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    (good, bad)
}

/// Returns whether every byte that is not ASCII stands alone and is plausible in windows-1252, as in `5 µg`,
/// `naïve` and `1,£1.50`: too little to guess by. Words in other alphabets have several such bytes in a row. Any
/// number of signs is accepted, but few letters.
fn is_western(sample: &[u8]) -> bool {
    /// More letters reveal the language.
    const FEW: usize = 4;
    let mut letters = 0;
    for (place, &byte) in sample.iter().enumerate() {
        if byte.is_ascii() {
            continue;
        }
        let before = place.checked_sub(1).map_or(b' ', |place| sample[place]);
        let after = sample.get(place + 1).copied().unwrap_or(b' ');
        if !before.is_ascii() || !after.is_ascii() {
            return false;
        }
        let is_amount = before.is_ascii_digit() || after.is_ascii_digit();
        match byte {
            // The euro, pound and cent signs are letters in other encodings.
            0x80 | 0xA2 | 0xA3 if is_amount => {}
            // The degree, plus-minus, micro and section signs, and the middle dot.
            0xB0 | 0xB1 | 0xB5 | 0xA7 | 0xB7 if !is_within_word(before, after) => {}
            // Squares and cubes.
            0xB2 | 0xB3 if before.is_ascii_alphabetic() && !after.is_ascii_alphanumeric() => {}
            0xC0.. if before.is_ascii_alphabetic() || after.is_ascii_alphabetic() => letters += 1,
            _ => return false,
        }
    }
    letters <= FEW
}

fn is_within_word(before: u8, after: u8) -> bool {
    before.is_ascii_alphabetic() && after.is_ascii_alphabetic()
}

/// Detects UTF-16 without a byte order mark: in line ends and ASCII, one byte of two is zero, always the same one.
/// If no more than half of the pairs have a zero, a line end and a byte that is not ASCII are required too.
fn by_zeros(start: &[u8]) -> Option<&'static Encoding> {
    let (pairs, _) = start.as_chunks::<2>();
    if pairs.len() < 2 {
        return None;
    }
    let zeros = |place: usize| pairs.iter().filter(|pair| pair[place] == 0).count();
    let is_line_end = |pair: &&[u8; 2]| matches!(pair, [b'\n', 0] | [0, b'\n']);
    let has_line_end = pairs.iter().any(|pair| is_line_end(&pair)) && !start.is_ascii();
    match (zeros(0), zeros(1)) {
        (high, low) if low <= high / 8 && (high > pairs.len() / 2 || has_line_end && high > 0) => {
            Some(UTF_16BE)
        }
        (high, low) if high <= low / 8 && (low > pairs.len() / 2 || has_line_end && low > 0) => {
            Some(UTF_16LE)
        }
        _ => None,
    }
}

/// Returns the encoding of a text that continues like this; `is_beginning` if `start` is its beginning.
pub(crate) fn guess(start: &[u8], is_beginning: bool) -> &'static Encoding {
    let marked = Encoding::for_bom(start).map(|(encoding, _)| encoding);
    if is_beginning && let Some(encoding) = marked.or_else(|| by_zeros(start)) {
        return encoding;
    }
    match std::str::from_utf8(start) {
        // The last character may be cut in two.
        Err(error) if error.error_len().is_some() => match advice(start) {
            Advice::Encoding(encoding) => encoding,
            Advice::Damage | Advice::Binary => UTF_8,
        },
        _ => UTF_8,
    }
}
