//! Processes: users, groups, signals, ends, resource usage.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Returns the effective user ID of this process.
pub fn user() -> u32 {
    // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}

/// Returns the process group of this process.
pub fn own_group() -> libc::pid_t {
    // SAFETY: getpgrp touches no memory and cannot fail.
    unsafe { libc::getpgrp() }
}

/// Sends a signal like kill(2): to a process, to the group of a negative number, or to this process's group for 0.
/// Signal 0 only checks whether one could be sent.
///
/// # Errors
/// The process does not exist (ESRCH), or the signal is not permitted.
pub fn send(to: libc::pid_t, signal: i32) -> io::Result<()> {
    // SAFETY: kill touches no memory.
    match unsafe { libc::kill(to, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether a signal is ignored, as under `nohup` and in background jobs.
pub fn ignores(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with a null new action, sigaction only writes the current one to where it is told. It is read only if
    // the call reports success.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Makes a command receive SIGTERM when this process ends. Only on Linux.
pub fn ends_with_this(command: &mut Command) {
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec only this system call is made, which touches no memory.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            Ok(())
        });
    }
    #[cfg(not(target_os = "linux"))]
    let _ = command;
}

/// Whether a child has ended; with `may_wait`, waits for that. Its status can still be waited for.
pub fn has_ended(process: u32, may_wait: bool) -> bool {
    let options = libc::WEXITED | libc::WNOWAIT | if may_wait { 0 } else { libc::WNOHANG };
    match wait(process, options) {
        // SAFETY: waitid filled it for a child, or left the zeros.
        Some(info) => unsafe { info.si_pid() != 0 },
        // The child no longer exists.
        None => true,
    }
}

/// Waits until a child stops, and returns the signal that stopped it; `None` if it has ended, which can still be
/// waited for.
pub fn stop_of(process: libc::pid_t) -> Option<i32> {
    let process = process.unsigned_abs();
    let info = wait(process, libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT)?;
    if info.si_code != libc::CLD_STOPPED {
        return None;
    }
    // Consumes the report of the stop, but not that of an end.
    let _ = wait(process, libc::WSTOPPED | libc::WNOHANG);
    // SAFETY: waitid filled it for a child that stopped.
    Some(unsafe { info.si_status() })
}

/// Returns what waitid(2) reports about a child; `None` if there is no such child.
fn wait(process: u32, options: libc::c_int) -> Option<libc::siginfo_t> {
    loop {
        // SAFETY: all zeros are a valid siginfo_t.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: waitid writes only the siginfo_t that it is given.
        let result = unsafe { libc::waitid(libc::P_PID, process, &raw mut info, options) };
        let error = io::Error::last_os_error();
        if result == 0 || error.kind() != io::ErrorKind::Interrupted {
            return (result == 0).then_some(info);
        }
    }
}

/// Resources that processes used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Processor time in seconds, user and system.
    pub cpu: f64,
    /// The largest memory of any of them, in bytes.
    pub peak: u64,
}

/// Returns what this process has used.
pub fn own_usage() -> Usage {
    usage(libc::RUSAGE_SELF)
}

/// Returns what the ended children used.
pub fn usage_of_children() -> Usage {
    usage(libc::RUSAGE_CHILDREN)
}

fn usage(whose: libc::c_int) -> Usage {
    // SAFETY: all zeros are a valid rusage, a struct of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: getrusage writes only the rusage that it is given.
    unsafe { libc::getrusage(whose, &raw mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let unit = if cfg!(target_os = "linux") { 1024 } else { 1 };
    Usage {
        cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        peak: u64::try_from(usage.ru_maxrss).unwrap_or(0) * unit,
    }
}
