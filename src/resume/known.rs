//! What is stored about a file: which one it is, how far it was read, and what became of it.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::resume::content::{Holds, Prefix, StreamEnds};

/// If a file was modified, what was read is compared as a whole up to this length, in bytes.
const COMPARED: u64 = 16 << 20;

/// One file, and how far it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its absolute path, with links resolved.
    pub path: String,
    /// Its device number.
    pub device: u64,
    /// Its inode number, which another file may reuse when it is gone.
    pub inode: u64,
    /// When it was created, in nanoseconds since 1970, if the file system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub born: Option<i64>,
    /// Its size on disk, in bytes.
    pub size: u64,
    /// When it was last modified, as of the last read, in nanoseconds since 1970.
    pub modified: i64,
    /// Bytes read, after decompression: up to the end of the last whole record.
    pub offset: u64,
    /// Newlines in them.
    pub lines: u64,
    /// Whether it is compressed on disk.
    pub is_compressed: bool,
    /// What is stored about the bytes that were read.
    #[serde(flatten)]
    pub(crate) prefix: Prefix,
    /// Its role in the source.
    #[serde(default, skip_serializing_if = "Standing::is_read")]
    pub standing: Standing,
    /// The log that it was when it was read, by its absolute path; `None` for an older part and for a file of a
    /// set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// Since when it is missing, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gone: Option<i64>,
}

/// The role of a file in the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It is read.
    #[default]
    Read,
    /// It has the content of another one, and is skipped as long as it is not written to.
    Copy,
    /// It is an older part of a log, and existed before the log was read for the first time.
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
    /// Bytes, after decompression.
    pub offset: u64,
    /// Newlines in them.
    pub lines: u64,
}

impl Known {
    /// Describes an open file that is not compressed, with this metadata, read up to `extent`.
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

    /// Describes a compressed file, read up to `extent`; `passed` describes its bytes.
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

    /// Returns the CRC-32 of what was read, if it is known.
    pub fn crc(&self) -> Option<u32> {
        match self.offset {
            0 => Some(0),
            _ => self.prefix.crc,
        }
    }

    /// Returns how far it was read.
    pub fn extent(&self) -> Extent {
        Extent {
            offset: self.offset,
            lines: self.lines,
        }
    }

    /// Returns how the file at `path`, decompressed if it is compressed, relates to what was read. All of it is
    /// compared.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn held_by(&self, path: &Path) -> anyhow::Result<Holds> {
        self.prefix.held_by(path, self.offset, true)
    }

    /// Returns whether an open file, without decompression, still begins with what was read.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn begins(&self, file: &File) -> io::Result<bool> {
        self.prefix
            .begins(file, self.offset, self.offset <= COMPARED)
    }

    /// Returns whether the file itself, which was last modified at `modified` and now has `size` bytes, still
    /// begins with what was read. If it was not modified, or is long and has grown, only the ends are compared.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn is_intact(&self, path: &Path, modified: i64, size: u64) -> anyhow::Result<bool> {
        let was_written = modified != self.modified;
        let may_be_rewritten = self.offset <= COMPARED || size <= self.size;
        let is_thorough = was_written && may_be_rewritten;
        let held = self.prefix.held_by(path, self.offset, is_thorough)?;
        Ok(held != Holds::No)
    }
}

/// Returns when a file was last modified, in nanoseconds since 1970.
pub fn modified(metadata: &Metadata) -> i64 {
    let nanoseconds = metadata.mtime().saturating_mul(1_000_000_000);
    nanoseconds.saturating_add(metadata.mtime_nsec())
}

/// Returns when a file was created, in nanoseconds since 1970, if the file system tells.
pub fn born(metadata: &Metadata) -> Option<i64> {
    let since = metadata.created().ok()?.duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok()
}
