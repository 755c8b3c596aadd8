//! Bad records: what happens to them, where they are written, and how many are allowed.
//!
//! Each run truncates its rejects file, but an incremental load appends to it, because yesterday's rejects are not
//! read again. Stages of one pipeline may use the same file. A stage learns from the one upstream, with the first
//! byte, whether the load is incremental and which files upstream stages write. So the stage that truncates a file
//! does it before any of its records has gone downstream, and all stages append whole records.

use std::fs::{File, Metadata};
use std::io::{Read, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};

use super::ends;
use super::note::Ahead;
use crate::record::{Fault, OnFault, counted, field};
use crate::sys::lock;

/// The limit for rejects.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// At most this many.
    Records(u64),
    /// At most this percentage of all records, checked at the end.
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

/// What the user wants done with bad records.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Drop and count them.
    pub skip: bool,
    /// Write them to this file.
    pub file: Option<PathBuf>,
    /// Fail above this limit.
    pub tolerance: Option<Tolerance>,
    /// What an earlier pass over the same records set aside.
    pub earlier: Option<SetAside>,
}

/// The records that a pass has set aside; a second pass over the same records continues from it.
#[derive(Clone, Debug, Default)]
pub struct SetAside {
    /// How many.
    pub count: u64,
    /// The message of the first one.
    first: Option<String>,
    /// The file with the rejects. It stays open, because the reader of a pipe would take a second opening for
    /// another run.
    file: Option<Arc<File>>,
}

impl Policy {
    /// Returns what a bad record does under this policy.
    pub fn on_fault(&self) -> OnFault {
        if self.skip || self.file.is_some() || self.tolerance.is_some() {
            OnFault::SetAside
        } else {
            OnFault::Fail
        }
    }

    /// Checks, before anything is read or written, that the rejects file is writable, and tells downstream stages
    /// about it. A path that is not a regular file is opened by its first writer.
    pub fn probe(&self) -> anyhow::Result<()> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        if path.metadata().is_ok_and(|metadata| !metadata.is_file()) {
            return Ok(());
        }
        let open = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path);
        let file = open.with_context(|| naming(path))?;
        let mut chain = chain();
        if chain.before.is_resumed {
            refuse_others(&file, path)?;
        }
        chain.own = Some(path.clone());
        chain.announce();
        Ok(())
    }
}

/// What this stage knows about the rejects of all stages up to this one.
struct Chain {
    /// What upstream stages have reported, and whether this stage knows that the load is incremental.
    before: Ahead,
    /// The rejects file of this stage.
    own: Option<PathBuf>,
    /// Files that were prepared for appending.
    ready: Vec<PathBuf>,
}

static CHAIN: Mutex<Chain> = Mutex::new(Chain {
    before: Ahead {
        is_resumed: false,
        rejects: Vec::new(),
    },
    own: None,
    ready: Vec::new(),
});

fn chain() -> MutexGuard<'static, Chain> {
    CHAIN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Marks the load as incremental, before anything is opened.
pub fn resume() {
    let mut chain = chain();
    chain.before.is_resumed = true;
    chain.announce();
}

/// Adds what an upstream has reported, once its first byte has arrived.
pub fn take_over(ahead: Ahead) {
    let mut chain = chain();
    chain.before.join(ahead);
    if let Some(own) = chain.own.clone() {
        // An error occurs again when the file is opened, and is reported then.
        let _ = chain.prepare(&own);
    }
    chain.announce();
}

impl Chain {
    fn announce(&self) {
        let mut ahead = self.before.clone();
        let own = self.own.as_ref().and_then(|own| own.metadata().ok());
        ahead.join(Ahead {
            is_resumed: false,
            rejects: own.iter().map(identity).collect(),
        });
        ends::announce(ahead);
    }

    /// Prepares a file for appending, once, and truncates it unless its content must stay.
    fn prepare(&mut self, path: &Path) -> anyhow::Result<()> {
        if self.ready.iter().any(|ready| ready == path) {
            return Ok(());
        }
        let open = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(path);
        let mut file = open.with_context(|| naming(path))?;
        let metadata = file.metadata().with_context(|| naming(path))?;
        // The lock keeps two pipelines from both finding it empty. Not every file system has locks. It is not the
        // kind that a script may hold for the whole run: flock bad.csv filter ... --rejects bad.csv
        let _ = lock::wait(&file);
        let is_shared = self.before.rejects.contains(&identity(&metadata));
        if !is_shared && !self.before.is_resumed {
            file.set_len(0).with_context(|| naming(path))?;
        } else if self.before.is_resumed {
            refuse_others(&file, path)?;
        }
        let length = file.metadata().with_context(|| naming(path))?.len();
        let mut last = [0];
        let begin: &[u8] = match length {
            0 => HEADER,
            // An earlier stage has written the header and may be in the middle of a record.
            _ if is_shared => b"",
            _ if file.read_exact_at(&mut last, length - 1).is_ok() && last != *b"\n" => b"\n",
            _ => b"",
        };
        file.write_all(begin).with_context(|| naming(path))?;
        self.ready.push(path.to_owned());
        Ok(())
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The header of a rejects file.
const HEADER: &[u8] = b"_reason,_source,_line,_record\n";

/// Refuses to append to a file that is not a rejects file.
fn refuse_others(mut file: &File, path: &Path) -> anyhow::Result<()> {
    let mut start = Vec::new();
    let most = HEADER.len() as u64;
    let read = Read::take(&mut file, most).read_to_end(&mut start);
    read.with_context(|| format!("cannot read the rejects file '{}'", path.display()))?;
    match start.is_empty() || start == HEADER {
        true => Ok(()),
        false => bail!(
            "the rejects file '{}' does not begin with '{}', and nothing is added to a file of another kind; give --rejects another one",
            path.display(),
            String::from_utf8_lossy(HEADER).trim_end()
        ),
    }
}

/// A bad record, with the reason.
#[derive(Clone, Debug)]
pub struct Reject {
    /// The name of the source.
    pub source: Arc<str>,
    /// The line on which it begins.
    pub line: u64,
    /// The reason.
    pub fault: Fault,
    /// The unchanged record, without its line end.
    pub raw: Vec<u8>,
}

impl Reject {
    /// Returns a message such as `orders.csv:1042: price: 'abc' is not a number`.
    pub fn message(&self) -> String {
        format!("{}:{}: {}", self.source, self.line, self.fault)
    }
}

/// Handles the bad records of a run, in order.
pub struct Rejects {
    policy: Policy,
    so_far: SetAside,
    /// How many of them an earlier pass set aside.
    earlier: u64,
    /// Whole records that are not written yet.
    waiting: Vec<u8>,
}

impl Rejects {
    /// Opens the rejects file, if there is one, and writes its header.
    pub fn open(policy: &Policy) -> anyhow::Result<Self> {
        if let Some(earlier) = &policy.earlier {
            return Ok(Rejects {
                policy: policy.clone(),
                so_far: earlier.clone(),
                earlier: earlier.count,
                waiting: Vec::new(),
            });
        }
        let file = match &policy.file {
            None => None,
            Some(path) if path.metadata().is_ok_and(|metadata| !metadata.is_file()) => {
                let mut file = File::create(path).with_context(|| naming(path))?;
                file.write_all(HEADER).with_context(|| naming(path))?;
                Some(file)
            }
            Some(path) => {
                chain().prepare(path)?;
                let file = File::options().append(true).open(path);
                Some(file.with_context(|| naming(path))?)
            }
        };
        Ok(Rejects {
            policy: policy.clone(),
            so_far: SetAside {
                file: file.map(Arc::new),
                ..SetAside::default()
            },
            earlier: 0,
            waiting: Vec::new(),
        })
    }

    /// Takes a bad record. Fails if the policy allows no more.
    pub fn take(&mut self, reject: Reject) -> anyhow::Result<()> {
        if self.policy.on_fault() == OnFault::Fail {
            bail!(reject.message());
        }
        self.so_far.count += 1;
        if self.so_far.file.is_some() {
            let waiting = &mut self.waiting;
            field::push_text(reject.fault.to_string().as_bytes(), b',', waiting);
            waiting.push(b',');
            field::push_text(reject.source.as_bytes(), b',', waiting);
            waiting.extend_from_slice(format!(",{},", reject.line).as_bytes());
            field::push_quoted(&reject.raw, waiting);
            waiting.push(b'\n');
            if waiting.len() >= FULL {
                self.flush()?;
            }
        }
        if let Some(Tolerance::Records(most)) = self.policy.tolerance
            && self.so_far.count > most
        {
            self.flush()?;
            bail!(
                "more than {} (--max-rejects); the last: {}",
                counted(most as usize, "rejected record"),
                reject.message()
            );
        }
        self.so_far.first.get_or_insert_with(|| reject.message());
        Ok(())
    }

    /// Writes what was taken so far to the file.
    pub fn flush(&mut self) -> anyhow::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        if let (Some(file), Some(path), false) =
            (&self.so_far.file, &self.policy.file, waiting.is_empty())
        {
            // One write, so that no records of another stage come in between.
            file.as_ref()
                .write_all(&waiting)
                .with_context(|| naming(path))?;
        }
        Ok(())
    }

    /// Ends the run over `records` records, good and bad. Returns a notice for the user, if there were rejects.
    /// `records` is None if downstream left early, because a percentage of a part means nothing.
    pub fn finish(&mut self, records: Option<u64>) -> anyhow::Result<Option<String>> {
        self.flush()?;
        let count = self.so_far.count;
        if let (Some(Tolerance::Percent(most)), Some(records)) = (self.policy.tolerance, records)
            && count as f64 * 100.0 > most * (records + self.earlier) as f64
        {
            bail!(
                "{count} of {} rejected, more than {most} % (--max-rejects)",
                counted((records + self.earlier) as usize, "record")
            );
        }
        let Some(first) = &self.so_far.first else {
            return Ok(None);
        };
        let count = counted(count as usize, "record");
        Ok(Some(match &self.policy.file {
            Some(path) => format!(
                "{count} rejected to '{}'; the first: {first}",
                path.display()
            ),
            None => format!("{count} skipped; the first: {first}"),
        }))
    }

    /// Returns what was set aside so far.
    pub fn so_far(&self) -> &SetAside {
        &self.so_far
    }

    /// Returns how many more the policy allows; one more than that fails the run. A percentage allows any number
    /// until it is checked at the end.
    pub fn allowed(&self) -> usize {
        match (self.policy.on_fault(), self.policy.tolerance) {
            (OnFault::Fail, _) => 0,
            (OnFault::SetAside, Some(Tolerance::Records(most))) => {
                usize::try_from(most.saturating_sub(self.so_far.count)).unwrap_or(usize::MAX)
            }
            (OnFault::SetAside, _) => usize::MAX,
        }
    }
}

impl Drop for Rejects {
    /// A run that fails keeps the rejects before its failure.
    fn drop(&mut self) {
        let _ = self.flush();
    }
}

/// Rejects are written in batches of this many bytes.
const FULL: usize = 8 * 1024;

fn naming(path: &Path) -> String {
    format!("cannot write the rejects file '{}'", path.display())
}
