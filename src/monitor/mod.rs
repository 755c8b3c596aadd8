//! What stages tell of themselves, read while they run or afterwards.
//!
//! A stage writes its figures itself ([`crate::trust::figures`]), also when a signal ends it. This room reads what
//! all stages of a pipeline wrote.

pub mod listing;
pub mod pipeline;
