//! A pipe, which has the same identity at both of its ends.

use std::fs::{self, File};
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};

/// A pipe, as the kernel knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pipe {
    /// What notes about it are filed under.
    pub key: String,
    /// Whether it has a name in the file system, and so may outlive one use.
    pub is_named: bool,
}

impl Pipe {
    /// The pipe that this descriptor is, where it is one. Its two ends are known to be one thing
    /// on Linux alone.
    pub fn of(descriptor: RawFd) -> Option<Self> {
        if !cfg!(target_os = "linux") {
            return None;
        }
        // SAFETY: the descriptor is only looked at: ManuallyDrop never closes it.
        let file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
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
        })
    }
}
