//! Checks from the first bytes of a source whether it is text.

use anyhow::bail;

use super::Source;

/// What a source begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Text after a byte order mark of this many bytes.
    Text(usize),
    /// gzip or zstd.
    Compressed,
    /// UTF-16, with its name for `--encoding`.
    Utf16(&'static str),
    /// More bytes are needed.
    Unknown,
}

impl Start {
    /// Classifies these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xEF, 0xBB, 0xBF, ..] => Start::Text(3),
            [0x1F, 0x8B, ..] | [0x28, 0xB5, 0x2F, 0xFD, ..] => Start::Compressed,
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Start::Utf16("utf-16"),
            // ASCII in every other byte, zero in the others.
            [1..=0x7F, 0, 1..=0x7F, 0, ..] => Start::Utf16("utf-16le"),
            [0, 1..=0x7F, 0, 1..=0x7F, ..] => Start::Utf16("utf-16be"),
            []
            | [0..=0x7F | 0xEF | 0xFF | 0xFE]
            | [0xEF, 0xBB]
            | [0x28, 0xB5]
            | [0x28, 0xB5, 0x2F]
            | [1..=0x7F, 0]
            | [1..=0x7F, 0, 1..=0x7F]
            | [0, 1..=0x7F]
            | [0, 1..=0x7F, 0] => Start::Unknown,
            _ => Start::Text(0),
        }
    }
}

/// Returns the error for a source in UTF-16.
pub(super) fn utf16(name: &str, label: &str) -> anyhow::Error {
    let mark = match label {
        "utf-16" => "",
        _ => " without its mark",
    };
    anyhow::anyhow!("{name}: UTF-16 text{mark}; 'extract --encoding {label}' reads it")
}

impl Source {
    /// Removes a byte order mark from a source that was decompressed if it was compressed.
    ///
    /// # Errors
    /// It cannot be read, or its first bytes are not UTF-8 text.
    pub fn text(self) -> anyhow::Result<Self> {
        let mut start = Vec::new();
        let mut source = self;
        let found = loop {
            let found = Start::of(&start);
            if found != Start::Unknown || !source.read_ahead(4 - start.len(), &mut start)? {
                break found;
            }
        };
        let name = &source.name;
        let mark = match found {
            Start::Text(mark) => mark,
            Start::Unknown => 0,
            Start::Compressed => bail!("{name}: compressed twice; decompress it once before"),
            Start::Utf16(label) => return Err(utf16(name, label)),
        };
        start.drain(..mark);
        Ok(source.behind(start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell() {
        for (bytes, start) in [
            (&b"\xEF\xBB\xBFa"[..], Start::Text(3)),
            (b"id,n", Start::Text(0)),
            (b"i", Start::Unknown),
            (b"i\0d", Start::Unknown),
            (b"i\0d\0", Start::Utf16("utf-16le")),
            (b"\0i\0d", Start::Utf16("utf-16be")),
            (b"\xFF\xFE", Start::Utf16("utf-16")),
            (b"\x1F\x8B", Start::Compressed),
            (b"a\0\n", Start::Unknown),
            (b"a\0\n1", Start::Text(0)),
        ] {
            assert_eq!(Start::of(bytes), start, "{bytes:?}");
        }
    }
}
