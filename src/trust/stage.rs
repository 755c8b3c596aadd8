//! What this process has processed so far, as a stage of a pipeline.
//!
//! The counters are global because a signal handler and the thread that writes figures read them at any time. No
//! decision about the data depends on them: what a load may commit travels as a value, [`Carried`](super::Carried).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What a stage has processed so far. A process is one stage, so there is one instance.
#[derive(Debug)]
pub struct Counters {
    /// Records read, including bad ones.
    pub records_in: AtomicU64,
    /// Records written.
    pub records_out: AtomicU64,
    /// Records set aside.
    pub rejected: AtomicU64,
    /// Bytes read from all sources, before decompression.
    pub bytes_in: AtomicU64,
    /// Bytes written to standard output.
    pub bytes_out: AtomicU64,
    /// Time in reads.
    pub waited_in: Wait,
    /// Time in writes.
    pub waited_out: Wait,
}

/// The counters of this stage.
pub static COUNTERS: Counters = Counters {
    records_in: AtomicU64::new(0),
    records_out: AtomicU64::new(0),
    rejected: AtomicU64::new(0),
    bytes_in: AtomicU64::new(0),
    bytes_out: AtomicU64::new(0),
    waited_in: Wait::new(),
    waited_out: Wait::new(),
};

/// Time that a stage waits for its neighbours, one call at a time: reads happen under the reader's lock, writes in
/// turn.
///
/// With several threads, a read that waits counts even if another thread is working: the reader is idle, so the
/// stage would be faster with more input. Waiting for the lock or for a turn is not caused by a neighbour and
/// counts as work.
#[derive(Debug)]
pub struct Wait {
    /// Nanoseconds in calls that have returned.
    total: AtomicU64,
    /// When the current call began, in nanoseconds since measuring started, at least 1; 0 if there is no call.
    since: AtomicU64,
}

impl Wait {
    const fn new() -> Self {
        Wait {
            total: AtomicU64::new(0),
            since: AtomicU64::new(0),
        }
    }

    /// Returns the time so far, including a call that has not returned.
    pub fn time(&self) -> Duration {
        let present = match (read(&self.since), MEASURED_SINCE.get()) {
            (0, _) | (_, None) => 0,
            (since, Some(start)) => nanoseconds(start.elapsed()).saturating_sub(since),
        };
        Duration::from_nanos(read(&self.total) + present)
    }
}

static MEASURED_SINCE: OnceLock<Instant> = OnceLock::new();

/// Starts to measure the time in reads and writes.
pub fn time_waits() {
    MEASURED_SINCE.get_or_init(Instant::now);
}

/// Runs `call` and adds its time to `wait` if times are measured.
pub fn timed<T>(wait: &Wait, call: impl FnOnce() -> T) -> T {
    let Some(start) = MEASURED_SINCE.get() else {
        return call();
    };
    let since = nanoseconds(start.elapsed()).max(1);
    wait.since.store(since, Ordering::Relaxed);
    let result = call();
    wait.since.store(0, Ordering::Relaxed);
    add(
        &wait.total,
        nanoseconds(start.elapsed()).saturating_sub(since),
    );
    result
}

/// Adds to a counter.
pub fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Returns the value of a counter.
pub fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// What a stage is doing, in a word or two, and its notices for the end.
struct Talk {
    phase: &'static str,
    notices: Vec<String>,
}

static TALK: Mutex<Talk> = Mutex::new(Talk {
    phase: "reading",
    notices: Vec::new(),
});

fn talk() -> MutexGuard<'static, Talk> {
    TALK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Sets what this stage is doing from now on: `writing`.
pub fn enter(phase: &'static str) {
    talk().phase = phase;
}

/// Runs `call`, during which this stage is doing something else: `waiting for a lock`.
pub fn during<T>(phase: &'static str, call: impl FnOnce() -> T) -> T {
    let before = std::mem::replace(&mut talk().phase, phase);
    let result = call();
    enter(before);
    result
}

/// Returns what this stage is doing.
pub fn phase() -> &'static str {
    talk().phase
}

/// Adds a notice that the user is told if the program succeeds.
pub fn notice(notice: String) {
    talk().notices.push(notice);
}

/// Takes the notices.
pub fn take_notices() -> Vec<String> {
    std::mem::take(&mut talk().notices)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
