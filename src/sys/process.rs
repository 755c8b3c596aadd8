//! Processes: who runs, who has ended, what they used.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The user that this process acts as.
pub fn user() -> u32 {
    // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}

/// The process group of this process.
pub fn own_group() -> libc::pid_t {
    // SAFETY: getpgrp touches no memory and cannot fail.
    unsafe { libc::getpgrp() }
}

/// Sends a signal as kill(2) does: to a process, to the group of a negative number, to this process's group
/// for 0. Signal 0 only asks whether one could be sent.
///
/// # Errors
/// Nobody is there (ESRCH), or it may not be sent.
pub fn send(to: libc::pid_t, signal: i32) -> io::Result<()> {
    // SAFETY: kill touches no memory.
    match unsafe { libc::kill(to, signal) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Whether a signal is ignored, as `nohup` and background jobs have it.
pub fn ignores(signal: i32) -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: with a null new action, sigaction writes the present one to where it is told and
    // changes nothing; it is read only where the call says that it was written.
    unsafe {
        libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) == 0
            && action.assume_init().sa_sigaction == libc::SIG_IGN
    }
}

/// Has a command ended by SIGTERM when this process ends, on Linux.
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

/// Whether a child has ended, after waiting for it if `may_wait`. Its status stays to be waited for.
pub fn has_ended(process: u32, may_wait: bool) -> bool {
    let options = libc::WEXITED | libc::WNOWAIT | if may_wait { 0 } else { libc::WNOHANG };
    match wait(process, options) {
        // SAFETY: waitid filled it for a child, or left the zeros.
        Some(info) => unsafe { info.si_pid() != 0 },
        // There is no such child any more.
        None => true,
    }
}

/// Waits until a child stops: the signal that stopped it; none when it has ended, which can still
/// be waited for.
pub fn stop_of(process: libc::pid_t) -> Option<i32> {
    let process = process.unsigned_abs();
    let info = wait(process, libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT)?;
    if info.si_code != libc::CLD_STOPPED {
        return None;
    }
    // This takes the news of the stop, not that of an end.
    let _ = wait(process, libc::WSTOPPED | libc::WNOHANG);
    // SAFETY: waitid filled it for a child that stopped.
    Some(unsafe { info.si_status() })
}

/// What waitid(2) says of a child; none if there is no such child.
fn wait(process: u32, options: libc::c_int) -> Option<libc::siginfo_t> {
    loop {
        // SAFETY: all zeros are a valid siginfo_t.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: waitid writes a siginfo_t, and nothing else, to where it is told.
        let result = unsafe { libc::waitid(libc::P_PID, process, &raw mut info, options) };
        let error = io::Error::last_os_error();
        if result == 0 || error.kind() != io::ErrorKind::Interrupted {
            return (result == 0).then_some(info);
        }
    }
}

/// What processes have used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Usage {
    /// Seconds of processor time, of the user and of the system.
    pub cpu: f64,
    /// The most memory that one of them had, in bytes.
    pub peak: u64,
}

/// What this process has used.
pub fn own_usage() -> Usage {
    usage(libc::RUSAGE_SELF)
}

/// What the children that have ended used.
pub fn usage_of_children() -> Usage {
    usage(libc::RUSAGE_CHILDREN)
}

fn usage(whose: libc::c_int) -> Usage {
    // SAFETY: all zeros are a valid rusage, a struct of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: getrusage writes a rusage, and nothing else, to where it is told.
    unsafe { libc::getrusage(whose, &raw mut usage) };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    let unit = if cfg!(target_os = "linux") { 1024 } else { 1 };
    Usage {
        cpu: seconds(usage.ru_utime) + seconds(usage.ru_stime),
        peak: u64::try_from(usage.ru_maxrss).unwrap_or(0) * unit,
    }
}
