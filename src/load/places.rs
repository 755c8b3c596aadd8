//! Maps the number of a record to its place in the input.

use std::sync::Arc;

use crate::record::Records;

/// Most entries kept: 32 MiB.
const MOST: usize = 1 << 20;

/// The places of all records sent to a target. A run of records on consecutive lines takes one entry, so ordinary
/// input takes one entry in total.
#[derive(Debug, Default)]
pub struct Places {
    runs: Vec<LineRun>,
    records: u64,
    is_full: bool,
}

#[derive(Debug)]
struct LineRun {
    /// Number of its first record, from 0.
    first: u64,
    /// That record's line.
    line: u64,
    source: Arc<str>,
}

/// Line numbers of a parcel's records: pairs of a record's number in the parcel and its line, for each record whose
/// line does not directly follow that of the record before.
pub type ParcelLines = Vec<(u32, u64)>;

/// Fills `lines` for the `records` below `limit` that are not in `bad` (ascending).
pub fn note_lines(records: &Records<'_>, limit: u32, bad: &[u32], lines: &mut ParcelLines) {
    lines.clear();
    let mut bad = bad.iter().peekable();
    let mut number = 0;
    let mut expected = None;
    for (record, line) in (0..limit).zip(records.lines()) {
        if bad.next_if(|&&bad| bad == record).is_some() {
            continue;
        }
        if expected != Some(line) {
            lines.push((number, line));
        }
        expected = Some(line + 1);
        number += 1;
    }
}

impl Places {
    /// Adds the records of a parcel.
    pub fn add(&mut self, source: &Arc<str>, records: u64, lines: &ParcelLines) {
        for (number, line) in lines {
            let first = self.records + u64::from(*number);
            let continues = self.runs.last().is_some_and(|run| {
                run.line + (first - run.first) == *line && Arc::ptr_eq(&run.source, source)
            });
            if continues || self.is_full {
                continue;
            }
            self.is_full = self.runs.len() == MOST;
            self.runs.push(LineRun {
                first,
                line: if self.is_full { 0 } else { *line },
                source: source.clone(),
            });
        }
        self.records += records;
    }

    /// Returns the source and line of the record with this number, from 0; None if it was not kept.
    pub fn find(&self, record: u64) -> Option<(Arc<str>, u64)> {
        let after = self.runs.partition_point(|run| run.first <= record);
        let run = &self.runs[after.checked_sub(1)?];
        let line = run.line + (record - run.first);
        (run.line > 0).then(|| (run.source.clone(), line))
    }

    /// Returns `orders.csv:1042` for the record with this number, from 0; `record 77` if its place was not kept.
    pub fn of(&self, record: u64) -> String {
        match self.find(record) {
            Some((source, line)) => format!("{source}:{line}"),
            None => format!("record {}", record + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Dialect;
    use crate::record::{Block, Index, Layout};

    #[test]
    fn records_are_found_again() {
        let source: Arc<str> = Arc::from("in.csv");
        let mut places = Places::default();
        let mut line = 2;
        for (text, bad) in [
            ("a,b\nc,d\n", &[][..]),
            ("e,f\n", &[]),
            ("g,\"h\n\"\ni,j\nk,l\n", &[1]),
            ("m,n\n", &[]),
        ] {
            let mut block = Block {
                bytes: text.into(),
                ..Block::default()
            };
            block.place.line = line;
            block.place.source = source.clone();
            line += text.matches('\n').count() as u64;
            let mut index = Index::default();
            let layout = Layout::all(2);
            let records = index.build(&mut block, &layout, Dialect::STREAM).unwrap();
            let mut lines = ParcelLines::new();
            note_lines(&records, records.len() as u32, bad, &mut lines);
            places.add(&source, (records.len() - bad.len()) as u64, &lines);
        }
        let found: Vec<_> = (0..6).map(|record| places.of(record)).collect();
        let expected = [
            "in.csv:2", "in.csv:3", "in.csv:4", "in.csv:5", "in.csv:8", "in.csv:9",
        ];
        assert_eq!(found, expected);
        assert_eq!(places.runs.len(), 2);
    }
}
