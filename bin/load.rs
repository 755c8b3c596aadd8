//! `load`: writes the stream into a table or a file, all of it or none of it.
//!
//! Memory: a few blocks. A table that is yet to be made has its records kept aside first (32 MB in
//! memory, then in TMPDIR), for its types are known only at their end.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use pipewright::cli::{self, CommitFlags, ForgetFlag, Shared, Tool, Usage, Watch};
use pipewright::stream::{Framing, Input, Output, Summary};

use pipewright::connector::target::Address;
use pipewright::connector::{Opening, address};
use pipewright::format::write::Format;
use pipewright::load::{self, InDoubt, Mode};
use pipewright::trust::Ends;

/// Load the stream into a database table, a file or standard output: all of it or none of it
#[derive(Parser, Debug)]
#[command(
    name = "load",
    after_help = "\
Examples:
  load sqlite:delays.db --table flights flights.csv
  load sqlite:delays.db#flights --mode upsert --key day,name < late.csv
  load postgresql://etl@warehouse/sales --table mart.orders orders.csv
  load 'postgresql://etl@db.example.com/sales?sslmode=verify-full' --table orders orders.csv
  load orders.jsonl orders.csv         a new file; to replace one that exists: --mode replace
  extract access.log --from combined --resume sqlite:dw.db#web |
    load sqlite:dw.db --table hits --resume-name web
  load sqlite:dw.db --forget web       the next load of it starts over
  load - orders.csv                    a table to look at
  load - --to markdown orders.csv

Tables: append (the default) adds records, and makes the table if it is absent and a record
comes; create wants it absent; insert adds the records that the table does not have and keeps
those it has; upsert replaces the records of the same --key, which may stand only once in the
stream; replace exchanges all records in one transaction. The table itself stays if the new
values fit it, else it is made anew, or refused if anything of it would be lost.

A table that is made has for each column the narrowest type that loses nothing of any value:
integer, numeric (SQLite: REAL, or TEXT where a double would round), double precision, boolean,
date, timestamp, timestamptz (SQLite: TEXT), else text. Quoted fields and codes like 007 are
text. SQLite has no booleans: true and false become 1 and 0. In a table that is there, each
value is held against its column's type before it is sent: nothing is rounded, cut or guessed
(--on-error).

Files: replace (the default) and append write a new file aside, which takes the old one's name,
owner, group, mode and (on Linux) extended attributes. A link is followed. A file that belongs to
another user, or has several hard links, is refused.

With --resume-name, the records are those that are new since the last load of that name, and are
added behind the others (a csv, tsv or jsonl file is copied, and the copy takes its place). How
far they were read is committed with them, in the table _pipewright_checkpoints or beside the
file in FILE.pipewright: whatever fails, the next run repeats nothing and loses nothing. The
table is kept with it: another table needs another name, and if the table is gone, or is to be
replaced, 'load TARGET --forget NAME' comes first; the next load of NAME then starts over.

PostgreSQL's TLS and passwords are as in psql, with the same options, variables and files:
?sslmode=verify-full&sslrootcert=FILE in the address (or sslrootcert=system), PGSSLMODE,
PGSSLROOTCERT, PGPASSWORD, ~/.postgresql, ~/.pgpass. Without any, TLS is used if the server has
it, and nothing is verified.

The receipt on standard output: target,table,mode,records,inserted,updated,rejected, and what
the stages before have rejected (rejected_upstream), and what the table did not take (ignored).
On a terminal it is a sentence."
)]
struct Args {
    #[arg(help = targets())]
    target: String,

    /// Files of the stream [default: standard input]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// The table, for PostgreSQL with its schema where it needs one (also: TARGET#TABLE)
    #[arg(short, long, value_name = "NAME")]
    table: Option<String>,

    /// The format: csv, tsv, jsonl, json, markdown, table [default: by FILE's ending; '-': table]
    #[arg(long, value_name = "FORMAT")]
    to: Option<Format>,

    /// append, create, insert, replace or upsert [default: append; a file without --resume-name: replace;
    /// none if FILE is given and TARGET is an existing file]
    #[arg(short, long)]
    mode: Option<Mode>,

    /// Columns that identify a record: what an upsert goes by, and unique in a table that is made
    #[arg(short, long, value_name = "NAMES", value_delimiter = ',')]
    key: Vec<String>,

    /// Wait this long for other programs' locks on the database: 30s, 5m
    #[arg(long, value_name = "TIME", value_parser = cli::duration, default_value = "10s")]
    wait: Duration,

    /// Refuse an upstream that leaves no word that it ended well, as foreign programs do
    #[arg(long, conflicts_with = "accept_unclean")]
    require_clean: bool,

    #[command(flatten)]
    commit: CommitFlags,

    #[command(flatten)]
    forget: ForgetFlag,

    #[command(flatten)]
    shared: Shared,
}

/// The help of TARGET.
fn targets() -> String {
    let databases = address::forms(", ");
    format!("{databases}, a file (.csv .tsv .jsonl .json .md), or - for standard output")
}

/// A receipt has at most so many bytes, but for names of targets that are longer than most.
const RECEIPT: u32 = 4096;

fn main() -> ExitCode {
    cli::main::<Args>()
}

impl Tool for Args {
    const WRITES_STREAM: bool = false;

    fn run(self) -> anyhow::Result<Summary> {
        if let Some(summary) = self.forget.run(&self.target)? {
            return Ok(summary);
        }
        let address =
            Address::parse(&self.target, self.table.as_deref(), self.to).map_err(Usage::error)?;
        let mode = self.checked_mode(&address)?;
        self.commit.begin();
        let mut settings = self.shared.settings(&self.files);
        if self.require_clean {
            settings.ends = Ends::Required;
        }
        self.shared
            .refuse_clashes(&self.files, address.file().map(|path| ("TARGET", path)))?;
        let target = address.open(&Opening {
            mode,
            key: &self.key,
            flow: self.commit.flow(),
            wait: self.wait,
            dialect: settings.dialect,
            width: cli::terminal_width(),
        })?;
        let mut input =
            Input::files(&self.files, Framing::Records(settings.dialect)).judging(settings.ends);
        let watch = self.watch(&address);
        let claim = self.commit.claim(&address);
        let mut receipts = (!matches!(address, Address::Standard { .. })).then(Output::standard);
        let loaded = load::load(
            &mut input,
            &settings,
            target,
            claim,
            &mut |records| watch.see(records),
            // A load that fails is repeated, so nothing may be committed if the receipt cannot be
            // written.
            &mut || match &mut receipts {
                Some(output) => output.reserve(RECEIPT),
                None => Ok(()),
            },
        );
        drop(watch);
        let (receipt, mut summary) = loaded.map_err(|error| match address.unharmed() {
            Some(comfort) if !error.is::<InDoubt>() => {
                anyhow::anyhow!("{}; {comfort}", cli::told(&error))
            }
            _ => error,
        })?;
        if let Some(output) = &mut receipts {
            let mut bytes = Vec::new();
            match std::io::stdout().is_terminal() {
                true => bytes.extend(receipt.sentence().into_bytes()),
                false => receipt.write(&mut bytes),
            }
            // The load is done, and a failure would have it done again.
            if let Err(error) = output.write(&bytes) {
                let lost = "the load is committed, but its receipt is not written";
                summary
                    .notices
                    .push(format!("{lost}: {}", cli::told(&error)));
            }
        }
        Ok(self.commit.empty.judge(summary))
    }
}

impl Args {
    /// Shows on a terminal how far it has come, unless records are shown or typed there.
    fn watch(&self, address: &Address) -> Watch {
        let is_standard = |path: &PathBuf| path.as_os_str() == "-";
        let is_typed = self.files.is_empty() || self.files.iter().any(is_standard);
        let is_shown = matches!(address, Address::Standard { .. });
        Watch::start(
            is_shown && std::io::stdout().is_terminal()
                || is_typed && std::io::stdin().is_terminal(),
        )
    }

    /// Refuses to replace a file without being told so if other files are named: TARGET and FILE may
    /// have been swapped, as in `cp`.
    fn refuse_swapped(&self, address: &Address) -> anyhow::Result<()> {
        let Address::File { path, .. } = address else {
            return Ok(());
        };
        let may_be_target = |file: &PathBuf| match std::fs::metadata(file) {
            Ok(metadata) => metadata.is_file(),
            Err(_) => file.as_os_str() != "-",
        };
        if self.mode.is_none() && path.is_file() && self.files.iter().any(may_be_target) {
            return Err(Usage::error(format!(
                "'{}' exists; TARGET is the first argument: give --mode replace or --mode append to write to it",
                path.display()
            )));
        }
        Ok(())
    }

    /// The mode, where the target knows it and the key goes with it.
    fn checked_mode(&self, address: &Address) -> anyhow::Result<Mode> {
        let wrong = |message: &str| Err(Usage::error(message));
        self.refuse_swapped(address)?;
        let mode = self.commit.mode(address, self.mode)?;
        match (address, mode) {
            (Address::File { .. } | Address::Standard { .. }, _) if !self.key.is_empty() => {
                wrong("--key is for tables")
            }
            (_, Mode::Upsert) if self.key.is_empty() => {
                wrong("an upsert needs the columns that identify a record: --key NAMES")
            }
            _ => Ok(mode),
        }
    }
}
