//! The two bytes that give a CSV text its structure.

/// Which bytes separate and quote fields. Programs exchange [`Dialect::STREAM`] unless the user gives `-d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dialect {
    /// The byte between two fields.
    pub delimiter: u8,
    /// Encloses a field that contains delimiters, quotes or newlines; if `None`, quotes are plain text.
    pub quote: Option<u8>,
}

impl Dialect {
    /// RFC 4180: comma and double quote.
    pub const STREAM: Dialect = Dialect {
        delimiter: b',',
        quote: Some(b'"'),
    };

    /// Returns the name of a usual delimiter other than `delimiter`: as shown in a message, and as accepted by
    /// `-d`.
    pub fn other_delimiter(delimiter: u8, byte: u8) -> Option<(&'static str, &'static str)> {
        match byte {
            _ if byte == delimiter => None,
            b'\t' => Some(("a tab", "tab")),
            b',' => Some(("','", "','")),
            b';' => Some(("';'", "';'")),
            b'|' => Some(("'|'", "'|'")),
            b'^' => Some(("'^'", "'^'")),
            _ => None,
        }
    }

    /// Returns the stream's dialect with another delimiter.
    pub fn delimited(delimiter: u8) -> Self {
        Dialect {
            delimiter,
            ..Self::STREAM
        }
    }
}
