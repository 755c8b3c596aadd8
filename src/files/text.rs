//! From the bytes of a source to its text. There is one order: what is packed is unpacked, a byte order mark goes, the
//! text is decoded, and lines that are no data are passed over.

use crate::stream::Source;

use super::compression::decompressed;
use super::encoding::{Encoding, Guesses};
use super::lead::Lead;

/// How the bytes of sources become text.
#[derive(Clone, Debug, Default)]
pub struct ToText {
    /// How the text is encoded.
    pub encoding: Encoding,
    /// Where it is kept what was guessed of it.
    pub guesses: Guesses,
    /// Lines that are no data.
    pub lead: Lead,
}

impl ToText {
    /// The text of a source that is read from its first byte.
    ///
    /// # Errors
    /// It cannot be read; it is packed in a way that is not known here; it is another encoding's text.
    pub(crate) fn whole(&self, source: Source) -> anyhow::Result<Source> {
        self.unpacked(decompressed(source)?)
    }

    /// The text of a source that was decompressed, from its first byte.
    ///
    /// # Errors
    /// As [`ToText::whole`].
    pub(crate) fn unpacked(&self, source: Source) -> anyhow::Result<Source> {
        let text = self.encoding.decoded(source, &self.guesses)?;
        Ok(self.lead.passed_over(text))
    }

    /// The text of a source that is UTF-8 and was read before, up to the end of this many lines.
    pub(crate) fn behind(&self, source: Source, lines: u64) -> Source {
        let lead = Lead {
            skip: self.lead.skip.saturating_sub(lines),
            ..self.lead
        };
        lead.passed_over(source)
    }
}
