//! Shows on the terminal what a long load does, even while it waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::Progress;
use crate::trust::stage;

/// How often it is looked at.
const PACE: Duration = Duration::from_millis(200);

/// Shows records, rate and phase ([`stage::enter`]) on standard error, from a thread of its own, until
/// it is dropped. If standard error is no terminal, there is no thread.
pub struct Watch {
    shared: Arc<WatchState>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct WatchState {
    records: AtomicU64,
    is_over: Mutex<bool>,
    end: Condvar,
}

impl Watch {
    /// Starts watching. Nothing is shown in the first second, and nothing at all if `is_quiet`, because
    /// the terminal is used for something else.
    pub fn start(is_quiet: bool) -> Self {
        let shared = Arc::<WatchState>::default();
        let progress = Progress::start();
        let thread = (progress.is_wanted() && !is_quiet).then(|| {
            let shared = Arc::clone(&shared);
            std::thread::Builder::new()
                .name("progress".to_owned())
                .stack_size(128 * 1024)
                .spawn(move || shared.show(progress))
        });
        Watch {
            shared,
            // If the system gives no thread, nothing is shown.
            thread: thread.and_then(Result::ok),
        }
    }

    /// So many records have come.
    pub fn see(&self, records: u64) {
        self.shared.records.store(records, Ordering::Relaxed);
    }
}

impl WatchState {
    fn show(&self, mut progress: Progress) {
        let mut is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
        while !*is_over {
            progress.show_phase(stage::phase(), self.records.load(Ordering::Relaxed));
            is_over = self
                .end
                .wait_timeout(is_over, PACE)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        progress.clear();
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        *self
            .shared
            .is_over
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = true;
        self.shared.end.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
