//! The common shape of programs that read records: each block becomes a parcel on any thread, and the parcels are
//! delivered in order.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::bail;

use crate::bytes::Dialect;
use crate::record::{
    Block, Fault, Faults, Index, Layout, Mapping, OnFault, Ragged, Records, Unreadable,
};
use crate::trust::stage::{self, COUNTERS};
use crate::trust::{Carried, Ends, Policy, Reject, Rejects, SetAside, Unclean};

use super::drive::{BlockWork, Refusal, drive};
use super::{Flow, Input, Made, Output};

/// Settings of every run over records.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The maximum number of threads, at least 1.
    pub threads: usize,
    /// How the records are delimited and quoted.
    pub dialect: Dialect,
    /// What happens to bad records.
    pub policy: Policy,
    /// What happens if an upstream failed.
    pub ends: Ends,
}

/// The result of a run.
#[derive(Debug, Default)]
pub struct Summary {
    /// Records read, including bad ones.
    pub records_in: u64,
    /// Records written.
    pub records_out: u64,
    /// The records set aside.
    pub set_aside: SetAside,
    /// Notices for the user, one sentence each.
    pub notices: Vec<String>,
    /// What the input carried, to be passed on with the output.
    pub carried: Carried,
    /// The exit code of this successful run: 0 unless the user asked for another.
    pub exit_code: u8,
}

impl Summary {
    /// Puts these notices before all others.
    pub fn tell_first(&mut self, notices: impl IntoIterator<Item = String>) {
        self.notices.splice(0..0, notices);
    }
}

/// Runs a sink whose parcels go to `output`, and whose second parcels go to `aside`.
pub fn pass<S: Sink<Parcel = Made>>(
    input: &mut Input,
    layout: &Layout,
    settings: &Settings,
    pass: &S,
    output: &mut Output,
    mut aside: Option<&mut Output>,
) -> anyhow::Result<Summary> {
    let mut written = 0;
    let (_, mut summary) = sink(input, layout, settings, pass, &mut |block, made| {
        written += made.records;
        stage::add(&COUNTERS.records_out, made.records);
        if let Some(aside) = &mut aside {
            aside.write_made(&block.bytes, made.aside())?;
        }
        output.write_made(&block.bytes, made)
    })?;
    summary.records_out = written;
    Ok(summary)
}

/// The result for a block; its memory is reused.
pub trait Parcel: Send + Default {
    /// The longest block, in bytes, that one of several threads can handle, if it is longer than usual. Longer
    /// blocks pay off if processing a block leaves nothing but its parcel.
    const LONGEST_BLOCK: usize = 0;

    /// Clears it, keeping its memory.
    fn clear(&mut self);

    /// Takes the records that were rejected on delivery, in ascending order.
    fn refused(&mut self) -> Vec<Refusal> {
        Vec::new()
    }
}

impl Parcel for Made {
    const LONGEST_BLOCK: usize = usize::MAX;

    fn clear(&mut self) {
        Made::clear(self);
    }
}

/// Makes a parcel of each block. The parcels are delivered in the order of the blocks: to the output, to a target,
/// into groups.
pub trait Sink: Sync {
    /// State that each thread keeps between blocks.
    type Scratch: Send;
    /// The result for a block.
    type Parcel: Parcel;

    /// Returns the initial state of a thread.
    fn scratch(&self) -> Self::Scratch;

    /// Returns the longest block, in bytes, that one of several threads can handle. A thread checks the size of its
    /// state only after each block.
    fn longest_block(&self) -> usize {
        Self::Parcel::LONGEST_BLOCK
    }

    /// Adds the records that `faults` selects to the parcel, and bad ones to `faults` instead. If the parcel has
    /// become large, the rest is left for another one ([`Faults::leave_from`]).
    fn records(
        &self,
        scratch: &mut Self::Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        parcel: &mut Self::Parcel,
    );
}

/// Runs a sink over `input` and passes every parcel to `deliver`, in the order of the input. Returns the state of
/// every thread, the first thread's first.
pub fn sink<S: Sink>(
    input: &mut Input,
    layout: &Layout,
    settings: &Settings,
    sink: &S,
    deliver: &mut Deliver<'_, S::Parcel>,
) -> anyhow::Result<(Vec<S::Scratch>, Summary)> {
    let mut rejects = Rejects::open(&settings.policy)?;
    let allowance = Allowance::of(&rejects);
    let work = OverRecords {
        sink,
        layout,
        dialect: settings.dialect,
        allowance: &allowance,
    };
    let taken = (&mut rejects, &allowance);
    let (scratches, summary) = gather(input, &work, settings, taken, deliver)?;
    Ok((
        scratches.into_iter().map(|(_, scratch)| scratch).collect(),
        summary,
    ))
}

/// How many more bad records the run may accept. A thread only knows of those in the blocks delivered so far, so it
/// may allow too many, never too few; with one thread the number is exact.
pub(super) struct Allowance(AtomicUsize);

impl Allowance {
    pub(super) fn of(rejects: &Rejects) -> Self {
        Allowance(AtomicUsize::new(rejects.allowed()))
    }

    pub(super) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, rejects: &Rejects) {
        self.0.store(rejects.allowed(), Ordering::Relaxed);
    }
}

/// Drives `work` over `input`. Passes the parcels of its blocks to `deliver`, and handles bad records by the
/// policy.
pub(super) fn gather<P: Parcel, W: BlockWork<Yield = Outcome<P>>>(
    input: &mut Input,
    work: &W,
    settings: &Settings,
    (rejects, allowance): (&mut Rejects, &Allowance),
    deliver: &mut Deliver<'_, P>,
) -> anyhow::Result<(Vec<W::Scratch>, Summary)> {
    let mut summary = Summary::default();
    let is_counted = input.is_counted();
    let mut is_left = false;
    let scratches = drive(input, work, settings.threads, &mut |turned| {
        // The output before a failure must not depend on how the input was cut into blocks.
        let allowed = rejects.allowed();
        let outcome = &*turned.yielded;
        if outcome.rejects.len() > allowed && outcome.allowed > allowed {
            turned.cut(allowed)?;
        }
        let (block, result) = (&*turned.block, &mut *turned.yielded);
        let before = summary.records_in;
        summary.records_in += result.records_in;
        if is_counted {
            stage::add(&COUNTERS.records_in, result.records_in);
        }
        if deliver(block, &mut result.parcel)? == Flow::Enough {
            // Downstream has left, so a bad record from here on is not a failure.
            is_left = true;
            return Ok(Flow::Enough);
        }
        let refused = result.parcel.refused();
        if !refused.is_empty() {
            turned.set_aside(refused)?;
        }
        let result = &mut *turned.yielded;
        for mut bad in result.rejects.drain(..) {
            if let Some(place) = bad.number {
                let number = before + place + 1;
                bad.reject.fault = bad.reject.fault.about(&format!("record {number}"));
            }
            rejects.take(bad.reject)?;
            stage::add(&COUNTERS.rejected, 1);
        }
        allowance.set(rejects);
        Ok(Flow::More)
    });
    let scratches = scratches.map_err(|error| with_count(error, summary.records_in))?;
    let notice = rejects.finish((!is_left).then_some(summary.records_in))?;
    summary.notices.extend(notice);
    summary.carried = input.carried().clone();
    summary.set_aside = rejects.so_far().clone();
    Ok((scratches, summary))
}

/// Adds to the error of an upstream the number of records that came before it.
fn with_count(error: anyhow::Error, records: u64) -> anyhow::Error {
    match error.downcast::<Unclean>() {
        Ok(unclean) => anyhow::Error::new(unclean.after(records)),
        Err(error) => error,
    }
}

/// Delivers the parcel of a block.
pub type Deliver<'a, P> = dyn FnMut(&Block, &mut P) -> anyhow::Result<Flow> + Send + 'a;

/// The result of one block.
#[derive(Default)]
pub(super) struct Outcome<P> {
    pub(super) parcel: P,
    pub(super) records_in: u64,
    /// How many bad records were allowed when it was processed.
    pub(super) allowed: usize,
    /// In order. If the run may not accept all of them, the excess one is the last, and the parcel ends before it.
    pub(super) rejects: Vec<Bad>,
    /// Which part of the block this is.
    part: BlockPart,
}

/// A part of a block, by default all of it.
#[derive(Default)]
struct BlockPart {
    /// The first regular record, and the number of ragged ones before it.
    first: (u32, usize),
    /// The same for the next part.
    next: Option<(u32, usize)>,
    /// An error to report after all parts.
    unreadable: Option<Unreadable>,
}

/// A bad record of a block.
pub(super) struct Bad {
    /// The number of regular records before it.
    pub(super) before: usize,
    /// If it is ragged, its number in the part.
    pub(super) number: Option<u64>,
    pub(super) reject: Reject,
}

impl<P: Parcel> Outcome<P> {
    /// Clears it, keeping its memory.
    pub(super) fn clear(&mut self) {
        self.parcel.clear();
        self.records_in = 0;
        self.rejects.clear();
        self.part.next = None;
    }
}

/// Indexes a block and passes its records to a sink.
struct OverRecords<'s, S> {
    sink: &'s S,
    layout: &'s Layout,
    dialect: Dialect,
    allowance: &'s Allowance,
}

impl<S: Sink> BlockWork for OverRecords<'_, S> {
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
        let mapping = block.mapping.clone();
        let layout = self.layout_of(mapping.as_deref());
        let (records, unreadable) = index.build_readable(block, layout, self.dialect);
        outcome.part = BlockPart {
            unreadable,
            ..BlockPart::default()
        };
        self.part(scratch, &records, outcome)
    }

    fn is_part(&self, outcome: &Outcome<S::Parcel>) -> bool {
        outcome.part.next.is_some()
    }

    fn go_on(
        &self,
        (index, scratch): &mut Self::Scratch,
        block: &mut Block,
        outcome: &mut Outcome<S::Parcel>,
    ) -> anyhow::Result<()> {
        outcome.part.first = outcome.part.next.unwrap_or_default();
        let layout = self.layout_of(block.mapping.as_deref());
        self.part(scratch, &index.records(block, layout), outcome)
    }

    fn cut(
        &self,
        (index, scratch): &mut Self::Scratch,
        block: &mut Block,
        outcome: &mut Outcome<S::Parcel>,
        allowed: usize,
    ) -> anyhow::Result<()> {
        let Some(last) = outcome.rejects.get(allowed) else {
            return Ok(());
        };
        let limit = last.before;
        outcome.rejects.truncate(allowed + 1);
        outcome.parcel.clear();
        outcome.part.next = None;
        let records = index.records(block, self.layout_of(block.mapping.as_deref()));
        // The first time, the records before the limit fitted into one part.
        let mut faults = Faults::new(OnFault::SetAside, limit).leaving(outcome.part.first.0);
        faults.leave_none();
        self.sink
            .records(scratch, &records, &mut faults, &mut outcome.parcel);
        Ok(())
    }

    fn set_aside(
        &self,
        (index, _): &mut Self::Scratch,
        block: &mut Block,
        outcome: &mut Outcome<S::Parcel>,
        refused: Vec<Refusal>,
    ) {
        let layout = self.layout_of(block.mapping.as_deref());
        let records = index.records(block, layout);
        let bad = outcome.rejects.iter().filter(|bad| bad.number.is_none());
        let bad: BTreeSet<usize> = bad.map(|bad| bad.before).collect();
        let first = outcome.part.first.0 as usize;
        let mut good = (first..records.len()).filter(|record| !bad.contains(record));
        let mut lines = records.line_cursor();
        let mut behind = 0;
        for refusal in refused {
            let Some(record) = good.nth((refusal.number - behind) as usize) else {
                break;
            };
            behind = refusal.number + 1;
            let here = || (records.place().source.clone(), lines.line(record));
            let (source, line) = refusal.place.unwrap_or_else(here);
            outcome.rejects.push(Bad {
                before: record,
                number: None,
                reject: Reject {
                    source,
                    line,
                    fault: refusal.fault,
                    raw: records.raw(record).to_vec(),
                },
            });
        }
        // A ragged record comes before the regular one with the same position.
        let rank = |bad: &Bad| (bad.before, bad.number.is_none());
        outcome.rejects.sort_by_key(rank);
    }
}

impl<S: Sink> OverRecords<'_, S> {
    /// Returns the layout of a block whose records have this mapping.
    fn layout_of<'l>(&'l self, mapping: Option<&'l Mapping>) -> &'l Layout {
        mapping.map_or(self.layout, Mapping::layout)
    }

    /// Processes the part of a block that begins with `outcome.part.first`.
    fn part(
        &self,
        scratch: &mut S::Scratch,
        records: &Records<'_>,
        outcome: &mut Outcome<S::Parcel>,
    ) -> anyhow::Result<()> {
        outcome.clear();
        let allowed = self.allowance.get();
        outcome.allowed = allowed;
        let (first, ragged_before) = outcome.part.first;
        let ragged = &records.ragged()[ragged_before..];
        let before = ragged.iter().map(|bad| bad.before);
        let mut faults = Faults::up_to(allowed, records.len(), before).leaving(first);
        self.sink
            .records(scratch, records, &mut faults, &mut outcome.parcel);
        let (mut end, mut ragged_end) = (records.len() as u32, ragged.len());
        if let Some(left) = faults.left() {
            end = left;
            ragged_end = ragged.partition_point(|bad| bad.before <= left);
            outcome.part.next = Some((left, ragged_before + ragged_end));
        }
        let ragged = &ragged[..ragged_end];
        outcome.records_in = u64::from(end - first) + ragged.len() as u64;
        add_rejects((records, ragged, first), faults, &mut outcome.rejects);
        outcome.rejects.truncate(allowed.saturating_add(1));
        match (&outcome.part.unreadable, outcome.part.next) {
            (Some(bad), None) => {
                let source = &records.place().source;
                bail!("{source}:{}: {}", bad.line, bad.fault)
            }
            _ => Ok(()),
        }
    }
}

/// Appends the bad records of a part of a block in order: ragged ones, and those with a fault. The part begins with
/// record `first`.
fn add_rejects(
    (records, ragged, first): (&Records<'_>, &[Ragged], u32),
    faults: Faults,
    rejects: &mut Vec<Bad>,
) {
    let reject = |line, fault: &Fault, raw: &[u8]| Reject {
        source: records.place().source.clone(),
        line,
        fault: fault.clone(),
        raw: raw.to_vec(),
    };
    let of_ragged = |(place, bad): (usize, &Ragged)| Bad {
        before: bad.before as usize,
        number: Some(u64::from(bad.before - first) + place as u64),
        reject: reject(bad.line, &bad.fault, &bad.raw),
    };
    let mut ragged = ragged.iter().enumerate().peekable();
    let mut lines = records.line_cursor();
    for (record, fault) in faults.into_list() {
        while let Some(bad) = ragged.next_if(|(_, bad)| bad.before <= record) {
            rejects.push(of_ragged(bad));
        }
        let record = record as usize;
        rejects.push(Bad {
            before: record,
            number: None,
            reject: reject(lines.line(record), &fault, records.raw(record)),
        });
    }
    rejects.extend(ragged.map(of_ragged));
}
