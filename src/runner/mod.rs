//! Commands run as stages, or as parts of one.

mod answer;
mod command;
mod extracted;
mod terminal;

pub use command::{Exited, run};
pub use extracted::Extracted;
