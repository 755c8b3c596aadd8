//! How stages believe each other. Rejects today; clean ends and checkpoints have their place here.

mod rejects;

pub use rejects::{Policy, Reject, Rejects, Tolerance};
