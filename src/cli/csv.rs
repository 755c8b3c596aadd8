//! Flags that say how CSV of any kind is written.

use clap::Args;

use crate::record::Dialect;
use crate::source::{Heading, Reading};

use super::{Usage, delimiter, one_byte};

/// What is said about CSV that comes in.
#[derive(Args, Clone, Debug)]
pub struct CsvFlags {
    /// CSV: the source's delimiter, one byte or 'tab' [default: a comma, or by the ending]
    #[arg(short, long, value_name = "CHAR", value_parser = delimiter)]
    pub delimiter: Option<u8>,

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
}

impl CsvFlags {
    /// Which of the flags were given.
    pub fn given(&self) -> Vec<&'static str> {
        [
            ("--delimiter", self.delimiter.is_some()),
            ("--quote", self.quote.is_some()),
            ("--unquote", self.unquote),
            ("--no-header", self.no_header),
            ("--names", !self.names.is_empty()),
            ("--sniff", self.sniff),
        ]
        .into_iter()
        .filter_map(|(flag, is_given)| is_given.then_some(flag))
        .collect()
    }

    /// CSV as the flags have it, with this delimiter where they name none.
    ///
    /// # Errors
    /// A wrong usage: one byte cannot be both delimiter and quote.
    pub fn reading(&self, delimiter: u8) -> anyhow::Result<Reading> {
        let dialect = Dialect {
            delimiter: self.delimiter.unwrap_or(delimiter),
            quote: self.quote.unwrap_or(Quote(Some(b'"'))).0,
        };
        if dialect.quote == Some(dialect.delimiter) {
            return Err(Usage::error("--quote and --delimiter are the same"));
        }
        let names = self.names.iter().map(|name| name.trim().to_owned());
        Ok(Reading::Csv {
            dialect,
            heading: Heading {
                is_there: !self.no_header,
                names: names.collect(),
            },
            sniff: self.sniff,
            unquote: self.unquote,
        })
    }
}

/// The byte that encloses fields, where one does.
#[derive(Clone, Copy, Debug)]
struct Quote(Option<u8>);

fn quote(text: &str) -> Result<Quote, String> {
    match text {
        "none" => Ok(Quote(None)),
        _ => one_byte(text).map(|byte| Quote(Some(byte))),
    }
}
