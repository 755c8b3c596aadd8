//! `map`: sets or adds columns.
//!
//! Unchanged fields are copied as they stand. Memory is a few blocks a thread, whatever the input,
//! and what `prev`, `running_sum` and `record_number` carry for each key of `--by`: a program that
//! calls them runs on one thread. A record goes on as soon as the input pauses.

use std::process::ExitCode;

use bumpalo::Bump;
use clap::Parser;
use pipewright::cli::{self, Program, Shared, Tool, Usage};
use pipewright::expr::sequence::is_called;
use pipewright::expr::{Assignments, Batch, Operand, Piece, parse, renew};
use pipewright::fold::sequence::{self, Sequence};
use pipewright::record::{Faults, Layout, Records};
use pipewright::stream::{self, Made, Output, Sink, Summary};
use pipewright::value::Numbers;
use pipewright::value::numbers::NULL;
use pipewright::value::print::{SMALL, write_small};
use pipewright::value::text::{stands_in_values, write_value};

/// Set or add columns
#[derive(Parser)]
#[command(
    name = "map",
    after_help = "\
Examples:
  map 'total = qty * price, day = date(ts)' orders.csv
  map 'size = if(qty > 10, \"bulk\", \"retail\")' orders.csv
  map --only 'id, total = round(qty * price * 1.19, 2)' orders.csv
  map 'name = trim(upper(name))' --drop first_name,last_name people.csv
  map 'age = :year - year(born)' --set year=2026 people.csv
  map 'n = record_number(), paid = running_sum(amount)' --by customer_id payments.csv
  map 'gap = epoch(ts) - epoch(prev(ts))' --by host log.csv

An assignment to a column that exists replaces it in place; a new one comes last. A later
assignment sees the earlier ones. Numbers are exact decimals: 0.1 + 0.2 is 0.3.

prev(x), running_sum(x) and record_number() go by the records before, in the order of the stream,
for any number of threads. With --by, each key has its own, and memory grows with the number of
keys. A record that is set aside for an error counts for none of them, as if it had not come."
)]
struct Args {
    #[command(flatten)]
    program: Program,

    /// Write only the columns that EXPR names; a bare name there keeps that column
    #[arg(long)]
    only: bool,

    /// Leave out these columns: names, ranges (a..d), globs (q_*)
    #[arg(long, value_name = "COLUMNS", conflicts_with = "only")]
    drop: Option<String>,

    /// Have prev, running_sum and record_number go by the records with the same keys
    #[arg(short, long, value_name = "KEYS")]
    by: Option<String>,

    #[command(flatten)]
    shared: Shared,
}

impl Tool for Args {
    fn more_functions() -> String {
        cli::sequences()
    }

    fn run(self) -> anyhow::Result<Summary> {
        let mut settings = self.shared.settings(&self.program.files());
        let text = self.program.text()?;
        let items = parse::items(&text).map_err(Usage::from)?;
        if is_called(&items) {
            // In the order of the stream, from one record to the next.
            settings.threads = 1;
        } else if self.by.is_some() {
            return Err(Usage::error(
                "--by is for prev, running_sum and record_number; the expression calls none of them",
            ));
        }
        let (mut input, header) = self.program.open(&settings)?;
        let mut assignments =
            Assignments::resolve(&items, &text, &header, &self.program.settings(), self.only)?;
        let delimiter = settings.dialect.delimiter;
        let by = self.by.as_deref();
        let sequence = Sequence::resolve(by, &header, &self.program.settings(), delimiter)?;
        if let Some(columns) = &self.drop {
            assignments.drop_columns(columns)?;
        }
        let mut head = Vec::new();
        assignments.header().write(delimiter, &mut head);
        let mut output = Output::standard();
        output.write(&head)?;
        let map = Map {
            pieces: assignments.pieces(),
            quotes_numbers: stands_in_values(delimiter),
            repeats: assignments.repeats(),
            assignments,
            sequence,
            delimiter,
        };
        let mut looked_at = map.assignments.columns();
        looked_at.extend(map.sequence.columns());
        let kept = map.pieces.iter().filter_map(|piece| match *piece {
            Piece::Kept(first, last) => Some((first, last)),
            Piece::Made(_) => None,
        });
        let spans = looked_at
            .into_iter()
            .map(|column| (column, column))
            .chain(kept);
        let layout = Layout::of(header.len(), spans);
        stream::pass(&mut input, &layout, &settings, &map, &mut output, None)
    }
}

struct Map {
    assignments: Assignments,
    sequence: Sequence,
    pieces: Vec<Piece>,
    repeats: usize,
    /// Whether the delimiter may stand in a number.
    quotes_numbers: bool,
    delimiter: u8,
}

impl Sink for Map {
    type Scratch = (Bump, Vec<u32>, sequence::State);
    type Parcel = Made;

    fn scratch(&self) -> Self::Scratch {
        let state = self.sequence.start(&self.assignments);
        (Bump::new(), Vec::new(), state)
    }

    fn records(
        &self,
        (arena, selection, state): &mut Self::Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        made: &mut Made,
    ) {
        faults.select_all(selection);
        let mut left = selection.as_slice();
        while let Some(&first) = left.first() {
            renew(arena);
            let batch = Batch::over(*records, arena);
            let assignments = &self.assignments;
            let next = self
                .sequence
                .evaluate(assignments, &batch, state, left, faults);
            made.records += next.sound.len() as u64;
            self.write(records, &next.values, (first, &next.sound), made);
            left = &left[next.taken..];
            if let (true, Some(&next)) = (made.is_large(), left.first()) {
                faults.leave_from(next);
            }
            // One bad record too many may lower the limit to a ragged one further on; and long texts
            // leave records for later.
            left = &left[..left.partition_point(|record| *record < faults.limit())];
        }
    }
}

impl Map {
    /// Puts records together from what is kept and the values of a batch that begins with `first`.
    fn write(
        &self,
        records: &Records<'_>,
        values: &[Operand<'_>],
        (first, selection): (u32, &[u32]),
        made: &mut Made,
    ) {
        let block = records.bytes();
        let mut room = made.room(block, 0);
        // What is no short number is written first: one value behind the other, and where each ends.
        let (mut apart, mut ends) = (Vec::new(), Vec::new());
        let other = |piece: &Piece| match *piece {
            Piece::Made(item) if self.numbers(&values[item]).is_none() => Some(item),
            _ => None,
        };
        let others: Vec<usize> = self.pieces.iter().filter_map(other).collect();
        for &record in selection {
            let place = (record - first) as usize;
            apart.clear();
            ends.clear();
            for &item in &others {
                write_value(&values[item].get(place, record), &mut apart, self.delimiter);
                ends.push(apart.len());
            }
            let most = self.widest(records, record as usize) + apart.len();
            let mut line = room.line(most);
            let (mut start, mut next) = (0, ends.iter());
            for piece in &self.pieces {
                match *piece {
                    Piece::Kept(from, to) => {
                        line.push(block, records.span(record as usize, from, to))
                    }
                    Piece::Made(item) => match self.numbers(&values[item]) {
                        Some(numbers) => match numbers.mantissas[place] {
                            NULL => {}
                            mantissa => {
                                line.push_with(|out| write_small(mantissa, numbers.scale, out))
                            }
                        },
                        None => {
                            let end = next.next().copied().unwrap_or(start);
                            line.push_bytes(&apart[start..end]);
                            start = end;
                        }
                    },
                }
                line.push_byte(self.delimiter);
            }
            let length = line.ended();
            room.keep(length);
        }
        room.close();
    }

    /// The numbers that an assignment made, where they can be written as they are.
    #[inline(always)]
    fn numbers<'v>(&self, values: &Operand<'v>) -> Option<Numbers<'v>> {
        match values {
            Operand::Numbers(numbers) if !self.quotes_numbers => Some(*numbers),
            _ => None,
        }
    }

    /// How long a record may become, values that stand apart left out.
    fn widest(&self, records: &Records<'_>, record: usize) -> usize {
        records.range(record).len() * self.repeats + self.pieces.len() * (SMALL + 1)
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
