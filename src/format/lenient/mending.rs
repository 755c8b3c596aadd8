//! A reader that mends broken CSV.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;

use crate::record::PASSED_OVER;
use crate::stream::last_words;

use crate::format::lenient::split::{LONGEST_QUOTED, NextRecord, Splitter};
use crate::format::lenient::write::{Plan, Writer};

/// Bytes per read.
const CHUNK: usize = 256 * 1024;

/// The longest record, which is held in memory as a whole.
const LONGEST: usize = 256 << 20;

/// Returns a source's records in the dialect that its plan writes. A record is returned as soon as its line end was
/// read.
pub(crate) struct Mending<R> {
    read: R,
    chunk: Vec<u8>,
    /// Bytes of records that are not whole yet.
    pending: Vec<u8>,
    is_last: bool,
    out: Vec<u8>,
    /// Bytes of `out` that were returned.
    given: usize,
    splitter: Splitter,
    writer: Writer,
    comment: Option<u8>,
    /// Lines still to be skipped.
    skip: u64,
    is_passing_over: bool,
    /// Whether the last line ended in CR, which LF may follow.
    after_return: bool,
    /// Whether the rest is returned as it is, for the strict reader to refuse.
    is_raw: bool,
}

impl<R: Read> Mending<R> {
    pub(crate) fn new(read: R, source: Arc<str>, plan: Plan) -> Self {
        let mends = plan.lenient.mends.is_some();
        Mending {
            read,
            chunk: vec![0; CHUNK],
            pending: Vec::new(),
            is_last: false,
            out: Vec::new(),
            given: 0,
            splitter: Splitter::new(&plan.lenient.delimiter, plan.quote, mends, LONGEST_QUOTED),
            comment: plan.lead.comment,
            skip: plan.lead.skip,
            is_passing_over: false,
            after_return: false,
            is_raw: false,
            writer: Writer::new(source, plan),
        }
    }

    fn read_more(&mut self) -> io::Result<()> {
        if self.pending.len() > LONGEST {
            let text = format!("line {}: a record longer than 256 MiB", self.writer.line);
            return Err(io::Error::new(ErrorKind::InvalidData, text));
        }
        let count = self.read.read(&mut self.chunk)?;
        self.is_last = count == 0;
        self.pending.extend_from_slice(&self.chunk[..count]);
        Ok(())
    }

    /// Writes all pending records that are whole.
    fn mend(&mut self) -> io::Result<()> {
        let pending = std::mem::take(&mut self.pending);
        let mut at = 0;
        while self.step(&pending, &mut at) {}
        self.pending = pending;
        self.pending.drain(..at);
        match self.is_last && !self.is_raw {
            true => self.writer.end(),
            false => Ok(()),
        }
    }

    /// Advances past the next line or record; returns false if more bytes are needed.
    fn step(&mut self, pending: &[u8], at: &mut usize) -> bool {
        let rest = &pending[*at..];
        let Some(&first) = rest.first() else {
            if self.is_last && self.after_return {
                self.writer.lone_return();
                self.after_return = false;
            }
            return false;
        };
        if self.is_raw {
            self.out.extend_from_slice(rest);
            *at = pending.len();
            return false;
        }
        if std::mem::take(&mut self.after_return) {
            match first {
                b'\n' => *at += 1,
                _ => self.writer.lone_return(),
            }
            return true;
        }
        if !self.is_passing_over && self.splitter.is_fresh() {
            self.is_passing_over = self.skip > 0
                || self.comment == Some(first)
                || rest.starts_with(&[PASSED_OVER, b'\n']);
            self.skip = self.skip.saturating_sub(1);
        }
        if self.is_passing_over {
            return self.pass_over(rest, at);
        }
        let is_end = || memchr::memchr(b'\n', rest) == Some(rest.len() - 1);
        let is_quote = first == b'"' && self.writer.plan.quote == Some(first);
        if self.is_last && is_quote && is_end() && last_words(rest).is_some() {
            self.is_raw = true;
            return true;
        }
        match self.splitter.next(rest, self.is_last) {
            NextRecord::More => false,
            NextRecord::Record(end) => {
                let (record, fields) = (&rest[..end], &self.splitter.fields);
                self.writer.record(record, fields, &mut self.out);
                self.splitter.clear();
                self.after_return =
                    self.writer.plan.lenient.mends.is_some() && record.ends_with(b"\r");
                *at += end;
                true
            }
            NextRecord::Damage(place) => {
                let fields = &self.splitter.fields;
                self.writer.fields(rest, fields, &mut self.out);
                *at += place;
                if place > 0 {
                    self.out.push(self.writer.written.delimiter);
                }
                self.is_raw = true;
                true
            }
        }
    }

    /// Skips a line and leaves a mark, so that line numbers hold.
    fn pass_over(&mut self, rest: &[u8], at: &mut usize) -> bool {
        let end = match self.writer.plan.lenient.mends {
            Some(_) => memchr::memchr2(b'\n', b'\r', rest),
            None => memchr::memchr(b'\n', rest),
        };
        let Some(end) = end else {
            *at += rest.len();
            return false;
        };
        self.is_passing_over = false;
        self.after_return = rest[end] == b'\r';
        self.out.extend_from_slice(&[PASSED_OVER, b'\n']);
        self.writer.line += 1;
        *at += end + 1;
        true
    }
}

impl<R: Read> Read for Mending<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.given == self.out.len() {
            if self.is_last {
                return Ok(0);
            }
            self.out.clear();
            self.given = 0;
            self.read_more()?;
            self.mend()?;
        }
        let count = buffer.len().min(self.out.len() - self.given);
        buffer[..count].copy_from_slice(&self.out[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}
