//! The shapes of programs that read records: a pass makes a block of a block, a fold absorbs blocks
//! and speaks at the end, a sink takes what a pass made to somewhere else than the output.

use crate::record::{Block, Dialect, Fault, Faults, Index, OnFault, Records};
use crate::trust::{Policy, Reject, Rejects};

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
    columns: usize,
    settings: &Settings,
    pass: &P,
    output: &mut Output,
    mut aside: Option<&mut Output>,
) -> anyhow::Result<Summary> {
    let (_, summary) = run(input, columns, settings, pass, &mut |block, made| {
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
    columns: usize,
    settings: &Settings,
    fold: &P,
) -> anyhow::Result<(Vec<P::Scratch>, Summary)> {
    run(input, columns, settings, fold, &mut |_, _| Ok(Flow::More))
}

/// Runs a pass whose results go to `deliver`, block by block in order.
pub fn run<P: Pass>(
    input: &mut Input,
    columns: usize,
    settings: &Settings,
    pass: &P,
    deliver: &mut (dyn FnMut(&Block, &mut Made) -> anyhow::Result<Flow> + Send),
) -> anyhow::Result<(Vec<P::Scratch>, Summary)> {
    let work = OverRecords {
        pass,
        columns,
        dialect: settings.dialect,
        on_fault: settings.policy.on_fault(),
    };
    let mut rejects = Rejects::open(&settings.policy)?;
    let mut summary = Summary::default();
    let scratches = drive(
        input,
        &work,
        settings.threads,
        &mut |block, result: &mut Outcome| {
            let before = summary.records_in;
            summary.records_in += result.records_in;
            summary.records_out += result.made.records;
            let flow = deliver(block, &mut result.made)?;
            for (ragged, mut reject) in result.rejects.drain(..) {
                if let Some(place) = ragged {
                    let number = before + place + 1;
                    reject.fault = reject.fault.about(&format!("record {number}"));
                }
                rejects.take(reject)?;
            }
            Ok(flow)
        },
    )?;
    summary.notice = rejects.finish(summary.records_in)?;
    summary.rejected = rejects.count();
    Ok((
        scratches.into_iter().map(|(_, scratch)| scratch).collect(),
        summary,
    ))
}

/// What one block came to.
#[derive(Default)]
struct Outcome {
    made: Made,
    records_in: u64,
    /// In order; a ragged one with its number in the block.
    rejects: Vec<(Option<u64>, Reject)>,
}

/// Indexes a block and hands its records to a pass.
struct OverRecords<'p, P> {
    pass: &'p P,
    columns: usize,
    dialect: Dialect,
    on_fault: OnFault,
}

impl<P: Pass> Work for OverRecords<'_, P> {
    type Scratch = (Index, P::Scratch);
    type Yield = Outcome;

    fn scratch(&self) -> Self::Scratch {
        (Index::default(), self.pass.scratch())
    }

    fn block(
        &self,
        (index, scratch): &mut Self::Scratch,
        block: &mut Block,
        outcome: &mut Outcome,
    ) -> anyhow::Result<()> {
        outcome.made.clear();
        outcome.records_in = 0;
        outcome.rejects.clear();
        let source = block.place.source.clone();
        let records = index
            .build(block, self.columns, self.dialect)
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
        self.pass
            .records(scratch, &records, &mut faults, &mut outcome.made);
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
