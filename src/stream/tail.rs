//! The end of a source that may grow: an unfinished last unit is left for the next run.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the reader reports when it has reached the end.
#[derive(Debug)]
pub struct Tail {
    /// Whether an unfinished last unit is read as it is.
    takes_all: bool,
    is_over: AtomicBool,
    left: AtomicU64,
    line: AtomicU64,
}

impl Tail {
    /// Creates the tail of a source that was not read yet.
    pub fn new(takes_all: bool) -> Self {
        Tail {
            takes_all,
            is_over: AtomicBool::new(false),
            left: AtomicU64::new(0),
            line: AtomicU64::new(0),
        }
    }

    /// Whether an unfinished last unit is read as it is.
    pub fn takes_all(&self) -> bool {
        self.takes_all
    }

    /// Whether the source was read to its end.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Returns the number of newlines in what is left unread.
    pub fn newlines(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Returns the line on which the unread rest begins.
    pub fn line(&self) -> u64 {
        self.line.load(Ordering::Relaxed)
    }

    /// Reports that the end was reached.
    pub(super) fn end(&self, line: u64, newlines: usize) {
        self.line.store(line, Ordering::Relaxed);
        self.left.store(newlines as u64, Ordering::Relaxed);
        self.is_over.store(true, Ordering::Release);
    }
}
