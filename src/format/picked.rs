//! Lines with known fields: which of them are written.

use crate::record::field;

/// The fields to write, in order, and the texts that stand for null.
#[derive(Clone, Debug, Default)]
pub struct Picked {
    /// Indexes of fields in a line.
    pub picks: Vec<usize>,
    /// Texts that stand for null.
    pub nulls: Vec<Vec<u8>>,
}

impl Picked {
    pub(crate) fn is_null(&self, text: &[u8]) -> bool {
        self.nulls.iter().any(|null| null == text)
    }

    /// Appends a record of these fields; an empty one is null.
    pub(crate) fn write<'f>(&self, field_of: impl Fn(usize) -> &'f [u8], out: &mut Vec<u8>) {
        for &pick in &self.picks {
            let text = field_of(pick);
            if !text.is_empty() && !self.is_null(text) {
                field::push_text(text, b',', out);
            }
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
    }
}

/// Returns the beginning of a line, for a fault.
pub(crate) fn shown(line: &[u8]) -> String {
    const SHOWN: usize = 60;
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
    let text = text.trim_end_matches(char::REPLACEMENT_CHARACTER);
    let more = if line.len() > SHOWN { "..." } else { "" };
    format!("'{text}{more}'")
}
