//! A load: a target takes all records, or none.
//!
//! | file | what it does |
//! |---|---|
//! | this | defines a target |
//! | [`run`] | runs the load: header, types if the target needs them, records, commit |
//! | [`mode`] | what happens to existing data |
//! | [`claim`] | which checkpoint is committed with the records |
//! | [`spool`] | holds records until the types are known |
//! | [`places`] | maps a record's number to its place in the input |
//! | [`receipt`] | what a load reports when it is done |

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

/// A destination for records: it takes all of them or, on any failure, none. If it is dropped before its commit, it
/// leaves nothing behind.
pub trait Target: Send {
    /// Checks the header, before any record.
    ///
    /// # Errors
    /// The target does not have one of the columns, or the stream does not have a column of the key.
    fn meet(&mut self, header: &Header) -> anyhow::Result<Types>;

    /// Prepares for records. It is not called if the table does not exist and there are no records.
    fn begin(&mut self, start: Start<'_>) -> anyhow::Result<Ready>;

    /// Takes the records of the next block. A record that the target rejects is added to `parcel.refused` if
    /// [`Start::sets_aside`] is set.
    ///
    /// # Errors
    /// [`Refused`] if one record is rejected and rejected records are not set aside.
    fn write(&mut self, block: &Block, parcel: &mut Parcel) -> anyhow::Result<Flow>;

    /// Makes all records visible at once, together with the checkpoint. `last` is called right before the commit.
    /// If [`Target::begin`] was not called, only the checkpoint is committed and no table is created.
    ///
    /// # Errors
    /// Those of [`Target::write`] and of `last`; or the checkpoint does not continue from where the last one ended.
    /// Nothing is committed.
    fn commit(
        self: Box<Self>,
        checkpoint: Option<&Checkpoint>,
        last: &mut LastStep<'_>,
    ) -> anyhow::Result<Committed>;
}

/// The last step before a commit. If it fails, nothing is committed.
pub type LastStep<'a> = dyn FnMut() -> anyhow::Result<()> + 'a;

/// Whether a target knows the types of its columns before the first record.
pub enum Types {
    /// It does: records can be sent as they arrive.
    Known,
    /// It needs types found from all values before it takes any record.
    Wanted(TargetNeeds),
}

/// What a target needs to know about all records before it takes any.
#[derive(Default)]
pub struct TargetNeeds {
    /// Positions of the key's columns, which must not be null.
    pub key: Vec<usize>,
    /// What the columns of an existing table accept, if its records are to be replaced. The table is kept if all
    /// values fit. If one does not, its record is rejected if bad records are set aside; otherwise the table is
    /// recreated with types found from the values.
    pub rules: Option<Vec<Box<dyn Fit>>>,
}

impl TargetNeeds {
    /// Returns the needs for a stream whose records have this key.
    pub fn with_key(key: &[String], header: &Header) -> Self {
        let places = key.iter().filter_map(|name| header.position(name));
        TargetNeeds {
            key: places.collect(),
            rules: None,
        }
    }
}

/// Returns the notice that a table is recreated because a value does not fit its columns.
pub(crate) fn made_anew(table: &str, misfit: &str) -> String {
    format!("table '{table}' is made anew with other types, because of {misfit}")
}

/// Returns the fault of a null in a column of the key.
pub(crate) fn null_in_key() -> Fault {
    Fault::new("null in a column of the key")
}

/// Returns the fault of a record whose key occurred before.
pub(crate) fn repeated(key: &[String], values: &str) -> Fault {
    Fault::new(format!(
        "{}: {values} stands in more than one record; 'aggregate' makes keys unique",
        key.join(", ")
    ))
}

/// How a target is to take records.
#[derive(Clone, Copy, Debug)]
pub struct Start<'p> {
    /// The type of each column, if [`Target::meet`] asked for types.
    pub found: Option<&'p [ColumnType]>,
    /// The first value that does not fit the existing table, if [`Target::meet`] gave rules.
    pub misfit: Option<&'p str>,
    /// Whether a record that the target rejects is set aside instead of ending the load.
    pub sets_aside: bool,
}

/// A target that is ready for records.
pub struct Ready {
    /// Converts records to parcels.
    pub encoder: Box<dyn Encoder>,
    /// Notices for the user about the types that were chosen.
    pub notices: Vec<String>,
}

/// Converts the records of a block to what the target takes, on any thread.
pub trait Encoder: Send + Sync {
    /// Appends the records below `faults.limit()`, and adds a fault for each one that does not fit.
    fn encode(&self, records: &Records<'_>, faults: &mut Faults, parcel: &mut Parcel);
}

/// The records of a block in the target's own format.
#[derive(Debug, Default)]
pub struct Parcel {
    /// The bytes, and the number of records in them.
    pub made: Made,
    /// The line numbers of the records, if `wants_lines` is set.
    pub lines: ParcelLines,
    /// Whether line numbers are needed.
    pub wants_lines: bool,
    /// Whether the bytes are in the target's second, binary format.
    pub is_binary: bool,
    /// Records that the target rejected, by their number in the parcel, in ascending order.
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
    /// Encodes the records one by one. `append` appends one record; if it returns a fault, its output for that
    /// record is removed.
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

    /// Encodes all records at once. `append` appends those below the limit, or declines and appends nothing.
    /// Returns whether it did.
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

    /// Keeps each record that passes `check` unchanged, except that its line end becomes LF.
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

    /// Counts the records and stores their lines. Under `OnFault::Fail` the first bad record is the limit, and no
    /// record was written after it.
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
    /// How the target was changed; None if it was not.
    pub mode: Option<Mode>,
    /// The name of the target, without a password.
    pub target: String,
    /// The table.
    pub table: Option<String>,
    /// Records added.
    pub inserted: u64,
    /// Records that replaced one with the same key.
    pub updated: u64,
    /// Records that the table ignored.
    pub ignored: u64,
    /// Notices for the user, as sentences.
    pub notices: Vec<String>,
}

/// The target was told to commit and did not answer, so the outcome is unknown.
#[derive(Debug)]
pub struct InDoubt {
    /// What happened instead of the answer.
    pub why: String,
    /// Whether the same load can be repeated, because a checkpoint is committed with it.
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

/// A record that a target rejected, by its number among all that were sent, from 0. The run prepends its place in
/// the input.
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

/// Returns the columns to suggest for a mistyped name: the nearest one, then all.
pub(crate) fn nearest_of(name: &str, names: &[String]) -> String {
    crate::record::nearest_of(name, "columns", names)
}
