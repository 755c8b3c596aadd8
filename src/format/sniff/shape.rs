//! The first records of a text, and what they have in common.

use crate::bytes::{Dialect, scan};
use crate::record::field;

use crate::format::sniff::header::{Evidence, evidence};
use crate::format::sniff::{MOST_TITLE_LINES, RECORDS};

/// A record's fields.
pub(crate) type Fields = Vec<Vec<u8>>;

/// The number of lines above a record, and its fields.
pub(crate) type Begun = (usize, Fields);

/// What the first records have in common.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    /// The most frequent number of fields.
    pub(crate) width: usize,
    /// How many records have it.
    pub(crate) alike: usize,
    /// How many lines are above the first record that is not a title.
    pub(crate) title_lines: usize,
    /// Whether the first record has one field less, and all others have `width`.
    pub(crate) lacks_first: bool,
}

impl Shape {
    pub(crate) fn of(records: &[Begun]) -> Self {
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
            let fields = records[first + 1..].iter().map(|(_, fields)| fields);
            if shape.lacks_first && evidence(&fields.collect::<Vec<_>>()) == Evidence::Names {
                // The names are in the line below.
                shape.lacks_first = false;
                shape.title_lines = records[first + 1].0;
            }
        }
        shape
    }
}

/// The first records of a text.
pub(crate) struct FirstRecords {
    pub(crate) list: Vec<Begun>,
    /// Whether every quote is where it belongs.
    pub(crate) is_clean: bool,
}

/// Returns the fields of the first records, with the number of lines above each. If a quote is in the middle of a
/// field, all quotes are text.
pub(crate) fn records(start: &[u8], is_whole: bool, dialect: Dialect) -> FirstRecords {
    let mut text = start.to_vec();
    if is_whole && text.last() != Some(&b'\n') {
        text.push(b'\n');
    }
    let mut bounds = vec![0];
    let mut quote = dialect.quote;
    let mut is_clean = true;
    if scan::field_bounds(&text, dialect, &mut bounds)
        .stray_quote
        .is_some()
    {
        (quote, is_clean) = (None, false);
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
    FirstRecords {
        list: records,
        is_clean,
    }
}
