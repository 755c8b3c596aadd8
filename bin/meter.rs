//! `meter`: shows how fast the stream flows through it, and which stage of a pipeline holds it up.
//!
//! Standard input goes to standard output byte for byte; records are counted on the way, newlines in
//! quotes apart, and nothing is refused. Memory is one buffer.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Parser, ValueEnum};
use pipewright::cli::{self, EndFlags, Progress, Tool};
use pipewright::monitor::{listing, pipeline};
use pipewright::record::RecordCount;
use pipewright::stream::{Flow, Output, Relayed, Source, Summary, relay};
use pipewright::trust::stage::{self, COUNTERS};
use pipewright::trust::{Carried, ends, figures};

/// Show how fast the stream flows, and which stage holds it up
#[derive(Parser)]
#[command(
    name = "meter",
    after_help = "\
Examples:
  meter orders.csv | filter 'price > 900' | load sqlite:shop.db#orders
  extract big.json | meter --size 12G --name orders | load orders.csv
  zcat orders.csv.gz | meter --every 10s 2>progress.log | load sqlite:shop.db#orders
  PIPEWRIGHT_RUN=run ./nightly; meter --stages run

What comes passes on byte for byte. On a terminal (standard error) a line shows records, bytes, time,
and the rates of the last two seconds, with share and time left where the size is known; at the
end there is one line with the whole.

Where PIPEWRIGHT_RUN names a directory, each stage leaves its figures there. --stages shows them
by pipeline. 'waits in' is the share of its time in which a stage waits for who feeds it, 'waits out'
for who reads it; reading and writing files is its own work, and so is what a database does for it. The
bottleneck is the stage that works for longest while it waits for neither."
)]
struct Args {
    /// The file to read instead of standard input ('-' is standard input)
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// How many bytes come in all: 500M, 1.2G [default: a file's size]
    #[arg(short, long, value_name = "BYTES", value_parser = cli::bytes)]
    size: Option<u64>,

    /// Write a line every so often, too, terminal or not: 10s, 5m
    #[arg(long, value_name = "TIME", value_parser = cli::duration)]
    every: Option<Duration>,

    /// A name for the lines
    #[arg(short = 'N', long, value_name = "LABEL")]
    name: Option<String>,

    /// Show nothing
    #[arg(short, long, conflicts_with_all = ["every", "name", "size"])]
    quiet: bool,

    /// Show the stages that left figures in DIR
    #[arg(long, value_name = "DIR", conflicts_with_all = ["file", "size", "every", "name", "quiet"])]
    stages: Option<PathBuf>,

    /// With --stages: a table, or csv
    #[arg(
        long,
        value_name = "FORMAT",
        requires = "stages",
        default_value = "table"
    )]
    to: StagesFormat,

    /// With --stages: show them again each second until all have ended
    #[arg(long, requires = "stages")]
    watch: bool,

    #[command(flatten)]
    ends: EndFlags,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum StagesFormat {
    Table,
    Csv,
}

impl Tool for Args {
    fn run(self) -> anyhow::Result<Summary> {
        if let Some(directory) = &self.stages {
            figures::withdraw();
            return self.show(directory);
        }
        let mut source = match &self.file {
            Some(file) => Source::open(file)?,
            None => Source::standard(),
        };
        let label = self.name.as_ref().map(|name| format!("{name}: "));
        let progress = Progress::of(label.unwrap_or_default(), self.size.or(source.size));
        let watch = match self.quiet {
            true => None,
            false => Watch::start(progress.clone(), self.every),
        };
        let relayed = self.pass(&mut source);
        if let Some(watch) = watch {
            watch.end();
        }
        let summary = progress.summary(stage::read(&COUNTERS.records_in));
        let (notices, carried) = match relayed? {
            Relayed::Whole(carried) if self.quiet => (Vec::new(), carried),
            Relayed::Whole(carried) => (vec![summary], carried),
            Relayed::Left => (Vec::new(), Carried::default()),
        };
        Ok(Summary {
            records_in: stage::read(&COUNTERS.records_in),
            records_out: stage::read(&COUNTERS.records_out),
            notices,
            carried,
            ..Summary::default()
        })
    }
}

impl Args {
    fn pass(&self, source: &mut Source) -> anyhow::Result<Relayed> {
        let mut output = Output::standard();
        let mut count = RecordCount::default();
        let relayed = relay(
            source,
            self.ends.ends(),
            &mut count,
            &mut |piece, records| {
                stage::add(&COUNTERS.records_in, records);
                let flow = output.write(piece)?;
                stage::add(&COUNTERS.records_out, records);
                Ok(flow)
            },
        );
        if count.is_inside() {
            ends::left_open();
        }
        relayed
    }

    fn show(&self, directory: &std::path::Path) -> anyhow::Result<Summary> {
        let mut output = Output::standard();
        let is_terminal = cli::terminal_width().is_some();
        loop {
            let pipelines = pipeline::read(directory)
                .with_context(|| format!("cannot read '{}'", directory.display()))?;
            let goes_on = self.watch
                && (pipelines.is_empty() || pipelines.iter().any(|all| all.is_running()));
            let mut shown = match self.to {
                StagesFormat::Csv => listing::records(&pipelines),
                StagesFormat::Table if pipelines.is_empty() => {
                    b"no stage left figures here\n".to_vec()
                }
                StagesFormat::Table => listing::table(&pipelines).into_bytes(),
            };
            if self.watch && is_terminal {
                shown.splice(0..0, *b"\x1b[H\x1b[2J");
            }
            if is_terminal || !goes_on {
                let flow = output.write(&shown)?;
                if !goes_on || flow == Flow::Enough {
                    return Ok(Summary::default());
                }
            }
            std::thread::sleep(Duration::from_secs(1));
        }
    }
}

/// Shows the progress beside the work: also when nothing comes.
struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Watch {
    /// None where there is nobody to show it to, or the system gives no thread.
    fn start(mut progress: Progress, every: Option<Duration>) -> Option<Self> {
        if every.is_none() && !progress.is_wanted() {
            return None;
        }
        let (stop, stopped) = mpsc::channel();
        let watch = move || {
            let mut next = every.map(|every| Instant::now() + every);
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let records = stage::read(&COUNTERS.records_in);
                progress.show(records);
                let now = Instant::now();
                if let (Some(due), Some(every)) = (next, every)
                    && now >= due
                {
                    next = Some(due + every);
                    progress.clear();
                    cli::say("meter", &progress.line(now, records));
                }
            }
            progress.clear();
        };
        let thread = std::thread::Builder::new().spawn(watch).ok()?;
        Some(Watch { stop, thread })
    }

    /// Leaves the terminal as it was.
    fn end(self) {
        drop(self.stop);
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

/// How often it is looked whether something is to be shown.
const TICK: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    cli::main::<Args>()
}
