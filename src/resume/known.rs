//! What is known of a file: which one it is, how far it was read, and what became of it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::resume::content::{Holds, Prefix, StreamEnds};

/// Up to this length what was read is compared as a whole, where a file was written since.
const COMPARED: u64 = 16 << 20;

/// One file, and how far it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Where it was, absolute and without links.
    pub path: String,
    /// Its file system.
    pub device: u64,
    /// Its number there, which another file may have when it is gone.
    pub inode: u64,
    /// When it was made, in nanoseconds since 1970, where the file system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<i64>,
    /// Its bytes as they lay there.
    pub size: u64,
    /// When it was last written, as far as it was read, in nanoseconds since 1970.
    pub modified: i64,
    /// Bytes read, decompressed: up to the end of the last whole record.
    pub offset: u64,
    /// Newlines in them.
    pub lines: u64,
    /// Whether it lies there compressed.
    pub is_compressed: bool,
    /// Of the bytes that were read.
    #[serde(flatten)]
    pub(crate) prefix: Prefix,
    /// What it is to the source.
    #[serde(default, skip_serializing_if = "Standing::is_read")]
    pub standing: Standing,
    /// The log that it was when it was read, as the user names it; none of an older part, and of a
    /// file of a set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Since when it is not there, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<i64>,
}

/// What a file is to the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is read.
    #[default]
    Read,
    /// It holds what another one does, and is passed over as long as it is not written to.
    Copy,
    /// It is an older part of a log, and was there before the log was read for the first time.
    Before,
}

impl Standing {
    fn is_read(&self) -> bool {
        *self == Standing::Read
    }
}

/// How far a file was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Extent {
    /// Bytes, decompressed.
    pub offset: u64,
    /// Newlines in them.
    pub lines: u64,
}

impl Known {
    /// A plain file that is open, as it stood at some time, read so far.
    pub fn plain(
        path: &Path,
        file: &File,
        metadata: &Metadata,
        extent: Extent,
        crc: Option<u32>,
    ) -> io::Result<Self> {
        let prefix = Prefix::of(file, extent.offset, crc)?;
        Ok(Self::with(path, metadata, extent, prefix, false))
    }

    /// A compressed file, read so far, with what is kept of the bytes that passed.
    pub fn compressed(
        path: &Path,
        metadata: &Metadata,
        extent: Extent,
        passed: &StreamEnds,
    ) -> Self {
        Self::with(path, metadata, extent, Prefix::passed(passed), true)
    }

    fn with(
        path: &Path,
        metadata: &Metadata,
        extent: Extent,
        prefix: Prefix,
        is_compressed: bool,
    ) -> Self {
        Known {
            path: path.to_string_lossy().into_owned(),
            device: metadata.dev(),
            inode: metadata.ino(),
            born: born(metadata),
            size: metadata.len(),
            modified: modified(metadata),
            offset: extent.offset,
            lines: extent.lines,
            is_compressed,
            prefix,
            standing: Standing::Read,
            log: None,
            gone: None,
        }
    }

    /// The CRC-32 of what was read, where it is known.
    pub fn crc(&self) -> Option<u32> {
        match self.offset {
            0 => Some(0),
            _ => self.prefix.crc,
        }
    }

    /// How far it was read.
    pub fn extent(&self) -> Extent {
        Extent {
            offset: self.offset,
            lines: self.lines,
        }
    }

    /// How the file at `path`, decompressed or not, stands to what was read: all of it is compared.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn held_by(&self, path: &Path) -> anyhow::Result<Holds> {
        self.prefix.held_by(path, self.offset, true)
    }

    /// Whether an open file, as it is, still begins with what was read.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn begins(&self, file: &File) -> io::Result<bool> {
        self.prefix
            .begins(file, self.offset, self.offset <= COMPARED)
    }

    /// Whether the file itself, which was last written at `modified` and has `size` bytes by now, still
    /// begins with what was read. Of a long one that has grown, the ends alone are compared.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn is_intact(&self, path: &Path, modified: i64, size: u64) -> anyhow::Result<bool> {
        let was_written = modified != self.modified;
        let may_be_rewritten = self.offset <= COMPARED || size <= self.size;
        let is_thorough = was_written && may_be_rewritten;
        let held = self.prefix.held_by(path, self.offset, is_thorough)?;
        Ok(held != Holds::No)
    }
}

/// When a file was last written, in nanoseconds since 1970.
pub fn modified(metadata: &Metadata) -> i64 {
    let nanoseconds = metadata.mtime().saturating_mul(1_000_000_000);
    nanoseconds.saturating_add(metadata.mtime_nsec())
}

/// When a file was made, in nanoseconds since 1970, where the file system tells.
pub fn born(metadata: &Metadata) -> Option<i64> {
    let since = metadata.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok()
}
