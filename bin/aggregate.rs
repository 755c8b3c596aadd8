//! `aggregate`: groups records and summarises each group.
//!
//! Groups are kept in memory, and on disk where they take more than `--memory`; they come out in the
//! order of their first records. Every result is the same for any number of threads.

use std::process::ExitCode;

use clap::Parser;
use pipewright::cli::{self, MemoryFlag, Program, Shared, Tool, Usage};
use pipewright::expr::parse;
use pipewright::fold::aggregation::spilled::Spilled;
use pipewright::fold::aggregation::{self, Aggregation, Part, State};
use pipewright::fold::order::{Portion, Room};
use pipewright::record::{Block, Fault, Faults, OnFault, Records};
use pipewright::stream::{self, Flow, Held, Output, Parcel, Sink, Summary};

/// Group records and summarise each group
#[derive(Parser)]
#[command(
    name = "aggregate",
    after_help = "\
Examples:
  aggregate 'n = count(), revenue = sum(qty * price)' --by country orders.csv
  aggregate 'late = round(avg(dep_delay), 1)' --by 'carrier, day = date(time_hour)' flights.csv
  aggregate 'count(), share = sum(paid) / count()' orders.csv
  aggregate 'p95 = quantile(ms, 0.95), worst = arg_max(path, ms)' --by status log.csv

Aggregates skip nulls: count() counts records, count(x) those where x is not null."
)]
struct Args {
    #[command(flatten)]
    program: Program,

    /// Group by these keys: columns, or expressions with or without a name
    #[arg(short, long, value_name = "KEYS")]
    by: Option<String>,

    /// Write states for --merge instead of results
    #[arg(long, conflicts_with = "merge")]
    partial: bool,

    /// Read the states that the same aggregates wrote with --partial, of parts in the order of the whole
    #[arg(long)]
    merge: bool,

    #[command(flatten)]
    memory: MemoryFlag,

    #[command(flatten)]
    shared: Shared,
}

impl Tool for Args {
    fn run(self) -> anyhow::Result<Summary> {
        let mut settings = self.shared.settings();
        let delimiter = settings.dialect.delimiter;
        let text = self.program.text()?;
        let items = parse::items(&text).map_err(Usage::from)?;
        let (mut input, header) = self.program.open(&settings)?;
        let part = match (self.partial, self.merge) {
            (true, _) => Part::First,
            (_, true) => Part::Second,
            _ => Part::Whole,
        };
        if part == Part::Second {
            if settings.policy.on_fault() != OnFault::Fail {
                return Err(Usage::error(
                    "a state can't be left out: --merge takes no --on-error and no --rejects",
                ));
            }
            // Of values that came first in one record of states, the first stands before the others.
            settings.threads = 1;
        }
        let program = aggregation::Program {
            items: &items,
            text: &text,
            by: self.by.as_deref(),
            settings: &self.program.settings(),
            part,
        };
        let aggregation = Aggregation::resolve(&program, &header, delimiter)?;
        let mut head = Vec::new();
        aggregation.header().write(delimiter, &mut head);
        let mut output = Output::standard();
        output.write(&head)?;
        let room = Room {
            memory: self.memory.bytes(),
            threads: settings.threads,
        };
        let layout = aggregation.layout(header.len());
        let mut spilled = Spilled::new(room);
        let fold = Fold {
            aggregation,
            memory: room.memory / 2 / room.threads,
        };
        let mut deliver = |_: &Block, given: &mut Given| {
            spilled.take(&mut given.0)?;
            Ok(Flow::More)
        };
        let (states, mut summary) =
            stream::sink(&mut input, &layout, &settings, &fold, &mut deliver)?;
        let states: Vec<State> = states.into_iter().collect::<Result<_, _>>()?;
        let mut results = Held::new(&mut output);
        fold.aggregation
            .conclude(states, spilled, &mut |record, records| {
                results.write_all(record, records)
            })?;
        summary.records_out = results.finish()?;
        Ok(summary)
    }
}

struct Fold {
    aggregation: Aggregation,
    /// What a thread's groups may take.
    memory: usize,
}

impl Sink for Fold {
    type Scratch = Result<State, Fault>;
    type Parcel = Given;

    fn scratch(&self) -> Self::Scratch {
        self.aggregation.start()
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

/// Groups that a thread gave up while it worked on a block.
#[derive(Default)]
struct Given(Portion);

impl Parcel for Given {
    fn clear(&mut self) {
        self.0.clear();
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
