//! Bad records: what happens to them, where they go, how many there may be.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};

use crate::record::{Fault, OnFault, counted, field};

/// How many rejects are too many.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// More than this many.
    Records(u64),
    /// More than this share of all records, in percent, held against the whole at the end.
    Percent(f64),
}

impl std::str::FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("'{text}' is neither a number of records nor a percentage (5, 0.1%)");
        match text.strip_suffix('%') {
            Some(share) => match share.trim().parse() {
                Ok(share) if (0.0..=100.0).contains(&share) => Ok(Tolerance::Percent(share)),
                _ => Err(wrong()),
            },
            None => text.parse().map(Tolerance::Records).map_err(|_| wrong()),
        }
    }
}

/// What the user asked for about bad records.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Drop and count them.
    pub skip: bool,
    /// Write them here.
    pub file: Option<PathBuf>,
    /// Fail beyond this.
    pub tolerance: Option<Tolerance>,
}

impl Policy {
    /// What a bad record does under this policy.
    pub fn on_fault(&self) -> OnFault {
        if self.skip || self.file.is_some() || self.tolerance.is_some() {
            OnFault::SetAside
        } else {
            OnFault::Fail
        }
    }

    /// Holds, before anything is read or written, that bad records can be written where they are
    /// wanted. What is no regular file is for its first writer to open.
    pub fn probe(&self) -> anyhow::Result<()> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Ok(());
        }
        let options = File::options().append(true).create(true).open(path);
        options.map(drop).with_context(|| naming(path))
    }
}

/// One bad record and why it is bad.
#[derive(Clone, Debug)]
pub struct Reject {
    /// The source's name.
    pub source: Arc<str>,
    /// The line it begins on.
    pub line: u64,
    /// Why.
    pub fault: Fault,
    /// The record as it stood, without its line end.
    pub raw: Vec<u8>,
}

impl Reject {
    /// `orders.csv:1042: price: 'abc' is not a number`.
    pub fn message(&self) -> String {
        format!("{}:{}: {}", self.source, self.line, self.fault)
    }
}

/// Takes in the bad records of a run, in order.
pub struct Rejects {
    policy: Policy,
    file: Option<BufWriter<File>>,
    count: u64,
    first: Option<String>,
}

impl Rejects {
    /// Opens the rejects file, where one is wanted, with its header.
    pub fn open(policy: &Policy) -> anyhow::Result<Self> {
        let file = match &policy.file {
            None => None,
            Some(path) => {
                let mut file = BufWriter::new(File::create(path).with_context(|| naming(path))?);
                file.write_all(b"_reason,_source,_line,_record\n")
                    .and_then(|()| file.flush())
                    .with_context(|| naming(path))?;
                Some(file)
            }
        };
        Ok(Rejects {
            policy: policy.clone(),
            file,
            count: 0,
            first: None,
        })
    }

    /// Takes one bad record: an error where the policy allows no more.
    pub fn take(&mut self, reject: Reject) -> anyhow::Result<()> {
        if self.policy.on_fault() == OnFault::Fail {
            bail!(reject.message());
        }
        self.count += 1;
        if let (Some(file), Some(path)) = (&mut self.file, &self.policy.file) {
            let mut record = Vec::with_capacity(reject.raw.len() + 100);
            field::push_text(reject.fault.to_string().as_bytes(), b',', &mut record);
            record.push(b',');
            field::push_text(reject.source.as_bytes(), b',', &mut record);
            record.extend_from_slice(format!(",{},", reject.line).as_bytes());
            field::push_quoted(&reject.raw, &mut record);
            record.push(b'\n');
            file.write_all(&record).with_context(|| naming(path))?;
        }
        if let Some(Tolerance::Records(most)) = self.policy.tolerance
            && self.count > most
        {
            self.flush()?;
            bail!(
                "more than {} (--max-rejects); the last: {}",
                counted(most as usize, "rejected record"),
                reject.message()
            );
        }
        if self.first.is_none() {
            self.first = Some(reject.message());
        }
        Ok(())
    }

    /// Makes what was taken so far visible in the file.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        if let (Some(file), Some(path)) = (&mut self.file, &self.policy.file) {
            file.flush().with_context(|| naming(path))?;
        }
        Ok(())
    }

    /// Ends the run over `records` records, good and bad: the sentence for the user, where there
    /// is something to say. None are the records of a run whose reader has left: a share of a part
    /// says nothing.
    pub fn finish(&mut self, records: Option<u64>) -> anyhow::Result<Option<String>> {
        self.flush()?;
        if let (Some(Tolerance::Percent(most)), Some(records)) = (self.policy.tolerance, records)
            && self.count as f64 * 100.0 > most * records as f64
        {
            bail!(
                "{} of {} rejected, more than {most} % (--max-rejects)",
                self.count,
                counted(records as usize, "record")
            );
        }
        let Some(first) = &self.first else {
            return Ok(None);
        };
        let count = counted(self.count as usize, "record");
        Ok(Some(match &self.policy.file {
            Some(path) => format!(
                "{count} rejected to '{}'; the first: {first}",
                path.display()
            ),
            None => format!("{count} skipped; the first: {first}"),
        }))
    }

    /// How many so far.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How many more the policy allows; one beyond them fails the run. A share of all records allows
    /// any number: it is compared with the whole at the end.
    pub fn allowed(&self) -> usize {
        match (self.policy.on_fault(), self.policy.tolerance) {
            (OnFault::Fail, _) => 0,
            (OnFault::SetAside, Some(Tolerance::Records(most))) => {
                usize::try_from(most.saturating_sub(self.count)).unwrap_or(usize::MAX)
            }
            (OnFault::SetAside, _) => usize::MAX,
        }
    }
}

fn naming(path: &Path) -> String {
    format!("cannot write the rejects file '{}'", path.display())
}
