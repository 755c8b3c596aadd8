//! One command, run as a stage with a clean end.
//!
//! Two threads: one hands the input to the command, the other the command's output on. So the
//! command may read and write in any order, and nothing waits for what it does not do. Memory is two
//! buffers.
//!
//! The command runs in a process group of its own, so that everything that it starts can be ended
//! with it, and its input has a [`Guardian`]. A command that reads the terminal stays in the group
//! of this program, as the terminal's keys expect; no end of an input can mislead it.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, PipeWriter, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;

use crate::record::RecordCount;
use crate::stream::{self, Flow, Output, Relayed, Source, Summary};
use crate::sys::guardian::Guardian;
use crate::sys::{descriptor::widen_pipe, process};
use crate::trust::commands::{self, Running};
use crate::trust::leftovers;
use crate::trust::stage::{self, COUNTERS};
use crate::trust::{Carried, Ends, Unclean, Upstream, ends, figures};

use super::answer::answer;
use super::terminal::{self, Terminal};

/// A command ended with a status of its own, which becomes that of the program.
#[derive(Debug)]
pub struct Exited {
    message: String,
    /// As a shell has it: 127 for a command that is not there, 126 for one that cannot be run, 128
    /// and the number of the signal that ended it.
    pub code: u8,
}

impl fmt::Display for Exited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exited {}

/// Runs a command: standard input goes to it, what it writes to standard output. A terminal is left
/// to the command as it is.
///
/// # Errors
/// The upstream ended badly, which ends the command; or the command did ([`Exited`]).
pub fn run(words: &[OsString], ends: Ends) -> anyhow::Result<Summary> {
    let [program, arguments @ ..] = words else {
        anyhow::bail!("no command to run");
    };
    let name: Arc<str> = Arc::from(shown(program));
    let (mut child, input) = start(program, arguments, &name)?;
    let (running, terminal) = match input {
        Some(_) => {
            let running = Running::group(child.id());
            (running, Terminal::share(child.id(), running))
        }
        None => (Running::child(child.id()), None),
    };
    let (feeding, given_up) = match input {
        None => (None, None),
        Some(input) => {
            let (given_up, giving_up) = io::pipe().context("cannot make a pipe")?;
            let feeding = feed(input, ends, &name, running, giving_up);
            (Some(feeding), Some(given_up))
        }
    };
    let written = match child.stdout.take() {
        Some(stdout) => hand_on(answer(stdout, &name, given_up)),
        None => Ok(Relayed::Left),
    };
    if written.is_err() {
        running.stop();
    }
    running.await_end();
    let status = ended(child, running, terminal)?;
    let (fed, has_come) = match feeding {
        None => (Fate::Left, false),
        Some(feeding) => feeding.end(),
    };
    let before = match fed {
        Fate::Failed(error) => return Err(error),
        // Nobody stands before a command that makes its records of nothing.
        _ if !has_come => Carried::default(),
        Fate::Whole(before) => before,
        // The command did not want the rest, so what would have come with its end did not come.
        Fate::Left => Carried::unknown(),
    };
    settle(&name, before, written, status)
}

/// What counts in the end where the input did not fail, and came with `before`: who failed first.
fn settle(
    name: &str,
    before: Carried,
    written: anyhow::Result<Relayed>,
    status: ExitStatus,
) -> anyhow::Result<Summary> {
    let is_unread = matches!(written, Ok(Relayed::Left));
    let of_command = written
        .as_ref()
        .err()
        .is_none_or(|error| error.is::<Unclean>());
    // A reader that leaves early ends the command by a signal, or by an error of its own.
    if !status.success() && of_command && !is_unread {
        return Err(anyhow::Error::new(exited(name, status)));
    }
    let carried = match written? {
        Relayed::Whole(after) => before.through(after),
        Relayed::Left => Carried::default(),
    };
    Ok(Summary {
        carried,
        records_in: stage::read(&COUNTERS.records_in),
        records_out: stage::read(&COUNTERS.records_out),
        ..Summary::default()
    })
}

/// The end of a command's input that is written, and who guards it.
type Input = (PipeWriter, Arc<Guardian>);

/// Starts the command; with its input, unless that is the terminal.
fn start(
    program: &OsStr,
    arguments: &[OsString],
    name: &str,
) -> anyhow::Result<(Child, Option<Input>)> {
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::piped());
    if let Some(stage) = figures::runs(name) {
        command.env(figures::WITHIN, stage);
    }
    let mut input = None;
    if !io::stdin().is_terminal() {
        let (reader, writer) = io::pipe().context("cannot make a pipe")?;
        let guardian = Guardian::start(&writer).context("cannot start a process")?;
        command.stdin(reader).process_group(0);
        guardian.meets(&mut command);
        input = Some((writer, Arc::new(guardian)));
    }
    // For a command without a guardian, and for one whose guardian was killed.
    process::ends_with_this(&mut command);
    match command.spawn() {
        Ok(child) => Ok((child, input)),
        Err(error) => {
            // The command holds the other end of its input.
            drop(command);
            if let Some((_, guardian)) = input {
                guardian.end();
            }
            Err(not_run(program, error))
        }
    }
}

fn not_run(program: &OsStr, error: io::Error) -> anyhow::Error {
    let code = match error.kind() {
        io::ErrorKind::NotFound => 127,
        _ => 126,
    };
    let message = format!("cannot run '{}'", program.display());
    anyhow::Error::new(error).context(Exited { message, code })
}

/// What became of the input.
#[derive(Debug, Default)]
enum Fate {
    /// It goes on, or the command wanted no more of it.
    #[default]
    Left,
    /// The command was given all of it, and this came with its end.
    Whole(Carried),
    /// It ended badly.
    Failed(anyhow::Error),
}

#[derive(Debug)]
struct Fed {
    fate: Mutex<Fate>,
    /// Whether any of it has come.
    has_come: AtomicBool,
    /// Nobody waits for what the command writes once this is closed.
    giving_up: Mutex<Option<PipeWriter>>,
}

impl Fed {
    fn lock(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the command, which must not take what follows for the end of the data.
    fn fail(&self, error: anyhow::Error, running: Running) {
        *self.lock() = Fate::Failed(error);
        running.stop();
        let mut giving_up = self
            .giving_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *giving_up = None;
    }
}

/// The input that a thread gives to the command.
struct Feeding {
    fed: Arc<Fed>,
    guardian: Arc<Guardian>,
    pipe: Upstream,
    descriptor: RawFd,
}

impl Feeding {
    /// What became of it, once the command has ended, and whether any of it had come.
    fn end(self) -> (Fate, bool) {
        self.guardian.end();
        // The command has exited, so unread input stays unread. Foreign commands never delete
        // their note; we do it for them.
        ends::unread(self.descriptor);
        self.pipe.forget();
        let fate = std::mem::take(&mut *self.fed.lock());
        (fate, self.fed.has_come.load(Ordering::Acquire))
    }
}

/// Hands standard input to the command, on a thread of its own: a terminal or a pipe that says
/// nothing must not hold up the end.
fn feed(
    input: Input,
    ends: Ends,
    name: &Arc<str>,
    running: Running,
    giving_up: PipeWriter,
) -> Feeding {
    let (stdin, guardian) = input;
    let stdin = File::from(OwnedFd::from(stdin));
    let descriptor = stdin.as_raw_fd();
    widen_pipe(descriptor);
    let after = Arc::clone(&guardian);
    commands::after_all(Box::new(move || after.end()));
    let feeding = Feeding {
        fed: Arc::new(Fed {
            fate: Mutex::default(),
            has_come: AtomicBool::new(false),
            giving_up: Mutex::new(Some(giving_up)),
        }),
        guardian: Arc::clone(&guardian),
        pipe: Upstream::of(descriptor, false, None),
        descriptor,
    };
    let bytes = Arc::default();
    ends::begin_pipe(descriptor, Arc::clone(&bytes));
    let feeder = Feeder {
        stdin,
        bytes,
        count: RecordCount::default(),
        name: Arc::clone(name),
        guardian,
    };
    let fed = Arc::clone(&feeding.fed);
    let thread = std::thread::Builder::new().name("feed".to_owned());
    if let Err(error) = thread.spawn(move || feeder.feed(ends, &fed, running)) {
        let error = anyhow::Error::new(error).context("cannot start a thread");
        feeding.fed.fail(error, running);
    }
    feeding
}

/// What gives the command its input.
struct Feeder {
    stdin: File,
    /// How many bytes were written, for the note beside the pipe.
    bytes: Arc<AtomicU64>,
    count: RecordCount,
    name: Arc<str>,
    guardian: Arc<Guardian>,
}

impl Feeder {
    /// Gives the input to its end, or ends the command. The command's input is closed after that.
    fn feed(mut self, ends: Ends, fed: &Fed, running: Running) {
        let given = self.give(ends, &fed.has_come);
        let descriptor = self.stdin.as_raw_fd();
        let fate = match given {
            Ok(Relayed::Whole(carried)) => {
                // A key of the terminal ends a foreign upstream, too. It leaves no note, and its
                // end must not look like that of the data.
                while leftovers::is_stopping() {
                    std::thread::park();
                }
                let records = stage::read(&COUNTERS.records_in);
                let told = ends::succeed_at(descriptor, records, carried.clone());
                self.guardian.input_is_whole();
                match told {
                    Ok(()) => Fate::Whole(carried),
                    Err(error) => Fate::Failed(error.into()),
                }
            }
            Ok(Relayed::Left) => Fate::Left,
            Err(error) => {
                let is_open = self.count.is_inside();
                let message = error.to_string();
                ends::fail_at(descriptor, &message, error.downcast_ref(), is_open);
                fed.fail(error, running);
                return;
            }
        };
        *fed.lock() = fate;
    }

    fn give(&mut self, ends: Ends, has_come: &AtomicBool) -> anyhow::Result<Relayed> {
        stream::relay(
            &mut Source::standard(),
            ends,
            &mut self.count,
            &mut |piece, records| {
                stage::add(&COUNTERS.records_in, records);
                has_come.fetch_or(!piece.is_empty(), Ordering::Release);
                match self.stdin.write_all(piece) {
                    Ok(()) => {
                        stage::add(&self.bytes, piece.len() as u64);
                        Ok(Flow::More)
                    }
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Flow::Enough),
                    Err(error) => {
                        Err(error).with_context(|| format!("cannot write to '{}'", self.name))
                    }
                }
            },
        )
    }
}

/// Hands on what the command writes, until it closes its output or nobody reads ours.
fn hand_on(mut source: Source) -> anyhow::Result<Relayed> {
    let mut output = Output::standard();
    let mut count = RecordCount::default();
    let relayed = stream::relay(
        &mut source,
        Ends::Judged,
        &mut count,
        &mut |piece, records| {
            stage::add(&COUNTERS.records_out, records);
            output.write(piece)
        },
    );
    if count.is_inside() {
        ends::left_open();
    }
    relayed
}

/// The status of a command that has ended. Where a signal ended it together with this program, that
/// is what is to be told.
fn ended(
    mut child: Child,
    running: Running,
    terminal: Option<Terminal>,
) -> anyhow::Result<ExitStatus> {
    /// A terminal sends its signals to both, and the command may be quicker.
    const TOGETHER: Duration = Duration::from_millis(100);
    let was_lent = terminal.is_some_and(Terminal::take_back);
    running.release();
    // A signal has ended the command, and ends this program next.
    while leftovers::is_stopping() {
        std::thread::park();
    }
    let status = child.wait().context("cannot wait for the command")?;
    if let Some(signal @ (libc::SIGINT | libc::SIGHUP)) = status.signal() {
        if was_lent {
            terminal::send_to_own_group(signal);
        }
        std::thread::sleep(TOGETHER);
    }
    while leftovers::is_stopping() {
        std::thread::park();
    }
    Ok(status)
}

fn exited(name: &str, status: ExitStatus) -> Exited {
    let known = |signal| signal_hook::low_level::signal_name(signal).unwrap_or("a signal");
    let (message, code) = match (status.code(), status.signal()) {
        (Some(code), _) => (format!("'{name}' exited with {code}"), code),
        (None, Some(signal)) => (
            format!("'{name}' was killed ({})", known(signal)),
            128 + signal,
        ),
        (None, None) => (format!("'{name}' ended in no known way"), 1),
    };
    Exited {
        message,
        code: u8::try_from(code).unwrap_or(1),
    }
}

/// A command's name, without the directory that it lies in.
fn shown(program: &OsStr) -> String {
    let file = Path::new(program).file_name().unwrap_or(program);
    file.to_string_lossy().into_owned()
}
