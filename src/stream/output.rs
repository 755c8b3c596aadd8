//! Output: ranges of the input block and new bytes, written together.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::mem::ManuallyDrop;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::room::Room;
use crate::record::{Header, Records};
use crate::sys::descriptor::{borrowed, widen_pipe};
use crate::sys::ready::{Ready, retried};
use crate::sys::standard;
use crate::trust::ends;
use crate::trust::figures;
use crate::trust::stage::{self, COUNTERS};

/// Kept ranges shorter than this are copied: an extra piece would cost the kernel more.
const SHORT: usize = 4096;

/// What a stage makes of one block: ranges of the block that are kept unchanged, and new bytes.
#[derive(Debug, Default)]
pub struct Made {
    /// New bytes, followed by `surplus` bytes that are left over from earlier blocks.
    bytes: Vec<u8>,
    surplus: usize,
    pieces: Vec<Slice>,
    /// New bytes before this offset are in `pieces`.
    listed: usize,
    kept: Range<usize>,
    /// Records written.
    pub records: u64,
    aside: Option<Box<Made>>,
}

#[derive(Clone, Debug)]
enum Slice {
    Made(Range<usize>),
    Kept(Range<usize>),
}

impl Made {
    /// Clears it, keeping its memory.
    pub fn clear(&mut self) {
        self.surplus = self.bytes.len();
        self.pieces.clear();
        self.listed = 0;
        self.kept = 0..0;
        self.records = 0;
        if let Some(aside) = &mut self.aside {
            aside.clear();
        }
    }

    /// Returns what goes to the second output, for programs that have one.
    pub fn aside(&mut self) -> &mut Made {
        self.aside.get_or_insert_default()
    }

    /// Keeps `range` of the block unchanged. Adjacent ranges are merged.
    #[inline]
    pub fn keep(&mut self, block: &[u8], range: Range<usize>) {
        if range.start == self.kept.end && !self.kept.is_empty() {
            self.kept.end = range.end;
            return;
        }
        self.end_kept(block);
        self.kept = range;
    }

    /// Keeps the record in `range` of the block, which includes its line end; the line end becomes LF.
    #[inline]
    pub fn keep_line(&mut self, block: &[u8], range: Range<usize>) {
        self.records += 1;
        let record = &block[range.clone()];
        if record.ends_with(b"\n") && !record.ends_with(b"\r\n") {
            self.keep(block, range);
            return;
        }
        let line = record.strip_suffix(b"\n").unwrap_or(record);
        let out = self.buffer(block);
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.push(b'\n');
    }

    /// Keeps a record unchanged, except that its line end becomes LF.
    #[inline]
    pub fn keep_record(&mut self, records: &Records<'_>, record: usize) {
        self.records += 1;
        if records.has_returns() {
            let out = self.buffer(records.bytes());
            out.extend_from_slice(records.raw(record));
            out.push(b'\n');
        } else {
            self.keep(records.bytes(), records.range(record));
        }
    }

    /// Returns the buffer for new bytes, which follow everything kept so far.
    #[inline]
    pub fn buffer(&mut self, block: &[u8]) -> &mut Vec<u8> {
        self.end_kept(block);
        self.bytes.truncate(self.filled());
        self.surplus = 0;
        &mut self.bytes
    }

    /// Returns room for about `guess` new bytes, which follow everything kept so far.
    pub fn room(&mut self, block: &[u8], guess: usize) -> Room<'_> {
        self.end_kept(block);
        Room::behind(&mut self.bytes, &mut self.surplus, guess)
    }

    #[inline]
    fn end_kept(&mut self, block: &[u8]) {
        let kept = std::mem::take(&mut self.kept);
        if kept.len() < SHORT {
            let (filled, kept) = (self.filled(), &block[kept]);
            match self.surplus.checked_sub(kept.len()) {
                Some(surplus) => {
                    self.bytes[filled..filled + kept.len()].copy_from_slice(kept);
                    self.surplus = surplus;
                }
                None => {
                    self.bytes.truncate(filled);
                    self.bytes.extend_from_slice(kept);
                    self.surplus = 0;
                }
            }
        } else {
            self.list_made();
            self.pieces.push(Slice::Kept(kept));
        }
    }

    /// Whether it is large enough to be written before more is added.
    pub fn is_large(&self) -> bool {
        /// More than a usual stage makes of the longest usual block.
        const LARGE: usize = 8 << 20;
        self.filled() > LARGE
    }

    /// Returns the number of new bytes.
    #[inline]
    fn filled(&self) -> usize {
        self.bytes.len() - self.surplus
    }

    fn list_made(&mut self) {
        let filled = self.filled();
        if self.listed < filled {
            self.pieces.push(Slice::Made(self.listed..filled));
            self.listed = filled;
        }
    }

    /// Closes the list of pieces and returns it; `block` is the block of the kept ranges.
    pub fn slices<'m>(&'m mut self, block: &'m [u8]) -> Vec<IoSlice<'m>> {
        self.end_kept(block);
        self.list_made();
        self.pieces
            .iter()
            .map(|piece| match piece {
                Slice::Made(range) => IoSlice::new(&self.bytes[range.clone()]),
                Slice::Kept(range) => IoSlice::new(&block[range.clone()]),
            })
            .collect()
    }
}

/// Whether a writer should go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// More is wanted.
    More,
    /// The reader has gone (`| head`): end without an error.
    Enough,
}

/// Standard output or a file. It is not buffered: blocks are large, and a buffer would delay records.
pub struct Output {
    file: ManuallyDrop<File>,
    name: String,
    /// Bytes written so far, for the note beside the pipe.
    bytes: Arc<AtomicU64>,
}

impl Output {
    /// Returns the program's standard output. If it is a pipe, its capacity is raised if the kernel allows.
    pub fn standard() -> Self {
        widen_pipe(libc::STDOUT_FILENO);
        Output {
            file: borrowed(libc::STDOUT_FILENO),
            name: "standard output".to_owned(),
            bytes: Arc::default(),
        }
    }

    /// Returns an output to a file with this name, which stays open until the program ends. If it is a pipe, its
    /// reader is told how the program ends.
    pub fn file(file: File, name: &str) -> Self {
        let bytes = Arc::default();
        figures::writes(file.as_raw_fd());
        ends::begin_pipe(file.as_raw_fd(), Arc::clone(&bytes));
        Output {
            file: ManuallyDrop::new(file),
            name: format!("'{name}'"),
            bytes,
        }
    }

    /// Checks, as far as possible, that this many bytes can be written.
    ///
    /// # Errors
    /// Those of [`Output::write`].
    pub fn reserve(&mut self, bytes: u32) -> anyhow::Result<()> {
        standard::reserve(self.file.as_raw_fd(), bytes)
            .or_else(|error| self.judge(error).map(|_| ()))
    }

    /// Writes the header immediately, so that the next stage can start.
    ///
    /// # Errors
    /// Those of [`Output::write`].
    pub fn write_header(&mut self, header: &Header, delimiter: u8) -> anyhow::Result<()> {
        let mut line = Vec::new();
        header.write(delimiter, &mut line);
        self.write(&line)?;
        Ok(())
    }

    /// Writes what a stage made of `block`.
    pub fn write_made(&mut self, block: &[u8], made: &mut Made) -> anyhow::Result<Flow> {
        self.write_pieces(&mut made.slices(block))
    }

    /// Writes these bytes.
    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<Flow> {
        self.write_pieces(&mut [IoSlice::new(bytes)])
    }

    fn write_pieces(&mut self, mut pieces: &mut [IoSlice<'_>]) -> anyhow::Result<Flow> {
        // Skips empty pieces first: writing nothing returns 0, which would look like a full disk.
        IoSlice::advance_slices(&mut pieces, 0);
        while !pieces.is_empty() {
            let most = pieces.len().min(1024);
            let file = &mut *self.file;
            let descriptor = file.as_raw_fd();
            let result = stage::timed(&COUNTERS.waited_out, || {
                retried(descriptor, Ready::Write, || {
                    file.write_vectored(&pieces[..most])
                })
            });
            match result {
                Ok(0) => return self.judge(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    self.count(written as u64);
                    IoSlice::advance_slices(&mut pieces, written);
                }
                Err(error) => return self.judge(error),
            }
        }
        Ok(Flow::More)
    }

    fn count(&self, written: u64) {
        match self.file.as_raw_fd() {
            libc::STDOUT_FILENO => stage::add(&COUNTERS.bytes_out, written),
            _ => stage::add(&self.bytes, written),
        }
    }

    fn judge(&self, error: io::Error) -> anyhow::Result<Flow> {
        if error.kind() == io::ErrorKind::BrokenPipe {
            ends::unread(self.file.as_raw_fd());
            return Ok(Flow::Enough);
        }
        Err(anyhow::Error::new(error).context(format!("cannot write to {}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_come_out_in_order() {
        let block: Vec<u8> = (0..20_000).map(|place| b'a' + (place % 26) as u8).collect();
        let mut made = Made::default();
        made.keep(&block, 0..5000);
        made.keep(&block, 5000..6000);
        made.buffer(&block).extend_from_slice(b"NEW");
        made.keep(&block, 7000..7010);
        made.keep(&block, 8000..8010);
        made.buffer(&block).push(b'!');
        let joined: Vec<u8> = made
            .slices(&block)
            .iter()
            .flat_map(|s| s.to_vec())
            .collect();
        let expected = [
            &block[..6000],
            b"NEW",
            &block[7000..7010],
            &block[8000..8010],
            b"!",
        ]
        .concat();
        assert_eq!(joined, expected);
        assert_eq!(made.pieces.len(), 2);
    }
}
