//! Thin wrappers of system calls.
//!
//! | file | what it is about |
//! |---|---|
//! | [`descriptor`] | descriptors that are closed elsewhere |
//! | [`ready`] | waiting for a descriptor that does not block |
//! | [`standard`] | whether a standard descriptor was open at the start, and can be written |
//! | [`process`] | users, groups, signals, ends and resource usage of processes |
//! | [`guardian`] | a process that keeps the input of a command from ending if this program is killed |
//! | [`terminal`] | width and foreground process group of a terminal |
//! | [`clock`] | the time since the machine started |
//! | [`memory`] | what happens if an allocation fails |
//! | [`pages`] | how much memory there is, and large pages |
//! | [`attributes`] | extended attributes of files |
//! | [`lock`] | a lock that scripts do not take |
//! | [`fifo`] | which named pipe a path leads to |

#![allow(unsafe_code, reason = "calls of the system, each with a reason")]

pub mod attributes;
pub mod clock;
pub mod descriptor;
pub mod fifo;
pub mod guardian;
pub mod lock;
pub mod memory;
pub mod pages;
pub mod process;
pub mod ready;
pub mod standard;
pub mod terminal;
