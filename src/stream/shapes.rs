//! The shapes of programs that read records: a pass makes a block of a block, a fold absorbs blocks
//! and speaks at the end, a sink takes what a pass made to somewhere else than the output.

use crate::record::{Block, Dialect, Fault, Faults, Index, Layout, OnFault, Records, counted};
use crate::trust::stage::{self, COUNTERS};
use crate::trust::{Ends, Policy, Reject, Rejects, Unclean};

use super::drive::{Work, drive};
use super::{Flow, Input, Made, Output};

/// What every run over records is told.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Threads at most, from 1.
    pub threads: usize,
    /// How the records are written.
    pub dialect: Dialect,
    /// What happens to bad records.
    pub policy: Policy,
    /// What happens where an upstream ended badly.
    pub ends: Ends,
}

/// What a run has to say at its end.
#[derive(Debug, Default)]
pub struct Summary {
    /// Records read, bad ones included.
    pub records_in: u64,
    /// Records written.
    pub records_out: u64,
    /// Records set aside.
    pub rejected: u64,
    /// The sentence about them, where there is one.
    pub notice: Option<String>,
    /// The exit code of this good end: 0 but where the user asked for another.
    pub exit_code: u8,
}

/// A block in, a block out.
pub trait Pass: Sync {
    /// What one thread keeps from block to block.
    type Scratch: Send;

    /// A thread's scratch at its start.
    fn scratch(&self) -> Self::Scratch;

    /// Writes what becomes of the records below `faults.limit()`; bad ones go to `faults` and not
    /// to `made`.
    fn records(
        &self,
        scratch: &mut Self::Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        made: &mut Made,
    );
}

/// Runs a pass from `input` to `output`, and what it puts aside to `aside`.
pub fn pass<P: Pass>(
    input: &mut Input,
    layout: &Layout,
    settings: &Settings,
    pass: &P,
    output: &mut Output,
    mut aside: Option<&mut Output>,
) -> anyhow::Result<Summary> {
    let (_, summary) = run(input, layout, settings, pass, &mut |block, made| {
        if let Some(aside) = &mut aside {
            aside.write_made(&block.bytes, made.aside())?;
        }
        output.write_made(&block.bytes, made)
    })?;
    Ok(summary)
}

/// Runs a fold over `input`: a pass that writes nothing and is read from what its threads kept,
/// that of the first thread first.
pub fn fold<P: Pass>(
    input: &mut Input,
    layout: &Layout,
    settings: &Settings,
    fold: &P,
) -> anyhow::Result<(Vec<P::Scratch>, Summary)> {
    run(input, layout, settings, fold, &mut |_, _| Ok(Flow::More))
}

/// Runs a pass whose results go to `deliver`, block by block in order.
pub fn run<P: Pass>(
    input: &mut Input,
    layout: &Layout,
    settings: &Settings,
    pass: &P,
    deliver: &mut (dyn FnMut(&Block, &mut Made) -> anyhow::Result<Flow> + Send),
) -> anyhow::Result<(Vec<P::Scratch>, Summary)> {
    let mut written = 0;
    let (scratches, mut summary) = sink(
        input,
        layout,
        settings,
        &Passing(pass),
        &mut |block, made| {
            written += made.records;
            stage::add(&COUNTERS.records_out, made.records);
            deliver(block, made)
        },
    )?;
    summary.records_out = written;
    Ok((scratches, summary))
}

/// A pass seen as a sink whose parcels go to the output.
struct Passing<'p, P>(&'p P);

impl<P: Pass> Sink for Passing<'_, P> {
    type Scratch = P::Scratch;
    type Parcel = Made;

    fn scratch(&self) -> Self::Scratch {
        self.0.scratch()
    }

    fn longest_block(&self) -> usize {
        usize::MAX
    }

    fn records(
        &self,
        scratch: &mut Self::Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        made: &mut Made,
    ) {
        self.0.records(scratch, records, faults, made);
    }
}

/// What a block becomes; its memory is used for block after block.
pub trait Parcel: Send + Default {
    /// Empties it, keeping its memory.
    fn clear(&mut self);
}

impl Parcel for Made {
    fn clear(&mut self) {
        Made::clear(self);
    }
}

/// A block in, a parcel out, which is taken in order to somewhere else than the output.
pub trait Sink: Sync {
    /// What one thread keeps from block to block.
    type Scratch: Send;
    /// What a block becomes.
    type Parcel: Parcel;

    /// A thread's scratch at its start.
    fn scratch(&self) -> Self::Scratch;

    /// The longest block, in bytes, for which one thread of several is prepared; the usual one
    /// where that is longer. What a thread keeps, it sees after each block.
    fn longest_block(&self) -> usize {
        0
    }

    /// Fills the empty parcel with the records below `faults.limit()`; bad ones go to `faults` and
    /// not into the parcel.
    fn records(
        &self,
        scratch: &mut Self::Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        parcel: &mut Self::Parcel,
    );
}

/// Runs a sink over `input`: every parcel goes to `deliver`, in the order of the input. What the
/// threads kept comes back, that of the first thread first.
pub fn sink<S: Sink>(
    input: &mut Input,
    layout: &Layout,
    settings: &Settings,
    sink: &S,
    deliver: &mut Deliver<'_, S::Parcel>,
) -> anyhow::Result<(Vec<S::Scratch>, Summary)> {
    let work = OverRecords {
        sink,
        layout,
        dialect: settings.dialect,
        on_fault: settings.policy.on_fault(),
    };
    let (scratches, summary) = gather(input, &work, settings, deliver)?;
    Ok((
        scratches.into_iter().map(|(_, scratch)| scratch).collect(),
        summary,
    ))
}

/// Drives `work` over `input`, and takes what its blocks came to where it belongs: parcels to
/// `deliver`, rejects by the policy.
pub(super) fn gather<P: Parcel, W: Work<Yield = Outcome<P>>>(
    input: &mut Input,
    work: &W,
    settings: &Settings,
    deliver: &mut Deliver<'_, P>,
) -> anyhow::Result<(Vec<W::Scratch>, Summary)> {
    let mut rejects = Rejects::open(&settings.policy)?;
    let mut summary = Summary::default();
    let is_counted = input.is_counted();
    let scratches = drive(input, work, settings.threads, &mut |block, result| {
        let before = summary.records_in;
        summary.records_in += result.records_in;
        if is_counted {
            stage::add(&COUNTERS.records_in, result.records_in);
        }
        let flow = deliver(block, &mut result.parcel)?;
        for (ragged, mut reject) in result.rejects.drain(..) {
            if let Some(place) = ragged {
                let number = before + place + 1;
                reject.fault = reject.fault.about(&format!("record {number}"));
            }
            rejects.take(reject)?;
            stage::add(&COUNTERS.rejected, 1);
        }
        Ok(flow)
    });
    let scratches = scratches.map_err(|error| with_count(error, summary.records_in))?;
    summary.notice = rejects.finish(summary.records_in)?;
    summary.rejected = rejects.count();
    Ok((scratches, summary))
}

/// The same error; that of an upstream with the number of records that came before.
fn with_count(error: anyhow::Error, records: u64) -> anyhow::Error {
    match error.downcast::<Unclean>() {
        Ok(unclean) => anyhow::Error::new(Unclean {
            after: Some(counted(records as usize, "record")),
            ..unclean
        }),
        Err(error) => error,
    }
}

/// Takes a block's parcel where it belongs.
pub type Deliver<'a, P> = dyn FnMut(&Block, &mut P) -> anyhow::Result<Flow> + Send + 'a;

/// What one block came to.
#[derive(Default)]
pub(super) struct Outcome<P> {
    pub(super) parcel: P,
    pub(super) records_in: u64,
    /// In order; a ragged one with its number in the block.
    pub(super) rejects: Vec<(Option<u64>, Reject)>,
}

impl<P: Parcel> Outcome<P> {
    /// Empties it, keeping its memory.
    pub(super) fn clear(&mut self) {
        self.parcel.clear();
        self.records_in = 0;
        self.rejects.clear();
    }
}

/// Indexes a block and hands its records to a sink.
struct OverRecords<'s, S> {
    sink: &'s S,
    layout: &'s Layout,
    dialect: Dialect,
    on_fault: OnFault,
}

impl<S: Sink> Work for OverRecords<'_, S> {
    type Scratch = (Index, S::Scratch);
    type Yield = Outcome<S::Parcel>;

    fn scratch(&self) -> Self::Scratch {
        (Index::default(), self.sink.scratch())
    }

    fn longest_block(&self) -> usize {
        self.sink.longest_block()
    }

    fn block(
        &self,
        (index, scratch): &mut Self::Scratch,
        block: &mut Block,
        outcome: &mut Outcome<S::Parcel>,
    ) -> anyhow::Result<()> {
        outcome.clear();
        let source = block.place.source.clone();
        let records = index
            .build(block, self.layout, self.dialect)
            .map_err(|error| anyhow::anyhow!("{source}:{}: {}", error.line, error.fault))?;
        let ragged = match self.on_fault {
            OnFault::Fail => records.ragged().get(..1).unwrap_or_default(),
            OnFault::SetAside => records.ragged(),
        };
        let limit = match (self.on_fault, ragged) {
            (OnFault::Fail, [first, ..]) => first.before as usize,
            _ => records.len(),
        };
        let mut faults = Faults::new(self.on_fault, limit);
        self.sink
            .records(scratch, &records, &mut faults, &mut outcome.parcel);
        outcome.records_in = (records.len() + records.ragged().len()) as u64;
        let mut ragged = ragged.iter().enumerate().peekable();
        let reject = |line, fault: &Fault, raw: &[u8]| Reject {
            source: records.place().source.clone(),
            line,
            fault: fault.clone(),
            raw: raw.to_vec(),
        };
        for (record, fault) in faults.into_list() {
            while let Some((place, bad)) = ragged.next_if(|(_, bad)| bad.before <= record) {
                let number = u64::from(bad.before) + place as u64;
                outcome
                    .rejects
                    .push((Some(number), reject(bad.line, &bad.fault, &bad.raw)));
            }
            let (line, raw) = (records.line(record as usize), records.raw(record as usize));
            outcome.rejects.push((None, reject(line, &fault, raw)));
        }
        for (place, bad) in ragged {
            let number = u64::from(bad.before) + place as u64;
            outcome
                .rejects
                .push((Some(number), reject(bad.line, &bad.fault, &bad.raw)));
        }
        Ok(())
    }
}
