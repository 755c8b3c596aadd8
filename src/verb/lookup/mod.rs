//! Joins records with a table.

mod ways;

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::bail;
use clap::ValueEnum;

use super::{Streams, Usage};
use crate::expr::columns::{self, Selected, Selector};
use crate::fold::budget::Budget;
use crate::fold::lookup::{
    Asof, Flaw, NearMisses, On, Rows, Scale, Scratch, Sorted, Taken, Terms, Unmatched,
};
use crate::record::{Block, Faults, Header, Layout, Records, counted};
use crate::stream::{self, Flow, Input, Parcel, Settings, Sink, Summary};
use crate::trust::Carried;

use ways::{Gathering, Joining, MANY, Matched};

/// Which records are kept, by whether they have a row in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum How {
    /// All are kept
    #[default]
    Left,
    /// Those with a row
    Inner,
    /// Those with a row, as they are
    Semi,
    /// Those without a row, as they are
    Anti,
}

/// The options of a join.
pub struct AskedOfJoin<'a> {
    /// The columns to join on.
    pub on: &'a [Selector],
    /// The column for an as-of join, which takes the latest row at or before its value.
    pub asof: Option<&'a [Selector]>,
    /// The columns of the table to add; None adds all that are not compared.
    pub take: Option<&'a [Selector]>,
    /// Which records are kept.
    pub how: How,
    /// Whether a record is joined with all rows that have its key.
    pub many: bool,
    /// The prefix for the names of added columns.
    pub prefix: &'a str,
    /// The stream's delimiter.
    pub delimiter: u8,
}

/// A join, resolved against both headers.
pub struct Join {
    /// The header of the output.
    pub header: Header,
    on: On,
    /// The number of columns in the stream.
    columns: usize,
    table_on: On,
    /// The number of columns in the table.
    table_columns: usize,
    /// The positions of the table's columns that are added.
    taken: Vec<usize>,
    how: How,
    terms: Terms,
    /// What follows a record without a row, including its line end.
    blank: Vec<u8>,
    delimiter: u8,
    unmatched: AtomicU64,
    near_misses: NearMisses,
}

/// A table that was read.
pub struct LookupTable<'n> {
    /// Its name in errors.
    name: &'n str,
    rows: Kept,
    /// The scale of its as-of values.
    scale: Option<Scale>,
    /// What its input carried.
    carried: Carried,
}

/// The place of a table's rows.
enum Kept {
    /// In memory.
    Held(Box<Rows>),
    /// On disk, because they do not fit in memory.
    OnDisk(Box<Sorted>),
}

impl Join {
    /// Resolves a join against the headers of the stream and of the table.
    ///
    /// # Errors
    /// A column does not exist, or an added one has the name of an existing one.
    pub fn new(asked: &AskedOfJoin<'_>, header: &Header, table: &Header) -> anyhow::Result<Self> {
        let AskedOfJoin {
            on,
            asof,
            take,
            how,
            many,
            prefix,
            delimiter,
        } = *asked;
        let keys = paired(on, (header, table), "--on", "the table's keys")?;
        let asof = match asof {
            None => None,
            Some(asof) => {
                let pairs = paired(asof, (header, table), "--asof", "--asof")?;
                let [pair] = <[Pair<'_>; 1]>::try_from(pairs)
                    .map_err(|_| Usage::error("--asof is one column, not several"))?;
                Some(pair)
            }
        };
        let side = |of: for<'n> fn(&Pair<'n>) -> (usize, &'n str)| {
            let keys = keys.iter().map(|pair| of(pair).0).collect();
            On::new(keys, asof.as_ref().map(of).map(Asof::column))
        };
        let (on, table_on) = (side(|pair| pair.record), side(|pair| pair.table));
        let taken: Vec<(usize, String)> = match (how, take) {
            (How::Semi | How::Anti, _) => Vec::new(),
            (_, None) => {
                let looked_at = table_on.looked_at();
                let others = (0..table.len()).filter(|column| !looked_at.contains(column));
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
        let mut known: HashSet<String> = names.iter().cloned().collect();
        for (_, name) in &taken {
            let name = format!("{prefix}{name}");
            if !known.insert(name.clone()) {
                bail!(
                    "there is a column '{name}' already: give the table's another name by \
                     --take 'NEW={name}', or all of them a --prefix"
                );
            }
            names.push(name);
        }
        let terms = Terms {
            is_asof: on.has_asof(),
            may_repeat: many || matches!(how, How::Semi | How::Anti),
            first_only: matches!(how, How::Semi | How::Anti),
        };
        Ok(Join {
            header: Header::new(names),
            on,
            columns: header.len(),
            table_on,
            table_columns: table.len(),
            blank: [vec![delimiter; taken.len()], vec![b'\n']].concat(),
            taken: taken.into_iter().map(|(column, _)| column).collect(),
            how,
            terms,
            delimiter,
            unmatched: AtomicU64::new(0),
            near_misses: NearMisses::default(),
        })
    }

    /// Reads the table called `name` from `input`. Above half of `memory` bytes it is spilled to disk.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read<'n>(
        &self,
        input: &mut Input,
        name: &'n str,
        settings: &Settings,
        memory: usize,
    ) -> anyhow::Result<LookupTable<'n>> {
        let budget = Budget {
            memory,
            threads: settings.threads,
        };
        let (mut rows, mut sorted) = (Some(Rows::new(&self.table_on, self.terms)), None);
        let (reading, mut scale) = (TableReading(self), None);
        let deliver = &mut |_: &Block, read: &mut Read| {
            read.0.on_one_scale(&mut scale)?;
            if let Some(sorted) = &mut sorted {
                Sorted::add_rows(sorted, &read.0)?;
                return Ok(Flow::More);
            }
            if let Some(held) = &mut rows {
                held.add(&read.0)?;
            }
            // The other half is for the join on disk, while the rows move there.
            if let Some(held) = rows.take_if(|held| held.bytes() > budget.part(2).memory) {
                let mut joined = Sorted::new(self.terms, budget);
                held.move_to(&mut joined)?;
                sorted = Some(joined);
            }
            Ok(Flow::More)
        };
        let layout = Layout::all(self.table_columns);
        let read = stream::sink(input, &layout, settings, &reading, deliver);
        let (_, summary) = read.map_err(|error| self.told(error, name))?;
        let mut carried = summary.carried;
        carried.add_rejected(summary.set_aside.count);
        let rows = match (rows, sorted) {
            (_, Some(sorted)) => Kept::OnDisk(Box::new(sorted)),
            (rows, None) => {
                let rows = rows.unwrap_or_else(|| Rows::new(&self.table_on, self.terms));
                Kept::Held(Box::new(rows))
            }
        };
        Ok(LookupTable {
            name,
            rows,
            scale,
            carried,
        })
    }

    /// Joins all records of the stream. [`Join::header`] must already be written to the output, so that the next
    /// stage starts while the table is read.
    ///
    /// # Errors
    /// Those of the input and the output; or a key occurs twice in the table.
    pub fn run(&self, table: LookupTable<'_>, streams: Streams<'_>) -> anyhow::Result<Summary> {
        let Streams {
            input,
            settings,
            output,
            ..
        } = streams;
        let layout = self.on.layout(self.columns);
        let LookupTable {
            name,
            mut rows,
            scale,
            carried,
        } = table;
        if let Kept::Held(rows) = &mut rows {
            let finished = rows.finish();
            finished.map_err(|flaw| self.told(flaw.into(), name))?;
        }
        let join = self;
        let mut summary = match rows {
            Kept::Held(rows) if rows.most() > MANY => {
                let matched = Matched { join, rows, scale };
                matched.join(input, settings, output)?
            }
            Kept::Held(rows) => {
                let joining = Joining { join, rows, scale };
                stream::pass(input, &layout, settings, &joining, output, None)?
            }
            Kept::OnDisk(sorted) => {
                let gathering = Gathering { join, scale };
                gathering.join(*sorted, name, input, settings, output)?
            }
        };
        summary.carried.add(carried);
        let unmatched = self.unmatched.load(Ordering::Relaxed);
        if unmatched > 0 && matches!(self.how, How::Left | How::Inner) {
            let what = match self.how {
                How::Inner => "left out",
                _ => "kept, with nulls",
            };
            let records = counted(unmatched as usize, "record");
            let mut notice = format!("no match in '{name}' for {records} ({what})");
            if let Some(miss) = self.near_misses.first() {
                let column = &self.header.names()[miss.column];
                notice.push_str(&format!(
                    "\n  such as {column} {}, which would match {} but for the quotes: {column} = \
                     text({column}) makes both text",
                    miss.here, miss.there
                ));
            }
            summary.notices.push(notice);
        }
        Ok(summary)
    }

    /// Writes a record and its row, if it has one, without a line end. Returns whether there was anything to write.
    /// `is_first` is false for further rows of the same record.
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

    /// Counts the records of a block that have no row.
    fn note_unmatched(&self, rows: &Rows, records: &Records<'_>, unmatched: &Unmatched) {
        self.unmatched.fetch_add(unmatched.count, Ordering::Relaxed);
        self.near_misses.look(rows, &self.on, records, unmatched);
    }

    /// Adds the name of the table to an error about it.
    fn told(&self, error: anyhow::Error, name: &str) -> anyhow::Error {
        match error.downcast::<Flaw>() {
            Ok(Flaw::Repeated { line }) if self.terms.is_asof => {
                let key = match self.on.has_keys() {
                    true => "the key and ",
                    false => "",
                };
                anyhow::anyhow!(
                    "'{name}': the record on line {line} has {key}the --asof value of one before it"
                )
            }
            Ok(flaw @ Flaw::Repeated { .. }) => {
                anyhow::anyhow!("'{name}': {flaw}; --many joins with all of its rows")
            }
            Ok(flaw) => anyhow::anyhow!("'{name}': --asof: {flaw}"),
            Err(error) => error,
        }
    }

    fn write_row(&self, row: Option<&[u8]>, out: &mut Vec<u8>) {
        match row {
            Some(_) if self.taken.is_empty() => {}
            Some(fields) => {
                out.push(self.delimiter);
                out.extend_from_slice(fields);
            }
            None => out.extend_from_slice(&self.blank[..self.taken.len()]),
        }
    }
}

/// A column of the stream and one of the table, each with its position and name.
struct Pair<'n> {
    record: (usize, &'n str),
    table: (usize, &'n str),
}

/// Returns the pairs of columns that `selectors` select. `flag` is the option they come from, and `whose` the
/// context of errors about the table.
fn paired<'n>(
    selectors: &[Selector],
    (header, table): (&'n Header, &'n Header),
    flag: &str,
    whose: &'static str,
) -> anyhow::Result<Vec<Pair<'n>>> {
    if selectors.is_empty() {
        return Ok(Vec::new());
    }
    let selected = columns::resolve(selectors, table.names())
        .map_err(|error| anyhow::anyhow!("{error}").context(whose))?;
    let pair = |selected: Selected| {
        let Some(place) = header.position(&selected.name) else {
            bail!(
                "unknown column '{}': columns: {}; say {flag} RECORD=TABLE where the names differ",
                selected.name,
                header.names().join(", ")
            );
        };
        Ok(Pair {
            record: (place, &header.names()[place]),
            table: (selected.index, &table.names()[selected.index]),
        })
    };
    selected.into_iter().map(pair).collect()
}

/// Reads the rows of a table.
struct TableReading<'j>(&'j Join);

#[derive(Default)]
struct Read(Taken);

impl Parcel for Read {
    fn clear(&mut self) {
        self.0.clear();
    }
}

impl Sink for TableReading<'_> {
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
        let what = (&self.0.table_on, self.0.taken.as_slice());
        let how = (scratch, self.0.delimiter);
        read.0.add(what, records, faults, how);
    }
}
