//! Where some fields end, and whether all records have as many as they should.
//!
//! The ends of fields in 64 bytes are a mask. The ends that are wanted repeat from record to record,
//! so that a mask of *which* of the next 64 ends are wanted depends on nothing but how many fields
//! of the record have gone by; one instruction (PDEP) spreads it over the ends that there are. The
//! same instruction says where records should end, which is held against the newlines.

use super::fields::{Carry, Chunks, RUN, structure};
use super::{Dialect, Lanes, MaskWork, work};
use crate::bytes::processor::{Features, features, is_pdep_fast};

/// What the next 64 ends of fields are, by bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PickStep {
    /// Those that are written down.
    pub(crate) kept: u64,
    /// Those of a record's last field.
    pub(crate) last: u64,
}

/// Which bounds of a record (its beginning, and the end of each field) are written down, where that
/// are not all.
#[derive(Clone, Debug)]
pub(crate) struct Picks {
    /// Bounds written down for each record.
    pub(crate) stride: usize,
    /// For each bound of a record which of those written down it is; [`Picks::UNKNOWN`] for the
    /// others.
    pub(crate) slots: Vec<u32>,
    /// How the bounds are picked out.
    pub(crate) steps: Vec<PickStep>,
    /// The place in `steps` after so many fields behind another: `next[place + fields]`.
    pub(crate) next: Vec<u32>,
}

impl Picks {
    /// No slot.
    pub(crate) const UNKNOWN: u32 = u32::MAX;

    /// The ends of those fields of a record that are marked.
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

/// What a scan found, beside the bounds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picked {
    /// Newlines outside quotes.
    pub(crate) records: usize,
    /// Whether all records have the fields that they should; else the bounds mean nothing.
    pub(crate) is_regular: bool,
    /// Whether there is a carriage return.
    pub(crate) has_returns: bool,
    /// Offset of the first quote that opens or closes in the middle of a field.
    pub(crate) stray_quote: Option<usize>,
}

/// Whether picking out of so many bytes is faster than writing down all.
pub(crate) fn picks_fast(bytes: usize) -> bool {
    features(bytes) > Features::Basic && is_pdep_fast()
}

/// Appends to `bounds` the ends that are to be picked, as offsets after them. `bytes` holds whole
/// records and is shorter than 4 GiB.
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

/// What is carried from chunk to chunk.
struct Scan<'l, L> {
    lanes: L,
    picks: &'l Picks,
    carry: Carry,
    stray_quote: Option<usize>,
    base: u32,
    /// How many fields of the record have gone by.
    place: usize,
    records: usize,
    /// Newlines that end no last field, and last fields that end in none.
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
        // SAFETY: places are below the number of columns, for each of which there is a step.
        let step = unsafe { *self.picks.steps.get_unchecked(self.place) };
        let newlines = ends & masks.newlines;
        self.wrong |= lanes.deposit(step.last, ends) ^ newlines;
        self.returns |= masks.returns;
        self.records += newlines.count_ones() as usize;
        let behind = self.place + ends.count_ones() as usize;
        // SAFETY: the table goes 64 past the number of columns, which the place is below.
        self.place = unsafe { *self.picks.next.get_unchecked(behind) as usize };
        if WRITES {
            lanes.push_bounds::<4>(lanes.deposit(step.kept, ends), self.base, bounds);
        }
        self.base = self.base.wrapping_add(64);
    }
}
