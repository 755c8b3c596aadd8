//! What is to be read: the files that are there, held against what is known of those before.
//!
//! A file is known again by device and inode, or else by its content under a name that a rotation
//! gives; either way its content must begin with what was read.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::known::{Extent, Known, modified};
use super::names::{is_rotated, stem, uncompressed};
use crate::database::checkpoints::sidecar;

/// A file that is there.
#[derive(Clone, Debug)]
pub struct Found {
    /// As the user wrote it, or beside what the user wrote.
    pub path: PathBuf,
    /// The same without a look at where the program runs.
    absolute: PathBuf,
    /// Its file system and its number there.
    pub identity: (u64, u64),
    size: u64,
    modified: i64,
    /// The place of the log that it may be an older part of, among the files that are meant.
    older_of: Option<usize>,
}

/// A file to read, and from where on.
#[derive(Clone, Debug)]
pub struct Piece {
    /// The file.
    pub found: Found,
    /// What was read of it before.
    pub known: Option<Known>,
}

impl Piece {
    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.found.path
    }

    /// How far it was read before.
    pub fn start(&self) -> Extent {
        let known = self.known.as_ref();
        Extent {
            offset: known.map_or(0, |known| known.offset),
            lines: known.map_or(0, |known| known.lines),
        }
    }

    /// What is known of it where it is not read at all.
    pub fn untouched(&self) -> anyhow::Result<Known> {
        self.found.untouched()
    }
}

impl Found {
    /// What is known of it where it is not read at all: enough to find it under another name.
    fn untouched(&self) -> anyhow::Result<Known> {
        let cannot = || format!("cannot open '{}'", self.path.display());
        let file = File::open(&self.path).with_context(cannot)?;
        let nothing = Extent {
            offset: 0,
            lines: 0,
        };
        Known::plain(&self.absolute, &file, nothing).with_context(cannot)
    }
}

/// What is to be read, in order, and what is not.
#[derive(Debug, Default)]
pub struct Plan {
    /// Files that are new or may have grown.
    pub pieces: Vec<Piece>,
    /// Files that have nothing new.
    pub kept: Vec<Known>,
    /// What the user should know.
    pub notices: Vec<String>,
}

/// The files that are there: those that are meant, in their order, and older parts of logs.
#[derive(Default)]
struct Files {
    list: Vec<Found>,
    by_identity: HashMap<(u64, u64), usize>,
    by_path: HashMap<PathBuf, usize>,
    /// Of the known ones, by their place.
    matched: Vec<Option<usize>>,
    /// Places of those that are matched, by the directory and stem of what is known.
    by_stem: HashMap<(PathBuf, String), Vec<usize>>,
}

/// The files that are meant, and what was read before.
pub struct Planning<'p> {
    /// The files, by the paths that the user wrote and those that a glob or a directory has.
    pub paths: &'p [PathBuf],
    /// Those that the user wrote: each is a log that may be rotated.
    pub followed: &'p [PathBuf],
    /// What was read.
    pub known: Vec<Known>,
    /// Whether it may be missing.
    pub accept_gap: bool,
    /// How many lines of a file are its header.
    pub header_lines: &'p dyn Fn(&Path) -> anyhow::Result<u64>,
}

impl Planning<'_> {
    /// Finds out what is to be read.
    ///
    /// # Errors
    /// A file is not there or is no regular file; what was read before is not found.
    pub fn plan(self) -> anyhow::Result<Plan> {
        let mut files = Files::default();
        let mut absent = Vec::new();
        for path in self.paths {
            match regular(path)? {
                Some(metadata) => files.add(path, &metadata, None)?,
                None => absent.push(path),
            }
        }
        if !self.known.is_empty() {
            for (place, path) in self.paths.iter().enumerate() {
                if self.followed.contains(path) {
                    files.add_older(path, place)?;
                }
            }
        }
        let lost = self.match_all(&mut files)?;
        self.refuse_absent(&absent, &files)?;
        if !self.accept_gap {
            self.refuse_gap(&lost, &files)?;
        }
        self.order(&files)
    }

    /// Finds out which of the known each file is; gives the known that are not found.
    fn match_all(&self, files: &mut Files) -> anyhow::Result<Vec<&Known>> {
        files.matched = vec![None; files.list.len()];
        let mut unknown = Vec::new();
        for (place, known) in self.known.iter().enumerate() {
            let same = files.by_identity.get(&(known.device, known.inode));
            let same = same.copied().filter(|&at| files.matched[at].is_none());
            match same {
                Some(at) if known.is_start_of(&files.list[at].path)? => {
                    files.matched[at] = Some(place);
                }
                _ => unknown.push(place),
            }
        }
        let mut lost = Vec::new();
        for place in unknown {
            let known = &self.known[place];
            if known.offset == 0 {
                continue;
            }
            match files.with_content_of(known)? {
                Some(at) => files.matched[at] = Some(place),
                None => lost.push(known),
            }
        }
        for place in files.matched.iter().flatten() {
            let key = key_of(Path::new(&self.known[*place].path));
            files.by_stem.entry(key).or_default().push(*place);
        }
        Ok(lost)
    }

    /// A log that is not there at the moment may be between two names, if its older part is found.
    fn refuse_absent(&self, absent: &[&PathBuf], files: &Files) -> anyhow::Result<()> {
        for path in absent {
            let mut older = files.list.iter().zip(&files.matched);
            let is_there = older.any(|(found, known)| {
                known.is_some() && found.older_of.is_some_and(|log| self.paths[log] == **path)
            });
            if !is_there {
                let missing = std::io::Error::from_raw_os_error(libc::ENOENT);
                return Err(missing).with_context(|| format!("cannot open '{}'", path.display()));
            }
        }
        Ok(())
    }

    fn refuse_gap(&self, lost: &[&Known], files: &Files) -> anyhow::Result<()> {
        let places: HashSet<&Path> = lost.iter().map(|known| Path::new(&known.path)).collect();
        for path in self.paths {
            let at = files.by_path.get(path);
            // Of a set, one may have taken the name of another that was deleted.
            let is_known = at.is_some_and(|at| files.matched[*at].is_some());
            let may_be_gone = is_known && !self.followed.contains(path);
            if !may_be_gone && places.contains(absolute(path)?.as_path()) {
                bail!(
                    "what was read of '{}' before is found neither there nor beside it, so records may be lost; --accept-gap goes on with what is there",
                    path.display()
                );
            }
        }
        let is_log = |path| self.followed.contains(path);
        let are_logs = !self.paths.is_empty() && self.paths.iter().all(is_log);
        match lost.first() {
            Some(known) if are_logs && files.matched.iter().all(Option::is_none) => bail!(
                "'{}' was read before under this name, and is not found here; give another source another name, or go on with --accept-gap",
                known.path
            ),
            _ => Ok(()),
        }
    }

    fn order(&self, files: &Files) -> anyhow::Result<Plan> {
        let mut plan = Plan::default();
        let mut is_taken = vec![false; files.list.len()];
        for (place, path) in self.paths.iter().enumerate() {
            let mut turn = match self.followed.contains(path) {
                true => self.older(place, path, files)?,
                false => Vec::new(),
            };
            turn.extend(files.by_path.get(path));
            for at in turn {
                if std::mem::replace(&mut is_taken[at], true) {
                    continue;
                }
                let found = &files.list[at];
                match files.matched[at] {
                    Some(known) => plan.add_known(found, &self.known[known]),
                    None if self.is_copy(at, files)? => plan.notices.push(format!(
                        "'{}' is a copy of what is read already, and passed over",
                        found.path.display()
                    )),
                    None => plan.add_new(found)?,
                }
            }
        }
        if files.list.is_empty() {
            // A directory that is empty may be one whose disk is away.
            plan.kept.clone_from(&self.known);
        }
        Ok(plan)
    }

    /// The older parts of a log, the oldest first: those that are known, and where the log was
    /// rotated, those that came after the one that was read last.
    fn older(&self, place: usize, path: &Path, files: &Files) -> anyhow::Result<Vec<usize>> {
        let own: Vec<usize> = (0..files.list.len())
            .filter(|&at| files.list[at].older_of == Some(place))
            .collect();
        let since = self.rotated_since(path, &own, files)?;
        let is_between = |at: usize| {
            since.is_some_and(|since| files.list[at].modified >= since)
                && is_rotated(&name_of(&files.list[at].path), &name_of(path))
        };
        let mut older: Vec<usize> = own
            .into_iter()
            .filter(|&at| files.matched[at].is_some() || is_between(at))
            .collect();
        // Of two that were changed at once, the one that was read before is the older one.
        older.sort_by_key(|&at| (files.list[at].modified, files.matched[at].is_none()));
        Ok(older)
    }

    /// The time from which on older parts of a log, of which `own` are there, may have come that
    /// were never read; none where it was not rotated.
    fn rotated_since(
        &self,
        path: &Path,
        own: &[usize],
        files: &Files,
    ) -> anyhow::Result<Option<i64>> {
        let absolute = absolute(path)?;
        let known = |at: usize| files.matched[at].map(|known| &self.known[known]);
        if let Some(now) = files.by_path.get(path).and_then(|at| known(*at)) {
            // Of an empty file nothing tells whether it was copied and emptied again, but a copy.
            return Ok((now.offset == 0).then_some(now.modified + 1));
        }
        // What was the log itself, or else was its latest part already.
        let last_read = own
            .iter()
            .filter_map(|&at| Some((at, known(at)?)))
            .max_by_key(|(at, known)| {
                let was_current = Path::new(&known.path) == absolute;
                (was_current, files.list[*at].modified)
            });
        Ok(last_read.map(|(at, _)| files.list[at].modified))
    }

    /// Whether a file that is not known holds what another one does that is there: it is being
    /// compressed, or was copied to be emptied.
    fn is_copy(&self, at: usize, files: &Files) -> anyhow::Result<bool> {
        let found = &files.list[at];
        let name = found.absolute.to_string_lossy();
        let original = Path::new(uncompressed(&name));
        if original != found.absolute && original.exists() {
            return Ok(true);
        }
        let places = files.by_stem.get(&key_of(&found.absolute));
        for known in places
            .into_iter()
            .flatten()
            .map(|place| &self.known[*place])
        {
            if known.offset > 0
                && known.is_start_of(&found.path)?
                && known.lines > (self.header_lines)(&found.path)?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Files {
    /// Adds a file, unless it is there already under another name.
    fn add(
        &mut self,
        path: &Path,
        metadata: &Metadata,
        older_of: Option<usize>,
    ) -> anyhow::Result<()> {
        let identity = (metadata.dev(), metadata.ino());
        if self.by_identity.contains_key(&identity) {
            return Ok(());
        }
        self.by_identity.insert(identity, self.list.len());
        if older_of.is_none() {
            self.by_path.insert(path.to_owned(), self.list.len());
        }
        self.list.push(Found {
            path: path.to_owned(),
            absolute: absolute(path)?,
            identity,
            size: metadata.len(),
            modified: modified(metadata),
            older_of,
        });
        Ok(())
    }

    /// Adds the files beside a log that may be older parts of it.
    fn add_older(&mut self, path: &Path, place: usize) -> anyhow::Result<()> {
        let (directory, name) = (directory_of(path), name_of(path));
        let cannot = || format!("cannot read the directory '{}'", directory.display());
        for entry in fs::read_dir(directory).with_context(cannot)? {
            let other = entry.with_context(cannot)?.file_name();
            let other = other.to_string_lossy().into_owned();
            let is_ours = other.starts_with(&name) || stem(&other) == stem(&name);
            if !is_ours || other == name || other.ends_with(sidecar::ENDING) {
                continue;
            }
            let older = path.with_file_name(&other);
            match fs::metadata(&older) {
                Ok(metadata) if metadata.is_file() => self.add(&older, &metadata, Some(place))?,
                _ => {}
            }
        }
        Ok(())
    }

    /// The file that begins with what was read of a known one, of those that may be it.
    fn with_content_of(&self, known: &Known) -> anyhow::Result<Option<usize>> {
        let mut candidates: Vec<usize> = (0..self.list.len())
            .filter(|&at| self.matched[at].is_none() && is_related(&self.list[at], known))
            .collect();
        candidates.sort_by_key(|&at| {
            let is_same = self.list[at].absolute == Path::new(&known.path);
            (!is_same, std::cmp::Reverse(self.list[at].modified))
        });
        for at in candidates {
            if known.is_start_of(&self.list[at].path)? {
                return Ok(Some(at));
            }
        }
        Ok(None)
    }
}

impl Plan {
    fn add_known(&mut self, found: &Found, known: &Known) {
        let mut known = known.clone();
        let is_same = found.identity == (known.device, known.inode);
        let is_read = match known.is_compressed {
            true => found.size == known.size,
            false => found.size == known.offset,
        };
        if is_same && is_read {
            known.path = found.absolute.to_string_lossy().into_owned();
            self.kept.push(known);
        } else {
            self.pieces.push(Piece {
                found: found.clone(),
                known: Some(known),
            });
        }
    }

    fn add_new(&mut self, found: &Found) -> anyhow::Result<()> {
        if found.size > 0 {
            self.pieces.push(Piece {
                found: found.clone(),
                known: None,
            });
            return Ok(());
        }
        self.kept.push(found.untouched()?);
        Ok(())
    }
}

/// What is to be known of the file at a path; none where nothing is there.
fn regular(path: &Path) -> anyhow::Result<Option<Metadata>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(Some(metadata)),
        Ok(_) => bail!(
            "'{}' is no regular file, and --resume has no place in it to go on from",
            path.display()
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot open '{}'", path.display())),
    }
}

/// Whether a file may be one that was read under another name.
fn is_related(found: &Found, known: &Known) -> bool {
    let before = Path::new(&known.path);
    let (name, other) = (name_of(&found.absolute), name_of(before));
    found.absolute.parent() == before.parent()
        && (name.starts_with(&other) || stem(&name) == stem(&other))
}

/// The directory of a file, and its name without what rotation adds.
fn key_of(path: &Path) -> (PathBuf, String) {
    (directory_of(path).to_owned(), stem(&name_of(path)))
}

/// A path as it is without a look at where the program runs.
pub fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot open '{}'", path.display()))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
