//! Bytes that are to be text, and the records among them that are none.

use std::fmt;
use std::sync::Arc;

use super::{Fault, Place};

/// Stands in front of a byte that could not be decoded: in text that was decoded, nothing else is no
/// UTF-8.
pub const UNDECODED: u8 = 0xFF;

/// Stands alone on a line that was passed over, and so is no record: a blank one would be, of one column.
pub const PASSED_OVER: u8 = 0xFE;

/// How bytes that are no UTF-8 are told of, where they are looked for.
#[derive(Clone)]
pub struct Malformed {
    words: Arc<Words>,
    was_decoded: bool,
    has_marks: bool,
}

/// What is said behind `byte 0xE9`, of a record that has such a byte, in a block that stood there.
type Words = dyn Fn(&[u8], &Place) -> String + Send + Sync;

impl Malformed {
    /// Of bytes as they were read: these words of a record come behind the byte.
    pub fn read(words: impl Fn(&[u8], &Place) -> String + Send + Sync + 'static) -> Self {
        Malformed {
            words: Arc::new(words),
            was_decoded: false,
            has_marks: false,
        }
    }

    /// Of text that was decoded, with [`UNDECODED`] in front of each byte that could not be.
    pub fn decoded(words: impl Fn(&[u8], &Place) -> String + Send + Sync + 'static) -> Self {
        Malformed {
            was_decoded: true,
            ..Malformed::read(words)
        }
    }

    /// The same of a source in which [`PASSED_OVER`] is left of lines, if `has_marks`.
    pub fn with_marks(self, has_marks: bool) -> Self {
        Malformed { has_marks, ..self }
    }

    /// Whether a raw record is a line that was passed over.
    pub fn was_passed_over(&self, record: &[u8]) -> bool {
        self.has_marks && record == [PASSED_OVER, b'\n']
    }

    /// Whether not all of these bytes are UTF-8.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        simdutf8::basic::from_utf8(bytes).is_err()
    }

    /// The fault of a record, if it is no UTF-8, in a block that stood at this place.
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
