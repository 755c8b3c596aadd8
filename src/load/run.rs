//! The run of a load: header, types if the target needs them, records, commit.

use crate::record::{Fault, Faults, Header, Layout, OnFault, Records};
use crate::stream::{self, Flow, Input, Settings, Sink, Summary};
use crate::trust::{Policy, stage};

use crate::load::places::Places;
use crate::load::spool::Spool;
use crate::load::{
    Claim, Committed, Encoder, LastStep, Parcel, Receipt, Refused, Start, Target, TargetNeeds,
    Types, null_in_key,
};
use crate::schema::types;
use crate::schema::types::{ColumnType, ValuesSeen};

/// Loads all of `input` into `target`, with the checkpoint that `claim` selects. `watch` is regularly told how many
/// records have arrived. `last` is called right before the commit; if it fails, nothing is committed.
pub fn load(
    input: &mut Input,
    settings: &Settings,
    mut target: Box<dyn Target>,
    claim: Claim<'_>,
    watch: &mut (dyn FnMut(u64) + Send),
    last: &mut LastStep<'_>,
) -> anyhow::Result<(Receipt, Summary)> {
    let header = input.header()?;
    let mut run = LoadRun {
        settings,
        watch,
        places: Places::default(),
    };
    let outcome = run
        .records(input, &header, &mut *target)
        .and_then(|summary| {
            let checkpoint = claim.take(summary.carried.checkpoints.clone())?;
            Ok((target.commit(checkpoint.as_ref(), last)?, summary))
        });
    let (mut committed, mut summary) = outcome.map_err(|error| run.placed(error))?;
    summary.notices.append(&mut committed.notices);
    Ok((receipt(committed, &summary), summary))
}

fn receipt(committed: Committed, summary: &Summary) -> Receipt {
    Receipt {
        target: committed.target,
        table: committed.table,
        mode: committed.mode.map_or("", crate::load::Mode::word),
        records: summary.records_in,
        inserted: committed.inserted,
        updated: committed.updated,
        rejected: summary.set_aside.count,
        rejected_upstream: summary.carried.rejected,
        ignored: committed.ignored,
    }
}

struct LoadRun<'r> {
    settings: &'r Settings,
    watch: &'r mut (dyn FnMut(u64) + Send),
    places: Places,
}

impl LoadRun<'_> {
    /// Does everything before the commit.
    fn records(
        &mut self,
        input: &mut Input,
        header: &Header,
        target: &mut dyn Target,
    ) -> anyhow::Result<Summary> {
        let sets_aside = self.settings.policy.on_fault() == OnFault::SetAside;
        let wanted = match target.meet(header)? {
            Types::Known => {
                let ready = target.begin(Start {
                    found: None,
                    misfit: None,
                    sets_aside,
                })?;
                let encoding = Encoding {
                    encoder: &*ready.encoder,
                    wants_lines: true,
                };
                let mut summary = self.send(input, header, target, &encoding)?;
                summary.notices.extend(ready.notices);
                return Ok(summary);
            }
            Types::Wanted(wanted) => wanted,
        };
        let (found, misfit, spool, mut summary) = self.keep(input, header, &wanted)?;
        if summary.records_out == 0 && wanted.rules.is_none() {
            summary.notices.push(
                "no record came, so no table is made: its types are known from its first records"
                    .to_owned(),
            );
            return Ok(summary);
        }
        stage::enter("writing");
        let ready = target.begin(Start {
            found: Some(&found),
            misfit: misfit.as_deref(),
            sets_aside,
        })?;
        let again = self.send_kept((spool, &summary), header, target, &*ready.encoder)?;
        summary.records_out = again.records_out;
        summary.set_aside = again.set_aside;
        summary.notices = again.notices;
        summary.notices.extend(ready.notices);
        Ok(summary)
    }

    /// Sends the spooled records to the target.
    fn send_kept(
        &mut self,
        (spool, before): (Spool, &Summary),
        header: &Header,
        target: &mut dyn Target,
        encoder: &dyn Encoder,
    ) -> anyhow::Result<Summary> {
        let settings = Settings {
            policy: Policy {
                earlier: Some(before.set_aside.clone()),
                ..self.settings.policy.clone()
            },
            ..self.settings.clone()
        };
        let encoding = Encoding {
            encoder,
            wants_lines: false,
        };
        let (mut sent, mut taken) = (0, 0);
        let (places, watch) = (&self.places, &mut *self.watch);
        let (_, mut summary) = stream::sink(
            &mut spool.into_input()?,
            &Layout::all(header.len()),
            &settings,
            &encoding,
            &mut |block, parcel: &mut Parcel| {
                let records = parcel.made.records;
                if records > 0 {
                    target.write(block, parcel)?;
                }
                for refusal in &mut parcel.refused {
                    refusal.place = places.find(sent + refusal.number);
                }
                sent += records;
                taken += records - parcel.refused.len() as u64;
                watch(sent);
                Ok(Flow::More)
            },
        )?;
        summary.records_out = taken;
        Ok(summary)
    }

    /// Sends the records to the target as they arrive.
    fn send(
        &mut self,
        input: &mut Input,
        header: &Header,
        target: &mut dyn Target,
        sink: &Encoding<'_>,
    ) -> anyhow::Result<Summary> {
        let (mut sent, mut refused) = (0, 0);
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
                let flow = match parcel.made.records {
                    0 => Flow::More,
                    _ => target.write(block, parcel)?,
                };
                refused += parcel.refused.len() as u64;
                Ok(flow)
            },
        )?;
        summary.records_out = sent - refused;
        Ok(summary)
    }

    /// Spools the records and finds the types of the columns. Also finds the first value that does not fit the
    /// existing table, unless such records are set aside.
    fn keep(
        &mut self,
        input: &mut Input,
        header: &Header,
        wanted: &TargetNeeds,
    ) -> anyhow::Result<(Vec<ColumnType>, Option<String>, Spool, Summary)> {
        let mut spool = Spool::new(header.len(), self.settings.dialect)?;
        let mut kept = 0;
        let looking = Looking {
            header,
            wanted,
            sets_aside: self.settings.policy.on_fault() == OnFault::SetAside,
        };
        let (scratches, mut summary) = stream::sink(
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
        summary.records_out = kept;
        let mut columns = vec![ValuesSeen::default(); header.len()];
        let mut misfit: Option<(u64, String)> = None;
        for scratch in scratches {
            for (column, seen) in columns.iter_mut().zip(scratch.columns) {
                column.join(seen);
            }
            let is_earlier =
                |found: &(u64, String)| misfit.as_ref().is_none_or(|known| found.0 < known.0);
            misfit = scratch.misfit.filter(is_earlier).or(misfit);
        }
        let found = columns.into_iter().map(ValuesSeen::found).collect();
        Ok((found, misfit.map(|(_, fault)| fault), spool, summary))
    }

    /// Adds the place of the rejected record to an error.
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

/// Finds the types of the columns and keeps the records.
struct Looking<'h> {
    header: &'h Header,
    wanted: &'h TargetNeeds,
    /// Whether a record that does not fit the existing table is set aside.
    sets_aside: bool,
}

/// What one thread has found.
struct Look {
    columns: Vec<ValuesSeen>,
    /// The first value that does not fit, and the line on which its block begins.
    misfit: Option<(u64, String)>,
}

impl Looking<'_> {
    /// Finds the first value of a record that does not fit the existing table.
    fn misfit(&self, records: &Records<'_>, record: usize, is_text: bool) -> Option<Fault> {
        let rules = self.wanted.rules.as_ref()?.iter();
        let rules = rules.zip(self.header.names()).enumerate();
        for (place, (rule, name)) in rules {
            let raw = records.field(record, place);
            if !raw.is_empty()
                && let Err(fault) = rule.fit(raw, is_text)
            {
                return Some(fault.about(name));
            }
        }
        None
    }

    /// Checks that no column of the key is null.
    fn check_key(&self, records: &Records<'_>, record: usize) -> Result<(), Fault> {
        let mut key = self.wanted.key.iter();
        match key.find(|place| records.field(record, **place).is_empty()) {
            Some(place) => Err(null_in_key().about(&self.header.names()[*place])),
            None => Ok(()),
        }
    }
}

impl Sink for Looking<'_> {
    type Scratch = Look;
    type Parcel = Parcel;

    fn scratch(&self) -> Look {
        Look {
            columns: vec![ValuesSeen::default(); self.header.len()],
            misfit: None,
        }
    }

    fn records(
        &self,
        look: &mut Look,
        records: &Records<'_>,
        faults: &mut Faults,
        parcel: &mut Parcel,
    ) {
        let is_text = types::is_text(records.bytes());
        let line = records.place().line;
        parcel.wants_lines = true;
        parcel.keep_each(records, faults, |record| {
            if !is_text {
                check_record(records, record, self.header)?;
            }
            self.check_key(records, record)?;
            if self.sets_aside || look.misfit.is_none() {
                match self.misfit(records, record, is_text) {
                    Some(fault) if self.sets_aside => return Err(fault),
                    Some(fault) => look.misfit = Some((line, fault.to_string())),
                    None => {}
                }
            }
            for (place, column) in look.columns.iter_mut().enumerate() {
                column.see(records.field(record, place));
            }
            Ok(())
        });
    }
}

/// Checks that all fields of a record are text that a database can store.
fn check_record(records: &Records<'_>, record: usize, header: &Header) -> Result<(), Fault> {
    for (place, name) in header.names().iter().enumerate() {
        types::check_text(records.field(record, place)).map_err(|fault| fault.about(name))?;
    }
    Ok(())
}
