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

COMMAND's exit status becomes that of balance: 127 if there is no such command, 126 if it cannot be
run, 128 plus the number of the signal that killed it. Any status but 0 makes the stages after it
fail. Counts of rejects and checkpoints that come with the input are passed on after COMMAND.

If an upstream program failed, or a signal ends balance, COMMAND and everything that it started is
ended before it can see the end of its input: SIGTERM (or the signal that came), and SIGKILL 2
seconds later. For this COMMAND runs in a process group of its own, and a second process, the
guardian, holds its input open if balance is killed with SIGKILL. A process that has left the group
(setsid) is not ended, but it sees no end of the input either: it waits until it is ended by hand.
When COMMAND ends by itself, what it left in the background goes on, so COMMAND should wait for
the processes that read its input.

A command that stops reading early and exits with 0 (head) has ended well. If standard input is a
terminal, it is left to COMMAND. Anything else is read for it, whether COMMAND reads or not: in a
loop over 'while read', say </dev/null."
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
