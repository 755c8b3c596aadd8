//! The as-of values of rows and records: numbers or times, as bytes with the same order.
//!
//! All values of a table and its stream must be on one scale: a number and a time cannot be compared, nor can a
//! time with a zone and one without. Other text is rejected: comparing it byte by byte would silently find a wrong
//! row for `1/2/2026`.

use std::fmt;

use super::Flaw;
use crate::fold::order::portion::{self, Entry};
use crate::record::{Fault, Faults, Records, field};
use crate::value::text::quoted;
use crate::value::{Time, Value, order};

/// The scale of as-of values; all values share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Everything that reads as a number, by value.
    Number,
    /// Dates and times without a zone, by wall clock; a date means its midnight.
    Civil,
    /// Times with a zone or an offset, by instant.
    Instant,
}

impl Scale {
    /// Describes values on this scale, in the plural.
    pub(super) fn values(self) -> &'static str {
        match self {
            Scale::Number => "numbers",
            Scale::Civil => "times without a zone",
            Scale::Instant => "times with a zone",
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Scale::Number => "a number",
            Scale::Civil => "a time without a zone",
            Scale::Instant => "a time with a zone",
        })
    }
}

/// Appends the bytes of a number or a time. On one scale, none is a prefix of another.
fn push(content: &[u8], out: &mut Vec<u8>) -> Option<Scale> {
    if order::number::push(content, out).is_some() {
        return Some(Scale::Number);
    }
    let time = Time::parse(content)?;
    order::time::push_instant(&time, out);
    Some(match time.is_instant() {
        true => Scale::Instant,
        false => Scale::Civil,
    })
}

/// The as-of column of a stream or a table.
pub struct Asof {
    column: usize,
    name: Box<str>,
}

impl Asof {
    /// Creates the column from its index and name.
    pub fn column((column, name): (usize, &str)) -> Self {
        Asof {
            column,
            name: name.into(),
        }
    }

    /// Returns its index.
    pub(super) fn place(&self) -> usize {
        self.column
    }

    /// Reads the values of all records of a block. For a stream, `table` is the scale of its table.
    pub(super) fn read(
        &self,
        table: Option<Scale>,
        records: &Records<'_>,
        faults: &mut Faults,
        values: &mut Values,
    ) {
        values.clear();
        for record in 0..faults.limit() {
            let raw = records.field(record as usize, self.column);
            match values.add(raw, table) {
                Ok(()) => {}
                Err(fault) => faults.add(record, fault.about(&self.name)),
            }
        }
    }
}

/// The as-of values of a block's records.
#[derive(Debug, Default)]
pub(super) struct Values {
    bytes: Vec<u8>,
    /// For each value, its end and its scale; no scale for null.
    ends: Vec<(usize, Option<Scale>)>,
}

impl Values {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn add(&mut self, raw: &[u8], table: Option<Scale>) -> Result<(), Fault> {
        let content = field::content(raw);
        let scale = match raw.is_empty() {
            true => None,
            false => push(&content, &mut self.bytes),
        };
        self.ends.push((self.bytes.len(), scale));
        let is_fit = match (scale, table) {
            (Some(scale), Some(table)) => scale == table,
            (None, _) => raw.is_empty(),
            _ => true,
        };
        if is_fit {
            return Ok(());
        }
        let value = quoted(&Value::Text(&content));
        Err(Fault::new(match (scale, table) {
            (Some(scale), Some(table)) => format!(
                "{value} is {scale}, and the table has {}{}",
                table.values(),
                hint(scale, table)
            ),
            _ => format!("{value} is neither a number nor a time"),
        }))
    }

    /// Returns the value of a record; `None` for null.
    #[inline]
    pub fn of(&self, record: u32) -> Option<(&[u8], Scale)> {
        let record = record as usize;
        let start = record
            .checked_sub(1)
            .map_or(0, |before| self.ends[before].0);
        let (end, scale) = self.ends[record];
        Some((&self.bytes[start..end], scale?))
    }
}

/// Returns a hint for two scales that cannot be compared.
pub(super) fn hint(a: Scale, b: Scale) -> &'static str {
    match (a, b) {
        (Scale::Number, _) | (_, Scale::Number) => "",
        _ => ": at_zone(t, zone) gives a time one",
    }
}

/// The rows of a table by key and as-of value, in memory.
#[derive(Default)]
pub(super) struct Series {
    values: Vec<u8>,
    /// For each row, the end of its value.
    ends: Vec<usize>,
    /// For each row, its line.
    lines: Vec<u64>,
    /// Row numbers prefixed with the start of their values, key by key, sorted within each key.
    entries: Vec<Entry>,
    /// For each key, the end of its entries.
    entries_ends: Vec<usize>,
}

impl Series {
    /// Adds the next row.
    pub fn push(&mut self, value: &[u8], line: u64) {
        self.values.extend_from_slice(value);
        self.ends.push(self.values.len());
        self.lines.push(line);
    }

    /// Returns the memory that it takes once it is sorted, in bytes.
    pub fn bytes(&self) -> usize {
        let of_row = size_of::<Entry>() + size_of::<usize>() * 2 + size_of::<u64>();
        self.ends.len() * of_row + self.values.len()
    }

    /// Returns a row's value.
    #[inline]
    pub fn value(&self, row: u32) -> &[u8] {
        let row = row as usize;
        let start = row.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.values[start..self.ends[row]]
    }

    /// Returns a row's line.
    pub fn line(&self, row: u32) -> u64 {
        self.lines[row as usize]
    }

    /// Sorts the rows of the next key.
    pub fn add_key(&mut self, rows: impl Iterator<Item = u32>) {
        let start = self.entries.len();
        let mut entries = std::mem::take(&mut self.entries);
        entries.extend(rows.map(|row| {
            let prefix = portion::prefix(self.value(row));
            Entry::from(prefix) << 64 | Entry::from(row)
        }));
        entries[start..].sort_unstable_by(|a, b| {
            let (a, b) = (*a, *b);
            let by_prefix = portion::prefix_of(a).cmp(&portion::prefix_of(b));
            let by_value = by_prefix.then_with(|| self.value(a as u32).cmp(self.value(b as u32)));
            by_value.then(a.cmp(&b))
        });
        self.entries = entries;
        self.entries_ends.push(self.entries.len());
    }

    /// Checks that no key has the same value twice.
    ///
    /// # Errors
    /// A key has; names the first row of the table that repeats a value.
    pub fn refuse_repeated(&self) -> Result<(), Flaw> {
        let runs = (0..self.entries_ends.len()).map(|key| self.run(key as u32));
        let repeated = runs.flat_map(|run| {
            let pairs = run.windows(2).map(|pair| (pair[0] as u32, pair[1] as u32));
            pairs.filter(|(a, b)| self.value(*a) == self.value(*b))
        });
        match repeated.map(|(_, row)| row).min() {
            Some(row) => Err(Flaw::Repeated {
                line: self.line(row),
            }),
            None => Ok(()),
        }
    }

    fn run(&self, key: u32) -> &[Entry] {
        let key = key as usize;
        let start = key
            .checked_sub(1)
            .map_or(0, |before| self.entries_ends[before]);
        &self.entries[start..self.entries_ends[key]]
    }

    /// Returns the latest row of a key at or before this value.
    #[inline]
    pub fn latest(&self, key: u32, value: &[u8]) -> Option<u32> {
        let (run, prefix) = (self.run(key), portion::prefix(value));
        let count = run.partition_point(|entry| {
            let by_prefix = portion::prefix_of(*entry).cmp(&prefix);
            let order = by_prefix.then_with(|| self.value(*entry as u32).cmp(value));
            order.is_le()
        });
        count.checked_sub(1).map(|last| run[last] as u32)
    }
}
