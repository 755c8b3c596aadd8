//! `map`: sets or adds columns.
//!
//! Unchanged fields are copied as they stand. Memory is a few blocks a thread, whatever the input;
//! a record goes on as soon as the input pauses.

use std::process::ExitCode;

use bumpalo::Bump;
use clap::Parser;
use pipewright::cli::{self, Program, Shared, Tool, Usage};
use pipewright::expr::{Assignments, BATCH, Batch, Output as Column, parse};
use pipewright::record::{Faults, Records};
use pipewright::stream::{self, Made, Output, Pass, Summary};
use pipewright::value::text::write_value;

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

An assignment to a column that exists replaces it in place; a new one comes last. A later
assignment sees the earlier ones. Numbers are exact decimals: 0.1 + 0.2 is 0.3."
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

    #[command(flatten)]
    shared: Shared,
}

impl Tool for Args {
    fn run(self) -> anyhow::Result<Summary> {
        let settings = self.shared.settings();
        let text = self.program.text()?;
        let items = parse::items(&text).map_err(Usage::from)?;
        let (mut input, header) = self.program.open(&settings)?;
        let mut assignments =
            Assignments::resolve(&items, &text, &header, &self.program.settings(), self.only)?;
        if let Some(columns) = &self.drop {
            assignments.drop_columns(columns)?;
        }
        let mut head = Vec::new();
        assignments
            .header()
            .write(settings.dialect.delimiter, &mut head);
        let mut output = Output::standard();
        output.write(&head)?;
        let map = Map {
            pieces: pieces(assignments.outputs()),
            assignments,
            delimiter: settings.dialect.delimiter,
        };
        stream::pass(&mut input, header.len(), &settings, &map, &mut output, None)
    }
}

/// What a record of the output is put together from.
enum Piece {
    /// Columns of the input from the first to the last, with the delimiters between them.
    Kept(usize, usize),
    /// The value of an assignment.
    Made(usize),
}

/// Neighbours in the input that stay neighbours are copied as one piece.
fn pieces(outputs: &[Column]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for output in outputs {
        match (*output, pieces.last_mut()) {
            (Column::Kept(column), Some(Piece::Kept(_, last))) if *last + 1 == column => {
                *last = column;
            }
            (Column::Kept(column), _) => pieces.push(Piece::Kept(column, column)),
            (Column::Assigned(item), _) => pieces.push(Piece::Made(item)),
        }
    }
    pieces
}

struct Map {
    assignments: Assignments,
    pieces: Vec<Piece>,
    delimiter: u8,
}

impl Pass for Map {
    type Scratch = (Bump, Vec<u32>);

    fn scratch(&self) -> Self::Scratch {
        Default::default()
    }

    fn records(
        &self,
        (arena, sound): &mut Self::Scratch,
        records: &Records<'_>,
        faults: &mut Faults,
        made: &mut Made,
    ) {
        faults.select_all(sound);
        for selection in sound.chunks_mut(BATCH) {
            arena.reset();
            let batch = Batch::over(*records, arena);
            let values = self.assignments.evaluate(&batch, selection, faults);
            let first = selection[0];
            let mut selection = selection.to_vec();
            faults.settle(&mut selection);
            made.records += selection.len() as u64;
            let out = made.buffer(records.bytes());
            for record in selection {
                for (place, piece) in self.pieces.iter().enumerate() {
                    if place > 0 {
                        out.push(self.delimiter);
                    }
                    match *piece {
                        Piece::Kept(from, to) => {
                            let span = records.span(record as usize, from, to);
                            out.extend_from_slice(&records.bytes()[span]);
                        }
                        Piece::Made(item) => {
                            let value = values[item].get((record - first) as usize, record);
                            write_value(&value, out, self.delimiter);
                        }
                    }
                }
                out.push(b'\n');
            }
        }
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
