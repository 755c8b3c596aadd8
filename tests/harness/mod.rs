//! What the tests share: our programs run as processes, their standard input fed and their standard output
//! taken in any manner, and a limit on their time: a program that hangs is a failed test.

#![allow(
    dead_code,
    reason = "each test file is a crate of its own and uses a part of this"
)]

pub mod database;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, LazyLock, Mutex, Once, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may run before it counts as hanging, unless the test says otherwise.
const PATIENCE: Duration = Duration::from_secs(120);

/// The name of the threads of [`failures`].
const TRIAL: &str = "trial";

/// The repository's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file or directory under `tests/data`.
pub fn data(name: &str) -> PathBuf {
    root().join("tests/data").join(name)
}

/// The names of the programs: those of the files in `bin`.
pub static TOOLS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let entries = std::fs::read_dir(root().join("bin")).expect("the directory of programs");
    let mut names: Vec<&'static str> = entries
        .map(|entry| entry.expect("a directory can be read").path())
        .map(|path| {
            path.file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .map(|name| &*name.leak())
        .collect();
    names.sort_unstable();
    names
});

/// The built program of this name. All of them are in one directory.
fn binary(name: &str) -> PathBuf {
    assert!(TOOLS.contains(&name), "no program is called {name}");
    Path::new(env!("CARGO_BIN_EXE_extract")).with_file_name(name)
}

/// A path for our programs' `PATH`: the built programs first.
pub fn search_path() -> OsString {
    let extract = binary("extract");
    let own = extract.parent().expect("a program is in a directory");
    let inherited = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(
        std::iter::once(own.to_path_buf()).chain(std::env::split_paths(&inherited)),
    )
    .expect("PATH can be joined again")
}

/// What a program left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its whole standard output.
    pub stdout: Vec<u8>,
    /// Its whole standard error.
    pub stderr: Vec<u8>,
    /// Its exit code; 128 and the signal's number for one that a signal ended.
    pub code: i32,
}

impl Run {
    /// Standard output as text, for messages.
    pub fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// The same as text.
    #[track_caller]
    pub fn quiet_text(self) -> String {
        String::from_utf8(self.quiet_success()).expect("it is UTF-8")
    }

    /// Holds that the program succeeded without a word, and gives its standard output.
    #[track_caller]
    pub fn quiet_success(self) -> Vec<u8> {
        assert!(
            self.code == 0 && self.stderr.is_empty(),
            "exit {} with: {}",
            self.code,
            self.err()
        );
        self.stdout
    }

    /// Holds that the program failed with `code` and one message in its own voice that has all of `words`
    /// in it, upper and lower case alike.
    #[track_caller]
    pub fn refused(&self, tool: &str, code: i32, words: &[&str]) {
        let message = self.err();
        assert_eq!(
            self.code, code,
            "its exit code; standard error was: {message}"
        );
        assert!(
            message.starts_with(&format!("{tool}: ")),
            "a message begins with '{tool}: ', this is: {message:?}"
        );
        for trace in ["panicked", "RUST_BACKTRACE", "Os {", "os error"] {
            assert!(
                !message.contains(trace),
                "a library's text in a message: {message}"
            );
        }
        for word in words {
            assert!(
                message.to_lowercase().contains(&word.to_lowercase()),
                "the message should speak of '{word}', it is: {message}"
            );
        }
    }
}

/// Where a program's standard input comes from.
enum Input {
    /// Nowhere: `/dev/null`.
    Null,
    /// These bytes, through a pipe, in writes of this size.
    Pipe(Vec<u8>, usize),
    /// These bytes, through a pipe that never holds more than this many of them.
    Reads(Vec<u8>, usize),
    /// An open file.
    File(File),
}

/// Where a program's standard output goes.
enum Output {
    /// To the test, through a pipe.
    Captured,
    /// To the test until that many bytes are read; then the pipe is closed.
    ClosedAfter(usize),
    /// To an open file.
    File(File),
}

/// A program about to be run.
pub struct Program {
    command: Command,
    name: String,
    input: Input,
    output: Output,
    patience: Duration,
}

/// One of our programs, by name.
pub fn tool(name: &str) -> Program {
    Program::new(binary(name).as_os_str(), name)
}

/// A Bash line, as a script with `set -o pipefail` would run it, with the built programs first in `PATH`.
/// All that it started is ended with it when its time is up.
pub fn bash(line: &str) -> Program {
    let seconds = PATIENCE.as_secs().to_string();
    let mut program = Program::new(OsStr::new("timeout"), line).args([
        "--kill-after=5",
        &seconds,
        "bash",
        "-o",
        "pipefail",
        "-c",
        line,
    ]);
    program.patience += Duration::from_secs(10);
    program
}

/// One of our programs in the environment that the tests give it, to be started by hand.
pub fn command(name: &str) -> Command {
    in_test_environment(binary(name).as_os_str())
}

fn in_test_environment(path: &OsStr) -> Command {
    let mut command = Command::new(path);
    command
        .env("PATH", search_path())
        .env("DATA", data(""))
        .env("LC_ALL", "C.UTF-8")
        .env("TZ", "UTC")
        .env_remove("COLUMNS")
        .env_remove("PIPEWRIGHT_RUN")
        .env_remove("NO_COLOR");
    command
}

impl Program {
    fn new(path: &OsStr, name: &str) -> Self {
        Self {
            command: in_test_environment(path),
            name: name.to_owned(),
            input: Input::Null,
            output: Output::Captured,
            patience: PATIENCE,
        }
    }

    /// Adds arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets a variable of its environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it in this directory.
    pub fn dir(mut self, path: &Path) -> Self {
        self.command.current_dir(path);
        self
    }

    /// Feeds it these bytes through a pipe, in writes as large as the pipe takes.
    pub fn stdin(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin_in_writes(bytes, usize::MAX)
    }

    /// Feeds it these bytes through a pipe, in writes of `size` bytes.
    pub fn stdin_in_writes(mut self, bytes: impl Into<Vec<u8>>, size: usize) -> Self {
        self.input = Input::Pipe(bytes.into(), size);
        self
    }

    /// Feeds it these bytes so that no read of it gives more than `size` bytes: each is written when the
    /// one before has been read.
    pub fn stdin_in_reads(mut self, bytes: impl Into<Vec<u8>>, size: usize) -> Self {
        self.input = Input::Reads(bytes.into(), size);
        self
    }

    /// Gives it an open file as its standard input.
    pub fn stdin_file(mut self, file: File) -> Self {
        self.input = Input::File(file);
        self
    }

    /// Gives it an open file as its standard output.
    pub fn stdout_file(mut self, file: File) -> Self {
        self.output = Output::File(file);
        self
    }

    /// Reads that many bytes of its standard output and closes the pipe, as `head` does.
    pub fn stdout_closed_after(mut self, bytes: usize) -> Self {
        self.output = Output::ClosedAfter(bytes);
        self
    }

    /// Lets it run for that long.
    pub fn within(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn run(self) -> Run {
        let Self {
            mut command,
            name,
            input,
            output,
            patience,
        } = self;
        let (stdin, feed) = input.open();
        command.stdin(stdin).stderr(Stdio::piped());
        let limit = match output {
            Output::Captured => Some(usize::MAX),
            Output::ClosedAfter(bytes) => Some(bytes),
            Output::File(file) => {
                command.stdout(file);
                None
            }
        };
        if limit.is_some() {
            command.stdout(Stdio::piped());
        }
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {error}"));
        // The command holds the program's ends of the pipes; while it does, no end of file can be seen.
        drop(command);
        if let Some(feed) = feed {
            thread::spawn(feed);
        }
        let deadline = Instant::now() + patience;
        let stdout = match (child.stdout.take(), limit) {
            (Some(pipe), Some(limit)) => Some(collect(pipe, limit)),
            _ => None,
        };
        let stderr = collect(
            child.stderr.take().expect("standard error is piped"),
            usize::MAX,
        );
        let status = wait(&mut child, deadline);
        let Some(status) = status else {
            child.kill().ok();
            panic!("{name} still runs after {} s", patience.as_secs());
        };
        let finish = |bytes: Receiver<Vec<u8>>| {
            bytes
                .recv_timeout(Duration::from_secs(10))
                .unwrap_or_else(|_| panic!("{name} has ended, and something holds its output open"))
        };
        let run = Run {
            stdout: stdout.map(finish).unwrap_or_default(),
            stderr: finish(stderr),
            code: code(status),
        };
        assert!(
            run.code != 124,
            "{name} still runs after {} s",
            patience.as_secs()
        );
        run
    }

    /// Starts it with both ends of it in the test's hands.
    pub fn start(self) -> Live {
        let mut command = self.command;
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", self.name));
        let mut stdout = child.stdout.take().expect("standard output is piped");
        let (send, arrived) = mpsc::channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 1 << 16];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                if send.send(buffer[..count].to_vec()).is_err() {
                    break;
                }
            }
        });
        Live { child, arrived }
    }
}

/// A program that runs while the test speaks with it.
pub struct Live {
    child: Child,
    arrived: Receiver<Vec<u8>>,
}

impl Live {
    /// Writes these bytes to its standard input and leaves the pipe open.
    pub fn say(&mut self, bytes: &[u8]) {
        let stdin = self.child.stdin.as_mut().expect("standard input is open");
        stdin
            .write_all(bytes)
            .expect("the program takes what it is given");
    }

    /// What it has written once `bytes` bytes have come, or what there is after 10 seconds.
    pub fn hear(&self, bytes: usize) -> Vec<u8> {
        let deadline = Instant::now() + Duration::from_secs(10);
        let mut heard = Vec::new();
        while heard.len() < bytes {
            match self.arrived.recv_timeout(deadline - Instant::now()) {
                Ok(part) => heard.extend(part),
                Err(_) => break,
            }
            if Instant::now() >= deadline {
                break;
            }
        }
        heard
    }

    /// Closes its standard input and waits for its end.
    pub fn end(mut self) -> Run {
        drop(self.child.stdin.take());
        let mut stderr = Vec::new();
        let said = self.child.stderr.take();
        said.expect("standard error is piped")
            .read_to_end(&mut stderr)
            .expect("standard error is read");
        let status = self.child.wait().expect("the program ends");
        Run {
            code: status.code().unwrap_or(-1),
            stdout: self.arrived.iter().flatten().collect(),
            stderr,
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What writes a program's standard input beside it.
type Feed = Box<dyn FnOnce() + Send>;

impl Input {
    /// The program's end, and what writes the other.
    fn open(self) -> (Stdio, Option<Feed>) {
        let (bytes, size, one_by_one) = match self {
            Self::Null => return (Stdio::null(), None),
            Self::File(file) => return (file.into(), None),
            Self::Pipe(bytes, size) => (bytes, size, false),
            Self::Reads(bytes, size) => (bytes, size, true),
        };
        let (reader, writer) = std::io::pipe().expect("a pipe");
        let mut writer = File::from(OwnedFd::from(writer));
        let feed = move || {
            // A program may rightly stop reading: a broken pipe ends the feeding and is no failure here.
            for part in bytes.chunks(size) {
                if writer.write_all(part).is_err() {
                    break;
                }
                if one_by_one {
                    drained(&writer);
                }
            }
        };
        (OwnedFd::from(reader).into(), Some(Box::new(feed)))
    }
}

/// Waits until the pipe is empty, or its reader is slow to the point of having left.
fn drained(pipe: &File) {
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut waiting: libc::c_int = 1;
    while waiting > 0 && Instant::now() < deadline {
        thread::yield_now();
        // SAFETY: FIONREAD writes one int, and the descriptor is open while the file is borrowed.
        let asked = unsafe { libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut waiting) };
        assert_eq!(asked, 0, "a pipe can be asked for what waits in it");
    }
}

/// Reads at most `limit` bytes beside the test, closes the pipe, and hands the bytes over.
fn collect(pipe: impl Read + Send + 'static, limit: usize) -> Receiver<Vec<u8>> {
    let (send, bytes) = mpsc::channel();
    thread::spawn(move || {
        let mut collected = Vec::new();
        let mut pipe = pipe.take(limit as u64);
        pipe.read_to_end(&mut collected).ok();
        drop(pipe);
        send.send(collected).ok();
    });
    bytes
}

/// Waits for the program's end, or the deadline.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return Some(status);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal))
        .expect("a program ends by exit or by a signal")
}

/// What happened in `work` for each of `items`, on two threads: the names of those that panicked, with what
/// they said. So that one failure does not hide the others.
pub fn failures<T: Send + 'static>(
    items: impl IntoIterator<Item = (String, T)>,
    work: impl Fn(T) + Send + Sync + 'static,
) -> Vec<(String, String)> {
    // What a trial says when it panics is in the report, once.
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if thread::current().name() != Some(TRIAL) {
                loud(panic);
            }
        }));
    });
    let queue = Arc::new(Mutex::new(
        items.into_iter().collect::<Vec<_>>().into_iter(),
    ));
    let work = Arc::new(work);
    let threads: Vec<_> = (0..2)
        .map(|_| {
            let (queue, work) = (Arc::clone(&queue), Arc::clone(&work));
            let trial = move || {
                let mut failed = Vec::new();
                loop {
                    let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((name, item)) = next else {
                        return failed;
                    };
                    let outcome =
                        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(item)));
                    if let Err(panic) = outcome {
                        let said = panic
                            .downcast_ref::<String>()
                            .cloned()
                            .or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()))
                            .unwrap_or_default();
                        failed.push((name, said));
                    }
                }
            };
            thread::Builder::new()
                .name(TRIAL.to_owned())
                .spawn(trial)
                .expect("a thread")
        })
        .collect();
    let mut failed: Vec<_> = threads
        .into_iter()
        .flat_map(|thread| thread.join().expect("the worker catches panics"))
        .collect();
    failed.sort();
    failed
}

/// Panics with the names and the words of what failed, if anything did.
#[track_caller]
pub fn report(what: &str, failed: &[(String, String)]) {
    let mut text = String::new();
    for (name, said) in failed {
        text.push_str(&format!("\n--- {name}\n{said}\n"));
    }
    let names: Vec<_> = failed.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        failed.is_empty(),
        "{} {what} failed: {}\n{text}",
        failed.len(),
        names.join(", ")
    );
}

/// The address of a PostgreSQL to test with: `PIPEWRIGHT_TEST_POSTGRES`, else one that `scripts/postgres`
/// starts and that ends with the tests.
pub fn postgres() -> &'static str {
    static ADDRESS: OnceLock<String> = OnceLock::new();
    static SERVER: OnceLock<Child> = OnceLock::new();
    ADDRESS.get_or_init(|| {
        if let Ok(address) = std::env::var("PIPEWRIGHT_TEST_POSTGRES") {
            return address;
        }
        let (server, address) = postgres_server(&[]);
        SERVER.set(server).expect("the server is started once");
        address
    })
}

/// A PostgreSQL that `scripts/postgres` starts with these flags, and its address. It ends with the tests.
pub fn postgres_server(flags: &[&str]) -> (Child, String) {
    // The server's command reads until this process has ended and its end of the pipe is closed.
    let mut server = Command::new(root().join("scripts/postgres"))
        .args(flags)
        .args([
            "bash",
            "-c",
            "echo \"$PIPEWRIGHT_TEST_POSTGRES\"; cat >/dev/null",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("scripts/postgres can be started");
    let mut stdout = server.stdout.take().expect("standard output is piped");
    let mut address = Vec::new();
    let mut byte = [0];
    while stdout.read(&mut byte).is_ok_and(|count| count == 1) && byte != *b"\n" {
        address.push(byte[0]);
    }
    assert!(!address.is_empty(), "scripts/postgres started no server");
    let address = String::from_utf8(address).expect("an address is text");
    (server, address)
}

/// The address of a new, empty database of this name on that server.
pub fn postgres_database(name: &str) -> String {
    let server = postgres();
    let mut client = postgres::Client::connect(server, postgres::NoTls)
        .unwrap_or_else(|error| panic!("no PostgreSQL at {server}: {error}"));
    for statement in ["drop database if exists", "create database"] {
        client
            .batch_execute(&format!("{statement} \"{name}\""))
            .unwrap_or_else(|error| panic!("{statement} {name}: {error}"));
    }
    let (place, _) = server
        .rsplit_once('/')
        .expect("an address names a database");
    format!("{place}/{name}")
}

/// The same address for another user, who needs no password.
pub fn postgres_as(address: &str, user: &str) -> String {
    let (scheme, rest) = address.split_once("://").expect("an address has a scheme");
    let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
    format!("{scheme}://{user}@{rest}")
}

/// The path of what `scripts/fetch NAME` brings: at once when the cache has it.
pub fn fetched(name: &str) -> PathBuf {
    let output = Command::new(root().join("scripts/fetch"))
        .arg(name)
        .output()
        .expect("scripts/fetch can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "scripts/fetch {name}: {said}");
    let path = String::from_utf8(output.stdout).expect("a path is text here");
    PathBuf::from(path.trim_end())
}

/// How `unshare` gives a process mounts of its own here: as root, or as the root of its own namespace.
pub fn own_mounts() -> &'static str {
    let ways = ["--user --map-root-user --mount", "--mount"];
    ways.into_iter()
        .find(|way| {
            let tried = Command::new("unshare")
                .args(way.split(' '))
                .args(["mount", "-t", "tmpfs", "tmpfs", "/mnt"])
                .output();
            tried.is_ok_and(|tried| tried.status.success())
        })
        .expect("a disk can be mounted: this needs root, or Linux's user namespaces")
}
