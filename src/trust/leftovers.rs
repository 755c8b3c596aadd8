//! What must not stay behind when a signal ends the program: files, and commands that it runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::ends;

static PATHS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static COMMANDS: Mutex<Vec<u32>> = Mutex::new(Vec::new());
static IS_STOPPING: AtomicBool = AtomicBool::new(false);

/// How long a command that was told to end may take for it.
const PATIENCE: Duration = Duration::from_secs(2);

/// A file that is removed when the program is stopped, for as long as this lives.
#[derive(Debug)]
pub struct Leftover(PathBuf);

impl Leftover {
    /// Makes a file, and has it removed from then on: no signal comes between the two.
    ///
    /// # Errors
    /// The file cannot be made, or a signal is ending the program.
    pub fn of<F>(
        make: impl FnOnce() -> io::Result<F>,
        path: impl FnOnce(&F) -> &Path,
    ) -> io::Result<(F, Self)> {
        ends::watch_signals();
        let mut paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
        if is_stopping() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let file = make()?;
        let path = path(&file);
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        paths.push(path.clone());
        Ok((file, Leftover(path)))
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        let mut paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
        paths.retain(|path| *path != self.0);
    }
}

/// A command that this program runs, and that is stopped with it. Its process must be waited for
/// only after it was released: until then its number is its own.
#[derive(Debug)]
pub struct Running(u32);

impl Running {
    /// Of the child with this process number.
    pub fn child(process: u32) -> Self {
        ends::watch_signals();
        let mut commands = COMMANDS.lock().unwrap_or_else(PoisonError::into_inner);
        commands.push(process);
        Running(process)
    }

    /// Waits until it has ended, and leaves its status to be waited for.
    pub fn await_end(&self) {
        has_ended(self.0, true);
    }

    /// Tells it to end, and ends it when it does not.
    pub fn stop(&self) {
        let commands = COMMANDS.lock().unwrap_or_else(PoisonError::into_inner);
        if commands.contains(&self.0) {
            stop(self.0, libc::SIGTERM);
        }
    }

    /// Nothing more is done to it. It can be waited for.
    pub fn release(&self) {
        let mut commands = COMMANDS.lock().unwrap_or_else(PoisonError::into_inner);
        commands.retain(|process| *process != self.0);
    }
}

/// Whether a signal is ending this program.
pub fn is_stopping() -> bool {
    IS_STOPPING.load(Ordering::Acquire)
}

/// Removes all of them, commands by the signal that ends this program.
pub(super) fn remove(signal: i32) {
    IS_STOPPING.store(true, Ordering::Release);
    let paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
    for path in &*paths {
        let _ = fs::remove_file(path);
    }
    // Under the lock, so that no number is given back and used again meanwhile.
    let commands = COMMANDS.lock().unwrap_or_else(PoisonError::into_inner);
    for process in &*commands {
        stop(*process, signal);
    }
}

/// The same in the middle of anything, also while a lock is held: it removes what it can without waiting.
pub(super) fn remove_at_once() {
    IS_STOPPING.store(true, Ordering::Release);
    if let Ok(paths) = PATHS.try_lock() {
        for path in &*paths {
            let _ = fs::remove_file(path);
        }
    }
    if let Ok(commands) = COMMANDS.try_lock() {
        for process in &*commands {
            stop(*process, libc::SIGTERM);
        }
    }
}

fn stop(process: u32, signal: i32) {
    let deadline = Instant::now() + PATIENCE;
    send(process, signal);
    while !has_ended(process, false) {
        if Instant::now() >= deadline {
            send(process, libc::SIGKILL);
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn send(process: u32, signal: i32) {
    if let Ok(process) = libc::pid_t::try_from(process) {
        // SAFETY: kill touches no memory; the number is that of a child not yet waited for.
        unsafe { libc::kill(process, signal) };
    }
}

/// Whether a child has ended. Its status stays to be waited for.
fn has_ended(process: u32, may_wait: bool) -> bool {
    let options = libc::WEXITED | libc::WNOWAIT | if may_wait { 0 } else { libc::WNOHANG };
    loop {
        // SAFETY: all zeros are a valid siginfo_t.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: waitid writes a siginfo_t, and nothing else, to where it is told; with WNOWAIT it
        // changes nothing.
        let result = unsafe { libc::waitid(libc::P_PID, process, &raw mut info, options) };
        if result == 0 {
            // SAFETY: waitid filled it for a child, or left the zeros.
            return unsafe { info.si_pid() } != 0;
        }
        if std::io::Error::last_os_error().kind() != std::io::ErrorKind::Interrupted {
            return true;
        }
    }
}
