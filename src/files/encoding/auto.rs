//! Text whose encoding is guessed at the first byte that is not ASCII.

use std::io::{self, Chain, Cursor, Read};
use std::sync::Arc;

use encoding_rs::UTF_8;

use crate::files::encoding::Guesses;
use crate::files::encoding::decoding::Decoding;
use crate::files::encoding::guess::{LOOKED_AT, guess};

/// Bytes per read.
const CHUNK: usize = 64 * 1024;

/// Passes lines on while they are ASCII, which all encodings share except those of two bytes. Then it looks at 64
/// KiB, and decodes the rest as they suggest.
pub(crate) struct Guessing<R> {
    source: Arc<str>,
    guesses: Guesses,
    /// Bytes that were read and not passed on yet.
    held: Vec<u8>,
    /// How many bytes of `held` can be passed on: they are ASCII, and whole lines unless a line is long.
    ready: usize,
    is_beginning: bool,
    state: AutoState<R>,
}

enum AutoState<R> {
    Ascii(R),
    Decoding(Decoding<Chain<Cursor<Vec<u8>>, R>>),
    Ended,
}

impl<R: Read> Guessing<R> {
    pub(crate) fn new(read: R, source: Arc<str>, guesses: Guesses) -> Self {
        Guessing {
            source,
            guesses,
            held: Vec::new(),
            ready: 0,
            is_beginning: true,
            state: AutoState::Ascii(read),
        }
    }

    /// Reads until there are bytes to pass on, or the encoding is known.
    fn read_on(&mut self) -> io::Result<()> {
        let AutoState::Ascii(read) = &mut self.state else {
            return Ok(());
        };
        let mut seen = 0;
        let is_plain = loop {
            let telling = self.held[seen..].iter().position(is_telling);
            // Whole lines before it are passed on, so that the guess does not depend on the size of reads.
            let end = telling.map_or(self.held.len(), |place| seen + place);
            let lines = memchr::memrchr(b'\n', &self.held[..end]).map_or(0, |end| end + 1);
            self.ready = match telling {
                // A line longer than the sample is passed on in parts.
                None if self.held.len() > LOOKED_AT => self.held.len(),
                _ => lines,
            };
            if self.ready > 0 {
                return Ok(());
            }
            if telling.is_some() {
                break false;
            }
            seen = self.held.len();
            if append(read, &mut self.held)? == 0 {
                break true;
            }
        };
        while !is_plain && self.held.len() < LOOKED_AT && append(read, &mut self.held)? > 0 {}
        let AutoState::Ascii(read) = std::mem::replace(&mut self.state, AutoState::Ended) else {
            return Ok(());
        };
        if is_plain {
            self.ready = self.held.len();
            self.guesses.add(&self.source, UTF_8);
            return Ok(());
        }
        let encoding = guess(
            &self.held[..self.held.len().min(LOOKED_AT)],
            self.is_beginning,
        );
        self.guesses.add(&self.source, encoding);
        let decoder = match self.is_beginning {
            true => encoding.new_decoder_with_bom_removal(),
            false => encoding.new_decoder_without_bom_handling(),
        };
        let held = Cursor::new(std::mem::take(&mut self.held));
        self.state = AutoState::Decoding(Decoding::new(held.chain(read), decoder));
        Ok(())
    }
}

/// Returns whether a byte says something about the encoding: it is not ASCII, or zero as in UTF-16.
fn is_telling(byte: &u8) -> bool {
    !byte.is_ascii() || *byte == 0
}

/// Appends the bytes of one read, and returns their number.
fn append(read: &mut impl Read, held: &mut Vec<u8>) -> io::Result<usize> {
    let old = held.len();
    held.resize(old + CHUNK, 0);
    let result = loop {
        match read.read(&mut held[old..]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    held.truncate(old + result.as_ref().copied().unwrap_or(0));
    result
}

impl<R: Read> Read for Guessing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        if self.ready == 0 {
            self.read_on()?;
        }
        if self.ready > 0 {
            let count = self.ready.min(buffer.len());
            buffer[..count].copy_from_slice(&self.held[..count]);
            self.held.drain(..count);
            self.ready -= count;
            self.is_beginning = false;
            return Ok(count);
        }
        match &mut self.state {
            AutoState::Decoding(decoding) => decoding.read(buffer),
            AutoState::Ascii(_) | AutoState::Ended => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns its bytes in reads of one size.
    struct Dribble<'b>(&'b [u8], usize);

    impl Read for Dribble<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn read(text: &[u8], size: usize) -> (String, Option<&'static str>) {
        let guesses = Guesses::default();
        let mut guessing = Guessing::new(Dribble(text, size), Arc::from("x"), guesses.clone());
        let mut out = Vec::new();
        guessing.read_to_end(&mut out).unwrap();
        (String::from_utf8(out).unwrap(), guesses.of("x"))
    }

    #[test]
    fn any_reads_give_the_same_text() {
        let plain = "id,name\n1,Ann\n".repeat(10_000);
        let long = [&plain, "2,Zoë Müller geht über die Straße\n"].concat();
        let latin = |text: &str| text.chars().map(|letter| letter as u8).collect::<Vec<_>>();
        let wide = |text: &str| -> Vec<u8> {
            let units = text.encode_utf16();
            units.flat_map(u16::to_le_bytes).collect()
        };
        for (text, bytes, encoding) in [
            ("id\n1\n", b"id\n1\n".to_vec(), "UTF-8"),
            ("", Vec::new(), "UTF-8"),
            ("id\n1", b"id\n1".to_vec(), "UTF-8"),
            ("id\né\n", "id\né\n".into(), "UTF-8"),
            ("id\n1\n", "\u{FEFF}id\n1\n".into(), "UTF-8"),
            (&long, long.clone().into(), "UTF-8"),
            (&long, latin(&long), "windows-1252"),
            ("id\n1\n", wide("id\n1\n"), "UTF-16LE"),
            ("id\né\n", wide("\u{FEFF}id\né\n"), "UTF-16LE"),
        ] {
            let sizes = [1, 2, 3, 5, 4096, 1 << 20];
            for size in sizes
                .into_iter()
                .filter(|size| bytes.len() < 1000 || *size > 5)
            {
                let (found, name) = read(&bytes, size);
                assert!(found == text, "{name:?} by {size}: {:?}", found.get(..60));
                assert_eq!(name, Some(encoding), "by {size}");
            }
        }
    }

    #[test]
    fn a_zero_makes_no_utf_16() {
        for text in ["ab\0\n", "a\0\n"] {
            assert_eq!(read(text.as_bytes(), 9), (text.to_owned(), Some("UTF-8")));
        }
    }
}
