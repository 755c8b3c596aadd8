//! What both ends of a pipeline know of databases: how they are reached, what things are called in
//! them, and what their errors say.

mod address;
pub mod checkpoints;
pub mod postgres;
pub mod sqlite;

pub use address::{Location, Place};
