//! The header of a CSV file whose data is read from further on.

use std::io::{ErrorKind, Read};

use anyhow::{Context, bail};

use crate::bytes::{Dialect, scan};
use crate::record::PASSED_OVER;
use crate::stream::Source;

/// The longest header that is accepted, in bytes.
const LONGEST: usize = 64 << 20;

/// A header that is read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The first record with its line end, and blank lines before it.
    pub bytes: Vec<u8>,
    /// The number of newlines in `bytes`.
    pub lines: u64,
}

impl Head {
    /// Returns the header of a source; `None` if its first record is not finished.
    ///
    /// # Errors
    /// The source cannot be read, or its header is too long.
    pub fn read(source: Source, dialect: Dialect) -> anyhow::Result<Option<Self>> {
        let mut read = source.read;
        let mut bytes = Vec::new();
        let mut chunk = vec![0; 16 * 1024];
        let (mut at, mut is_inside, mut is_blank) = (0, false, true);
        loop {
            for (place, &byte) in bytes.iter().enumerate().skip(at) {
                match byte {
                    b'\n' if !is_inside && !is_blank => {
                        bytes.truncate(place + 1);
                        let lines = scan::count_byte(&bytes, b'\n') as u64;
                        return Ok(Some(Head { bytes, lines }));
                    }
                    b'\n' | b'\r' | PASSED_OVER => {}
                    _ => is_blank = false,
                }
                is_inside ^= Some(byte) == dialect.quote;
            }
            at = bytes.len();
            if at > LONGEST {
                bail!("{}: its header is longer than 64 MB", source.name);
            }
            match read.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(count) => bytes.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("cannot read {}", source.name));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_first_record_is_found() {
        let head = |text: &'static str| {
            let source = Source::own(Arc::from("x"), Box::new(text.as_bytes()));
            let head = Head::read(source, Dialect::STREAM).unwrap();
            head.map(|head| (String::from_utf8(head.bytes).unwrap(), head.lines))
        };
        assert_eq!(
            head("\n\r\n\"a\nb\",c\n1\n"),
            Some(("\n\r\n\"a\nb\",c\n".to_owned(), 4))
        );
        assert_eq!(head("a\r\n"), Some(("a\r\n".to_owned(), 1)));
        for unfinished in ["", "\n", "a,b", "\"a\n"] {
            assert_eq!(head(unfinished), None, "{unfinished}");
        }
    }
}
