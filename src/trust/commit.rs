//! The commit. A signal during it waits, and a signal after it changes nothing, so the exit status shows whether
//! the work was done.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::signals;

/// The gate of this program.
static GATE: Gate = Gate(Mutex::new(false));

/// Runs `commit`, which completes the work if it succeeds. A signal that arrives meanwhile waits: if `commit`
/// succeeds, the program goes on and exits with success; if it fails, the signal ends the program. A second signal,
/// at least a second after the first, ends it immediately.
///
/// Anything that can be undone or takes long must come before, such as syncing to disk or reserving space for the
/// receipt.
///
/// # Errors
/// Those of `commit`.
pub fn committing<T, E>(commit: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    signals::watch();
    GATE.committing(commit)
}

/// Whether this program has committed, and so exits with success.
pub fn is_committed() -> bool {
    *GATE.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until a signal can be judged. `is_again` returns whether another one has arrived since it was last called.
pub(super) fn judge(is_again: impl FnMut() -> bool) -> Verdict<'static> {
    GATE.judge(is_again)
}

/// The effect of a signal.
pub(super) enum Verdict<'g> {
    /// The program ends; no commit can begin while this exists.
    Ends(Option<MutexGuard<'g, bool>>),
    /// The work is done, and the program exits with success.
    IsDone,
}

/// A second signal within this time does not end a program during its commit: Ctrl-C is often pressed twice.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the commit is done. Locked during the commit, and by the signal that ends the program.
struct Gate(Mutex<bool>);

impl Gate {
    fn committing<T, E>(&self, commit: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut is_committed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let result = commit();
        *is_committed |= result.is_ok();
        result
    }

    fn judge(&self, mut is_again: impl FnMut() -> bool) -> Verdict<'_> {
        let start = Instant::now();
        loop {
            match self.0.try_lock() {
                Ok(is_committed) if *is_committed => return Verdict::IsDone,
                Ok(is_committed) => return Verdict::Ends(Some(is_committed)),
                Err(TryLockError::Poisoned(_)) => return Verdict::Ends(None),
                Err(TryLockError::WouldBlock) => {}
            }
            if is_again() && start.elapsed() > PATIENCE {
                return Verdict::Ends(None);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns whether a signal during a commit of this length finds the work done, and how long it waited.
    fn during(commit: Duration, result: Result<(), ()>, is_again: bool) -> (bool, Duration) {
        let gate = Gate(Mutex::new(false));
        let (begun, has_begun) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let gate = &gate;
            scope.spawn(move || {
                let _ = gate.committing(|| {
                    begun.send(()).unwrap();
                    std::thread::sleep(commit);
                    result
                });
            });
            has_begun.recv().unwrap();
            let start = Instant::now();
            let is_done = matches!(gate.judge(|| is_again), Verdict::IsDone);
            (is_done, start.elapsed())
        })
    }

    #[test]
    fn a_signal_waits_for_the_commit() {
        let short = Duration::from_millis(200);
        for is_again in [false, true] {
            let (is_done, time) = during(short, Ok(()), is_again);
            assert!(is_done && time >= short / 2, "{is_again}: {time:?}");
            let (is_done, time) = during(short, Err(()), is_again);
            assert!(!is_done && time >= short / 2, "{is_again}: {time:?}");
        }
        let (is_done, time) = during(Duration::from_secs(3), Ok(()), true);
        assert!(!is_done && time < Duration::from_secs(3), "{time:?}");
    }

    #[test]
    fn no_commit_begins_after_a_signal() {
        let gate = Gate(Mutex::new(false));
        let verdict = gate.judge(|| false);
        assert!(gate.0.try_lock().is_err());
        drop(verdict);
        assert_eq!(gate.committing(|| Ok::<_, ()>(1)), Ok(1));
        assert!(matches!(gate.judge(|| false), Verdict::IsDone));
    }
}
