//! How this process ends, for all who read what it writes.
//!
//! A note is begun for every pipe that is written, before the first byte, and ended after the last
//! one while the pipe is still open. A failure also leaves a quoted field without an end in the
//! output, so that a strict reader of CSV that knows nothing of notes refuses it, too.

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

/// The notes of this process.
struct Writing {
    program: String,
    ends: Vec<End>,
    /// What their readers must know before the first record.
    ahead: Option<Ahead>,
    /// Whether standard output is a stream of records; a receipt is none.
    is_stream: bool,
    /// Whether it ends in a quoted field without an end already.
    is_open: bool,
    is_over: bool,
    /// Whether a signal has done it.
    is_stopped: bool,
}

/// One pipe that is written.
struct End {
    note: NoteFile,
    descriptor: RawFd,
    bytes: Arc<AtomicU64>,
    is_named: bool,
    /// Whether its reader has gone.
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

/// Begins the life of `program` as a stage: a note beside its standard output where that is a pipe,
/// and a bad end for every note when a signal stops it. Where its output is a stream of records, a
/// failure is seen there, too.
///
/// On a terminal or a device nothing of the output stays, and signals are watched from when
/// something else does ([`signals::watch`]).
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

/// The program that this process is.
pub fn program() -> String {
    writing().program.clone()
}

/// Begins a note beside this descriptor, where it is a pipe: whether there is one now. `bytes` counts
/// what is written to it; those of standard output are counted by [`COUNTERS`].
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

/// Says to the readers of all pipes, before anything is written to them, what they must know.
pub(super) fn announce(ahead: Ahead) {
    let mut writing = writing();
    if writing.is_over || writing.ahead.as_ref().unwrap_or(&Ahead::default()) == &ahead {
        return;
    }
    for end in &mut writing.ends {
        // A reader that does not hear of it makes its rejects file anew, as without a note.
        let _ = end.note.tell(&ahead);
    }
    writing.ahead = Some(ahead);
}

/// Whether standard output is a pipe that has a note: what is carried with the stream will arrive.
pub fn has_note() -> bool {
    let is_output = |end: &End| end.descriptor == libc::STDOUT_FILENO;
    writing().ends.iter().any(is_output)
}

/// Whether standard output is a stream of records that goes to a pipe.
pub fn writes_to_pipe() -> bool {
    writing().is_stream && is_kind(libc::STDOUT_FILENO, FileTypeExt::is_fifo)
}

/// Says that what was passed on to standard output ends inside a quoted field: another would close it.
pub fn left_open() {
    writing().is_open = true;
}

/// Says that nobody reads this descriptor any more.
pub fn unread(descriptor: RawFd) {
    for end in &mut writing().ends {
        end.is_unread |= end.descriptor == descriptor;
    }
}

/// Ends well, with what goes on to the readers. Everything was written, and nothing is written any more.
///
/// # Errors
/// A reader could not be told; what it read will be refused.
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

/// Ends badly: `message` is what the user is told, `cause` the upstream whose fault it was, if any.
pub fn fail(message: &str, cause: Option<&Unclean>) {
    let writing = ending();
    let failed = failure(&writing.program, message, cause);
    end_badly(writing, &failed, message, Spoilt::All);
}

/// Ends badly because the program was called wrongly: nothing was done, so a file that standard output
/// goes to stays as it is. A reader of a pipe must not take it for an empty result.
pub fn refuse(message: &str) {
    let writing = ending();
    let failed = failure(&writing.program, message, None);
    end_badly(writing, &failed, message, Spoilt::Pipes);
}

/// Ends badly because memory has run out, on the thread that noticed, whatever locks it holds: what
/// cannot be done without one is left, and a note that says `running` is a bad end, too.
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

/// The notes, to be ended now. Where a signal has ended them before, it ends the process, too, and
/// nothing else may come of it.
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

/// The words of who failed first.
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

/// Ends well for the readers of one descriptor, which is closed next; this goes on with what was
/// written to it.
///
/// # Errors
/// They could not be told; what they read will be refused.
pub fn succeed_at(descriptor: RawFd, records: u64, with: Carried) -> io::Result<()> {
    // Kept until it is said: the program must not end in between.
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

/// Ends badly for the readers of one descriptor, which is closed next, as [`fail`] does for all. Where
/// what was written ends inside a quoted field, `is_open`, that is left to them.
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

/// The outputs in which a failure is reported as well.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spoilt {
    /// In pipes and files, even if a reader is slow.
    All,
    /// In pipes.
    Pipes,
    /// Where it can be said without waiting.
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
    // What follows may have to wait for a reader, and a signal must not wait for it.
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
            // What comes to a pipe with a name next must not take this for a whole.
            (true, true) => self.note.end(WriterState::Running),
            (false, _) => self.note.end(state),
        }
    }
}

/// A quoted field that never ends, and says why: the first line of what the user is told.
fn unterminated(program: &str, message: &str) -> Vec<u8> {
    let line = message.lines().next().unwrap_or_default();
    let line = line.replace('"', "'").replace('\r', " ");
    format!("\"{program}: {line}\n").into_bytes()
}

/// Ends what was written to a descriptor so that it cannot be taken for a whole; a terminal or a
/// device is for nobody who would.
fn spoil(descriptor: RawFd, text: &[u8]) {
    if !is_device(descriptor) {
        // It fails where the writing failed, and where nobody reads.
        let _ = ready::write_all(descriptor, text);
    }
}

/// Whether a descriptor is a terminal or another device, or nothing that can be written.
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

/// How long a program whose work is done may take to say so after a signal.
const GRACE: Duration = Duration::from_secs(5);

/// Ends badly, and as the system wants it, because a signal says so; well if the work is done.
fn take_signal(signal: i32, is_again: &mut dyn FnMut() -> bool) {
    match commit::judge(is_again) {
        Verdict::Ends(_held) => {
            stopped_by(signal);
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
        Verdict::IsDone => {
            // Only a reader that takes no receipt can hold it up.
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
