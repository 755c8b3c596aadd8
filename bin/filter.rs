//! `filter`: keeps the records for which an expression is true.
//!
//! Records pass through byte for byte (their line ends become LF) and in order. Memory is a few
//! blocks a thread, whatever the input; a record goes on as soon as the input pauses.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use pipewright::cli::{self, Program, Shared, Tool, Usage};
use pipewright::expr::{Scope, parse};
use pipewright::stream::{AsideFile, Output, Summary};
use pipewright::verb::Streams;
use pipewright::verb::filter::Filter;

/// Keep the records for which an expression is true
#[derive(Parser)]
#[command(
    name = "filter",
    after_help = "\
Examples:
  filter 'dep_delay > 60 and origin in (\"JFK\", \"LGA\")' flights.csv
  extract access.log --from combined | filter 'status >= 500 and path ~ \"^/api/\"'
  filter -v 'email is null' people.csv
  filter 'ts >= :since' --set since=\"$SINCE\" orders.csv
  filter 'price < 10' --else expensive.csv orders.csv > cheap.csv

Null is neither true nor false: 'price > 10' keeps no record without a price, and neither does
'not (price > 10)'; say 'price is null'. Text where a number is needed is an error (--on-error)."
)]
struct Args {
    #[command(flatten)]
    program: Program,

    /// Keep the records for which the expression is not true
    #[arg(short = 'v', long)]
    invert: bool,

    /// Write the other records to FILE
    #[arg(long = "else", value_name = "FILE")]
    otherwise: Option<PathBuf>,

    #[command(flatten)]
    shared: Shared,
}

impl Tool for Args {
    fn run(self) -> anyhow::Result<Summary> {
        let settings = self.shared.settings(&self.program.files());
        let text = self.program.text()?;
        let condition = parse::condition(&text).map_err(Usage::from)?;
        if let Some(path) = &self.otherwise {
            let read = self.program.files();
            self.shared.refuse_clashes(&read, Some(("--else", path)))?;
        }
        let (mut input, header) = self.program.open(&settings)?;
        let condition = Scope {
            text: &text,
            header: &header,
            settings: &self.program.settings(),
        }
        .resolve(&condition)?;
        let mut aside = self
            .otherwise
            .as_deref()
            .map(AsideFile::create)
            .transpose()?;
        let filter = Filter {
            condition,
            invert: self.invert,
        };
        let other = aside.as_mut().map(AsideFile::output);
        let streams = Streams {
            input: &mut input,
            header: &header,
            settings: &settings,
            output: &mut Output::standard(),
        };
        let summary = filter.run(streams, other)?;
        if let Some(aside) = aside {
            aside.keep()?;
        }
        Ok(summary)
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
