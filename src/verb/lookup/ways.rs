//! The three ways to join: with a table in memory, with one that has many rows per key, and on disk.

use std::ops::Range;

use crate::fold::lookup::{Matching, Rows, Scale, Scratch, Sorted, Unmatched};
use crate::fold::order::Portion;
use crate::record::{Block, Faults, Records};
use crate::stream::{
    self, Flow, HeldRecords, Input, Made, Output, Parcel, Settings, Sink, Summary,
};
use crate::trust::stage::{self, COUNTERS};

use super::{How, Join};

/// Joins records with a table in memory.
pub(super) struct Joining<'j> {
    pub(super) join: &'j Join,
    pub(super) rows: Box<Rows>,
    pub(super) scale: Option<Scale>,
}

impl Sink for Joining<'_> {
    type Scratch = Matching;
    type Parcel = Made;

    fn scratch(&self) -> Matching {
        Matching::default()
    }

    fn records(
        &self,
        matching: &mut Matching,
        records: &Records<'_>,
        faults: &mut Faults,
        made: &mut Made,
    ) {
        let Joining { join, rows, scale } = self;
        let (mut unmatched, mut added) = (Unmatched::default(), 0);
        let each = |record: u32, row: Option<u32>| {
            if row.is_none() {
                unmatched.add(record);
            }
            let record = record as usize;
            match (join.how, row) {
                (How::Semi, Some(_)) | (How::Anti, None) => made.keep_record(records, record),
                (How::Semi, None) | (How::Anti, Some(_)) | (How::Inner, None) => {}
                (How::Left | How::Inner, row) => {
                    let out = made.buffer(records.bytes());
                    let raw = records.raw(record);
                    added += 1;
                    let Some(mut row) = row else {
                        out.extend_from_slice(raw);
                        out.extend_from_slice(&join.blank);
                        return true;
                    };
                    loop {
                        out.extend_from_slice(raw);
                        join.write_row(Some(rows.fields(row)), out);
                        out.push(b'\n');
                        let Some(next) = rows.next(row) else {
                            return !made.is_large();
                        };
                        (row, added) = (next, added + 1);
                    }
                }
            }
            true
        };
        rows.matches((&join.on, *scale), records, faults, matching, each);
        made.records += added;
        join.note_unmatched(rows, records, &unmatched);
    }
}

/// Finds the rows of each record, and joins the records one by one on delivery: the joined records of a whole block
/// may not fit in memory if each has many rows.
pub(super) struct Matched<'j> {
    pub(super) join: &'j Join,
    pub(super) rows: Box<Rows>,
    pub(super) scale: Option<Scale>,
}

/// If no key has more rows than this, whole blocks are joined at once.
pub(super) const MANY: u32 = 16;

/// A buffer of joined records is written at this size.
const FULL: usize = 256 * 1024;

impl Matched<'_> {
    pub(super) fn join(
        &self,
        input: &mut Input,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        let Matched { join, rows, .. } = self;
        let layout = join.on.layout(join.columns);
        let (mut out, mut written) = (Vec::with_capacity(FULL), 0);
        let mut write = |out: &mut Vec<u8>, records: &mut u64| {
            let flow = output.write(out)?;
            stage::add(&COUNTERS.records_out, *records);
            (written, *records) = (written + *records, 0);
            out.clear();
            anyhow::Ok(flow)
        };
        let deliver = &mut |block: &Block, pairs: &mut Pairs| {
            let mut waiting = 0;
            for (range, first) in pairs.0.drain(..) {
                let (record, mut row) = (&block.bytes[range], first);
                loop {
                    out.extend_from_slice(record);
                    join.write_row(row.map(|row| rows.fields(row)), &mut out);
                    out.push(b'\n');
                    waiting += 1;
                    if out.len() >= FULL && write(&mut out, &mut waiting)? == Flow::Enough {
                        return Ok(Flow::Enough);
                    }
                    row = row.and_then(|row| rows.next(row));
                    if row.is_none() {
                        break;
                    }
                }
            }
            match out.is_empty() {
                true => Ok(Flow::More),
                false => write(&mut out, &mut waiting),
            }
        };
        let (_, mut summary) = stream::sink(input, &layout, settings, self, deliver)?;
        summary.records_out = written;
        Ok(summary)
    }
}

/// The records of a block that are joined, without their line ends, each with its first row.
#[derive(Default)]
pub(super) struct Pairs(Vec<(Range<usize>, Option<u32>)>);

impl Parcel for Pairs {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Matched<'_> {
    type Scratch = Matching;
    type Parcel = Pairs;

    fn scratch(&self) -> Matching {
        Matching::default()
    }

    fn records(
        &self,
        matching: &mut Matching,
        records: &Records<'_>,
        faults: &mut Faults,
        pairs: &mut Pairs,
    ) {
        let Matched { join, rows, scale } = self;
        let mut unmatched = Unmatched::default();
        let each = |record: u32, row: Option<u32>| {
            if row.is_none() {
                unmatched.add(record);
            }
            if row.is_some() || join.how == How::Left {
                let range = records.range(record as usize);
                let len = records.raw(record as usize).len();
                pairs.0.push((range.start..range.start + len, row));
            }
            true
        };
        rows.matches((&join.on, *scale), records, faults, matching, each);
        join.note_unmatched(rows, records, &unmatched);
    }
}

/// Stores records with their keys for a join on disk.
pub(super) struct Gathering<'j> {
    pub(super) join: &'j Join,
    pub(super) scale: Option<Scale>,
}

impl Gathering<'_> {
    /// Joins all records with the table of this name.
    pub(super) fn join(
        &self,
        mut sorted: Sorted,
        name: &str,
        input: &mut Input,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        let join = self.join;
        let layout = join.on.layout(join.columns);
        let deliver = &mut |_: &Block, gathered: &mut Gathered| {
            sorted.take(&mut gathered.0)?;
            Ok(Flow::More)
        };
        let (_, mut summary) = stream::sink(input, &layout, settings, self, deliver)?;
        let mut joined = HeldRecords::new(output);
        let mut last = None;
        let write = &mut |record: &[u8], row: Option<&[u8]>, number: u64, out: &mut Vec<u8>| {
            let is_first = last.replace(number) != Some(number);
            join.write(record, row, is_first, out)
        };
        sorted
            .finish(write, &mut |record| joined.write(record))
            .map_err(|error| join.told(error, name))?;
        summary.records_out = joined.finish()?;
        Ok(summary)
    }
}

/// Records with their keys.
#[derive(Default)]
pub(super) struct Gathered(Portion);

impl Parcel for Gathered {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Gathering<'_> {
    type Scratch = Scratch;
    type Parcel = Gathered;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        gathered: &mut Gathered,
    ) {
        let on = (&self.join.on, self.scale);
        Sorted::add_records(on, records, faults, (scratch, &mut gathered.0));
    }
}
