//! The terminal of a command that runs in a process group of its own.
//!
//! Such a group is a background one, whatever that of this program is. Two things would be lost.
//! A command that asks at the terminal for a password (`ssh`, `sudo`) would be stopped for good: it
//! is lent the terminal instead, from when it asks until it ends. And Ctrl-Z would stop this
//! program alone: it is passed on, and so is the signal to continue.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use signal_hook::consts::SIGTSTP;
use signal_hook::iterator::Signals;

use crate::trust::commands::Running;

/// The terminal that a command shares with this program.
pub struct Terminal {
    watch: JoinHandle<()>,
    shared: Arc<Shared>,
}

struct Shared {
    terminal: File,
    /// The group that the command leads.
    group: libc::pid_t,
    running: Running,
    is_lent: AtomicBool,
}

impl Terminal {
    /// Shares the terminal with a command and its group; none if this program has no terminal.
    pub fn share(process: u32, running: Running) -> Option<Self> {
        let terminal = File::options().read(true).write(true).open("/dev/tty");
        let shared = Arc::new(Shared {
            terminal: terminal.ok()?,
            group: libc::pid_t::try_from(process).ok()?,
            running,
            is_lent: AtomicBool::new(false),
        });
        if let Ok(signals) = Signals::new([SIGTSTP]) {
            let shared = Arc::clone(&shared);
            let pass_on = move || shared.pass_on_stops(signals);
            // Without the thread, only this program is stopped.
            let _ = thread("stops").spawn(pass_on);
        }
        let watched = Arc::clone(&shared);
        let watch = thread("terminal").spawn(move || watched.watch()).ok()?;
        Some(Terminal { watch, shared })
    }

    /// Takes it back from a command that has ended, and was not waited for yet: whether the command
    /// was lent it. Then this program did not get the signal of a key that ended the command.
    pub fn take_back(self) -> bool {
        let _ = self.watch.join();
        self.shared.is_lent.load(Ordering::Acquire)
    }
}

fn thread(name: &str) -> std::thread::Builder {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.stack_size(128 * 1024)
}

impl Shared {
    /// Waits for the command to stop, until it has ended.
    fn watch(&self) {
        block_ttou();
        while let Some(signal) = stopped(self.group) {
            let is_lent = self.is_lent.load(Ordering::Acquire);
            match signal {
                libc::SIGTTIN | libc::SIGTTOU => {
                    if !self.lend() {
                        // All of a background job stops, until the shell continues it.
                        send_to_own_group(signal);
                        self.lend();
                    }
                    self.running.signal(libc::SIGCONT);
                }
                libc::SIGTSTP if is_lent => {
                    self.give(own_group());
                    send_to_own_group(libc::SIGTSTP);
                }
                _ => {}
            }
        }
        if self.is_lent.load(Ordering::Acquire) {
            self.give(own_group());
        }
    }

    fn pass_on_stops(&self, mut signals: Signals) {
        block_ttou();
        for signal in signals.forever() {
            self.running.signal(signal);
            // Returns when this program is continued.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
            if self.is_lent.load(Ordering::Acquire) {
                self.lend();
            }
            self.running.signal(libc::SIGCONT);
        }
    }

    /// Lends the terminal to the command's group, if this program is in the foreground or the
    /// command is: whether it has it now.
    fn lend(&self) -> bool {
        // SAFETY: tcgetpgrp touches no memory.
        let foreground = unsafe { libc::tcgetpgrp(self.terminal.as_raw_fd()) };
        if foreground == own_group() {
            self.is_lent.store(true, Ordering::Release);
            self.give(self.group);
            return true;
        }
        foreground == self.group
    }

    fn give(&self, group: libc::pid_t) {
        // SAFETY: tcsetpgrp touches no memory. It fails if the group is gone.
        unsafe { libc::tcsetpgrp(self.terminal.as_raw_fd(), group) };
    }
}

fn own_group() -> libc::pid_t {
    // SAFETY: getpgrp touches no memory and cannot fail.
    unsafe { libc::getpgrp() }
}

/// Sends a signal to the process group of this program, to which the other stages belong.
pub fn send_to_own_group(signal: i32) {
    // SAFETY: kill touches no memory.
    unsafe { libc::kill(0, signal) };
}

/// Lets this thread take the terminal back when this program is in the background.
fn block_ttou() {
    // SAFETY: all zeros are a valid set of signals; the calls write that set alone.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut set, libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

/// Waits until a child stops: the signal that stopped it; none when it has ended, which can still
/// be waited for.
fn stopped(process: libc::pid_t) -> Option<i32> {
    let wait = |options| loop {
        // SAFETY: all zeros are a valid siginfo_t, and waitid writes nothing but that.
        let (result, info) = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let process = process.unsigned_abs();
            (
                libc::waitid(libc::P_PID, process, &raw mut info, options),
                info,
            )
        };
        let error = std::io::Error::last_os_error();
        if result == 0 || error.kind() != std::io::ErrorKind::Interrupted {
            return (result == 0).then_some(info);
        }
    };
    let info = wait(libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT)?;
    if info.si_code != libc::CLD_STOPPED {
        return None;
    }
    // This takes the news of the stop, not that of an end.
    let _ = wait(libc::WSTOPPED | libc::WNOHANG);
    // SAFETY: waitid filled it for a child that stopped.
    Some(unsafe { info.si_status() })
}
