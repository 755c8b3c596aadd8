//! The files that exist: those that are meant, and older parts of logs beside them.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::checkpoint::SIDECAR;
use crate::resume::content;
use crate::resume::content::{Print, compressed};
use crate::resume::known::{Extent, Known, born, modified};
use crate::resume::names::{Rotation, counted, rotation, stem, uncompressed};

/// A file that exists.
#[derive(Clone, Debug)]
pub struct FoundFile {
    /// The path as the user wrote it, or beside what the user wrote.
    pub path: PathBuf,
    /// The absolute path, with links resolved.
    pub real: PathBuf,
    /// The absolute path, with links.
    pub absolute: PathBuf,
    /// Its device and inode numbers.
    pub identity: (u64, u64),
    /// When it was created, if the file system tells.
    pub born: Option<i64>,
    /// Its size in bytes.
    pub size: u64,
    /// When it was last modified.
    pub modified: i64,
    /// The index of the log that it is or belongs to, among the files that are meant.
    pub log: Option<usize>,
    /// Whether it is one of the files that are meant.
    pub is_meant: bool,
    /// For a file beside a log: what its name says about a rotation.
    pub older: Option<Rotation>,
    /// For a log: the fingerprint of its first bytes.
    pub begins: Option<Print>,
}

impl FoundFile {
    fn of(path: &Path, metadata: &Metadata) -> anyhow::Result<Self> {
        let absolute = absolute(path)?;
        Ok(FoundFile {
            path: path.to_owned(),
            real: fs::canonicalize(path).unwrap_or_else(|_| absolute.clone()),
            absolute,
            identity: (metadata.dev(), metadata.ino()),
            born: born(metadata),
            size: metadata.len(),
            modified: modified(metadata),
            log: None,
            is_meant: true,
            older: None,
            begins: None,
        })
    }

    /// Returns the file with the fingerprint of its first bytes.
    fn begun(mut self) -> anyhow::Result<Self> {
        let cannot = || format!("cannot read '{}'", self.path.display());
        match File::open(&self.path) {
            Ok(file) => {
                let begins = content::first_of(&file, self.size).with_context(cannot)?;
                self.begins = Some(begins);
            }
            // It has been renamed meanwhile, which is noticed later.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(cannot),
        }
        Ok(self)
    }

    /// Returns whether an open file still begins as this one did when it was found.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn begins_as_found(&self, file: &File) -> io::Result<bool> {
        match &self.begins {
            Some(begins) => Ok(content::first_of(file, self.size)? == *begins),
            None => Ok(true),
        }
    }

    /// Returns the file's name, with links resolved.
    pub fn name(&self) -> String {
        name_of(&self.real)
    }

    /// Returns whether a known file was at this path.
    pub fn is_at(&self, known: &Known) -> bool {
        let place = Path::new(&known.path);
        self.real == place || self.absolute == place
    }

    /// Returns whether the known file is this one. Another file may have reused the inode number.
    pub fn is_same(&self, known: &Known) -> bool {
        let is_one = self.identity == (known.device, known.inode);
        let was_made = match (self.born, known.born) {
            (Some(own), Some(other)) => own == other,
            // Earlier versions did not store the time. If the file system has none, the file must be unchanged, or
            // a rotation must explain its path.
            (Some(_), None) => true,
            (None, _) => {
                let is_unchanged = (self.size, self.modified) == (known.size, known.modified);
                is_unchanged || is_related(self, known)
            }
        };
        is_one && was_made
    }

    /// Returns whether it may have been rotated later than another file.
    fn may_be_later(&self, other: &FoundFile) -> bool {
        let rank = |found: &FoundFile| found.older.as_ref().map(|older| older.rank.clone());
        let ranks = rank(self).zip(rank(other));
        let is_older = ranks.and_then(|(own, other)| own.compare(&other)) == Some(Ordering::Less);
        let name = self.name();
        let is_plain = uncompressed(&name) == name;
        !is_older
            || is_plain
                && self
                    .born
                    .zip(other.born)
                    .is_none_or(|(own, other)| own > other)
    }

    /// Opens it, even if it was renamed since it was found.
    ///
    /// # Errors
    /// It does not exist any more.
    pub fn open(&self) -> anyhow::Result<File> {
        let cannot = || format!("cannot open '{}'", self.path.display());
        match File::open(&self.path) {
            Ok(file) if self.is_it(&file.metadata().with_context(cannot)?) => return Ok(file),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(error).with_context(cannot);
            }
            _ => {}
        }
        let directory = directory_of(&self.real);
        for entry in fs::read_dir(directory).with_context(cannot)?.flatten() {
            if entry.ino() != self.identity.1 {
                continue;
            }
            if let Ok(file) = File::open(entry.path())
                && self.is_it(&file.metadata().with_context(cannot)?)
            {
                return Ok(file);
            }
        }
        bail!(
            "'{}' was taken away before it was read; run the pipeline again",
            self.path.display()
        );
    }

    fn is_it(&self, metadata: &Metadata) -> bool {
        self.identity == (metadata.dev(), metadata.ino()) && self.born == born(metadata)
    }

    /// Returns what is stored about it if nothing of it is read.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn untouched(&self) -> anyhow::Result<Known> {
        self.taken_as(Extent::default())
    }

    /// Returns what is stored about it if it is not read but must be recognised when it is compressed.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn whole(&self) -> anyhow::Result<Known> {
        self.taken_as(Extent {
            offset: self.size,
            lines: 0,
        })
    }

    fn taken_as(&self, extent: Extent) -> anyhow::Result<Known> {
        let cannot = || format!("cannot read '{}'", self.path.display());
        let file = self.open()?;
        let is_compressed = compressed(&file).with_context(cannot)?;
        let extent = match is_compressed {
            true => Extent::default(),
            false => extent,
        };
        let crc = (extent.offset == 0).then_some(0);
        let metadata = file.metadata().with_context(cannot)?;
        let known = Known::plain(&self.real, &file, &metadata, extent, crc).with_context(cannot)?;
        Ok(Known {
            is_compressed,
            ..known
        })
    }
}

/// Returns whether a file may be one that was read under another name, explained by a rotation or a compression.
pub fn is_related(found: &FoundFile, known: &Known) -> bool {
    let before = Path::new(&known.path);
    if directory_of(&found.real) != directory_of(before)
        && directory_of(&found.absolute) != directory_of(before)
    {
        return false;
    }
    let (name, other) = (found.name(), name_of(before));
    let (name, other) = (uncompressed(&name), uncompressed(&other));
    if name == other || found.log.is_some() && stem(name) == stem(other) {
        return true;
    }
    if rotation(name, other).is_some_and(|rotation| rotation.is_behind) {
        return true;
    }
    let counts = (counted(name), counted(other));
    matches!(counts, (Some((own, to)), Some((log, from))) if own == log && to > from)
}

/// The files that exist: those that are meant, in their order, and those beside them.
#[derive(Debug, Default)]
pub struct Files {
    /// All files, without duplicates.
    pub list: Vec<FoundFile>,
    by_identity: HashMap<(u64, u64), usize>,
    by_path: HashMap<PathBuf, usize>,
    /// Paths that the user wrote and that do not exist.
    pub absent: Vec<PathBuf>,
}

impl Files {
    /// Looks for these files. `followed` are those among them that are logs. Older parts of a log may also be
    /// beside the paths where `known` says that it was read.
    ///
    /// # Errors
    /// A file is not a regular one, or a directory cannot be read.
    pub fn look(paths: &[PathBuf], followed: &[PathBuf], known: &[Known]) -> anyhow::Result<Self> {
        let mut files = Files::default();
        for (place, path) in paths.iter().enumerate() {
            match regular(path)? {
                Some(metadata) => {
                    let log = followed.contains(path).then_some(place);
                    let found = FoundFile::of(path, &metadata)?;
                    let found = match log {
                        Some(_) => found.begun()?,
                        None => found,
                    };
                    let at = files.add(FoundFile { log, ..found });
                    files.by_path.insert(path.clone(), at);
                }
                None => files.absent.push(path.clone()),
            }
        }
        for (place, path) in paths.iter().enumerate() {
            if followed.contains(path) {
                files.add_older(path, place, known)?;
            }
        }
        Ok(files)
    }

    /// Returns whether the files are still those that were found, and were not truncated: a rotation may have
    /// intervened.
    pub fn are_still_there(&self) -> bool {
        let is_there = |path: &Path, found: &FoundFile| {
            let metadata = fs::metadata(path);
            metadata.is_ok_and(|metadata| found.is_it(&metadata) && metadata.len() >= found.size)
        };
        self.list.iter().all(|found| is_there(&found.path, found))
            && (self.by_path.iter()).all(|(path, at)| {
                let found = &self.list[*at];
                *path == found.path || is_there(path, found)
            })
            && self.absent.iter().all(|path| !path.exists())
    }

    /// Returns the index of the file at a path that is meant.
    pub fn at(&self, path: &Path) -> Option<usize> {
        self.by_path.get(path).copied()
    }

    /// Returns the index of the file with this identity.
    pub fn with_identity(&self, identity: (u64, u64)) -> Option<usize> {
        self.by_identity.get(&identity).copied()
    }

    /// Returns the index of the file of this name in the same directory.
    pub fn beside(&self, found: &FoundFile, name: &str) -> Option<usize> {
        let real = found.real.with_file_name(name);
        self.list.iter().position(|other| other.real == real)
    }

    /// Adds a file beside a set, which is read because a file of the set was renamed to it. Returns its index.
    ///
    /// # Errors
    /// Its directory cannot be read.
    pub fn add_renamed(&mut self, known: &Known) -> anyhow::Result<Option<usize>> {
        let place = Path::new(&known.path);
        let name = name_of(place);
        let mut beside = Vec::new();
        for (path, other) in entries(directory_of(place))? {
            if let Some(older) = rotation(&other, &name)
                && let Some(metadata) = regular(&path).unwrap_or_default()
            {
                let found = FoundFile::of(&path, &metadata)?;
                if !self.by_identity.contains_key(&found.identity) {
                    let (is_meant, older) = (false, Some(older));
                    beside.push(FoundFile {
                        is_meant,
                        older,
                        ..found
                    });
                }
            }
        }
        let Some(at) = beside.iter().position(|found| found.is_same(known)) else {
            return Ok(None);
        };
        let found = beside.swap_remove(at);
        // A later file was never read, and the user did not name it.
        match beside.iter().any(|other| other.may_be_later(&found)) {
            true => Ok(None),
            false => Ok(Some(self.add(found))),
        }
    }

    /// Adds a file, unless it is listed under another name, and returns its index.
    fn add(&mut self, found: FoundFile) -> usize {
        let place = *self
            .by_identity
            .entry(found.identity)
            .or_insert(self.list.len());
        if place == self.list.len() {
            self.list.push(found);
        }
        place
    }

    /// Adds the files that may be older parts of a log: beside it, beside the target of its links, and beside the
    /// path where it was read before.
    fn add_older(&mut self, path: &Path, place: usize, known: &[Known]) -> anyhow::Result<()> {
        let own = absolute(path)?;
        let mut bases = vec![own.clone()];
        bases.extend(self.at(path).map(|at| self.list[at].real.clone()));
        let was_log = |known: &&Known| {
            known
                .log
                .as_deref()
                .is_some_and(|log| Path::new(log) == own)
        };
        bases.extend(
            known
                .iter()
                .filter(was_log)
                .map(|known| PathBuf::from(&known.path)),
        );
        let mut seen = HashSet::new();
        bases.retain(|base| seen.insert(base.clone()));
        for base in &bases {
            let is_own = *base == own;
            let name = name_of(base);
            // Files beside the user's path are named as the user wrote it.
            let directory = directory_of(if is_own { path } else { base });
            let listed = match entries(directory) {
                Ok(listed) => listed,
                // The former target of a link may be gone.
                Err(_) if !is_own => continue,
                Err(error) => return Err(error),
            };
            for (beside, other) in listed {
                let is_ours = other.starts_with(&name) || stem(&other) == stem(&name);
                if !is_ours || other.ends_with(SIDECAR) || is_own && other == name {
                    continue;
                }
                let path = match is_own {
                    true => path.with_file_name(&other),
                    false => beside,
                };
                if let Ok(metadata) = fs::metadata(&path)
                    && metadata.is_file()
                {
                    let found = FoundFile::of(&path, &metadata)?;
                    let older = rotation(&other, &name);
                    self.add(FoundFile {
                        log: Some(place),
                        older,
                        is_meant: false,
                        ..found
                    });
                }
            }
        }
        Ok(())
    }
}

/// Returns path and name of each file of a directory.
fn entries(directory: &Path) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let cannot = || format!("cannot read the directory '{}'", directory.display());
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        found.push((
            entry.path(),
            entry.file_name().to_string_lossy().into_owned(),
        ));
    }
    found.sort();
    Ok(found)
}

/// Returns the metadata of the file at a path; `None` if it does not exist.
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

/// Returns a path that does not depend on the working directory.
pub fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("cannot open '{}'", path.display()))
}

pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

pub(crate) fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
