//! The standard descriptors as the program found them.
//!
//! Rust's runtime opens `/dev/null` in the place of a standard descriptor that is closed, so that no file
//! takes its number. What is written to a closed standard output would then be lost without an error.
//! So they are looked at before the runtime starts.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU8, Ordering};

/// Bit `n` is set if descriptor `n` was closed at the start.
static CLOSED: AtomicU8 = AtomicU8::new(0);

/// Has the loader call [`look`] before `main`.
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
    // Read through the table, so that the linker keeps it.
    let _ = std::hint::black_box(&AT_START);
    CLOSED.load(Ordering::Relaxed) >> descriptor & 1 == 1
}
