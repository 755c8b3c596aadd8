//! Bytes that should be UTF-8, and the records that are not.

use std::fmt;
use std::sync::Arc;

use super::{Fault, Place};

/// Precedes a byte that could not be decoded; nothing else in decoded text is invalid UTF-8.
pub const UNDECODED: u8 = 0xFF;

/// Stands alone on a skipped line, which is not a record. A blank line would be one if there is one column.
pub const PASSED_OVER: u8 = 0xFE;

/// How to report bytes that are not UTF-8, if they are checked.
#[derive(Clone)]
pub struct Malformed {
    words: Arc<Words>,
    was_decoded: bool,
    has_marks: bool,
}

/// Returns what follows `byte 0xE9` in a message about a record with such a byte; gets the record and its block's
/// place.
type Words = dyn Fn(&[u8], &Place) -> String + Send + Sync;

impl Malformed {
    /// For bytes as read: `words` returns what follows the byte in a message about a record.
    pub fn read(words: impl Fn(&[u8], &Place) -> String + Send + Sync + 'static) -> Self {
        Malformed {
            words: Arc::new(words),
            was_decoded: false,
            has_marks: false,
        }
    }

    /// For decoded text, in which [`UNDECODED`] precedes each byte that could not be decoded.
    pub fn decoded(words: impl Fn(&[u8], &Place) -> String + Send + Sync + 'static) -> Self {
        Malformed {
            was_decoded: true,
            ..Malformed::read(words)
        }
    }

    /// Sets whether the source has [`PASSED_OVER`] in place of skipped lines.
    pub fn with_marks(self, has_marks: bool) -> Self {
        Malformed { has_marks, ..self }
    }

    /// Whether a raw record is a skipped line.
    pub fn was_passed_over(&self, record: &[u8]) -> bool {
        self.has_marks && record == [PASSED_OVER, b'\n']
    }

    /// Whether any of these bytes are not UTF-8.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        simdutf8::basic::from_utf8(bytes).is_err()
    }

    /// Returns the fault of a record that is not UTF-8; `place` is that of its block.
    pub fn fault(&self, record: &[u8], place: &Place) -> Option<Fault> {
        let wrong = std::str::from_utf8(record).err()?;
        let at = wrong.valid_up_to() + usize::from(self.was_decoded);
        let byte = record.get(at).copied().unwrap_or_default();
        let words = (self.words)(record, place);
        Some(Fault::new(format!("byte 0x{byte:02X} {words}")))
    }
}

impl fmt::Debug for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Malformed")
    }
}
