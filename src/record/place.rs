//! The position of records in their source.

use std::sync::Arc;

/// The position of a block in its source.
#[derive(Clone, Debug)]
pub struct Place {
    /// The source's name in errors: a path as the user wrote it, or `standard input`.
    pub source: Arc<str>,
    /// Line number of the first byte, from 1.
    pub line: u64,
    /// The block's index in the whole input, from 0.
    pub sequence: u64,
}

impl Default for Place {
    fn default() -> Self {
        Place {
            source: Arc::from(""),
            line: 1,
            sequence: 0,
        }
    }
}
