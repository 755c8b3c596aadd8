//! `aggregate`: groups records and summarises each group.
//!
//! Groups are kept in memory, and on disk where they take more than `--memory`; they come out in the
//! order of their first records. Every result is the same for any number of threads.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use pipewright::cli::{self, MemoryFlag, Program, Shared, Tool, Usage};
use pipewright::expr::parse;
use pipewright::fold::aggregation::windows::Windows;
use pipewright::fold::aggregation::{self, Aggregation, Phase};
use pipewright::record::{Header, OnFault};
use pipewright::stream::{Output, Summary};
use pipewright::verb::{Streams, aggregate};

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
  tail -f access.csv | aggregate 'requests = count()' --window 5m --on time --late 10s
  for day in mon tue; do aggregate --partial 'n = count()' --by sku $day.csv >$day.part; done
  aggregate --merge 'n = count()' --by sku mon.part tue.part

Aggregates skip nulls: count() counts records, count(x) those where x is not null. Keys are the same
where '=' says so: 3.1 and 3.10 are one number, and --by 'text(version)' takes them as spelled.

A window is done when a record's time is its end, or --late more. A time that is more than one window
ahead of all others counts only if three records in a row are as far ahead."
)]
struct Args {
    #[command(flatten)]
    program: Program,

    /// Group by these keys: columns, or expressions with or without a name
    #[arg(short, long, value_name = "KEYS")]
    by: Option<String>,

    /// Group by windows of this length, too; each is written as soon as it is past
    #[arg(long, value_name = "TIME", value_parser = cli::duration, requires = "on", conflicts_with = "memory")]
    window: Option<Duration>,

    /// The time of a record, for --window: a column, or an expression
    #[arg(long, value_name = "EXPR", requires = "window")]
    on: Option<String>,

    /// Begin a window every TIME, so that they overlap [default: one behind the other]
    #[arg(long, value_name = "TIME", value_parser = cli::duration, requires = "window")]
    slide: Option<Duration>,

    /// Wait so long for records whose time is before that of others; later ones are left out and counted
    #[arg(long, value_name = "TIME", value_parser = cli::duration_or_none, requires = "window")]
    late: Option<Duration>,

    /// The input is sorted by the keys: write each group when the next one begins, and keep none
    #[arg(long, requires = "by", conflicts_with = "window")]
    sorted: bool,

    /// Write states for --merge instead of results; with --merge, put states together
    #[arg(long, conflicts_with = "window")]
    partial: bool,

    /// Read what the same aggregates wrote with --partial, the parts in the order of the whole
    #[arg(long, conflicts_with = "window")]
    merge: bool,

    #[command(flatten)]
    memory: MemoryFlag,

    #[command(flatten)]
    shared: Shared,
}

impl Tool for Args {
    fn more_functions() -> String {
        cli::aggregates()
    }

    fn run(self) -> anyhow::Result<Summary> {
        let settings = self.shared.settings(&self.program.files());
        let text = self.program.text()?;
        let items = parse::items(&text).map_err(Usage::from)?;
        let is_left_out = settings.policy.on_fault() == OnFault::SetAside;
        if self.merge && is_left_out {
            return Err(Usage::error(
                "a state can't be left out: --merge takes no --on-error and no --rejects",
            ));
        }
        let (mut input, header) = self.program.open(&settings)?;
        let program = aggregation::Program {
            items: &items,
            text: &text,
            by: self.by.as_deref(),
            settings: &self.program.settings(),
            part: match (self.partial, self.merge) {
                (true, false) => Phase::First,
                (true, true) => Phase::Between,
                (false, true) => Phase::Last,
                (false, false) => Phase::Whole,
            },
        };
        let aggregation = Aggregation::resolve(&program, &header, settings.dialect.delimiter)?;
        let windows = self.windows(&program, &header, is_left_out)?;
        let streams = Streams {
            input: &mut input,
            header: &header,
            settings: &settings,
            output: &mut Output::standard(),
        };
        match windows {
            Some(windows) => aggregate::group_windows(&windows, &aggregation, streams),
            None if self.sorted => aggregate::group_sorted(&aggregation, streams),
            None => aggregate::group(aggregation, self.memory.bytes(), streams),
        }
    }
}

/// A record is in so many windows at most.
const MOST_WINDOWS: u128 = 10_000;

impl Args {
    fn windows(
        &self,
        program: &aggregation::Program<'_>,
        header: &Header,
        refuses_late: bool,
    ) -> anyhow::Result<Option<Windows>> {
        let (Some(size), Some(on)) = (self.window, &self.on) else {
            return Ok(None);
        };
        let slide = self.slide.unwrap_or(size);
        if slide > size {
            return Err(Usage::error(
                "--slide is longer than --window: records between two windows would be lost",
            ));
        }
        if size.as_nanos() / slide.as_nanos() > MOST_WINDOWS {
            return Err(Usage::error(format!(
                "--slide is too short for --window: a record would be in more than {MOST_WINDOWS} windows"
            )));
        }
        let nanoseconds = |length: Duration| length.as_nanos() as i128;
        Ok(Some(Windows {
            on: program.resolve_one(on, header)?,
            size: nanoseconds(size),
            slide: nanoseconds(slide),
            late: self.late.map_or(0, nanoseconds),
            refuses_late,
        }))
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
