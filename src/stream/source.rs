//! Something to read: a file, standard input, what a command writes.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, bail};

use crate::trust::figures;
use crate::trust::note::now;
use crate::trust::stage::{self, COUNTERS, Carried};
use crate::trust::{Ends, Unclean, Upstream};

use super::Tail;

/// Something that can be read, by the name that errors give it.
pub struct Source {
    /// The path as the user wrote it, or `standard input`.
    pub name: Arc<str>,
    /// Its bytes.
    pub read: Box<dyn Read + Send>,
    /// How many bytes are to come; known of a file.
    pub size: Option<u64>,
    /// Who wrote them, and how far they were read.
    upstream: Upstream,
    progress: Arc<Progress>,
    /// The line that it begins with.
    pub(super) line: u64,
    /// Of one that may grow.
    pub(super) tail: Option<Arc<Tail>>,
}

/// How far a source was read.
#[derive(Default)]
struct Progress {
    bytes: AtomicU64,
    has_ended: AtomicBool,
}

impl Source {
    /// The program's standard input. Its pipe is made larger where the kernel allows.
    pub fn standard() -> Self {
        // SAFETY: descriptor 0 is only borrowed: ManuallyDrop never closes it.
        let file = unsafe { File::from_raw_fd(libc::STDIN_FILENO) };
        Self::of(
            Arc::from("standard input"),
            Held::Standard(ManuallyDrop::new(file)),
            None,
        )
    }

    /// A file; `-` is standard input.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::standard());
        }
        let name = path.display().to_string();
        let before = now();
        let file = File::open(path).with_context(|| format!("cannot open '{name}'"))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            bail!("'{name}' is a directory");
        }
        Ok(Self::of(Arc::from(name), Held::Own(file), Some(before)))
    }

    /// A file that is open, of whatever kind, from where it stands.
    pub fn of_file(name: Arc<str>, file: File) -> Self {
        Self::of(name, Held::Own(file), None)
    }

    /// What a command that is a part of this stage writes: neither its bytes nor the time until they
    /// come are those of the stage's input.
    pub fn inner(name: Arc<str>, file: File) -> Self {
        Self::counted(name, Held::Own(file), None, true)
    }

    fn of(name: Arc<str>, file: Held, opened: Option<u64>) -> Self {
        figures::reads(file.as_raw_fd());
        Self::counted(name, file, opened, false)
    }

    fn counted(name: Arc<str>, file: Held, opened: Option<u64>, is_inner: bool) -> Self {
        let descriptor = file.as_raw_fd();
        widen_pipe(descriptor);
        let metadata = file.metadata().ok().filter(Metadata::is_file);
        let size = metadata.as_ref().and_then(|metadata| {
            let position = (&*file).stream_position().ok()?;
            metadata.len().checked_sub(position)
        });
        let progress = Arc::default();
        Source {
            name,
            size,
            upstream: Upstream::of(descriptor, metadata.is_some(), opened),
            progress: Arc::clone(&progress),
            read: Box::new(Counted {
                file,
                progress,
                is_inner,
            }),
            line: 1,
            tail: None,
        }
    }

    /// What this program has at hand itself.
    pub fn own(name: Arc<str>, read: Box<dyn Read + Send>) -> Self {
        Source {
            name,
            read,
            size: None,
            upstream: Upstream::File,
            progress: Arc::default(),
            line: 1,
            tail: None,
        }
    }

    /// The same from this line on, with its end told to `tail`.
    pub fn growing(self, line: u64, tail: Arc<Tail>) -> Self {
        Source {
            line,
            tail: Some(tail),
            ..self
        }
    }

    /// Whether all its bytes were read.
    pub(super) fn has_ended(&self) -> bool {
        self.progress.has_ended.load(Ordering::Relaxed)
    }

    /// Judges its end: what came with it.
    pub(super) fn judge(&self, ends: Ends) -> Result<Carried, Unclean> {
        let read = self.progress.bytes.load(Ordering::Relaxed);
        self.upstream.judge(read, ends)
    }
}

/// An open file; standard input is not ours to close.
enum Held {
    Own(File),
    Standard(ManuallyDrop<File>),
}

impl Deref for Held {
    type Target = File;

    fn deref(&self) -> &File {
        match self {
            Held::Own(file) => file,
            Held::Standard(file) => file,
        }
    }
}

/// A file whose bytes are counted on the way.
struct Counted {
    file: Held,
    progress: Arc<Progress>,
    is_inner: bool,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = &*self.file;
        let count = match self.is_inner {
            true => file.read(buffer)?,
            false => stage::timed(&COUNTERS.waited_in, || file.read(buffer))?,
        };
        if count == 0 && !buffer.is_empty() {
            self.progress.has_ended.store(true, Ordering::Relaxed);
        }
        stage::add(&self.progress.bytes, count as u64);
        if !self.is_inner {
            stage::add(&COUNTERS.bytes_in, count as u64);
        }
        Ok(count)
    }
}

/// Asks for a pipe of 1 MiB: fewer, larger hand-overs. Where it is no pipe, or the user may not,
/// nothing changes.
pub fn widen_pipe(descriptor: i32) {
    #[cfg(target_os = "linux")]
    // SAFETY: fcntl with an integer argument touches no memory of ours.
    unsafe {
        libc::fcntl(descriptor, libc::F_SETPIPE_SZ, 1 << 20);
    }
    #[cfg(not(target_os = "linux"))]
    let _ = descriptor;
}
