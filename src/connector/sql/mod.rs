//! Databases as sources: a table or the result of a query is read in one snapshot, in order, block by block, and
//! read-only.

mod key;
mod selection;

use crate::stream::{Emitter, Summary};

use crate::record::List;
pub use key::ByKey;
pub(crate) use key::{Key, Last, MIXED, SeenKeys};
pub(crate) use selection::{Asked, Selection, sole};

/// A source of records in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// A table or view, by its name.
    Table(String),
    /// The result of a SELECT.
    Query(String),
}

/// What is read from a database, and how.
pub struct SqlSource<'q> {
    /// The table or query.
    pub relation: &'q Relation,
    /// The columns that the user listed; None for all.
    pub list: Option<&'q List<'q>>,
    /// The key, if it is read incrementally.
    pub key: Option<Key>,
}

/// Ends the run. Returns its summary, including that of the key.
pub(crate) fn ended(emitter: Emitter<'_>, key: Option<(Key, SeenKeys)>) -> anyhow::Result<Summary> {
    let (mut summary, flow) = emitter.finish()?;
    if let Some((key, seen)) = key {
        key.end(&seen, flow, &mut summary)?;
    }
    Ok(summary)
}
