//! Descriptors that are owned elsewhere: they are queried, read and written, but never closed.

use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};

/// Returns a file that does not close its descriptor when dropped. The descriptor must stay open for that long.
pub fn borrowed(descriptor: RawFd) -> ManuallyDrop<File> {
    // SAFETY: the descriptor is only borrowed: ManuallyDrop never closes it. If the number is not open, each call
    // fails with EBADF.
    ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) })
}

/// Requests a pipe of 1 MiB, so that data moves in fewer, larger steps. Has no effect on other files, or if the
/// user lacks permission.
pub fn widen_pipe(descriptor: RawFd) {
    #[cfg(target_os = "linux")]
    // SAFETY: fcntl with an integer argument touches no memory of ours.
    unsafe {
        libc::fcntl(descriptor, libc::F_SETPIPE_SZ, 1 << 20);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = descriptor;
}

/// Waits until at least one of two descriptors is readable or has ended; returns which ones are.
///
/// # Errors
/// Errors of poll(2), including interruptions.
pub fn either(descriptors: [RawFd; 2]) -> io::Result<[bool; 2]> {
    let mut asked = descriptors.map(|fd| libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    });
    // SAFETY: poll accesses only the two pollfds that it is given.
    match unsafe { libc::poll(asked.as_mut_ptr(), 2, -1) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(asked.map(|asked| asked.revents != 0)),
    }
}
