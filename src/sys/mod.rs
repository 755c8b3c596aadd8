//! Thin calls of the system.
//!
//! | file | what it answers |
//! |---|---|
//! | [`descriptor`] | descriptors that somebody else closes |
//! | [`ready`] | waiting for a descriptor that does not block |
//! | [`standard`] | whether a standard descriptor was open at the start, and can be written |
//! | [`process`] | who runs, who has ended, what they used |
//! | [`guardian`] | a process that keeps the input of a command from ending when this program is killed |
//! | [`terminal`] | how wide a terminal is, and who has it |
//! | [`clock`] | the time since the machine started |
//! | [`memory`] | what happens when an allocation fails |
//! | [`pages`] | how much memory there is, and on which pages |
//! | [`attributes`] | extended attributes of files |
//! | [`lock`] | a lock that no script takes |
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
