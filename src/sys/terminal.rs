//! Terminals: how wide one is, and which process group has it.

use std::os::fd::RawFd;

/// The columns of a terminal; none if it is none, or does not say.
pub fn columns(terminal: RawFd) -> Option<usize> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes a winsize, and nothing else, to where it is told.
    let result = unsafe { libc::ioctl(terminal, libc::TIOCGWINSZ, &raw mut size) };
    match (result, size.ws_col) {
        (0, 1..) => Some(size.ws_col.into()),
        _ => None,
    }
}

/// The process group that a terminal has in the foreground; negative if it is not this process's terminal.
pub fn foreground(terminal: RawFd) -> libc::pid_t {
    // SAFETY: tcgetpgrp touches no memory.
    unsafe { libc::tcgetpgrp(terminal) }
}

/// Puts a process group into the foreground. It fails, without a word, if the group is gone.
pub fn give(terminal: RawFd, group: libc::pid_t) {
    // SAFETY: tcsetpgrp touches no memory.
    unsafe { libc::tcsetpgrp(terminal, group) };
}

/// Lets this thread take the terminal back when this program is in the background.
pub fn block_ttou() {
    // SAFETY: all zeros are a valid set of signals; the calls write that set alone.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut set, libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}
