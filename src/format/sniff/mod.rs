//! Guesses from the beginning of a CSV its delimiter, its header and the lines above it.

mod advice;
mod header;
mod shape;

use std::fmt;
use std::io::{self, Read};

use crate::bytes::Dialect;
use crate::record::{PASSED_OVER, counted};
use crate::stream::{Opener, Source};

use crate::files::lead::Lead;
use crate::files::seen::LOOKED_AT;
pub(crate) use advice::Terms;
use header::{Evidence, evidence, is_datum, is_decimal_comma};
use shape::{Begun, Fields, Shape, records};

/// Bytes that are looked at if the first lines are longer.
const MOST_LOOKED_AT: usize = 16 << 20;

/// How many records are looked at.
const RECORDS: usize = 200;

/// The most lines above a header that can be a title.
const MOST_TITLE_LINES: usize = 20;

/// Delimiters, in order of preference.
const CANDIDATES: [u8; 4] = [b',', b'\t', b';', b'|'];

/// Delimiters that are tried if none of the [`CANDIDATES`] separates fields.
const RARE_CANDIDATES: [u8; 3] = [b'^', b':', b' '];

/// Begins a comment.
const COMMENT: u8 = b'#';

/// What was guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// The delimiter: the one that gives most records the same number of fields, or the one that a first line such
    /// as `sep=;` names.
    pub delimiter: u8,
    /// Whether there is no delimiter: every record is one field.
    pub is_one_column: bool,
    /// Whether the first record names the columns. It does not if it has a number or a date, unless these are
    /// years, or another column has text there and numbers below.
    pub has_header: bool,
    /// Lines above the header or the first record.
    pub title_lines: usize,
    /// How many of them are comments.
    pub comment_lines: usize,
    /// Whether the header has no name for the first column, not even an empty one, as R writes it.
    pub lacks_first: bool,
}

impl fmt::Display for Sniffed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delimiter = match (self.is_one_column, self.delimiter) {
            (true, _) => "there is one column".to_owned(),
            (false, b'\t') => "the delimiter is tab".to_owned(),
            (false, b' ') => "the delimiter is a blank".to_owned(),
            (false, other) => format!("the delimiter is '{}'", other as char),
        };
        let header = match (self.has_header, self.lacks_first) {
            (true, true) => "there is a header without a name for the first column",
            (true, false) => "there is a header",
            (false, _) => "there is no header",
        };
        let lines = match (self.title_lines, self.comment_lines) {
            (0, _) => String::new(),
            (lines, 0) => format!(" below {}", counted(lines, "line")),
            (lines, comments) if lines == comments => {
                format!(" below {}", counted(lines, "comment line"))
            }
            (lines, comments) => format!(
                " below {}, {} of them",
                counted(lines, "line"),
                counted(comments, "comment")
            ),
        };
        write!(f, "sniffed: {delimiter}, {header}{lines}")
    }
}

impl Sniffed {
    /// Returns openers of the same sources without the lines above the header, and with a header that names all
    /// columns. Comments of `lead` are skipped only later.
    pub(crate) fn applied(self, openers: Vec<Opener>, lead: Lead) -> Vec<Opener> {
        let comment = lead.comment;
        let lead = Lead {
            skip: lead.skip.max(self.title_lines as u64),
            comment: None,
            leaves_marks: true,
            ..lead
        };
        let openers = openers.into_iter().map(|opener| -> Opener {
            Box::new(move || {
                let mut source = lead.passed_over(opener()?);
                if self.lacks_first {
                    source = with_first(source, self.delimiter, comment);
                }
                Ok(source)
            })
        });
        openers.collect()
    }
}

/// Opens the first source and guesses, without the lines of `lead`, which are skipped only later.
///
/// # Errors
/// The source cannot be opened or read, or has no line end within 16 MiB.
pub(crate) fn sniff(openers: &mut [Opener], lead: Lead) -> anyhow::Result<Sniffed> {
    let Some(first) = openers.first_mut() else {
        anyhow::bail!("there is nothing to look at");
    };
    let opener = std::mem::replace(first, Box::new(|| Ok(Source::standard())));
    let mut source = opener()?;
    let mut start = Vec::new();
    let mut is_whole = false;
    while !is_whole && lacks(&start, LOOKED_AT) {
        is_whole = !source.read_ahead(LOOKED_AT, &mut start)?;
    }
    if !is_whole && !start.contains(&b'\n') {
        anyhow::bail!(
            "{}: its first line is longer than 16 MiB, so --sniff cannot tell what it is; say -d",
            source.name
        );
    }
    let sniffed = guess(&lead.blanked(&start), is_whole, lead.quote).sniffed;
    source = source.behind(start);
    *first = Box::new(move || Ok(source));
    Ok(sniffed)
}

/// Returns whether more bytes must be read. If lines are long, three are wanted.
fn lacks(start: &[u8], most: usize) -> bool {
    let is_few = || memchr::memchr_iter(b'\n', start).nth(2).is_none();
    start.len() < most || start.len() < MOST_LOOKED_AT && is_few()
}

/// Returns a CSV source with a header and a known delimiter. If its beginning shows that the header has no name for
/// the first column, an empty one is added. The header and the next record decide, and one more if the next one is
/// longer: more may not come from a pipe, which may pause.
///
/// # Errors
/// The source cannot be read, or its first line is a title.
pub(crate) fn headed(mut source: Source, dialect: Dialect, lead: Lead) -> anyhow::Result<Source> {
    let mut start = Vec::new();
    let mut is_whole = false;
    let found = loop {
        let found = records(&lead.blanked(&start), is_whole, dialect).list;
        let most = telling(&found);
        if source.size.is_none() && (found.len() >= most || has_only_returns(&start)) {
            break found[..most.min(found.len())].to_vec();
        }
        if is_whole || start.len() >= LOOKED_AT {
            break found;
        }
        is_whole = !source.read_ahead(LOOKED_AT - start.len(), &mut start)?;
    };
    let shape = Shape::of(&found);
    if shape.title_lines > 0 {
        anyhow::bail!(
            "{}:1: this is a title, and no header: the records below have {}; --skip-lines {} passes \
             over it",
            source.name,
            counted(shape.width, "field"),
            shape.title_lines,
        );
    }
    // A file must give the same result as a pipe.
    if Shape::of(&found[..telling(&found).min(found.len())]).lacks_first
        && let Some((lines, _)) = found.first()
    {
        let place = start.split_inclusive(|byte| *byte == b'\n').take(*lines);
        start.insert(place.map(<[u8]>::len).sum(), dialect.delimiter);
    }
    Ok(source.behind(start))
}

/// Returns how many of the first records decide whether a header lacks a name for the first column.
fn telling(found: &[Begun]) -> usize {
    match found {
        [(_, first), (_, second), ..] if second.len() > first.len() => 3,
        _ => 2,
    }
}

/// Returns whether lines end in CR alone: there are two CR and no LF.
fn has_only_returns(start: &[u8]) -> bool {
    memchr::memchr(b'\n', start).is_none() && memchr::memchr_iter(b'\r', start).nth(1).is_some()
}

/// Returns the source with a delimiter before its first line that is neither blank nor skipped.
fn with_first(mut source: Source, delimiter: u8, comment: Option<u8>) -> Source {
    source.read = Box::new(WithFirst {
        read: source.read,
        delimiter,
        comment,
        is_within: false,
        is_done: false,
    });
    source
}

struct WithFirst<R> {
    read: R,
    delimiter: u8,
    /// Begins a line that is skipped.
    comment: Option<u8>,
    /// Whether such a line has begun.
    is_within: bool,
    is_done: bool,
}

impl<R> WithFirst<R> {
    /// Returns where the first line begins that is neither blank nor skipped.
    fn place(&mut self, bytes: &[u8]) -> Option<usize> {
        for (place, &byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => self.is_within = false,
                _ if self.is_within || byte == b'\r' => {}
                PASSED_OVER => self.is_within = true,
                _ if Some(byte) == self.comment => self.is_within = true,
                _ => return Some(place),
            }
        }
        None
    }
}

impl<R: Read> Read for WithFirst<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_done || buffer.len() < 2 {
            return self.read.read(buffer);
        }
        let room = buffer.len() - 1;
        let count = self.read.read(&mut buffer[..room])?;
        let Some(place) = self.place(&buffer[..count]) else {
            return Ok(count);
        };
        buffer.copy_within(place..count, place + 1);
        buffer[place] = self.delimiter;
        self.is_done = true;
        Ok(count + 1)
    }
}

/// A guess, and how far it can be relied on.
struct Guess {
    sniffed: Sniffed,
    /// The most frequent number of fields.
    width: usize,
    /// Whether nearly all records have it.
    is_sure: bool,
}

/// A text as it is read with one delimiter.
struct Trial {
    delimiter: u8,
    shape: Shape,
    records: Vec<Begun>,
    /// Lines above the text, and how many of them are comments.
    above: (usize, usize),
    /// Whether every quote is where it belongs.
    is_clean: bool,
}

impl Trial {
    /// Reads a text, after a line that names the delimiter, without the comments at its top.
    fn of(start: &[u8], is_whole: bool, dialect: Dialect) -> Self {
        let comments = Comments::above(start);
        let below = |place| records(&start[place..], is_whole, dialect);
        let mut found = below(comments.end);
        let mut shape = Shape::of(&found.list);
        let mut above = (comments.lines, comments.count);
        if comments.is_header(start, &found.list, shape, dialect) {
            found = below(comments.last);
            shape = Shape::of(&found.list);
            above = (comments.lines - 1, comments.count - 1);
        }
        Trial {
            delimiter: dialect.delimiter,
            shape,
            records: found.list,
            above,
            is_clean: found.is_clean,
        }
    }

    /// Returns how many of 1,000 records have the most frequent number of fields; 0 if that is one.
    fn share(&self) -> usize {
        match self.shape.width {
            0 | 1 => 0,
            _ => self.shape.alike * 1000 / self.records.len().max(1),
        }
    }

    /// Returns whether nearly all records below a title have the same number of fields.
    fn is_sure(&self) -> bool {
        let others = self.fields().count();
        self.shape.alike * 10 >= (others - usize::from(self.shape.lacks_first)) * 9
    }

    /// Returns whether at least half of the records, and more than one of several, have the same number of fields.
    fn is_likely(&self) -> bool {
        self.share() >= 500 && (self.shape.alike > 1 || self.records.len() == 1)
    }

    fn rank(&self) -> (bool, usize, usize) {
        let share = self.share();
        (self.is_clean && share >= 500, share, self.shape.width)
    }

    fn fields(&self) -> impl Iterator<Item = &Fields> {
        let is_below = |(line, _): &&Begun| *line >= self.shape.title_lines;
        self.records
            .iter()
            .filter(is_below)
            .map(|(_, fields)| fields)
    }

    /// Returns whether all commas are those of numbers such as `1,5`.
    fn has_decimal_commas(&self) -> bool {
        let mut commas = (self.fields().flatten())
            .filter(|text| text.contains(&b','))
            .peekable();
        commas.peek().is_some() && commas.all(|text| is_decimal_comma(text))
    }

    /// Returns whether a delimiter that often occurs in texts separates fields here.
    fn is_table(&self) -> bool {
        let fields: Vec<_> = self.fields().collect();
        let alike = self.shape.alike + usize::from(self.shape.lacks_first);
        let is_even = self.is_clean && self.share() > 0 && alike == fields.len() && alike > 1;
        let may_lack = self.delimiter == b' ' && self.shape.width > 2;
        let is_even = is_even && (may_lack || !self.shape.lacks_first);
        let holds =
            |column: usize, below: &[&Fields]| below.iter().all(|fields| is_datum(&fields[column]));
        let is_wide = |width| width > 2 || (0..width).any(|column| holds(column, &fields[1..]));
        is_even
            && match self.delimiter {
                b'^' => true,
                b' ' => {
                    fields
                        .iter()
                        .all(|fields| fields.iter().all(|text| !text.is_empty()))
                        && is_wide(self.shape.width)
                }
                // Times and ratios have colons too.
                _ => {
                    let is_text = |text: &Vec<u8>| !text.is_empty() && !is_datum(text);
                    is_wide(self.shape.width)
                        && fields.iter().flat_map(|fields| fields.iter()).any(is_text)
                }
            }
    }
}

/// Lines at the top that begin with `#`, and blank lines between them; or a YAML front matter, as in CSVY.
#[derive(Clone, Copy, Default)]
struct Comments {
    /// The number of lines, and how many of them are comments.
    lines: usize,
    count: usize,
    /// Where the last one begins and ends.
    last: usize,
    end: usize,
}

impl Comments {
    fn above(start: &[u8]) -> Self {
        if let Some((lines, end)) = front_matter(start) {
            return Comments {
                lines,
                end,
                ..Comments::default()
            };
        }
        let (mut comments, mut place) = (Comments::default(), 0);
        for (number, line) in start.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let is_comment = line.first() == Some(&COMMENT);
            if !is_comment && !line.trim_ascii().is_empty() {
                return comments;
            }
            if is_comment {
                comments.lines = number + 1;
                comments.count += 1;
                (comments.last, comments.end) = (place, place + line.len());
            }
            place += line.len();
        }
        // The text has nothing else.
        Comments::default()
    }

    /// Returns whether the last one is the header of the records below it, as in `#OTU ID`.
    fn is_header(&self, start: &[u8], below: &[Begun], shape: Shape, dialect: Dialect) -> bool {
        let line = &start[self.last..self.end];
        let is_name = |byte: &u8| !byte.is_ascii_whitespace() && *byte != COMMENT;
        if self.count == 0 || shape.width < 2 || !line.get(1).is_some_and(is_name) {
            return false;
        }
        let found = records(line, true, dialect).list;
        let Some((_, names)) = found.first() else {
            return false;
        };
        let fields: Vec<_> = below.iter().map(|(_, fields)| fields).collect();
        let is_plain = shape.title_lines == 0 && !shape.lacks_first;
        names.len() == shape.width
            && is_plain
            && !is_datum(&names[0][1..])
            && evidence(&fields) != Evidence::Names
    }
}

/// Returns how many lines there are from a first line `---` to the next one, and where that ends.
fn front_matter(start: &[u8]) -> Option<(usize, usize)> {
    let mut lines = start.split_inclusive(|byte| *byte == b'\n').enumerate();
    let is_fence = |line: &[u8]| line.trim_ascii_end() == b"---";
    let (_, first) = lines.next().filter(|(_, line)| is_fence(line))?;
    let mut end = first.len();
    for (number, line) in lines {
        end += line.len();
        if is_fence(line) {
            return (end < start.len()).then_some((number + 1, end));
        }
    }
    None
}

fn guess(start: &[u8], is_whole: bool, quote: Option<u8>) -> Guess {
    let (said, below) = said_delimiter(start);
    let text = &start[below..];
    let read = |delimiter| Trial::of(text, is_whole, Dialect { delimiter, quote });
    let reading = match said {
        Some(said) => read(said),
        None => best(CANDIDATES.map(read), || RARE_CANDIDATES.map(read)),
    };
    let (shape, above) = (reading.shape, reading.above);
    let fields: Vec<_> = reading.fields().collect();
    let title_lines = match shape.title_lines {
        0 => 0,
        lines => lines + above.0,
    };
    let sniffed = Sniffed {
        delimiter: reading.delimiter,
        is_one_column: said.is_none() && shape.width < 2,
        has_header: shape.lacks_first || evidence(&fields) != Evidence::Data,
        title_lines: title_lines.max(above.0) + usize::from(said.is_some()),
        comment_lines: above.1,
        lacks_first: shape.lacks_first,
    };
    Guess {
        sniffed,
        width: shape.width,
        is_sure: reading.records.len() > 1 && reading.is_sure(),
    }
}

/// Returns the most convincing trial; the first one if none separates fields.
fn best(common: [Trial; 4], rare: impl FnOnce() -> [Trial; 3]) -> Trial {
    let [mut best, others @ ..] = common;
    let mut with_commas = None;
    for other in others {
        if other.is_clean && other.share() >= 900 && other.has_decimal_commas() {
            with_commas = Some(other);
        } else if other.rank() > best.rank() {
            best = other;
        }
    }
    match with_commas {
        Some(reading) if best.delimiter == b',' || reading.rank() > best.rank() => return reading,
        _ if best.is_likely() => return best,
        _ => {}
    }
    rare().into_iter().find(Trial::is_table).unwrap_or(best)
}

/// Returns the delimiter that a first line such as `sep=;` names, and where the next line begins.
fn said_delimiter(start: &[u8]) -> (Option<u8>, usize) {
    let end = memchr::memchr(b'\n', start).map_or(start.len(), |end| end + 1);
    let line = start[..end].trim_ascii_end();
    let line = match start[..end].strip_prefix(b"sep=\t") {
        Some(_) => b"sep=\t",
        None => line,
    };
    match line.strip_prefix(b"sep=").or(line.strip_prefix(b"\"sep=")) {
        Some([delimiter] | [delimiter, b'"']) => (Some(*delimiter), end),
        _ => (None, 0),
    }
}

#[cfg(test)]
mod tests;
