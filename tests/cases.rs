//! `tests/cases/<tool>/<case>/`: one behaviour each, told in files.
//!
//! | file | |
//! |---|---|
//! | `cmd` | a Bash line, run with `pipefail` in a copy of the directory, our programs first in `PATH`; `$DATA` is `tests/data` |
//! | `stdout`, `stderr` | what it writes, to the byte; no file: nothing |
//! | `exit` | its exit code; no file: 0 |
//! | any other | an input, there when the line runs |
//!
//! A line that speaks of `PIPEWRIGHT_TEST_POSTGRES` is given an empty database there. `scripts/bless` runs
//! this with `BLESS=1`, which writes the three files anew; `CASE=text` runs the cases with that in their name.

mod harness;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The files that say what a case does, as against what it reads.
const TOLD: [&str; 4] = ["cmd", "stdout", "stderr", "exit"];

fn directory() -> PathBuf {
    harness::root().join("tests/cases")
}

/// The directories inside `path`, by name.
fn directories(path: &Path) -> Vec<(String, PathBuf)> {
    let mut found: Vec<_> = fs::read_dir(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .map(|entry| entry.expect("a directory can be read").path())
        .filter(|path| path.is_dir())
        .map(|path| {
            let name = path.file_name().expect("an entry has a name");
            (name.to_string_lossy().into_owned(), path)
        })
        .collect();
    found.sort();
    found
}

/// What a case does, and what it is expected to do.
#[derive(PartialEq, Eq)]
struct Outcome {
    stdout: Vec<u8>,
    stderr: Vec<u8>,
    exit: i32,
}

impl Outcome {
    fn expected(case: &Path) -> Self {
        let exit = fs::read_to_string(case.join("exit")).unwrap_or_default();
        Self {
            stdout: fs::read(case.join("stdout")).unwrap_or_default(),
            stderr: fs::read(case.join("stderr")).unwrap_or_default(),
            exit: match exit.trim() {
                "" => 0,
                code => code
                    .parse()
                    .unwrap_or_else(|_| panic!("exit: {code:?} is not a number")),
            },
        }
    }

    fn of(case: &Path) -> Self {
        let line = fs::read_to_string(case.join("cmd")).expect("a case has a cmd");
        let place = tempfile::tempdir().expect("a temporary directory");
        for entry in fs::read_dir(case).expect("a case can be read") {
            let path = entry.expect("a case can be read").path();
            let name = path.file_name().expect("an entry has a name");
            if !TOLD.iter().any(|told| name == *told) {
                fs::copy(&path, place.path().join(name)).expect("an input can be copied");
            }
        }
        let mut program = harness::bash(&line).dir(place.path());
        let mut address = String::new();
        if line.contains("PIPEWRIGHT_TEST_POSTGRES") {
            let tool = case.parent().and_then(Path::file_name).expect("a tool");
            let name = case.file_name().expect("a case has a name");
            address = harness::postgres_database(&format!(
                "case_{}_{}",
                tool.to_string_lossy(),
                name.to_string_lossy()
            ));
            program = program.env("PIPEWRIGHT_TEST_POSTGRES", &address);
        }
        let run = program.run();
        Self {
            stdout: without(run.stdout, &address),
            stderr: without(run.stderr, &address),
            exit: run.code,
        }
    }

    fn bless(&self, case: &Path) {
        let exit = match self.exit {
            0 => String::new(),
            code => format!("{code}\n"),
        };
        for (name, bytes) in [
            ("stdout", self.stdout.as_slice()),
            ("stderr", &self.stderr),
            ("exit", exit.as_bytes()),
        ] {
            let file = case.join(name);
            if bytes.is_empty() {
                fs::remove_file(&file).ok();
            } else {
                fs::write(&file, bytes).expect("an expected file can be written");
            }
        }
    }
}

/// `bytes` with a database's address, which differs from run to run, replaced by its variable's name.
fn without(bytes: Vec<u8>, address: &str) -> Vec<u8> {
    match String::from_utf8(bytes) {
        Ok(text) if !address.is_empty() => text
            .replace(address, "$PIPEWRIGHT_TEST_POSTGRES")
            .into_bytes(),
        Ok(text) => text.into_bytes(),
        Err(error) => error.into_bytes(),
    }
}

/// The two as `diff -u` shows them.
fn difference(name: &str, expected: &[u8], found: &[u8]) -> String {
    if expected == found {
        return String::new();
    }
    let place = tempfile::tempdir().expect("a temporary directory");
    let (left, right) = (place.path().join("expected"), place.path().join("found"));
    fs::write(&left, expected).expect("a temporary file can be written");
    fs::write(&right, found).expect("a temporary file can be written");
    let diff = Command::new("diff")
        .args(["--text", "-u", "--label"])
        .arg(format!("{name}, expected"))
        .arg("--label")
        .arg(format!("{name}, found"))
        .args([left, right])
        .output()
        .expect("diff can be started");
    String::from_utf8_lossy(&diff.stdout).into_owned()
}

/// Runs one case; panics with the differences.
fn try_case(case: &Path) {
    let found = Outcome::of(case);
    if std::env::var_os("BLESS").is_some() {
        found.bless(case);
        return;
    }
    let expected = Outcome::expected(case);
    if found != expected {
        let mut text = difference("stdout", &expected.stdout, &found.stdout);
        text.push_str(&difference("stderr", &expected.stderr, &found.stderr));
        if found.exit != expected.exit {
            text.push_str(&format!(
                "exit: expected {}, found {}\n",
                expected.exit, found.exit
            ));
        }
        panic!("{text}");
    }
}

fn cases_of(tool: &str) {
    let wanted = std::env::var("CASE").unwrap_or_default();
    let cases = directories(&directory().join(tool));
    assert!(!cases.is_empty(), "there are no cases for {tool}");
    let chosen = cases
        .into_iter()
        .filter(|(name, _)| name.contains(&wanted))
        .map(|(name, path)| (format!("{tool}/{name}"), path));
    let failed = harness::failures(chosen, |path: PathBuf| try_case(&path));
    harness::report("cases", &failed);
}

#[test]
fn extract() {
    cases_of("extract");
}

#[test]
fn filter() {
    cases_of("filter");
}

#[test]
fn map() {
    cases_of("map");
}

#[test]
fn aggregate() {
    cases_of("aggregate");
}

#[test]
fn order() {
    cases_of("order");
}

#[test]
fn dedupe() {
    cases_of("dedupe");
}

#[test]
fn lookup() {
    cases_of("lookup");
}

#[test]
fn load() {
    cases_of("load");
}

#[test]
fn meter() {
    cases_of("meter");
}

#[test]
fn balance() {
    cases_of("balance");
}

/// A directory that no test above runs would be a set of tests that cannot fail.
#[test]
fn every_directory_is_run() {
    for (name, _) in directories(&directory()) {
        assert!(harness::TOOLS.contains(&name.as_str()), "{name} is no tool");
    }
}
