//! Runs commands as stages or as parts of a stage.

mod answer;
mod command;
mod extracted;
mod terminal;

pub use command::{Exited, run};
pub use extracted::Extracted;
