//! To come.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use pipewright::cli::{self, Running, Tool};
use pipewright::record::{Dialect, Header, counted};
use pipewright::source::{Lead, csv, expanded, openers};
use pipewright::stream::{Framing, Input, Output, Summary, pass};

/// Turn sources into the stream
#[derive(Parser)]
#[command(name = "extract")]
struct Args {
    /// Files, quoted globs, or - for standard input [default: standard input]
    #[arg(value_name = "SOURCE")]
    sources: Vec<PathBuf>,

    /// Columns to write, in this order
    #[arg(short, long)]
    columns: Option<String>,

    /// Field delimiter of the source: one byte, or 'tab'
    #[arg(short, long, value_name = "CHAR", value_parser = cli::delimiter)]
    delimiter: Option<u8>,

    /// The source has no header: columns are called column_1, column_2 ... or as --names says
    #[arg(long)]
    no_header: bool,

    /// Names of all columns, instead of the header's
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    names: Vec<String>,

    /// Text that stands for null where a field is exactly that, unquoted (may be repeated)
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    null: Vec<String>,

    #[command(flatten)]
    running: Running,
}

impl Tool for Args {
    fn run(self) -> anyhow::Result<Summary> {
        let dialect = Dialect::delimited(self.delimiter.unwrap_or(b','));
        let lead = Lead::default();
        let paths = expanded(&self.sources)?;
        let mut input = Input::new(openers(&paths, lead), Framing::Records(dialect));
        let header = self.header(&mut input)?;
        let columns = header.len();
        let (header, picks) = match &self.columns {
            None => (header, (0..columns).collect()),
            Some(list) => {
                let mut names = vec![];
                let mut picks = vec![];
                for item in list.split(',') {
                    let (new, old) = item.split_once('=').unwrap_or((item, item));
                    let column = header.position(old.trim());
                    let column = column.ok_or_else(|| {
                        cli::Usage::error(format!("unknown column '{}'", old.trim()))
                    })?;
                    picks.push(column);
                    names.push(new.trim().to_owned());
                }
                (Header::new(names), picks)
            }
        };
        let table = csv::Table {
            dialect,
            picks,
            nulls: self
                .null
                .iter()
                .map(|null| null.clone().into_bytes())
                .collect(),
            unquote: false,
            without_blank: lead.is_any(),
        };
        let mut output = Output::standard();
        let mut line = Vec::new();
        header.write(b',', &mut line);
        output.write(&line)?;
        let settings = self.running.settings(dialect);
        pass(
            &mut input,
            columns,
            &settings,
            &csv::Extract::new(table, columns),
            &mut output,
            None,
        )
    }
}

impl Args {
    fn header(&self, input: &mut Input) -> anyhow::Result<Header> {
        let names = || {
            self.names
                .iter()
                .map(|name| name.trim().to_owned())
                .collect()
        };
        let found = match self.no_header {
            false => input.header_as_it_stands()?,
            true => match input.first_record()? {
                Some(count) => Header::new(vec![String::new(); count]),
                None if self.names.is_empty() => {
                    anyhow::bail!(
                        "{}: empty; without --names nothing is known of its columns",
                        input.current_name()
                    )
                }
                None => Header::new(names()),
            },
        };
        if self.names.is_empty() {
            return Ok(found.repaired());
        }
        if self.names.len() != found.len() {
            anyhow::bail!(
                "{}: it has {}, --names has {}",
                input.current_name(),
                counted(found.len(), "column"),
                self.names.len()
            );
        }
        Ok(Header::new(names()).repaired())
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
