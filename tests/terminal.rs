//! A program that reads a terminal says so: each is run with a pseudo terminal as standard input.

mod harness;

use std::fs::File;
use std::io::Write;
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::{Command, Output, Stdio};

/// The two ends of a pseudo terminal: what a person types goes into the first.
fn terminal() -> (File, OwnedFd) {
    let (mut person, mut program) = (-1, -1);
    // SAFETY: openpty writes two descriptors, which are ours from then on, to where it is told.
    unsafe {
        let made = libc::openpty(
            &raw mut person,
            &raw mut program,
            std::ptr::null_mut(),
            std::ptr::null(),
            std::ptr::null(),
        );
        assert_eq!(made, 0, "{}", std::io::Error::last_os_error());
        (File::from_raw_fd(person), OwnedFd::from_raw_fd(program))
    }
}

/// Runs a Bash line in `tests/cases/order/short-flags` at a terminal where two records and Ctrl-D are
/// typed.
fn run(line: &str) -> Output {
    let (mut person, program) = terminal();
    let child = Command::new("bash")
        .args(["-c", line])
        .current_dir(harness::root().join("tests/cases/order/short-flags"))
        .env("PATH", harness::search_path())
        .stdin(Stdio::from(program))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("bash runs");
    person
        .write_all(b"v,w\n9,1\n3,2\n\x04")
        .expect("the terminal takes it");
    child.wait_with_output().expect("bash ends")
}

const BEGINNING: &str = "reading records from the terminal (end with Ctrl-D)";

#[test]
fn a_terminal_is_announced() {
    for (line, name, rest) in [
        (
            "filter 'v > 5'",
            "filter",
            "; 'v > 5' was taken as the expression; name files after it",
        ),
        (
            "map 'x =\n v'",
            "map",
            "; 'x = v' was taken as the expression; name files after it",
        ),
        (
            "aggregate 'n = count()'",
            "aggregate",
            "; 'n = count()' was taken as the expression; name files after it",
        ),
        (
            "order -v",
            "order",
            "; '-v' was taken as the keys; name files after it",
        ),
        (
            "dedupe v",
            "dedupe",
            "; 'v' was taken as the keys; name files after it",
        ),
        ("dedupe", "dedupe", "; name files to read them instead"),
        (
            "lookup in.csv --on v",
            "lookup",
            "; 'in.csv' was taken as the table; name files after it",
        ),
        (
            "load - --to csv",
            "load",
            "; '-' was taken as the target; name files after it",
        ),
        ("meter -q", "meter", "; name files to read them instead"),
        ("extract", "extract", "; name files to read them instead"),
        (
            "filter -f <(echo 'v > 5')",
            "filter",
            "; name files to read them instead",
        ),
        ("filter 'v > 5' -", "filter", ""),
        ("extract -", "extract", ""),
        ("meter -q -", "meter", ""),
    ] {
        let output = run(line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            said.lines().next(),
            Some(format!("{name}: {BEGINNING}{rest}").as_str()),
            "{line}: {said}"
        );
        assert_eq!(output.status.code(), Some(0), "{line}: {said}");
        assert!(!output.stdout.is_empty(), "{line}");
    }
}

#[test]
fn what_reads_no_terminal_says_nothing() {
    for line in [
        "filter 'v > 5' in.csv",
        "filter 'v > 5' <in.csv",
        "cat in.csv | filter 'v > 5'",
        "extract in.csv",
        "meter -q in.csv",
        "lookup in.csv --on v --how semi in.csv",
        "load - in.csv",
        "filter --help",
    ] {
        let output = run(line);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(said, "", "{line}");
    }
    // A wrong call is told before anything is read.
    let said = run("filter 'v >'").stderr;
    assert!(!String::from_utf8_lossy(&said).contains("terminal"));
}

/// What a Bash line shows on a terminal that it has to itself, in a directory with a file of two records.
fn shown(line: &str) -> (String, tempfile::TempDir) {
    let place = tempfile::tempdir().expect("a temporary directory");
    std::fs::write(place.path().join("in.csv"), "n\n1\n2\n").expect("a file is written");
    let run = harness::bash("script --quiet --return --command \"$LINE\" /dev/null </dev/null")
        .env("LINE", line)
        .dir(place.path())
        .run();
    assert_eq!(run.code, 0, "{}", run.out());
    (run.out(), place)
}

#[test]
fn a_long_load_shows_what_it_does() {
    let (out, _place) = shown("{ printf 'n\\n1\\n'; sleep 1.8; printf '2\\n'; } | load out.csv");
    let lines: Vec<&str> = out.split("\r\x1b[K").collect();
    let is_reading = |line: &&str| line.starts_with("reading: 1 record, 4 B in 0:01: ");
    assert!(lines.iter().any(is_reading), "{out:?}");
    assert_eq!(
        lines.last(),
        Some(&"loaded 2 records into 'out.csv' (created)\r\n"),
        "{out:?}"
    );
    let (out, place) = shown(
        "flock .pipewright-lock sleep 2 & sleep 0.2; load out.csv --mode append <in.csv; load out.csv --mode append <in.csv",
    );
    assert!(
        out.contains("\r\x1b[Kwaiting for another load: 2 records in 0:01"),
        "{out:?}"
    );
    let appended = "loaded 2 records into 'out.csv' (appended)\r\n";
    assert!(out.ends_with(appended), "{out:?}");
    let names = std::fs::read_dir(place.path()).expect("a directory");
    assert_eq!(names.count(), 2);
}

#[test]
fn a_short_load_shows_its_receipt_alone() {
    let (out, _place) = shown("load sqlite:d.db#t in.csv");
    assert_eq!(
        out,
        "loaded 2 records into table 't' of sqlite:d.db (created)\r\n"
    );
    // Not a terminal: the receipt is a record.
    let (out, _place) = shown(
        "load out.csv in.csv | tail -n 1; load out.csv <in.csv >receipt; cat receipt | tail -n 1",
    );
    assert_eq!(
        out,
        "out.csv,,create,2,2,0,0,0,0\r\nout.csv,,replace,2,2,0,0,0,0\r\n"
    );
}

#[test]
fn records_on_a_terminal_are_not_mixed_with_progress() {
    let (out, _place) = shown("{ printf 'n\\n1\\n'; sleep 1.8; printf '2\\n'; } | load - --to csv");
    assert_eq!(out, "n\r\n1\r\n2\r\n");
}
