//! Pipewright's library. The programs in `bin/` are thin; what they do is in here.
//!
//! # Rooms
//!
//! Rooms import one way, from the bottom of this table to its top; `tests/layers.rs` checks it. `docs/architecture.md`
//! draws the routes of a record, a checkpoint and a group through them.
//!
//! | room | what it is for |
//! |---|---|
//! | [`sys`] | system calls: descriptors, processes, memory limits |
//! | [`bytes`] | where fields and records end, found with the processor's vector instructions |
//! | [`record`] | a block and its index, fields, the header, faults |
//! | [`value`] | what a field means: exact decimals, times, null, comparison |
//! | [`expr`] | the expression language: lexer, parser, name resolution, evaluation, functions |
//! | [`fold`] | many records at once: aggregates, groups, order, joins, spilling to disk |
//! | [`trust`] | how stages report to each other: clean ends, rejects, checkpoints, figures |
//! | [`stream`] | how records move: input, output, the loop over blocks and threads |
//! | [`runner`] | foreign commands as stages |
//! | [`monitor`] | the figures of all stages of a pipeline, and its bottleneck |
//! | [`checkpoint`] | how far a source was loaded: what is stored and compared |
//! | [`files`] | from the bytes of a file to text: names, compression, encoding |
//! | [`resume`] | files that grow, rotate and arrive |
//! | [`schema`] | types of columns, and rules that values are checked against |
//! | [`load`] | what a target is, and the run of a load |
//! | [`mod@format`] | CSV, JSON, logs and others: read and written |
//! | [`connector`] | files, SQLite, PostgreSQL and other systems |
//! | [`verb`] | the programs without their flags |
//! | [`cli`] | shared flags, the one `main`, the wording of errors |
//!
//! `unsafe` is denied everywhere but in [`sys`] and [`bytes`]. One file is an exception, for an unsafe trait of a
//! library.
//!
//! # Glossary
//!
//! | word | what it is |
//! |---|---|
//! | block | whole records as they were read, about 256 KiB; the unit of work of a thread |
//! | batch | up to 1,024 records of a block, evaluated together |
//! | unit | one line or JSON value of a format that is not CSV, before it becomes a record |
//! | index | the offsets of a block's fields and records |
//! | layout | which of a record's columns the index keeps apart |
//! | parcel | what a [`Sink`](stream::Sink) makes of one block, delivered in the order of the blocks |
//! | made | the parcel of programs that write records: ranges of the block, and new bytes |
//! | scratch | what one thread keeps from block to block |
//! | portion | records beside their sort keys, on the way to a sorter or to a server's COPY |
//! | stretch | one sorted part of a spill file |
//! | identity | the bytes of a key that are equal if `=` holds |
//! | numbers | one column of a batch as 64-bit mantissas of one scale, if all of its values fit |
//! | lead | the lines of a source that are skipped: a preamble, comments |
//! | note | the file beside a pipe in which a stage says that it runs, is done or has failed |
//! | carried | what arrives with a stream and leaves with it: a checkpoint, the number of rejects |
//! | checkpoint | how far a named source was loaded, committed with its records |
//! | claim | the checkpoint that a load expects from its upstream |
//! | receipt | the line that a load writes: target, records, inserted, updated, rejected, ignored |
//! | spool | a file that keeps a load's records until the types of their columns are known |
//! | fault | what is wrong with one record, and what to do about it |
//! | reject | a bad record that was set aside |
//! | figures | what a stage counted and timed, in `$PIPEWRIGHT_RUN` |
//! | scope | what the names in an expression can refer to: a header, `--set` values |
//! | mixture | a column whose values are of several kinds |

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
