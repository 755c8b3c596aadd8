//! Compressed sources, recognised by their first bytes and not by their names.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use anyhow::{Context, bail};
use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::GzDecoder;
use liblzma::bufread::XzDecoder;

use crate::stream::Source;

/// File endings that say how a file is compressed, not which format is in it.
pub(crate) const COMPRESSED: [&str; 6] = [".gz", ".zst", ".zstd", ".bz2", ".xz", ".bgz"];

/// Bytes per read of compressed data: enough to decompress to a block of records.
const CHUNK: usize = 128 * 1024;

/// Length of the longest mark below.
const LONGEST_MARK: usize = 6;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The first bytes that identify each codec.
const MARKS: [(&[u8], Codec); 7] = [
    (b"\x1F\x8B", Codec::Gzip),
    (b"\x28\xB5\x2F\xFD", Codec::Zstd),
    // A skippable frame; some compressors write one first.
    (b"\x50\x2A\x4D\x18", Codec::Zstd),
    (b"BZh", Codec::Bzip2),
    (b"\xFD7zXZ\0", Codec::Xz),
    (b"PK\x03\x04", Codec::Other("zip", "unzip -p FILE")),
    (BYTE_ORDER_MARK, Codec::Marked),
];

#[derive(Clone, Copy)]
enum Codec {
    Gzip,
    Zstd,
    Bzip2,
    Xz,
    /// Text after a byte order mark.
    Marked,
    /// Not supported: its name, and a command that decompresses it.
    Other(&'static str, &'static str),
}

/// Returns the source without a byte order mark, and decompressed if it is compressed. Reading fails if the data is
/// damaged or ends too early.
pub(crate) fn decompressed(mut source: Source) -> anyhow::Result<Source> {
    let start = first_bytes(&mut source)?;
    let kind = MARKS
        .iter()
        .find(|(mark, _)| start.starts_with(mark))
        .map(|(_, kind)| *kind);
    let skip = match kind {
        Some(Codec::Marked) => BYTE_ORDER_MARK.len(),
        _ => 0,
    };
    let mut start = Cursor::new(start);
    start.set_position(skip as u64);
    let whole = start.chain(source.read);
    source.read = match kind {
        None | Some(Codec::Marked) => Box::new(whole),
        Some(Codec::Gzip) => {
            let whole = BufReader::with_capacity(CHUNK, whole);
            let read = Members(Some(GzDecoder::new(whole)));
            Box::new(Decoder { read, kind: "gzip" })
        }
        Some(Codec::Zstd) => {
            let whole = BufReader::with_capacity(CHUNK, whole);
            let read = zstd::Decoder::with_buffer(whole)
                .with_context(|| format!("cannot read {}", source.name))?;
            Box::new(Decoder { read, kind: "zstd" })
        }
        Some(Codec::Bzip2) => {
            let read = MultiBzDecoder::new(BufReader::with_capacity(CHUNK, whole));
            Box::new(Decoder {
                read,
                kind: "bzip2",
            })
        }
        Some(Codec::Xz) => {
            let read = XzDecoder::new_multi_decoder(BufReader::with_capacity(CHUNK, whole));
            Box::new(Decoder { read, kind: "xz" })
        }
        Some(Codec::Other(name, command)) => bail!(
            "{}: {name} data; decompress it first, for example with '{command}'",
            source.name
        ),
    };
    Ok(match kind {
        None | Some(Codec::Marked) => source,
        Some(_) => source.unpacked(),
    })
}

/// Returns whether data that begins like this is compressed.
pub(crate) fn is_compressed(start: &[u8]) -> bool {
    let found = MARKS.iter().find(|(mark, _)| start.starts_with(mark));
    found.is_some_and(|(_, kind)| !matches!(kind, Codec::Marked))
}

/// Reads until the marks can be told apart; does not wait for a second byte if the first decides.
fn first_bytes(source: &mut Source) -> anyhow::Result<Vec<u8>> {
    let mut start = Vec::with_capacity(LONGEST_MARK);
    let is_undecided = |start: &[u8]| {
        MARKS
            .iter()
            .any(|(mark, _)| mark.starts_with(start) && *mark != start)
    };
    while is_undecided(&start) && source.read_ahead(LONGEST_MARK - start.len(), &mut start)? {}
    Ok(start)
}

/// The concatenated members of gzip data. Zeros after the last member are skipped, as gzip does: tapes and block
/// devices pad with them.
struct Members<R>(Option<GzDecoder<R>>);

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.0 {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let behind = member.get_mut();
            let is_end = loop {
                let rest = behind.fill_buf()?;
                let zeros = rest.iter().take_while(|byte| **byte == 0).count();
                match zeros {
                    0 => break rest.is_empty(),
                    zeros => behind.consume(zeros),
                }
            };
            let ended = self.0.take().filter(|_| !is_end);
            self.0 = ended.map(|member| GzDecoder::new(member.into_inner()));
        }
        Ok(0)
    }
}

/// Rewords the errors of a decompressor.
struct Decoder<R> {
    read: R,
    kind: &'static str,
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read.read(buffer).map_err(|error| {
            // System errors keep their wording.
            if error.raw_os_error().is_some() || error.kind() == ErrorKind::Interrupted {
                return error;
            }
            let kind = self.kind;
            io::Error::other(match error.kind() {
                ErrorKind::UnexpectedEof => format!("the {kind} data ends too early"),
                _ => format!("the {kind} data is damaged"),
            })
        })
    }
}
