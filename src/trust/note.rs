//! What a stage leaves beside a pipe that it writes, and how it is kept.
//!
//! A note is one line of JSON in a file of its own, `PIPE/PID.START.N.SESSION.NAMESPACE`, under the
//! runtime directory. The name identifies the writer, and so tells when the note is stale.

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

/// What one stage says about one pipe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// The program's name.
    pub program: String,
    /// When it began, in nanoseconds since the machine started.
    pub since: u64,
    /// How it stands with it.
    pub state: WriterState,
    /// What the stages after it must know before the first record.
    #[serde(default, skip_serializing_if = "Ahead::is_empty")]
    pub ahead: Ahead,
}

/// What a stage says before it writes its first byte, of itself and the stages before it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ahead {
    /// Whether the records are those that are new since the last load.
    #[serde(default)]
    pub is_resumed: bool,
    /// The files that rejects are written to, by device and inode.
    #[serde(default)]
    pub rejects: Vec<(u64, u64)>,
}

impl Ahead {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Takes in what another says.
    pub fn join(&mut self, other: Self) {
        self.is_resumed |= other.is_resumed;
        for file in other.rejects {
            if !self.rejects.contains(&file) {
                self.rejects.push(file);
            }
        }
    }
}

/// How it stands with a writer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriterState {
    /// It has not ended, or was killed.
    Running,
    /// It wrote all that it had to write.
    Done(Done),
    /// It could not.
    Failed(Failed),
}

/// What a finished writer has written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// All its bytes.
    pub bytes: u64,
    /// Records.
    pub records: u64,
    /// Records that it and the stages before it set aside, where all of them say.
    pub rejected: Option<u64>,
    /// Of the sources that the records come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkpoints: Vec<Checkpoint>,
}

/// Why a stage failed; where it did because of an earlier one, that one's words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Failed {
    /// The program that failed first.
    pub program: String,
    /// What became of it: `failed`, `ended early (killed)`.
    pub fate: String,
    /// What it said.
    pub why: Option<String>,
    /// Whether the user was told: by the program that failed, or by one after it.
    #[serde(default)]
    pub is_told: bool,
}

/// A note in its file.
#[derive(Debug)]
pub struct NoteFile {
    path: PathBuf,
    file: File,
    note: Note,
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

impl NoteFile {
    /// Says that `program` runs and writes `pipe`.
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
        // A reader that is done removes the directory when it is empty: perhaps just now.
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

    /// Says what the stages after it must know; before the first byte is written.
    pub fn tell(&mut self, ahead: &Ahead) -> io::Result<()> {
        self.note.ahead = ahead.clone();
        self.file.write_all_at(&self.line(), 0)
    }

    /// Says how it ended. A reader looks when the pipe has ended, and so behind this; of a line
    /// that is cut short nothing is understood, which is a bad end. Written in place, it has room
    /// on a full disk, too, and costs less than a file that takes the place of this one.
    pub fn end(mut self, state: WriterState) -> io::Result<()> {
        self.note.state = state;
        self.file.write_all_at(&self.line(), 0)
    }

    /// Takes it away: nobody reads the pipe any more.
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

/// The directory above, where nothing is in it any more.
fn remove_directory(path: &Path) {
    if let Some(directory) = path.parent() {
        let _ = fs::remove_dir(directory);
    }
}

/// A note that was found.
#[derive(Debug)]
pub struct FoundNote {
    /// Where it is; None if it is not ours to remove.
    path: Option<PathBuf>,
    /// What it says; a file that cannot be read as a note speaks of a writer that did not end.
    pub note: Note,
    /// Whether its writer is alive, if it says so.
    pub life: Life,
}

impl FoundNote {
    /// All notes about `pipe` in `place`.
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

    /// A note at `path` with this text, which is not ours to remove.
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

    /// A note without a file, of a process that is not there.
    #[cfg(test)]
    pub(super) fn unfiled(note: Note) -> Self {
        FoundNote {
            path: None,
            note,
            life: Life::Dead,
        }
    }

    /// How many bytes its writer wrote in all, if it is done.
    pub fn bytes(&self) -> u64 {
        match &self.note.state {
            WriterState::Done(done) => done.bytes,
            _ => 0,
        }
    }

    /// Takes it away, and with the last one the pipe's directory.
    pub fn remove(&self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
            remove_directory(path);
        }
    }
}

/// What the note in this file says about its writer.
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

/// When this process was started, as [`clock::now`] has it; no later than it was.
pub(super) fn own_start() -> u64 {
    let start = started("self").ok().and_then(|start| start.parse().ok());
    start.and_then(clock::of_ticks).unwrap_or(0)
}
