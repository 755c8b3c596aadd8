//! A lock on a file that `flock`, in scripts, neither takes nor waits for.

use std::fs::File;
use std::io;

/// Waits until no other open file holds this lock, and takes it until `file` is closed. The file must
/// be open for writing.
///
/// # Errors
/// The file system has no such locks.
#[cfg(target_os = "linux")]
pub fn wait(file: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    // SAFETY: `flock` is numbers alone, for which zeros are good values: the whole file.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    loop {
        // SAFETY: fcntl reads the lock, which lives until it returns.
        let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLKW, &raw const lock) };
        if result == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// The same where there is one kind of locks.
#[cfg(not(target_os = "linux"))]
pub fn wait(file: &File) -> io::Result<()> {
    file.lock()
}
