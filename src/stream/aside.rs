//! A file that appears complete or not at all.

use std::fs::{self, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

use super::{Output, kept};
use crate::trust::leftovers::Leftover;

/// Prefix of the names of temporary files. Each is locked by its writer and removed when the program ends.
pub const PREFIX: &str = ".pipewright-";

/// A file that is written under a temporary name in the same directory and renamed on success; otherwise it is
/// removed. A path that is not a regular file (a device, a named pipe) is written directly.
pub struct AsideFile {
    /// None if the path is not a regular file.
    temporary: Option<NamedTempFile>,
    /// Removes the temporary file if a signal ends the program.
    _leftover: Option<Leftover>,
    path: PathBuf,
    output: Output,
    is_new: bool,
    /// Whether all of it was synced to disk.
    is_settled: bool,
}

impl AsideFile {
    /// Prepares to write `path`. The new file replaces an existing one and takes over its owner, mode and
    /// attributes. A symbolic link is followed, even if the file that it points to does not exist yet.
    ///
    /// # Errors
    /// The directory or the existing file is not writable, or the new file could not replace it: it belongs to
    /// another user, or has several hard links.
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
                // Renaming only needs permission for the directory; opening also checks that for the file.
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
                // A secret in the old file must not become readable under the temporary name.
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

    /// Whether no file existed when writing began.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Whether it is renamed at the end; anything but a regular file is not.
    pub fn is_renamed(&self) -> bool {
        self.temporary.is_some()
    }

    /// Returns its final path, with links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path that it is written under until it is renamed.
    pub fn temporary_path(&self) -> &Path {
        self.temporary
            .as_ref()
            .map_or(&self.path, NamedTempFile::path)
    }

    /// Returns the output to write to.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Gives a new file the owner and group of another file, if this user is allowed to: both are for the same
    /// users.
    pub fn belong_with(&self, other: &Metadata) {
        if let Some(temporary) = &self.temporary {
            let _ = fchown(temporary, Some(other.uid()), Some(other.gid()));
        }
    }

    /// Syncs all of it to disk, so that only the rename is left. This can take long for a large file.
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

    /// Syncs the file and renames it to its final path.
    pub fn keep(self) -> anyhow::Result<()> {
        self.put(|temporary, path| temporary.persist(path))
    }

    /// Like [`AsideFile::keep`], but fails if a file with that name has appeared since.
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
        // The new name is stored in the directory. If that cannot be synced, the system writes it later.
        if let Ok(directory) = File::open(directory(&self.path)) {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

/// Creates a temporary file and locks it for as long as its writer lives.
fn locked_temporary(directory: &Path, mode: u32) -> io::Result<NamedTempFile> {
    loop {
        let temporary = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(mode))
            .tempfile_in(directory)
            .map_err(unnamed)?;
        // If the file system has no locks, nobody can mistake it for abandoned either.
        let _ = temporary.as_file().lock();
        // Another writer may have removed it between its creation and the lock.
        if temporary.as_file().metadata()?.nlink() > 0 {
            return Ok(temporary);
        }
    }
}

/// Removes the files in `directory` left by writers that were killed: nobody has them locked.
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
        // The lock is held until the file is removed, so that a writer about to lock it notices.
        if let Ok(file) = File::open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// The most links that are followed, like in the kernel.
const MOST_LINKS: usize = 40;

/// Returns the path that a name leads to, with all links followed, whether or not a file exists there.
///
/// # Errors
/// The path cannot be looked up, or its links form a cycle.
pub fn resolved(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match fs::canonicalize(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            known => return known,
        }
        if path.exists() {
            // A link in /proc to an open pipe leads to no path.
            return Ok(path);
        }
        match fs::read_link(&path) {
            Ok(next) => path = path.parent().unwrap_or(Path::new("")).join(next),
            Err(_) => return Ok(path),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ELOOP))
}

/// Returns the directory that contains a path.
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

/// Returns the error without the temporary file's name, which the user never chose. The library keeps the system's
/// error number only in its message.
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
