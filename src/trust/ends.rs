//! Reports how this process ends to everyone that reads its output.
//!
//! A note is created for every pipe before the first byte is written to it, and completed after the last one, while
//! the pipe is still open. A failure also ends the output with an unterminated quoted field, so that a strict CSV
//! reader that knows nothing of notes rejects it as well.

use std::fs::FileType;
use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::FileTypeExt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;

use super::commit::{self, Verdict};
use super::figures::{self, Course};
use super::note::{Ahead, Done, Failed, NoteFile, WriterState};
use super::pipe::Pipe;
use super::stage::{self, COUNTERS};
use super::{Carried, Unclean, leftovers, runtime, signals, sweep};
use crate::sys::descriptor::borrowed;
use crate::sys::{memory, ready};

/// The state of this process as a writer.
struct Writing {
    program: String,
    ends: Vec<End>,
    /// What readers must know before the first record.
    ahead: Option<Ahead>,
    /// Whether standard output is a stream of records; a receipt is not.
    is_stream: bool,
    /// Whether standard output already ends in an unterminated quoted field.
    is_open: bool,
    is_over: bool,
    /// Whether a signal ended it.
    is_stopped: bool,
}

/// A pipe that this process writes to.
struct End {
    note: NoteFile,
    descriptor: RawFd,
    bytes: Arc<AtomicU64>,
    is_named: bool,
    /// Whether its reader has left.
    is_unread: bool,
}

static WRITING: Mutex<Writing> = Mutex::new(Writing {
    program: String::new(),
    ends: Vec::new(),
    ahead: None,
    is_stream: false,
    is_open: false,
    is_over: false,
    is_stopped: false,
});

fn writing() -> MutexGuard<'static, Writing> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes `program` a stage: creates a note for standard output if that is a pipe, and makes a signal complete every
/// note with a failure. If `is_stream` is set, failures are also marked in the output.
///
/// If standard output is a terminal or a device, signals are watched only once something else needs it
/// ([`signals::watch`]).
pub fn begin(program: &str, is_stream: bool) {
    let mut writing = writing();
    writing.program = program.to_owned();
    writing.is_stream = is_stream;
    drop(writing);
    signals::on_signal(take_signal);
    memory::report_as(program, out_of_memory);
    let has_note = begin_pipe(libc::STDOUT_FILENO, Arc::default());
    if has_note || !is_device(libc::STDOUT_FILENO) {
        signals::watch();
    }
}

/// Returns the name of this program.
pub fn program() -> String {
    writing().program.clone()
}

/// Creates a note for this descriptor if it is a pipe. Returns whether there is one now. `bytes` counts the bytes
/// written to it; [`COUNTERS`] counts those to standard output.
pub fn begin_pipe(descriptor: RawFd, bytes: Arc<AtomicU64>) -> bool {
    let Some(pipe) = Pipe::of(descriptor) else {
        return false;
    };
    let mut writing = writing();
    let begun = runtime::for_writing().find_map(|(place, metadata)| {
        let note = NoteFile::begin(&place, &pipe, &writing.program).ok()?;
        Some((place, metadata, note))
    });
    let Some((place, metadata, mut note)) = begun else {
        return false;
    };
    if let Some(ahead) = &writing.ahead {
        let _ = note.tell(ahead);
    }
    writing.ends.push(End {
        note,
        descriptor,
        bytes,
        is_named: pipe.is_named,
        is_unread: false,
    });
    drop(writing);
    signals::watch();
    sweep::when_crowded(&place, &metadata, &pipe);
    sweep::thin_now_and_then(&place, &pipe);
    true
}

/// Tells the readers of all pipes what they must know, before anything is written.
pub(super) fn announce(ahead: Ahead) {
    let mut writing = writing();
    if writing.is_over || writing.ahead.as_ref().unwrap_or(&Ahead::default()) == &ahead {
        return;
    }
    for end in &mut writing.ends {
        // A reader that does not get this truncates its rejects file, as it would without a note.
        let _ = end.note.tell(&ahead);
    }
    writing.ahead = Some(ahead);
}

/// Whether standard output is a pipe with a note, so that what the stream carries will arrive.
pub fn has_note() -> bool {
    let is_output = |end: &End| end.descriptor == libc::STDOUT_FILENO;
    writing().ends.iter().any(is_output)
}

/// Whether standard output is a pipe and a stream of records.
pub fn writes_to_pipe() -> bool {
    writing().is_stream && is_kind(libc::STDOUT_FILENO, FileTypeExt::is_fifo)
}

/// Reports that standard output ends inside a quoted field: another quote would close it.
pub fn left_open() {
    writing().is_open = true;
}

/// Reports that this descriptor has no reader any more.
pub fn unread(descriptor: RawFd) {
    for end in &mut writing().ends {
        end.is_unread |= end.descriptor == descriptor;
    }
}

/// Completes all notes with success and what the stream carries. Everything must have been written.
///
/// # Errors
/// A note could not be written; its reader will reject the stream.
pub fn succeed(with: &Carried) -> anyhow::Result<()> {
    let mut writing = ending();
    let mut told = Ok(());
    for end in std::mem::take(&mut writing.ends) {
        let done = Done {
            bytes: end.written(),
            records: stage::read(&COUNTERS.records_out),
            rejected: with.rejected,
            checkpoints: with.checkpoints.clone(),
        };
        told = told.and(end.end(WriterState::Done(done)));
    }
    told.context("cannot say that all is written")
}

/// Completes all notes with a failure. `message` is what the user is told; `cause` is the upstream that failed, if
/// one did.
pub fn fail(message: &str, cause: Option<&Unclean>) {
    let writing = ending();
    let failed = failure(&writing.program, message, cause);
    end_badly(writing, &failed, message, Spoilt::All);
}

/// Completes all notes with a failure because the command line was wrong. Nothing was done, so standard output is
/// left as it is if it is a file. The reader of a pipe must not take it for an empty result.
pub fn refuse(message: &str) {
    let writing = ending();
    let failed = failure(&writing.program, message, None);
    end_badly(writing, &failed, message, Spoilt::Pipes);
}

/// Fails because memory ran out, on the thread that noticed and whatever locks it holds. Steps that need a held
/// lock are skipped; a note that still says `running` counts as a failure, too.
fn out_of_memory(message: &str) {
    leftovers::remove_at_once();
    if let Ok(mut writing) = WRITING.try_lock()
        && !writing.is_over
    {
        writing.is_over = true;
        let failed = failure(&writing.program, message, None);
        end_badly(writing, &failed, message, Spoilt::WithRoom);
    }
}

/// Locks the notes to complete them. If a signal has completed them already, waits for it to end the process.
fn ending() -> MutexGuard<'static, Writing> {
    loop {
        let mut writing = writing();
        if !writing.is_stopped {
            writing.is_over = true;
            return writing;
        }
        drop(writing);
        std::thread::park();
    }
}

/// Describes the program that failed first.
fn failure(program: &str, message: &str, cause: Option<&Unclean>) -> Failed {
    match cause {
        Some(Unclean {
            program: Some(program),
            fate,
            why,
            ..
        }) => Failed {
            program: program.clone(),
            fate: fate.clone(),
            why: why.clone(),
            is_told: true,
        },
        _ => Failed {
            program: program.to_owned(),
            fate: "failed".to_owned(),
            why: message.lines().next().map(str::to_owned),
            is_told: true,
        },
    }
}

/// Completes the note of one descriptor, which is closed next, with success and what is carried.
///
/// # Errors
/// The note could not be written; the reader will reject the stream.
pub fn succeed_at(descriptor: RawFd, records: u64, with: Carried) -> io::Result<()> {
    // Held until the note is written: the program must not end in between.
    let mut writing = writing();
    let Some(end) = taken(&mut writing, descriptor) else {
        return Ok(());
    };
    let done = Done {
        bytes: end.written(),
        records,
        rejected: with.rejected,
        checkpoints: with.checkpoints,
    };
    end.end(WriterState::Done(done))
}

/// Completes the note of one descriptor, which is closed next, with a failure, as [`fail`] does for all. If
/// `is_open`, the output already ends inside a quoted field and is not changed.
pub fn fail_at(descriptor: RawFd, message: &str, cause: Option<&Unclean>, is_open: bool) {
    let mut writing = writing();
    let text = unterminated(&writing.program, message);
    if let Some(end) = taken(&mut writing, descriptor) {
        let _ = end.end(WriterState::Failed(failure(
            &writing.program,
            message,
            cause,
        )));
    }
    drop(writing);
    if !is_open && ready::has_room(descriptor) {
        spoil(descriptor, &text);
    }
}

fn taken(writing: &mut Writing, descriptor: RawFd) -> Option<End> {
    let is_it = |end: &End| end.descriptor == descriptor;
    let place = writing.ends.iter().position(is_it)?;
    Some(writing.ends.swap_remove(place))
}

/// The outputs that are marked after a failure.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoilt {
    /// Pipes and files, even if a reader is slow.
    All,
    /// Pipes.
    Pipes,
    /// Those that can be written without waiting.
    WithRoom,
}

impl Spoilt {
    fn takes(self, descriptor: RawFd) -> bool {
        match self {
            Spoilt::All => true,
            Spoilt::Pipes => is_kind(descriptor, FileTypeExt::is_fifo),
            Spoilt::WithRoom => ready::has_room(descriptor),
        }
    }
}

fn end_badly(
    mut writing: MutexGuard<'_, Writing>,
    failed: &Failed,
    message: &str,
    where_to: Spoilt,
) {
    let text = unterminated(&writing.program, message);
    let is_seen = writing.is_stream || stage::read(&COUNTERS.bytes_out) > 0;
    let is_seen = is_seen && !writing.is_open;
    let mut spoilt: Vec<RawFd> = is_seen.then_some(libc::STDOUT_FILENO).into_iter().collect();
    for end in std::mem::take(&mut writing.ends) {
        if !spoilt.contains(&end.descriptor) && end.descriptor != libc::STDOUT_FILENO {
            spoilt.push(end.descriptor);
        }
        let _ = end.end(WriterState::Failed(failed.clone()));
    }
    // What follows may wait for a reader, and a signal must not.
    drop(writing);
    for descriptor in spoilt {
        if where_to.takes(descriptor) {
            spoil(descriptor, &text);
        }
    }
}

impl End {
    fn written(&self) -> u64 {
        match self.descriptor {
            libc::STDOUT_FILENO => stage::read(&COUNTERS.bytes_out),
            _ => self.bytes.load(Ordering::Relaxed),
        }
    }

    fn end(self, state: WriterState) -> io::Result<()> {
        match (self.is_unread, self.is_named) {
            (true, false) => {
                self.note.remove();
                Ok(())
            }
            // The next use of a named pipe must not take this stream for a complete one.
            (true, true) => self.note.end(WriterState::Running),
            (false, _) => self.note.end(state),
        }
    }
}

/// Returns an unterminated quoted field that contains the first line of the message.
fn unterminated(program: &str, message: &str) -> Vec<u8> {
    let line = message.lines().next().unwrap_or_default();
    let line = line.replace('"', "'").replace('\r', " ");
    format!("\"{program}: {line}\n").into_bytes()
}

/// Marks a descriptor's output as incomplete, unless it is a terminal or a device, whose output nobody parses.
fn spoil(descriptor: RawFd, text: &[u8]) {
    if !is_device(descriptor) {
        // It fails if writing failed before or nobody reads.
        let _ = ready::write_all(descriptor, text);
    }
}

/// Whether a descriptor is a terminal or another device, or closed.
fn is_device(descriptor: RawFd) -> bool {
    let is_open = is_kind(descriptor, |_| true);
    !is_open || is_kind(descriptor, FileTypeExt::is_char_device)
}

/// Whether a descriptor is open and of this kind.
fn is_kind(descriptor: RawFd, kind: impl FnOnce(&FileType) -> bool) -> bool {
    let file = borrowed(descriptor);
    file.metadata()
        .is_ok_and(|metadata| kind(&metadata.file_type()))
}

/// How long a program whose work is done may take to exit after a signal.
const GRACE: Duration = Duration::from_secs(5);

/// Handles a signal: ends the process with a failure and the signal's usual effect, or with success if the work is
/// done.
fn take_signal(signal: i32, is_again: &mut dyn FnMut() -> bool) {
    match commit::judge(is_again) {
        Verdict::Ends(_held) => {
            stopped_by(signal);
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
        Verdict::IsDone => {
            // Only a reader that does not read the receipt can delay the exit.
            std::thread::sleep(GRACE);
            figures::end(Course::Done, 0);
            signal_hook::low_level::exit(0);
        }
    }
}

fn stopped_by(signal: i32) {
    let name = signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
    leftovers::remove(signal);
    figures::end(Course::Stopped, 128 + signal);
    let mut writing = writing();
    if writing.is_over {
        return;
    }
    writing.is_over = true;
    writing.is_stopped = true;
    let failed = Failed {
        program: writing.program.clone(),
        fate: format!("was stopped ({name})"),
        why: None,
        is_told: false,
    };
    end_badly(
        writing,
        &failed,
        &format!("stopped by {name}"),
        Spoilt::WithRoom,
    );
}
