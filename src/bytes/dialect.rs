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

    /// A byte that is often a delimiter and is not this one, as a message shows it and as `-d` takes it.
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

    /// The stream's quoting with another delimiter.
    pub fn delimited(delimiter: u8) -> Self {
        Dialect {
            delimiter,
            ..Self::STREAM
        }
    }
}
