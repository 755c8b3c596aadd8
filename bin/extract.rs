//! `extract`: turns sources into the stream.
//!
//! Memory is a few blocks a thread, whatever the input; JSON and logfmt hold the records that are
//! looked at ahead (`--sample`), and `--ragged pad` a record of up to 256 MiB. Text is UTF-8, or is made
//! so by `--encoding`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use pipewright::bytes::Dialect;
use pipewright::cli::{
    self, CsvFlags, FormatFlags, QueryFlags, ResumeFlags, Running, Sources, Tool, Usage,
};
use pipewright::connector::address;
use pipewright::expr::columns;
use pipewright::files::{Encoding, Lead};
use pipewright::format::Extra;
use pipewright::format::read::Asked;
use pipewright::record::List;
use pipewright::stream::{Output, Summary};
use pipewright::verb::extract::{Extraction, Reading};

/// Turn sources into the stream: CSV in UTF-8 with a header, empty fields for null
///
/// Reads CSV and its relatives, JSON, JSON Lines, access logs, logfmt, and lines by a pattern; gzip,
/// zstd, bzip2 and xz as well. The format is told by a file's ending, or said with --from. Reads
/// tables and queries of SQLite and PostgreSQL.
#[derive(Parser)]
#[command(
    name = "extract",
    after_help = "\
Examples:
  extract flights.csv.gz --null NA
  extract 'sales/2024-*.csv' -c 'id, day=date, q_*'
  extract orders.jsonl -c 'id, total=order.total, tags'
  extract export.txt -d '||' --skip-lines 3 --ragged pad --extra column
  extract access.log.gz --from combined -c time,status,path
  extract app.log --pattern '^(?<time>\\S+) (?<level>[A-Z]+) (?<text>.*)$'
  extract sqlite:shop.db --table orders -c 'id, total'
  extract postgresql://etl@warehouse/shop --query 'SELECT * FROM orders WHERE paid'
  extract access.log --from combined --resume sqlite:dw.db#web |
    load sqlite:dw.db --table hits --resume-name web
  extract sqlite:shop.db#orders --resume-by id --resume sqlite:dw.db#orders |
    load sqlite:dw.db --table orders --resume-name orders

A record goes on as soon as the input pauses: 'tail -f access.log | extract --from combined' is
live. Where JSON's columns are not named by -c, the first --sample records are waited for.
Bytes that are no UTF-8, or not of the --encoding, make a record a bad one.
Columns of CSV files go by name: without -c, a file may lack some of the first file's (null there),
and one with further columns is refused; with -c id,v those do not matter.

With --resume, files, directories and globs are read on from where the last committed load of NAME
ended, up to their last whole record; a rotated log is found again beside the new one.

A database is read in one snapshot and is never written. Its numbers come as it writes them, text
that looks like a number in quotes, times in ISO 8601 (timestamptz in UTC), bytes as \\x00ff, arrays
as PostgreSQL writes them. --resume-by reads the records whose key is greater than the last one that
was loaded, in its order. It wants a key that grows and never repeats: an id, not a date. What it
can see to be none is refused: null, a key that stands twice. On PostgreSQL it waits, 10 seconds at
most, until the transactions that write the table have ended, and so loses none that commit late,
where keys are given as records are written (serial, identity, CACHE 1); not on a standby. If all
keys are smaller than the last one, the numbers began anew: an error, unless --accept-gap.
PostgreSQL's TLS and passwords are as in psql: sslmode, sslrootcert, PGSSLMODE, ~/.pgpass (README)."
)]
struct Args {
    #[arg(id = "files", value_name = "SOURCE", help = sources())]
    sources: Vec<PathBuf>,

    #[command(flatten)]
    format: FormatFlags,

    /// Columns to write, in this order: 'id, new=old, a..d, q_*, !q_tmp'; JSON: paths 'a.b', `a[0].b`
    #[arg(short, long, value_name = "LIST")]
    columns: Option<String>,

    /// Text that is null where a field is exactly that and not in quotes (A,B or repeated)
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    null: Vec<String>,

    /// The text's encoding: utf-8, utf-16, latin1, windows-1251, shift_jis, euc-kr, gb18030 ..., or
    /// auto, which guesses and says so [default: utf-8]
    #[arg(long, value_name = "NAME", value_parser = Encoding::named)]
    encoding: Option<Encoding>,

    /// Pass over the first N lines of every source
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
    skip_lines: u64,

    /// Pass over lines that begin with CHAR
    #[arg(long, value_name = "CHAR", value_parser = cli::one_byte)]
    comment: Option<u8>,

    #[command(flatten)]
    csv: CsvFlags,

    /// JSON, logfmt: find the columns in the first N records, where -c does not name them [default: 1000]
    #[arg(long, value_name = "N")]
    sample: Option<NonZeroUsize>,

    /// JSON, logfmt: a key that is no column; --ragged pad: fields beyond the columns: fail, ignore,
    /// or column (into '_extra') [default: fail; with -c or --ragged, ignore]
    #[arg(long, value_name = "WHAT", value_parser = Extra::named)]
    extra: Option<Extra>,

    #[command(flatten)]
    query: QueryFlags,

    #[command(flatten)]
    resume: ResumeFlags,

    #[command(flatten)]
    running: Running,
}

/// The help of SOURCE.
fn sources() -> String {
    let databases = address::forms(", ");
    format!(
        "Files or quoted globs, '-' for standard input, or {databases} [default: standard input]"
    )
}

impl Tool for Args {
    fn run(self) -> anyhow::Result<Summary> {
        self.resume.begin();
        let selectors = self.columns.as_deref().map(columns::parse).transpose();
        let selectors = selectors.map_err(Usage::from)?;
        let select = |header: &[String]| {
            let selectors = selectors.as_deref().unwrap_or_default();
            let selected = columns::resolve(selectors, header)?;
            Ok(selected
                .into_iter()
                .map(|column| (column.index, column.name))
                .collect())
        };
        let list = selectors.as_deref().map(|selectors| List {
            names: columns::names(selectors),
            select: &select,
            renamed: columns::named(selectors),
            find: columns::finder(selectors),
        });
        let settings = self.running.settings(Dialect::STREAM, &self.sources);
        let sources = match self.query.of(&self.sources)? {
            Sources::Files(files) => files,
            Sources::Database(query) => {
                self.refuse_all_but_queries()?;
                let file = query.file();
                self.running.refuse_clashes(file.as_slice(), None)?;
                let growing = self.resume.growing(self.query.resume_by.as_deref())?;
                let output = &mut Output::standard();
                let summary = query.run(list.as_ref(), growing, &settings, output)?;
                return Ok(self.resume.empty.judge(summary));
            }
        };
        let paths = self.resume.expanded(&sources)?;
        self.running.refuse_clashes(&paths, None)?;
        let reading = self.format.reading(&paths, &self.csv, self.extra)?;
        self.refuse_unfit(&reading)?;
        let encoding = self.encoding.clone().unwrap_or_default();
        if let (Reading::Units(reader), Some(selectors)) = (&reading, &selectors)
            && reader.has_paths()
        {
            columns::refuse_unknown_indexes(selectors).map_err(Usage::from)?;
        }
        let extraction = Extraction {
            following: (self.resume).following(&sources, (&reading, &encoding), list.as_ref())?,
            paths,
            lead: Lead {
                skip: self.skip_lines,
                comment: self.comment,
                quote: reading.quote(),
                ..Lead::default()
            },
            asked: Asked {
                list,
                nulls: (self.null.iter().map(|text| text.clone().into_bytes())).collect(),
                sample: self.sample.map_or(1000, NonZeroUsize::get),
                extra: self.extra,
            },
            encoding,
        };
        let summary = extraction.run(reading, &settings, &mut Output::standard())?;
        Ok(self.resume.empty.judge(summary))
    }
}

impl Args {
    /// Flags that say nothing about how this format is read are a mistake.
    fn refuse_unfit(&self, reading: &Reading) -> anyhow::Result<()> {
        let is_keyed = matches!(reading, Reading::Units(reader) if reader.is_keyed());
        let sample = (self.sample.is_some(), is_keyed);
        let extra = (self.extra.is_some(), is_keyed || reading.mends());
        for (flag, (is_given, fits), formats) in [
            ("--sample", sample, "JSON and logfmt"),
            ("--extra", extra, "JSON, logfmt and --ragged pad"),
        ] {
            if is_given && !fits {
                return Err(Usage::error(format!("{flag} is for {formats} only")));
            }
        }
        Ok(())
    }

    /// The same where a database is the source.
    fn refuse_all_but_queries(&self) -> anyhow::Result<()> {
        let given = [
            ("--null", !self.null.is_empty()),
            ("--skip-lines", self.skip_lines > 0),
            ("--comment", self.comment.is_some()),
            ("--encoding", self.encoding.is_some()),
            ("--sample", self.sample.is_some()),
            ("--extra", self.extra.is_some()),
        ];
        let given = given
            .into_iter()
            .filter_map(|(flag, is_given)| is_given.then_some(flag))
            .chain(self.csv.given())
            .map(str::to_owned);
        let mut given = self.format.given().into_iter().chain(given);
        match given.next() {
            Some(flag) => Err(Usage::error(format!(
                "{flag} says nothing about a database"
            ))),
            None => Ok(()),
        }
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
