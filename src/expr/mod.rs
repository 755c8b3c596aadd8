//! The expression language that all programs share.
//!
//! | file | what it does |
//! |---|---|
//! | [`token`], `lex`, `literal`, [`parse`] | text to tree |
//! | [`ast`] | the tree |
//! | `error`, `unknown` | errors in a program, with their position marked |
//! | `resolve`, `node` | names bound to a header, functions compiled |
//! | `assign` | `name = expression` lists
//! | `regex` | regular expressions, with errors in our words
//! | `mixture` | expressions of several kinds, compared as the fields that they are written as |
//! | `batch`, `literal_side`, `eval`, `truth` | values and conditions over a batch of records |
//! | [`functions`] | the scalar functions, one file per family |
//! | [`sequence`] | functions that depend on earlier records |
//! | [`columns`] | lists of columns: names, ranges, globs, renames |

mod assign;
pub mod ast;
mod batch;
pub mod columns;
mod error;
mod eval;
pub mod functions;
mod lex;
mod literal;
mod literal_side;
mod mixture;
mod node;
pub mod parse;
mod regex;
mod resolve;
pub mod sequence;
pub mod token;
mod truth;
mod unknown;

pub use assign::{Assignments, OutputPiece};
pub use batch::{BATCH, Batch, Operand, renew};
pub use error::ProgramError;
pub use node::Node;
pub use resolve::{AGGREGATES, Scope, Special};
