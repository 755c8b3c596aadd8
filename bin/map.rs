//! `map`: sets or adds columns.
//!
//! Unchanged fields are copied as they stand. Memory is a few blocks a thread, whatever the input,
//! and what `prev`, `running_sum` and `record_number` carry for each key of `--by`: a program that
//! calls them runs on one thread. A record goes on as soon as the input pauses.

use std::process::ExitCode;

use clap::Parser;
use pipewright::cli::{self, Program, Shared, Tool, Usage};
use pipewright::expr::parse;
use pipewright::expr::sequence::is_called;
use pipewright::stream::{Output, Summary};
use pipewright::verb::Streams;
use pipewright::verb::map::{AskedOfMap, Map};

/// Set or add columns
#[derive(Parser)]
#[command(
    name = "map",
    after_help = "\
Examples:
  map 'total = qty * price, day = date(ts)' orders.csv
  map 'size = if(qty > 10, \"bulk\", \"retail\")' orders.csv
  map --only 'id, total = round(qty * price * 1.19, 2)' orders.csv
  map 'name = trim(upper(name))' --drop first_name,last_name people.csv
  map 'age = :year - year(born)' --set year=2026 people.csv
  map 'n = record_number(), paid = running_sum(amount)' --by customer_id payments.csv
  map 'gap = epoch(ts) - epoch(prev(ts))' --by host log.csv

An assignment to a column that exists replaces it in place; a new one comes last. A later
assignment sees the earlier ones. Numbers are exact decimals: 0.1 + 0.2 is 0.3.

prev(x), running_sum(x) and record_number() go by the records before, in the order of the stream,
for any number of threads. With --by, each key has its own, and memory grows with the number of
keys. A record that is set aside for an error counts for none of them, as if it had not come."
)]
struct Args {
    #[command(flatten)]
    program: Program,

    /// Write only the columns that EXPR names; a bare name there keeps that column
    #[arg(long)]
    only: bool,

    /// Leave out these columns: names, ranges (a..d), globs (q_*)
    #[arg(long, value_name = "COLUMNS", conflicts_with = "only")]
    drop: Option<String>,

    /// Have prev, running_sum and record_number go by the records with the same keys
    #[arg(short, long, value_name = "KEYS")]
    by: Option<String>,

    #[command(flatten)]
    shared: Shared,
}

impl Tool for Args {
    fn more_functions() -> String {
        cli::sequences()
    }

    fn run(self) -> anyhow::Result<Summary> {
        let settings = self.shared.settings(&self.program.files());
        let text = self.program.text()?;
        let items = parse::items(&text).map_err(Usage::from)?;
        if self.by.is_some() && !is_called(&items) {
            return Err(Usage::error(
                "--by is for prev, running_sum and record_number; the expression calls none of them",
            ));
        }
        let (mut input, header) = self.program.open(&settings)?;
        let asked = AskedOfMap {
            text: &text,
            items: &items,
            settings: &self.program.settings(),
            only: self.only,
            drop: self.drop.as_deref(),
            by: self.by.as_deref(),
            delimiter: settings.dialect.delimiter,
        };
        let map = Map::resolve(&asked, &header)?;
        map.run(Streams {
            input: &mut input,
            header: &header,
            settings: &settings,
            output: &mut Output::standard(),
        })
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
