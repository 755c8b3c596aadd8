//! Shares the terminal with a command that runs in its own process group.
//!
//! Such a group is always a background group, even if this program is in the foreground. Two things must be
//! handled. A command that asks for a password on the terminal (`ssh`, `sudo`) would be stopped forever: it is lent
//! the terminal, from when it asks until it ends. And Ctrl-Z would stop this program alone: it is forwarded, and so
//! is the signal to continue.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::Signals;

use crate::sys::{process, terminal};
use crate::trust::commands::Running;

/// A terminal shared between a command and this program.
pub struct Terminal {
    watch: JoinHandle<()>,
    shared: Arc<SharedTerminal>,
}

struct SharedTerminal {
    terminal: File,
    /// The process group that the command leads.
    group: libc::pid_t,
    running: Running,
    is_lent: AtomicBool,
}

impl Terminal {
    /// Shares the terminal with a command and its group; None if this program has no terminal.
    pub fn share(process: u32, running: Running) -> Option<Self> {
        let terminal = File::options().read(true).write(true).open("/dev/tty");
        let shared = Arc::new(SharedTerminal {
            terminal: terminal.ok()?,
            group: libc::pid_t::try_from(process).ok()?,
            running,
            is_lent: AtomicBool::new(false),
        });
        if let Ok(signals) = Signals::new([SIGTSTP]) {
            let shared = Arc::clone(&shared);
            let pass_on = move || shared.pass_on_stops(signals);
            // Without the thread, Ctrl-Z stops only this program.
            let _ = thread("stops").spawn(pass_on);
        }
        let watched = Arc::clone(&shared);
        let watch = thread("terminal").spawn(move || watched.watch()).ok()?;
        Some(Terminal { watch, shared })
    }

    /// Takes the terminal back from a command that has ended but was not waited for yet. Returns whether it was
    /// lent: then a signal from the terminal that ended the command did not reach this program.
    pub fn take_back(self) -> bool {
        let _ = self.watch.join();
        self.shared.is_lent.load(Ordering::Acquire)
    }
}

fn thread(name: &str) -> std::thread::Builder {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.stack_size(128 * 1024)
}

impl SharedTerminal {
    /// Handles every stop of the command until it ends.
    fn watch(&self) {
        terminal::block_ttou();
        while let Some(signal) = process::stop_of(self.group) {
            let is_lent = self.is_lent.load(Ordering::Acquire);
            match signal {
                libc::SIGTTIN | libc::SIGTTOU => {
                    if !self.lend() {
                        // The whole background job stops until the shell continues it.
                        send_to_own_group(signal);
                        self.lend();
                    }
                    self.running.signal(libc::SIGCONT);
                }
                libc::SIGTSTP if is_lent => {
                    self.give(process::own_group());
                    send_to_own_group(libc::SIGTSTP);
                }
                _ => {}
            }
        }
        if self.is_lent.load(Ordering::Acquire) {
            self.give(process::own_group());
        }
    }

    fn pass_on_stops(&self, mut signals: Signals) {
        terminal::block_ttou();
        for signal in signals.forever() {
            self.running.signal(signal);
            // Returns once this program is continued.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            if self.is_lent.load(Ordering::Acquire) {
                self.lend();
            }
            self.running.signal(libc::SIGCONT);
        }
    }

    /// Lends the terminal to the command's group if this program is in the foreground. Returns whether the command
    /// has it now.
    fn lend(&self) -> bool {
        let foreground = terminal::foreground(self.terminal.as_raw_fd());
        if foreground == process::own_group() {
            self.is_lent.store(true, Ordering::Release);
            self.give(self.group);
            return true;
        }
        foreground == self.group
    }

    fn give(&self, group: libc::pid_t) {
        terminal::give(self.terminal.as_raw_fd(), group);
    }
}

/// Sends a signal to this program's process group, which includes the other stages.
pub fn send_to_own_group(signal: i32) {
    let _ = process::send(0, signal);
}
