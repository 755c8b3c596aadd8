//! One command, run as a stage with a clean end.
//!
//! Two threads: one hands the input to the command, the other the command's output on. So the
//! command may read and write in any order, and nothing waits for what it does not do. Memory is two
//! buffers.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context;

use crate::record::RecordCount;
use crate::stream::{self, Flow, Output, Relayed, Source, Summary};
use crate::trust::leftovers::{self, Running};
use crate::trust::stage::{self, COUNTERS, Carried};
use crate::trust::{Ends, Unclean, Upstream, ends, figures};

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
    let mut child = start(program, arguments, &name)?;
    let running = Arc::new(Running::child(child.id()));
    let feeding = child.stdin.take().map(|stdin| {
        let fed = Arc::new(Fed::default());
        let pipe = Upstream::of(stdin.as_raw_fd(), false, None);
        let descriptor = feed(stdin, ends, &name, &fed, &running);
        (fed, pipe, descriptor)
    });
    let written = match child.stdout.take() {
        Some(stdout) => hand_on(File::from(OwnedFd::from(stdout)), &name),
        None => Ok(Relayed::Left),
    };
    if written.is_err() {
        running.stop();
    }
    running.await_end();
    let status = ended(child, &running)?;
    let fed = match feeding {
        None => Fate::Whole(Carried::default()),
        Some((fed, pipe, descriptor)) => {
            // Who has not read to the end will not do so any more; what foreign commands do not
            // look at is taken away for them.
            ends::unread(descriptor);
            pipe.forget();
            std::mem::take(&mut *fed.lock())
        }
    };
    settle(&name, fed, written, status)
}

/// What counts in the end: who failed first.
fn settle(
    name: &str,
    fed: Fate,
    written: anyhow::Result<Relayed>,
    status: ExitStatus,
) -> anyhow::Result<Summary> {
    if let Fate::Failed(error) = fed {
        return Err(error);
    }
    let is_unread = matches!(written, Ok(Relayed::Left));
    let of_command = written
        .as_ref()
        .err()
        .is_none_or(|error| error.is::<Unclean>());
    // A reader that leaves early ends the command by a signal, or by an error of its own.
    if !status.success() && of_command && !is_unread {
        return Err(anyhow::Error::new(exited(name, status)));
    }
    if let Relayed::Whole(after) = written? {
        let before = match fed {
            Fate::Whole(before) if stage::read(&COUNTERS.bytes_in) > 0 => before,
            // Where the rest was not wanted, what would have come with its end did not come.
            _ => Carried::default(),
        };
        // Nobody stands before a command that makes its records of nothing.
        let rejected = before
            .rejected
            .or((stage::read(&COUNTERS.bytes_in) == 0).then_some(0));
        stage::carry_through(Carried { rejected, ..before }, after);
    }
    Ok(Summary {
        records_in: stage::read(&COUNTERS.records_in),
        records_out: stage::read(&COUNTERS.records_out),
        ..Summary::default()
    })
}

fn start(program: &OsStr, arguments: &[OsString], name: &str) -> anyhow::Result<Child> {
    let stdin = match io::stdin().is_terminal() {
        true => Stdio::inherit(),
        false => Stdio::piped(),
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(stdin).stdout(Stdio::piped());
    if let Some(stage) = figures::runs(name) {
        command.env(figures::WITHIN, stage);
    }
    #[cfg(target_os = "linux")]
    // SAFETY: between fork and exec only this system call is made, which touches no memory. Where
    // this program is killed, the command must not take the end of its input for the end of the
    // data.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGTERM);
            Ok(())
        });
    }
    command.spawn().map_err(|error| {
        let code = match error.kind() {
            io::ErrorKind::NotFound => 127,
            _ => 126,
        };
        let message = format!("cannot run '{}'", program.display());
        anyhow::Error::new(error).context(Exited { message, code })
    })
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

#[derive(Debug, Default)]
struct Fed(Mutex<Fate>);

impl Fed {
    fn lock(&self) -> MutexGuard<'_, Fate> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hands standard input to the command, on a thread of its own: a terminal or a pipe that says
/// nothing must not hold up the end. Gives the descriptor that is written.
fn feed(
    stdin: ChildStdin,
    ends: Ends,
    name: &Arc<str>,
    fed: &Arc<Fed>,
    running: &Arc<Running>,
) -> RawFd {
    let stdin = File::from(OwnedFd::from(stdin));
    let descriptor = stdin.as_raw_fd();
    stream::widen_pipe(descriptor);
    let bytes = Arc::default();
    ends::begin_pipe(descriptor, Arc::clone(&bytes));
    let mut feeder = Feeder {
        stdin,
        bytes,
        count: RecordCount::default(),
        name: Arc::clone(name),
    };
    let failed = Arc::clone(fed);
    let (fed, feeding) = (Arc::clone(fed), Arc::clone(running));
    let work = move || {
        let given = feeder.give(ends);
        let descriptor = feeder.stdin.as_raw_fd();
        let fate = match given {
            Ok(Relayed::Whole(carried)) => {
                let records = stage::read(&COUNTERS.records_in);
                match ends::succeed_at(descriptor, records, carried.clone()) {
                    Ok(()) => Fate::Whole(carried),
                    Err(error) => Fate::Failed(error.into()),
                }
            }
            Ok(Relayed::Left) => Fate::Left,
            Err(error) => {
                let is_open = feeder.count.is_inside();
                ends::fail_at(
                    descriptor,
                    &error.to_string(),
                    error.downcast_ref(),
                    is_open,
                );
                *fed.lock() = Fate::Failed(error);
                // It must not take what follows for the end of the data.
                feeding.stop();
                return;
            }
        };
        *fed.lock() = fate;
    };
    let thread = std::thread::Builder::new().name("feed".to_owned());
    if let Err(error) = thread.spawn(work) {
        let error = anyhow::Error::new(error).context("cannot start a thread");
        *failed.lock() = Fate::Failed(error);
        running.stop();
    }
    descriptor
}

/// What gives the command its input.
struct Feeder {
    stdin: File,
    /// How many bytes were written, for the note beside the pipe.
    bytes: Arc<AtomicU64>,
    count: RecordCount,
    name: Arc<str>,
}

impl Feeder {
    fn give(&mut self, ends: Ends) -> anyhow::Result<Relayed> {
        stream::relay(
            &mut Source::standard(),
            ends,
            &mut self.count,
            &mut |piece, records| {
                stage::add(&COUNTERS.records_in, records);
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
fn hand_on(stdout: File, name: &str) -> anyhow::Result<Relayed> {
    let mut output = Output::standard();
    let mut source = Source::inner(Arc::from(format!("'{name}'")), stdout);
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
fn ended(mut child: Child, running: &Running) -> anyhow::Result<ExitStatus> {
    /// A terminal sends its signals to both, and the command may be quicker.
    const TOGETHER: Duration = Duration::from_millis(100);
    running.release();
    let status = child.wait().context("cannot wait for the command")?;
    if matches!(status.signal(), Some(libc::SIGINT | libc::SIGHUP)) {
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
