//! What many records become: groups, and the aggregate functions over them.
//!
//! | file | what it holds |
//! |---|---|
//! | [`functions`] | the aggregate functions, a file for each family |
//! | [`aggregation`] | keys, calls of aggregates, and expressions over them, over a stream |
//! | [`budget`] | how much memory a fold may take |
//! | `groups` | the groups; `table`: from keys to numbers; `room`: memory for large tables; `length`: lengths beside bytes |
//! | [`order`] | records in order; `spill`: what is too much for memory |
//! | [`dedupe`] | one record of each key |
//! | [`sequence`] | what is carried from record to record |
//! | [`lookup`] | a table that the records of a stream are joined with |
//!
//! No result depends on how the stream is dealt to threads.

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

/// A record's place in the stream: its block, and its place there.
pub type Position = (u64, u32);
