//! `filter`: keeps the records for which an expression is true.
//!
//! Records pass through byte for byte (their line ends become LF) and in order. Memory is a few
//! blocks a thread, whatever the input; a record goes on as soon as the input pauses.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use bumpalo::Bump;
use clap::Parser;
use pipewright::cli::{self, Program, Shared, Tool, Usage};
use pipewright::expr::{BATCH, Batch, Node, Scope, parse, renew};
use pipewright::record::{Faults, Layout, Records};
use pipewright::stream::{self, AsideFile, Made, Output, Sink, Summary};

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
        let mut head = Vec::new();
        header.write(settings.dialect.delimiter, &mut head);
        let mut aside = self
            .otherwise
            .as_deref()
            .map(AsideFile::create)
            .transpose()?;
        if let Some(aside) = &mut aside {
            aside.output().write(&head)?;
        }
        let mut output = Output::standard();
        output.write(&head)?;
        let mut columns = BTreeSet::new();
        condition.add_columns(&mut columns);
        let layout = Layout::of(
            header.len(),
            columns.into_iter().map(|column| (column, column)),
        );
        let filter = Filter {
            condition,
            invert: self.invert,
            splits: aside.is_some(),
        };
        let other = aside.as_mut().map(AsideFile::output);
        let summary = stream::pass(&mut input, &layout, &settings, &filter, &mut output, other)?;
        if let Some(aside) = aside {
            aside.keep()?;
        }
        Ok(summary)
    }
}

struct Filter {
    condition: Node,
    invert: bool,
    /// Whether the other records are wanted, too.
    splits: bool,
}

#[derive(Default)]
struct Scratch {
    arena: Bump,
    /// Records without a fault, and those of them that are kept.
    sound: Vec<u32>,
    kept: Vec<u32>,
}

impl Sink for Filter {
    type Scratch = Scratch;
    type Parcel = Made;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        made: &mut Made,
    ) {
        let Scratch { arena, sound, kept } = scratch;
        faults.select_all(sound);
        kept.clear();
        let mut chosen = Vec::with_capacity(BATCH);
        for selection in sound.chunks(BATCH) {
            if faults.left().is_some() {
                break;
            }
            renew(arena);
            let batch = Batch::over(*records, arena);
            chosen.clear();
            chosen.extend_from_slice(selection);
            self.condition.select(&batch, &mut chosen, faults);
            kept.extend_from_slice(&chosen);
        }
        faults.settle(kept);
        if !self.invert && !self.splits {
            keep(kept.iter().copied(), records, made);
            return;
        }
        faults.settle(sound);
        let mut next = kept.iter().copied().peekable();
        let others = sound
            .iter()
            .copied()
            .filter(|record| next.next_if_eq(record).is_none());
        if self.invert {
            keep(others, records, made);
            if self.splits {
                keep(kept.iter().copied(), records, made.aside());
            }
        } else {
            keep(others, records, made.aside());
            keep(kept.iter().copied(), records, made);
        }
    }
}

fn keep(chosen: impl Iterator<Item = u32>, records: &Records<'_>, made: &mut Made) {
    for record in chosen {
        made.keep_record(records, record as usize);
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
