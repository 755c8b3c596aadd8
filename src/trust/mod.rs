//! How stages believe each other.
//!
//! | file | what it answers |
//! |---|---|
//! | [`rejects`] | what happens to bad records |
//! | [`pipe`], [`runtime`], [`note`] | which pipe, where notes about pipes lie, what one says |
//! | [`ends`] | how this process ends: well, or in a way that every reader can see |
//! | [`signals`] | the signals that end a program, and what they do |
//! | [`commit`] | from when on no signal makes a failure of it |
//! | [`upstream`] | how the other end of a pipe ended |
//! | [`checkpoint`], [`stage`] | what travels with the stream; what this process has moved |
//! | [`figures`] | what a stage tells of itself where it is asked to |
//! | [`commands`] | what this program runs, and ends with itself |
//! | [`leftovers`], `sweep` | what must not stay behind |
//! | [`process`], `holders`, `others` | whether a writer lives; who holds which pipe; notes of other users |
//!
//! A program whose output is a pipe leaves a note beside it: that it runs, that it is done and how
//! many bytes it wrote, or that it failed and why. A reader looks them up at the end of its input:
//! an end of file alone does not tell a finished writer from a dead one.

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
