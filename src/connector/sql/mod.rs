//! Databases as sources: a table or the result of a query, read in one snapshot, in order, block by
//! block, and without any way to change what is there.

mod key;
mod selection;

use crate::stream::{Emitter, Summary};

use crate::record::List;
pub use key::ByKey;
pub(crate) use key::{Key, Last, MIXED, SeenKeys};
pub(crate) use selection::{Asked, Selection, sole};

/// What holds records in a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// A table or view, by its name.
    Table(String),
    /// The result of a SELECT.
    Query(String),
}

/// What is read of a database, and how.
pub struct SqlSource<'q> {
    /// What holds the records.
    pub relation: &'q Relation,
    /// The columns that the user listed; all where none.
    pub list: Option<&'q List<'q>>,
    /// The key by which it is read on.
    pub key: Option<Key>,
}

/// The run's end: what it has to say, with what its key has.
pub(crate) fn ended(emitter: Emitter<'_>, key: Option<(Key, SeenKeys)>) -> anyhow::Result<Summary> {
    let (mut summary, flow) = emitter.finish()?;
    if let Some((key, seen)) = key {
        key.end(&seen, flow, &mut summary)?;
    }
    Ok(summary)
}
