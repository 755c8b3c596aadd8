//! Files that must not stay behind when a signal ends the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

static PATHS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A file that is removed when the program is stopped, for as long as this lives.
#[derive(Debug)]
pub struct Leftover(PathBuf);

impl Leftover {
    /// Of the file at `path`.
    pub fn at(path: &Path) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let mut paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
        paths.push(path.clone());
        Leftover(path)
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        let mut paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
        paths.retain(|path| *path != self.0);
    }
}

/// Removes all of them.
pub(super) fn remove() {
    let paths = PATHS.lock().unwrap_or_else(PoisonError::into_inner);
    for path in &*paths {
        let _ = fs::remove_file(path);
    }
}
