//! Decides what is read: compares the files that exist with what is known of those before.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail};

use crate::files::expanded_to_resume;
use crate::resume::files::{Files, FoundFile, absolute};
use crate::resume::known::{Extent, Known, Standing};
use crate::resume::matches::{Fate, Matches};
use crate::resume::names::Rank;

/// How often the files are looked for again if a rotation intervenes.
const LOOKS: u32 = 20;

/// How long a missing file is remembered, in seconds, and how many of them are.
const REMEMBERED: i64 = 30 * 24 * 60 * 60;
const MOST: usize = 100_000;

/// A file to read, and where to start.
#[derive(Clone, Debug)]
pub struct FilePiece {
    /// The file.
    pub found: FoundFile,
    /// What was read of it before.
    pub known: Option<Known>,
    /// The log that it is, by its absolute path; `None` for an older part and for a file of a set.
    pub log: Option<String>,
}

impl FilePiece {
    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.found.path
    }

    /// Returns how far it was read before.
    pub fn start(&self) -> Extent {
        self.known.as_ref().map(Known::extent).unwrap_or_default()
    }

    /// Returns the CRC-32 of what was read before, if it is known.
    pub fn crc(&self) -> Option<u32> {
        self.known.as_ref().map_or(Some(0), Known::crc)
    }
}

/// What is read, in order, and what is not.
#[derive(Debug, Default)]
pub struct Plan {
    /// Files that are new or may have grown.
    pub pieces: Vec<FilePiece>,
    /// Files that have nothing new, or do not exist any more.
    pub kept: Vec<Known>,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// What the user names, and what was read of it before.
pub struct Planning<'p> {
    /// Files, globs and directories as the user wrote them; a file is a log that may be rotated.
    pub sources: &'p [PathBuf],
    /// What was read; `None` before the first load.
    pub known: Option<&'p [Known]>,
    /// Whether all older parts of logs that existed the last time are known.
    pub knows_older: bool,
    /// Whether data that was read before may be missing.
    pub accept_gap: bool,
}

impl Planning<'_> {
    /// Decides what is read. Globs and directories are expanded at each look, because a file from one of them may
    /// have another name by the time it is opened.
    ///
    /// # Errors
    /// A file does not exist or is not a regular file, what was read before is not found, or it cannot be decided
    /// which file is which or which one is older.
    pub fn plan(&self) -> anyhow::Result<Plan> {
        for look in 0.. {
            let (plan, is_still) = self.look();
            match plan {
                // What cannot be decided may be half of a rotation.
                Err(_) if look < LOOKS / if is_still { 2 } else { 1 } => {}
                Ok(_) if !is_still && look < LOOKS => {}
                Ok(_) if !is_still => bail!(
                    "files were renamed or emptied each time they were looked at; run the pipeline again"
                ),
                plan => return plan,
            }
            thread::sleep(Duration::from_millis(5 * u64::from(look.min(4))));
        }
        unreachable!("a look ends the loop")
    }

    /// Looks once, and returns the plan and whether nothing was renamed during the look.
    fn look(&self) -> (anyhow::Result<Plan>, bool) {
        let known = self.known.unwrap_or_default();
        let found = expanded_to_resume(self.sources).and_then(|paths| {
            let files = Files::look(&paths, self.sources, known)?;
            Ok((paths, files))
        });
        let (paths, mut files) = match found {
            Ok(found) => found,
            Err(error) => return (Err(error), true),
        };
        let planning = self;
        let look = Look { planning, paths };
        let matches = Matches::find(known, &mut files, self.accept_gap);
        let is_written = |path: &PathBuf| self.sources.contains(path);
        let is_still = files.are_still_there() && files.absent.iter().all(is_written);
        let plan = matches.and_then(|matches| look.plan(&files, matches, is_still));
        (plan, is_still)
    }
}

/// The files that exist at one look.
struct Look<'p> {
    /// Their paths: those that the user wrote, and those from globs and directories.
    paths: Vec<PathBuf>,
    planning: &'p Planning<'p>,
}

impl Look<'_> {
    fn plan(&self, files: &Files, matches: Matches<'_>, is_still: bool) -> anyhow::Result<Plan> {
        if is_still || self.planning.known.is_none() {
            self.refuse_absent(files, &matches)?;
            if !self.planning.accept_gap {
                self.refuse_gap(files, &matches)?;
            }
        }
        self.order(files, matches)
    }

    fn is_log(&self, path: &Path) -> bool {
        self.planning.sources.iter().any(|log| log == path)
    }

    /// Refuses a log that does not exist, unless an older part of it is known: then it may be between two names.
    fn refuse_absent(&self, files: &Files, matches: &Matches<'_>) -> anyhow::Result<()> {
        for path in &files.absent {
            let place = self.paths.iter().position(|other| other == path);
            let mut all = files.list.iter().zip(&matches.fates);
            let is_there = all.any(|(found, fate)| {
                matches!(fate, Fate::Known(_)) && found.log.is_some() && found.log == place
            });
            if !is_there {
                let missing = std::io::Error::from_raw_os_error(libc::ENOENT);
                return Err(missing).with_context(|| format!("cannot open '{}'", path.display()));
            }
        }
        Ok(())
    }

    /// Refuses a gap: what was read before is not found, and it may have grown.
    fn refuse_gap(&self, files: &Files, matches: &Matches<'_>) -> anyhow::Result<()> {
        let all = matches.known.iter().zip(&matches.places);
        let lost: Vec<&Known> = all
            .filter(|(known, at)| {
                at.is_none()
                    && known.standing == Standing::Read
                    && known.offset > 0
                    && known.gone.is_none()
            })
            .map(|(known, _)| known)
            .collect();
        for known in &lost {
            let was_log = |path: &&PathBuf| {
                let own = absolute(path).unwrap_or_default();
                self.is_log(path) && is_log_of(known, &own)
            };
            let log = self.paths.iter().find(was_log);
            // In a set, a file may have taken the name of another one that was deleted.
            let is_replaced = |(at, found): (usize, &FoundFile)| {
                found.is_meant && found.is_at(known) && matches.fates[at] == Fate::New
            };
            let replaced = files
                .list
                .iter()
                .enumerate()
                .find(|(at, found)| is_replaced((*at, found)));
            let path = match (log, replaced) {
                (Some(path), _) => path,
                (None, Some((_, found))) => &found.path,
                (None, None) => continue,
            };
            bail!(
                "what was read of '{}' before is found neither there nor beside it, so records may be lost; --accept-gap goes on with what is there",
                path.display()
            );
        }
        let are_logs = !self.paths.is_empty() && self.paths.iter().all(|path| self.is_log(path));
        match lost.first() {
            Some(known)
                if are_logs
                    && !matches
                        .fates
                        .iter()
                        .any(|fate| matches!(fate, Fate::Known(_))) =>
            {
                bail!(
                    "'{}' was read before under this name, and is not found here; give another source another name, or go on with --accept-gap",
                    known.path
                )
            }
            _ => Ok(()),
        }
    }

    fn order(&self, files: &Files, mut matches: Matches<'_>) -> anyhow::Result<Plan> {
        let mut plan = Plan::default();
        let mut is_taken = vec![false; files.list.len()];
        for (place, path) in self.paths.iter().enumerate() {
            let mut turn = match self.is_log(path) {
                true => self.older(place, path, files, &mut matches)?,
                false => Vec::new(),
            };
            turn.extend(files.at(path));
            for at in turn {
                if !std::mem::replace(&mut is_taken[at], true) {
                    self.add(at, files, &matches, &mut plan)?;
                }
            }
        }
        // Files that were renamed out of a set.
        for (at, fate) in matches.fates.iter().enumerate() {
            if matches!(fate, Fate::Known(_) | Fate::Before(_) | Fate::Copy(_)) && !is_taken[at] {
                self.add(at, files, &matches, &mut plan)?;
            }
        }
        plan.kept.extend(self.gone(&matches));
        Ok(plan)
    }

    /// Adds a file to what is read or kept.
    fn add(
        &self,
        at: usize,
        files: &Files,
        matches: &Matches<'_>,
        plan: &mut Plan,
    ) -> anyhow::Result<()> {
        let found = &files.list[at];
        let log = log_of(found);
        let kept = |place: usize| Known {
            gone: None,
            ..matches.known[place].clone()
        };
        match matches.fates[at] {
            Fate::Known(place) => plan.add_known(found, kept(place), log),
            Fate::New if found.size > 0 => plan.pieces.push(FilePiece {
                found: found.clone(),
                known: None,
                log,
            }),
            Fate::New => plan.kept.push(Known {
                log,
                ..found.untouched()?
            }),
            Fate::Copy(Some(place)) | Fate::Before(Some(place)) => {
                let known = kept(place);
                let path = found.real.to_string_lossy().into_owned();
                let (device, inode) = found.identity;
                plan.kept.push(Known {
                    path,
                    device,
                    inode,
                    born: found.born,
                    size: found.size,
                    modified: found.modified,
                    ..known
                });
            }
            Fate::Copy(None) => {
                plan.notices.push(format!(
                    "'{}' is a copy of what is read already, and passed over",
                    found.path.display()
                ));
                let standing = Standing::Copy;
                plan.kept.push(Known {
                    standing,
                    ..found.untouched()?
                });
            }
            Fate::Before(None) => {
                let standing = Standing::Before;
                plan.kept.push(Known {
                    standing,
                    ..found.whole()?
                });
            }
        }
        Ok(())
    }

    /// Returns the older parts of a log that are read or kept, the oldest first: those that are known and, if the
    /// log was rotated, those that appeared since. All others become [`Fate::Before`], which is not read.
    fn older(
        &self,
        place: usize,
        path: &Path,
        files: &Files,
        matches: &mut Matches<'_>,
    ) -> anyhow::Result<Vec<usize>> {
        let own: Vec<usize> = (0..files.list.len())
            .filter(|&at| files.list[at].log == Some(place) && !files.list[at].is_meant)
            .collect();
        let is_known =
            |at: &usize, matches: &Matches<'_>| matches!(matches.fates[*at], Fate::Known(_));
        let mut turn: Vec<usize> = own
            .iter()
            .copied()
            .filter(|at| is_known(at, matches))
            .collect();
        // What was the log itself the last time comes last.
        let log = absolute(path)?;
        turn.sort_by_key(|at| match matches.fates[*at] {
            Fate::Known(place) => (is_log_of(&matches.known[place], &log), place),
            _ => (true, usize::MAX),
        });
        let new = (own.iter().copied())
            .filter(|&at| matches.fates[at] == Fate::New && files.list[at].older.is_some());
        let new: Vec<usize> = new.collect();
        let is_between = match self.was_rotated(path, &turn, files, matches)? {
            true => new
                .iter()
                .map(|&at| self.is_since(at, turn.last(), files))
                .collect(),
            false => vec![false; new.len()],
        };
        let mut between = Vec::new();
        for (&at, is_between) in new.iter().zip(is_between) {
            match is_between {
                true => between.push(at),
                false => matches.fates[at] = Fate::Before(None),
            }
        }
        let last = turn.last().map(|at| &files.list[*at]);
        self.sort(&mut between, last, files)?;
        turn.extend(between);
        let rest = own
            .iter()
            .filter(|at| matches!(matches.fates[**at], Fate::Copy(_) | Fate::Before(_)));
        turn.extend(rest);
        Ok(turn)
    }

    /// Returns whether a log may have been rotated since it was read. If nothing of it was read, that cannot be
    /// ruled out.
    fn was_rotated(
        &self,
        path: &Path,
        turn: &[usize],
        files: &Files,
        matches: &Matches<'_>,
    ) -> anyhow::Result<bool> {
        let own = absolute(path)?;
        let was_read = matches.known.iter().any(|known| is_log_of(known, &own)) || !turn.is_empty();
        let now = files.at(path).map(|at| matches.fates[at]);
        Ok(match now {
            Some(Fate::Known(place)) => {
                matches.known[place].offset == 0 && self.planning.knows_older
            }
            _ => was_read,
        })
    }

    /// Returns whether an unknown older part appeared since the last load. Earlier versions did not store which
    /// parts existed; then only the names tell, compared with the part that was read last.
    fn is_since(&self, at: usize, last: Option<&usize>, files: &Files) -> bool {
        let rank = |at: usize| files.list[at].older.as_ref().map(|older| &older.rank);
        if self.planning.knows_older {
            return true;
        }
        let compared = last.and_then(|last| rank(*last)?.compare(rank(at)?));
        compared == Some(std::cmp::Ordering::Less)
    }

    /// Sorts older parts of a log that were never read by their names, the oldest first.
    fn sort(
        &self,
        between: &mut [usize],
        last: Option<&FoundFile>,
        files: &Files,
    ) -> anyhow::Result<()> {
        let rank = |at: usize| files.list[at].older.as_ref().map(|older| &older.rank);
        let refuse = |a: usize, b: usize| -> anyhow::Result<()> {
            bail!(
                "'{}' and '{}' have come since the last load, and their names do not say which one is older; name them as sources once, the older one first",
                files.list[a].path.display(),
                files.list[b].path.display()
            )
        };
        for (place, &a) in between.iter().enumerate() {
            for &b in &between[place + 1..] {
                if rank(a)
                    .zip(rank(b))
                    .and_then(|(a, b)| a.compare(b))
                    .is_none()
                {
                    refuse(a, b)?;
                }
            }
        }
        between.sort_by(|&a, &b| {
            rank(a)
                .zip(rank(b))
                .and_then(|(a, b)| a.compare(b))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
        // Some rotations count up from the first one.
        let number = |found: &FoundFile| match found.older.as_ref().map(|older| &older.rank) {
            Some(Rank::Number(number)) => Some(*number),
            _ => None,
        };
        if let Some(last) = last.and_then(number) {
            let is_later =
                |at: &usize| number(&files.list[*at]).is_some_and(|number| number > last);
            match (between.iter().all(is_later), between.iter().any(is_later)) {
                (true, true) => between.reverse(),
                (false, true) => refuse(between[0], between[between.len() - 1])?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns what is stored about files that do not exist any more.
    fn gone(&self, matches: &Matches<'_>) -> Vec<Known> {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() as i64);
        let all = matches.known.iter().zip(&matches.places);
        let mut gone: Vec<Known> = all
            .filter(|(known, at)| {
                at.is_none() && (known.offset > 0 || known.standing != Standing::Read)
            })
            .map(|(known, _)| Known {
                // If the clock was set back, the time starts again.
                gone: Some(known.gone.map_or(now, |since| since.min(now))),
                log: None,
                ..known.clone()
            })
            .filter(|known| known.gone.is_none_or(|since| now - since <= REMEMBERED))
            .collect();
        if gone.len() > MOST {
            gone.sort_by_key(|known| std::cmp::Reverse(known.gone));
            gone.truncate(MOST);
        }
        gone
    }
}

/// Returns the log that a file is, by its absolute path; `None` for an older part and for a file of a set.
fn log_of(found: &FoundFile) -> Option<String> {
    let is_log = found.log.is_some() && found.is_meant;
    is_log.then(|| found.absolute.to_string_lossy().into_owned())
}

/// Returns whether a file was this log when it was read. Earlier versions stored only its path.
fn is_log_of(known: &Known, log: &Path) -> bool {
    match &known.log {
        Some(own) => Path::new(own) == log,
        None => Path::new(&known.path) == log && known.gone.is_none(),
    }
}

impl Plan {
    fn add_known(&mut self, found: &FoundFile, known: Known, log: Option<String>) {
        let is_same = found.identity == (known.device, known.inode);
        let is_read = match known.is_compressed {
            true => found.size == known.size,
            false => found.size == known.offset,
        };
        if is_same && is_read {
            let path = found.real.to_string_lossy().into_owned();
            self.kept.push(Known {
                path,
                log,
                modified: found.modified,
                born: found.born,
                ..known
            });
        } else {
            let found = found.clone();
            self.pieces.push(FilePiece {
                found,
                known: Some(known),
                log,
            });
        }
    }
}
