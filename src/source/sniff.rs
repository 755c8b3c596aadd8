//! The delimiter and the header of a CSV, guessed from its beginning.

use std::fmt;
use std::io::{Cursor, ErrorKind, Read};

use anyhow::Context;

use crate::record::{Dialect, field, scan};
use crate::stream::{Opener, Source};
use crate::value::parse::is_plain;

/// How much is looked at.
const LOOKED_AT: usize = 64 * 1024;

/// How many records decide.
const RECORDS: usize = 200;

/// In order of preference.
const CANDIDATES: [u8; 4] = [b',', b'\t', b';', b'|'];

/// What was guessed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sniffed {
    /// The delimiter: the one that gives most records the same number of fields.
    pub delimiter: u8,
    /// Whether the first record names the columns. It does not where it holds a number or a date,
    /// unless these are years side by side, or another column has text there and numbers below.
    pub has_header: bool,
}

impl fmt::Display for Sniffed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let delimiter = match self.delimiter {
            b'\t' => "tab".to_owned(),
            other => format!("'{}'", other as char),
        };
        let header = if self.has_header {
            "a header"
        } else {
            "no header"
        };
        write!(
            f,
            "sniffed: the delimiter is {delimiter}, there is {header}"
        )
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
    let mut piece = vec![0; LOOKED_AT];
    while start.len() < LOOKED_AT {
        match source.read.read(&mut piece[..LOOKED_AT - start.len()]) {
            Ok(0) => break,
            Ok(count) => start.extend_from_slice(&piece[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", source.name));
            }
        }
    }
    let is_whole = start.len() < LOOKED_AT;
    let sniffed = guess(&start, is_whole, quote);
    source.read = Box::new(Cursor::new(start).chain(source.read));
    *first = Box::new(move || Ok(source));
    Ok(sniffed)
}

fn guess(start: &[u8], is_whole: bool, quote: Option<u8>) -> Sniffed {
    let mut best = (0, 1, b',', Vec::new());
    for delimiter in CANDIDATES {
        let records = records(start, is_whole, Dialect { delimiter, quote });
        let width = records.first().map_or(0, Vec::len);
        let alike = records
            .iter()
            .filter(|record| record.len() == width)
            .count();
        if width > 1 && (alike, width) > (best.0, best.1) {
            best = (alike, width, delimiter, records);
        }
    }
    let (_, _, delimiter, mut found) = best;
    if found.is_empty() {
        found = records(start, is_whole, Dialect { delimiter, quote });
    }
    Sniffed {
        delimiter,
        has_header: has_header(&found),
    }
}

/// The first records' fields; none where quotes stand in the middle of fields.
fn records(start: &[u8], is_whole: bool, dialect: Dialect) -> Vec<Vec<Vec<u8>>> {
    let mut text = start.to_vec();
    if is_whole && text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    let mut bounds = vec![0];
    let found = scan::field_bounds(&text, dialect, &mut bounds);
    if found.stray_quote.is_some() {
        return Vec::new();
    }
    let mut records = Vec::new();
    let mut record = Vec::new();
    for pair in bounds.windows(2) {
        let end = pair[1] as usize - 1;
        let raw = &text[pair[0] as usize..end];
        let raw = raw.strip_suffix(b"\r").unwrap_or(raw);
        record.push(field::content_in(raw, dialect.quote).into_owned());
        if text[end] == b'\n' {
            let record = std::mem::take(&mut record);
            if record.len() > 1 || !record[0].is_empty() {
                records.push(record);
            }
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
    let years = first.iter().filter(|text| is_year(text)).count();
    let data = first.iter().filter(|text| is_datum(text)).count();
    names_a_number || data == 0 || (data == years && (2..first.len()).contains(&years))
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
            };
            assert_eq!(
                guess(text.as_bytes(), true, Some(b'"')),
                expected,
                "{text:?}"
            );
        }
    }
}
