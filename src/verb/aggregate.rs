//! Groups records and summarises each group.

use anyhow::Context;

use crate::fold::aggregation::grouped::Grouped;
use crate::fold::aggregation::spilled::Spilled;
use crate::fold::aggregation::windows::{Open, Windows};
use crate::fold::aggregation::{Aggregation, GroupStates};
use crate::fold::budget::Budget;
use crate::fold::order::Portion;
use crate::record::{Block, Fault, Faults, Records, counted};
use crate::stream::{self, Flow, HeldRecords, Output, Parcel, Settings, Sink, Summary};
use crate::trust::stage::{self, COUNTERS};

use super::Streams;

/// Groups all records. A thread whose groups exceed its share of `memory` spills them to disk.
///
/// # Errors
/// Those of the input, the output and the disk; or a group has no result.
pub fn group(
    aggregation: Aggregation,
    memory: usize,
    streams: Streams<'_>,
) -> anyhow::Result<Summary> {
    let Streams {
        input,
        header,
        settings,
        output,
    } = streams;
    output.write_header(&aggregation.header(), settings.dialect.delimiter)?;
    let layout = &aggregation.layout(header.len(), None);
    let budget = Budget {
        memory,
        threads: settings.threads,
    };
    let mut spilled = Spilled::new(budget);
    let folding = Folding {
        aggregation,
        memory: Spilled::share_of_thread(budget),
    };
    let mut deliver = |_: &Block, given: &mut Given| {
        spilled.take(&mut given.0)?;
        Ok(Flow::More)
    };
    let (states, mut summary) = stream::sink(input, layout, settings, &folding, &mut deliver)?;
    let states: Vec<GroupStates> = states.into_iter().collect::<Result<_, _>>()?;
    let mut results = HeldRecords::new(output);
    let mut emit = |bytes: &[u8], records| results.write_all(bytes, records);
    folding.aggregation.conclude(states, spilled, &mut emit)?;
    summary.records_out = results.finish()?;
    Ok(summary)
}

struct Folding {
    aggregation: Aggregation,
    /// The bytes that the groups of a thread may take.
    memory: usize,
}

/// Groups that a thread spills while it processes a block.
#[derive(Default)]
struct Given(Portion);

impl Parcel for Given {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Folding {
    type Scratch = Result<GroupStates, Fault>;
    type Parcel = Given;

    fn scratch(&self) -> Self::Scratch {
        self.aggregation.start()
    }

    /// The groups of a block take many times its length if every record is a group.
    fn longest_block(&self) -> usize {
        self.memory / 64
    }

    fn records(
        &self,
        state: &mut Self::Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        given: &mut Given,
    ) {
        if let Ok(groups) = state {
            self.aggregation.absorb(groups, records, faults);
            if groups.bytes() > self.memory
                && let Err(fault) = self.aggregation.give_up(groups, &mut given.0)
            {
                *state = Err(fault);
            }
        }
    }
}

/// Results that are written while records still arrive.
struct Live<'o> {
    output: &'o mut Output,
    records: u64,
}

impl Live<'_> {
    fn write(&mut self, bytes: &[u8], records: u64) -> anyhow::Result<Flow> {
        self.records += records;
        stage::add(&COUNTERS.records_out, records);
        match records {
            0 => Ok(Flow::More),
            _ => self.output.write(bytes),
        }
    }
}

/// Groups records that are sorted by their keys. Each group is written when the next one begins.
///
/// # Errors
/// Those of [`group`]; or the records are not sorted.
pub fn group_sorted(aggregation: &Aggregation, streams: Streams<'_>) -> anyhow::Result<Summary> {
    let Streams {
        input,
        header,
        settings,
        output,
    } = streams;
    output.write_header(&aggregation.header(), settings.dialect.delimiter)?;
    let layout = &aggregation.layout(header.len(), None);
    let mut grouped = Grouped::new(aggregation);
    let mut live = Live { output, records: 0 };
    let mut deliver = |_: &Block, done: &mut Done| {
        let (Some(state), mut flow) = (done.0.take(), Flow::More) else {
            return Ok(Flow::More);
        };
        grouped.take(aggregation, &state?, &mut |bytes, records| {
            flow = live.write(bytes, records)?;
            Ok(flow == Flow::More)
        })?;
        Ok(flow)
    };
    let work = Sorted(aggregation);
    let (_, mut summary) = stream::sink(input, layout, settings, &work, &mut deliver)?;
    grouped.finish(aggregation, &mut |bytes, records| {
        Ok(live.write(bytes, records)? == Flow::More)
    })?;
    summary.records_out = live.records;
    Ok(summary)
}

struct Sorted<'a>(&'a Aggregation);

/// The groups of a block.
#[derive(Default)]
struct Done(Option<Result<GroupStates, Fault>>);

impl Parcel for Done {
    fn clear(&mut self) {
        self.0 = None;
    }
}

impl Sink for Sorted<'_> {
    type Scratch = ();
    type Parcel = Done;

    fn scratch(&self) {}

    fn records(&self, (): &mut (), records: &Records<'_>, faults: &mut Faults, done: &mut Done) {
        let state = self.0.start().map(|mut state| {
            self.0.absorb(&mut state, records, faults);
            state
        });
        done.0 = Some(state);
    }
}

/// Groups records by time windows. Each window is written when no more records are expected in it.
///
/// # Errors
/// Those of [`group`].
pub fn group_windows(
    windows: &Windows,
    aggregation: &Aggregation,
    streams: Streams<'_>,
) -> anyhow::Result<Summary> {
    let Streams {
        input,
        header,
        settings,
        output,
    } = streams;
    let names = windows.header(aggregation)?;
    output.write_header(&names, settings.dialect.delimiter)?;
    let layout = &aggregation.layout(header.len(), Some(&windows.on));
    // Whether a record is late depends on all records before it.
    let settings = Settings {
        threads: 1,
        ..settings.clone()
    };
    let mut live = Live { output, records: 0 };
    let mut deliver = |_: &Block, said: &mut Said| match said.fault.take() {
        Some(fault) => Err(fault.into()),
        None => live.write(&said.bytes, said.records),
    };
    let work = Windowing(windows, aggregation);
    let (open, mut summary) = stream::sink(input, layout, &settings, &work, &mut deliver)?;
    let open = open.into_iter().next().context("no thread took part")?;
    let mut rest = Vec::new();
    let records = windows.finish(aggregation, &open, &mut rest)?;
    live.write(&rest, records)?;
    summary.records_out = live.records;
    if open.late > 0 {
        let count = counted(open.late as usize, "late record");
        let late = format!("{count} left out, whose windows were done (--late waits longer)");
        summary.notices.push(late);
    }
    Ok(summary)
}

struct Windowing<'w>(&'w Windows, &'w Aggregation);

/// The results of the windows that a block has completed.
#[derive(Default)]
struct Said {
    bytes: Vec<u8>,
    records: u64,
    fault: Option<Fault>,
}

impl Parcel for Said {
    fn clear(&mut self) {
        self.bytes.clear();
        self.records = 0;
        self.fault = None;
    }
}

impl Sink for Windowing<'_> {
    type Scratch = Open;
    type Parcel = Said;

    fn scratch(&self) -> Open {
        Open::default()
    }

    fn records(
        &self,
        open: &mut Open,
        records: &Records<'_>,
        faults: &mut Faults,
        said: &mut Said,
    ) {
        let Windowing(windows, aggregation) = self;
        match windows.absorb(aggregation, open, (records, faults), &mut said.bytes) {
            Ok(spoken) => said.records = spoken,
            Err(fault) => said.fault = Some(fault),
        }
    }
}
