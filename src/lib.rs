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
//! | [`monitor`] | what the stages of a pipeline did, and which one held the others up |
//! | [`checkpoint`] | what is kept of how far a source was loaded |
//! | [`files`] | files on their way to text: names, compression, encoding |
//! | [`resume`] | files that grow, rotate, arrive |
//! | [`schema`] | what columns are: types, and rules that values are held to |
//! | [`load`] | what a target is, and the run of a load |
//! | [`mod@format`] | CSV, JSON, logs ...: read and written |
//! | [`connector`] | the systems: files, SQLite, PostgreSQL |
//! | [`verb`] | programs without their flags |
//! | [`cli`] | flags that all share, the one `main` |
//!
//! `unsafe` stands in [`sys`] and [`bytes`] alone, but for one file that a library's unsafe trait is for.

#![deny(unsafe_code)]

pub mod bytes;
pub mod checkpoint;
pub mod cli;
pub mod connector;
pub mod expr;
pub mod files;
pub mod fold;
pub mod format;
pub mod load;
pub mod monitor;
pub mod record;
pub mod resume;
pub mod runner;
pub mod schema;
pub mod stream;
pub mod sys;
pub mod trust;
pub mod value;
pub mod verb;
