//! A lock on a directory, which lets one load at a time replace files in it. It is held for a few renames.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::stream::{PREFIX, directory};
use crate::trust::leftovers::Leftover;
use crate::trust::stage;

/// How long to wait for another load.
const PATIENCE: Duration = Duration::from_secs(5);

/// A held lock, released when it is dropped.
///
/// The lock is on a file of its own, which exists as long as a program holds it or waits for it: a script may have
/// locked the data file or the directory itself (`flock DIR load DIR/out.csv`), and the data file is replaced while
/// the lock is held. A lock file that a killed load leaves is removed as its temporary files are.
#[derive(Debug)]
pub(crate) struct Turn {
    _lock: File,
    leftover: Option<Leftover>,
}

impl Turn {
    /// Waits for the lock on the directory of the file at `path`.
    ///
    /// # Errors
    /// The directory cannot be written; another program holds the lock for too long.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        let directory = directory(path);
        let path = directory.join(format!("{PREFIX}lock"));
        let cannot = || format!("cannot lock the directory '{}'", directory.display());
        let deadline = Instant::now() + PATIENCE;
        loop {
            // In one step, so that no signal arrives between creating the file and registering it for removal.
            let make = || Ok((try_lock(&path)?, path.clone()));
            match Leftover::of(make, |(_, path)| path) {
                Ok(((lock, _), leftover)) => {
                    return Ok(Turn {
                        _lock: lock,
                        leftover: Some(leftover),
                    });
                }
                Err(error) if error.kind() != ErrorKind::WouldBlock => {
                    return Err(error).with_context(cannot);
                }
                Err(_) if Instant::now() < deadline => {
                    stage::during("waiting for another load", || {
                        std::thread::sleep(Duration::from_millis(10));
                    });
                }
                Err(_) => bail!(
                    "another load is changing files in the directory '{}', and has not ended for 5 seconds",
                    directory.display()
                ),
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Removed while still locked, so that programs that wait for it find that the name is gone.
        if let Some(leftover) = self.leftover.take() {
            leftover.remove();
        }
    }
}

/// Opens and locks the lock file, and creates it if it does not exist.
///
/// # Errors
/// Another program holds the lock or has just removed the file (`WouldBlock`); the file cannot be created.
fn try_lock(path: &Path) -> io::Result<File> {
    let open = || match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => OpenOptions::new()
            .write(true)
            .create_new(true)
            // Other users of the directory must be able to lock it.
            .mode(0o644)
            .open(path),
        opened => opened,
    };
    let file = match open() {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            return Err(ErrorKind::WouldBlock.into());
        }
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(ErrorKind::WouldBlock.into()),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // The lock counts only if the name still refers to the locked file.
    match (fs::metadata(path), file.metadata()?) {
        (Ok(named), held) if (named.dev(), named.ino()) == (held.dev(), held.ino()) => Ok(file),
        _ => Err(ErrorKind::WouldBlock.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn one_has_the_turn_and_nothing_stays() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("out.csv");
        let (inside, done) = (AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let turn = Turn::take(&file).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        std::thread::yield_now();
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(turn);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 100);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_lock_that_a_killed_load_left_is_taken_up() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("out.csv");
        let left = place.path().join(".pipewright-lock");
        fs::write(&left, "").unwrap();
        drop(Turn::take(&file).unwrap());
        assert!(!left.exists());
    }
}
