//! The structural index over a block.

use super::Fault;
use super::block::Block;
use super::layout::Layout;
use super::records::{Ragged, Records, without_line_end};
use super::text::Malformed;
use crate::bytes::Dialect;
use crate::bytes::scan::{self, Picks};

/// The structural index: where the fields of a [`Layout`] are in each record of a block. Its memory is reused from
/// block to block.
#[derive(Debug, Default)]
pub struct Index {
    /// 0, and for each record the offsets after the field ends that the layout keeps.
    bounds: Vec<u32>,
    records: usize,
    has_returns: bool,
    lacks_returns: bool,
    /// Whether only the picked bounds are present.
    is_picked: bool,
    ragged: Vec<Ragged>,
    /// Lines removed from the block before record `.0`: `(record, lines)`.
    removed_lines: Vec<(u32, u64)>,
}

/// Why a block cannot be read as records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The offset in the block of the unreadable record. Records before it can be read.
    pub start: usize,
    /// Its line in the source.
    pub line: u64,
    /// What is wrong with it.
    pub fault: Fault,
}

impl Index {
    /// Indexes a block. Removes records with a wrong number of fields and, if there is more than one column, blank
    /// lines. The former are kept as [`Ragged`].
    pub fn build<'i>(
        &'i mut self,
        block: &'i mut Block,
        layout: &'i Layout,
        dialect: Dialect,
    ) -> Result<Records<'i>, Unreadable> {
        let picks = self.prepare(block, layout, dialect)?;
        Ok(self.records_of(block, layout, picks))
    }

    /// [`Index::build`] up to the first unreadable record: that record and all after it are removed from the block.
    pub fn build_readable<'i>(
        &'i mut self,
        block: &'i mut Block,
        layout: &'i Layout,
        dialect: Dialect,
    ) -> (Records<'i>, Option<Unreadable>) {
        let mut unreadable = None;
        let picks = loop {
            match self.prepare(block, layout, dialect) {
                Ok(picks) => break picks,
                Err(bad) => {
                    block.bytes.truncate(bad.start);
                    unreadable.get_or_insert(bad);
                }
            }
        };
        (self.records_of(block, layout, picks), unreadable)
    }

    /// Returns the records of the block that was indexed last.
    pub fn records<'i>(&'i self, block: &'i Block, layout: &'i Layout) -> Records<'i> {
        self.records_of(block, layout, layout.picks().filter(|_| self.is_picked))
    }

    fn prepare<'l>(
        &mut self,
        block: &mut Block,
        layout: &'l Layout,
        dialect: Dialect,
    ) -> Result<Option<&'l Picks>, Unreadable> {
        self.ragged.clear();
        self.removed_lines.clear();
        let columns = layout.columns();
        let is_fast = |_: &&Picks| scan::picks_fast(block.bytes.len());
        let picks = layout.picks().filter(is_fast);
        self.is_picked = picks.is_some();
        let broken = block.broken();
        if !self.scan(block, columns, picks, dialect)? || broken.is_some() {
            self.scan(block, columns, None, dialect)?;
            self.take_out_irregular(block, columns, broken);
            block.malformed = None;
            // The remaining records are regular.
            self.scan(block, columns, picks, dialect)?;
        }
        Ok(picks)
    }

    fn records_of<'i>(
        &'i self,
        block: &'i Block,
        layout: &'i Layout,
        picks: Option<&'i Picks>,
    ) -> Records<'i> {
        let columns = layout.columns();
        Records {
            block,
            bounds: &self.bounds,
            columns,
            stride: picks.map_or(columns, |picks| picks.stride),
            slots: picks.map_or(layout.slots(), |picks| &picks.slots),
            count: self.records,
            has_returns: self.has_returns,
            lacks_returns: self.lacks_returns,
            ragged: &self.ragged,
            removed_lines: &self.removed_lines,
        }
    }

    /// Finds the picked bounds, or all; returns false if a record has a wrong number of fields.
    fn scan(
        &mut self,
        block: &Block,
        columns: usize,
        picks: Option<&Picks>,
        dialect: Dialect,
    ) -> Result<bool, Unreadable> {
        self.bounds.clear();
        self.bounds.push(0);
        self.lacks_returns = false;
        let Some(picks) = picks else {
            let found = scan::field_bounds(&block.bytes, dialect, &mut self.bounds);
            refuse(block, dialect, found.stray_quote)?;
            self.records = found.records;
            return Ok(self.is_regular(&block.bytes, columns));
        };
        let found = scan::picked_bounds(&block.bytes, dialect, picks, &mut self.bounds);
        refuse(block, dialect, found.stray_quote)?;
        self.records = found.records;
        self.lacks_returns = !found.has_returns;
        self.has_returns =
            found.has_returns && found.is_regular && self.ends_in_return(block, picks.stride);
        Ok(found.is_regular)
    }

    /// Whether every record has as many fields as there are columns; if so, also notes whether any ends in CR LF.
    fn is_regular(&mut self, bytes: &[u8], columns: usize) -> bool {
        if self.bounds.len() != self.records * columns + 1 {
            return false;
        }
        let mut is_regular = true;
        let mut has_returns = false;
        for &bound in self.bounds[1..].iter().skip(columns - 1).step_by(columns) {
            let end = bound as usize - 1;
            is_regular &= bytes[end] == b'\n';
            has_returns |= end > 0 && bytes[end - 1] == b'\r';
        }
        self.has_returns = has_returns;
        is_regular
    }

    /// Whether any record ends in CR LF, as far as record ends are known.
    fn ends_in_return(&self, block: &Block, stride: usize) -> bool {
        let is_return = |&bound: &u32| block.bytes[..bound as usize].ends_with(b"\r\n");
        stride > 0 && self.bounds[stride..].iter().step_by(stride).any(is_return)
    }

    /// Rewrites the block without irregular records and records that are not UTF-8.
    fn take_out_irregular(&mut self, block: &mut Block, columns: usize, broken: Option<Malformed>) {
        let mut kept = Vec::with_capacity(block.bytes.len());
        let mut line = block.place.line;
        let (mut start, mut fields, mut before) = (0, 0, 0u32);
        for &bound in &self.bounds[1..] {
            let bound = bound as usize;
            fields += 1;
            if block.bytes[bound - 1] != b'\n' {
                continue;
            }
            let raw = &block.bytes[start..bound];
            let lines = scan::count_byte(raw, b'\n') as u64;
            let fault = match &broken {
                Some(broken) => broken.fault(raw, &block.place),
                None => None,
            };
            if fields == columns && fault.is_none() {
                kept.extend_from_slice(raw);
                before += 1;
            } else {
                self.removed_lines.push((before, lines));
                if !matches!(raw, b"\n" | b"\r\n")
                    && !broken
                        .as_ref()
                        .is_some_and(|broken| broken.was_passed_over(raw))
                {
                    let wrong_count = || Fault::wrong_count(fields, columns);
                    self.ragged.push(Ragged {
                        before,
                        line,
                        fault: fault.unwrap_or_else(wrong_count),
                        raw: without_line_end(raw).to_vec(),
                    });
                }
            }
            line += lines;
            start = bound;
            fields = 0;
        }
        block.bytes = kept;
    }
}

/// Returns an error if there is a stray quote.
fn refuse(block: &Block, dialect: Dialect, stray_quote: Option<usize>) -> Result<(), Unreadable> {
    match stray_quote {
        None => Ok(()),
        Some(place) => Err(Unreadable {
            start: scan::record_start(&block.bytes[..place], dialect),
            line: block.line(place),
            fault: Fault::stray_quote_in(&block.bytes, place, dialect.delimiter),
        }),
    }
}

impl<'b> Records<'b> {
    /// Returns the same records with all bounds known; `layout` must have all columns.
    pub fn relaid<'i>(
        self,
        layout: &'i Layout,
        dialect: Dialect,
        index: &'i mut Index,
    ) -> Records<'i>
    where
        'b: 'i,
    {
        index.bounds.clear();
        index.bounds.push(0);
        scan::field_bounds(&self.block.bytes, dialect, &mut index.bounds);
        Records {
            bounds: &index.bounds,
            stride: layout.columns(),
            slots: layout.slots(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(text: &str) -> Block {
        Block {
            bytes: text.as_bytes().to_vec(),
            ..Block::default()
        }
    }

    fn fields(text: &str, columns: usize) -> Vec<Vec<String>> {
        let (mut index, layout) = (Index::default(), Layout::all(columns));
        let mut block = block(text);
        let records = index.build(&mut block, &layout, Dialect::STREAM).unwrap();
        (0..records.len())
            .map(|r| {
                (0..columns)
                    .map(|c| String::from_utf8_lossy(records.field(r, c)).into_owned())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn fields_are_found() {
        assert_eq!(
            fields("a,\"b,\n\"\"\",c\r\n,,\n", 3),
            [["a", "\"b,\n\"\"\"", "c"], ["", "", ""]]
        );
    }

    #[test]
    fn ragged_records_and_blank_lines_are_taken_out() {
        let (mut index, layout) = (Index::default(), Layout::all(2));
        let mut block = block("1,2\n\n3\n4,\"5\n\"\n6,7,8\r\n9,10\n");
        let records = index.build(&mut block, &layout, Dialect::STREAM).unwrap();
        assert_eq!(records.len(), 3);
        assert_eq!([0, 1, 2].map(|r| records.line(r)), [1, 4, 7]);
        assert_eq!(records.lines().collect::<Vec<_>>(), [1, 4, 7]);
        let mut cursor = records.line_cursor();
        assert_eq!([0, 2].map(|r| cursor.line(r)), [1, 7]);
        let ragged: Vec<_> = records
            .ragged()
            .iter()
            .map(|r| (r.before, r.line, r.fault.to_string(), r.raw.clone()))
            .collect();
        assert_eq!(
            ragged,
            [
                (1, 3, "1 field where the header has 2".into(), b"3".to_vec()),
                (
                    2,
                    6,
                    "3 fields where the header has 2".into(),
                    b"6,7,8".to_vec()
                ),
            ]
        );
    }

    #[test]
    fn what_is_left_of_an_irregular_block_ends_in_cr_lf_or_not() {
        let (mut index, layout) = (Index::default(), Layout::all(2));
        for text in ["1,2\r\n\r\n3,4\r\n", "1,2\n\n3,4\n", "1,2\r\n5\r\n3,4\r\n"] {
            let mut block = block(text);
            let records = index.build(&mut block, &layout, Dialect::STREAM).unwrap();
            assert_eq!(records.field(0, 1), b"2", "{text:?}");
            assert_eq!(records.field(1, 1), b"4", "{text:?}");
            assert_eq!(records.has_returns(), text.contains('\r'), "{text:?}");
        }
    }

    #[test]
    fn one_column_may_be_empty() {
        assert_eq!(fields("a\n\nb\n", 1), [["a"], [""], ["b"]]);
    }

    #[test]
    fn a_stray_quote_is_refused_with_its_line() {
        for (text, line, start) in [
            ("a,b\nc\"d\",e\n", 2, 4),
            ("a,\"b\"c\n", 1, 0),
            ("a,b\n\"c\n\"d,e\n", 3, 4),
            ("\"a\"\rx,b\n", 1, 0),
        ] {
            let mut index = Index::default();
            let error = index
                .build(&mut block(text), &Layout::all(2), Dialect::STREAM)
                .unwrap_err();
            assert_eq!(error.line, line, "{text:?}");
            assert_eq!(error.start, start, "{text:?}");
        }
    }
}
