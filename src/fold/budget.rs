//! The memory that a fold may take, and how it is divided.

/// An amount of memory, and the threads that share it.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes of memory.
    pub memory: usize,
    /// Number of working threads, at least 1.
    pub threads: usize,
}

impl Budget {
    /// Returns one of `parts` equal parts, for something that all threads use.
    #[must_use]
    pub fn part(self, parts: usize) -> Self {
        Budget {
            memory: self.memory / parts,
            ..self
        }
    }

    /// Returns the bytes that each thread may take.
    pub fn per_thread(self) -> usize {
        self.memory / self.threads
    }
}
