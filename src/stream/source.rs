//! Sources of bytes: a file, standard input, the output of a command.

use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read, Seek};
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use anyhow::{Context, bail};

use crate::sys::clock;
use crate::sys::descriptor::{borrowed, widen_pipe};
use crate::sys::ready::{Ready, retried};
use crate::sys::standard;
use crate::trust::figures;
use crate::trust::stage::{self, COUNTERS};
use crate::trust::{Carried, Ends, Unclean, Upstream, rejects};

use super::Tail;

/// A source of bytes, with the name that errors show.
pub struct Source {
    /// The path as the user wrote it, or `standard input`.
    pub name: Arc<str>,
    /// Its bytes.
    pub read: Box<dyn Read + Send>,
    /// The number of bytes to come, if it is a file.
    pub size: Option<u64>,
    /// Who writes its bytes.
    upstream: Upstream,
    progress: Arc<Progress>,
    /// The number of its first line.
    pub(super) line: u64,
    /// Set if it may grow.
    pub(super) tail: Option<Arc<Tail>>,
    /// Whether its bytes are those of the file, possibly re-encoded, but not decompressed.
    is_plain: bool,
}

/// How far a source was read.
#[derive(Default)]
struct Progress {
    bytes: AtomicU64,
    has_ended: AtomicBool,
    /// Why the file may be unfinished although its end was reached.
    doubt: OnceLock<String>,
}

/// Called before standard input is read.
static BEFORE_STANDARD: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

/// Sets a function that is called before standard input is read, which the user may not expect.
pub fn before_standard_input(tell: impl Fn() + Send + Sync + 'static) {
    let _ = BEFORE_STANDARD.set(Box::new(tell));
}

impl Source {
    /// Returns the program's standard input. If it is a pipe, its capacity is raised if the kernel allows.
    pub fn standard() -> Self {
        if let Some(tell) = BEFORE_STANDARD.get() {
            tell();
        }
        if standard::was_closed(libc::STDIN_FILENO) {
            // Rust's runtime has opened /dev/null instead, which would look like an empty input.
            return Self::own(Arc::from("standard input"), Box::new(Closed));
        }
        Self::of(
            Arc::from("standard input"),
            OpenFile::Standard(borrowed(libc::STDIN_FILENO)),
            None,
        )
    }

    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::standard());
        }
        let name = path.display().to_string();
        let before = clock::now();
        let file = File::open(path).with_context(|| format!("cannot open '{name}'"))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            bail!("'{name}' is a directory");
        }
        Ok(Self::of(Arc::from(name), OpenFile::Own(file), Some(before)))
    }

    /// Returns an open file of any kind, from its current offset.
    pub fn of_file(name: Arc<str>, file: File) -> Self {
        Self::of(name, OpenFile::Own(file), None)
    }

    /// Returns the output of a command that is part of this stage. Its bytes, and the time spent waiting for them,
    /// do not count as input of the stage.
    pub fn inner(name: Arc<str>, file: File) -> Self {
        Self::counted(name, OpenFile::Own(file), None, true)
    }

    fn of(name: Arc<str>, file: OpenFile, opened: Option<u64>) -> Self {
        figures::reads(file.as_raw_fd());
        Self::counted(name, file, opened, false)
    }

    fn counted(name: Arc<str>, file: OpenFile, opened: Option<u64>, is_inner: bool) -> Self {
        let descriptor = file.as_raw_fd();
        widen_pipe(descriptor);
        let metadata = file.metadata().ok().filter(Metadata::is_file);
        let opened_at = metadata
            .as_ref()
            .and_then(|metadata| Opened::of(&file, metadata));
        let progress = Arc::default();
        let upstream = Upstream::of(descriptor, metadata.is_some(), opened);
        Source {
            name,
            size: opened_at.as_ref().map(Opened::size),
            upstream: upstream.clone(),
            progress: Arc::clone(&progress),
            read: Box::new(Counted {
                file,
                unheard: (!is_inner).then_some(upstream),
                opened: opened_at,
                progress,
                is_inner,
            }),
            line: 1,
            tail: None,
            is_plain: true,
        }
    }

    /// Returns a source of bytes that this program has in memory or makes itself.
    pub fn own(name: Arc<str>, read: Box<dyn Read + Send>) -> Self {
        Source {
            name,
            read,
            size: None,
            upstream: Upstream::File,
            progress: Arc::default(),
            line: 1,
            tail: None,
            is_plain: true,
        }
    }

    /// Appends one read of at most `most` bytes. Returns false at the end.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read_ahead(&mut self, most: usize, start: &mut Vec<u8>) -> anyhow::Result<bool> {
        let old = start.len();
        start.resize(old + most, 0);
        let result = loop {
            match self.read.read(&mut start[old..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result,
            }
        };
        start.truncate(old + result.as_ref().copied().unwrap_or(0));
        Ok(result.with_context(|| format!("cannot read {}", self.name))? > 0)
    }

    /// Puts bytes that were read from the source back in front of it.
    pub fn behind(mut self, start: Vec<u8>) -> Self {
        if !start.is_empty() {
            self.read = Box::new(Cursor::new(start).chain(self.read));
        }
        self
    }

    /// Sets the number of the first line, and the tail that is told about the end.
    pub fn growing(self, line: u64, tail: Arc<Tail>) -> Self {
        Source {
            line,
            tail: Some(tail),
            ..self
        }
    }

    /// Marks the bytes as decompressed. The compressed format itself shows whether it is complete.
    pub fn unpacked(self) -> Self {
        Source {
            is_plain: false,
            ..self
        }
    }

    /// Returns why the file may have been read before its writer was done, or after its writer died; None without a
    /// sign of that.
    pub(super) fn doubt(&self) -> Option<&str> {
        let doubt = self.progress.doubt.get().filter(|_| self.is_plain);
        doubt.map(String::as_str)
    }

    /// Whether all its bytes were read.
    pub(super) fn has_ended(&self) -> bool {
        self.progress.has_ended.load(Ordering::Relaxed)
    }

    /// Judges its end. Returns what it carried.
    pub(super) fn judge(&self, ends: Ends) -> Result<Carried, Unclean> {
        let read = self.progress.bytes.load(Ordering::Relaxed);
        self.upstream.judge(read, ends)
    }
}

/// An open file. Standard input must not be closed.
enum OpenFile {
    Own(File),
    Standard(ManuallyDrop<File>),
}

impl Deref for OpenFile {
    type Target = File;

    fn deref(&self) -> &File {
        match self {
            OpenFile::Own(file) => file,
            OpenFile::Standard(file) => file,
        }
    }
}

/// Standard input that was closed when the program started.
struct Closed;

impl Read for Closed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("it is closed"))
    }
}

/// Programs write multiples of this many bytes, until they write the rest at their end.
const BUFFER: u64 = 4096;

/// A regular file as it was when reading began.
struct Opened {
    start: u64,
    length: u64,
    changed: Option<SystemTime>,
}

impl Opened {
    /// Returns None if the offset is past its end.
    fn of(mut file: &File, metadata: &Metadata) -> Option<Self> {
        let start = file.stream_position().ok()?;
        (start <= metadata.len()).then(|| Opened {
            start,
            length: metadata.len(),
            changed: metadata.modified().ok(),
        })
    }

    /// Returns why a file that was read to its end may be unfinished, if its last record has no line end either. A
    /// program that dies or fills the disk has written whole buffers and blocks.
    fn doubt(&self, file: &File) -> Option<String> {
        let now = file.metadata().ok()?;
        if now.len() != self.length || now.modified().ok() != self.changed {
            return Some("the file was changed while it was read".to_owned());
        }
        let is_even = now.len() > 0 && now.len() % BUFFER == 0;
        is_even.then(|| format!("the file ends where a buffer ends ({} bytes)", now.len()))
    }

    /// Returns the number of bytes to come when reading began.
    fn size(&self) -> u64 {
        self.length - self.start
    }

    /// Compares the number of bytes read with the size at the start. More is fine, because a log grows. Files in
    /// /proc and /sys have no true size and do not change.
    fn check(&self, mut file: &File, came: u64) -> io::Result<()> {
        if came >= self.size() {
            return Ok(());
        }
        let reached = file.stream_position()?;
        if reached > self.start + came {
            return Err(io::Error::other(format!(
                "another program read from the same open file; {came} of {} bytes came here",
                self.size()
            )));
        }
        let now = file.metadata()?;
        match now.len() == self.length && now.modified().ok() == self.changed {
            true => Ok(()),
            false => Err(io::Error::other(format!(
                "it was cut short while it was read: {came} of {} bytes came",
                self.size()
            ))),
        }
    }
}

/// A file whose bytes are counted as they are read.
struct Counted {
    file: OpenFile,
    /// Set for a regular file.
    opened: Option<Opened>,
    progress: Arc<Progress>,
    /// Its writers, until the first read has returned.
    unheard: Option<Upstream>,
    is_inner: bool,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut file = &*self.file;
        let descriptor = file.as_raw_fd();
        let mut read = || retried(descriptor, Ready::Read, || file.read(buffer));
        let count = match self.is_inner {
            true => read()?,
            false => stage::timed(&COUNTERS.waited_in, read)?,
        };
        if let Some(upstream) = self.unheard.take() {
            rejects::take_over(upstream.ahead());
        }
        if count == 0 && !buffer.is_empty() {
            if let Some(opened) = &self.opened {
                opened.check(&self.file, self.progress.bytes.load(Ordering::Relaxed))?;
                if let Some(doubt) = opened.doubt(&self.file) {
                    let _ = self.progress.doubt.set(doubt);
                }
            }
            self.progress.has_ended.store(true, Ordering::Relaxed);
        }
        stage::add(&self.progress.bytes, count as u64);
        if !self.is_inner {
            stage::add(&COUNTERS.bytes_in, count as u64);
        }
        Ok(count)
    }
}
