//! Data on disk that does not fit into memory: one unnamed file, which disappears with the process, with any number
//! of stretches one after the other. So the number of runs is not limited by file descriptors.

use std::fs::File;
use std::os::unix::fs::FileExt;

use anyhow::Context;

/// Size in bytes of a write or read.
pub const PIECE: usize = 256 << 10;

/// A file that is written at its end.
#[derive(Debug)]
pub struct Spill {
    file: File,
    end: u64,
    waiting: Vec<u8>,
}

/// A part of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    start: u64,
    end: u64,
}

impl Spill {
    /// Creates an empty file in the temporary directory.
    ///
    /// # Errors
    /// No file can be created there.
    pub fn new() -> anyhow::Result<Self> {
        let file = tempfile::tempfile().with_context(place)?;
        Ok(Spill {
            file,
            end: 0,
            waiting: Vec::with_capacity(PIECE),
        })
    }

    /// Opens the same file for reading while this one is written.
    ///
    /// # Errors
    /// There are no more file descriptors.
    pub fn reader(&self) -> anyhow::Result<Spill> {
        let file = self.file.try_clone().with_context(place)?;
        Ok(Spill {
            file,
            end: self.end,
            waiting: Vec::new(),
        })
    }

    /// Returns the offset at which the next stretch begins.
    pub fn start(&self) -> u64 {
        self.end + self.waiting.len() as u64
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// The disk is full or fails.
    #[inline]
    pub fn write(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.waiting.len() + bytes.len() > PIECE {
            self.flush()?;
            if bytes.len() >= PIECE {
                self.file
                    .write_all_at(bytes, self.end)
                    .with_context(place)?;
                self.end += bytes.len() as u64;
                return Ok(());
            }
        }
        self.waiting.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> anyhow::Result<()> {
        let waiting = &mut self.waiting;
        self.file
            .write_all_at(waiting, self.end)
            .with_context(place)?;
        self.end += waiting.len() as u64;
        waiting.clear();
        Ok(())
    }

    /// Ends the stretch that began at `start`.
    ///
    /// # Errors
    /// As [`Spill::write`].
    pub fn finish(&mut self, start: u64) -> anyhow::Result<Stretch> {
        self.flush()?;
        Ok(Stretch {
            start,
            end: self.end,
        })
    }

    /// Reads as much of a stretch as `out` holds, and moves the stretch's start past it. Returns the number of
    /// bytes.
    ///
    /// # Errors
    /// The disk fails.
    pub fn read(&self, stretch: &mut Stretch, out: &mut [u8]) -> anyhow::Result<usize> {
        let left = usize::try_from(stretch.end - stretch.start).unwrap_or(usize::MAX);
        let wanted = left.min(out.len());
        let read = self.file.read_exact_at(&mut out[..wanted], stretch.start);
        read.context("cannot read back what was kept on disk")?;
        stretch.start += wanted as u64;
        Ok(wanted)
    }
}

impl Stretch {
    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

fn place() -> String {
    let directory = std::env::temp_dir();
    format!(
        "cannot keep records in the temporary directory '{}' (set TMPDIR for another, or give more --memory)",
        directory.display()
    )
}
