//! Descriptors that do not block.
//!
//! Standard input and output, and their mode, are shared with whoever started the program: Node and some ssh
//! servers leave them non-blocking. A read or write that would have to wait then returns EAGAIN.

use std::fs::File;
use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};

/// The operation that a descriptor must be ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// Reading: bytes, or the end.
    Read,
    /// Writing.
    Write,
}

impl Ready {
    fn events(self) -> libc::c_short {
        match self {
            Ready::Read => libc::POLLIN,
            Ready::Write => libc::POLLOUT,
        }
    }
}

/// Repeats a call on `descriptor` until it is neither interrupted nor would have to wait.
///
/// # Errors
/// Errors of the call.
pub fn retried<T>(
    descriptor: RawFd,
    ready: Ready,
    mut call: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll(descriptor, ready, -1)?;
            }
            result => return result,
        }
    }
}

/// Writes all of `bytes`, also to a descriptor that does not block.
///
/// # Errors
/// Errors of the write.
pub fn write_all(descriptor: RawFd, mut bytes: &[u8]) -> io::Result<()> {
    // SAFETY: the descriptor is only borrowed: ManuallyDrop never closes it.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
    while !bytes.is_empty() {
        match retried(descriptor, Ready::Write, || file.write(bytes))? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => bytes = &bytes[written..],
        }
    }
    Ok(())
}

/// Whether a short text can be written without waiting.
pub fn has_room(descriptor: RawFd) -> bool {
    poll(descriptor, Ready::Write, 0).is_ok_and(|events| events & libc::POLLOUT != 0)
}

/// Returns the events of a descriptor, waiting at most `milliseconds` for them; -1 for no limit.
fn poll(descriptor: RawFd, ready: Ready, milliseconds: i32) -> io::Result<libc::c_short> {
    let mut asked = libc::pollfd {
        fd: descriptor,
        events: ready.events(),
        revents: 0,
    };
    loop {
        // SAFETY: poll accesses only the one pollfd that it is given.
        match unsafe { libc::poll(&raw mut asked, 1, milliseconds) } {
            -1 => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
            _ => return Ok(asked.revents),
        }
    }
}
