//! Commands run as stages, or as parts of one.

mod command;
mod extracted;

pub use command::{Exited, run};
pub use extracted::Extracted;
