//! What both ends of a pipeline know of databases: how they are reached, and what their errors say.

pub mod checkpoints;
pub mod postgres;
pub mod sqlite;
