//! This process as a stage of a pipeline: what it moved, and what travels with its stream.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Checkpoint;

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
    /// Nanoseconds in reads.
    pub waited_in: AtomicU64,
    /// Nanoseconds in writes.
    pub waited_out: AtomicU64,
}

/// This stage's.
pub static COUNTERS: Counters = Counters {
    records_in: AtomicU64::new(0),
    records_out: AtomicU64::new(0),
    rejected: AtomicU64::new(0),
    bytes_in: AtomicU64::new(0),
    bytes_out: AtomicU64::new(0),
    waited_in: AtomicU64::new(0),
    waited_out: AtomicU64::new(0),
};

static IS_TIMED: AtomicBool = AtomicBool::new(false);

/// Has the time in reads and writes measured from now on.
pub fn time_waits() {
    IS_TIMED.store(true, Ordering::Relaxed);
}

/// Runs `wait`, and adds its time to `total` where times are measured.
pub fn timed<T>(total: &AtomicU64, wait: impl FnOnce() -> T) -> T {
    if !IS_TIMED.load(Ordering::Relaxed) {
        return wait();
    }
    let start = Instant::now();
    let result = wait();
    add(total, nanoseconds(start.elapsed()));
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

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// What came with the stream from the stages before, and goes on with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Carried {
    /// Of the sources whose records these are.
    pub checkpoints: Vec<Checkpoint>,
    /// Records that earlier stages set aside; none where a foreign program stands between, which
    /// does not say.
    pub rejected: Option<u64>,
}

static CARRIED: Mutex<Carried> = Mutex::new(Carried {
    checkpoints: Vec::new(),
    rejected: Some(0),
});

/// What this stage has taken up so far; whole when its input has ended.
pub fn carried() -> Carried {
    CARRIED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
}

/// Takes up more: what an upstream left, a source's own checkpoint.
pub fn carry(more: Carried) {
    let mut carried = CARRIED.lock().unwrap_or_else(PoisonError::into_inner);
    carried.checkpoints.extend(more.checkpoints);
    carried.rejected = match (carried.rejected, more.rejected) {
        (Some(before), Some(more)) => Some(before + more),
        _ => None,
    };
}
