//! Terminals: width and foreground process group.

use std::os::fd::RawFd;

/// Returns the width of a terminal in columns; `None` if it is not a terminal or the width is unknown.
pub fn columns(terminal: RawFd) -> Option<usize> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes only the winsize that it is given.
    let result = unsafe { libc::ioctl(terminal, libc::TIOCGWINSZ, &raw mut size) };
    match (result, size.ws_col) {
        (0, 1..) => Some(size.ws_col.into()),
        _ => None,
    }
}

/// Returns the foreground process group of a terminal; negative if it is not this process's terminal.
pub fn foreground(terminal: RawFd) -> libc::pid_t {
    // SAFETY: tcgetpgrp touches no memory.
    unsafe { libc::tcgetpgrp(terminal) }
}

/// Puts a process group into the foreground. Fails silently if the group is gone.
pub fn give(terminal: RawFd, group: libc::pid_t) {
    // SAFETY: tcsetpgrp touches no memory.
    unsafe { libc::tcsetpgrp(terminal, group) };
}

/// Lets this thread take the terminal back while this program is in the background.
pub fn block_ttou() {
    // SAFETY: all zeros are a valid set of signals; the calls write only that set.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigaddset(&raw mut set, libc::SIGTTOU);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}
