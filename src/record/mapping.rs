//! How the records of a source with a header of its own become those of the stream.

use super::Layout;

/// Which field of a source each column of the stream is, for a source whose header differs from that
/// of the first one.
#[derive(Clone, Debug)]
pub struct Mapping {
    layout: Layout,
    picks: Vec<Option<usize>>,
}

impl Mapping {
    /// Of records of `columns` fields. A column that is none of them is null.
    pub fn new(columns: usize, picks: Vec<Option<usize>>) -> Self {
        let wanted = picks.iter().flatten().map(|&pick| (pick, pick));
        Mapping {
            layout: Layout::of(columns, wanted),
            picks,
        }
    }

    /// The fields that are read.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Of each column of the stream, its field; none if the source does not have it.
    pub fn picks(&self) -> &[Option<usize>] {
        &self.picks
    }
}
