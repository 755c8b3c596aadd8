//! A clock that starts with the machine and never goes back.

#[cfg(target_os = "linux")]
const CLOCK: libc::clockid_t = libc::CLOCK_BOOTTIME;
#[cfg(not(target_os = "linux"))]
const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;

/// Returns the nanoseconds since the machine started.
pub fn now() -> u64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: clock_gettime writes only the timespec that it is given.
    unsafe { libc::clock_gettime(CLOCK, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// Converts ticks, the unit of process start times in procfs, to nanoseconds; `None` if the tick length is unknown.
pub fn of_ticks(ticks: u64) -> Option<u64> {
    // SAFETY: sysconf takes a number and touches no memory of ours.
    let second = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    match u64::try_from(second) {
        Ok(second @ 1..) => Some(ticks.saturating_mul(1_000_000_000 / second)),
        _ => None,
    }
}
