//! Notes of other users, which root may read: `sudo -u app extract ... | load`.
//!
//! The owner of a directory is known from its name, and the directory must be accessible to that user alone. That
//! user can change its content at any time. Therefore each step starts from a descriptor that was checked, by way
//! of procfs, and follows no link. Nothing is removed there; the owner's programs do that.

use std::fs::{self, File, Metadata};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::note::{FoundNote, Note, WriterState};
use super::pipe::Pipe;
use super::runtime;
use crate::sys::process::user;

/// The most notes that are read for one pipe.
const NOTES: usize = 10_000;

/// The most bytes that are read of one note.
const LENGTH: u64 = 1 << 20;

/// Returns all notes of other users about a pipe that was opened at `opened`; none unless this user is root.
///
/// Inodes of pipes are easy to guess, so a note must be younger than its pipe: then no user can plant notes for
/// future pipes. A named pipe may be old, so only writers that began after it was opened count.
pub(super) fn notes_about(pipe: &Pipe, opened: u64) -> Vec<FoundNote> {
    if user() != 0 || runtime::are_off() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (place, user) in places() {
        let Some(place) = Directory::open(&place, user) else {
            continue;
        };
        let Some(notes) = Directory::open(&place.path().join(&pipe.key), user) else {
            continue;
        };
        let Ok(entries) = fs::read_dir(notes.path()) else {
            continue;
        };
        let entries = entries.flatten().take(NOTES);
        found.extend(entries.filter_map(|entry| read(&entry.path(), user, pipe)));
    }
    found.retain(|found| !pipe.is_named || found.note.since >= opened);
    found
}

/// Returns the possible runtime directories of other users, each with the user who must own it.
fn places() -> impl Iterator<Item = (PathBuf, u32)> {
    let temporary = listed("/tmp").filter_map(|(path, name)| {
        let user = name.strip_prefix("pipewright-")?.parse().ok()?;
        Some((path, user))
    });
    let runtime = listed("/run/user")
        .filter_map(|(path, name)| Some((path.join("pipewright"), name.parse().ok()?)));
    runtime.chain(temporary).filter(|(_, user)| *user != 0)
}

fn listed(directory: &str) -> impl Iterator<Item = (PathBuf, String)> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.filter_map(|entry| Some((entry.path(), entry.file_name().into_string().ok()?)))
}

/// An open directory that only one user can access.
struct Directory(File);

impl Directory {
    fn open(path: &Path, user: u32) -> Option<Self> {
        let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let file = open(path, flags, user, Metadata::is_dir)?;
        let mode = file.metadata().ok()?.mode();
        (mode & 0o077 == 0).then_some(Directory(file))
    }

    /// Returns a path to this directory that stays valid if it is renamed or replaced.
    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }
}

/// Opens a file if it belongs to this user and is of this kind.
fn open(path: &Path, flags: i32, user: u32, is_kind: fn(&Metadata) -> bool) -> Option<File> {
    let mut options = File::options();
    let file = options.read(true).custom_flags(flags).open(path).ok()?;
    let metadata = file.metadata().ok()?;
    (metadata.uid() == user && is_kind(&metadata)).then_some(file)
}

fn read(path: &Path, user: u32, pipe: &Pipe) -> Option<FoundNote> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = open(path, flags, user, Metadata::is_file)?;
    let metadata = file.metadata().ok()?;
    let is_of_this_pipe = (metadata.ctime(), metadata.ctime_nsec()) >= pipe.born;
    if !pipe.is_named && !is_of_this_pipe {
        return None;
    }
    let mut text = Vec::new();
    file.take(LENGTH).read_to_end(&mut text).ok()?;
    let mut found = FoundNote::unowned(path, &String::from_utf8_lossy(&text));
    make_harmless(&mut found.note);
    Some(found)
}

/// Removes control characters, because the text is shown on root's terminal.
fn make_harmless(note: &mut Note) {
    let plain = |text: &mut String| *text = text.replace(char::is_control, " ");
    plain(&mut note.program);
    if let WriterState::Failed(failed) = &mut note.state {
        plain(&mut failed.program);
        plain(&mut failed.fate);
        failed.why.iter_mut().for_each(plain);
    }
}
