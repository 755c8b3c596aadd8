//! `extract`: turns sources into the stream.
//!
//! Memory is a few blocks a thread, whatever the input; JSON and logfmt hold the records that are
//! looked at ahead (`--sample`). Text is UTF-8; UTF-16 is refused.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use pipewright::cli::{self, ResumeFlags, Running, Tool, Usage};
use pipewright::expr::columns;
use pipewright::record::Dialect;
use pipewright::source::{Extra, Extraction, Format, Heading, Lead, List, Pattern, Reading};
use pipewright::stream::{Framing, Output, Summary};

/// Turn sources into the stream: CSV in UTF-8 with a header, empty fields for null
///
/// Reads CSV and its relatives, JSON, JSON Lines, access logs, logfmt, and lines by a pattern,
/// gzip and zstd alike. The format is told by a file's ending, or said with --from.
#[derive(Parser)]
#[command(
    name = "extract",
    after_help = "\
Examples:
  extract flights.csv.gz --null NA
  extract 'sales/2024-*.csv' -c 'id, day=date, q_*'
  extract orders.jsonl -c 'id, total=order.total, tags'
  extract access.log.gz --from combined -c time,status,path
  extract app.log --pattern '^(?<time>\\S+) (?<level>[A-Z]+) (?<text>.*)$'
  extract access.log --from combined --resume sqlite:dw.db#web |
    load sqlite:dw.db --table hits --resume-name web

A record goes on as soon as the input pauses: 'tail -f access.log | extract --from combined' is
live. Where JSON's columns are not named by -c, the first --sample records are waited for.

With --resume, files, directories and globs are read on from where the last committed load of NAME
ended, up to their last whole record; a rotated log is found again beside the new one."
)]
struct Args {
    /// Files or quoted globs; '-' is standard input [default: standard input]
    #[arg(value_name = "SOURCE")]
    sources: Vec<PathBuf>,

    /// The format: csv, tsv, psv, json, jsonl, common, combined, logfmt [default: by the ending]
    #[arg(long, value_name = "FORMAT", value_parser = Format::named)]
    from: Option<Format>,

    /// Lines by a regular expression whose named groups, `(?<name>...)`, are the columns
    #[arg(long, value_name = "REGEX", conflicts_with = "from")]
    pattern: Option<String>,

    /// Columns to write, in this order: 'id, new=old, a..d, q_*, !q_tmp'; JSON: paths 'a.b'
    #[arg(short, long, value_name = "LIST")]
    columns: Option<String>,

    /// Text that is null where a field is exactly that and not in quotes (A,B or repeated)
    #[arg(long, value_name = "TEXT", value_delimiter = ',')]
    null: Vec<String>,

    /// Pass over the first N lines of every source
    #[arg(long, value_name = "N", default_value = "0", hide_default_value = true)]
    skip_lines: u64,

    /// Pass over lines that begin with CHAR
    #[arg(long, value_name = "CHAR", value_parser = one_byte)]
    comment: Option<u8>,

    /// CSV: the source's delimiter, one byte or 'tab' [default: a comma, or by the ending]
    #[arg(short, long, value_name = "CHAR", value_parser = cli::delimiter)]
    delimiter: Option<u8>,

    /// CSV: the source's quote; 'none' reads quotes as text [default: "]
    #[arg(long, value_name = "CHAR", value_parser = quote)]
    quote: Option<Quote>,

    /// CSV: quotes mean nothing: "12" is a number, "" is null
    #[arg(long)]
    unquote: bool,

    /// CSV: there is no header; the columns are column_1, column_2 ... or have --names
    #[arg(long)]
    no_header: bool,

    /// CSV: names for all columns, instead of the header's
    #[arg(long, value_name = "A,B,C", value_delimiter = ',')]
    names: Vec<String>,

    /// CSV: guess delimiter and header from the first 64 KiB, and say so
    #[arg(long, conflicts_with_all = ["delimiter", "no_header"])]
    sniff: bool,

    /// JSON, logfmt: find the columns in the first N records, where -c does not name them [default: 1000]
    #[arg(long, value_name = "N")]
    sample: Option<NonZeroUsize>,

    /// JSON, logfmt: a key that is no column: fail, ignore, or column (into '_extra') [default: fail; with -c, ignore]
    #[arg(long, value_name = "WHAT", value_parser = extra)]
    extra: Option<Extra>,

    #[command(flatten)]
    resume: ResumeFlags,

    #[command(flatten)]
    running: Running,
}

impl Tool for Args {
    fn run(self) -> anyhow::Result<Summary> {
        let selectors = self.columns.as_deref().map(columns::parse).transpose();
        let selectors = selectors.map_err(Usage::from)?;
        let pattern = self.pattern.as_deref().map(Pattern::new).transpose();
        let pattern = pattern.map_err(Usage::error)?;
        let paths = self.resume.expanded(&self.sources)?;
        self.running.refuse_clashes(&paths, None)?;
        let reading = match (pattern, self.from, self.delimiter) {
            (Some(pattern), ..) => Reading::Pattern(pattern),
            (_, Some(format), _) => self.reading(format)?,
            (_, None, Some(delimiter)) => self.reading(Format::Csv(delimiter))?,
            _ => self.reading(Format::of_files(&paths).map_err(Usage::error)?)?,
        };
        self.refuse_strangers(&reading)?;
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
        });
        let extraction = Extraction {
            following: (self.resume).following(&self.sources, &reading, list.as_ref())?,
            paths,
            lead: Lead {
                skip: self.skip_lines,
                comment: self.comment,
                quote: reading.quote(),
            },
            reading,
            list,
            nulls: self
                .null
                .iter()
                .map(|text| text.clone().into_bytes())
                .collect(),
            sample: self.sample.map_or(1000, NonZeroUsize::get),
            extra: self.extra,
        };
        let settings = self.running.settings(Dialect::STREAM);
        let summary = extraction.run(&settings, &mut Output::standard())?;
        Ok(self.resume.empty.judge(summary))
    }
}

impl Args {
    /// Flags that say nothing about this format are a mistake.
    fn refuse_strangers(&self, reading: &Reading) -> anyhow::Result<()> {
        let is_csv = matches!(reading, Reading::Csv { .. });
        let is_keyed = matches!(reading, Reading::Json(_) | Reading::Logfmt);
        for (flag, is_given, fits, formats) in [
            ("--delimiter", self.delimiter.is_some(), is_csv, "CSV"),
            ("--quote", self.quote.is_some(), is_csv, "CSV"),
            ("--unquote", self.unquote, is_csv, "CSV"),
            ("--no-header", self.no_header, is_csv, "CSV"),
            ("--names", !self.names.is_empty(), is_csv, "CSV"),
            ("--sniff", self.sniff, is_csv, "CSV"),
            (
                "--sample",
                self.sample.is_some(),
                is_keyed,
                "JSON and logfmt",
            ),
            ("--extra", self.extra.is_some(), is_keyed, "JSON and logfmt"),
        ] {
            if is_given && !fits {
                return Err(Usage::error(format!("{flag} is for {formats} only")));
            }
        }
        Ok(())
    }

    fn reading(&self, format: Format) -> anyhow::Result<Reading> {
        Ok(match format {
            Format::Csv(delimiter) => {
                let dialect = Dialect {
                    delimiter: self.delimiter.unwrap_or(delimiter),
                    quote: self.quote.unwrap_or(Quote(Some(b'"'))).0,
                };
                if dialect.quote == Some(dialect.delimiter) {
                    return Err(Usage::error("--quote and --delimiter are the same"));
                }
                let names = self.names.iter().map(|name| name.trim().to_owned());
                Reading::Csv {
                    dialect,
                    heading: Heading {
                        is_there: !self.no_header,
                        names: names.collect(),
                    },
                    sniff: self.sniff,
                    unquote: self.unquote,
                }
            }
            Format::Json => Reading::Json(Framing::Values),
            Format::JsonLines => Reading::Json(Framing::Lines),
            Format::Access(format) => Reading::Access(format),
            Format::Logfmt => Reading::Logfmt,
        })
    }
}

/// The byte that encloses fields, where one does.
#[derive(Clone, Copy)]
struct Quote(Option<u8>);

fn quote(text: &str) -> Result<Quote, String> {
    match text {
        "none" => Ok(Quote(None)),
        _ => one_byte(text).map(|byte| Quote(Some(byte))),
    }
}

fn one_byte(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        [byte] if !matches!(byte, b'\n' | b'\r') => Ok(*byte),
        _ => Err("give one byte".to_owned()),
    }
}

fn extra(text: &str) -> Result<Extra, String> {
    match text {
        "fail" => Ok(Extra::Fail),
        "ignore" => Ok(Extra::Ignore),
        "column" => Ok(Extra::Column),
        _ => Err("give fail, ignore or column".to_owned()),
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
