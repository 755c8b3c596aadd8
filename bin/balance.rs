//! `balance`: runs any command as a stage of a pipeline whose end can be trusted.
//!
//! The stage has ended well when its upstream did, the command exited with 0, and all that it wrote
//! was passed on. Memory is two buffers, whatever the command does.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use pipewright::cli::{self, EndFlags, Tool, Usage};
use pipewright::runner;
use pipewright::stream::Summary;

/// Run any command as a stage with a clean end
#[derive(Parser)]
#[command(
    name = "balance",
    after_help = "\
Examples:
  balance -n 1 -- curl -sSf https://example.com/orders.csv | load sqlite:shop.db#orders
  extract orders.csv | balance -n 1 -- grep -v test | load orders.jsonl
  extract orders.csv | balance -n 1 -- python3 score.py | load sqlite:shop.db#scores

COMMAND's exit status is that of balance (127: there is no such command, 126: it cannot be run,
128 and a signal's number: that killed it), and any but 0 makes the stages behind it fail. So does a
stage before it that failed: COMMAND is ended before it sees the end of its input. What comes with
the stream from before, counts of rejects and checkpoints, goes on behind COMMAND.

A command that stops reading early and exits with 0 (head) has ended well. A terminal is left to
COMMAND as its standard input; anything else is read for it, whether COMMAND reads or not: in
a loop over 'while read', say </dev/null."
)]
struct Args {
    /// How many copies of COMMAND run beside each other: 1
    #[arg(short = 'n', long, value_name = "N")]
    copies: usize,

    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,

    #[command(flatten)]
    ends: EndFlags,
}

impl Tool for Args {
    fn run(self) -> anyhow::Result<Summary> {
        if self.copies != 1 {
            return Err(Usage::error(format!(
                "-n {}: another number of copies than 1 is not built yet",
                self.copies
            )));
        }
        runner::run(&self.command, self.ends.ends())
    }
}

fn main() -> ExitCode {
    cli::main::<Args>()
}
