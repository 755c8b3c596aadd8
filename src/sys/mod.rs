//! Thin calls of the system.
//!
//! | file | what it answers |
//! |---|---|
//! | [`ready`] | waiting for a descriptor that does not block |
//! | [`standard`] | whether a standard descriptor was open at the start, and can be written |
//! | [`memory`] | what happens when an allocation fails |
//! | [`attributes`] | extended attributes of files |
//! | [`lock`] | a lock that no script takes |

pub mod attributes;
pub mod lock;
pub mod memory;
pub mod ready;
pub mod standard;
