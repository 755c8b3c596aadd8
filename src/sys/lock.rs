//! A lock on a file that is independent of `flock` in scripts.

use std::fs::File;
use std::io;

/// Waits until no other open file holds this lock, and holds it until `file` is closed. The file must be open for
/// writing.
///
/// # Errors
/// The file system does not support such locks.
#[cfg(target_os = "linux")]
pub fn wait(file: &File) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    // SAFETY: `flock` consists only of numbers, for which zeros are valid: the whole file.
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

/// Uses the only kind of lock on other systems.
#[cfg(not(target_os = "linux"))]
pub fn wait(file: &File) -> io::Result<()> {
    file.lock()
}
