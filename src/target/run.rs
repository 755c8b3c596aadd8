//! The run of a load: header, types where they are wanted, records, commit.

use crate::record::{Fault, Faults, Header, Layout, Records};
use crate::stream::{self, Flow, Input, Settings, Sink, Summary};
use crate::trust::{Policy, stage};

use super::places::Places;
use super::spool::Spool;
use super::types::{self, Found, Seen};
use super::{Claim, Committed, Encoder, LastStep, Parcel, Receipt, Refused, Target};

/// Loads all of `input` into `target`, with the checkpoint that `claim` says. `watch` is told now
/// and then how many records have come. `last` is called when only the commit is left, and
/// nothing is committed if it fails.
pub fn load(
    input: &mut Input,
    settings: &Settings,
    mut target: Box<dyn Target>,
    claim: Claim<'_>,
    watch: &mut (dyn FnMut(u64) + Send),
    last: &mut LastStep<'_>,
) -> anyhow::Result<(Receipt, Summary)> {
    let header = input.header()?;
    let mut run = Run {
        settings,
        watch,
        places: Places::default(),
    };
    let outcome = run
        .records(input, &header, &mut *target)
        .and_then(|summary| {
            let checkpoint = claim.take(stage::carried().checkpoints)?;
            Ok((target.commit(checkpoint.as_ref(), last)?, summary))
        });
    let (committed, summary) = outcome.map_err(|error| run.placed(error))?;
    Ok((receipt(committed, &summary), summary))
}

fn receipt(committed: Committed, summary: &Summary) -> Receipt {
    Receipt {
        target: committed.target,
        table: committed.table,
        mode: committed.mode.map_or("", super::Mode::word),
        records: summary.records_in,
        inserted: committed.inserted,
        updated: committed.updated,
        rejected: summary.rejected,
        rejected_upstream: stage::carried().rejected,
    }
}

struct Run<'r> {
    settings: &'r Settings,
    watch: &'r mut (dyn FnMut(u64) + Send),
    places: Places,
}

impl Run<'_> {
    /// Everything before the commit.
    fn records(
        &mut self,
        input: &mut Input,
        header: &Header,
        target: &mut dyn Target,
    ) -> anyhow::Result<Summary> {
        if !target.meet(header)? {
            let ready = target.begin(None)?;
            let encoding = Encoding {
                encoder: &*ready.encoder,
                wants_lines: true,
            };
            let mut summary = self.send(input, header, target, &encoding)?;
            ready
                .notices
                .into_iter()
                .for_each(|notice| summary.add_notice(notice));
            return Ok(summary);
        }
        let (found, spool, mut summary) = self.keep(input, header)?;
        stage::enter("writing");
        let ready = target.begin(Some(&found))?;
        // Where they stood is known already.
        let encoding = Encoding {
            encoder: &*ready.encoder,
            wants_lines: false,
        };
        let again = Run {
            settings: &Settings {
                policy: Policy::default(),
                ..self.settings.clone()
            },
            watch: &mut *self.watch,
            places: Places::default(),
        }
        .send(&mut spool.into_input()?, header, target, &encoding)?;
        summary.records_out = again.records_out;
        ready
            .notices
            .into_iter()
            .for_each(|notice| summary.add_notice(notice));
        Ok(summary)
    }

    /// Sends the records to the target as they come.
    fn send(
        &mut self,
        input: &mut Input,
        header: &Header,
        target: &mut dyn Target,
        sink: &Encoding<'_>,
    ) -> anyhow::Result<Summary> {
        let mut sent = 0;
        let (_, mut summary) = stream::sink(
            input,
            &Layout::all(header.len()),
            self.settings,
            sink,
            &mut |block, parcel: &mut Parcel| {
                sent += parcel.made.records;
                self.places
                    .add(&block.place.source, parcel.made.records, &parcel.lines);
                (self.watch)(sent);
                match parcel.made.records {
                    0 => Ok(Flow::More),
                    _ => target.write(block, parcel),
                }
            },
        )?;
        summary.records_out = sent;
        Ok(summary)
    }

    /// Keeps the records aside and finds out what the columns are.
    fn keep(
        &mut self,
        input: &mut Input,
        header: &Header,
    ) -> anyhow::Result<(Vec<Found>, Spool, Summary)> {
        let mut spool = Spool::new(header.len(), self.settings.dialect)?;
        let mut kept = 0;
        let looking = Looking(header);
        let (scratches, summary) = stream::sink(
            input,
            &Layout::all(header.len()),
            self.settings,
            &looking,
            &mut |block, parcel: &mut Parcel| {
                kept += parcel.made.records;
                self.places
                    .add(&block.place.source, parcel.made.records, &parcel.lines);
                (self.watch)(kept);
                spool.write(block, &mut parcel.made)?;
                Ok(Flow::More)
            },
        )?;
        let mut columns = vec![Seen::default(); header.len()];
        for scratch in scratches {
            for (column, seen) in columns.iter_mut().zip(scratch) {
                column.join(seen);
            }
        }
        let found = columns.into_iter().map(Seen::found).collect();
        Ok((found, spool, summary))
    }

    /// The same error, with the place of the record that it is about.
    fn placed(&self, error: anyhow::Error) -> anyhow::Error {
        match error.downcast::<Refused>() {
            Ok(refused) => anyhow::anyhow!("{}: {}", self.places.of(refused.record), refused.fault),
            Err(error) => error,
        }
    }
}

/// Encodes blocks for the target.
struct Encoding<'e> {
    encoder: &'e dyn Encoder,
    wants_lines: bool,
}

impl Sink for Encoding<'_> {
    type Scratch = ();
    type Parcel = Parcel;

    fn scratch(&self) {}

    fn records(
        &self,
        (): &mut (),
        records: &Records<'_>,
        faults: &mut Faults,
        parcel: &mut Parcel,
    ) {
        parcel.wants_lines = self.wants_lines;
        self.encoder.encode(records, faults, parcel);
    }
}

/// Looks at what columns are, and keeps the records.
struct Looking<'h>(&'h Header);

impl Sink for Looking<'_> {
    type Scratch = Vec<Seen>;
    type Parcel = Parcel;

    fn scratch(&self) -> Vec<Seen> {
        vec![Seen::default(); self.0.len()]
    }

    fn records(
        &self,
        columns: &mut Vec<Seen>,
        records: &Records<'_>,
        faults: &mut Faults,
        parcel: &mut Parcel,
    ) {
        let is_text = types::is_text(records.bytes());
        parcel.wants_lines = true;
        parcel.keep_each(records, faults, |record| {
            if !is_text {
                check_record(records, record, self.0)?;
            }
            for (place, column) in columns.iter_mut().enumerate() {
                column.see(records.field(record, place));
            }
            Ok(())
        });
    }
}

/// That all fields of a record are text that a database can hold.
fn check_record(records: &Records<'_>, record: usize, header: &Header) -> Result<(), Fault> {
    for (place, name) in header.names().iter().enumerate() {
        types::check_text(records.field(record, place)).map_err(|fault| fault.about(name))?;
    }
    Ok(())
}
