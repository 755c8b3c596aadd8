//! The join of a stream with a table, as `lookup` does it.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::bail;

use crate::expr::columns::{self, Selector};
use crate::fold::lookup::{Matching, Repeated, Rows, Sorted, Taken};
use crate::fold::order::keys::{Keys, Scratch};
use crate::fold::order::{Portion, Room};
use crate::record::{Block, Faults, Header, Layout, Records, counted};
use crate::runner::Extracted;
use crate::stream::{self, Flow, Held, Input, Made, Output, Parcel, Pass, Settings, Sink, Summary};

/// What becomes of records with and without a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Left,
    Inner,
    Semi,
    Anti,
}

/// A join, bound to both headers.
pub struct Join {
    /// The header of what comes out.
    pub header: Header,
    keys: Keys,
    /// Columns of the stream.
    columns: usize,
    table_keys: Keys,
    /// Columns of the table.
    table_columns: usize,
    /// Those that are added.
    taken: Vec<usize>,
    how: How,
    many: bool,
    delimiter: u8,
    unmatched: AtomicU64,
}

/// A table that was read.
pub enum Table {
    /// It fits in memory.
    Held(Box<Rows>),
    /// It does not.
    OnDisk(Box<Sorted>),
}

impl Join {
    /// Binds a join to the headers of the stream and of the table.
    ///
    /// # Errors
    /// There is no such column, or an added one has the name of one that is there.
    pub fn new(
        (on, take): (&[Selector], Option<&[Selector]>),
        (header, table): (&Header, &Header),
        (how, many): (&str, bool),
        (prefix, delimiter): (&str, u8),
    ) -> anyhow::Result<Self> {
        let how = match how {
            "inner" => How::Inner,
            "semi" => How::Semi,
            "anti" => How::Anti,
            _ => How::Left,
        };
        let on = columns::resolve(on, table.names())
            .map_err(|error| anyhow::anyhow!("{error}").context("the table's keys"))?;
        let mut places = Vec::new();
        for key in &on {
            let Some(place) = header.position(&key.name) else {
                bail!(
                    "unknown column '{}': columns: {}; say --on RECORD=TABLE where the names differ",
                    key.name,
                    header.names().join(", ")
                );
            };
            places.push((place, key.name.as_str()));
        }
        let is_key = |column: &usize| on.iter().any(|key| key.index == *column);
        let taken: Vec<(usize, String)> = match (how, take) {
            (How::Semi | How::Anti, _) => Vec::new(),
            (_, None) => {
                let others = (0..table.len()).filter(|column| !is_key(column));
                others
                    .map(|column| (column, table.names()[column].clone()))
                    .collect()
            }
            (_, Some(take)) => columns::resolve(take, table.names())
                .map_err(|error| anyhow::anyhow!("{error}").context("--take"))?
                .into_iter()
                .map(|selected| (selected.index, selected.name))
                .collect(),
        };
        let mut names = header.names().to_vec();
        for (_, name) in &taken {
            let name = format!("{prefix}{name}");
            if names.contains(&name) {
                bail!(
                    "there is a column '{name}' already: give the table's another name by \
                     --take 'NEW={name}', or all of them a --prefix"
                );
            }
            names.push(name);
        }
        let table_keys = on
            .iter()
            .map(|key| (key.index, table.names()[key.index].as_str()));
        Ok(Join {
            header: Header::new(names),
            keys: Keys::of_columns(places),
            columns: header.len(),
            table_keys: Keys::of_columns(table_keys),
            table_columns: table.len(),
            taken: taken.into_iter().map(|(column, _)| column).collect(),
            how,
            many: many || matches!(how, How::Semi | How::Anti),
            delimiter,
            unmatched: AtomicU64::new(0),
        })
    }

    /// Reads the table called `name`.
    ///
    /// # Errors
    /// It cannot be read, or has a key twice.
    pub fn read(
        &self,
        mut table: Extracted,
        name: &str,
        settings: &Settings,
        memory: usize,
    ) -> anyhow::Result<Table> {
        let room = Room {
            memory,
            threads: settings.threads,
        };
        let (mut rows, mut sorted) = (Some(Rows::new(self.many)), None);
        let reading = Reading(self);
        let deliver = &mut |block: &Block, read: &mut Read| {
            if let Some(sorted) = &mut sorted {
                Sorted::add_rows(sorted, &read.0, block)?;
                return Ok(Flow::More);
            }
            if let Some(held) = &mut rows {
                held.add(&read.0, block)?;
            }
            // The other half is for the join on disk, while the rows move there.
            if let Some(held) = rows.take_if(|held| held.bytes() > memory / 2) {
                let mut joined = Sorted::new(self.many, room);
                held.move_to(&mut joined)?;
                sorted = Some(joined);
            }
            Ok(Flow::More)
        };
        let layout = Layout::all(self.table_columns);
        stream::sink(&mut table.input, &layout, settings, &reading, deliver)
            .map_err(|error| told(error, name))?;
        table.finish()?;
        Ok(match (rows, sorted) {
            (_, Some(sorted)) => Table::OnDisk(Box::new(sorted)),
            (rows, None) => Table::Held(Box::new(rows.unwrap_or_else(|| Rows::new(self.many)))),
        })
    }

    /// Joins all records of the stream.
    ///
    /// # Errors
    /// Those of input and output; a key of a table on disk that comes twice.
    pub fn run(
        &self,
        table: Table,
        name: &str,
        input: &mut Input,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        let layout = self.keys.layout(self.columns);
        let mut summary = match table {
            Table::Held(rows) => {
                let joining = Joining { join: self, rows };
                stream::pass(input, &layout, settings, &joining, output, None)?
            }
            Table::OnDisk(sorted) => self.on_disk(*sorted, name, input, settings, output)?,
        };
        let unmatched = self.unmatched.load(Ordering::Relaxed);
        if unmatched > 0 && matches!(self.how, How::Left | How::Inner) {
            let what = match self.how {
                How::Inner => "left out",
                _ => "kept, with nulls",
            };
            let records = counted(unmatched as usize, "record");
            let notice = format!("no match in '{name}' for {records} ({what})");
            summary.notice = Some(match summary.notice {
                Some(other) => format!("{other}\n  {notice}"),
                None => notice,
            });
        }
        Ok(summary)
    }

    fn on_disk(
        &self,
        mut sorted: Sorted,
        name: &str,
        input: &mut Input,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        let layout = self.keys.layout(self.columns);
        let deliver = &mut |_: &Block, gathered: &mut Gathered| {
            sorted.take(&mut gathered.0)?;
            Ok(Flow::More)
        };
        let (_, mut summary) = stream::sink(input, &layout, settings, &Gathering(self), deliver)?;
        let mut joined = Held::new(output);
        let mut last = None;
        let join = &mut |record: &[u8], row: Option<&[u8]>, number: u64, out: &mut Vec<u8>| {
            let is_first = last.replace(number) != Some(number);
            self.write(record, row, is_first, out)
        };
        sorted
            .finish(join, &mut |record| joined.write(record))
            .map_err(|error| told(error, name))?;
        summary.records_out = joined.finish()?;
        Ok(summary)
    }

    /// Writes what becomes of a record with a row or none, without its line end: whether that is
    /// anything. `is_first`: no row was there for the record before.
    fn write(&self, record: &[u8], row: Option<&[u8]>, is_first: bool, out: &mut Vec<u8>) -> bool {
        if row.is_none() {
            self.unmatched.fetch_add(1, Ordering::Relaxed);
        }
        let is_wanted = match (self.how, row) {
            (How::Left, _) | (How::Inner, Some(_)) | (How::Anti, None) => true,
            (How::Semi, Some(_)) => is_first,
            _ => false,
        };
        if is_wanted {
            out.extend_from_slice(record);
            self.write_row(row, out);
        }
        is_wanted
    }

    fn write_row(&self, row: Option<&[u8]>, out: &mut Vec<u8>) {
        if self.taken.is_empty() {
            return;
        }
        out.push(self.delimiter);
        match row {
            Some(fields) => out.extend_from_slice(fields),
            None => out.extend(std::iter::repeat_n(self.delimiter, self.taken.len() - 1)),
        }
    }
}

/// The same error, with the name of the table where it is about a key of it.
fn told(error: anyhow::Error, name: &str) -> anyhow::Error {
    match error.downcast::<Repeated>() {
        Ok(Repeated { line: 0 }) => {
            anyhow::anyhow!("'{name}': a key is there twice; --many joins with all of its rows")
        }
        Ok(Repeated { line }) => anyhow::anyhow!(
            "'{name}': the key of the record on line {line} was there before; --many joins with all of its rows"
        ),
        Err(error) => error,
    }
}

/// Reads the rows of a table.
struct Reading<'j>(&'j Join);

#[derive(Default)]
struct Read(Taken);

impl Parcel for Read {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Reading<'_> {
    type Scratch = Scratch;
    type Parcel = Read;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        read: &mut Read,
    ) {
        let what = (&self.0.table_keys, self.0.taken.as_slice());
        let how = (scratch, self.0.delimiter);
        read.0.add(what, records, faults, how);
    }
}

/// Joins records with a table in memory.
struct Joining<'j> {
    join: &'j Join,
    rows: Box<Rows>,
}

impl Pass for Joining<'_> {
    type Scratch = Matching;

    fn scratch(&self) -> Matching {
        Matching::default()
    }

    fn records(
        &self,
        matching: &mut Matching,
        records: &Records<'_>,
        faults: &mut Faults,
        made: &mut Made,
    ) {
        let Joining { join, rows } = self;
        let (mut unmatched, mut added) = (0, 0);
        let each = |record: u32, row: Option<u32>| {
            unmatched += u64::from(row.is_none());
            let record = record as usize;
            match (join.how, row) {
                (How::Semi, Some(_)) | (How::Anti, None) => made.keep_record(records, record),
                (How::Semi, None) | (How::Anti, Some(_)) | (How::Inner, None) => {}
                (How::Left | How::Inner, row) => {
                    let out = made.buffer(records.bytes());
                    let mut next = row;
                    loop {
                        out.extend_from_slice(records.raw(record));
                        join.write_row(next.map(|row| rows.fields(row)), out);
                        out.push(b'\n');
                        added += 1;
                        next = next.and_then(|row| rows.next(row));
                        if next.is_none() {
                            break;
                        }
                    }
                }
            }
        };
        rows.matches(&join.keys, records, faults, matching, each);
        made.records += added;
        join.unmatched.fetch_add(unmatched, Ordering::Relaxed);
    }
}

/// Puts records beside their keys for a join on disk.
struct Gathering<'j>(&'j Join);

#[derive(Default)]
struct Gathered(Portion);

impl Parcel for Gathered {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for Gathering<'_> {
    type Scratch = Scratch;
    type Parcel = Gathered;

    fn scratch(&self) -> Scratch {
        Scratch::default()
    }

    fn records(
        &self,
        scratch: &mut Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        gathered: &mut Gathered,
    ) {
        Sorted::add_records(&self.0.keys, records, faults, (scratch, &mut gathered.0));
    }
}
