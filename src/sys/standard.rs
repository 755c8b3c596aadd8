//! The standard descriptors: as the program found them, and whether they can be written.
//!
//! Rust's runtime opens `/dev/null` in place of a closed standard descriptor, so that no file gets its number.
//! Output to a closed standard output would then be lost without an error. So the descriptors are checked before
//! the runtime starts.

use std::fs::File;
use std::io::{self, Seek};
use std::mem::ManuallyDrop;
use std::os::fd::{FromRawFd, RawFd};
use std::sync::atomic::{AtomicU8, Ordering};

/// Bit `n` is set if descriptor `n` was closed at the start.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Makes the loader call [`look`] before `main`.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".init_array"))]
#[cfg_attr(
    target_vendor = "apple",
    unsafe(link_section = "__DATA,__mod_init_func")
)]
static AT_START: extern "C" fn() = look;

extern "C" fn look() {
    for descriptor in 0..3 {
        // SAFETY: fcntl with F_GETFD touches no memory and changes nothing.
        if unsafe { libc::fcntl(descriptor, libc::F_GETFD) } == -1 {
            CLOSED.fetch_or(1 << descriptor, Ordering::Relaxed);
        }
    }
}

/// Whether this standard descriptor (0, 1 or 2) was closed when the program started.
pub fn was_closed(descriptor: RawFd) -> bool {
    // Read through the static, so that the linker keeps it.
    let _ = std::hint::black_box(&AT_START);
    CLOSED.load(Ordering::Relaxed) >> descriptor & 1 == 1
}

/// Checks, as far as possible, that `bytes` bytes can be written to a descriptor: that it is open for writing, and
/// that the disk has room, which is reserved without changing the file's size.
///
/// # Errors
/// The errors that the write would have.
pub fn reserve(descriptor: RawFd, bytes: u32) -> io::Result<()> {
    // An empty write is checked like any other, also by devices such as /dev/full.
    // SAFETY: no bytes are read from the address.
    if unsafe { libc::write(descriptor, [0u8; 0].as_ptr().cast(), 0) } == -1 {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(error);
        }
    }
    // SAFETY: the descriptor is only borrowed: ManuallyDrop never closes it.
    let mut file = ManuallyDrop::new(unsafe { File::from_raw_fd(descriptor) });
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(());
    }
    // SAFETY: fcntl with F_GETFL touches no memory and changes nothing.
    let flags = unsafe { libc::fcntl(descriptor, libc::F_GETFL) };
    let start = match flags & libc::O_APPEND {
        0 => file.stream_position()?,
        _ => metadata.len(),
    };
    reserve_in_file(descriptor, start, bytes)
}

#[cfg(target_os = "linux")]
fn reserve_in_file(descriptor: RawFd, start: u64, bytes: u32) -> io::Result<()> {
    let start = i64::try_from(start).unwrap_or(i64::MAX);
    // SAFETY: fallocate takes numbers and touches no memory.
    let done =
        unsafe { libc::fallocate(descriptor, libc::FALLOC_FL_KEEP_SIZE, start, bytes.into()) };
    match (done, io::Error::last_os_error()) {
        (-1, error) if error.raw_os_error() == Some(libc::ENOSPC) => Err(error),
        // Not every file system supports this; then the write itself reports the error.
        _ => Ok(()),
    }
}

#[cfg(not(target_os = "linux"))]
fn reserve_in_file(_: RawFd, _: u64, _: u32) -> io::Result<()> {
    Ok(())
}
