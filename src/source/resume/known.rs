//! What is known of a file that was read: which one it is, how far it was read, and how to know
//! its content again under another name.

use std::fs::{File, Metadata};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::super::compression::{decompressed, is_compressed};
use crate::stream::Source;

/// Bytes at the start, and before the end of what was read, that tell contents apart.
const PRINTED: usize = 1024;

/// Bytes that are read at once.
const CHUNK: usize = 64 * 1024;

/// One file, and how far it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Where it was, absolute.
    pub path: String,
    /// Its file system.
    pub device: u64,
    /// Its number there.
    pub inode: u64,
    /// Its bytes as they lay there.
    pub size: u64,
    /// When it was last written, as far as it was read, in nanoseconds.
    pub modified: i64,
    /// Bytes read, decompressed: up to the end of the last whole record.
    pub offset: u64,
    /// Newlines in them.
    pub lines: u64,
    /// Whether it lies there compressed.
    pub is_compressed: bool,
    /// Of their beginning.
    head: Print,
    /// Of their end.
    tail: Print,
}

/// A fingerprint of a few bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Print {
    length: u64,
    sha256: String,
}

impl Print {
    fn of(bytes: &[u8]) -> Self {
        let digest = Sha256::digest(bytes);
        Print {
            length: bytes.len() as u64,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

/// How far a file was read.
#[derive(Clone, Copy, Debug)]
pub struct Extent {
    /// Bytes, decompressed.
    pub offset: u64,
    /// Newlines in them.
    pub lines: u64,
}

impl Known {
    /// A plain file that is open, read so far.
    pub fn plain(path: &Path, file: &File, extent: Extent) -> io::Result<Self> {
        let (head, tail) = ends_of(file, extent.offset)?;
        Ok(Self::with(
            path,
            &file.metadata()?,
            extent,
            (&head, &tail),
            false,
        ))
    }

    /// A compressed file, read so far, with the ends of what was read.
    pub fn compressed(path: &Path, metadata: &Metadata, extent: Extent, ends: &Ends) -> Self {
        Self::with(path, metadata, extent, (&ends.head, &ends.tail), true)
    }

    fn with(
        path: &Path,
        metadata: &Metadata,
        extent: Extent,
        (head, tail): (&[u8], &[u8]),
        is_compressed: bool,
    ) -> Self {
        Known {
            path: path.to_string_lossy().into_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            modified: modified(metadata),
            offset: extent.offset,
            lines: extent.lines,
            is_compressed,
            head: Print::of(head),
            tail: Print::of(tail),
        }
    }

    /// Whether the file at `path` begins with what was read, decompressed or not.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_start_of(&self, path: &Path) -> anyhow::Result<bool> {
        let cannot = || format!("cannot read '{}'", path.display());
        let file = File::open(path).with_context(|| format!("cannot open '{}'", path.display()))?;
        let (head, tail) = match compressed(&file).with_context(cannot)? {
            false if file.metadata().with_context(cannot)?.len() < self.offset => return Ok(false),
            false => ends_of(&file, self.offset).with_context(cannot)?,
            true => {
                let name: Arc<str> = Arc::from(path.display().to_string());
                let source = decompressed(Source::own(name, Box::new(file)))?;
                let mut ends = Ends::default();
                let read = ends
                    .skim(&mut source.read.take(self.offset))
                    .with_context(cannot)?;
                if read < self.offset {
                    return Ok(false);
                }
                ends.head.truncate(self.head.length as usize);
                (ends.head, ends.tail)
            }
        };
        Ok(Print::of(&head) == self.head && Print::of(&tail) == self.tail)
    }
}

/// When a file was last written, in nanoseconds since 1970.
pub fn modified(metadata: &Metadata) -> i64 {
    let nanoseconds = metadata.mtime().saturating_mul(1_000_000_000);
    nanoseconds.saturating_add(metadata.mtime_nsec())
}

/// Whether a file holds compressed bytes.
pub fn compressed(file: &File) -> io::Result<bool> {
    let mut start = [0; 8];
    let count = read_at(file, &mut start, 0)?;
    Ok(is_compressed(&start[..count]))
}

/// The first and the last bytes of the first `offset` bytes.
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

/// Reads until the buffer is full or the file ends.
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

/// The first and the last bytes of a stream that passes.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    head: Vec<u8>,
    tail: Vec<u8>,
    /// All bytes that passed.
    pub bytes: u64,
}

impl Ends {
    /// Takes in more bytes.
    pub fn pass(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        let missing = PRINTED - self.head.len();
        self.head
            .extend_from_slice(&bytes[..missing.min(bytes.len())]);
        self.tail
            .extend_from_slice(&bytes[bytes.len().saturating_sub(PRINTED)..]);
        let surplus = self.tail.len().saturating_sub(PRINTED);
        self.tail.drain(..surplus);
    }

    /// Whether what passed stands in a file from `start` on, as far as its ends tell.
    pub fn are_in(&self, file: &File, start: u64) -> io::Result<bool> {
        let mut there = vec![0; self.head.len()];
        let count = read_at(file, &mut there, start)?;
        let is_head = there[..count] == self.head;
        let end = start + self.bytes;
        let mut there = vec![0; self.tail.len()];
        let count = read_at(file, &mut there, end - self.tail.len() as u64)?;
        Ok(is_head && there[..count] == self.tail)
    }

    /// Takes in all that a reader gives: how much that was.
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

/// Where the line begins that has `newlines` newlines between it and `end`; not before `start`,
/// where a line begins.
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
    fn content_is_known_again() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("a");
        let text: String = (0..900).map(|number| format!("line {number}\n")).collect();
        std::fs::write(&path, &text).unwrap();
        let extent = Extent {
            offset: 5000,
            lines: 9,
        };
        let known = Known::plain(&path, &File::open(&path).unwrap(), extent).unwrap();
        let other = place.path().join("b.zst");
        let whole = zstd::encode_all(text.as_bytes(), 1).unwrap();
        std::fs::write(&other, whole).unwrap();
        assert!(known.is_start_of(&path).unwrap());
        assert!(known.is_start_of(&other).unwrap());
        for different in [&text[..4999], &text[1..], &text.replace("line 3", "LINE 3")] {
            std::fs::write(&path, different).unwrap();
            assert!(!known.is_start_of(&path).unwrap());
        }
    }
}
