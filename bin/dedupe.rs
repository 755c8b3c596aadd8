//! `dedupe`: keeps one record of each key.
//!
//! The first record of a key goes on as soon as it comes. Memory is what the keys take, up to
//! `--memory`; beyond that, records with other keys wait in a file without a name in `TMPDIR` and
//! come at the end, still in the order of the input. `--keep last` holds all records back.

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use pipewright::cli::{self, MemoryFlag, Program, Shared, Tool, Usage};
use pipewright::fold::budget::Budget;
use pipewright::fold::dedupe::{Deduper, Keyed};
use pipewright::fold::order::key::Direction;
use pipewright::fold::order::keys::{self, Scratch};
use pipewright::fold::order::{Keys, OfEqual};
use pipewright::record::{Block, Faults, Records};
use pipewright::stream::{self, Held, Made, Output, Parcel, Sink, Summary};
use pipewright::trust::stage::{self, COUNTERS};

/// Keep one record of each key
#[derive(Parser)]
#[command(
    name = "dedupe",
    mut_arg("expression", |arg| arg.value_name("KEYS").help(KEYS)),
    mut_arg("file", |arg| arg.help("Read the keys from FILE")),
    after_help = "\
Examples:
  dedupe id orders.csv
  dedupe customer_id --keep last orders.csv
  dedupe 'lower(email), date(ts)' signups.csv
  dedupe 'text(version)' releases.csv
  dedupe '*' orders.csv
  extract orders.csv | dedupe

Values count as the same where '=' says so: 1 and 1.0 are, 1 and 01 are not, and 3.1 and 3.10 are one
number; text(version) takes them as they are spelled. Null is a value of its own."
)]
struct Args {
    #[command(flatten)]
    program: Program,

    /// Which record of a key to keep: 'first', which goes on at once, or 'last'
    #[arg(
        long,
        value_name = "WHICH",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    keep: Keep,

    #[command(flatten)]
    memory: MemoryFlag,

    #[command(flatten)]
    shared: Shared,
}

/// Which record of a key is kept.
#[derive(Clone, Copy, Default, ValueEnum)]
enum Keep {
    /// The first, which goes on at once
    #[default]
    First,
    /// The last
    Last,
}

const KEYS: &str = "What must differ: columns or expressions, in single quotes; without it, whole records from standard input";

impl Tool for Args {
    const NEEDS_EXPRESSION: bool = false;

    fn run(self) -> anyhow::Result<Summary> {
        let settings = self.shared.settings(&self.program.files());
        let text = self.program.text()?;
        let written = match text.as_str() {
            "" => None,
            text => Some(keys::Program::parse(text).map_err(Usage::from)?),
        };
        let (mut input, header) = self.program.open(&settings)?;
        let keys = match written {
            None => Keys::all(&header),
            Some(keys) => keys
                .resolve(&header, &self.program.settings(), Direction::default())
                .map_err(|error| match Path::new(&text).is_file() {
                    true => error.with_hint(format!(
                        "to compare whole records of a file: dedupe '*' {text}"
                    )),
                    false => error,
                })?,
        };
        let mut head = Vec::new();
        header.write(settings.dialect.delimiter, &mut head);
        let mut output = Output::standard();
        output.write(&head)?;
        let budget = Budget {
            memory: self.memory.bytes(),
            threads: settings.threads,
        };
        let of_equal = match self.keep {
            Keep::First => OfEqual::First,
            Keep::Last => OfEqual::Last,
        };
        let mut deduper = Deduper::new(of_equal, budget);
        let (mut made, mut kept) = (Made::default(), 0);
        let layout = keys.layout(header.len());
        let mut deliver = |block: &Block, keyed: &mut Judged| {
            made.clear();
            deduper.take(&keyed.0, &block.bytes, |range| {
                made.keep_line(&block.bytes, range);
            })?;
            kept += made.records;
            stage::add(&COUNTERS.records_out, made.records);
            output.write_made(&block.bytes, &mut made)
        };
        let keying = Keying(keys);
        let (_, mut summary) = stream::sink(&mut input, &layout, &settings, &keying, &mut deliver)?;
        let mut late = Held::new(&mut output);
        deduper.finish(&mut |record| late.write(record))?;
        summary.records_out = kept + late.finish()?;
        Ok(summary)
    }
}

/// Finds the keys of a block's records.
struct Keying(Keys);

#[derive(Default)]
struct Judged(Keyed);

impl Parcel for Judged {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Keying {
    type Scratch = Scratch;
    type Parcel = Judged;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        keyed: &mut Judged,
    ) {
        keyed.0.add_records(&self.0, records, faults, scratch);
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
