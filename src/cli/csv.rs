//! Flags that say how CSV of any kind is written.

use std::num::NonZeroUsize;

use clap::{Args, ValueEnum};

use crate::bytes::Dialect;
use crate::format::{Extra, Heading, Lenient};
use crate::verb::extract::Reading;

use super::{Usage, delimiter, one_byte};

/// What is said about CSV that comes in.
#[derive(Args, Clone, Debug)]
pub struct CsvFlags {
    /// CSV: the source's delimiter, such as ';', 'tab', '||' [default: a comma, or by the ending]
    #[arg(short, long, value_name = "TEXT", value_parser = any_delimiter)]
    delimiter: Option<Delimiter>,

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

    /// CSV: guess delimiter, header and lines above it (a title, '#' comments), and say so
    #[arg(long, conflicts_with_all = ["delimiter", "no_header"])]
    sniff: bool,

    /// CSV: the first N lines name the columns: each name is read downwards, joined with blanks
    #[arg(long, value_name = "N", conflicts_with_all = ["no_header", "sniff"])]
    header_lines: Option<NonZeroUsize>,

    /// CSV: records with too few or too many fields: 'fail', or 'pad', which reads broken CSV [default: fail]
    ///
    /// 'pad' mends what it can, counts it, and says so at the end. Short records are filled with
    /// nulls. Fields beyond the columns are left out; --extra column keeps them in a last column
    /// '_extra', as they stand in the source. Quotes that enclose no whole field are text, and so is
    /// one that is never closed, or not within 16 MiB. CR alone ends a line, too. Good CSV comes out
    /// as without the flag.
    #[arg(long, value_name = "HOW", value_enum, hide_possible_values = true)]
    ragged: Option<Ragged>,
}

/// What happens to a record of too few or too many fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Ragged {
    Fail,
    Pad,
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
            ("--header-lines", self.header_lines.is_some()),
            ("--ragged", self.ragged.is_some()),
        ]
        .into_iter()
        .filter_map(|(flag, is_given)| is_given.then_some(flag))
        .collect()
    }

    /// The columns' names that were given.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether the flags say that the source is CSV.
    pub fn has_delimiter(&self) -> bool {
        self.delimiter.is_some()
    }

    /// CSV as the flags have it, with this delimiter where they name none. Of broken records,
    /// `extra` says what happens to fields beyond the columns.
    ///
    /// # Errors
    /// A wrong usage: what separates fields cannot enclose them, too.
    pub fn reading(&self, delimiter: u8, extra: Option<Extra>) -> anyhow::Result<Reading> {
        let quote = self.quote.unwrap_or(Quote(Some(b'"'))).0;
        let delimiter = match &self.delimiter {
            Some(Delimiter(bytes)) => bytes.clone(),
            None => vec![delimiter],
        };
        if quote.is_some_and(|quote| delimiter.contains(&quote)) {
            return Err(Usage::error(match delimiter[..] {
                [_] => "--quote and --delimiter are the same",
                _ => "the --quote is a part of the --delimiter",
            }));
        }
        let names = self.names.iter().map(|name| name.trim().to_owned());
        let dialect = Dialect {
            delimiter: delimiter[0],
            quote,
        };
        // What is left out was counted, and what is kept would change the columns of good CSV: that
        // is for the user to ask.
        let mends = (self.ragged == Some(Ragged::Pad)).then(|| extra.unwrap_or(Extra::Ignore));
        let lenient = Lenient {
            delimiter,
            header_lines: self.header_lines.map_or(1, NonZeroUsize::get),
            mends,
        };
        Ok(Reading::Csv {
            dialect,
            heading: Heading {
                is_there: !self.no_header,
                names: names.collect(),
            },
            sniff: self.sniff,
            unquote: self.unquote,
            lenient: lenient.is_any().then_some(lenient),
        })
    }
}

/// The bytes that separate fields.
#[derive(Clone, Debug)]
struct Delimiter(Vec<u8>);

/// Reads one byte or its name, or several characters that no name was meant to be.
fn any_delimiter(text: &str) -> Result<Delimiter, String> {
    let wrong = "the delimiter is one byte, or several characters that are not all letters and digits, \
                 without quote and line end, or a name: tab, space, comma, semicolon, pipe";
    if let Ok(byte) = delimiter(text) {
        return Ok(Delimiter(vec![byte]));
    }
    let text = text.replace("\\t", "\t");
    let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match is_name || text.contains(['"', '\n', '\r']) {
        true => Err(wrong.to_owned()),
        false => Ok(Delimiter(text.into_bytes())),
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
