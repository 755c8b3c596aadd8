//! `lookup`: joins records with a table.
//!
//! The table is read first and kept in memory, and then the records pass by, live and on all threads.
//! A table that takes more than half of `--memory` is joined on disk: then the records wait for the end of the
//! input, in a file without a name in `TMPDIR`. The order of the records is kept either way.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use pipewright::bytes::Dialect;
use pipewright::cli::{self, MemoryFlag, Shared, Tool, Usage};
use pipewright::connector::address;
use pipewright::expr::columns;
use pipewright::runner::Extracted;
use pipewright::stream::{Framing, Input, Output, Settings, Summary};
use pipewright::trust::Policy;
use pipewright::verb::Streams;
use pipewright::verb::lookup::{AskedOfJoin, How, Join};

/// Join records with a table
#[derive(Parser)]
#[command(
    name = "lookup",
    after_help = "\
Examples:
  lookup customers.csv --on customer_id orders.csv
  lookup customers.csv.gz --on customer_id=id --take 'name, customer_country=country' orders.csv
  lookup sqlite:shop.db#prices --on sku,country --how inner orders.csv
  lookup postgresql://db/shop --query 'SELECT id, name FROM items' --on item=id orders.csv
  lookup blocked.csv --on ip --how anti access.csv
  lookup rates.csv --on currency --asof ordered_at=valid_from --take rate orders.csv

TABLE is anything that extract reads: a file by its ending, a database's table or query. Keys
are the same where '=' says so (1 and 1.0, but not 1.0 and a quoted \"1.0\"), and null is equal to
nothing. A key that the table has twice is an error; --many joins with both. With --asof, times are
compared in time, whatever their offsets, and a key may come once with each of them.
PostgreSQL's TLS and passwords are as in psql: sslmode, sslrootcert, PGSSLMODE, ~/.pgpass (README)."
)]
struct Args {
    #[arg(value_name = "TABLE", help = tables())]
    table: String,

    /// Files to read instead of standard input ('-' is standard input)
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    /// What is the same in both: columns, as NAME, or as RECORD=TABLE where the names differ
    #[arg(long, value_name = "KEYS", required_unless_present = "asof")]
    on: Option<String>,

    /// Of the rows with the same key, join with the latest at or before the record in this column, of times or numbers; NAME, or RECORD=TABLE
    #[arg(long, value_name = "COLUMN", conflicts_with = "many")]
    asof: Option<String>,

    /// What becomes of records: 'left' keeps all, 'inner' those with a match, 'semi' and 'anti' those with and without one, as they are
    #[arg(
        long,
        value_name = "HOW",
        value_enum,
        default_value_t,
        hide_default_value = true,
        hide_possible_values = true
    )]
    how: How,

    /// The table's columns to add, as NAME or NEW=NAME [default: all that are not in --on or --asof]
    #[arg(long, value_name = "COLUMNS")]
    take: Option<String>,

    /// Put this before the names of added columns
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    prefix: String,

    /// Join with all of the rows that have the same key
    #[arg(long)]
    many: bool,

    /// Read the result of this SELECT of the database TABLE
    #[arg(long, value_name = "SQL")]
    query: Option<String>,

    #[command(flatten)]
    memory: MemoryFlag,

    #[command(flatten)]
    shared: Shared,
}

/// The help of TABLE.
fn tables() -> String {
    let databases = address::forms(", ");
    format!("The table: a file, or one of a database ({databases}) as ADDRESS#TABLE")
}

impl Tool for Args {
    fn run(self) -> anyhow::Result<Summary> {
        let settings = self.shared.settings(&self.files);
        let columns = |list: &Option<String>| {
            let list = list.as_deref().map(columns::parse).transpose();
            list.map_err(Usage::from)
        };
        let on = columns(&self.on)?.unwrap_or_default();
        let (asof, take) = (columns(&self.asof)?, columns(&self.take)?);
        if self.table == "-" {
            return Err(Usage::error(
                "the table is no stream: name a file, or <(COMMAND)",
            ));
        }
        self.shared.refuse_clashes(&self.files, None)?;
        let mut table = Extracted::start(&self.table, self.query.as_deref())?;
        let framing = Framing::Records(settings.dialect);
        let mut input = Input::files(&self.files, framing).judging(settings.ends);
        let header = input.header()?;
        let asked = AskedOfJoin {
            on: &on,
            asof: asof.as_deref(),
            take: take.as_deref(),
            how: self.how,
            many: self.many,
            prefix: &self.prefix,
            delimiter: settings.dialect.delimiter,
        };
        let join = Join::new(&asked, &header, &table.header)?;
        let mut output = Output::standard();
        output.write_header(&join.header, settings.dialect.delimiter)?;
        let table_settings = Settings {
            dialect: Dialect::STREAM,
            policy: Policy::default(),
            ..settings.clone()
        };
        let memory = self.memory.bytes();
        let rows = join.read(&mut table.input, &self.table, &table_settings, memory)?;
        table.finish()?;
        let streams = Streams {
            input: &mut input,
            header: &header,
            settings: &settings,
            output: &mut output,
        };
        join.run(rows, streams)
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
