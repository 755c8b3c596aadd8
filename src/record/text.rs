//! Bytes that are to be text, and the records among them that are none.

use std::fmt;
use std::sync::Arc;

use super::Fault;

/// Stands in front of a byte that could not be decoded: in text that was decoded, nothing else is no
/// UTF-8.
pub const UNDECODED: u8 = 0xFF;

/// How bytes that are no UTF-8 are told of, where they are looked for.
#[derive(Clone)]
pub struct Malformed {
    words: Arc<Words>,
    was_decoded: bool,
}

/// What is said behind `byte 0xE9`, of bytes that have such ones.
type Words = dyn Fn(&[u8]) -> String + Send + Sync;

impl Malformed {
    /// Of bytes as they were read: these words of a block come behind the byte.
    pub fn read(words: impl Fn(&[u8]) -> String + Send + Sync + 'static) -> Self {
        Malformed {
            words: Arc::new(words),
            was_decoded: false,
        }
    }

    /// Of text that was decoded, with [`UNDECODED`] in front of each byte that could not be.
    pub fn decoded(words: impl Fn(&[u8]) -> String + Send + Sync + 'static) -> Self {
        Malformed {
            was_decoded: true,
            ..Malformed::read(words)
        }
    }

    /// What is said of the records in these bytes, if not all is UTF-8.
    pub fn broken(&self, bytes: &[u8]) -> Option<Broken> {
        simdutf8::basic::from_utf8(bytes).err()?;
        Some(Broken {
            words: (self.words)(bytes),
            was_decoded: self.was_decoded,
        })
    }
}

impl fmt::Debug for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Malformed")
    }
}

/// How those records of a block are told of that are no UTF-8.
#[derive(Clone, Debug)]
pub struct Broken {
    words: String,
    was_decoded: bool,
}

impl Broken {
    /// The fault of a record, if it is no UTF-8.
    pub fn fault(&self, record: &[u8]) -> Option<Fault> {
        let wrong = std::str::from_utf8(record).err()?;
        let at = wrong.valid_up_to() + usize::from(self.was_decoded);
        let byte = record.get(at).copied().unwrap_or_default();
        Some(Fault::new(format!("byte 0x{byte:02X} {}", self.words)))
    }
}
