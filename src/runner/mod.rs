//! Foreign commands run as stages.

mod command;

pub use command::{Exited, run};
