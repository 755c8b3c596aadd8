//! Reads sources into the stream: chooses the reader, the columns and the header.

use std::path::PathBuf;

use crate::bytes::Dialect;
use crate::record::{Header, Malformed};
use crate::stream::{Framing, Input, Opener, Output, Settings, Summary, pass};

use crate::files::encoding::Encoding;
use crate::files::seen::SeenBeginnings;
use crate::files::{Lead, ToText, openers};
use crate::format::drift::{Absences, ByName, Columns, New};
use crate::format::read::{Asked, Reader, Way, with_extra};
use crate::format::sniff::{Terms, sniff};
use crate::format::{Heading, Lenient, Picked, csv};
use crate::resume::{Following, Growing};

/// What to read, and how.
pub struct Extraction<'l> {
    /// The files, which must exist; `-` is standard input.
    pub paths: Vec<PathBuf>,
    /// Lines that are not data.
    pub lead: Lead,
    /// The options for all formats.
    pub asked: Asked<'l>,
    /// The encoding of the sources; UTF-8 if `following` is set.
    pub encoding: Encoding,
    /// Set if the files are read from where the last load ended.
    pub following: Option<Following>,
}

/// A format with its options.
pub enum Reading {
    /// CSV and similar formats.
    Csv {
        /// Delimiter and quote.
        dialect: Dialect,
        /// Where the column names come from.
        heading: Heading,
        /// Whether the delimiter and the presence of a header are guessed.
        sniff: bool,
        /// Whether a quoted field counts as an unquoted one.
        unquote: bool,
        /// Set if the source may deviate from RFC 4180. Its delimiter is then separate from that of `dialect`.
        lenient: Option<Lenient>,
    },
    /// Lines or values.
    Units(Box<dyn Reader>),
}

impl Reading {
    /// Returns the quote, for the search of comment lines: a line that starts inside quotes is data.
    pub fn quote(&self) -> Option<u8> {
        match self {
            Reading::Csv { dialect, .. } => dialect.quote,
            _ => None,
        }
    }

    /// Whether broken records are repaired.
    pub fn mends(&self) -> bool {
        matches!(self, Reading::Csv { lenient: Some(lenient), .. } if lenient.mends.is_some())
    }
}

impl Extraction<'_> {
    /// Reads all sources and writes the stream to `output`, starting with the header. The dialect in `settings` is
    /// ignored.
    ///
    /// # Errors
    /// A source cannot be read or is damaged; its columns are not those that were asked for or expected; or a bad
    /// record that the policy does not allow.
    pub fn run(
        mut self,
        reading: Reading,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        self.lead.leaves_marks = matches!(reading, Reading::Csv { .. });
        let headed = match &reading {
            Reading::Csv {
                dialect, heading, ..
            } if heading.is_there => Some(*dialect),
            _ => None,
        };
        let mut growing = match self.following.take() {
            Some(following) => Some(following.begin(self.lead, headed)?),
            None => None,
        };
        let mut summary = self.read(reading, growing.as_mut(), settings, output)?;
        if let Some(growing) = growing {
            growing.end(&mut summary)?;
        }
        Ok(summary)
    }

    fn read(
        self,
        reading: Reading,
        growing: Option<&mut Growing>,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        let nothing = Lead {
            quote: self.lead.quote,
            ..Lead::default()
        };
        // A lenient reader skips lines itself, because it knows better where they end.
        let (lead, later) = match &reading {
            Reading::Csv {
                lenient: Some(_), ..
            } => (nothing, self.lead),
            _ => (self.lead, nothing),
        };
        let to_text = ToText {
            encoding: self.encoding.clone(),
            lead,
            ..ToText::default()
        };
        let openers = match &growing {
            Some(growing) => growing.openers(),
            None => openers(&self.paths, &to_text),
        };
        let guesses = to_text.guesses;
        let seen = SeenBeginnings::default();
        let malformed = self.encoding.malformed(&guesses, &seen);
        let mut told = None;
        let mut summary = match reading {
            Reading::Csv {
                mut dialect,
                mut heading,
                sniff: is_sniffed,
                unquote,
                mut lenient,
            } => {
                let mut openers = openers;
                let mut has_marks = self.lead.is_any();
                if is_sniffed {
                    let found = sniff(&mut openers, later)?;
                    openers = found.applied(openers, later);
                    (dialect.delimiter, heading.is_there) = (found.delimiter, found.has_header);
                    if let Some(lenient) = &mut lenient {
                        lenient.delimiter = vec![found.delimiter];
                    }
                    has_marks |= found.title_lines > 0;
                    told = Some(found.to_string());
                }
                let own = lenient.as_ref().map(|lenient| &lenient.delimiter[..]);
                if let Some(&[delimiter]) = own {
                    dialect.delimiter = delimiter;
                }
                let terms = Terms {
                    dialect,
                    has_long_delimiter: own.is_some_and(|own| own.len() > 1),
                    has_header: heading.is_there && heading.names.is_empty(),
                    has_comments: self.lead.comment.is_some(),
                    is_sniffed,
                    is_mended: lenient.is_some(),
                };
                let table = csv::CsvSource {
                    dialect,
                    picked: Picked::default(),
                    unquote,
                };
                let source = Tabular {
                    openers: seen.of(openers),
                    table,
                    heading,
                    growing,
                    malformed: malformed.with_marks(has_marks),
                    terms,
                    seen,
                    later,
                };
                match lenient {
                    Some(lenient) => self.lenient(lenient, source, settings, output),
                    None => self.csv(source, false, settings, output),
                }?
            }
            Reading::Units(reader) => {
                let input = input(seen.of(openers), reader.framing(), malformed, settings);
                let way = Way {
                    input,
                    settings,
                    output,
                };
                reader.run(&self.asked, way)?
            }
        };
        summary.tell_first(guesses.notice().into_iter().chain(told));
        Ok(summary)
    }

    /// Reads CSV that is first converted to strict CSV.
    fn lenient(
        self,
        lenient: Lenient,
        mut source: Tabular<'_>,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        let (mends, has_extra) = (lenient.mends, lenient.has_extra_column());
        let quote = source.table.dialect.quote;
        let (written, unquote) = lenient.written(quote);
        let (openers, tally) = lenient.openers(source.openers, quote, &source.heading, self.lead);
        source.openers = openers;
        source.table.dialect = written;
        source.table.unquote |= unquote;
        let mut summary = self.csv(source, has_extra, settings, output)?;
        summary.tell_first(tally.notice(mends));
        Ok(summary)
    }

    /// Reads strict CSV, and adds hints from its beginning on how it may have to be read. If `has_extra`, its last
    /// column is for surplus fields and is not one of the source.
    fn csv(
        self,
        source: Tabular<'_>,
        has_extra: bool,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        let (terms, seen, later) = (source.terms, source.seen.clone(), source.later);
        let mut own = None;
        let result = self.strict(source, (has_extra, &mut own), settings, output);
        let start = seen.first().without(later);
        let notice = own.and_then(|columns| terms.notice(columns, &start));
        match result {
            Ok(mut summary) => {
                summary.tell_first(notice);
                Ok(summary)
            }
            Err(error) => {
                let start = seen.last().without(later);
                Err(terms.explained(error, notice.filter(|_| own == Some(1)), &start))
            }
        }
    }

    /// Reads strict CSV. Sets `found` to the number of columns in the header, once it was read from the source.
    fn strict(
        self,
        source: Tabular<'_>,
        (has_extra, found): (bool, &mut Option<usize>),
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        let Tabular {
            openers,
            table,
            heading,
            growing,
            malformed,
            ..
        } = source;
        let framing = Framing::Records(table.dialect);
        let mut input = input(openers, framing, malformed, settings);
        let nothing = match &growing {
            Some(growing) => growing.header_of_nothing()?,
            None => None,
        };
        let is_read = nothing.is_none();
        let first = match nothing {
            Some(header) => header,
            None => heading.read(&mut input, has_extra)?,
        };
        *found = is_read.then_some(first.len());
        let is_by_name = heading.is_there && heading.names.is_empty();
        let before = match &growing {
            Some(growing) if is_by_name || !is_read => growing.columns(),
            _ => None,
        };
        let columns = match before {
            Some((_, before)) => Columns::of_last_load(before, self.asked.list.as_ref()),
            None => self.columns(&first, is_by_name && !input.is_last()),
        }?;
        let load = before.map(|(load, _)| load.to_owned());
        let mut header = Header::new(columns.names.clone());
        if let Some(growing) = growing {
            growing.hold(&header)?;
        }
        let base = columns.base(&first);
        let mut picked = Picked {
            picks: columns.picks(&base),
            nulls: self.asked.nulls.clone(),
        };
        let own = base.len();
        if has_extra {
            picked.picks.push(own);
            header = with_extra(&header);
        }
        let absences = Absences::default();
        if is_by_name && is_read {
            let by_name = ByName {
                new: New::of(self.asked.list.as_ref()),
                unseen: match load {
                    Some(_) => Vec::new(),
                    None => columns.of_files().names().to_vec(),
                },
                columns,
                base,
                load,
                has_extra,
                delimiter: table.dialect.delimiter,
                absences: absences.clone(),
            };
            by_name.apply(&first, &mut input)?;
        }
        let columns = own + usize::from(has_extra);
        let settings = Settings {
            dialect: table.dialect,
            ..settings.clone()
        };
        let extract = csv::Extract::new(csv::CsvSource { picked, ..table }, columns);
        output.write_header(&header, Dialect::STREAM.delimiter)?;
        let layout = extract.layout();
        let mut summary = pass(&mut input, layout, &settings, &extract, output, None)?;
        summary.notices.extend(absences.notices());
        Ok(summary)
    }

    /// Returns the columns to read from CSV whose first source has this header. If there is `more`, listed names
    /// may also belong to later sources.
    fn columns(&self, first: &Header, more: bool) -> anyhow::Result<Columns> {
        let error = match self.asked.picked(first.clone()) {
            Ok((header, Picked { picks, .. })) => return Ok(Columns::of(first, &picks, &header)),
            Err(error) => error,
        };
        let listed = match &self.asked.list {
            Some(list) if more => Columns::listed(list)?,
            _ => None,
        };
        listed.filter(|listed| listed.is_any_in(first)).ok_or(error)
    }
}

/// A CSV source whose header was not read yet.
struct Tabular<'g> {
    openers: Vec<Opener>,
    table: csv::CsvSource,
    heading: Heading,
    growing: Option<&'g mut Growing>,
    malformed: Malformed,
    terms: Terms,
    /// How the sources begin.
    seen: SeenBeginnings,
    /// The lines that are still to be skipped.
    later: Lead,
}

fn input(
    openers: Vec<Opener>,
    framing: Framing,
    malformed: Malformed,
    settings: &Settings,
) -> Input {
    let input = Input::new(openers, framing).of_text(malformed);
    input.judging(settings.ends)
}
