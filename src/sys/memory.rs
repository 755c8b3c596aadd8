//! Running out of memory.
//!
//! Rust ends a program whose allocation fails with a signal and a message about a backtrace. The size of
//! most allocations comes from the input (a record, a field, a group), so this is an error like any other:
//! one line, exit 1. Only the allocator sees the allocations of all libraries.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::ready;

/// The system's allocator; a failure ends the program with one line and exit 1.
struct Reporting;

#[global_allocator]
static ALLOCATOR: Reporting = Reporting;

/// Called with the message before the program ends. It must not wait for a lock.
pub type Last = fn(message: &str);

/// The program's name, and what to do before it ends.
static PROGRAM: OnceLock<(String, Last)> = OnceLock::new();

/// The thread that is ending the program; 0 for none.
static ENDING: AtomicUsize = AtomicUsize::new(0);

/// Reports failed allocations as errors of `program`, and calls `last` before the program ends.
pub fn report_as(program: &str, last: Last) {
    let _ = PROGRAM.set((program.to_owned(), last));
}

// SAFETY: every call is passed on to the system's allocator unchanged; a null pointer is never returned.
unsafe impl GlobalAlloc for Reporting {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator.
        checked(unsafe { System.alloc(layout) }, layout.size())
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator.
        checked(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    #[inline]
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promises are those of the system's allocator.
        checked(unsafe { System.realloc(memory, layout, size) }, size)
    }

    #[inline]
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[inline(always)]
fn checked(memory: *mut u8, size: usize) -> *mut u8 {
    match memory.is_null() {
        true => end(size),
        false => memory,
    }
}

/// Reports that memory has run out, and ends the program. The failed allocation is usually a large one, and small
/// ones still succeed; if one of those fails in the meantime, the program ends at once.
#[cold]
#[inline(never)]
fn end(size: usize) -> ! {
    // SAFETY: pthread_self takes nothing, touches no memory and cannot fail.
    let own = unsafe { libc::pthread_self() } as usize;
    match ENDING.compare_exchange(0, own, Ordering::AcqRel, Ordering::Acquire) {
        Err(thread) if thread == own => exit(),
        // Another thread is ending the program.
        Err(_) => loop {
            // SAFETY: pause touches no memory.
            unsafe { libc::pause() };
        },
        Ok(_) => {}
    }
    let mut text = [0; 256];
    let program = PROGRAM.get();
    let name = program.map_or("pipewright", |(name, _)| name);
    let mut rest = &mut text[..];
    // A text that does not fit is cut.
    let _ = write!(rest, "{name}: ");
    let start = 256 - rest.len();
    let _ = write!(rest, "out of memory: {size} more bytes could not be had");
    let end = 256 - rest.len();
    let mut line = [b'\n'; 256];
    line[..end].copy_from_slice(&text[..end]);
    let _ = ready::write_all(libc::STDERR_FILENO, &line[..(end + 1).min(256)]);
    if let Some((_, last)) = program {
        last(std::str::from_utf8(&text[start..end]).unwrap_or("out of memory"));
    }
    exit()
}

/// Ends at once, because exit handlers could allocate memory again.
fn exit() -> ! {
    // SAFETY: _exit takes a number and does not return.
    unsafe { libc::_exit(1) }
}
