//! Sets or adds columns.

use std::collections::BTreeMap;

use bumpalo::Bump;

use crate::expr::ast::Item;
use crate::expr::sequence::is_called;
use crate::expr::{Assignments, Batch, Operand, OutputPiece, ProgramError, renew};
use crate::fold::sequence::{self, Sequence};
use crate::record::{Faults, Header, Layout, Records};
use crate::stream::{self, Made, Sink, Summary};
use crate::value::Numbers;
use crate::value::numbers::NULL;
use crate::value::print::{SMALL, write_small};
use crate::value::text::{stands_in_values, write_value};

use super::Streams;

/// The options of a map.
pub struct AskedOfMap<'a> {
    /// The text of the program, for errors.
    pub text: &'a str,
    /// Its assignments, parsed.
    pub items: &'a [Item],
    /// The values of `:NAME`.
    pub settings: &'a BTreeMap<String, String>,
    /// Whether to write only the columns that the program names.
    pub only: bool,
    /// Columns to leave out.
    pub drop: Option<&'a str>,
    /// Keys: functions over earlier records only use records with the same keys.
    pub by: Option<&'a str>,
    /// The stream's delimiter.
    pub delimiter: u8,
}

/// Assignments, resolved against the header of their input.
pub struct Map {
    /// Whether they depend on earlier records.
    goes_by_order: bool,
    assignments: Assignments,
    sequence: Sequence,
    pieces: Vec<OutputPiece>,
    repeats: usize,
    /// Whether the delimiter can occur in a number.
    quotes_numbers: bool,
    delimiter: u8,
}

impl Map {
    /// Resolves a program against a header.
    ///
    /// # Errors
    /// A column or function does not exist, or a value has the wrong type.
    pub fn resolve(asked: &AskedOfMap<'_>, header: &Header) -> Result<Self, ProgramError> {
        let AskedOfMap {
            text,
            items,
            settings,
            only,
            drop,
            by,
            delimiter,
        } = *asked;
        let mut assignments = Assignments::resolve(items, text, header, settings, only)?;
        let sequence = Sequence::resolve(by, header, settings, delimiter)?;
        if let Some(columns) = drop {
            assignments.drop_columns(columns)?;
        }
        Ok(Map {
            goes_by_order: is_called(items),
            pieces: assignments.pieces(),
            quotes_numbers: stands_in_values(delimiter),
            repeats: assignments.repeats(),
            assignments,
            sequence,
            delimiter,
        })
    }

    /// Reads all records and writes the results.
    ///
    /// # Errors
    /// Those of the input and the output; or a bad record that the policy does not allow.
    pub fn run(&self, streams: Streams<'_>) -> anyhow::Result<Summary> {
        let Streams {
            input,
            header,
            settings,
            output,
        } = streams;
        let mut settings = settings.clone();
        if self.goes_by_order {
            settings.threads = 1;
        }
        output.write_header(&self.assignments.header(), self.delimiter)?;
        let mut looked_at = self.assignments.columns();
        looked_at.extend(self.sequence.columns());
        let kept = self.pieces.iter().filter_map(|piece| match *piece {
            OutputPiece::Kept(first, last) => Some((first, last)),
            OutputPiece::Made(_) => None,
        });
        let spans = looked_at
            .into_iter()
            .map(|column| (column, column))
            .chain(kept);
        let layout = Layout::of(header.len(), spans);
        stream::pass(input, &layout, &settings, self, output, None)
    }
}

impl Sink for Map {
    type Scratch = (Bump, Vec<u32>, sequence::SequenceState);
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
            // Drops records beyond the limit: a bad record too many may lower it to a ragged record among those
            // left, and long texts leave records for later.
            left = &left[..left.partition_point(|record| *record < faults.limit())];
        }
    }
}

impl Map {
    /// Writes records from the columns that are kept and the values of a batch that begins with `first`.
    fn write(
        &self,
        records: &Records<'_>,
        values: &[Operand<'_>],
        (first, selection): (u32, &[u32]),
        made: &mut Made,
    ) {
        let block = records.bytes();
        let mut room = made.room(block, 0);
        // Values that are not short numbers are written to `apart` first, with the offset of the end of each in
        // `ends`.
        let (mut apart, mut ends) = (Vec::new(), Vec::new());
        let other = |piece: &OutputPiece| match *piece {
            OutputPiece::Made(item) if self.numbers(&values[item]).is_none() => Some(item),
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
                    OutputPiece::Kept(from, to) => {
                        line.push(block, records.span(record as usize, from, to))
                    }
                    OutputPiece::Made(item) => match self.numbers(&values[item]) {
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

    /// Returns the numbers that an assignment made, if they can be written without quotes.
    #[inline(always)]
    fn numbers<'v>(&self, values: &Operand<'v>) -> Option<Numbers<'v>> {
        match values {
            Operand::Numbers(numbers) if !self.quotes_numbers => Some(*numbers),
            _ => None,
        }
    }

    /// Returns the maximum length of a record, without the values in `apart`.
    fn widest(&self, records: &Records<'_>, record: usize) -> usize {
        records.range(record).len() * self.repeats + self.pieces.len() * (SMALL + 1)
    }
}
