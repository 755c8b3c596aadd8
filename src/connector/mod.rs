//! Connectors: the systems that records come from and go to, a folder each, and what is chosen among them.
//!
//! | file | what it answers |
//! |---|---|
//! | [`address`] | the table of connectors; what the user's text names: one grammar for all programs |
//! | [`entry`] | what the table says of a connector |
//! | [`target`], [`query`], [`stores`] | the connector that loads, reads, or keeps checkpoints |
//! | [`mod@file`], [`sqlite`], [`postgres`] | the systems: how they are reached, read and loaded, their checkpoints, their errors in our words |
//! | [`sql`] | what the databases share: a key that records are read on by, columns that are selected |

pub mod address;
mod duckdb;
pub mod entry;
pub mod file;
pub mod postgres;
pub mod query;
pub mod sql;
pub mod sqlite;
pub mod stores;
pub mod target;

pub use address::Location;
pub use entry::{Connector, Database, Opening};
