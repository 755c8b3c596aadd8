//! What the beginning of a CSV tells: its delimiter, its header, and what stands above that.

use std::fmt;
use std::io::{self, Cursor, Read};

use crate::record::{Dialect, counted, field, scan};
use crate::stream::{Opener, Source};
use crate::value::parse::is_plain;

use super::lead::Lead;

/// How much is looked at.
const LOOKED_AT: usize = 64 * 1024;

/// How many records decide.
const RECORDS: usize = 200;

/// The most lines above a header that are taken for a title.
const MOST_TITLE_LINES: usize = 20;

/// In order of preference.
const CANDIDATES: [u8; 4] = [b',', b'\t', b';', b'|'];

/// What was guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// The delimiter: the one that gives most records the same number of fields, or that a first line
    /// such as `sep=;` names.
    pub delimiter: u8,
    /// Whether the first record names the columns. It does not where it holds a number or a date,
    /// unless these are years, or another column has text there and numbers below.
    pub has_header: bool,
    /// Lines above the header or the first record.
    pub title_lines: usize,
    /// Whether the header has no name for the first column, not even an empty one, as R writes it.
    pub lacks_first: bool,
}

impl fmt::Display for Sniffed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delimiter = match self.delimiter {
            b'\t' => "tab".to_owned(),
            other => format!("'{}'", other as char),
        };
        let header = match (self.has_header, self.lacks_first) {
            (true, true) => "a header without a name for the first column",
            (true, false) => "a header",
            (false, _) => "no header",
        };
        let title = match self.title_lines {
            0 => String::new(),
            lines => format!(" below {}", counted(lines, "line")),
        };
        write!(
            f,
            "sniffed: the delimiter is {delimiter}, there is {header}{title}"
        )
    }
}

impl Sniffed {
    /// The same sources without what stands above the header, which then names all columns.
    pub(super) fn applied(self, openers: Vec<Opener>, quote: Option<u8>) -> Vec<Opener> {
        let lead = Lead {
            skip: self.title_lines as u64,
            comment: None,
            quote,
        };
        let openers = openers.into_iter().map(|opener| -> Opener {
            Box::new(move || {
                let mut source = lead.passed_over(opener()?);
                if self.lacks_first {
                    source = with_first(source, self.delimiter);
                }
                Ok(source)
            })
        });
        openers.collect()
    }
}

/// Opens the first source and guesses.
///
/// # Errors
/// It cannot be opened or read.
pub fn sniff(openers: &mut [Opener], quote: Option<u8>) -> anyhow::Result<Sniffed> {
    let Some(first) = openers.first_mut() else {
        anyhow::bail!("there is nothing to look at");
    };
    let opener = std::mem::replace(first, Box::new(|| Ok(Source::standard())));
    let mut source = opener()?;
    let mut start = Vec::new();
    while start.len() < LOOKED_AT && source.read_ahead(LOOKED_AT - start.len(), &mut start)? {}
    let is_whole = start.len() < LOOKED_AT;
    let sniffed = guess(&start, is_whole, quote);
    source.read = Box::new(Cursor::new(start).chain(source.read));
    *first = Box::new(move || Ok(source));
    Ok(sniffed)
}

/// A source of CSV with a header and a known delimiter, as far as its beginning tells (of a pipe, what
/// is there at once): what has no name for its first column gets an empty one.
///
/// # Errors
/// It cannot be read; its first line is a title.
pub(super) fn headed(mut source: Source, dialect: Dialect) -> anyhow::Result<Source> {
    /// What was looked at for the marks of compression may come as a read of its own.
    const MARK: usize = 8;
    let most = match source.size {
        Some(_) => LOOKED_AT,
        None => MARK,
    };
    let mut start = Vec::new();
    let mut is_whole = false;
    while start.len() < most && !is_whole && (source.size.is_some() || !start.ends_with(b"\n")) {
        is_whole = !source.read_ahead(LOOKED_AT - start.len(), &mut start)?;
    }
    let records = records(&start, is_whole, dialect);
    let shape = Shape::of(&records);
    source.read = Box::new(Cursor::new(start).chain(source.read));
    if shape.title_lines > 0 {
        anyhow::bail!(
            "{}:1: this is a title, and no header: the records below have {}; --skip-lines {} passes \
             over it",
            source.name,
            counted(shape.width, "field"),
            shape.title_lines,
        );
    }
    Ok(match shape.lacks_first {
        true => with_first(source, dialect.delimiter),
        false => source,
    })
}

/// The same source with a delimiter in front of its first line that is not blank.
fn with_first(mut source: Source, delimiter: u8) -> Source {
    source.read = Box::new(WithFirst {
        read: source.read,
        delimiter,
        is_done: false,
    });
    source
}

struct WithFirst<R> {
    read: R,
    delimiter: u8,
    is_done: bool,
}

impl<R: Read> Read for WithFirst<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.is_done || buffer.len() < 2 {
            return self.read.read(buffer);
        }
        let room = buffer.len() - 1;
        let count = self.read.read(&mut buffer[..room])?;
        let is_blank = |byte: &u8| matches!(byte, b'\n' | b'\r');
        match buffer[..count].iter().position(|byte| !is_blank(byte)) {
            None => Ok(count),
            Some(place) => {
                buffer.copy_within(place..count, place + 1);
                buffer[place] = self.delimiter;
                self.is_done = true;
                Ok(count + 1)
            }
        }
    }
}

/// A record's fields.
type Fields = Vec<Vec<u8>>;

/// How many lines stand above a record, and its fields.
type Begun = (usize, Fields);

/// What the first records have in common.
#[derive(Clone, Copy, Debug, Default)]
struct Shape {
    /// The number of fields that most have.
    width: usize,
    /// How many have it.
    alike: usize,
    /// How many lines stand above the first of them that is no title.
    title_lines: usize,
    /// Whether the first has one less, and all others have as many.
    lacks_first: bool,
}

impl Shape {
    fn of(records: &[Begun]) -> Self {
        let widths: Vec<usize> = records.iter().map(|(_, fields)| fields.len()).collect();
        let count = |width: usize| widths.iter().filter(|other| **other == width).count();
        let most = widths.iter().copied().filter(|width| *width > 1);
        let Some(width) = most.max_by_key(|width| (count(*width), *width)) else {
            return Shape {
                width: 1,
                alike: widths.len(),
                ..Shape::default()
            };
        };
        let mut shape = Shape {
            width,
            alike: count(width),
            ..Shape::default()
        };
        if shape.alike < 2 || shape.alike * 2 < widths.len() {
            return shape;
        }
        let first = widths.iter().position(|other| *other + 1 >= width);
        let first = first.unwrap_or(0);
        let is_title = widths[..first].iter().all(|other| *other * 2 <= width);
        if is_title && records[first].0 <= MOST_TITLE_LINES {
            shape.title_lines = match first {
                0 => 0,
                _ => records[first].0,
            };
            let below = &widths[first + 1..];
            shape.lacks_first = widths[first] + 1 == width
                && widths[first] > 0
                && !below.is_empty()
                && below.iter().all(|other| *other == width);
        }
        shape
    }
}

fn guess(start: &[u8], is_whole: bool, quote: Option<u8>) -> Sniffed {
    let (said, below) = said_delimiter(start);
    let mut best: Option<(Shape, u8, Vec<Begun>)> = None;
    for delimiter in CANDIDATES {
        if said.is_some_and(|said| said != delimiter) {
            continue;
        }
        let records = records(&start[below..], is_whole, Dialect { delimiter, quote });
        let shape = Shape::of(&records);
        let is_better = best.as_ref().is_none_or(|(best, _, _)| {
            shape.width > 1
                && (best.width == 1 || (shape.alike, shape.width) > (best.alike, best.width))
        });
        if is_better {
            best = Some((shape, delimiter, records));
        }
    }
    let (shape, delimiter, records) = best.unwrap_or_else(|| {
        let delimiter = said.unwrap_or(b',');
        let records = records(&start[below..], is_whole, Dialect { delimiter, quote });
        (Shape::of(&records), delimiter, records)
    });
    let is_below = |(line, _): &Begun| *line >= shape.title_lines;
    let fields: Vec<Fields> = records
        .into_iter()
        .filter(is_below)
        .map(|(_, fields)| fields)
        .collect();
    Sniffed {
        delimiter,
        has_header: shape.lacks_first || has_header(&fields),
        title_lines: shape.title_lines + usize::from(said.is_some()),
        lacks_first: shape.lacks_first,
    }
}

/// The delimiter that a first line such as `sep=;` names, and where the next line begins.
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

/// The first records' fields with the lines above each; quotes are text where they stand in the middle of
/// fields.
fn records(start: &[u8], is_whole: bool, dialect: Dialect) -> Vec<Begun> {
    let mut text = start.to_vec();
    if is_whole && text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    let mut bounds = vec![0];
    let mut quote = dialect.quote;
    if scan::field_bounds(&text, dialect, &mut bounds)
        .stray_quote
        .is_some()
    {
        quote = None;
        bounds = vec![0];
        scan::field_bounds(&text, Dialect { quote, ..dialect }, &mut bounds);
    }
    let mut records = Vec::new();
    let (mut record, mut line, mut begun) = (Vec::new(), 0, 0);
    for pair in bounds.windows(2) {
        let end = pair[1] as usize - 1;
        let raw = &text[pair[0] as usize..end];
        line += scan::count_byte(raw, b'\n');
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        record.push(field::content_in(raw, quote).into_owned());
        if text[end] == b'\n' {
            let record = std::mem::take(&mut record);
            if record.len() > 1 || !record[0].is_empty() {
                records.push((begun, record));
            }
            line += 1;
            begun = line;
        }
        if records.len() == RECORDS {
            break;
        }
    }
    records
}

fn has_header(records: &[Vec<Vec<u8>>]) -> bool {
    let Some((first, others)) = records.split_first() else {
        return true;
    };
    let is_datum = |text: &[u8]| is_plain(text.trim_ascii()) || is_date(text);
    let names_a_number = first.iter().enumerate().any(|(column, name)| {
        let mut below = others
            .iter()
            .filter_map(|record| record.get(column))
            .filter(|text| !text.is_empty())
            .peekable();
        !is_datum(name) && below.peek().is_some() && below.all(|text| is_datum(text))
    });
    // A year names a column that holds other things than years.
    let names_a_column = first.iter().enumerate().all(|(column, name)| {
        let mut below = others.iter().filter_map(|record| record.get(column));
        !is_datum(name) || is_year(name) && below.any(|text| !text.is_empty() && !is_year(text))
    });
    let years = first.iter().filter(|text| is_year(text)).count();
    let data = first.iter().filter(|text| is_datum(text)).count();
    let are_side_by_side = data == years && (2..first.len()).contains(&years);
    names_a_number || data == 0 || are_side_by_side || (data < first.len() && names_a_column)
}

fn is_year(text: &[u8]) -> bool {
    matches!(text, [b'1', b'9', a, b] | [b'2', b'0', a, b] if a.is_ascii_digit() && b.is_ascii_digit())
}

/// `2024-01-31` and what may follow.
fn is_date(text: &[u8]) -> bool {
    let shape = b"0000-00-00";
    text.len() >= shape.len()
        && text.iter().zip(shape).all(|(byte, kind)| match kind {
            b'0' => byte.is_ascii_digit(),
            _ => byte == kind,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiter_and_header_are_guessed() {
        for (text, delimiter, has_header) in [
            ("a,b\n1,2\n", b',', true),
            ("a;b\n\"1,5;\";2,5\n3,5;4\n", b';', true),
            ("a\tb\tc\nx, y\tz, w\tv\n", b'\t', true),
            ("1|x\n2|y\n", b'|', false),
            ("x,2024-01-01\ny,2024-01-02", b',', false),
            ("country,2019,2020\nKR,1,2\n", b',', true),
            ("country,2019,total\nKR,1,2\n", b',', true),
            ("word\nother\n", b',', true),
            ("", b',', true),
        ] {
            let expected = Sniffed {
                delimiter,
                has_header,
                title_lines: 0,
                lacks_first: false,
            };
            assert_eq!(
                guess(text.as_bytes(), true, Some(b'"')),
                expected,
                "{text:?}"
            );
        }
    }

    #[test]
    fn what_stands_above_the_header_is_seen() {
        for (text, title_lines, lacks_first, has_header, delimiter) in [
            ("sep=;\r\na;b\r\n1;2\r\n", 1, false, true, b';'),
            ("\"sep=|\"\na|b\n", 1, false, true, b'|'),
            ("Sales\n\na,b,c\n1,2,3\n4,5,6\n", 2, false, true, b','),
            (
                "Sales, all\nin EUR\na;b;c;d\n1;2;3;4\n1;2;3;4\n",
                2,
                false,
                true,
                b';',
            ),
            ("\"a\",\"b\"\n\"1\",1,2\n\"2\",3,4\n", 0, true, true, b','),
            ("a b\nx,y\n", 0, false, true, b','),
            ("state,2022\nAL,5024279\nAK,733391\n", 0, false, true, b','),
            ("x,2019\ny,2020\n", 0, false, false, b','),
            ("a,b\n1,2,3\n4,5\n", 0, false, true, b','),
        ] {
            let expected = Sniffed {
                delimiter,
                has_header,
                title_lines,
                lacks_first,
            };
            assert_eq!(
                guess(text.as_bytes(), true, Some(b'"')),
                expected,
                "{text:?}"
            );
        }
    }
}
