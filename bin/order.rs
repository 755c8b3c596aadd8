//! `order`: sorts records, also more of them than memory holds.
//!
//! Records gather in memory up to `--memory` (a quarter of the machine's), and go to a file without a
//! name in `TMPDIR` behind that, sorted, to be merged at the end. With `--limit N`, memory is what N
//! records need. Records with equal keys stay in the order of the input.

use std::process::ExitCode;

use clap::Parser;
use pipewright::cli::{self, MemoryFlag, Program, Shared, Tool, Usage};
use pipewright::fold::order::key::{Direction, Style};
use pipewright::fold::order::{OfEqual, Wanted, keys};
use pipewright::stream::{Output, Summary};
use pipewright::verb::{Streams, order};

/// Sort records
#[derive(Parser)]
#[command(
    name = "order",
    mut_arg("expression", |arg| arg.value_name("KEYS").help(KEYS)),
    mut_arg("file", |arg| arg.help("Read the keys from FILE")),
    after_help = "\
Examples:
  order country,-price orders.csv
  order 'date(ts), lower(name)' orders.csv
  order -price --limit 10 orders.csv
  order customer_id --unique orders.csv
  order file --natural files.csv
  order 'text(version)' releases.csv
  order ts --check log.csv && echo sorted

Nulls come first, then all that reads as a number, by value (07, .5 and 1e3 too), then dates and
times in ISO 8601, by instant (without a zone as UTC), then text byte by byte. '-' before a key turns
all of that around. Quotes play no part; text(version) is sorted as text.

What begins with '-' and spells a flag of one letter (-r, -ru, -j4, -d';') is that flag; any other
name there is a key (-price, -day), and so is all after '--' (order -- -r)."
)]
struct Args {
    #[command(flatten)]
    program: Program,

    /// Turn the whole order around
    #[arg(short, long)]
    reverse: bool,

    /// Write the first N records only
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Keep the first of records whose keys are equal
    #[arg(short, long)]
    unique: bool,

    /// Compare all as text, byte by byte: 10 before 9
    #[arg(long)]
    text: bool,

    /// Compare text with numbers in it as people do: file9 before file10
    #[arg(long, conflicts_with = "text")]
    natural: bool,

    /// Put nulls last, whichever way a key is ordered
    #[arg(long)]
    nulls_last: bool,

    /// Write no records; fail where they are not in order (with --unique: or a key comes twice)
    #[arg(long, conflicts_with_all = ["limit", "memory"])]
    check: bool,

    #[command(flatten)]
    memory: MemoryFlag,

    #[command(flatten)]
    shared: Shared,
}

const KEYS: &str =
    "What to sort by: columns or expressions, in single quotes, '-' before one for descending";

impl Tool for Args {
    const TAKES_HYPHEN: bool = true;

    fn run(self) -> anyhow::Result<Summary> {
        let settings = self.shared.settings(&self.program.files());
        let text = self.program.text()?;
        let keys = keys::Program::parse(&text).map_err(Usage::from)?;
        self.refuse_strange_flag(&text)?;
        let (mut input, header) = self.program.open(&settings)?;
        let direction = Direction {
            style: match (self.text, self.natural) {
                (true, _) => Style::Text,
                (_, true) => Style::Natural,
                _ => Style::Values,
            },
            is_descending: self.reverse,
            nulls_last: self.nulls_last,
        };
        let keys = keys.resolve(&header, &self.program.settings(), direction)?;
        if self.check {
            return order::check(keys, self.unique, header.len(), &mut input, &settings);
        }
        let wanted = Wanted {
            of_equal: match self.unique {
                true => OfEqual::First,
                false => OfEqual::All,
            },
            limit: self.limit,
        };
        let streams = Streams {
            input: &mut input,
            header: &header,
            settings: &settings,
            output: &mut Output::standard(),
        };
        order::sort(keys, wanted, self.memory.bytes(), streams)
    }
}

impl Args {
    /// Refuses `-n 5 orders.csv`, where the keys are a flag of another program and its value a file.
    fn refuse_strange_flag(&self, keys: &str) -> anyhow::Result<()> {
        let files = self.program.files();
        match (keys.trim_start().starts_with('-'), files.first()) {
            (true, Some(file)) if file.as_os_str() != "-" && !file.exists() => {
                Err(Usage::error(format!(
                    "cannot open '{}': no such file; '{}' was taken as the keys ('order --help' lists the flags)",
                    file.display(),
                    keys.trim()
                )))
            }
            _ => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
