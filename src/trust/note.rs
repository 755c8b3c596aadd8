//! Notes: what a stage reports about a pipe that it writes to.
//!
//! A note is one line of JSON in a file of its own, `PIPE/PID.START.N.SESSION.NAMESPACE`, in the runtime directory.
//! The file name identifies the writer, so it shows whether the note is stale.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

use super::Checkpoint;
use super::pipe::Pipe;
use super::process::{Life, Writer, started};
use crate::sys::clock;

/// What one stage reports about one pipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The program's name.
    pub program: String,
    /// When it was created, in nanoseconds since boot.
    pub since: u64,
    /// The state of its writer.
    pub state: WriterState,
    /// What downstream stages must know before the first record.
    #[serde(default, skip_serializing_if = "Ahead::is_empty")]
    pub ahead: Ahead,
}

/// What a stage reports before its first byte, about itself and the stages upstream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// Whether the stream holds only the records that are new since the last load.
    #[serde(default)]
    pub is_resumed: bool,
    /// The files to which rejects are written, by device and inode.
    #[serde(default)]
    pub rejects: Vec<(u64, u64)>,
}

impl Ahead {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Merges what another stage reports.
    pub fn join(&mut self, other: Self) {
        self.is_resumed |= other.is_resumed;
        for file in other.rejects {
            if !self.rejects.contains(&file) {
                self.rejects.push(file);
            }
        }
    }
}

/// The state of a writer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriterState {
    /// It has not ended, or was killed.
    Running,
    /// It wrote all that it had to write.
    Done(Done),
    /// It failed.
    Failed(Failed),
}

/// What a writer that is done has written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Total bytes.
    pub bytes: u64,
    /// Records.
    pub records: u64,
    /// Records that it and the stages upstream set aside; None if one of them does not report them.
    pub rejected: Option<u64>,
    /// The checkpoints of the sources of its records.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpoints: Vec<Checkpoint>,
}

/// Why a stage failed; if an upstream stage caused it, that stage's report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The program that failed first.
    pub program: String,
    /// What happened to it: `failed`, `ended early (killed)`.
    pub fate: String,
    /// Its message.
    pub why: Option<String>,
    /// Whether the user was told, by the program that failed or by one downstream.
    #[serde(default)]
    pub is_told: bool,
}

/// A note of this process, with its open file.
#[derive(Debug)]
pub struct NoteFile {
    path: PathBuf,
    file: File,
    note: Note,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl NoteFile {
    /// Creates the note that says that `program` is running and writes to `pipe`.
    pub fn begin(place: &Path, pipe: &Pipe, program: &str) -> io::Result<Self> {
        let directory = place.join(&pipe.key);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(Writer::own()?.file_name(number));
        let note = Note {
            program: program.to_owned(),
            since: clock::now(),
            state: WriterState::Running,
            ahead: Ahead::default(),
        };
        // A reader that is done removes the directory when it is empty, possibly right now.
        let mut tries = 100;
        let file = loop {
            match DirBuilder::new().mode(0o700).create(&directory) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            if !super::runtime::is_private(&directory) {
                return Err(ErrorKind::PermissionDenied.into());
            }
            match create(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound && tries > 0 => tries -= 1,
                result => break result?,
            }
        };
        let begun = NoteFile { path, file, note };
        match begun.file.write_all_at(&begun.line(), 0) {
            Ok(()) => Ok(begun),
            Err(error) => {
                begun.remove();
                Err(error)
            }
        }
    }

    /// Adds what downstream stages must know, before the first byte is written.
    pub fn tell(&mut self, ahead: &Ahead) -> io::Result<()> {
        self.note.ahead = ahead.clone();
        self.file.write_all_at(&self.line(), 0)
    }

    /// Writes the final state. A reader looks only after the end of the pipe, so after this write. A truncated line
    /// cannot be parsed and counts as a failure. Writing in place works on a full disk, too, and costs less than a
    /// rename.
    pub fn end(mut self, state: WriterState) -> io::Result<()> {
        self.note.state = state;
        self.file.write_all_at(&self.line(), 0)
    }

    /// Removes the note, because nobody reads the pipe any more.
    pub fn remove(self) {
        let _ = fs::remove_file(&self.path);
        remove_directory(&self.path);
    }

    fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(&self.note).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

fn create(path: &Path) -> io::Result<File> {
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)
}

/// Removes the note's directory if it is empty.
fn remove_directory(path: &Path) {
    if let Some(directory) = path.parent() {
        let _ = fs::remove_dir(directory);
    }
}

/// A note that was read from a file.
#[derive(Debug)]
pub struct FoundNote {
    /// Its path; None if it belongs to another user and must not be removed.
    path: Option<PathBuf>,
    /// Its content; a file that cannot be parsed counts as the note of a writer that has not ended.
    pub note: Note,
    /// If the state is `Running`, whether the writer is alive; otherwise `Dead`.
    pub life: Life,
}

impl FoundNote {
    /// Reads all notes about `pipe` in `place`.
    pub fn all(place: &Path, pipe: &Pipe) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(place.join(&pipe.key)) else {
            return Vec::new();
        };
        entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .map(|path| FoundNote {
                path: Some(path.clone()),
                ..Self::unowned(&path, &text(&path))
            })
            .collect()
    }

    /// Parses a note of another user at `path`, which must not be removed.
    pub(super) fn unowned(path: &Path, text: &str) -> Self {
        let note = parse(text);
        let name = path.file_name().and_then(|name| name.to_str());
        let writer = name.and_then(Writer::of);
        let life = match (&note.state, writer) {
            (WriterState::Running, Some(writer)) => writer.life(),
            _ => Life::Dead,
        };
        FoundNote {
            path: None,
            note,
            life,
        }
    }

    /// Returns a note without a file, whose process does not exist.
    #[cfg(test)]
    pub(super) fn unfiled(note: Note) -> Self {
        FoundNote {
            path: None,
            note,
            life: Life::Dead,
        }
    }

    /// Returns the total number of bytes that its writer wrote; 0 if it is not done.
    pub fn bytes(&self) -> u64 {
        match &self.note.state {
            WriterState::Done(done) => done.bytes,
            _ => 0,
        }
    }

    /// Removes the note and, with the last one, the directory of the pipe.
    pub fn remove(&self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
            remove_directory(path);
        }
    }
}

/// Returns the state in the note at this path.
pub(super) fn state(path: &Path) -> WriterState {
    parse(&text(path)).state
}

fn text(path: &Path) -> String {
    File::options()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .and_then(io::read_to_string)
        .unwrap_or_default()
}

fn parse(text: &str) -> Note {
    let line = text.lines().next().unwrap_or_default();
    serde_json::from_str(line).unwrap_or_else(|_| Note {
        program: "a program".to_owned(),
        since: 0,
        state: WriterState::Running,
        ahead: Ahead::default(),
    })
}

/// Returns when this process was started, on the clock of [`clock::now`], rounded down.
pub(super) fn own_start() -> u64 {
    let start = started("self").ok().and_then(|start| start.parse().ok());
    start.and_then(clock::of_ticks).unwrap_or(0)
}
