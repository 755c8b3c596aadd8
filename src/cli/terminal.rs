//! The terminal, where there is one: its width, and the progress of a long run.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::record::counted;

/// The columns of the terminal that standard output is; none where it is none.
pub fn terminal_width() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes a winsize, and nothing else, to where it is told.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    match (result, size.ws_col) {
        (0, 1..) => Some(size.ws_col.into()),
        _ => Some(80),
    }
}

/// Shows on standard error how far a long run has come, where that is a terminal; else silent.
pub struct Progress {
    is_wanted: bool,
    is_shown: bool,
    next: Instant,
}

impl Progress {
    /// For a run that starts now: nothing is shown in its first second.
    pub fn start() -> Self {
        Progress {
            is_wanted: std::io::stderr().is_terminal(),
            is_shown: false,
            next: Instant::now() + Duration::from_secs(1),
        }
    }

    /// So many records have come; shown five times a second at most.
    pub fn show(&mut self, records: u64) {
        if !self.is_wanted || Instant::now() < self.next {
            return;
        }
        self.next = Instant::now() + Duration::from_millis(200);
        self.is_shown = true;
        self.write(&counted(records as usize, "record"));
    }

    /// Leaves the line as it was.
    pub fn clear(&mut self) {
        if self.is_shown {
            self.write("");
        }
    }

    fn write(&self, text: &str) {
        // It is for the eye only: what cannot be shown is not missed.
        let _ = std::io::stderr().write_all(format!("\r\x1b[K{text}").as_bytes());
    }
}
