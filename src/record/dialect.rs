//! The two bytes that give a CSV text its structure.

/// Which bytes separate fields and enclose them. The stream between two programs is always
/// [`Dialect::STREAM`] unless the user says `-d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// Separates two fields.
    pub delimiter: u8,
    /// Encloses a field that holds delimiters, quotes or newlines; `None` reads quotes as text.
    pub quote: Option<u8>,
}

impl Dialect {
    /// RFC 4180: comma and double quote.
    pub const STREAM: Dialect = Dialect {
        delimiter: b',',
        quote: Some(b'"'),
    };

    /// The stream's quoting with another delimiter.
    pub fn delimited(delimiter: u8) -> Self {
        Dialect {
            delimiter,
            ..Self::STREAM
        }
    }
}
