//! The end of a source that may grow: a last unit that is not finished is left for another time.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What its reader says when it has come to the end.
#[derive(Debug)]
pub struct Tail {
    /// Whether an unfinished last unit is taken as it stands.
    takes_all: bool,
    is_over: AtomicBool,
    left: AtomicU64,
    line: AtomicU64,
}

impl Tail {
    /// Of a source that is yet to be read.
    pub fn new(takes_all: bool) -> Self {
        Tail {
            takes_all,
            is_over: AtomicBool::new(false),
            left: AtomicU64::new(0),
            line: AtomicU64::new(0),
        }
    }

    /// Whether an unfinished last unit is taken as it stands.
    pub fn takes_all(&self) -> bool {
        self.takes_all
    }

    /// Whether the source was read to its end.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// How many newlines stand in what is left.
    pub fn newlines(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// The line on which what is left begins.
    pub fn line(&self) -> u64 {
        self.line.load(Ordering::Relaxed)
    }

    /// Says so.
    pub(super) fn end(&self, line: u64, newlines: usize) {
        self.line.store(line, Ordering::Relaxed);
        self.left.store(newlines as u64, Ordering::Relaxed);
        self.is_over.store(true, Ordering::Release);
    }
}
