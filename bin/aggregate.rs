//! `aggregate`: groups records and summarises each group.
//!
//! Memory grows with the number of groups, and with the values of `median`, `quantile`, `mode`,
//! `count_distinct` and `string_agg`. Groups come out in the order of their first records, and every
//! result is the same for any number of threads.

use std::process::ExitCode;

use clap::Parser;
use pipewright::cli::{self, Program, Shared, Tool, Usage};
use pipewright::expr::parse;
use pipewright::fold::{Aggregation, State};
use pipewright::record::{Fault, Faults, Records};
use pipewright::stream::{self, Flow, Made, Output, Pass, Summary};
use pipewright::trust::stage::{self, COUNTERS};

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

    #[command(flatten)]
    shared: Shared,
}

impl Tool for Args {
    fn run(self) -> anyhow::Result<Summary> {
        let settings = self.shared.settings();
        let delimiter = settings.dialect.delimiter;
        let text = self.program.text()?;
        let items = parse::items(&text).map_err(Usage::from)?;
        let (mut input, header) = self.program.open(&settings)?;
        let aggregation = Aggregation::resolve(
            (&items, &text),
            self.by.as_deref(),
            &header,
            &self.program.settings(),
            delimiter,
        )?;
        let mut head = Vec::new();
        aggregation.header().write(delimiter, &mut head);
        let mut output = Output::standard();
        output.write(&head)?;
        let fold = Fold(aggregation);
        let (states, mut summary) =
            stream::fold(&mut input, &fold.0.layout(header.len()), &settings, &fold)?;
        let states = states.into_iter().collect::<Result<_, _>>()?;
        let whole = fold.0.join(states)?;
        fold.0.finish(&whole, &mut |bytes, records| {
            summary.records_out += records;
            stage::add(&COUNTERS.records_out, records);
            Ok(output.write(bytes)? == Flow::More)
        })?;
        Ok(summary)
    }
}

struct Fold(Aggregation);

impl Pass for Fold {
    type Scratch = Result<State, Fault>;

    fn scratch(&self) -> Self::Scratch {
        self.0.start()
    }

    fn records(
        &self,
        state: &mut Self::Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        _: &mut Made,
    ) {
        if let Ok(state) = state {
            self.0.absorb(state, records, faults);
        }
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
