//! Where records go: pieces of the input block and bytes that were made, written together.

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

/// Kept runs shorter than this are copied: a piece of its own costs the kernel more.
const SHORT: usize = 4096;

/// What a stage made of one block: runs of the block that stay as they are, and new bytes.
#[derive(Debug, Default)]
pub struct Made {
    /// New bytes, and behind them `surplus` that are left of the blocks before.
    bytes: Vec<u8>,
    surplus: usize,
    pieces: Vec<Slice>,
    /// Made bytes before this are in `pieces`.
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
    /// Empties it, keeping its memory.
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

    /// What goes to the second output, where there is one.
    pub fn aside(&mut self) -> &mut Made {
        self.aside.get_or_insert_default()
    }

    /// Passes on `range` of the block as it stands. Ranges that touch become one.
    #[inline]
    pub fn keep(&mut self, block: &[u8], range: Range<usize>) {
        if range.start == self.kept.end && !self.kept.is_empty() {
            self.kept.end = range.end;
            return;
        }
        self.end_kept(block);
        self.kept = range;
    }

    /// Passes on a record that stands in `range` of the block, line end and all; the line end
    /// becomes LF.
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

    /// Passes on a record as it stands, but for its line end, which is LF.
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

    /// The buffer for new bytes, which come after all that was kept so far.
    #[inline]
    pub fn buffer(&mut self, block: &[u8]) -> &mut Vec<u8> {
        self.end_kept(block);
        self.bytes.truncate(self.filled());
        self.surplus = 0;
        &mut self.bytes
    }

    /// Room for about `guess` new bytes, which come after all that was kept so far.
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

    /// Whether so much is made that it should be written before more is.
    pub fn is_large(&self) -> bool {
        /// More than what the usual stage makes of the longest usual block.
        const LARGE: usize = 8 << 20;
        self.filled() > LARGE
    }

    /// How many new bytes there are.
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

    /// Closes the list of pieces; `block` is what the kept ranges speak of.
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

/// Whether a writer may go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// More is wanted.
    More,
    /// The reader has gone (`| head`): end quietly.
    Enough,
}

/// Standard output or a file, unbuffered: blocks are large already, and a record that waits in a
/// buffer is late.
pub struct Output {
    file: ManuallyDrop<File>,
    name: String,
    /// Bytes written so far, for the note beside a pipe.
    bytes: Arc<AtomicU64>,
}

impl Output {
    /// The program's standard output. Its pipe is made larger where the kernel allows.
    pub fn standard() -> Self {
        widen_pipe(libc::STDOUT_FILENO);
        Output {
            file: borrowed(libc::STDOUT_FILENO),
            name: "standard output".to_owned(),
            bytes: Arc::default(),
        }
    }

    /// A file of this name, which stays open until the program ends. A pipe's reader is told how.
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

    /// Checks, as far as possible, that so many bytes can be written.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn reserve(&mut self, bytes: u32) -> anyhow::Result<()> {
        standard::reserve(self.file.as_raw_fd(), bytes)
            .or_else(|error| self.judge(error).map(|_| ()))
    }

    /// Writes the header at once, so that the next stage can begin.
    ///
    /// # Errors
    /// As [`Output::write`].
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
        // Empty ones first: a write of nothing is no sign of a full disk.
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
