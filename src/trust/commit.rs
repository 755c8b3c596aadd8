//! The commit: a signal that comes during it waits, and one that comes after it changes nothing, so
//! that the exit status tells whether the work is done.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::signals;

/// This program's.
static GATE: Gate = Gate(Mutex::new(false));

/// Runs `commit`, after which the work is done or, if it fails, not done. A signal that comes
/// meanwhile waits: if `commit` succeeds, the program goes on and ends as a success; if it fails, the
/// signal ends the program. A second signal, a second or more after the first, ends it at once.
///
/// What can be undone, and what takes long, comes before: a flush to the disk, the receipt's room.
///
/// # Errors
/// Those of `commit`.
pub fn committing<T, E>(commit: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    signals::watch();
    GATE.committing(commit)
}

/// Whether this program has committed: it ends as a success.
pub fn is_committed() -> bool {
    *GATE.0.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits until a signal can be judged. `is_again` says whether another one has come since it was
/// last asked.
pub(super) fn judge(is_again: impl FnMut() -> bool) -> Verdict<'static> {
    GATE.judge(is_again)
}

/// What a signal does.
pub(super) enum Verdict<'g> {
    /// The program is ended; no commit begins for as long as this lives.
    Ends(Option<MutexGuard<'g, bool>>),
    /// The work is done, and the program ends as a success.
    IsDone,
}

/// How soon a second signal may come without ending a program that is in its commit: Ctrl-C is often
/// pressed twice.
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

    /// What a signal does that comes while a commit of this length goes on, and the time until then.
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
