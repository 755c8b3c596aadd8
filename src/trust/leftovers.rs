//! Files that must be removed if a signal ends the program.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use super::{commands, signals};

static PATHS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static IS_STOPPING: AtomicBool = AtomicBool::new(false);

/// A file that is removed if a signal ends the program while this exists.
#[derive(Debug)]
pub struct Leftover(PathBuf);

impl Leftover {
    /// Creates a file and registers it; no signal is handled between the two.
    ///
    /// # Errors
    /// The file cannot be created, or a signal is ending the program.
    pub fn of<F>(
        make: impl FnOnce() -> io::Result<F>,
        path: impl FnOnce(&F) -> &Path,
    ) -> io::Result<(F, Self)> {
        signals::watch();
        let mut paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
        if is_stopping() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let file = make()?;
        let path = path(&file);
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        paths.push(path.clone());
        Ok((file, Leftover(path)))
    }
}

impl Leftover {
    /// Removes the file now, unless a signal is doing so: a file with its name may then belong to another program.
    pub fn remove(self) {
        let mut paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
        if !is_stopping() {
            let _ = fs::remove_file(&self.0);
        }
        paths.retain(|path| *path != self.0);
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        let mut paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
        paths.retain(|path| *path != self.0);
    }
}

/// Whether a signal is ending this program.
pub fn is_stopping() -> bool {
    IS_STOPPING.load(Ordering::Acquire)
}

/// Removes all registered files, and ends the commands that this program runs with the signal that ends it.
pub(super) fn remove(signal: i32) {
    IS_STOPPING.store(true, Ordering::Release);
    let paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
    for path in &*paths {
        let _ = fs::remove_file(path);
    }
    commands::end_all(signal);
}

/// Does the same from any point in the program, even if locks are held; steps that need a held lock are skipped.
pub(super) fn remove_at_once() {
    IS_STOPPING.store(true, Ordering::Release);
    if let Ok(paths) = PATHS.try_lock() {
        for path in &*paths {
            let _ = fs::remove_file(path);
        }
    }
    commands::end_at_once();
}
