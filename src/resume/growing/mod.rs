//! Files that grow: each is read from where the last load ended to the end of its last whole record, up to the size
//! that it had when it was opened.

use std::fs::{File, Metadata};
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::bytes::Dialect;
use crate::checkpoint::Resume;
use crate::files::compression::decompressed;
use crate::files::{Lead, ToText};
use crate::record::Header;
use crate::resume::content;
use crate::resume::content::StreamEnds;
use crate::resume::files::FoundFile;
use crate::resume::head::Head;
use crate::resume::known::{Extent, Known};
use crate::resume::plan::{FilePiece, Planning};
use crate::stream::{Opener, Source, Summary, Tail};
use crate::trust::Position;

/// How growing files are read.
pub struct Following {
    /// Where the last load ended, according to the target.
    pub resume: Resume,
    /// Files, globs and directories as the user wrote them; a file may be a log that is rotated.
    pub sources: Vec<PathBuf>,
    /// Whether data that was read before may be missing.
    pub accept_gap: bool,
    /// Whether a last line without its line end is read.
    pub accept_unfinished: bool,
}

/// The position of files.
#[derive(Default, Serialize, Deserialize)]
struct Files {
    files: Vec<Known>,
    /// Whether the list includes older parts of logs that existed and are not read; earlier versions did not store
    /// those.
    #[serde(default)]
    knows_older: bool,
    /// For CSV: the columns of the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    columns: Option<Vec<String>>,
}

/// Files that are being read.
pub struct Growing {
    resume: Resume,
    pieces: Vec<FilePiece>,
    reading: TextKind,
    columns: Option<Vec<String>>,
    notices: Vec<String>,
    progress: Arc<Mutex<Progress>>,
}

/// How a file's text is read.
#[derive(Clone)]
struct TextKind {
    to_text: ToText,
    /// The dialect of the header, if every file begins with one.
    headed: Option<Dialect>,
    takes_all: bool,
}

/// How far the files were read.
#[derive(Default)]
struct Progress {
    current: Option<Current>,
    /// Files that are known, including those that have nothing new.
    known: Vec<Known>,
    /// How many files were read to their end.
    read: usize,
    notices: Vec<String>,
}

/// The file that is being read.
struct Current {
    piece: FilePiece,
    file: File,
    metadata: Metadata,
    is_compressed: bool,
    start: u64,
    tail: Arc<Tail>,
    passed: Arc<Mutex<StreamEnds>>,
}

impl Following {
    /// Decides what is read of the files. `headed` is the dialect of the header, if every file begins with one.
    ///
    /// # Errors
    /// What was read before is not found, or a file cannot be read.
    pub fn begin(self, lead: Lead, headed: Option<Dialect>) -> anyhow::Result<Growing> {
        let before = match self.resume.from() {
            None => Files::default(),
            Some(position) => match serde_json::from_value(position.clone()) {
                Ok(files) => files,
                Err(_) => return self.resume.stranger(),
            },
        };
        let reading = TextKind {
            to_text: ToText {
                lead,
                ..ToText::default()
            },
            headed,
            takes_all: self.accept_unfinished,
        };
        let plan = Planning {
            sources: &self.sources,
            known: self.resume.from().map(|_| before.files.as_slice()),
            knows_older: before.knows_older,
            accept_gap: self.accept_gap,
        };
        let plan = plan.plan()?;
        let mut notices = plan.notices;
        let mut kept = plan.kept;
        let mut pieces = Vec::new();
        for piece in plan.pieces {
            if headed.is_some()
                && piece.start().offset == 0
                && reading.head(&piece.found)?.is_none()
            {
                notices.push(waits(piece.path(), "header"));
                kept.push(Known {
                    log: piece.log,
                    ..piece.found.untouched()?
                });
            } else {
                pieces.push(piece);
            }
        }
        Ok(Growing {
            resume: self.resume,
            pieces,
            reading,
            columns: before.columns,
            notices,
            progress: Arc::new(Mutex::new(Progress {
                known: kept,
                ..Progress::default()
            })),
        })
    }
}

impl TextKind {
    /// Returns the header of a file; `None` if there is none yet.
    fn head(&self, found: &FoundFile) -> anyhow::Result<Option<Head>> {
        let Some(dialect) = self.headed else {
            return Ok(None);
        };
        let name = found.path.display().to_string();
        let file = found.open()?;
        let source = Source::own(Arc::from(name), Box::new(file));
        Head::read(self.to_text.whole(source)?, dialect)
    }
}

impl Growing {
    /// Returns openers that open each file when its turn comes.
    pub fn openers(&self) -> Vec<Opener> {
        let opener = |piece: &FilePiece| -> Opener {
            let (piece, reading) = (piece.clone(), self.reading.clone());
            let progress = Arc::clone(&self.progress);
            Box::new(move || {
                let mut progress = lock(&progress);
                progress.settle()?;
                let (source, current) = open(&piece, &reading)?;
                progress.current = Some(current);
                Ok(source)
            })
        };
        self.pieces.iter().map(opener).collect()
    }

    /// Returns the stream's header of the last load if nothing is read; `None` if something is.
    ///
    /// # Errors
    /// Nothing is read, and no load has stored a header.
    pub fn header_of_nothing(&self) -> anyhow::Result<Option<Header>> {
        match &self.columns {
            _ if !self.pieces.is_empty() => Ok(None),
            Some(names) => Ok(Some(Header::new(names.clone()))),
            None => bail!("there is no whole header yet, and nothing else tells the columns"),
        }
    }

    /// Returns the name of the last load and the columns of its stream; `None` before the first load.
    pub fn columns(&self) -> Option<(&str, &[String])> {
        Some((self.resume.name(), self.columns.as_deref()?))
    }

    /// Checks that the columns of the stream are those of the last load.
    ///
    /// # Errors
    /// They differ.
    pub fn hold(&mut self, header: &Header) -> anyhow::Result<()> {
        if let Some(before) = &self.columns
            && before != header.names()
        {
            bail!(
                "the columns are no longer those of the last load of '{}': they were {}, and are {}; loaded under another name, the source is read from its start",
                self.resume.name(),
                before.join(", "),
                header.names().join(", ")
            );
        }
        self.columns = Some(header.names().to_vec());
        Ok(())
    }

    /// Adds the new position and the notices to the summary, after all records are written.
    ///
    /// # Errors
    /// A file was truncated while it was read.
    pub fn end(self, summary: &mut Summary) -> anyhow::Result<()> {
        let mut progress = std::mem::take(&mut *lock(&self.progress));
        progress.settle()?;
        let notices = &mut summary.notices;
        notices.extend(self.notices);
        notices.append(&mut progress.notices);
        if summary.records_in == 0 {
            notices.push(match self.resume.from() {
                Some(_) => format!(
                    "nothing new since the last load of '{}'",
                    self.resume.name()
                ),
                None => "no record is there yet".to_owned(),
            });
        }
        // If the reader exited early, nothing is committed.
        if progress.read == self.pieces.len() {
            let carried = self.resume.end(position(progress, self.columns)?);
            summary.carried.add(carried);
        }
        Ok(())
    }
}

/// Returns how far all files were read, as JSON.
fn position(progress: Progress, columns: Option<Vec<String>>) -> anyhow::Result<Position> {
    let files = Files {
        files: progress.known,
        knows_older: true,
        columns,
    };
    serde_json::to_value(files).context("cannot write the position")
}

impl Progress {
    /// Records how far the last file was read.
    fn settle(&mut self) -> anyhow::Result<()> {
        let Some(current) = self.current.take().filter(|last| last.tail.is_over()) else {
            return Ok(());
        };
        let (known, is_whole) = current.known()?;
        if !is_whole {
            self.notices
                .push(waits(current.piece.path(), "last record"));
        }
        self.known.push(known);
        self.read += 1;
        Ok(())
    }
}

impl Current {
    /// Returns how far it was read, and whether that is all of it.
    fn known(&self) -> anyhow::Result<(Known, bool)> {
        let (known, is_whole) = self.read()?;
        let log = self.piece.log.clone();
        Ok((Known { log, ..known }, is_whole))
    }

    fn read(&self) -> anyhow::Result<(Known, bool)> {
        let (name, path) = (self.piece.path().display(), &self.piece.found.real);
        let cannot = || format!("cannot read '{name}'");
        let passed = lock(&self.passed);
        let limit = self.metadata.len();
        let lines = self.tail.line() - 1;
        if self.is_compressed {
            let offset = passed.bytes;
            let extent = Extent { offset, lines };
            return Ok((
                Known::compressed(path, &self.metadata, extent, &passed),
                true,
            ));
        }
        let is_same = passed.are_in(&self.file, self.start).with_context(cannot)?;
        // A log that was truncated may have grown past the place to which it was read.
        let is_same = is_same
            && match &self.piece.known {
                Some(known) => known.begins(&self.file),
                None => self.piece.found.begins_as_found(&self.file),
            }
            .with_context(cannot)?;
        if passed.bytes != limit - self.start || !is_same {
            bail!("'{name}' was cut short while it was read; run the pipeline again");
        }
        let end = match self.tail.takes_all() {
            true => limit,
            false => content::line_start(&self.file, self.start, limit, self.tail.newlines())
                .with_context(cannot)?,
        };
        let crc = match (passed.crc_at(end), self.piece.crc()) {
            (Some(crc), _) => Some(crc),
            // The incomplete last records contain newlines.
            (None, Some(before)) => {
                let crc = content::crc_of(&self.file, self.start, end, before);
                Some(crc.with_context(cannot)?)
            }
            (None, None) => None,
        };
        let extent = Extent { offset: end, lines };
        // The metadata is from when the file was opened: what was added since is new the next time.
        let known =
            Known::plain(path, &self.file, &self.metadata, extent, crc).with_context(cannot)?;
        Ok((known, end == limit))
    }
}

/// Opens a file at the place where the last load ended.
fn open(piece: &FilePiece, reading: &TextKind) -> anyhow::Result<(Source, Current)> {
    let name: Arc<str> = Arc::from(piece.path().display().to_string());
    let cannot = || format!("cannot open '{name}'");
    let mut file = piece.found.open()?;
    let metadata = file.metadata().with_context(cannot)?;
    let Extent { offset, lines } = piece.start();
    let is_compressed = content::compressed(&file).with_context(cannot)?;
    let own = file.try_clone().with_context(cannot)?;
    let passed = match is_compressed {
        true => StreamEnds::begin(Some(0), 0),
        false => StreamEnds::begin(piece.crc(), offset),
    };
    let passed = Arc::new(Mutex::new(passed));
    let mut source = Source::of_file(Arc::clone(&name), own);
    if is_compressed {
        source.read = Box::new(source.read.take(metadata.len()));
        source = decompressed(source)?;
        let skipped = lock(&passed).skim(&mut source.read.by_ref().take(offset));
        if skipped.with_context(|| format!("cannot read {name}"))? < offset {
            bail!("'{name}' was cut short while it was read; run the pipeline again");
        }
    } else {
        let begins = match &piece.known {
            Some(known) => known.begins(&file).with_context(cannot)?,
            None => true,
        };
        let Some(length) = metadata.len().checked_sub(offset).filter(|_| begins) else {
            bail!("'{name}' was cut short before it was read; run the pipeline again");
        };
        refuse_glued(&file, offset, metadata.len(), &name)?;
        file.seek(SeekFrom::Start(offset)).with_context(cannot)?;
        source.read = Box::new(source.read.take(length));
    }
    source.read = Box::new(Passing {
        read: source.read,
        passed: Arc::clone(&passed),
    });
    source = match (offset, is_compressed) {
        (0, true) => reading.to_text.unpacked(source)?,
        (0, false) => reading.to_text.whole(source)?,
        _ => reading.to_text.behind(source, lines),
    };
    let mut line = lines + 1;
    if offset > 0
        && let Some(head) = reading.head(&piece.found)?
    {
        line = line.saturating_sub(head.lines).max(1);
        source.read = Box::new(Cursor::new(head.bytes).chain(source.read));
    }
    let tail = Arc::new(Tail::new(reading.takes_all || is_compressed));
    let current = Current {
        piece: piece.clone(),
        file,
        metadata,
        is_compressed,
        start: offset,
        tail: Arc::clone(&tail),
        passed,
    };
    Ok((source.growing(line, tail), current))
}

/// Refuses a line that was taken as finished and has grown since.
fn refuse_glued(file: &File, offset: u64, length: u64, name: &str) -> anyhow::Result<()> {
    let mut around = [b'\n'; 2];
    if offset > 0 && offset < length {
        content::read_at(file, &mut around, offset - 1)
            .with_context(|| format!("cannot read '{name}'"))?;
    }
    match around {
        [b'\n', _] | [_, b'\n' | b'\r'] => Ok(()),
        _ => bail!(
            "'{name}': the last line that was loaded was taken as finished (--accept-unfinished), and has grown since"
        ),
    }
}

/// Returns a notice that something waits for the next run.
fn waits(path: &Path, what: &str) -> String {
    format!(
        "'{}': its {what} is not finished, and waits for the next run",
        path.display()
    )
}

/// Describes the bytes that pass.
struct Passing<R> {
    read: R,
    passed: Arc<Mutex<StreamEnds>>,
}

impl<R: Read> Read for Passing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.read.read(buffer)?;
        lock(&self.passed).pass(&buffer[..count]);
        Ok(count)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
