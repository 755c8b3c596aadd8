//! `dedupe`: keeps one record of each key.
//!
//! The first record of a key goes on as soon as it comes. Memory is what the keys take, up to
//! `--memory`; beyond that, records with other keys wait in a file without a name in `TMPDIR` and
//! come at the end, still in the order of the input. `--keep last` holds all records back.

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use pipewright::cli::{self, MemoryFlag, Program, Shared, Tool, Usage};
use pipewright::fold::order::key::Direction;
use pipewright::fold::order::{Keys, OfEqual, keys};
use pipewright::stream::{Output, Summary};
use pipewright::verb::{Streams, dedupe};

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
        let of_equal = match self.keep {
            Keep::First => OfEqual::First,
            Keep::Last => OfEqual::Last,
        };
        let streams = Streams {
            input: &mut input,
            header: &header,
            settings: &settings,
            output: &mut Output::standard(),
        };
        dedupe::dedupe(keys, of_equal, self.memory.bytes(), streams)
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
