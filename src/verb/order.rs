//! Sorts records, or checks that they are sorted.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::bail;

use crate::fold::budget::Budget;
use crate::fold::order::keys::Scratch;
use crate::fold::order::{Ascent, Keys, Portion, Sorter, Wanted};
use crate::record::{Block, Faults, Records};
use crate::stream::{self, Flow, HeldRecords, Input, Parcel, Settings, Sink, Summary};

use super::Streams;

/// Sorts all records and writes those that are wanted. Above `memory` bytes, records are spilled to disk.
///
/// # Errors
/// Those of the input, the output and the disk; or a bad record that the policy does not allow.
pub fn sort(
    keys: Keys,
    wanted: Wanted,
    memory: usize,
    streams: Streams<'_>,
) -> anyhow::Result<Summary> {
    let Streams {
        input,
        header,
        settings,
        output,
    } = streams;
    output.write_header(header, settings.dialect.delimiter)?;
    let budget = Budget {
        memory,
        threads: settings.threads,
    };
    let mut sorter = Sorter::new(wanted, budget);
    let layout = keys.layout(header.len());
    let sorting = Sorting {
        keys,
        most: AtomicU64::new(u64::MAX),
    };
    let deliver = &mut |_: &Block, keyed: &mut Keyed| {
        let most = sorter.take(&mut keyed.0)?;
        sorting.most.store(most, Ordering::Relaxed);
        Ok(Flow::More)
    };
    let (_, mut summary) = stream::sink(input, &layout, settings, &sorting, deliver)?;
    let mut sorted = HeldRecords::new(output);
    sorter.finish(&mut |record| sorted.write(record))?;
    summary.records_out = sorted.finish()?;
    Ok(summary)
}

/// Stores the records of a block with their keys.
struct Sorting {
    keys: Keys,
    /// Records whose key has a larger prefix are not wanted.
    most: AtomicU64,
}

/// Records with their keys.
#[derive(Default)]
struct Keyed(Portion);

impl Parcel for Keyed {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Sorting {
    type Scratch = Scratch;
    type Parcel = Keyed;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        keyed: &mut Keyed,
    ) {
        let most = self.most.load(Ordering::Relaxed);
        let to = (&mut keyed.0, most);
        self.keys.add_records(records, faults, scratch, to);
    }
}

/// Checks that the records of `input`, which have this many columns, are in order; if `strictly`, also that no key
/// occurs twice.
///
/// # Errors
/// The first record that is not in order; those of the input; or a bad record that the policy does not allow.
pub fn check(
    keys: Keys,
    strictly: bool,
    columns: usize,
    input: &mut Input,
    settings: &Settings,
) -> anyhow::Result<Summary> {
    let layout = keys.layout(columns);
    let checking = Checking { keys, strictly };
    let mut whole = Ascent::default();
    let deliver = &mut |block: &Block, ascending: &mut Ascending| match whole
        .join(&mut ascending.0, strictly)
    {
        None => Ok(Flow::More),
        Some(line) => bail!("{}:{line}: the record is not in order", block.place.source),
    };
    let (_, summary) = stream::sink(input, &layout, settings, &checking, deliver)?;
    Ok(summary)
}

/// Checks whether the records of a block are in order.
struct Checking {
    keys: Keys,
    strictly: bool,
}

/// What is known about the order of a block.
#[derive(Default)]
struct Ascending(Ascent);

impl Parcel for Ascending {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Checking {
    type Scratch = Scratch;
    type Parcel = Ascending;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        ascending: &mut Ascending,
    ) {
        let how = (scratch, self.strictly);
        ascending.0.see(&self.keys, records, faults, how);
    }
}
