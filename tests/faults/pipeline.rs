//! Pipelines whose every stage is known by its process, so that each can be struck at any moment.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::harness;

/// How long a pipeline may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(60);

/// A program and its arguments.
pub type Stage = (&'static str, Vec<String>);

/// A stage from words.
pub fn stage(program: &'static str, arguments: &[&str]) -> Stage {
    let arguments = arguments.iter().map(|&argument| argument.to_owned());
    (program, arguments.collect())
}

/// What a pipeline is started with, beside its stages.
pub struct Setting<'s> {
    /// Where its stages run.
    pub directory: &'s Path,
    /// Variables of its environment.
    pub variables: Vec<(&'s str, &'s OsStr)>,
    /// What the first stage reads.
    pub feed: Feed,
}

/// What comes to a first stage.
#[derive(Clone, Default)]
pub struct Feed {
    /// The bytes.
    pub bytes: Arc<Vec<u8>>,
    /// In how many writes they come.
    pub pieces: usize,
    /// What is waited after each.
    pub pause: Duration,
}

impl Feed {
    /// The reading end of a pipe to which all of it is written beside the test.
    fn open(self) -> Stdio {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        std::thread::spawn(move || {
            let mut writer = writer;
            let size = self.bytes.len().div_ceil(self.pieces.max(1)).max(1);
            for piece in self.bytes.chunks(size) {
                // A killed stage reads no more, and that is no failure of the feeding.
                if writer.write_all(piece).is_err() {
                    return;
                }
                std::thread::sleep(self.pause);
            }
        });
        OwnedFd::from(reader).into()
    }
}

impl<'s> Setting<'s> {
    /// In this directory, which is also where its notes lie.
    pub fn in_directory(directory: &'s Path) -> Self {
        Setting {
            directory,
            variables: vec![("XDG_RUNTIME_DIR", directory.as_os_str())],
            feed: Feed::default(),
        }
    }
}

/// A pipeline that runs.
pub struct Pipeline {
    stages: Vec<Running>,
    /// When its last stage was started.
    pub start: Instant,
}

struct Running {
    child: Child,
    /// Takes its standard error.
    words: File,
    ended: Option<ExitStatus>,
}

/// How a stage ended.
#[derive(Clone, Debug)]
pub struct End {
    status: ExitStatus,
    /// Its standard error.
    pub words: String,
}

impl End {
    /// Its exit code, where it ended by itself.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.status.signal()
    }
}

impl Pipeline {
    /// Starts these stages from the last to the first, each reading what the one before writes; the first
    /// reads the setting's feed and the last one's output goes nowhere.
    pub fn start(stages: &[Stage], setting: &Setting<'_>) -> Self {
        let mut running = Vec::new();
        let mut output = Stdio::null();
        for (place, (program, arguments)) in stages.iter().enumerate().rev() {
            let (input, next) = match place {
                0 => (setting.feed.clone().open(), Stdio::null()),
                _ => {
                    let (reader, writer) = std::io::pipe().expect("a pipe");
                    (OwnedFd::from(reader).into(), OwnedFd::from(writer).into())
                }
            };
            let words = tempfile::tempfile().expect("a temporary file");
            let mut command = harness::command(program);
            command
                .args(arguments)
                .current_dir(setting.directory)
                .envs(setting.variables.iter().copied())
                .stdin(input)
                .stdout(std::mem::replace(&mut output, next))
                .stderr(words.try_clone().expect("a file can be shared"));
            let child = command
                .spawn()
                .unwrap_or_else(|error| panic!("{program} cannot be started: {error}"));
            running.push(Running {
                child,
                words,
                ended: None,
            });
        }
        running.reverse();
        Pipeline {
            stages: running,
            start: Instant::now(),
        }
    }

    /// Sends a signal to the stage of this place, if it still runs.
    pub fn strike(&mut self, place: usize, signal: i32) {
        let stage = &mut self.stages[place];
        if stage.ended.is_none() {
            let pid = libc::pid_t::try_from(stage.child.id()).expect("a small number");
            // SAFETY: kill touches no memory; the child was not waited for, so the number is still its own.
            unsafe { libc::kill(pid, signal) };
        }
    }

    /// Whether the stage of this place has ended.
    pub fn has_ended(&mut self, place: usize) -> bool {
        let stage = &mut self.stages[place];
        if stage.ended.is_none() {
            stage.ended = stage.child.try_wait().expect("a child can be waited for");
        }
        stage.ended.is_some()
    }

    /// Waits until `is_so`, or for so long at most.
    pub fn wait_until(&mut self, most: Duration, mut is_so: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + most;
        while !is_so(self) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_micros(100));
        }
    }

    /// Waits for all stages: how each ended.
    pub fn finish(mut self) -> Vec<End> {
        let deadline = Instant::now() + PATIENCE;
        while !(0..self.stages.len()).all(|place| self.has_ended(place)) {
            assert!(Instant::now() < deadline, "a stage hangs");
            std::thread::sleep(Duration::from_micros(300));
        }
        let stages = std::mem::take(&mut self.stages);
        stages.into_iter().map(Running::end).collect()
    }
}

impl Running {
    fn end(mut self) -> End {
        let mut words = Vec::new();
        self.words
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.words.read_to_end(&mut words))
            .expect("a file can be read");
        End {
            status: self.ended.expect("the stage has ended"),
            words: String::from_utf8_lossy(&words).into_owned(),
        }
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        for stage in &mut self.stages {
            stage.child.kill().ok();
            stage.child.wait().ok();
        }
    }
}

/// Pseudo-random numbers (xorshift64*), the same for the same seed.
#[derive(Clone)]
pub struct Random(u64);

impl Random {
    /// From this seed.
    pub fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// From 0 to below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.next() >> 16) % bound.max(1)
    }

    /// A time from `least` to `most`.
    pub fn between(&mut self, least: Duration, most: Duration) -> Duration {
        let span = u64::try_from(most.saturating_sub(least).as_nanos()).unwrap_or(u64::MAX);
        least + Duration::from_nanos(self.below(span))
    }
}
