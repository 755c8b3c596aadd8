//! Commands that this program runs and that end with it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::signals;
use crate::sys::guardian::PATIENCE;
use crate::sys::process;

static RUNNING: Mutex<Vec<Running>> = Mutex::new(Vec::new());
static AFTER_ALL: Mutex<Vec<AfterSignal>> = Mutex::new(Vec::new());

/// Called after a signal has ended the commands.
type AfterSignal = Box<dyn Fn() + Send>;

/// The longest pause between two checks of processes that are ending.
const PAUSE: Duration = Duration::from_millis(20);

/// A running command. Its process may be reaped only after [`Running::release`]: until then, its process id and
/// that of its group cannot be reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Running {
    process: u32,
    is_group: bool,
}

impl Running {
    /// Registers a child of this program, without its own children.
    pub fn child(process: u32) -> Self {
        Self::register(process, false)
    }

    /// Registers the process group that this child leads.
    pub fn group(leader: u32) -> Self {
        Self::register(leader, true)
    }

    fn register(process: u32, is_group: bool) -> Self {
        signals::watch();
        let running = Running { process, is_group };
        registered().push(running);
        running
    }

    /// Waits until the child has ended, without reaping it.
    pub fn await_end(self) {
        process::has_ended(self.process, true);
    }

    /// Ends it: SIGTERM, and SIGKILL for what still runs after [`PATIENCE`]. Returns once nothing of it runs, or
    /// after twice that time.
    pub fn stop(self) {
        let running = registered();
        if running.contains(&self) {
            self.end(libc::SIGTERM);
        }
    }

    /// Sends it a signal, unless it was released.
    pub fn signal(self, signal: i32) {
        let running = registered();
        if running.contains(&self) {
            self.send(signal);
        }
    }

    /// Releases it, so that it can be reaped. Waits for a [`Running::stop`] in another thread.
    pub fn release(self) {
        registered().retain(|running| *running != self);
    }

    fn end(self, signal: i32) {
        self.send(signal);
        self.await_gone(PATIENCE);
        // Also if the group seems to be gone: a process can escape one scan of /proc by forking, and the process id
        // still belongs to the group.
        if self.is_group || !self.is_gone() {
            self.send(libc::SIGKILL);
            self.await_gone(PATIENCE);
        }
    }

    fn await_gone(self, most: Duration) {
        let deadline = Instant::now() + most;
        let mut pause = Duration::from_millis(1);
        while !self.is_gone() && Instant::now() < deadline {
            std::thread::sleep(pause);
            pause = (pause * 2).min(PAUSE);
        }
    }

    /// Whether nothing of it runs. The child may still have to be reaped.
    fn is_gone(self) -> bool {
        process::has_ended(self.process, false) && !(self.is_group && has_members(self.process))
    }

    fn send(self, signal: i32) {
        if let Ok(process) = libc::pid_t::try_from(self.process) {
            // The id belongs to a child that was not reaped, or to the group that it leads. This fails if all of it
            // has ended.
            let _ = process::send(if self.is_group { -process } else { process }, signal);
        }
    }
}

/// Ends all commands with the signal that ends this program.
pub(super) fn end_all(signal: i32) {
    // Under the lock, so that none is reaped and its id reused meanwhile.
    for running in &*registered() {
        running.end(signal);
    }
    for work in &*AFTER_ALL.lock().unwrap_or_else(PoisonError::into_inner) {
        work();
    }
}

/// Ends all commands from any point in the program, even if a lock is held; then nothing is done.
pub(super) fn end_at_once() {
    if let Ok(running) = RUNNING.try_lock() {
        running
            .iter()
            .for_each(|running| running.end(libc::SIGTERM));
    }
}

/// Registers a function to call after a signal has ended all commands and before it ends this program.
pub fn after_all(work: AfterSignal) {
    let mut after_all = AFTER_ALL.lock().unwrap_or_else(PoisonError::into_inner);
    after_all.push(work);
}

fn registered() -> MutexGuard<'static, Vec<Running>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether any process of a group runs. The leader is not reaped yet, so `kill` cannot tell and /proc is read
/// instead. Without /proc, the group counts as ended when its leader has.
fn has_members(group: u32) -> bool {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let is_process = name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
        is_process
            && std::fs::read_to_string(entry.path().join("stat"))
                .is_ok_and(|stat| is_member(&stat, group))
    })
}

/// Whether a `stat` of proc(5) describes a process of this group that has not ended.
fn is_member(stat: &str, group: u32) -> bool {
    // The program's name, in parentheses, may contain anything.
    let after = stat.rsplit(')').next().unwrap_or_default();
    let mut words = after.split_ascii_whitespace();
    let state = words.next();
    let found = words.nth(1).and_then(|word| word.parse().ok());
    found == Some(group) && !matches!(state, Some("Z" | "X"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_told_by_its_group_and_state() {
        assert!(is_member("12 (sh) S 1 77 77 0 -1", 77));
        assert!(is_member("12 (a) b) Z 5 77) T 1 77 77 0 -1", 77));
        assert!(!is_member("12 (sh) S 77 12 77 0 -1", 77));
        assert!(!is_member("77 (sh) Z 1 77 77 0 -1", 77));
        assert!(!is_member("", 77));
    }
}
