//! Pipes, identified in the same way from both ends.

use std::fs;
use std::os::fd::RawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::sys::descriptor::borrowed;

/// A pipe, identified as the kernel does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// The name of the directory of its notes.
    pub key: String,
    /// Whether it has a name in the file system, so that it can be used more than once.
    pub is_named: bool,
    /// The earlier of its access and modification times, in seconds and nanoseconds. It is the time of creation
    /// until both ends were used.
    pub(super) born: (i64, i64),
}

impl Pipe {
    /// Returns the pipe of this descriptor; None if it is not a pipe. Only on Linux can the two ends be matched.
    pub fn of(descriptor: RawFd) -> Option<Self> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        let file = borrowed(descriptor);
        let metadata = file.metadata().ok()?;
        if !metadata.file_type().is_fifo() {
            return None;
        }
        let link = fs::read_link(format!("/proc/self/fd/{descriptor}")).ok()?;
        let is_named = !link.to_string_lossy().starts_with("pipe:");
        // Inodes of pipes are reused after a reboot.
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let boot = boot.get(..8)?;
        let (device, inode) = (metadata.dev(), metadata.ino());
        Some(Pipe {
            key: format!("{boot}-{device:x}-{inode:x}"),
            is_named,
            born: (metadata.atime(), metadata.atime_nsec())
                .min((metadata.mtime(), metadata.mtime_nsec())),
        })
    }

    /// Returns its device and inode.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        parts(&self.key).map(|(_, identity)| identity)
    }
}

/// Splits the key of a pipe into boot, device and inode.
pub(super) fn parts(key: &str) -> Option<(&str, (u64, u64))> {
    let (boot, rest) = key.split_once('-')?;
    let (device, inode) = rest.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((boot, (number(device)?, number(inode)?)))
}
