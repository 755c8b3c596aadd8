//! A pipe, which has the same identity at both of its ends.

use std::fs;
use std::os::fd::RawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use crate::sys::descriptor::borrowed;

/// A pipe, as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// What notes about it are filed under.
    pub key: String,
    /// Whether it has a name in the file system, and so may outlive one use.
    pub is_named: bool,
    /// The earliest of its times, in seconds and nanoseconds: that of its making, until both ends
    /// were used.
    pub(super) born: (i64, i64),
}

impl Pipe {
    /// The pipe that this descriptor is, where it is one. Its two ends are known to be one thing
    /// on Linux alone.
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
        // Numbers of pipes begin anew when the machine does.
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

    /// Its device and its inode.
    pub(super) fn identity(&self) -> Option<(u64, u64)> {
        parts(&self.key).map(|(_, identity)| identity)
    }
}

/// The boot, the device and the inode in the key of a pipe.
pub(super) fn parts(key: &str) -> Option<(&str, (u64, u64))> {
    let (boot, rest) = key.split_once('-')?;
    let (device, inode) = rest.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some((boot, (number(device)?, number(inode)?)))
}
