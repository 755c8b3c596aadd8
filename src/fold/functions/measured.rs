//! How much memory many small things take, without looking at all of them each time.

use std::cell::Cell;

/// A size that was found out when so much had been added.
#[derive(Default)]
pub(super) struct Measured(Cell<(usize, usize)>);

impl Measured {
    /// The size now that so much was added; `measure` looks at all, which is done when what was added
    /// has become more by a quarter. In between each addition is taken for eight bytes.
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
