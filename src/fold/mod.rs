//! Operations over many records: groups, aggregates, order, joins.
//!
//! | file | what it holds |
//! |---|---|
//! | [`functions`] | the aggregate functions, one file per family |
//! | [`aggregation`] | aggregation of a stream: keys, calls of aggregates, expressions over them |
//! | [`budget`] | how much memory a fold may take |
//! | `groups` | the groups; `table`: keys to numbers; `room`: memory of large tables; `length`: stored lengths |
//! | [`order`] | sorting; `spill`: the file for what does not fit into memory |
//! | [`dedupe`] | one record per key |
//! | [`sequence`] | state that is carried from record to record |
//! | [`lookup`] | joins of a stream with a table |
//!
//! No result depends on how the stream is divided among threads.

pub mod aggregation;
pub mod budget;
pub mod dedupe;
pub mod functions;
mod groups;
mod held;
mod length;
pub mod lookup;
pub mod order;
mod room;
pub mod sequence;
mod spill;
mod table;

pub use aggregation::{Aggregation, GroupStates};
use groups::Groups;

/// A record's position in the stream: the index of its block, and its index in the block.
pub type Position = (u64, u32);
