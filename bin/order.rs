//! `order`: sorts records, also more of them than memory holds.
//!
//! Records gather in memory up to `--memory` (a quarter of the machine's), and go to a file without a
//! name in `TMPDIR` behind that, sorted, to be merged at the end. With `--limit N`, memory is what N
//! records need. Records with equal keys stay in the order of the input.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::bail;
use clap::Parser;
use pipewright::cli::{self, MemoryFlag, Program, Shared, Tool, Usage};
use pipewright::fold::order::key::{Direction, Style};
use pipewright::fold::order::keys::{self, Scratch};
use pipewright::fold::order::{Ascent, Keys, OfEqual, Pieces, Portion, Room, Sorter, Wanted};
use pipewright::record::{Block, Faults, Header, Records};
use pipewright::stream::{self, Flow, Input, Output, Parcel, Settings, Sink, Summary};
use pipewright::trust::stage::{self, COUNTERS};

/// Sort records
#[derive(Parser)]
#[command(
    name = "order",
    mut_arg("expression", |arg| arg.value_name("KEYS").help(KEYS).allow_hyphen_values(true)),
    mut_arg("file", |arg| arg.help("Read the keys from FILE")),
    after_help = "\
Examples:
  order country,-price orders.csv
  order 'date(ts), lower(name)' orders.csv
  order -price --limit 10 orders.csv
  order customer_id --unique orders.csv
  order file --natural files.csv
  order ts --check log.csv && echo sorted

Nulls come first, then numbers by value, then text byte by byte ('-' before a key turns all of that
around). Times in ISO 8601 sort as text, where all have the same offset."
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
    fn run(self) -> anyhow::Result<Summary> {
        let settings = self.shared.settings();
        let text = self.program.text()?;
        let keys = keys::Program::parse(&text).map_err(Usage::from)?;
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
            let checking = Checking {
                keys,
                strictly: self.unique,
            };
            return checking.run(&mut input, &header, &settings);
        }
        let wanted = Wanted {
            of_equal: if self.unique {
                OfEqual::First
            } else {
                OfEqual::All
            },
            limit: self.limit,
        };
        let room = Room {
            memory: self.memory.bytes(),
            threads: settings.threads,
        };
        gather(
            keys,
            Sorter::new(wanted, room),
            &mut input,
            &header,
            &settings,
        )
    }
}

/// Sorts all records to standard output.
fn gather(
    keys: Keys,
    mut sorter: Sorter,
    input: &mut Input,
    header: &Header,
    settings: &Settings,
) -> anyhow::Result<Summary> {
    let mut head = Vec::new();
    header.write(settings.dialect.delimiter, &mut head);
    let mut output = Output::standard();
    output.write(&head)?;
    let layout = keys.layout(header.len());
    let gathering = Gathering {
        keys,
        most: AtomicU64::new(u64::MAX),
    };
    let deliver = &mut |_: &Block, gathered: &mut Gathered| {
        let most = sorter.take(&mut gathered.0)?;
        gathering.most.store(most, Ordering::Relaxed);
        Ok(Flow::More)
    };
    let (_, mut summary) = stream::sink(input, &layout, settings, &gathering, deliver)?;
    let mut write = |bytes: &[u8], records| {
        summary.records_out += records;
        stage::add(&COUNTERS.records_out, records);
        Ok(output.write(bytes)? == Flow::More)
    };
    let mut pieces = Pieces::default();
    sorter.finish(&mut |record| pieces.push(record, &mut write))?;
    pieces.write(&mut write)?;
    Ok(summary)
}

/// Puts the records of a block beside their keys.
struct Gathering {
    keys: Keys,
    /// Records whose keys begin with more are not wanted.
    most: AtomicU64,
}

#[derive(Default)]
struct Gathered(Portion);

impl Parcel for Gathered {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Gathering {
    type Scratch = Scratch;
    type Parcel = Gathered;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        gathered: &mut Gathered,
    ) {
        let most = self.most.load(Ordering::Relaxed);
        self.keys
            .add_records(records, faults, scratch, (&mut gathered.0, most));
    }
}

/// Looks whether the records are in order.
struct Checking {
    keys: Keys,
    strictly: bool,
}

impl Checking {
    fn run(
        self,
        input: &mut Input,
        header: &Header,
        settings: &Settings,
    ) -> anyhow::Result<Summary> {
        let (layout, strictly) = (self.keys.layout(header.len()), self.strictly);
        let mut whole = Ascent::default();
        let deliver = &mut |block: &Block, seen: &mut Seen| match whole.join(&mut seen.0, strictly)
        {
            None => Ok(Flow::More),
            Some(line) => bail!("{}:{line}: the record is not in order", block.place.source),
        };
        let (_, summary) = stream::sink(input, &layout, settings, &self, deliver)?;
        Ok(summary)
    }
}

#[derive(Default)]
struct Seen(Ascent);

impl Parcel for Seen {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Checking {
    type Scratch = Scratch;
    type Parcel = Seen;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        seen: &mut Seen,
    ) {
        seen.0
            .see(&self.keys, records, faults, (scratch, self.strictly));
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
