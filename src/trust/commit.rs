//! The commit: a signal that comes during it waits, and one that comes after it changes nothing, so
//! that the exit status tells whether the work is done.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::ends;

/// Whether this program has committed. Held during a commit, and by the signal that ends the program.
static IS_COMMITTED: Mutex<bool> = Mutex::new(false);

/// How soon a second signal ends a program that is in its commit: a user who is pressing Ctrl-C
/// again does not yet mean it.
const PATIENCE: Duration = Duration::from_secs(1);

/// Runs `commit`, after which the work is done or, if it fails, not done. A signal that comes
/// meanwhile waits: if `commit` succeeds, the program goes on and ends as a success; if it fails, the
/// signal ends the program. A second signal, a second or more after the first, ends it at once.
///
/// What can be undone, and what takes long, comes before: a flush to the disk, the receipt's room.
///
/// # Errors
/// Those of `commit`.
pub fn committing<T, E>(commit: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    ends::watch_signals();
    let mut is_committed = IS_COMMITTED.lock().unwrap_or_else(PoisonError::into_inner);
    let result = commit();
    *is_committed |= result.is_ok();
    result
}

/// Whether this program has committed: it ends as a success.
pub fn is_committed() -> bool {
    *IS_COMMITTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a signal does.
pub(super) enum Verdict {
    /// The program is ended; no commit begins for as long as this lives.
    Ends(Option<MutexGuard<'static, bool>>),
    /// The work is done, and the program ends as a success.
    IsDone,
}

/// Waits until a signal can be judged. `is_again` says whether another one has come since it was
/// last asked.
pub(super) fn judge(mut is_again: impl FnMut() -> bool) -> Verdict {
    let start = Instant::now();
    loop {
        match IS_COMMITTED.try_lock() {
            Ok(is_committed) if *is_committed => return Verdict::IsDone,
            Ok(is_committed) => return Verdict::Ends(Some(is_committed)),
            Err(std::sync::TryLockError::Poisoned(_)) => return Verdict::Ends(None),
            Err(std::sync::TryLockError::WouldBlock) => {}
        }
        if is_again() && start.elapsed() > PATIENCE {
            return Verdict::Ends(None);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}
