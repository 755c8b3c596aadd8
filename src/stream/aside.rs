//! A file that appears whole or not at all.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

use super::{Output, kept};
use crate::trust::leftovers::Leftover;

/// What the names of files begin with that go when the program ends. Each is locked by its writer.
pub const PREFIX: &str = ".pipewright-";

/// Written under another name in the same directory, and renamed when all is well; dropped
/// without a trace when not. What is no regular file (a device, a named pipe) is written as it
/// comes.
pub struct AsideFile {
    /// None for what is no regular file.
    temporary: Option<NamedTempFile>,
    /// Has it removed when a signal ends the program.
    _leftover: Option<Leftover>,
    path: PathBuf,
    output: Output,
    is_new: bool,
    /// Whether all of it is on the disk.
    is_settled: bool,
}

impl AsideFile {
    /// Prepares to write `path`, in the place of an existing file, whose owner, mode and attributes
    /// the new one gets. A link is followed, even if the file that it leads to does not exist yet.
    ///
    /// # Errors
    /// The directory cannot be written, or the existing file may not be; the new file could not
    /// stand for it: another's file, one with several hard links.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let naming = || format!("cannot write '{}'", path.display());
        let real = resolved(path).with_context(naming)?;
        if real != path && !directory(&real).is_dir() {
            let (link, place) = (path.display(), directory(&real).display());
            bail!(
                "cannot write '{link}': it is a link to '{}', and there is no directory '{place}'",
                real.display()
            );
        }
        let old = match fs::metadata(&real) {
            Ok(_) => {
                // Renaming would ask the directory alone: opening the file asks it, too.
                let open = File::options().append(true).open(&real);
                let old = open.with_context(naming)?;
                let metadata = old.metadata().with_context(naming)?;
                Some((old, metadata))
            }
            Err(_) => None,
        };
        let is_new = old.is_none();
        let (temporary, file) = match old {
            Some((old, metadata)) if is_channel(&metadata) => (None, old),
            old => {
                if let Some((_, metadata)) = &old {
                    kept::refuse_parting(metadata, path)?;
                }
                remove_abandoned(directory(&real));
                // What the old file kept secret is not shown under another name, either.
                let mode = if is_new { 0o666 } else { 0o600 };
                let make = || locked_temporary(directory(&real), mode);
                let made = Leftover::of(make, NamedTempFile::path);
                let (temporary, leftover) = made.with_context(naming)?;
                if let Some((old, metadata)) = &old {
                    kept::keep((old, metadata), temporary.as_file(), path)?;
                }
                let file = temporary.as_file().try_clone().with_context(naming)?;
                (Some((temporary, leftover)), file)
            }
        };
        let (temporary, leftover) = temporary.unzip();
        Ok(AsideFile {
            _leftover: leftover,
            temporary,
            output: Output::file(file, &path.display().to_string()),
            path: real,
            is_new,
            is_settled: false,
        })
    }

    /// Whether nothing was there when the writing began.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether it takes its name when it is done; what is no regular file has it already.
    pub fn is_renamed(&self) -> bool {
        self.temporary.is_some()
    }

    /// Its name in the end, without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where it stands for now.
    pub fn temporary_path(&self) -> &Path {
        self.temporary
            .as_ref()
            .map_or(&self.path, NamedTempFile::path)
    }

    /// Where to write.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Gives a new file the owner and group of another, if this user may: it is for the same users.
    pub fn belong_with(&self, other: &Metadata) {
        if let Some(temporary) = &self.temporary {
            let _ = fchown(temporary, Some(other.uid()), Some(other.gid()));
        }
    }

    /// Has all of it safely on the disk: what is missing is its name. It takes long for much.
    pub fn settle(&mut self) -> anyhow::Result<()> {
        if let Some(temporary) = &self.temporary
            && !self.is_settled
        {
            let synced = temporary.as_file().sync_all();
            synced.with_context(|| format!("cannot write '{}'", self.path.display()))?;
        }
        self.is_settled = true;
        Ok(())
    }

    /// Lets the file appear under its name, all of it safely on the disk.
    pub fn keep(self) -> anyhow::Result<()> {
        self.put(|temporary, path| temporary.persist(path))
    }

    /// As [`AsideFile::keep`], but a file that has appeared there since is an error.
    pub fn keep_new(self) -> anyhow::Result<()> {
        self.put(|temporary, path| temporary.persist_noclobber(path))
    }

    fn put(
        mut self,
        rename: impl FnOnce(NamedTempFile, &Path) -> Result<File, tempfile::PersistError>,
    ) -> anyhow::Result<()> {
        self.settle()?;
        let name = self.path.display().to_string();
        let Some(temporary) = self.temporary else {
            return Ok(());
        };
        if let Err(failed) = rename(temporary, &self.path) {
            if failed.error.kind() == io::ErrorKind::AlreadyExists {
                bail!("'{name}' appeared while the records were read");
            }
            return Err(failed.error).with_context(|| format!("cannot write '{name}'"));
        }
        // The new name lies in the directory; where that cannot be synced, it follows later.
        if let Ok(directory) = File::open(directory(&self.path)) {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

/// A file without a name of its own yet. For as long as its writer lives, it is locked.
fn locked_temporary(directory: &Path, mode: u32) -> io::Result<NamedTempFile> {
    loop {
        let temporary = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(directory)
            .map_err(unnamed)?;
        // Where a file system has no locks, nobody can take it for abandoned either.
        let _ = temporary.as_file().lock();
        // Another writer may have come between the making and the lock.
        if temporary.as_file().metadata()?.nlink() > 0 {
            return Ok(temporary);
        }
    }
}

/// Removes what writers that were killed have left in `directory`: nobody has it locked.
fn remove_abandoned(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else {
        return;
    };
    for entry in entries.flatten() {
        let is_ours = entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
            && entry.file_type().is_ok_and(|kind| kind.is_file());
        if !is_ours {
            continue;
        }
        // Locked until it is gone: a writer that is about to lock it must find it so.
        if let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Links that are followed at most, as the system itself does.
const MOST_LINKS: usize = 40;

/// The path that a name leads to, all links followed, whether or not a file exists there.
///
/// # Errors
/// It cannot be looked up; its links lead in a circle.
pub fn resolved(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            known => return known,
        }
        if path.exists() {
            // A link of /proc to an open pipe leads to no path.
            return Ok(path);
        }
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// The directory that a path lies in.
pub fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

fn is_channel(metadata: &Metadata) -> bool {
    let kind = metadata.file_type();
    kind.is_char_device() || kind.is_block_device() || kind.is_fifo() || kind.is_socket()
}

/// The error without the temporary file's name, which the user never asked for. The library keeps
/// the system's number in its words alone.
fn unnamed(error: io::Error) -> io::Error {
    let text = error.to_string();
    let number = text
        .split_once("(os error ")
        .and_then(|(_, rest)| rest.split_once(')')?.0.parse().ok());
    match error.raw_os_error().or(number) {
        Some(number) => io::Error::from_raw_os_error(number),
        None => error.kind().into(),
    }
}
