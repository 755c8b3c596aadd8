//! No file is written while it is read, or written twice.

use std::fs::{self, File, Metadata};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Usage;

/// What makes two names the same file.
#[derive(PartialEq)]
enum Identity {
    /// Device and inode of a regular file; others, such as `/dev/null`, lose nothing.
    There(u64, u64),
    /// The path of what is not there yet.
    Path(PathBuf),
}

/// Refuses files of `written`, each with the flag that names it, that are among the files of
/// `read` (none: standard input), are standard output, or are written by another.
///
/// # Errors
/// A wrong usage; nothing was opened for writing.
pub fn refuse(read: &[PathBuf], written: &[(&str, &Path)]) -> anyhow::Result<()> {
    let standard = [PathBuf::from("-")];
    let read = if read.is_empty() { &standard } else { read };
    let read: Vec<_> = read.iter().filter_map(|path| of_source(path)).collect();
    let output = of_descriptor(std::io::stdout().as_fd());
    let mut earlier: Vec<(&str, Identity)> = Vec::new();
    for &(flag, path) in written {
        let clash = |what: String| {
            let message = format!("{flag} '{}' is also {what}", path.display());
            Err(Usage::error(message))
        };
        let Some(file) = of_path(path) else { continue };
        if read.contains(&file) {
            return clash("read".to_owned());
        }
        if output.as_ref() == Some(&file) {
            return clash("standard output".to_owned());
        }
        if let Some((other, _)) = earlier.iter().find(|(_, earlier)| *earlier == file) {
            return clash(format!("written by {other}"));
        }
        earlier.push((flag, file));
    }
    Ok(())
}

fn of_source(path: &Path) -> Option<Identity> {
    match path.as_os_str() == "-" {
        true => of_descriptor(std::io::stdin().as_fd()),
        false => of_path(path),
    }
}

fn of_descriptor(descriptor: BorrowedFd<'_>) -> Option<Identity> {
    let file = File::from(descriptor.try_clone_to_owned().ok()?);
    of_metadata(&file.metadata().ok()?)
}

fn of_path(path: &Path) -> Option<Identity> {
    if let Ok(metadata) = fs::metadata(path) {
        return of_metadata(&metadata);
    }
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent = fs::canonicalize(parent).ok()?;
    Some(Identity::Path(parent.join(path.file_name()?)))
}

fn of_metadata(metadata: &Metadata) -> Option<Identity> {
    metadata
        .is_file()
        .then(|| Identity::There(metadata.dev(), metadata.ino()))
}
