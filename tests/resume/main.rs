//! Incremental loads: every record of a source that grows comes exactly once, whatever happens between and
//! within the runs. Each line of the logs here has a number, and what is loaded is compared with what was
//! written.

#[path = "../harness/mod.rs"]
mod harness;

mod checkpoints;
mod directories;
mod growing;
mod rotation;
mod targets;

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use harness::{Run, bash};

/// Where the lines are loaded.
#[derive(Clone)]
enum Target {
    Sqlite,
    File,
    Postgres(String),
}

/// A directory with a log in it, and a target that it is loaded into.
struct Place {
    directory: tempfile::TempDir,
    target: Target,
}

impl Place {
    fn new(target: Target) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Place { directory, target }
    }

    fn postgres(name: &str) -> Self {
        Self::new(Target::Postgres(harness::postgres_database(&format!(
            "resume_{name}"
        ))))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Appends text to a file.
    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name))
            .expect("a file to append to");
        file.write_all(text.as_bytes()).expect("a line is written");
    }

    /// Appends the lines of these numbers to `app.log`.
    fn log(&self, numbers: std::ops::RangeInclusive<u32>) {
        self.append("app.log", &lines(numbers));
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("a file is renamed");
    }

    /// The target's own words on the command line.
    fn address(&self) -> (String, &'static str) {
        match &self.target {
            Target::Sqlite => ("sqlite:d.db".to_owned(), "--table t"),
            Target::File => ("out.csv".to_owned(), ""),
            Target::Postgres(address) => (address.clone(), "--table t"),
        }
    }

    /// The line that reads `sources` on and loads what is new of them; `wrap` may change its stages.
    fn line(&self, sources: &str, wrap: [&str; 3]) -> String {
        let (address, table) = self.address();
        let [extract, filter, load] = wrap;
        format!(
            "{extract} extract {sources} --resume '{address}#f') | {filter} filter 'n > 0') \
             | {load} load '{address}' {table} --resume-name f)"
        )
    }

    fn bash(&self, line: &str) -> Run {
        bash(line).dir(self.directory.path()).run()
    }

    /// Loads what is new in these sources.
    fn run(&self, sources: &str) -> Run {
        self.bash(&self.line(sources, ["("; 3]))
    }

    #[track_caller]
    fn load(&self, sources: &str) {
        let run = self.run(sources);
        assert_eq!(run.code, 0, "{}", run.err());
    }

    /// Loads what is new in `app.log`, and holds that the target then has these numbers, each once.
    #[track_caller]
    fn holds(&self, numbers: impl IntoIterator<Item = u32>) {
        self.load(LOG);
        self.has(numbers);
    }

    #[track_caller]
    fn has(&self, numbers: impl IntoIterator<Item = u32>) {
        let expected: Vec<u32> = numbers.into_iter().collect();
        let found = self.numbers();
        let of_each = |number: &u32| found.iter().filter(|found| *found == number).count();
        if found.len() == expected.len() && found.iter().eq(&expected) {
            return;
        }
        let mut sorted = found.clone();
        sorted.sort_unstable();
        if sorted != expected {
            let wrong: Vec<_> = (sorted.iter().chain(&expected))
                .filter(|number| of_each(number) != 1 || !expected.contains(number))
                .take(20)
                .map(|number| (number, of_each(number)))
                .collect();
            panic!(
                "{} numbers in {}, {} expected; of these there are so many: {wrong:?}",
                found.len(),
                self.address().0,
                expected.len()
            );
        }
    }

    /// Holds that the target has the first lines, each once, however many: how many.
    #[track_caller]
    fn has_the_first(&self) -> u32 {
        let count = self.numbers().len() as u32;
        self.has(1..=count);
        count
    }

    /// Holds that no number came twice.
    #[track_caller]
    fn has_no_double(&self) {
        let mut numbers = self.numbers();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }

    /// The numbers in the target.
    fn numbers(&self) -> Vec<u32> {
        match &self.target {
            Target::Sqlite => {
                let connection = rusqlite::Connection::open(self.path("d.db")).expect("a database");
                let Ok(mut statement) = connection.prepare("SELECT n FROM t") else {
                    return Vec::new();
                };
                let rows = statement.query_map([], |row| row.get(0)).expect("a query");
                rows.collect::<Result<_, _>>().expect("numbers")
            }
            Target::Postgres(address) => {
                let mut client =
                    postgres::Client::connect(address, postgres::NoTls).expect("a server");
                let rows = client.query("SELECT n::int FROM t", &[]);
                let rows = rows.unwrap_or_default();
                rows.iter().map(|row| row.get::<_, i32>(0) as u32).collect()
            }
            Target::File => {
                let text = fs::read_to_string(self.path("out.csv")).unwrap_or_default();
                let numbers = text.lines().skip(1).map(|line| {
                    let (number, _) = line.split_once(',').expect("two fields");
                    number.parse().expect("a number")
                });
                numbers.collect()
            }
        }
    }
}

/// The sources of most tests.
const LOG: &str = "app.log --pattern '^(?<n>[0-9]+) (?<text>.*)$'";

fn lines(numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.map(line).collect()
}

fn line(number: u32) -> String {
    format!("{number} said so, and \"said\" so\n")
}

/// A sequence that looks random, and is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn every_target(name: &str) -> [Place; 3] {
    [
        Place::new(Target::Sqlite),
        Place::new(Target::File),
        Place::postgres(name),
    ]
}

/// Runs the pipeline and kills one of its stages after a while, if it is still there.
fn run_and_kill(place: &Place, stage: usize, after: Duration) {
    let marks = ["p0", "p1", "p2"];
    for mark in marks {
        fs::remove_file(place.path(mark)).ok();
    }
    let line = place.line(
        LOG,
        [
            "(echo $BASHPID >p0; exec",
            "(echo $BASHPID >p1; exec",
            "(echo $BASHPID >p2; exec",
        ],
    );
    let search = harness::search_path();
    let mut child = Command::new("bash")
        .args(["-c", &line])
        .env("PATH", search)
        .current_dir(place.directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("bash");
    let pid = loop {
        let text = fs::read_to_string(place.path(marks[stage])).unwrap_or_default();
        if let Ok(pid) = text.trim_end().parse::<i32>()
            && text.ends_with('\n')
        {
            break pid;
        }
        thread::yield_now();
    };
    thread::sleep(after);
    // The shell has not waited for it yet: the number is still its own, or a zombie's.
    if child.try_wait().expect("a child").is_none() {
        // SAFETY: kill takes two numbers and touches no memory.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    child.wait().expect("a child");
}
