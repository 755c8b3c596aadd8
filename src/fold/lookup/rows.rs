//! The rows of a table by their keys.

use super::asof::Series;
use super::on::At;
use super::{Flaw, On, Scale, Scratch, Sorted, Terms};
use crate::fold::table::{KeyKind, KeyTable, LOT, Lot};
use crate::fold::{Groups, room};
use crate::record::{Faults, Records, field};

/// Stands for no row.
const NONE: u32 = u32::MAX;

/// A table with this many rows moves to disk even if memory is left: row numbers have 32 bits, and a block adds
/// fewer than this many rows.
const FULL: usize = 1 << 31;

/// The rows of a block of a table that can be found: keys and as-of values, lines, and the wanted fields as the
/// stream writes them.
#[derive(Debug, Default)]
pub struct Taken {
    /// The key and as-of value of each row, one after the other.
    keys: Vec<u8>,
    fields: Vec<u8>,
    rows: Vec<RowEnds>,
}

/// The ends of a row's parts.
#[derive(Clone, Copy, Debug)]
struct RowEnds {
    key: usize,
    asof: usize,
    scale: Option<Scale>,
    fields: usize,
    line: u64,
}

/// A row of a table.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'t> {
    pub at: At<'t>,
    pub fields: &'t [u8],
    pub line: u64,
}

impl Taken {
    /// Clears it, keeping its memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.fields.clear();
        self.rows.clear();
    }

    /// Adds the rows of a block: their keys, and the fields of these columns. `delimiter` is the stream's.
    pub fn add(
        &mut self,
        (on, columns): (&On, &[usize]),
        records: &Records<'_>,
        faults: &mut Faults,
        (scratch, delimiter): (&mut Scratch, u8),
    ) {
        let mut lines = (0..).zip(records.lines());
        on.of_records(None, records, faults, scratch, |record, at| {
            let Some(At { key, asof, scale }) = at else {
                return;
            };
            self.keys.extend_from_slice(key);
            let key = self.keys.len();
            self.keys.extend_from_slice(asof);
            for (place, column) in columns.iter().enumerate() {
                if place > 0 {
                    self.fields.push(delimiter);
                }
                let raw = records.field(record as usize, *column);
                match field::is_quoted(raw) || memchr::memchr(delimiter, raw).is_none() {
                    true => self.fields.extend_from_slice(raw),
                    false => field::push_quoted(raw, &mut self.fields),
                }
            }
            let line = lines.find(|(of, _)| *of == record);
            self.rows.push(RowEnds {
                key,
                asof: self.keys.len(),
                scale,
                fields: self.fields.len(),
                line: line.map_or(0, |(_, line)| line),
            });
        });
    }

    /// Checks that the rows' as-of values are on the scale of those before, if there are any.
    ///
    /// # Errors
    /// A value is on another scale.
    pub fn on_one_scale(&self, scale: &mut Option<Scale>) -> Result<(), Flaw> {
        for row in &self.rows {
            match (*scale, row.scale) {
                (Some(before), Some(scale)) if scale != before => {
                    let line = row.line;
                    return Err(Flaw::Mixed {
                        line,
                        scale,
                        before,
                    });
                }
                _ => *scale = row.scale,
            }
        }
        Ok(())
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let (mut start, mut fields_start) = (0, 0);
        self.rows.iter().map(move |ends| {
            let at = At {
                key: &self.keys[start..ends.key],
                asof: &self.keys[ends.key..ends.asof],
                scale: ends.scale,
            };
            let fields = &self.fields[fields_start..ends.fields];
            (start, fields_start) = (ends.asof, ends.fields);
            Row {
                at,
                fields,
                line: ends.line,
            }
        })
    }
}

/// The rows of a table in memory.
pub struct Rows {
    keys: KeyTable,
    /// The kind of its keys.
    kind: KeyKind,
    /// For each key: its first row, its last row, and how many rows it has.
    ends: Vec<(u32, u32, u32)>,
    /// For each row, the next one with the same key.
    next: Vec<u32>,
    /// The end of each row's fields.
    fields_ends: Vec<usize>,
    fields: Vec<u8>,
    /// The largest number of rows of one key, if any key has several.
    longest: u32,
    /// Whether any key has more than one row.
    has_repeats: bool,
    series: Option<Series>,
    terms: Terms,
    lot: Lot,
}

impl Rows {
    /// Returns an empty table that is matched by `on`.
    pub fn new(on: &On, terms: Terms) -> Self {
        Rows {
            kind: on.kind(),
            keys: KeyTable::new(Groups::seed()),
            ends: Vec::new(),
            next: Vec::new(),
            fields_ends: Vec::new(),
            fields: Vec::new(),
            longest: 0,
            has_repeats: false,
            series: terms.is_asof.then(Series::default),
            terms,
            lot: Lot::default(),
        }
    }

    /// Adds the rows of the next block.
    ///
    /// # Errors
    /// A key occurs twice.
    pub fn add(&mut self, taken: &Taken) -> Result<(), Flaw> {
        let mut rows = taken.rows();
        let mut lot: Vec<Row<'_>> = Vec::with_capacity(LOT);
        loop {
            lot.clear();
            lot.extend(rows.by_ref().take(LOT));
            if lot.is_empty() {
                return Ok(());
            }
            self.lot.clear();
            lot.iter()
                .for_each(|row| self.lot.push_bytes(self.kind, row.at.key));
            self.keys.look_ahead(&mut self.lot);
            for (place, Row { at, fields, line }) in lot.iter().enumerate() {
                let (key, is_new) = self.keys.number(&self.lot, place);
                if !is_new && self.terms.first_only && self.series.is_none() {
                    continue;
                }
                let row = self.next.len() as u32;
                room::reserve(&mut self.fields, fields.len());
                self.fields.extend_from_slice(fields);
                self.fields_ends.push(self.fields.len());
                self.next.push(NONE);
                if let Some(series) = &mut self.series {
                    series.push(at.asof, *line);
                }
                if is_new {
                    self.ends.push((row, row, 1));
                    continue;
                }
                if !self.terms.may_repeat && self.series.is_none() {
                    return Err(Flaw::Repeated { line: *line });
                }
                self.has_repeats = true;
                let (_, last, count) = &mut self.ends[key as usize];
                self.next[*last as usize] = row;
                (*last, *count) = (row, *count + 1);
                self.longest = self.longest.max(*count);
            }
        }
    }

    /// Returns the memory of the rows in bytes, including growth.
    pub fn bytes(&self) -> usize {
        if self.next.len() >= FULL {
            return usize::MAX;
        }
        let of_rows = self.next.len() * 12 + self.ends.len() * 12 + self.fields.len();
        let growing = self.keys.bytes_to_grow().max(self.keys.held());
        growing + of_rows + self.series.as_ref().map_or(0, Series::bytes)
    }

    /// Prepares lookups after all rows were added.
    ///
    /// # Errors
    /// A key and as-of value occurs twice.
    pub fn finish(&mut self) -> Result<(), Flaw> {
        let Some(mut series) = self.series.take() else {
            return Ok(());
        };
        for (first, ..) in &self.ends {
            series.add_key(std::iter::successors(Some(*first), |row| self.next(*row)));
        }
        if !self.terms.may_repeat {
            series.refuse_repeated()?;
        }
        // With as-of values, a record matches at most one row.
        (self.has_repeats, self.longest) = (false, 0);
        self.series = Some(series);
        Ok(())
    }

    /// Moves all rows to a sorted join on disk.
    ///
    /// # Errors
    /// The disk is full or fails.
    pub fn move_to(self, sorted: &mut Sorted) -> anyhow::Result<()> {
        let mut short = [0; 16];
        for (key, (first, ..)) in self.ends.iter().enumerate() {
            let key = self.keys.bytes(self.keys.word(key as u32), &mut short);
            let mut next = Some(*first);
            while let Some(row) = next {
                let series = self.series.as_ref();
                let (asof, line) =
                    series.map_or((&[][..], 0), |series| (series.value(row), series.line(row)));
                sorted.add_row((key, asof), self.fields(row), line)?;
                next = self.next(row);
            }
        }
        Ok(())
    }

    /// Returns the largest number of rows that a record can be joined with.
    pub fn most(&self) -> u32 {
        self.longest.max(1)
    }

    /// Returns the fields of a row.
    #[inline]
    pub fn fields(&self, row: u32) -> &[u8] {
        let row = row as usize;
        let start = row
            .checked_sub(1)
            .map_or(0, |before| self.fields_ends[before]);
        &self.fields[start..self.fields_ends[row]]
    }

    /// Returns the next row that matches the same records.
    #[inline]
    pub fn next(&self, row: u32) -> Option<u32> {
        if !self.has_repeats {
            return None;
        }
        let next = self.next[row as usize];
        (next != NONE).then_some(next)
    }

    /// Calls `each` with every record that has no fault, and its first row, until it returns false; the other
    /// records are left for later. `scale` is that of the table's as-of values.
    pub fn matches(
        &self,
        (on, scale): (&On, Option<Scale>),
        records: &Records<'_>,
        faults: &mut Faults,
        Matching { scratch, lot }: &mut Matching,
        mut each: impl FnMut(u32, Option<u32>) -> bool,
    ) {
        on.select(scale, records, faults, scratch);
        let mut rows = [NONE; LOT];
        for sound in scratch.sound.chunks(LOT) {
            lot.clear();
            on.push_keys(sound, records, scratch, lot);
            self.keys.look_ahead(lot);
            for (place, (row, record)) in rows.iter_mut().zip(sound).enumerate() {
                *row = match (self.keys.known(lot, place), &self.series) {
                    (None, _) => NONE,
                    (Some(key), None) => self.first(key),
                    (Some(key), Some(series)) => {
                        let value = on.asof(scratch, *record);
                        let row = value.and_then(|(value, _)| series.latest(key, value));
                        row.unwrap_or(NONE)
                    }
                };
                room::prefetch(&self.fields_ends, *row as usize);
            }
            for row in &rows[..sound.len()] {
                if let Some(end) = self.fields_ends.get(*row as usize) {
                    room::prefetch(&self.fields, end.saturating_sub(1));
                }
            }
            for (row, record) in rows.iter().zip(sound) {
                if !each(*record, (*row != NONE).then_some(*row)) && faults.can_leave() {
                    return faults.leave_from(*record + 1);
                }
            }
        }
    }

    /// Whether the single key of a lot exists.
    pub(super) fn knows(&self, lot: &mut Lot) -> bool {
        self.keys.look_ahead(lot);
        self.keys.known(lot, 0).is_some()
    }

    /// Returns the first row of a key. While no key has two rows, rows and keys have the same numbers.
    #[inline]
    fn first(&self, key: u32) -> u32 {
        match self.has_repeats {
            true => self.ends[key as usize].0,
            false => key,
        }
    }
}

/// Memory that is reused from block to block.
#[derive(Default)]
pub struct Matching {
    scratch: Scratch,
    lot: Lot,
}
