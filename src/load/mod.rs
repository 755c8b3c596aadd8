//! A load: records that a target takes all of, or none.
//!
//! | file | what it answers |
//! |---|---|
//! | this | what a target is |
//! | [`run`] | the run: header, types where they are wanted, records, commit |
//! | [`mode`] | what happens to what was there before |
//! | [`claim`] | which checkpoint is committed with the records |
//! | [`spool`] | records kept aside until the types are known |
//! | [`places`] | where a record stood in the input, found again by its number |
//! | [`receipt`] | what a load says when it is done |

pub mod claim;
pub mod mode;
pub mod places;
pub mod receipt;
pub mod run;
pub mod spool;

pub use claim::Claim;
pub use mode::Mode;
pub use receipt::Receipt;
pub use run::load;

use std::fmt;

use crate::record::{Block, Fault, Faults, Header, Records};
use crate::stream::{self, Flow, Made, Refusal};
use crate::trust::Checkpoint;

use crate::schema::Fit;
use crate::schema::types::ColumnType;
use places::ParcelLines;

/// A place that takes records: all of them, or on any failure none. Dropped before its commit, it
/// leaves nothing behind.
pub trait Target: Send {
    /// Looks at the header, before any record.
    ///
    /// # Errors
    /// A column that the target does not have; a key that the stream does not have.
    fn meet(&mut self, header: &Header) -> anyhow::Result<Types>;

    /// Gets ready for records. It is not called if no record came for a table that does not exist.
    fn begin(&mut self, start: Start<'_>) -> anyhow::Result<Ready>;

    /// Takes the records of the next block. A record that the target refuses goes to `parcel.refused`, if
    /// the start sets such records aside.
    ///
    /// # Errors
    /// [`Refused`] if it is about one record, and such records are not to be set aside.
    fn write(&mut self, block: &Block, parcel: &mut Parcel) -> anyhow::Result<Flow>;

    /// Makes everything visible at once, and how far the records' source was read with it. `last` is
    /// called when only the commit itself is left. Without [`Target::begin`], there is only the checkpoint
    /// to commit, and no table is made.
    ///
    /// # Errors
    /// As [`Target::write`]; the checkpoint does not go on from where the last one ended; those of
    /// `last`. Nothing is committed.
    fn commit(
        self: Box<Self>,
        checkpoint: Option<&Checkpoint>,
        last: &mut LastStep<'_>,
    ) -> anyhow::Result<Committed>;
}

/// The last step before a commit. If it fails, nothing is committed.
pub type LastStep<'a> = dyn FnMut() -> anyhow::Result<()> + 'a;

/// What a target knows of its columns' types before the first record.
pub enum Types {
    /// All of them: records can be sent as they come.
    Known,
    /// The target wants them, as all values are, before it takes any record.
    Wanted(TargetNeeds),
}

/// What a target wants to know of all records before it takes any.
#[derive(Default)]
pub struct TargetNeeds {
    /// The places of the columns that identify a record, which must not be null.
    pub key: Vec<usize>,
    /// What the columns of a table take whose records are to be replaced. The table stays if all values fit
    /// them. If one does not, its record is bad if such are set aside; else the table is made from the
    /// values' types.
    pub rules: Option<Vec<Box<dyn Fit>>>,
}

impl TargetNeeds {
    /// Of a stream whose records have this key.
    pub fn with_key(key: &[String], header: &Header) -> Self {
        let places = key.iter().filter_map(|name| header.position(name));
        TargetNeeds {
            key: places.collect(),
            rules: None,
        }
    }
}

/// What the user is told if a table is made anew because a value does not fit its columns.
pub(crate) fn made_anew(table: &str, misfit: &str) -> String {
    format!("table '{table}' is made anew with other types, because of {misfit}")
}

/// What is wrong with a null in a column that identifies records.
pub(crate) fn null_in_key() -> Fault {
    Fault::new("null in a column of the key")
}

/// What is wrong with a record whose key came before.
pub(crate) fn repeated(key: &[String], values: &str) -> Fault {
    Fault::new(format!(
        "{}: {values} stands in more than one record; 'aggregate' makes keys unique",
        key.join(", ")
    ))
}

/// How a target is to take records.
#[derive(Clone, Copy, Debug)]
pub struct Start<'p> {
    /// What each column is, if [`Target::meet`] asked.
    pub found: Option<&'p [ColumnType]>,
    /// The first value that does not fit the table that exists, if [`Target::meet`] asked.
    pub misfit: Option<&'p str>,
    /// Whether a record that the target refuses is set aside, instead of ending the load.
    pub sets_aside: bool,
}

/// What a target is like once it is ready.
pub struct Ready {
    /// Turns records into parcels.
    pub encoder: Box<dyn Encoder>,
    /// What the user should know about the types that were chosen.
    pub notices: Vec<String>,
}

/// Turns the records of a block, on any thread, into what the target takes.
pub trait Encoder: Send + Sync {
    /// Appends the records below `faults.limit()`, and puts a fault where one does not fit.
    fn encode(&self, records: &Records<'_>, faults: &mut Faults, parcel: &mut Parcel);
}

/// A block's records in the target's own form.
#[derive(Debug, Default)]
pub struct Parcel {
    /// The bytes, and how many records they are.
    pub made: Made,
    /// The records' lines, where they are wanted.
    pub lines: ParcelLines,
    /// Whether they are.
    pub wants_lines: bool,
    /// Whether the bytes are in the second form of a target that has two.
    pub is_binary: bool,
    /// Records that the target refused, by their number in the parcel, in ascending order.
    pub refused: Vec<Refusal>,
}

impl stream::Parcel for Parcel {
    fn clear(&mut self) {
        self.made.clear();
        self.lines.clear();
        self.is_binary = false;
        self.refused.clear();
    }

    fn refused(&mut self) -> Vec<Refusal> {
        std::mem::take(&mut self.refused)
    }
}

impl Parcel {
    /// Goes through the records one by one: `append` writes one behind what is there; where it
    /// finds a fault, what it wrote of that record is taken back.
    pub fn encode_each(
        &mut self,
        records: &Records<'_>,
        faults: &mut Faults,
        mut append: impl FnMut(usize, &mut Vec<u8>) -> Result<(), Fault>,
    ) {
        let out = self.made.buffer(records.bytes());
        let mut bad = Vec::new();
        let mut record = 0;
        while record < faults.limit() {
            let old = out.len();
            if let Err(fault) = append(record as usize, out) {
                out.truncate(old);
                bad.push(record);
                faults.add(record, fault);
            }
            record += 1;
        }
        self.settle(records, faults, &bad);
    }

    /// Has all records encoded at once, which `append` does with those below a limit, or declines
    /// and leaves nothing: whether it did.
    pub fn encode_all(
        &mut self,
        records: &Records<'_>,
        faults: &Faults,
        append: impl FnOnce(u32, &mut Vec<u8>) -> bool,
    ) -> bool {
        let is_done = append(faults.limit(), self.made.buffer(records.bytes()));
        if is_done {
            self.settle(records, faults, &[]);
        }
        is_done
    }

    /// Goes through the records one by one and keeps those as they stand, but for a line end
    /// that is not LF, that pass `check`.
    pub fn keep_each(
        &mut self,
        records: &Records<'_>,
        faults: &mut Faults,
        mut check: impl FnMut(usize) -> Result<(), Fault>,
    ) {
        let mut bad = Vec::new();
        let mut record = 0;
        while record < faults.limit() {
            match check(record as usize) {
                Ok(()) => self.made.keep_record(records, record as usize),
                Err(fault) => {
                    bad.push(record);
                    faults.add(record, fault);
                }
            }
            record += 1;
        }
        self.settle(records, faults, &bad);
    }

    /// Counts the records and notes their lines. Under `OnFault::Fail` the one bad record is the
    /// limit itself, and no good one was written behind it.
    fn settle(&mut self, records: &Records<'_>, faults: &Faults, bad: &[u32]) {
        let limit = faults.limit();
        let bad_before = bad.iter().filter(|&&bad| bad < limit).count();
        self.made.records = u64::from(limit) - bad_before as u64;
        if self.wants_lines {
            places::note_lines(records, limit, bad, &mut self.lines);
        }
    }
}

/// What was committed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// What became of the target.
    pub mode: Option<Mode>,
    /// The target's name, without any password.
    pub target: String,
    /// The table.
    pub table: Option<String>,
    /// Records added.
    pub inserted: u64,
    /// Records that replaced one of the same key.
    pub updated: u64,
    /// Records that the table did not take.
    pub ignored: u64,
    /// What the user should know, as sentences.
    pub notices: Vec<String>,
}

/// The target was told to commit, and did not answer: whether it did is not known.
#[derive(Debug)]
pub struct InDoubt {
    /// What came instead of the answer.
    pub why: String,
    /// Whether the same can be run again: a checkpoint went with it.
    pub is_resumed: bool,
}

impl fmt::Display for InDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let advice = match self.is_resumed {
            true => "run the same again, which loads nothing twice",
            false => "look into the table before you load again",
        };
        let why = &self.why;
        write!(
            f,
            "{why} before it answered COMMIT; whether the load was committed is not known: {advice}"
        )
    }
}

impl std::error::Error for InDoubt {}

/// One record that a target did not take, by its number among all that were sent, from 0. The run
/// puts its place in the input in front.
#[derive(Debug)]
pub struct Refused {
    /// The record.
    pub record: u64,
    /// Why.
    pub fault: Fault,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {}: {}", self.record + 1, self.fault)
    }
}

impl std::error::Error for Refused {}

/// Names a person who mistyped a column would want to see: the nearest one, then all.
pub(crate) fn nearest_of(name: &str, names: &[String]) -> String {
    crate::record::nearest_of(name, "columns", names)
}
