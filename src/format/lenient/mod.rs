//! CSV that deviates from RFC 4180: what is accepted, how it is mended, and what is reported.
//!
//! A reader between the source and the strict reader rewrites every record with as many fields as there are columns
//! and quotes where they belong. Good records come out unchanged except for line ends, so that all else (nulls,
//! columns, rejects) is left to the strict reader.

mod mending;
mod split;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::bytes::Dialect;
use crate::record::counted;
use crate::stream::Opener;

use crate::files::Lead;
use crate::format::sniff::headed;
use crate::format::wanted::EXTRA_COLUMN;
use crate::format::{Extra, Heading};
use mending::Mending;
use split::{LONGEST_QUOTED, NextRecord, Quoting, Splitter};

/// What is accepted beyond RFC 4180.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lenient {
    /// The source's delimiter; never empty.
    pub delimiter: Vec<u8>,
    /// How many lines name the columns; at least 1.
    pub header_lines: usize,
    /// Whether broken records are mended, and what then happens to surplus fields. If `None`, the strict reader
    /// refuses broken records.
    pub mends: Option<Extra>,
}

impl Lenient {
    /// Returns whether anything is asked for that the strict reader does not do.
    pub fn is_any(&self) -> bool {
        self.mends.is_some() || self.delimiter.len() > 1 || self.header_lines > 1
    }

    /// Returns whether surplus fields go into a last column.
    pub(crate) fn has_extra_column(&self) -> bool {
        self.mends == Some(Extra::Column)
    }

    /// Returns the dialect of the output for a source with this quote, and whether a quoted field in it counts as
    /// an unquoted one.
    pub(crate) fn written(&self, quote: Option<u8>) -> (Dialect, bool) {
        match (self.delimiter[..].as_ref(), quote) {
            (_, None) => (Dialect::STREAM, true),
            (&[delimiter], quote) => (Dialect { delimiter, quote }, false),
            (_, Some(b',')) => (
                Dialect {
                    delimiter: b';',
                    quote,
                },
                false,
            ),
            (_, quote) => (
                Dialect {
                    delimiter: b',',
                    quote,
                },
                false,
            ),
        }
    }

    /// Returns openers of the same sources, mended, and a tally of what they mend.
    pub(crate) fn openers(
        self,
        openers: Vec<Opener>,
        quote: Option<u8>,
        heading: &Heading,
        lead: Lead,
    ) -> (Vec<Opener>, Arc<Tally>) {
        let tally = Arc::new(Tally::default());
        let width = Arc::new(OnceLock::new());
        if !heading.is_there && !heading.names.is_empty() {
            width.get_or_init(|| heading.names.len());
        }
        let (has_header, header_lines) = (heading.is_there, self.header_lines);
        let openers = openers.into_iter().map(|opener| -> Opener {
            let plan = write::Plan {
                lenient: self.clone(),
                quote,
                lead,
                has_header,
                // Each header sets the width of its own source.
                width: match has_header {
                    true => Arc::default(),
                    false => Arc::clone(&width),
                },
                tally: Arc::clone(&tally),
            };
            Box::new(move || {
                let mut source = opener()?;
                if let ([delimiter], true, 1) = (
                    &plan.lenient.delimiter[..],
                    plan.mends_a_header(),
                    header_lines,
                ) {
                    let dialect = Dialect {
                        delimiter: *delimiter,
                        quote,
                    };
                    source = headed(source, dialect, plan.lead)?;
                }
                let name = Arc::clone(&source.name);
                source.read = Box::new(Mending::new(source.read, name, plan));
                Ok(source)
            })
        });
        (openers.collect(), tally)
    }
}

/// What a lenient look at the first records of a text found.
#[derive(Debug, Default)]
pub(crate) struct Glance {
    /// The number of fields of each record, without blank lines.
    pub(crate) widths: Vec<usize>,
    /// Number of fields with quotes where none belong.
    pub(crate) strays: usize,
    /// Number of fields in quotes.
    pub(crate) quoted: usize,
}

impl Glance {
    /// Returns the most frequent number of fields.
    pub(crate) fn width(&self) -> usize {
        let count = |width: usize| self.widths.iter().filter(|other| **other == width).count();
        let widths = self.widths.iter().copied();
        widths.max_by_key(|width| count(*width)).unwrap_or(0)
    }

    /// Returns how many records have another number of fields.
    pub(crate) fn uneven(&self) -> usize {
        let width = self.width();
        self.widths.iter().filter(|other| **other != width).count()
    }

    /// Returns whether all records have the same number of fields.
    pub(crate) fn is_even(&self) -> bool {
        self.uneven() == 0
    }
}

/// Looks at the first records of a text.
pub(crate) fn glance(text: &[u8], is_whole: bool, delimiter: &[u8], quote: Option<u8>) -> Glance {
    /// This many records are enough.
    const RECORDS: usize = 500;
    let mut splitter = Splitter::new(delimiter, quote, true, LONGEST_QUOTED);
    let (mut glance, mut rest) = (Glance::default(), text);
    while !rest.is_empty() && glance.widths.len() < RECORDS {
        let NextRecord::Record(end) = splitter.next(rest, is_whole) else {
            break;
        };
        let is_blank = matches!(&splitter.fields[..], [field] if field.range.is_empty());
        if !is_blank {
            let count = |kind| {
                (splitter.fields.iter())
                    .filter(|field| field.kind == kind)
                    .count()
            };
            glance.widths.push(splitter.fields.len());
            glance.strays += count(Quoting::Stray);
            glance.quoted += count(Quoting::Quoted);
        }
        splitter.clear();
        rest = &rest[end..];
    }
    glance
}

/// What was mended, in all sources.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Damages>);

#[derive(Debug, Default)]
struct Damages {
    short: Damage,
    surplus: Damage,
    surplus_fields: u64,
    stray: Damage,
    returns: Damage,
}

/// How often something was mended, and where first.
#[derive(Debug, Default)]
struct Damage {
    count: u64,
    first: Option<(Arc<str>, u64)>,
}

impl Damage {
    fn add(&mut self, source: &Arc<str>, line: u64) {
        self.count += 1;
        self.first.get_or_insert_with(|| (Arc::clone(source), line));
    }

    fn told(&self, what: String, told: &mut Vec<String>) {
        if let Some((source, line)) = &self.first {
            told.push(format!("{what} (first: {source}:{line})"));
        }
    }
}

impl Tally {
    fn lock(&self) -> MutexGuard<'_, Damages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a record with fewer fields than there are columns.
    fn short(&self, source: &Arc<str>, line: u64) {
        self.lock().short.add(source, line);
    }

    /// Counts a record with this many surplus fields.
    fn surplus(&self, fields: usize, source: &Arc<str>, line: u64) {
        let mut damages = self.lock();
        damages.surplus_fields += fields as u64;
        damages.surplus.add(source, line);
    }

    /// Counts a field with quotes where none belong.
    fn stray(&self, source: &Arc<str>, line: u64) {
        self.lock().stray.add(source, line);
    }

    /// Counts a line that ended in CR alone.
    fn lone_return(&self, source: &Arc<str>, line: u64) {
        self.lock().returns.add(source, line);
    }

    /// Returns all of it in one sentence, if anything was mended.
    pub(crate) fn notice(&self, extra: Option<Extra>) -> Option<String> {
        let damages = self.lock();
        let count = |damage: &Damage, what| counted(damage.count as usize, what);
        let mut told = Vec::new();
        let short = count(&damages.short, "short record");
        damages.short.told(format!("{short} padded"), &mut told);
        let (fields, records) = (damages.surplus_fields, &damages.surplus);
        let surplus = format!(
            "{} of {} {}",
            counted(fields as usize, "surplus field"),
            count(records, "record"),
            match extra {
                Some(Extra::Column) => "kept in the last column",
                _ => "dropped",
            }
        );
        records.told(surplus, &mut told);
        let stray = count(&damages.stray, "field");
        (damages.stray).told(format!("{stray} with stray quotes kept as text"), &mut told);
        let returns = count(&damages.returns, "line");
        (damages.returns).told(format!("{returns} ended by CR alone"), &mut told);
        (!told.is_empty()).then(|| told.join(", "))
    }
}

#[cfg(test)]
mod tests;
