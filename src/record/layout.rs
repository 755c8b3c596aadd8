//! Which fields of a record an index can find.

use super::scan::Step;

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

/// Which bounds of a record (its beginning, and the end of each field) are written down, where that
/// are not all.
#[derive(Clone, Debug)]
pub(super) struct Picks {
    /// Bounds written down for each record.
    pub(super) stride: usize,
    /// For each bound of a record which of those written down it is; [`Picks::UNKNOWN`] for the
    /// others.
    pub(super) slots: Vec<u32>,
    /// How the bounds are picked out.
    pub(super) steps: Vec<Step>,
    /// The place in `steps` after so many fields behind another: `next[place + fields]`.
    pub(super) next: Vec<u32>,
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

impl Picks {
    /// No slot.
    pub(super) const UNKNOWN: u32 = u32::MAX;

    /// The ends of those fields of a record that are marked.
    fn of(is_kept: &[bool]) -> Self {
        let columns = is_kept.len();
        let mut slots = vec![Self::UNKNOWN; columns + 1];
        let mut stride = 0;
        for (end, _) in is_kept.iter().enumerate().filter(|(_, is_kept)| **is_kept) {
            stride += 1;
            slots[end + 1] = stride;
        }
        if stride > 0 {
            slots[0] = 0;
        }
        let is_last = |end: usize| end % columns == columns - 1;
        let mut behind = Step { kept: 0, last: 0 };
        for bit in 0..64 {
            behind.kept |= u64::from(is_kept[bit % columns]) << bit;
            behind.last |= u64::from(is_last(bit)) << bit;
        }
        let mut steps: Vec<Step> = (0..columns)
            .rev()
            .map(|end| {
                behind = Step {
                    kept: behind.kept << 1 | u64::from(is_kept[end]),
                    last: behind.last << 1 | u64::from(is_last(end)),
                };
                behind
            })
            .collect();
        steps.reverse();
        Picks {
            stride: stride as usize,
            slots,
            steps,
            next: (0..columns + 64)
                .map(|end| (end % columns) as u32)
                .collect(),
        }
    }
}
