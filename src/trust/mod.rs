//! How stages know that the data they read is complete.
//!
//! | file | what it does |
//! |---|---|
//! | [`rejects`] | what happens to bad records |
//! | [`pipe`], [`runtime`], [`note`] | identifies pipes, finds the directory for notes, reads and writes notes |
//! | [`ends`] | ends this process with success, or with a failure that every reader can see |
//! | [`signals`] | the signals that end a program, and what they do |
//! | [`commit`] | the point after which a signal no longer makes the program fail |
//! | [`upstream`] | how the other end of a pipe ended |
//! | [`checkpoint`], [`stage`] | what travels with the stream; what this process has processed |
//! | [`figures`] | what a stage reports about itself on request |
//! | [`commands`] | commands that this program runs and that end with it |
//! | [`leftovers`], `sweep` | files that must not be left behind |
//! | [`process`], `holders`, `others` | whether a writer is alive; who has a pipe open; notes of other users |
//!
//! A program whose output is a pipe writes a note for it: that it is running, that it is done and how many bytes it
//! wrote, or that it failed and why. A reader looks up the note at the end of its input, because the end of file
//! alone does not tell a finished writer from a dead one.

pub mod checkpoint;
pub mod commands;
pub mod commit;
pub mod ends;
pub mod figures;
mod holders;
pub mod leftovers;
pub mod note;
mod others;
pub mod pipe;
pub mod process;
pub mod rejects;
pub mod runtime;
pub mod signals;
pub mod stage;
mod sweep;
pub mod upstream;

pub use checkpoint::{Carried, Checkpoint, Position};
pub use commit::{committing, is_committed};
pub use rejects::{Policy, Reject, Rejects, SetAside, Tolerance};
pub use upstream::{Ends, Unclean, Upstream};
