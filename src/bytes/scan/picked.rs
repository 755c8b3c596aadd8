//! Finds the ends of selected fields, and checks that all records have the expected number of fields.
//!
//! The field ends in 64 bytes are a mask. The wanted ends repeat from record to record, so the mask of which of the
//! next 64 ends are wanted depends only on how many fields of the current record were seen. One instruction (PDEP)
//! spreads that mask over the actual ends. It also yields where records should end, which is compared with the
//! newlines.

use super::fields::{Carry, Chunks, RUN, structure};
use super::{Dialect, Lanes, MaskWork, work};
use crate::bytes::processor::{Features, features, is_pdep_fast};

/// Describes the next 64 field ends, one bit each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PickStep {
    /// Ends whose offsets are kept.
    pub(crate) kept: u64,
    /// Ends of a record's last field.
    pub(crate) last: u64,
}

/// Which bounds of a record (its start, and the end of each field) are kept, if not all are.
#[derive(Clone, Debug)]
pub(crate) struct Picks {
    /// Number of bounds kept for each record.
    pub(crate) stride: usize,
    /// For each bound of a record, its position among the kept ones, or [`Picks::UNKNOWN`].
    pub(crate) slots: Vec<u32>,
    /// For each number of fields already seen of a record, the step to apply.
    pub(crate) steps: Vec<PickStep>,
    /// Index into `steps` after `fields` more ends: `next[place + fields]`.
    pub(crate) next: Vec<u32>,
}

impl Picks {
    /// Slot of a bound that is not kept.
    pub(crate) const UNKNOWN: u32 = u32::MAX;

    /// Selects the ends of the marked fields.
    pub(crate) fn of(is_kept: &[bool]) -> Self {
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
        let mut behind = PickStep { kept: 0, last: 0 };
        for bit in 0..64 {
            behind.kept |= u64::from(is_kept[bit % columns]) << bit;
            behind.last |= u64::from(is_last(bit)) << bit;
        }
        let mut steps: Vec<PickStep> = (0..columns)
            .rev()
            .map(|end| {
                behind = PickStep {
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

/// Result of a scan, apart from the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picked {
    /// Number of newlines outside quotes.
    pub(crate) records: usize,
    /// Whether every record has the expected number of fields; if not, the bounds are meaningless.
    pub(crate) is_regular: bool,
    /// Whether there is a carriage return.
    pub(crate) has_returns: bool,
    /// Offset of the first quote that opens or closes in the middle of a field.
    pub(crate) stray_quote: Option<usize>,
}

/// Whether keeping some bounds of this many bytes is faster than keeping all.
pub(crate) fn picks_fast(bytes: usize) -> bool {
    features(bytes) > Features::Basic && is_pdep_fast()
}

/// Appends to `bounds` the offsets after the selected field ends. `bytes` holds whole records and is shorter than 4
/// GiB.
pub(crate) fn picked_bounds(
    bytes: &[u8],
    dialect: Dialect,
    picks: &Picks,
    bounds: &mut Vec<u32>,
) -> Picked {
    let picking = Picking {
        bytes,
        picks,
        bounds,
    };
    work(picking, dialect, features(bytes.len()))
}

/// The work of [`picked_bounds`].
pub(super) struct Picking<'b> {
    pub(super) bytes: &'b [u8],
    pub(super) picks: &'b Picks,
    pub(super) bounds: &'b mut Vec<u32>,
}

impl MaskWork for Picking<'_> {
    type Found = Picked;

    #[inline(always)]
    fn run<L: Lanes>(self, lanes: L) -> Picked {
        match self.picks.stride {
            0 => scan::<L, false>(lanes, self),
            _ => scan::<L, true>(lanes, self),
        }
    }
}

#[inline(always)]
fn scan<L: Lanes, const WRITES: bool>(lanes: L, picking: Picking<'_>) -> Picked {
    let Picking {
        bytes,
        picks,
        bounds,
    } = picking;
    let chunks = Chunks::of(bytes);
    let head = chunks.head();
    let mut scan = Scan {
        lanes,
        picks,
        carry: Carry::before(head.map_or(!0, |(_, valid)| valid)),
        stray_quote: None,
        base: chunks.base(),
        place: 0,
        records: 0,
        wrong: 0,
        returns: 0,
    };
    bounds.reserve(64);
    if let Some((chunk, valid)) = head {
        scan.chunk::<WRITES>(&chunk, valid, bounds);
    }
    for run in chunks.whole.chunks(RUN) {
        if WRITES {
            bounds.reserve(64 * RUN);
        }
        for chunk in run {
            scan.chunk::<WRITES>(chunk, !0, bounds);
        }
    }
    bounds.reserve(64);
    if let Some((chunk, valid)) = chunks.rest() {
        scan.chunk::<WRITES>(&chunk, valid, bounds);
    }
    Picked {
        records: scan.records,
        is_regular: scan.wrong == 0 && scan.place == 0,
        has_returns: scan.returns != 0,
        stray_quote: scan.stray_quote,
    }
}

/// State carried from chunk to chunk.
struct Scan<'l, L> {
    lanes: L,
    picks: &'l Picks,
    carry: Carry,
    stray_quote: Option<usize>,
    base: u32,
    /// Number of fields of the current record seen so far.
    place: usize,
    records: usize,
    /// Newlines that do not end a last field, and last fields that do not end in a newline.
    wrong: u64,
    returns: u64,
}

impl<L: Lanes> Scan<'_, L> {
    #[inline(always)]
    fn chunk<const WRITES: bool>(&mut self, chunk: &[u8; 64], valid: u64, bounds: &mut Vec<u32>) {
        let lanes = self.lanes;
        let masks = lanes.masks(chunk).within(valid);
        let stray = &mut self.stray_quote;
        let ends = structure(lanes, masks, valid, &mut self.carry, self.base, stray);
        // SAFETY: `place` is below the number of columns, and `steps` has one entry per column.
        let step = unsafe { *self.picks.steps.get_unchecked(self.place) };
        let newlines = ends & masks.newlines;
        self.wrong |= lanes.deposit(step.last, ends) ^ newlines;
        self.returns |= masks.returns;
        self.records += newlines.count_ones() as usize;
        let behind = self.place + ends.count_ones() as usize;
        // SAFETY: `next` has 64 entries more than there are columns, and `place` was below the number of columns.
        self.place = unsafe { *self.picks.next.get_unchecked(behind) as usize };
        if WRITES {
            lanes.push_bounds::<4>(lanes.deposit(step.kept, ends), self.base, bounds);
        }
        self.base = self.base.wrapping_add(64);
    }
}
