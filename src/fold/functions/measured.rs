//! Estimates the memory of many small things without visiting all of them each time.

use std::cell::Cell;

/// A size, and how much had been added when it was measured.
#[derive(Default)]
pub(super) struct Measured(Cell<(usize, usize)>);

impl Measured {
    /// Returns the size after `added` additions in total. `measure` visits everything, so it is called only if
    /// additions grew by more than a quarter since the last time. In between, each addition counts as eight bytes.
    pub fn bytes(&self, added: usize, measure: impl FnOnce() -> usize) -> usize {
        let (size, before) = self.0.get();
        if added >= before && added - before <= before / 4 {
            return size + (added - before) * 8;
        }
        let size = measure();
        self.0.set((size, added));
        size
    }
}
