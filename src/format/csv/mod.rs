//! CSV and its relatives: reads any delimiter and quote, writes the stream's dialect.

use std::ops::Range;

use crate::bytes::{Dialect, scan};
use crate::format::entry::{Format, Read};
use crate::record::{Faults, Index, Layout, Mapping, Records, field};
use crate::stream::{Made, Sink};

use crate::format::picked::Picked;

/// CSV's entries in the table of formats.
pub const FORMATS: &[Format] = &[
    Format {
        name: "csv",
        aliases: &[],
        endings: &["csv"],
        flags: &[],
        takes_names: true,
        read: Read::Csv(b','),
    },
    Format {
        name: "tsv",
        aliases: &[],
        endings: &["tsv", "tab"],
        flags: &[],
        takes_names: true,
        read: Read::Csv(b'\t'),
    },
    Format {
        name: "psv",
        aliases: &[],
        endings: &["psv"],
        flags: &[],
        takes_names: true,
        read: Read::Csv(b'|'),
    },
];

/// How the records of a source become the stream.
#[derive(Clone, Debug)]
pub struct CsvSource {
    /// The dialect of the source.
    pub dialect: Dialect,
    /// The columns to write; only an unquoted field can be null.
    pub picked: Picked,
    /// Whether a quoted field counts as an unquoted one.
    pub unquote: bool,
}

/// A table, and the way in which its blocks are passed on.
pub struct Extract {
    table: CsvSource,
    /// Columns that are adjacent both in the source and in the result, and can be copied together: first and last.
    runs: Vec<(usize, usize)>,
    /// How often a column is picked at most.
    repeats: usize,
    null_lengths: Lengths,
    /// Whether fields and the bytes between them can be copied without inspection.
    is_plain: bool,
    /// Whether a quoted field can be written to the stream as it is.
    keeps_quotes: bool,
    way: Way,
    layout: Layout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All fields in order, as they are.
    Whole,
    /// All fields in order, without the content of nulls.
    WholeButNulls,
    /// Some fields, or another delimiter.
    Runs,
    /// Field by field.
    Fields,
}

impl Extract {
    /// Prepares for records of `columns` fields.
    pub fn new(table: CsvSource, columns: usize) -> Self {
        let nulls = &table.picked.nulls;
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for &column in &table.picked.picks {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == column && nulls.is_empty() => *last = column,
                _ => runs.push((column, column)),
            }
        }
        let is_whole = table.picked.picks.iter().copied().eq(0..columns);
        let keeps_quotes = table.dialect.quote == Dialect::STREAM.quote && !table.unquote;
        let way = match (keeps_quotes, is_whole && table.dialect == Dialect::STREAM) {
            (false, _) => Way::Fields,
            (true, false) => Way::Runs,
            (true, true) if nulls.is_empty() => Way::Whole,
            (true, true) => Way::WholeButNulls,
        };
        let mut repeats = vec![0; columns];
        for &column in &table.picked.picks {
            repeats[column] += 1;
        }
        let picks = &table.picked.picks;
        let layout = match way {
            Way::Whole => Layout::of(columns, []),
            Way::WholeButNulls => Layout::all(columns),
            Way::Runs | Way::Fields => Layout::of(columns, picks.iter().map(|&pick| (pick, pick))),
        };
        Extract {
            layout,
            repeats: repeats.into_iter().max().unwrap_or(1),
            is_plain: nulls.is_empty() && table.dialect.delimiter == b',',
            keeps_quotes,
            runs,
            null_lengths: Lengths::of(nulls),
            way,
            table,
        }
    }

    /// Returns the fields that it looks at.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    #[inline(always)]
    fn is_null(&self, content: &[u8]) -> bool {
        self.null_lengths.has(content.len()) && self.table.picked.is_null(content)
    }

    /// Keeps all but the content of null fields. No record ends in CR LF.
    fn whole_but_nulls(&self, records: &Records<'_>, count: usize, made: &mut Made) {
        let block = records.bytes();
        let mut kept = 0;
        for pair in records.bounds()[..=count * records.columns()].windows(2) {
            let field = pair[0] as usize..pair[1] as usize - 1;
            if self.is_null(&block[field.clone()]) {
                made.keep(block, kept..field.start);
                kept = field.end;
            }
        }
        made.keep(block, kept..records.range(count - 1).end);
    }

    /// Copies runs of fields. If not `PLAIN`, the delimiter is another one or there are nulls to look for.
    fn runs<const PLAIN: bool>(&self, records: &Records<'_>, count: usize, made: &mut Made) {
        let block = records.bytes();
        let picks = self.table.picked.picks.len();
        let guess = block.len() / records.columns() * picks + block.len() / 8;
        let mut room = made.room(block, guess.min(block.len()));
        let delimiter = self.table.dialect.delimiter;
        let mut commas = Commas::of(block, delimiter);
        let mut apart = Vec::new();
        for record in 0..count {
            let whole = records.range(record);
            if !PLAIN && commas.is_within(whole.clone()) {
                room.push_made(
                    |out| self.record_by_fields(records, record, out),
                    &mut apart,
                );
                continue;
            }
            let mut line = room.line(whole.len() * self.repeats + self.runs.len());
            for &(first, last) in &self.runs {
                let span = records.span(record, first, last);
                if PLAIN {
                    line.push(block, span);
                } else if first != last || !self.is_null(&block[span.clone()]) {
                    let (start, place) = (span.start, line.at);
                    line.push(block, span);
                    for column in first + 1..=last {
                        let next = records.span(record, column, column).start;
                        line.out[place + next - 1 - start] = b',';
                    }
                }
                line.push_byte(b',');
            }
            if line.ends_in_return() {
                // After the last field, it would be taken for a part of the line end.
                room.push_made(
                    |out| self.record_by_fields(records, record, out),
                    &mut apart,
                );
                continue;
            }
            let length = line.ended();
            room.keep(length);
        }
        room.close();
    }

    /// Writes all records field by field.
    fn fields(&self, records: &Records<'_>, count: usize, made: &mut Made) {
        let picks = self.table.picked.picks.iter();
        self.by_fields(records, count, picks.map(|pick| Some(*pick)), made);
    }

    fn by_fields(
        &self,
        records: &Records<'_>,
        count: usize,
        picks: impl Iterator<Item = Option<usize>> + Clone,
        made: &mut Made,
    ) {
        let out = made.buffer(records.bytes());
        for record in 0..count {
            self.write_fields(records, record, picks.clone(), out);
        }
    }

    fn record_by_fields(&self, records: &Records<'_>, record: usize, out: &mut Vec<u8>) {
        let picks = self.table.picked.picks.iter();
        self.write_fields(records, record, picks.map(|pick| Some(*pick)), out);
    }

    fn write_fields(
        &self,
        records: &Records<'_>,
        record: usize,
        picks: impl Iterator<Item = Option<usize>>,
        out: &mut Vec<u8>,
    ) {
        for pick in picks {
            if let Some(column) = pick {
                self.rewrite(records.field(record, column), out);
            }
            out.push(b',');
        }
        out.pop();
        out.push(b'\n');
    }

    /// Writes the records of a source with a header of its own.
    fn mapped(&self, records: &Records<'_>, mapping: &Mapping, count: usize, made: &mut Made) {
        let picks = mapping.picks();
        let may_copy = self.is_plain && self.keeps_quotes;
        if !may_copy || has_returns_within(records) {
            return self.by_fields(records, count, picks.iter().copied(), made);
        }
        let block = records.bytes();
        let mut room = made.room(block, block.len());
        for record in 0..count {
            let most = records.range(record).len() * self.repeats + picks.len();
            let mut line = room.line(most);
            for pick in picks {
                if let Some(column) = *pick {
                    line.push(block, records.span(record, column, column));
                }
                line.push_byte(b',');
            }
            let length = line.ended();
            room.keep(length);
        }
        room.close();
    }

    /// Appends a field of the source's dialect in that of the stream.
    fn rewrite(&self, raw: &[u8], out: &mut Vec<u8>) {
        let quote = self.table.dialect.quote;
        let is_quoted = quote.is_some() && raw.first().copied() == quote;
        if !is_quoted {
            return self.unquoted(raw, out);
        }
        if quote == Some(b'"') && !self.table.unquote {
            return out.extend_from_slice(raw);
        }
        let content = field::content_in(raw, quote);
        match self.table.unquote {
            true => self.unquoted(&content, out),
            false => field::push_quoted(&content, out),
        }
    }

    fn unquoted(&self, content: &[u8], out: &mut Vec<u8>) {
        if !content.is_empty() && !self.is_null(content) {
            field::push_text(content, b',', out);
        }
    }
}

impl Sink for Extract {
    type Scratch = ();
    type Parcel = Made;

    fn scratch(&self) -> Self::Scratch {}

    fn records(&self, _: &mut (), records: &Records<'_>, faults: &mut Faults, made: &mut Made) {
        let count = faults.limit() as usize;
        if count == 0 {
            return;
        }
        made.records = count as u64;
        if let Some(mapping) = records.mapping() {
            return self.mapped(records, mapping, count, made);
        }
        match (self.way, records.has_returns()) {
            (Way::Fields, _) => self.fields(records, count, made),
            _ if has_returns_within(records) => {
                let (mut index, all) = (Index::default(), Layout::all(records.columns()));
                let records = records.relaid(&all, self.table.dialect, &mut index);
                self.fields(&records, count, made);
            }
            (Way::Whole, false) => made.keep(records.bytes(), 0..records.range(count - 1).end),
            (Way::WholeButNulls, false) => self.whole_but_nulls(records, count, made),
            _ if self.is_plain => self.runs::<true>(records, count, made),
            _ => self.runs::<false>(records, count, made),
        }
    }
}

/// Returns whether there is a carriage return other than those of line ends. An unquoted field with one must be
/// quoted.
fn has_returns_within(records: &Records<'_>) -> bool {
    if records.lacks_returns() {
        return false;
    }
    let block = records.bytes();
    let ends_in_one = |&record: &usize| block[..records.range(record).end].ends_with(b"\r\n");
    let ends = match records.has_returns() {
        true => (0..records.len()).filter(ends_in_one).count(),
        false => 0,
    };
    scan::count_byte(block, b'\r') != ends
}

/// The lengths of some texts, a bit for each; bit 63 stands for all lengths from 63 on.
#[derive(Clone, Copy, Debug, Default)]
struct Lengths(u64);

impl Lengths {
    fn of(texts: &[Vec<u8>]) -> Self {
        Lengths(
            texts
                .iter()
                .fold(0, |bits, text| bits | 1 << text.len().min(63)),
        )
    }

    #[inline(always)]
    fn has(self, length: usize) -> bool {
        self.0 >> length.min(63) & 1 != 0
    }
}

/// Commas within the fields of a source with another delimiter. Such fields must be quoted.
struct Commas<'b> {
    block: &'b [u8],
    next: usize,
}

impl<'b> Commas<'b> {
    fn of(block: &'b [u8], delimiter: u8) -> Self {
        let mut commas = Commas {
            block,
            next: usize::MAX,
        };
        if delimiter != b',' {
            commas.look_from(0);
        }
        commas
    }

    fn look_from(&mut self, start: usize) {
        let found = memchr::memchr(b',', &self.block[start..]);
        self.next = found.map_or(usize::MAX, |place| start + place);
    }

    /// Returns whether this record has a comma. Records must be asked about in order.
    #[inline(always)]
    fn is_within(&mut self, record: Range<usize>) -> bool {
        if self.next < record.start {
            self.look_from(record.start);
        }
        self.next < record.end
    }
}

#[cfg(test)]
mod tests;
