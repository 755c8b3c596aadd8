//! Connectors: the systems that records are read from and loaded into, one folder each, and the choice among them.
//!
//! | file | what it holds |
//! |---|---|
//! | [`address`] | the table of connectors; the grammar of addresses, the same for all programs |
//! | [`entry`] | what the table holds for each connector |
//! | [`target`], [`query`], [`stores`] | the connector that loads, reads, or keeps checkpoints |
//! | [`mod@file`], [`sqlite`], [`postgres`] | the systems: opening, reading, loading, checkpoints and errors |
//! | [`sql`] | what databases share: the key of incremental reads, the selection of columns |

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
