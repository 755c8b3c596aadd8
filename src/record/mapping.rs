//! Maps the records of a source with its own header to those of the stream.

use super::Layout;

/// Which field of a source each column of the stream is, if the source's header differs from that of the first one.
#[derive(Clone, Debug)]
pub struct Mapping {
    layout: Layout,
    picks: Vec<Option<usize>>,
}

impl Mapping {
    /// Creates a mapping of records with `columns` fields. A column without a field is null.
    pub fn new(columns: usize, picks: Vec<Option<usize>>) -> Self {
        let wanted = picks.iter().flatten().map(|&pick| (pick, pick));
        Mapping {
            layout: Layout::of(columns, wanted),
            picks,
        }
    }

    /// Returns the layout of the fields that are read.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the field of each column of the stream; `None` if the source lacks it.
    pub fn picks(&self) -> &[Option<usize>] {
        &self.picks
    }
}
