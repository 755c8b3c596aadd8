//! This process as a stage of a pipeline: what it has moved so far, for those who watch it.
//!
//! These figures are process-wide because a signal and the thread that writes figures read them at any
//! moment. No decision about the data is made from them: what a load may commit travels as a value,
//! [`Carried`](super::Carried).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// What a stage has moved so far. A process is one stage, so there is one of these.
#[derive(Debug)]
pub struct Counters {
    /// Records read, bad ones included.
    pub records_in: AtomicU64,
    /// Records written.
    pub records_out: AtomicU64,
    /// Records set aside.
    pub rejected: AtomicU64,
    /// Bytes read of all sources, as they lie there.
    pub bytes_in: AtomicU64,
    /// Bytes written to standard output.
    pub bytes_out: AtomicU64,
    /// The time in reads.
    pub waited_in: Wait,
    /// The time in writes.
    pub waited_out: Wait,
}

/// This stage's.
pub static COUNTERS: Counters = Counters {
    records_in: AtomicU64::new(0),
    records_out: AtomicU64::new(0),
    rejected: AtomicU64::new(0),
    bytes_in: AtomicU64::new(0),
    bytes_out: AtomicU64::new(0),
    waited_in: Wait::new(),
    waited_out: Wait::new(),
};

/// The time that a stage is held up by one of its neighbours, one call at a time: reads are made
/// under the reader's lock, writes in turn.
///
/// With several threads, a read that waits counts although another thread still works: the reader
/// has nothing to do, so the stage would be faster if more came. A thread that waits for the lock
/// or for its turn is not held up by a neighbour, and that counts as work.
#[derive(Debug)]
pub struct Wait {
    /// Nanoseconds in calls that have returned.
    total: AtomicU64,
    /// When the present call began, in nanoseconds since times are measured, from 1; else 0.
    since: AtomicU64,
}

impl Wait {
    const fn new() -> Self {
        Wait {
            total: AtomicU64::new(0),
            since: AtomicU64::new(0),
        }
    }

    /// The time so far, with that of a call which has not returned.
    pub fn time(&self) -> Duration {
        let present = match (read(&self.since), MEASURED_SINCE.get()) {
            (0, _) | (_, None) => 0,
            (since, Some(start)) => nanoseconds(start.elapsed()).saturating_sub(since),
        };
        Duration::from_nanos(read(&self.total) + present)
    }
}

static MEASURED_SINCE: OnceLock<Instant> = OnceLock::new();

/// Has the time in reads and writes measured from now on.
pub fn time_waits() {
    MEASURED_SINCE.get_or_init(Instant::now);
}

/// Runs `call`, and adds its time to `wait` where times are measured.
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

/// What a counter has come to.
pub fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

/// What a stage does, in a word or two for who watches it, and what it has to tell at its end.
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

/// Says what this stage does from now on: `writing`.
pub fn enter(phase: &'static str) {
    talk().phase = phase;
}

/// Runs `call`, during which this stage does something else than before: `waiting for a lock`.
pub fn during<T>(phase: &'static str, call: impl FnOnce() -> T) -> T {
    let before = std::mem::replace(&mut talk().phase, phase);
    let result = call();
    enter(before);
    result
}

/// What this stage does.
pub fn phase() -> &'static str {
    talk().phase
}

/// Adds something that the user is told if the program ends well.
pub fn notice(notice: String) {
    talk().notices.push(notice);
}

/// Takes what the user is to be told.
pub fn take_notices() -> Vec<String> {
    std::mem::take(&mut talk().notices)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
