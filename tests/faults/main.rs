//! Faults: what kills, cuts, fills, locks and lies, and what must hold all the same. A target is as it was or
//! as it should be, the exit code says which, and the message says why.

#[path = "../harness/mod.rs"]
mod harness;

mod databases;
mod grandchildren;
mod hostile;
mod model;
mod pipeline;
mod streams;
mod sweep;
mod writers;
