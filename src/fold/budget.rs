//! How much memory a fold may take, and how it is divided.

/// Memory and the threads that share it.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Bytes of memory.
    pub memory: usize,
    /// Threads that work, from 1.
    pub threads: usize,
}

impl Budget {
    /// One of so many equal parts, for something that all threads use.
    #[must_use]
    pub fn part(self, parts: usize) -> Self {
        Budget {
            memory: self.memory / parts,
            ..self
        }
    }

    /// The bytes that each thread may take.
    pub fn per_thread(self) -> usize {
        self.memory / self.threads
    }
}
