//! Pipewright's library: the map of the house.
//!
//! The programs in `bin/` are thin; what they share lives here, in layers that import one way:
//!
//! | room | what it answers |
//! |---|---|
//! | [`sys`] | thin calls of the system: descriptors, processes, memory that runs out |
//! | [`bytes`] | where fields, records and numbers end: the scan, by the vectors of the processor |
//! | [`record`] | what a record is: a block's index, fields, the header, writing |
//! | [`value`] | what a field means: exact decimals, time, null, comparison |
//! | [`expr`] | the language: lex, parse, resolve, evaluate, functions |
//! | [`fold`] | what many records become: aggregate functions, the group table, records in order |
//! | [`trust`] | how stages believe each other: clean ends, rejects, checkpoints, figures |
//! | [`stream`] | how records move: input, output, the driver, the shapes of programs, threads |
//! | [`runner`] | how a foreign command runs as a stage |
//! | [`database`] | what both ends know of databases |
//! | [`source`], [`target`] | one file per format or system at the two ends |
//! | [`cli`] | flags that all share, the one `main` |
//!
//! `unsafe` stands in [`sys`] and [`bytes`] alone, but for one file that a library's unsafe trait is for.

#![deny(unsafe_code)]

pub mod bytes;
pub mod checkpoint;
pub mod cli;
pub mod database;
pub mod expr;
pub mod fold;
pub mod record;
pub mod runner;
pub mod source;
pub mod stream;
pub mod sys;
pub mod target;
pub mod trust;
pub mod value;
