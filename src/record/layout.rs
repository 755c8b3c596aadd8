//! Which fields of a record an index can find.

use crate::bytes::scan::Picks;

/// Records of more columns are indexed whole: the tables below would leave the cache.
const MOST: usize = 1 << 14;

/// How many columns a record has, and of which of them the index writes down where they stand.
/// What nobody asks for costs little that way, and every record's count of fields is seen all the
/// same.
#[derive(Clone, Debug)]
pub struct Layout {
    columns: usize,
    /// Which of those written down each bound of a record is, where all are.
    slots: Vec<u32>,
    picks: Option<Picks>,
}

impl Layout {
    /// All of `columns` fields.
    pub fn all(columns: usize) -> Self {
        Layout {
            columns,
            slots: (0..=columns as u32).collect(),
            picks: None,
        }
    }

    /// Spans of fields, each from a first to a last column, and where records begin and end.
    pub fn of(columns: usize, wanted: impl IntoIterator<Item = (usize, usize)>) -> Self {
        let mut is_kept = vec![false; columns];
        is_kept[columns - 1] = true;
        for (first, last) in wanted {
            is_kept[last] = true;
            if let Some(before) = first.checked_sub(1) {
                is_kept[before] = true;
            }
        }
        Self::with_ends(&is_kept)
    }

    /// No field: records are only counted. Nothing is known of where they stand.
    pub fn counting(columns: usize) -> Self {
        Self::with_ends(&vec![false; columns])
    }

    /// Writes down the ends of those fields of a record that are marked.
    fn with_ends(is_kept: &[bool]) -> Self {
        let columns = is_kept.len();
        let is_whole = columns > MOST || is_kept.iter().all(|is_kept| *is_kept);
        Layout {
            picks: (!is_whole).then(|| Picks::of(is_kept)),
            ..Self::all(columns)
        }
    }

    /// Fields a record.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// What of a record's bounds is written down, where that are not all.
    pub(super) fn picks(&self) -> Option<&Picks> {
        self.picks.as_ref()
    }

    /// Which of a record's bounds each of its bounds is, where all are written down.
    pub(super) fn slots(&self) -> &[u32] {
        &self.slots
    }
}
