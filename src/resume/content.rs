//! The bytes of a file that was read: how they are recognised, and where they are.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::compression::{decompressed, is_compressed};
use crate::stream::Source;

/// Bytes at the start and at the end of what was read that identify it.
const PRINTED: usize = 1024;

/// Bytes per read.
const CHUNK: usize = 64 * 1024;

/// A fingerprint of a few bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Print {
    length: u64,
    sha256: String,
}

impl Print {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Print {
            length: bytes.len() as u64,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// What is stored about the first bytes of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prefix {
    /// Fingerprint of their beginning.
    head: Print,
    /// Fingerprint of their end.
    tail: Print,
    /// The CRC-32 of all of them; `None` if they were read by an earlier version or not at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crc: Option<u32>,
}

/// How the content of a file relates to the bytes that were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It does not begin with them.
    No,
    /// It is exactly these bytes.
    Whole,
    /// It begins with them and continues.
    More,
}

impl Prefix {
    /// Describes the first `offset` bytes of a file.
    pub fn of(file: &File, offset: u64, crc: Option<u32>) -> io::Result<Self> {
        let (head, tail) = ends_of(file, offset)?;
        Ok(Prefix {
            head: Print::of(&head),
            tail: Print::of(&tail),
            crc,
        })
    }

    /// Describes bytes that have passed.
    pub fn passed(ends: &StreamEnds) -> Self {
        Prefix {
            head: Print::of(&ends.head),
            tail: Print::of(&ends.tail),
            crc: ends.sum.all(),
        }
    }

    /// Describes the first `offset` bytes of a file to compare them with this. If `is_thorough`, computes the
    /// CRC-32, if this has one.
    fn again(&self, file: &File, offset: u64, is_thorough: bool) -> io::Result<Self> {
        let crc = match is_thorough && self.crc.is_some() {
            true => Some(crc_of(file, 0, offset, 0)?),
            false => self.crc,
        };
        Prefix::of(file, offset, crc)
    }

    /// Returns whether an open file, without decompression, begins with the `offset` bytes that this describes.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn begins(&self, file: &File, offset: u64, is_thorough: bool) -> io::Result<bool> {
        match self.again(file, offset, is_thorough) {
            Ok(prefix) => Ok(prefix == *self),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns how the file at `path`, decompressed if it is compressed, relates to the `offset` bytes that this
    /// describes. If `is_thorough`, all of them are compared, else only the first and the last ones.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn held_by(&self, path: &Path, offset: u64, is_thorough: bool) -> anyhow::Result<Holds> {
        let cannot = || format!("cannot read '{}'", path.display());
        let mut opened = Content::open(path)?;
        let (prefix, is_more) = match &mut opened {
            Content::Plain(file) => {
                let length = file.metadata().with_context(cannot)?.len();
                if length < offset {
                    return Ok(Holds::No);
                }
                let prefix = self.again(file, offset, is_thorough);
                (prefix.with_context(cannot)?, length > offset)
            }
            Content::Compressed(source) => {
                let mut ends = StreamEnds::begin(Some(0), 0);
                let read = ends.skim(&mut source.read.by_ref().take(offset));
                if read.with_context(cannot)? < offset {
                    return Ok(Holds::No);
                }
                let mut prefix = Prefix::passed(&ends);
                prefix.crc = prefix.crc.filter(|_| self.crc.is_some());
                ends.head.truncate(self.head.length as usize);
                prefix.head = Print::of(&ends.head);
                let more = source.read.read(&mut [0]).with_context(cannot)?;
                (prefix, more > 0)
            }
        };
        Ok(match (prefix == *self, is_more) {
            (false, _) => Holds::No,
            (true, false) => Holds::Whole,
            (true, true) => Holds::More,
        })
    }
}

/// A file that is open to look at its bytes.
enum Content {
    Plain(File),
    Compressed(Source),
}

impl Content {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let name = path.display();
        let file = File::open(path).with_context(|| format!("cannot open '{name}'"))?;
        if !compressed(&file).with_context(|| format!("cannot read '{name}'"))? {
            return Ok(Content::Plain(file));
        }
        let name: Arc<str> = Arc::from(name.to_string());
        Ok(Content::Compressed(decompressed(Source::own(
            name,
            Box::new(file),
        ))?))
    }
}

/// Returns how all that a file holds relates to another file. A compressed file that ends too early, because it is
/// still being written, counts as whole if the other file begins with it.
///
/// # Errors
/// One of the files cannot be read.
pub fn beginning_of(path: &Path, other: &Path) -> anyhow::Result<Holds> {
    let cannot = |path: &Path| format!("cannot read '{}'", path.display());
    let (mut own, mut other_source) = (
        Content::open(path)?.into_read(),
        Content::open(other)?.into_read(),
    );
    let (mut mine, mut theirs) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        let count = match own.read(&mut mine) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // The compressed file is not complete yet; the disk has not failed.
            Err(error) if error.raw_os_error().is_none() => return Ok(Holds::Whole),
            Err(error) => return Err(error).with_context(|| cannot(path)),
        };
        let found = full(&mut other_source, &mut theirs[..count]).with_context(|| cannot(other))?;
        if mine[..count] != theirs[..found] {
            return Ok(Holds::No);
        }
    }
    let more = full(&mut other_source, &mut theirs[..1]).with_context(|| cannot(other))?;
    Ok(if more > 0 { Holds::More } else { Holds::Whole })
}

impl Content {
    fn into_read(self) -> Box<dyn Read + Send> {
        match self {
            Content::Plain(file) => Box::new(file),
            Content::Compressed(source) => source.read,
        }
    }
}

/// Reads until the buffer is full or the input ends, and returns the number of bytes.
fn full(read: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut found = 0;
    while found < buffer.len() {
        match read.read(&mut buffer[found..]) {
            Ok(0) => break,
            Ok(count) => found += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}

/// Returns whether a file is compressed.
pub fn compressed(file: &File) -> io::Result<bool> {
    let mut start = [0; 8];
    let count = read_at(file, &mut start, 0)?;
    Ok(is_compressed(&start[..count]))
}

/// Returns the first and the last of the first `offset` bytes.
fn ends_of(file: &File, offset: u64) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let length = offset.min(PRINTED as u64);
    let read = |start| {
        let mut bytes = vec![0; length as usize];
        let count = read_at(file, &mut bytes, start)?;
        bytes.truncate(count);
        Ok::<_, io::Error>(bytes)
    };
    Ok((read(0)?, read(offset - length)?))
}

/// Returns the fingerprint of the first bytes of a file of this size.
pub fn first_of(file: &File, size: u64) -> io::Result<Print> {
    let mut bytes = vec![0; size.min(PRINTED as u64) as usize];
    let count = read_at(file, &mut bytes, 0)?;
    bytes.truncate(count);
    Ok(Print::of(&bytes))
}

/// Returns the CRC-32 of a file's first `end` bytes; `before` is that of the first `start` bytes.
pub fn crc_of(file: &File, start: u64, end: u64, before: u32) -> io::Result<u32> {
    let mut hasher = Hasher::new_with_initial_len(before, start);
    let mut chunk = vec![0; CHUNK];
    let mut at = start;
    while at < end {
        let length = (end - at).min(CHUNK as u64) as usize;
        let count = read_at(file, &mut chunk[..length], at)?;
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        hasher.update(&chunk[..count]);
        at += count as u64;
    }
    Ok(hasher.finalize())
}

/// Reads until the buffer is full or the file ends, and returns the number of bytes.
pub fn read_at(file: &File, buffer: &mut [u8], start: u64) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], start + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// The CRC-32 of the bytes that pass, continued from that of the bytes before.
#[derive(Clone, Debug)]
struct Sum {
    /// Up to the last newline: its place, and the sum. `None` if the sum of the bytes before is not known.
    lines: Option<(u64, Hasher)>,
    /// The sum of the bytes after that.
    rest: Hasher,
    rest_length: u64,
}

impl Sum {
    fn pass(&mut self, bytes: &[u8]) {
        let Some((end, lines)) = &mut self.lines else {
            return;
        };
        let split = memchr::memrchr(b'\n', bytes).map_or(0, |place| place + 1);
        let (whole, rest) = bytes.split_at(split);
        if !whole.is_empty() {
            self.rest.update(whole);
            lines.combine(&std::mem::take(&mut self.rest));
            *end += self.rest_length + whole.len() as u64;
            self.rest_length = 0;
        }
        self.rest.update(rest);
        self.rest_length += rest.len() as u64;
    }

    /// Returns the sum up to this offset, if it is one of the two that are known.
    fn at(&self, offset: u64) -> Option<u32> {
        let (end, lines) = self.lines.as_ref()?;
        match offset.checked_sub(*end)? {
            0 => Some(lines.clone().finalize()),
            rest if rest == self.rest_length => self.all(),
            _ => None,
        }
    }

    fn all(&self) -> Option<u32> {
        let (_, lines) = self.lines.as_ref()?;
        let mut all = lines.clone();
        all.combine(&self.rest);
        Some(all.finalize())
    }
}

/// What is kept of a stream that passes: its first and last bytes, and its sum.
#[derive(Clone, Debug)]
pub struct StreamEnds {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// How many bytes passed.
    pub bytes: u64,
    sum: Sum,
}

impl StreamEnds {
    /// Begins after the first `start` bytes of a file; `crc` is their CRC-32, if it is known.
    pub fn begin(crc: Option<u32>, start: u64) -> Self {
        let lines = crc.map(|crc| (start, Hasher::new_with_initial_len(crc, start)));
        StreamEnds {
            head: Vec::new(),
            tail: Vec::new(),
            bytes: 0,
            sum: Sum {
                lines,
                rest: Hasher::new(),
                rest_length: 0,
            },
        }
    }

    /// Adds more bytes.
    pub fn pass(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.sum.pass(bytes);
        let missing = PRINTED - self.head.len();
        self.head
            .extend_from_slice(&bytes[..missing.min(bytes.len())]);
        self.tail
            .extend_from_slice(&bytes[bytes.len().saturating_sub(PRINTED)..]);
        let surplus = self.tail.len().saturating_sub(PRINTED);
        self.tail.drain(..surplus);
    }

    /// Returns the CRC-32 of the file up to this offset, if it is known.
    pub fn crc_at(&self, offset: u64) -> Option<u32> {
        self.sum.at(offset)
    }

    /// Returns whether a file has what passed from `start` on, judged by the first and last bytes.
    pub fn are_in(&self, file: &File, start: u64) -> io::Result<bool> {
        let mut there = vec![0; self.head.len()];
        let count = read_at(file, &mut there, start)?;
        let is_head = there[..count] == self.head;
        let end = start + self.bytes;
        let mut there = vec![0; self.tail.len()];
        let count = read_at(file, &mut there, end - self.tail.len() as u64)?;
        Ok(is_head && there[..count] == self.tail)
    }

    /// Adds all bytes of a reader, and returns their number.
    pub fn skim(&mut self, read: &mut dyn Read) -> io::Result<u64> {
        let before = self.bytes;
        let mut chunk = vec![0; CHUNK];
        loop {
            match read.read(&mut chunk) {
                Ok(0) => return Ok(self.bytes - before),
                Ok(count) => self.pass(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Returns where the line begins that has `newlines` newlines between its start and `end`, but not less than
/// `start`, where a line begins.
pub fn line_start(file: &File, start: u64, end: u64, newlines: u64) -> io::Result<u64> {
    let mut left = newlines;
    let mut until = end;
    let mut chunk = vec![0; CHUNK];
    while until > start {
        let length = (until - start).min(CHUNK as u64);
        let from = until - length;
        let bytes = &mut chunk[..length as usize];
        if read_at(file, bytes, from)? < bytes.len() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        for place in memchr::memrchr_iter(b'\n', bytes) {
            if left == 0 {
                return Ok(from + place as u64 + 1);
            }
            left -= 1;
        }
        until = from;
    }
    Ok(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn lines_are_found_from_the_end() {
        let mut file = tempfile::tempfile().unwrap();
        let text = format!("a\n{}\nb\nc", "x".repeat(3 * CHUNK));
        file.write_all(text.as_bytes()).unwrap();
        let end = text.len() as u64;
        for (newlines, expected) in [(0, end - 1), (1, end - 3), (2, 2), (3, 0), (9, 0)] {
            assert_eq!(
                line_start(&file, 0, end, newlines).unwrap(),
                expected,
                "{newlines}"
            );
        }
        assert_eq!(line_start(&file, 2, end, 2).unwrap(), 2);
        assert_eq!(line_start(&file, 2, end - 1, 0).unwrap(), end - 1);
    }

    #[test]
    fn sums_go_on_where_they_ended() {
        let text: String = (0..30_000)
            .map(|number| format!("line {number}\n"))
            .collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let whole = crc_of(&file, 0, text.len() as u64, 0).unwrap();
        assert_eq!(whole, crc32fast::hash(text.as_bytes()));
        let (start, cut) = (70_001, text.len() - 3);
        let mut ends = StreamEnds::begin(
            Some(crc32fast::hash(&text.as_bytes()[..start])),
            start as u64,
        );
        for piece in text.as_bytes()[start..cut].chunks(7_777) {
            ends.pass(piece);
        }
        let line = text[..cut].rfind('\n').unwrap() + 1;
        for end in [line, cut] {
            let expected = crc32fast::hash(&text.as_bytes()[..end]);
            assert_eq!(ends.crc_at(end as u64), Some(expected), "{end}");
        }
        assert_eq!(ends.crc_at(line as u64 - 1), None);
    }

    #[test]
    fn content_is_known_again() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        let text: String = (0..900).map(|number| format!("line {number}\n")).collect();
        std::fs::write(&path, &text).unwrap();
        let crc = Some(crc32fast::hash(&text.as_bytes()[..5000]));
        let known = Prefix::of(&File::open(&path).unwrap(), 5000, crc).unwrap();
        let other = place.path().join("b.zst");
        let whole = zstd::encode_all(text.as_bytes(), 1).unwrap();
        std::fs::write(&other, whole).unwrap();
        let held = |path: &Path, is_thorough| known.held_by(path, 5000, is_thorough).unwrap();
        assert_eq!(held(&path, true), Holds::More);
        assert_eq!(held(&other, true), Holds::More);
        std::fs::write(&path, &text[..5000]).unwrap();
        assert_eq!(held(&path, true), Holds::Whole);
        // The ends are the same, and one line between them is not.
        std::fs::write(&path, text.replace("line 250\n", "line 2S0\n")).unwrap();
        assert_eq!(held(&path, false), Holds::More);
        assert_eq!(held(&path, true), Holds::No);
        for different in [&text[..4999], &text[1..], &text.replace("line 3", "LINE 3")] {
            std::fs::write(&path, different).unwrap();
            assert_eq!(held(&path, false), Holds::No);
        }
    }

    #[test]
    fn a_beginning_is_told_from_a_whole() {
        let place = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = place.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let text: String = (0..90_000)
            .map(|number| format!("line {number}\n"))
            .collect();
        let original = write("a", text.as_bytes());
        let packed = zstd::encode_all(text.as_bytes(), 1).unwrap();
        for (bytes, expected) in [
            (text.as_bytes(), Holds::Whole),
            (&text.as_bytes()[..100_000], Holds::More),
            (b"", Holds::More),
            (b"line 0\nline 2\n", Holds::No),
            (&packed, Holds::Whole),
            (&packed[..packed.len() / 2], Holds::Whole),
            (format!("{text}x").as_bytes(), Holds::No),
        ] {
            let copy = write("b", bytes);
            assert_eq!(beginning_of(&copy, &original).unwrap(), expected);
        }
    }
}
