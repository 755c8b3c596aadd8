//! Output of records one by one: from a source such as a database, or from a program that held them back until the
//! end of its input.

use crate::trust::Rejects;
use crate::trust::stage::{self, COUNTERS};

use super::{Flow, Output, Settings, Summary};

/// A buffer is written at this size.
const FULL: usize = 256 * 1024;

/// Collects records in stream format and writes them in blocks.
pub struct Emitter<'o> {
    output: &'o mut Output,
    rejects: Rejects,
    bytes: Vec<u8>,
    /// Records in `bytes`.
    waiting: u64,
    written: u64,
    /// Whether downstream has taken everything so far.
    flow: Flow,
}

impl<'o> Emitter<'o> {
    /// Creates an emitter that writes to `output`.
    ///
    /// # Errors
    /// The rejects file cannot be written.
    pub fn new(output: &'o mut Output, settings: &Settings) -> anyhow::Result<Self> {
        Ok(Emitter {
            output,
            rejects: Rejects::open(&settings.policy)?,
            bytes: Vec::with_capacity(FULL + FULL / 4),
            waiting: 0,
            written: 0,
            flow: Flow::More,
        })
    }

    /// Returns the buffer to which the next record is appended, with its newline.
    #[inline]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Counts a record that was appended completely.
    #[inline]
    pub fn record(&mut self) -> anyhow::Result<Flow> {
        self.waiting += 1;
        match self.bytes.len() < FULL {
            true => Ok(Flow::More),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> anyhow::Result<Flow> {
        if self.flow == Flow::More {
            self.flow = self.output.write(&self.bytes)?;
            self.written += self.waiting;
            stage::add(&COUNTERS.records_in, self.waiting);
            stage::add(&COUNTERS.records_out, self.waiting);
        }
        self.bytes.clear();
        self.waiting = 0;
        Ok(self.flow)
    }

    /// Writes the rest. Returns the summary, and whether downstream took everything.
    pub fn finish(mut self) -> anyhow::Result<(Summary, Flow)> {
        let flow = self.flush()?;
        let summary = Summary {
            records_in: self.written,
            records_out: self.written,
            notices: self
                .rejects
                .finish(Some(self.written))?
                .into_iter()
                .collect(),
            ..Summary::default()
        };
        Ok((summary, flow))
    }
}

/// Writes records that a program has held back, in blocks.
pub struct HeldRecords<'o> {
    output: &'o mut Output,
    bytes: Vec<u8>,
    /// Records in `bytes`.
    waiting: u64,
    written: u64,
}

impl<'o> HeldRecords<'o> {
    /// Creates a writer to `output`.
    pub fn new(output: &'o mut Output) -> Self {
        HeldRecords {
            output,
            bytes: Vec::new(),
            waiting: 0,
            written: 0,
        }
    }

    /// Writes a record, which includes its line end. Returns false if no more are wanted.
    #[inline]
    pub fn write(&mut self, record: &[u8]) -> anyhow::Result<bool> {
        self.write_all(record, 1)
    }

    /// Writes this many records, which include their line ends. Returns false if no more are wanted.
    #[inline]
    pub fn write_all(&mut self, bytes: &[u8], records: u64) -> anyhow::Result<bool> {
        self.bytes.extend_from_slice(bytes);
        self.waiting += records;
        match self.bytes.len() < FULL {
            true => Ok(true),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> anyhow::Result<bool> {
        let flow = self.output.write(&self.bytes)?;
        stage::add(&COUNTERS.records_out, self.waiting);
        self.written += self.waiting;
        self.bytes.clear();
        self.waiting = 0;
        Ok(flow == Flow::More)
    }

    /// Writes the rest. Returns how many records there were.
    pub fn finish(mut self) -> anyhow::Result<u64> {
        self.flush()?;
        Ok(self.written)
    }
}
