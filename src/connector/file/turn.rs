//! The turn to change files of a directory: one load at a time, for a few renames.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use crate::stream::{PREFIX, directory};
use crate::trust::leftovers::Leftover;
use crate::trust::stage;

/// How long another load's turn is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// A turn, which ends when it is dropped.
///
/// It is a lock on a file that exists for as long as somebody holds it or waits: a script may have
/// locked the data file or the directory itself (`flock DIR load DIR/out.csv`), and the data file is
/// replaced while the turn lasts. What a killed load leaves is removed as its temporary files are.
#[derive(Debug)]
pub(crate) struct Turn {
    _lock: File,
    leftover: Option<Leftover>,
}

impl Turn {
    /// Waits for the turn in the directory of the file at `path`.
    ///
    /// # Errors
    /// The directory cannot be written; another program's turn does not end.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        let directory = directory(path);
        let path = directory.join(format!("{PREFIX}lock"));
        let cannot = || format!("cannot lock the directory '{}'", directory.display());
        let deadline = Instant::now() + PATIENCE;
        loop {
            // At once, so that no signal comes between the making and the lock.
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
        // While it is still locked: who waits for it finds that it has no name any more.
        if let Some(leftover) = self.leftover.take() {
            leftover.remove();
        }
    }
}

/// The lock file, made if there is none.
///
/// # Errors
/// Another program holds it, or has just removed it (`WouldBlock`); it cannot be made.
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
    // Only the file that has the name is the lock.
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
