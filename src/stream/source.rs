//! Something to read: a file, standard input, what a command writes.

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
    /// Whether its bytes are those of the file, or a translation of each.
    is_plain: bool,
}

/// How far a source was read.
#[derive(Default)]
struct Progress {
    bytes: AtomicU64,
    has_ended: AtomicBool,
    /// Why the end may be that of an unfinished file.
    doubt: OnceLock<String>,
}

/// What is called before standard input is read.
static BEFORE_STANDARD: OnceLock<Box<dyn Fn() + Send + Sync>> = OnceLock::new();

/// Has `tell` called before standard input is read: the user may not know that it will be.
pub fn before_standard_input(tell: impl Fn() + Send + Sync + 'static) {
    let _ = BEFORE_STANDARD.set(Box::new(tell));
}

impl Source {
    /// The program's standard input. Its pipe is made larger where the kernel allows.
    pub fn standard() -> Self {
        if let Some(tell) = BEFORE_STANDARD.get() {
            tell();
        }
        if standard::was_closed(libc::STDIN_FILENO) {
            // Rust's runtime has opened /dev/null in its place, an empty input that nobody gave.
            return Self::own(Arc::from("standard input"), Box::new(Closed));
        }
        Self::of(
            Arc::from("standard input"),
            OpenFile::Standard(borrowed(libc::STDIN_FILENO)),
            None,
        )
    }

    /// A file; `-` is standard input.
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

    /// A file that is open, of whatever kind, from where it stands.
    pub fn of_file(name: Arc<str>, file: File) -> Self {
        Self::of(name, OpenFile::Own(file), None)
    }

    /// What a command that is a part of this stage writes: neither its bytes nor the time until they
    /// come are those of the stage's input.
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
            is_plain: true,
        }
    }

    /// Appends what one read of at most so many bytes brings; false at the end.
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

    /// The same source behind bytes that were read of it.
    pub fn behind(mut self, start: Vec<u8>) -> Self {
        if !start.is_empty() {
            self.read = Box::new(Cursor::new(start).chain(self.read));
        }
        self
    }

    /// The same from this line on, with its end told to `tail`.
    pub fn growing(self, line: u64, tail: Arc<Tail>) -> Self {
        Source {
            line,
            tail: Some(tail),
            ..self
        }
    }

    /// The same with bytes that are made of those of the file, which shows by itself whether it is
    /// whole.
    pub fn unpacked(self) -> Self {
        Source {
            is_plain: false,
            ..self
        }
    }

    /// Why it may have been read before its writer was done, or after its writer died; none where
    /// nothing speaks for it.
    pub(super) fn doubt(&self) -> Option<&str> {
        let doubt = self.progress.doubt.get().filter(|_| self.is_plain);
        doubt.map(String::as_str)
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

/// A standard input that was closed when the program started.
struct Closed;

impl Read for Closed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::Error::other("it is closed"))
    }
}

/// What programs write at once is a multiple of this many bytes, until they write the rest at their end.
const BUFFER: u64 = 4096;

/// A regular file as it was when its reading began.
struct Opened {
    start: u64,
    length: u64,
    changed: Option<SystemTime>,
}

impl Opened {
    /// None where the reading begins past the end.
    fn of(mut file: &File, metadata: &Metadata) -> Option<Self> {
        let start = file.stream_position().ok()?;
        (start <= metadata.len()).then(|| Opened {
            start,
            length: metadata.len(),
            changed: metadata.modified().ok(),
        })
    }

    /// Why a file that has come to its end may be unfinished, as far as the file itself can tell: if
    /// its last record is not ended, either. A program that dies, or fills the disk, has written
    /// whole buffers and blocks.
    fn doubt(&self, file: &File) -> Option<String> {
        let now = file.metadata().ok()?;
        if now.len() != self.length || now.modified().ok() != self.changed {
            return Some("the file was changed while it was read".to_owned());
        }
        let is_even = now.len() > 0 && now.len() % BUFFER == 0;
        is_even.then(|| format!("the file ends where a buffer ends ({} bytes)", now.len()))
    }

    /// How many bytes were to come.
    fn size(&self) -> u64 {
        self.length - self.start
    }

    /// Compares what came until the end of the file with what was there at the start. More is fine: a
    /// log grows. Files of /proc and /sys have no true size, and do not change.
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

/// A file whose bytes are counted on the way.
struct Counted {
    file: OpenFile,
    /// Of a regular file.
    opened: Option<Opened>,
    progress: Arc<Progress>,
    /// Its writers, until the first byte has come.
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
