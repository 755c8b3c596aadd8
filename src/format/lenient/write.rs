//! Rewrites records with as many fields as there are columns and quotes where they belong.

use std::io::{self, ErrorKind};
use std::sync::{Arc, OnceLock};

use crate::bytes::{Dialect, scan, seek};
use crate::record::field;

use crate::format::lenient::split::{Field, Quoting};
use crate::format::lenient::{EXTRA_COLUMN, Extra, Lead, Lenient, Tally};

/// How one source is read.
pub(crate) struct Plan {
    pub(crate) lenient: Lenient,
    pub(crate) quote: Option<u8>,
    pub(crate) lead: Lead,
    pub(crate) has_header: bool,
    /// The number of columns, once it is known.
    pub(crate) width: Arc<OnceLock<usize>>,
    pub(crate) tally: Arc<Tally>,
}

/// Writes records with the right number of fields.
pub(crate) struct Writer {
    pub(crate) plan: Plan,
    pub(crate) written: Dialect,
    source: Arc<str>,
    /// The line of the next record.
    pub(crate) line: u64,
    /// How many header lines are still to come.
    heads: usize,
    /// The text of the header lines in each column, so far.
    parts: Vec<Vec<u8>>,
}

impl Plan {
    /// Returns whether there is a header that may be mended.
    pub(crate) fn mends_a_header(&self) -> bool {
        self.lenient.mends.is_some() && self.has_header
    }
}

impl Writer {
    pub(crate) fn new(source: Arc<str>, plan: Plan) -> Self {
        Writer {
            written: plan.lenient.written(plan.quote).0,
            source,
            line: 1,
            heads: match plan.has_header {
                true => plan.lenient.header_lines,
                false => 0,
            },
            parts: Vec::new(),
            plan,
        }
    }

    /// Writes a record, mended.
    pub(crate) fn record(&mut self, record: &[u8], fields: &[Field], out: &mut Vec<u8>) {
        let is_blank = matches!(fields, [field] if field.range.is_empty());
        let lines = 1 + fields
            .iter()
            .filter(|field| field.kind == Quoting::Quoted)
            .map(|field| scan::count_byte(&record[field.range.clone()], b'\n'))
            .sum::<usize>();
        if is_blank && (self.heads > 0 || self.plan.width.get() != Some(&1)) {
            out.push(b'\n');
        } else if self.plan.lenient.header_lines > 1 && self.heads > 0 {
            self.head(record, fields, lines, out);
        } else {
            self.whole(record, fields, out);
        }
        self.line += lines as u64;
    }

    /// Collects one of several header lines, and writes the header after the last.
    fn head(&mut self, record: &[u8], fields: &[Field], lines: usize, out: &mut Vec<u8>) {
        self.tell_strays(fields);
        if self.parts.len() < fields.len() {
            self.parts.resize(fields.len(), Vec::new());
        }
        for (part, field) in self.parts.iter_mut().zip(fields) {
            let raw = &record[field.range.clone()];
            let text = match field.kind {
                Quoting::Quoted => field::content_in(raw, self.plan.quote),
                _ => raw.into(),
            };
            if !part.is_empty() && !text.trim_ascii().is_empty() {
                part.push(b' ');
            }
            part.extend_from_slice(text.trim_ascii());
        }
        self.heads -= 1;
        if self.heads > 0 {
            out.extend(std::iter::repeat_n(b'\n', lines));
            return;
        }
        let parts = std::mem::take(&mut self.parts);
        self.plan.width.get_or_init(|| parts.len());
        for (place, part) in parts.iter().enumerate() {
            if place > 0 {
                out.push(self.written.delimiter);
            }
            self.quoted(part, out);
        }
        if self.plan.lenient.has_extra_column() {
            out.push(self.written.delimiter);
            out.extend_from_slice(EXTRA_COLUMN.as_bytes());
        }
        out.push(b'\n');
    }

    /// Writes a record with as many fields as there are columns.
    fn whole(&mut self, record: &[u8], fields: &[Field], out: &mut Vec<u8>) {
        let width = *self.plan.width.get_or_init(|| fields.len());
        let is_head = self.heads > 0;
        self.heads = 0;
        self.tell_strays(fields);
        let (line, tally) = (self.line, &self.plan.tally);
        let extra = self.plan.lenient.mends;
        let most = match extra {
            Some(Extra::Ignore | Extra::Column) => width,
            _ => fields.len(),
        };
        let (fields, surplus) = fields.split_at(most.min(fields.len()));
        self.fields(record, fields, out);
        if fields.len() < width && extra.is_some() {
            tally.short(&self.source, line);
            out.extend(std::iter::repeat_n(
                self.written.delimiter,
                width - fields.len(),
            ));
        }
        if !surplus.is_empty() {
            tally.surplus(surplus.len(), &self.source, line);
        }
        if extra == Some(Extra::Column) {
            out.push(self.written.delimiter);
            match surplus {
                _ if is_head => out.extend_from_slice(EXTRA_COLUMN.as_bytes()),
                [] => {}
                [first, .., last] => self.quoted(&record[first.range.start..last.range.end], out),
                [only] => self.quoted(&record[only.range.clone()], out),
            }
        }
        // The reader takes a CR before LF for a part of the line end; a second one keeps that of the field.
        if out.ends_with(b"\r") {
            out.push(b'\r');
        }
        out.push(b'\n');
    }

    /// Writes fields, without a line end.
    pub(crate) fn fields(&self, record: &[u8], fields: &[Field], out: &mut Vec<u8>) {
        let Dialect { delimiter, quote } = self.written;
        let marks = [delimiter, quote.unwrap_or(delimiter)];
        for (place, field) in fields.iter().enumerate() {
            if place > 0 {
                out.push(delimiter);
            }
            let text = &record[field.range.clone()];
            match field.kind {
                Quoting::Quoted => out.extend_from_slice(text),
                Quoting::Plain if !seek::has_any(text, marks) => out.extend_from_slice(text),
                Quoting::Plain | Quoting::Stray => self.quoted(text, out),
            }
        }
    }

    /// Appends text in quotes.
    fn quoted(&self, text: &[u8], out: &mut Vec<u8>) {
        let quote = self.written.quote.unwrap_or(b'"');
        out.push(quote);
        for &byte in text {
            out.push(byte);
            if byte == quote {
                out.push(quote);
            }
        }
        out.push(quote);
    }

    fn tell_strays(&self, fields: &[Field]) {
        for _ in fields.iter().filter(|field| field.kind == Quoting::Stray) {
            self.plan.tally.stray(&self.source, self.line);
        }
    }

    /// Counts the line before this one as ended by CR alone.
    pub(crate) fn lone_return(&self) {
        self.plan.tally.lone_return(&self.source, self.line - 1);
    }

    /// Checks at the end of the source that the header is complete.
    pub(crate) fn end(&self) -> io::Result<()> {
        match self.parts.is_empty() {
            true => Ok(()),
            false => {
                let count = self.plan.lenient.header_lines;
                let text = format!("it ends within its {count} header lines");
                Err(io::Error::new(ErrorKind::InvalidData, text))
            }
        }
    }
}
