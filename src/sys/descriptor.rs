//! Descriptors that belong to somebody else: they are looked at, read and written, and stay open.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};

/// A file on a descriptor that is not closed when the file is dropped. It must stay open for as long.
pub fn borrowed(descriptor: RawFd) -> ManuallyDrop<File> {
    // SAFETY: the descriptor is only borrowed: ManuallyDrop never closes it. A number that is not open
    // makes each call fail with EBADF.
    ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) })
}

/// Asks for a pipe of 1 MiB: fewer, larger hand-overs. Where it is no pipe, or the user may not,
/// nothing changes.
pub fn widen_pipe(descriptor: RawFd) {
    #[cfg(target_os = "linux")]
    // SAFETY: fcntl with an integer argument touches no memory of ours.
    unsafe {
        libc::fcntl(descriptor, libc::F_SETPIPE_SZ, 1 << 20);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = descriptor;
}

/// Waits for either of two descriptors: which can be read, or have ended.
///
/// # Errors
/// Those of poll(2), an interruption among them.
pub fn either(descriptors: [RawFd; 2]) -> io::Result<[bool; 2]> {
    let mut asked = descriptors.map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: poll looks at the two pollfds that it is given.
    match unsafe { libc::poll(asked.as_mut_ptr(), 2, -1) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(asked.map(|asked| asked.revents != 0)),
    }
}
