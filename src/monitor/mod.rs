//! What the stages of a pipeline report about themselves, read while they run or afterwards.
//!
//! A stage writes its own figures ([`crate::trust::figures`]), even if a signal ends it. This module reads the
//! figures of all stages of a pipeline.

pub mod listing;
pub mod pipeline;
