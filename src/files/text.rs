//! Turns the bytes of a source into its text, in a fixed order: decompress, drop the byte order mark, decode, skip
//! lines that are not data.

use crate::stream::Source;

use super::compression::decompressed;
use super::encoding::{Encoding, Guesses};
use super::lead::Lead;

/// How the bytes of sources become text.
#[derive(Clone, Debug, Default)]
pub struct ToText {
    /// How the text is encoded.
    pub encoding: Encoding,
    /// Where guessed encodings are recorded.
    pub guesses: Guesses,
    /// Lines that are not data.
    pub lead: Lead,
}

impl ToText {
    /// Returns the text of a source that is read from its first byte.
    ///
    /// # Errors
    /// The source cannot be read, its compression is not supported, or its text is in another encoding.
    pub(crate) fn whole(&self, source: Source) -> anyhow::Result<Source> {
        self.unpacked(decompressed(source)?)
    }

    /// Returns the text of a decompressed source, from its first byte.
    ///
    /// # Errors
    /// As [`ToText::whole`].
    pub(crate) fn unpacked(&self, source: Source) -> anyhow::Result<Source> {
        let text = self.encoding.decoded(source, &self.guesses)?;
        Ok(self.lead.passed_over(text))
    }

    /// Returns the text of a UTF-8 source of which this many lines were read before.
    pub(crate) fn behind(&self, source: Source, lines: u64) -> Source {
        let lead = Lead {
            skip: self.lead.skip.saturating_sub(lines),
            ..self.lead
        };
        lead.passed_over(source)
    }
}
