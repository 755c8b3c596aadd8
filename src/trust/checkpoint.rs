//! Where the next run of a source goes on, which the load of its records makes true.

use serde::{Deserialize, Serialize};

/// How far a source was read, in the source's own terms.
pub type Position = serde_json::Value;

/// A step of a source from one position to the next. It travels with the stream from note to note,
/// and is committed together with the records that lie between the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What the user calls this flow of records.
    pub name: String,
    /// Where the source was taken up; none at the first time. A target that stands elsewhere by now
    /// refuses: these records were loaded already, or others were lost.
    pub from: Option<Position>,
    /// Where it is to be taken up next.
    pub to: Position,
}
