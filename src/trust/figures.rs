//! The figures of a stage: one JSON file in the directory named by `PIPEWRIGHT_RUN`. It exists from the start of
//! the stage, is refreshed about once a second, and is final once the program ends.
//!
//! Without the variable nothing is measured and no thread is started. A stage ended by SIGKILL leaves the state
//! `running`; its process id and start time show that it is gone.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::pipe::Pipe;
use super::process;
use super::signals;
use super::stage::{self, COUNTERS};
use crate::sys::process::{own_usage, usage_of_children};

/// The variable that names the directory for figures.
pub const DIRECTORY: &str = "PIPEWRIGHT_RUN";

/// The variable that tells the stages of a command which stage runs it.
pub const WITHIN: &str = "PIPEWRIGHT_WITHIN";

/// How often a running stage updates its figures.
const REFRESH: Duration = Duration::from_secs(1);

/// The figures of one stage. Times are in seconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// The name of the program.
    pub program: String,
    /// The foreign command that it runs as a stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<String>,
    /// The command line, quoted for a shell, without passwords.
    pub command: String,
    /// Its process id.
    pub pid: u32,
    /// The process id of its parent.
    pub parent: u32,
    /// When its process started, in ticks since boot, because process ids are reused.
    pub process_start: String,
    /// The stage that runs it as its command, by the name of that stage's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// When it started (ISO 8601).
    pub started: String,
    /// Its state.
    pub state: Course,
    /// Its exit code, once it has ended; 128 plus the signal number if a signal ended it.
    pub exit: Option<i32>,
    /// Records read, including bad ones.
    pub records_in: u64,
    /// Records written.
    pub records_out: u64,
    /// Records set aside.
    pub rejected: u64,
    /// Bytes read from all sources, before decompression.
    pub bytes_in: u64,
    /// Bytes written to standard output.
    pub bytes_out: u64,
    /// Time since its start.
    pub wall_seconds: f64,
    /// Processor time, including commands that it ran and that have ended.
    pub cpu_seconds: f64,
    /// Time in reads; see [`stage::Wait`].
    pub blocked_in_seconds: f64,
    /// Time in writes.
    pub blocked_out_seconds: f64,
    /// The peak memory of this process, or of a command that it ran if that is larger.
    pub peak_bytes: u64,
    /// What it reads: standard input, until it opens something else.
    pub inputs: Vec<End>,
    /// What it writes: standard output, and other pipes.
    pub outputs: Vec<End>,
}

/// The state of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Course {
    /// It has not ended, or was killed.
    Running,
    /// It succeeded.
    Done,
    /// It failed.
    Failed,
    /// A signal stopped it.
    Stopped,
}

/// Something that a stage reads or writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// A pipe; its writer and its reader use the same key.
    Pipe(String),
    /// A file, by its path.
    File(String),
    /// A terminal, a device, a socket.
    Other(String),
}

impl End {
    fn of(descriptor: RawFd) -> Self {
        if let Some(pipe) = Pipe::of(descriptor) {
            return End::Pipe(pipe.key);
        }
        let link = fs::read_link(format!("/proc/self/fd/{descriptor}")).unwrap_or_default();
        let name = link.display().to_string();
        match link.is_file() {
            true => End::File(name),
            false => End::Other(name),
        }
    }
}

struct Recorder {
    path: PathBuf,
    since: Instant,
    figures: Figures,
    /// Whether nothing but standard input has been opened.
    is_unopened: bool,
}

static RECORDER: Mutex<Option<Recorder>> = Mutex::new(None);

fn recorder() -> MutexGuard<'static, Option<Recorder>> {
    RECORDER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts to record figures if the variable is set.
///
/// # Errors
/// The figures cannot be written; the program can continue without them.
pub fn begin(program: &str) -> anyhow::Result<()> {
    let Some(directory) = std::env::var_os(DIRECTORY).filter(|name| !name.is_empty()) else {
        return Ok(());
    };
    let directory = std::path::absolute(&directory).unwrap_or_else(|_| directory.into());
    let begun = Recorder::begin(&directory, program);
    let naming = || format!("no figures are kept in '{}'", directory.display());
    *recorder() = Some(begun.with_context(naming)?);
    signals::watch();
    stage::time_waits();
    let refresh = || {
        loop {
            std::thread::sleep(REFRESH);
            let mut recorder = recorder();
            let Some(recorder) = &mut *recorder else {
                return;
            };
            recorder.measure();
            // A full disk may have space again later.
            let _ = recorder.write();
        }
    };
    // Without the thread, the final figures are still written.
    let _ = std::thread::Builder::new()
        .name("figures".to_owned())
        .stack_size(128 * 1024)
        .spawn(refresh);
    Ok(())
}

/// Records how the stage ended. Only the first call counts.
pub fn end(state: Course, exit: i32) {
    if let Some(mut ended) = recorder().take() {
        ended.measure();
        ended.figures.state = state;
        ended.figures.exit = Some(exit);
        // The user was told at the start if the directory is not writable.
        let _ = ended.write();
    }
}

/// Removes the figures, because this process is not a stage.
pub fn withdraw() {
    if let Some(recorder) = recorder().take() {
        let _ = fs::remove_file(&recorder.path);
    }
}

/// Records that this descriptor is read.
pub fn reads(descriptor: RawFd) {
    if let Some(recorder) = &mut *recorder() {
        if std::mem::take(&mut recorder.is_unopened) {
            recorder.figures.inputs.clear();
        }
        recorder.figures.inputs.push(End::of(descriptor));
    }
}

/// Records that this descriptor is written, if it is a pipe.
pub fn writes(descriptor: RawFd) {
    if let Some(recorder) = &mut *recorder() {
        let end = End::of(descriptor);
        if matches!(end, End::Pipe(_)) {
            recorder.figures.outputs.push(end);
        }
    }
}

/// Records which foreign command this stage runs. Returns the value of [`WITHIN`] for the command.
pub fn runs(command: &str) -> Option<String> {
    let mut recorder = recorder();
    let recorder = recorder.as_mut()?;
    recorder.figures.runs = Some(command.to_owned());
    Some(recorder.path.file_stem()?.to_string_lossy().into_owned())
}

impl Recorder {
    fn begin(directory: &Path, program: &str) -> io::Result<Self> {
        fs::create_dir_all(directory)?;
        let pid = std::process::id();
        let now = jiff::Timestamp::now();
        let name = format!("{}-{pid}-{program}.json", now.strftime("%Y%m%dT%H%M%S.%6f"));
        let words: Vec<String> = std::env::args_os()
            .skip(1)
            .map(|word| as_typed(&word))
            .collect();
        let mut begun = Recorder {
            path: directory.join(name),
            since: Instant::now(),
            figures: Figures {
                program: program.to_owned(),
                runs: None,
                command: [&[program.to_owned()], words.as_slice()].concat().join(" "),
                pid,
                parent: std::os::unix::process::parent_id(),
                process_start: process::started("self").unwrap_or_default(),
                within: std::env::var(WITHIN).ok(),
                started: now.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string(),
                state: Course::Running,
                exit: None,
                records_in: 0,
                records_out: 0,
                rejected: 0,
                bytes_in: 0,
                bytes_out: 0,
                wall_seconds: 0.0,
                cpu_seconds: 0.0,
                blocked_in_seconds: 0.0,
                blocked_out_seconds: 0.0,
                peak_bytes: 0,
                inputs: vec![End::of(libc::STDIN_FILENO)],
                outputs: vec![End::of(libc::STDOUT_FILENO)],
            },
            is_unopened: true,
        };
        begun.measure();
        begun.write()?;
        Ok(begun)
    }

    fn measure(&mut self) {
        let own = own_usage();
        let others = usage_of_children();
        let figures = &mut self.figures;
        figures.records_in = stage::read(&COUNTERS.records_in);
        figures.records_out = stage::read(&COUNTERS.records_out);
        figures.rejected = stage::read(&COUNTERS.rejected);
        figures.bytes_in = stage::read(&COUNTERS.bytes_in);
        figures.bytes_out = stage::read(&COUNTERS.bytes_out);
        figures.wall_seconds = rounded(self.since.elapsed().as_secs_f64());
        figures.cpu_seconds = rounded(own.cpu + others.cpu);
        // A command that generates its own records ignores its input and does not wait for any.
        let waited_in = match figures.runs.is_some() && figures.bytes_in == 0 {
            true => Duration::ZERO,
            false => COUNTERS.waited_in.time(),
        };
        figures.blocked_in_seconds = rounded(waited_in.as_secs_f64());
        figures.blocked_out_seconds = rounded(COUNTERS.waited_out.time().as_secs_f64());
        figures.peak_bytes = own_peak().unwrap_or(own.peak).max(others.peak);
    }

    /// Writes the file; readers see either the old or the new content.
    fn write(&self) -> io::Result<()> {
        let mut text = serde_json::to_vec_pretty(&self.figures)?;
        text.push(b'\n');
        let new = self.path.with_extension("new");
        let written = fs::write(&new, text).and_then(|()| fs::rename(&new, &self.path));
        if written.is_err() {
            let _ = fs::remove_file(&new);
        }
        written
    }
}

/// Rounds to microseconds.
fn rounded(seconds: f64) -> f64 {
    (seconds * 1e6).round() / 1e6
}

/// Returns the peak memory of this program on Linux. There, rusage also counts the time before exec, when the
/// process was a copy of its parent.
fn own_peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

/// Quotes a word of a command line for a shell.
fn as_typed(word: &OsStr) -> String {
    let word = masked(&word.to_string_lossy());
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_./:=,+@%#".contains(letter);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// Removes passwords from addresses (`scheme://user:password@host`) and settings (`password=...`). It removes too
/// much rather than too little.
fn masked(text: &str) -> String {
    text.split_inclusive(char::is_whitespace)
        .map(|word| without_setting(&without_password(word)))
        .collect()
}

fn without_password(word: &str) -> String {
    let (Some((scheme, rest)), true) = (word.split_once("://"), word.contains('@')) else {
        return word.to_owned();
    };
    // A password may contain an unescaped @, so the last one counts.
    match rest.rsplit_once('@') {
        Some((user, place)) if user.contains(':') => {
            let user = user.split(':').next().unwrap_or_default();
            format!("{scheme}://{user}:***@{place}")
        }
        _ => word.to_owned(),
    }
}

fn without_setting(word: &str) -> String {
    const SETTING: &str = "password=";
    let Some(start) = word.find(SETTING).map(|start| start + SETTING.len()) else {
        return word.to_owned();
    };
    let ends = |letter: char| letter == '&' || letter.is_whitespace();
    let length = word[start..].find(ends).unwrap_or(word.len() - start);
    format!("{}***{}", &word[..start], &word[start + length..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_hold_no_passwords() {
        for (word, expected) in [
            ("plain.csv", "plain.csv"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("", "''"),
            ("postgresql://etl@db/x", "postgresql://etl@db/x"),
            (
                "postgresql://etl:s3@cr@db:5432/x",
                "'postgresql://etl:***@db:5432/x'",
            ),
            ("a://u:p@h b://v:q@i", "'a://u:***@h b://v:***@i'"),
            (
                "host=db password=s3cret user=x",
                "'host=db password=*** user=x'",
            ),
            (
                "pg://db/x?password=s&user=u",
                "'pg://db/x?password=***&user=u'",
            ),
        ] {
            assert_eq!(as_typed(OsStr::new(word)), expected, "{word}");
        }
    }
}
