//! Journals that an earlier database of the same name left behind.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::stream::AsideFile;

/// Journals without a database, as they were before the load began: SQLite would play the journal of a crashed
/// writer back into the new database.
#[derive(Debug)]
pub struct Stale(Vec<(PathBuf, u64)>);

impl Stale {
    /// Finds the journals beside a database that does not exist. SQLite itself recreates a WAL index (`-shm`)
    /// without a WAL.
    pub fn beside(path: &Path) -> Self {
        let journals = ["-journal", "-wal"].map(|ending| {
            let mut journal = path.as_os_str().to_owned();
            journal.push(ending);
            PathBuf::from(journal)
        });
        let known = journals.into_iter().map(|journal| {
            let inode = inode(&journal).unwrap_or_default();
            (journal, inode)
        });
        Stale(known.collect())
    }

    /// Gives the new database its name and removes the stale journals. If a database has appeared meanwhile, it
    /// stays, and the journals that were moved away are put back.
    pub fn replaced_by(self, aside: AsideFile) -> anyhow::Result<()> {
        let mut moved = Vec::new();
        for (journal, known) in &self.0 {
            match inode(journal) {
                None => {}
                Some(found) if found == *known => {
                    let away = away(journal);
                    let shown = journal.display();
                    fs::rename(journal, &away)
                        .with_context(|| format!("cannot remove the stale '{shown}'"))?;
                    moved.push((journal, away));
                }
                // If the database exists too, giving the new one its name reports it.
                Some(_) if aside.path().exists() => {}
                Some(_) => bail!(
                    "'{}' has appeared while the records were read; run it again",
                    journal.display()
                ),
            }
        }
        let kept = aside.keep_new();
        for (journal, away) in moved {
            if kept.is_err() {
                // This does not overwrite a newer journal.
                let _ = fs::hard_link(&away, journal);
            }
            match fs::remove_file(&away) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    let shown = away.display();
                    return Err(error)
                        .with_context(|| format!("cannot remove the stale '{shown}'"));
                }
                _ => {}
            }
        }
        kept
    }
}

fn inode(path: &Path) -> Option<u64> {
    Some(fs::symlink_metadata(path).ok()?.ino())
}

fn away(journal: &Path) -> PathBuf {
    let mut name = journal.as_os_str().to_owned();
    name.push(format!(".stale-{}", std::process::id()));
    PathBuf::from(name)
}
