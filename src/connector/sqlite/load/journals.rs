//! What an earlier database of the same name has left beside it.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::stream::AsideFile;

/// Journals without a database, as they were found before the load began: a crashed writer's journal
/// would be played back into the new database.
#[derive(Debug)]
pub struct Stale(Vec<(PathBuf, u64)>);

impl Stale {
    /// Those beside a database that does not exist. An index of the WAL (`-shm`) without its WAL is made
    /// anew by SQLite itself.
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

    /// Gives the new database its name, without them. A database that has appeared meanwhile stays, with
    /// its journals: what was moved out of the way is put back.
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
                // If the database is there as well, naming the new one says so.
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
                // Nothing takes the place of a journal that is newer.
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
