//! Keeps one record per key.

use crate::fold::budget::Budget;
use crate::fold::dedupe::{Deduper, Keyed};
use crate::fold::order::keys::Scratch;
use crate::fold::order::{Keys, OfEqual};
use crate::record::{Block, Faults, Records};
use crate::stream::{self, HeldRecords, Made, Parcel, Sink, Summary};
use crate::trust::stage::{self, COUNTERS};

use super::Streams;

/// Writes one record per key: the first, as soon as it arrives, or the last, at the end. Keys that exceed `memory`
/// bytes are spilled to disk.
///
/// # Errors
/// Those of the input, the output and the disk; or a bad record that the policy does not allow.
pub fn dedupe(
    keys: Keys,
    of_equal: OfEqual,
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
    let mut deduper = Deduper::new(of_equal, budget);
    let (mut made, mut kept) = (Made::default(), 0);
    let layout = keys.layout(header.len());
    let mut deliver = |block: &Block, keyed: &mut Judged| {
        made.clear();
        deduper.take(&keyed.0, &block.bytes, |range| {
            made.keep_line(&block.bytes, range);
        })?;
        kept += made.records;
        stage::add(&COUNTERS.records_out, made.records);
        output.write_made(&block.bytes, &mut made)
    };
    let keying = Keying(keys);
    let (_, mut summary) = stream::sink(input, &layout, settings, &keying, &mut deliver)?;
    let mut late = HeldRecords::new(output);
    deduper.finish(&mut |record| late.write(record))?;
    summary.records_out = kept + late.finish()?;
    Ok(summary)
}

/// Finds the keys of a block's records.
struct Keying(Keys);

#[derive(Default)]
struct Judged(Keyed);

impl Parcel for Judged {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Keying {
    type Scratch = Scratch;
    type Parcel = Judged;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        keyed: &mut Judged,
    ) {
        keyed.0.add_records(&self.0, records, faults, scratch);
    }
}
