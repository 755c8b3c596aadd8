//! From sources to the stream: which reader runs over what, and under which header.

use std::path::PathBuf;

use crate::record::{Dialect, Header};
use crate::stream::{Convert, Framing, Input, Output, Settings, Summary, convert, pass};

use super::json::{Json, JsonSurvey};
use super::log::{AccessFormat, AccessLog};
use super::logfmt::{Logfmt, LogfmtSurvey};
use super::pattern::Pattern;
use super::wanted::{EXTRA_COLUMN, Extra, Survey, Wanted, survey};
use super::{Heading, Lead, Picked, csv, openers, sniff};

/// What is to be read, and how.
pub struct Extraction<'l> {
    /// The files, which exist; `-` is standard input.
    pub paths: Vec<PathBuf>,
    /// Lines that are no data.
    pub lead: Lead,
    /// The format, with what is said about it.
    pub reading: Reading,
    /// The columns that the user listed; all where none.
    pub list: Option<List<'l>>,
    /// Texts that stand for null.
    pub nulls: Vec<Vec<u8>>,
    /// Records that bring their names: how many are looked at to know them.
    pub sample: usize,
    /// Records that bring their names: what happens to others. Where none is said, they are
    /// ignored if the user named the columns, and a fault if not.
    pub extra: Option<Extra>,
}

/// A list of columns, whatever language it is written in.
pub struct List<'l> {
    /// The names that it asks for, where it asks by nothing else.
    pub names: Option<Vec<String>>,
    /// The columns that it selects of a header: place and name of each.
    pub select: &'l Select<'l>,
}

/// The places and names of the columns that are selected of a header.
pub type Select<'l> = dyn Fn(&[String]) -> anyhow::Result<Vec<(usize, String)>> + 'l;

/// A format, with what is said about it.
pub enum Reading {
    /// CSV and its relatives.
    Csv {
        /// Delimiter and quote.
        dialect: Dialect,
        /// Where the columns' names come from.
        heading: Heading,
        /// Whether delimiter and header are guessed instead.
        sniff: bool,
        /// Whether quotes mean nothing.
        unquote: bool,
    },
    /// JSON in lines or as values.
    Json(Framing),
    /// logfmt.
    Logfmt,
    /// Access logs.
    Access(AccessFormat),
    /// Lines by a pattern.
    Pattern(Pattern),
}

impl Reading {
    /// What encloses fields in which a line's start is none.
    pub fn quote(&self) -> Option<u8> {
        match self {
            Reading::Csv { dialect, .. } => dialect.quote,
            _ => None,
        }
    }
}

impl Extraction<'_> {
    /// Reads all sources and writes the stream to `output`, the header at once. The dialect in
    /// `settings` is not looked at.
    ///
    /// # Errors
    /// A source cannot be read or is damaged, its columns are not those that were asked for or
    /// expected, a bad record that the policy does not allow.
    pub fn run(mut self, settings: &Settings, output: &mut Output) -> anyhow::Result<Summary> {
        match std::mem::replace(&mut self.reading, Reading::Logfmt) {
            Reading::Csv {
                dialect,
                heading,
                sniff,
                unquote,
            } => self.csv(dialect, heading, sniff, unquote, settings, output),
            Reading::Json(framing) => {
                let (header, wanted, input) = self.wanted::<JsonSurvey>(framing, settings)?;
                lines(
                    input,
                    &header,
                    &Json::new(wanted, framing),
                    settings,
                    output,
                )
            }
            Reading::Logfmt => {
                let (header, wanted, input) =
                    self.wanted::<LogfmtSurvey>(Framing::Lines, settings)?;
                lines(input, &header, &Logfmt::new(wanted), settings, output)
            }
            Reading::Access(format) => {
                let names = format.columns().iter().map(|name| (*name).to_owned());
                let (header, picked) = self.picked(Header::new(names.collect()))?;
                let log = AccessLog { format, picked };
                lines(
                    self.input(Framing::Lines, settings),
                    &header,
                    &log,
                    settings,
                    output,
                )
            }
            Reading::Pattern(pattern) => {
                let (header, picked) = self.picked(Header::new(pattern.columns()))?;
                let matching = pattern.picking(picked);
                lines(
                    self.input(Framing::Lines, settings),
                    &header,
                    &matching,
                    settings,
                    output,
                )
            }
        }
    }

    fn input(&self, framing: Framing, settings: &Settings) -> Input {
        Input::new(openers(&self.paths, self.lead), framing).judging(settings.ends)
    }

    fn csv(
        self,
        mut dialect: Dialect,
        mut heading: Heading,
        is_sniffed: bool,
        unquote: bool,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        let mut openers = openers(&self.paths, self.lead);
        let mut sniffed = None;
        if is_sniffed {
            let found = sniff(&mut openers, dialect.quote)?;
            dialect.delimiter = found.delimiter;
            heading.is_there = found.has_header;
            sniffed = Some(found.to_string());
        }
        let mut input = Input::new(openers, Framing::Records(dialect)).judging(settings.ends);
        let header = heading.read(&mut input)?;
        let columns = header.len();
        let (header, picked) = self.picked(header)?;
        let table = csv::Table {
            dialect,
            picked,
            unquote,
            without_blank: self.lead.is_any(),
        };
        let extract = csv::Extract::new(table, columns);
        let settings = Settings {
            dialect,
            ..settings.clone()
        };
        begin(&header, output)?;
        let mut summary = pass(&mut input, columns, &settings, &extract, output, None)?;
        let notices: Vec<String> = sniffed.into_iter().chain(summary.notice).collect();
        summary.notice = (!notices.is_empty()).then(|| notices.join("; "));
        Ok(summary)
    }

    /// Which fields are read of records that bring their names with them.
    fn wanted<S: Survey>(
        &self,
        framing: Framing,
        settings: &Settings,
    ) -> anyhow::Result<(Header, Wanted, Input)> {
        let mut input = self.input(framing, settings);
        let asked = self.list.as_ref().and_then(|list| list.names.clone());
        let (names, sampled) = match asked {
            Some(names) => (names, None),
            None => {
                let (names, count) = survey::<S>(&mut input, self.sample)?;
                (names, Some(count))
            }
        };
        let extra = self.extra.unwrap_or(match sampled {
            Some(_) => Extra::Fail,
            None => Extra::Ignore,
        });
        let (header, Picked { picks, nulls }) = self.picked(Header::new(names.clone()))?;
        let mut columns = header.names().to_vec();
        if extra == Extra::Column {
            columns.push(EXTRA_COLUMN.to_owned());
        }
        let wanted = Wanted {
            names,
            picks,
            sampled,
            extra,
            nulls,
        };
        Ok((Header::new(columns).repaired(), wanted, input))
    }

    /// What the list selects of a header.
    fn picked(&self, header: Header) -> anyhow::Result<(Header, Picked)> {
        let nulls = self.nulls.clone();
        let Some(list) = &self.list else {
            let picks = (0..header.len()).collect();
            return Ok((header, Picked { picks, nulls }));
        };
        let (picks, names) = (list.select)(header.names())?.into_iter().unzip();
        Ok((Header::new(names), Picked { picks, nulls }))
    }
}

/// Runs a converter of lines or values.
fn lines<C: Convert>(
    mut input: Input,
    header: &Header,
    converter: &C,
    settings: &Settings,
    output: &mut Output,
) -> anyhow::Result<Summary> {
    begin(header, output)?;
    convert(&mut input, settings, converter, output)
}

/// Writes the header at once, so that whatever reads the stream can begin.
pub(super) fn begin(header: &Header, output: &mut Output) -> anyhow::Result<()> {
    let mut line = Vec::new();
    header.write(b',', &mut line);
    output.write(&line)?;
    Ok(())
}
