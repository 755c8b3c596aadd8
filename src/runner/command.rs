//! Runs a command as a stage with a clean end.
//!
//! One thread feeds the command its input, another passes on its output, so the command may read and write in any
//! order without deadlock. Memory is two buffers.
//!
//! The command runs in its own process group, so that everything it starts can be ended with it, and a [`Guardian`]
//! holds its input open if this program is killed. A command that reads the terminal stays in this program's group,
//! so that Ctrl-C and the like reach it; no early end of input can mislead it.

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

/// A command ended with its own exit status, which becomes that of the program.
#[derive(Debug)]
pub struct Exited {
    message: String,
    /// As in a shell: 127 if the command does not exist, 126 if it cannot be run, 128 plus the signal number if a
    /// signal ended it.
    pub code: u8,
}

impl fmt::Display for Exited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Exited {}

/// Runs a command with standard input as its input and passes its output to standard output. If standard input is a
/// terminal, the command inherits it.
///
/// # Errors
/// The upstream failed, which ends the command; or the command failed ([`Exited`]).
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
        // Without any input there is no upstream: the command generates its own records.
        _ if !has_come => Carried::default(),
        Fate::Whole(before) => before,
        // The command left the rest unread, so what the upstream carries at its end did not arrive.
        Fate::Left => Carried::unknown(),
    };
    settle(&name, before, written, status)
}

/// Decides the result if the input did not fail and arrived with `before`: the first failure counts.
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
    // If the reader leaves early, the command ends by a signal or with an error of its own. That is no failure.
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

/// The write end of a command's input, and its guardian.
type Input = (PipeWriter, Arc<Guardian>);

/// Starts the command, with its input unless standard input is a terminal.
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
    // For a command without a guardian, or one whose guardian was killed.
    process::ends_with_this(&mut command);
    match command.spawn() {
        Ok(child) => Ok((child, input)),
        Err(error) => {
            // The command holds the read end of its input.
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

/// The result of feeding the input.
#[derive(Debug, Default)]
enum Fate {
    /// It has not ended, or the command closed its input.
    #[default]
    Left,
    /// The command was given all of it; its end carried this.
    Whole(Carried),
    /// It failed.
    Failed(anyhow::Error),
}

#[derive(Debug)]
struct Fed {
    fate: Mutex<Fate>,
    /// Whether any input has arrived.
    has_come: AtomicBool,
    /// Once this is closed, the output of the command is no longer waited for.
    giving_up: Mutex<Option<PipeWriter>>,
}

impl Fed {
    fn lock(&self) -> MutexGuard<'_, Fate> {
        self.fate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the command, which must not take the end of its input for the end of the data.
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

/// The input that a thread feeds to the command.
struct Feeding {
    fed: Arc<Fed>,
    guardian: Arc<Guardian>,
    pipe: Upstream,
    descriptor: RawFd,
}

impl Feeding {
    /// Returns the result, once the command has ended, and whether any input had arrived.
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

/// Feeds standard input to the command on its own thread, so that a terminal or an idle pipe does not delay the
/// end.
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

/// Writes the command's input.
struct Feeder {
    stdin: File,
    /// Bytes written, for the note beside the pipe.
    bytes: Arc<AtomicU64>,
    count: RecordCount,
    name: Arc<str>,
    guardian: Arc<Guardian>,
}

impl Feeder {
    /// Feeds all of the input, or ends the command. Closes the command's input afterwards.
    fn feed(mut self, ends: Ends, fed: &Fed, running: Running) {
        let given = self.give(ends, &fed.has_come);
        let descriptor = self.stdin.as_raw_fd();
        let fate = match given {
            Ok(Relayed::Whole(carried)) => {
                // Ctrl-C also ends a foreign upstream, which leaves no note; its end must not look like the end of
                // the data.
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

/// Passes on the command's output until the command closes it or downstream leaves.
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

/// Returns the status of a command that has ended. If a signal is ending this program as well, this does not
/// return: the handler ends the program.
fn ended(
    mut child: Child,
    running: Running,
    terminal: Option<Terminal>,
) -> anyhow::Result<ExitStatus> {
    /// A terminal sends its signals to both; the command may end first by this much.
    const TOGETHER: Duration = Duration::from_millis(100);
    let was_lent = terminal.is_some_and(Terminal::take_back);
    running.release();
    // A signal has ended the command and is about to end this program.
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

/// Returns a command's name without its directory.
fn shown(program: &OsStr) -> String {
    let file = Path::new(program).file_name().unwrap_or(program);
    file.to_string_lossy().into_owned()
}
