//! How values that are neither text nor plain numbers are spelled on the stream.

/// Returns the hexadecimal digits of an unquoted field that spells a BLOB: `\x` and pairs of digits.
#[inline]
pub fn blob_digits(raw: &[u8]) -> Option<&[u8]> {
    let digits = raw.strip_prefix(b"\\x")?;
    let is_whole = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
    is_whole.then_some(digits)
}

/// Returns the number that an unquoted field spells as a word.
#[inline]
pub fn infinity(raw: &[u8]) -> Option<f64> {
    match raw {
        b"Infinity" => Some(f64::INFINITY),
        b"-Infinity" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// Returns whether unquoted text would be taken for a BLOB or an infinite number.
#[inline]
pub fn needs_quotes(text: &[u8]) -> bool {
    match text.first() {
        Some(b'\\') => blob_digits(text).is_some(),
        Some(b'I' | b'-') => infinity(text).is_some(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_and_infinities_are_told_from_text() {
        for text in ["\\x", "\\x00fF", "Infinity", "-Infinity"] {
            assert!(needs_quotes(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "\\",
            "\\x0",
            "\\x0g",
            "\\X00",
            "x00",
            "infinity",
            "+Infinity",
            "Inf",
            "-",
        ] {
            assert!(!needs_quotes(text.as_bytes()), "{text}");
        }
    }
}
