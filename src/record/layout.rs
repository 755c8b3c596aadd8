//! Which fields of a record an index can find.

use crate::bytes::scan::Picks;

/// Records with more columns are indexed completely: the tables of the picks would not fit into the cache.
const MOST: usize = 1 << 14;

/// The number of columns, and the columns whose positions the index stores. Other fields cost little, and the
/// number of fields of every record is still checked.
#[derive(Clone, Debug)]
pub struct Layout {
    columns: usize,
    /// For each bound of a record, its position among the stored ones, if all are stored.
    slots: Vec<u32>,
    picks: Option<Picks>,
}

impl Layout {
    /// Stores the positions of all fields.
    pub fn all(columns: usize) -> Self {
        Layout {
            columns,
            slots: (0..=columns as u32).collect(),
            picks: None,
        }
    }

    /// Stores the positions of these spans of fields, each from a first to a last column, and of the records.
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

    /// Stores no positions: records are only counted, and it is not known where they are.
    pub fn counting(columns: usize) -> Self {
        Self::with_ends(&vec![false; columns])
    }

    /// Stores the ends of the marked fields of a record.
    fn with_ends(is_kept: &[bool]) -> Self {
        let columns = is_kept.len();
        let is_whole = columns > MOST || is_kept.iter().all(|is_kept| *is_kept);
        Layout {
            picks: (!is_whole).then(|| Picks::of(is_kept)),
            ..Self::all(columns)
        }
    }

    /// Returns the number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Returns which of a record's bounds are stored, if not all are.
    pub(super) fn picks(&self) -> Option<&Picks> {
        self.picks.as_ref()
    }

    /// Returns the position of each bound of a record among the stored ones, if all are stored.
    pub(super) fn slots(&self) -> &[u32] {
        &self.slots
    }
}
