//! The first bytes of a source: whether it is text.

use anyhow::bail;

use super::Source;

/// What a source begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// Text, behind a byte order mark of so many bytes.
    Text(usize),
    /// gzip or zstd.
    Compressed,
    /// UTF-16, and how `--encoding` calls it.
    Utf16(&'static str),
    /// More bytes must tell.
    Unknown,
}

impl Start {
    /// That of these bytes.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xEF, 0xBB, 0xBF, ..] => Start::Text(3),
            [0x1F, 0x8B, ..] | [0x28, 0xB5, 0x2F, 0xFD, ..] => Start::Compressed,
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Start::Utf16("utf-16"),
            // ASCII in every other byte, and nothing in those between.
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

/// The fault of a source that is UTF-16.
pub(super) fn utf16(name: &str, label: &str) -> anyhow::Error {
    let mark = match label {
        "utf-16" => "",
        _ => " without its mark",
    };
    anyhow::anyhow!("{name}: UTF-16 text{mark}; 'extract --encoding {label}' reads it")
}

impl Source {
    /// The same source, which was decompressed where it was compressed, without a byte order mark.
    ///
    /// # Errors
    /// It cannot be read, or is not in UTF-8 from its first bytes on.
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
