//! Passes hold a few blocks, whatever comes: their peak memory on 100 MB of records.

mod harness;

use std::process::{Child, Command, Stdio};

/// The most resident memory that a pass may have had, in MB.
const MOST: i64 = 64;

/// The peak of a program's resident memory, in MB, while it read 100 MB of these records. The last of them is
/// cut off, so the run fails there, and must have read all the others.
fn peak(program: &str, arguments: &[&str], header: &str, record: &str) -> i64 {
    let mut records = Command::new("bash")
        .args([
            "-c",
            "printf '%s' \"$0\"; yes \"$1\" 2>/dev/null | head -c 100000000",
        ])
        .args([header, record])
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash can be started");
    let input = records.stdout.take().expect("its output is piped");
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(input)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started");
    let (_, peak) = waited(&mut child);
    let fed = records.wait().expect("bash can be waited for");
    assert!(fed.success(), "it did not read all of its input");
    peak
}

/// The exit code of a child at its end, and the peak of its resident memory, in MB.
fn waited(child: &mut Child) -> (i32, i64) {
    let pid = libc::pid_t::try_from(child.id()).expect("a process has a small number");
    let mut status = 0;
    // SAFETY: all zeros are a valid rusage, a struct of integers.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the child is ours and nobody else waits for it; both places outlive the call.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    assert_eq!(waited, pid, "the program can be waited for");
    // It was waited for already; this only tells the standard library.
    let _ = child.wait();
    assert!(libc::WIFEXITED(status), "a signal ended it");
    (libc::WEXITSTATUS(status), usage.ru_maxrss / 1024)
}

#[test]
fn passes_hold_a_few_blocks() {
    let header = "id,qty,name,note\n";
    let record = "1,5,apple,\"big, \"\"green\"\"\nand round\"";
    for threads in ["1", "4"] {
        let of = |program, arguments: &[&str]| {
            let arguments = [arguments, &["-j", threads]].concat();
            let peak = peak(program, &arguments, header, record);
            assert!(peak <= MOST, "{program} -j {threads}: {peak} MB");
        };
        of(env!("CARGO_BIN_EXE_extract"), &[]);
        of(env!("CARGO_BIN_EXE_extract"), &["--ragged", "pad"]);
        of(env!("CARGO_BIN_EXE_filter"), &["qty > 1"]);
        of(
            env!("CARGO_BIN_EXE_map"),
            &["twice = qty * 2, up = upper(name)"],
        );
        of(
            env!("CARGO_BIN_EXE_aggregate"),
            &["sum(qty)", "--by", "name"],
        );
        of(env!("CARGO_BIN_EXE_load"), &["-", "--to", "jsonl"]);
    }
}

/// What keeps records goes on on disk: a million of them in 16 MB, with the same result as in memory, and
/// never more than it was given and a few blocks.
#[test]
fn what_keeps_records_stays_within_its_memory() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let file = place.path().join("in.csv");
    let line = "{ echo id,twin,text; seq 1000000 | awk '{ print $1 * 48271 % 1000003 \",\" int($1 / 2) \",some words to fill it \" $1 }'; } >\"$0\"";
    let made = Command::new("bash").args(["-c", line]).arg(&file).status();
    assert!(made.is_ok_and(|status| status.success()));
    let table = place.path().join("table.csv");
    let cut = "sed '2,300001d; 1s/text/words/' \"$0\" | awk -F, 'NR == 1 || NR % 2' >\"$1\"";
    let made = Command::new("bash")
        .args(["-c", cut])
        .arg(&file)
        .arg(&table)
        .status();
    assert!(made.is_ok_and(|status| status.success()));
    let table = table.to_str().expect("a path of UTF-8");
    for (program, arguments) in [
        (env!("CARGO_BIN_EXE_order"), &["id"][..]),
        (env!("CARGO_BIN_EXE_order"), &["-text", "--unique"]),
        (env!("CARGO_BIN_EXE_dedupe"), &["id"]),
        (env!("CARGO_BIN_EXE_dedupe"), &["twin"]),
        (env!("CARGO_BIN_EXE_dedupe"), &["twin", "--keep", "last"]),
        (
            env!("CARGO_BIN_EXE_aggregate"),
            &[
                "n = count(), s = sum(twin), a = avg(id), least = min(text), l = last(text)",
                "--by",
                "id",
            ],
        ),
        (
            env!("CARGO_BIN_EXE_aggregate"),
            &[
                "median(id), string_agg(text), mode(text), count(distinct id)",
                "--by",
                "twin",
            ],
        ),
        (
            env!("CARGO_BIN_EXE_aggregate"),
            &["sum(id), arg_max(text, id)", "--by", "twin", "--partial"],
        ),
        (
            env!("CARGO_BIN_EXE_aggregate"),
            &["median(id), string_agg(text)", "--by", "twin", "--sorted"],
        ),
        (
            env!("CARGO_BIN_EXE_lookup"),
            &[table, "--on", "twin=id", "--take", "words"],
        ),
        (
            env!("CARGO_BIN_EXE_lookup"),
            &[
                table, "--on", "id=twin", "--how", "inner", "--many", "--prefix", "t_",
            ],
        ),
        (
            env!("CARGO_BIN_EXE_lookup"),
            &[table, "--on", "id=twin", "--how", "semi"],
        ),
        (
            env!("CARGO_BIN_EXE_lookup"),
            &[table, "--asof", "twin=id", "--take", "words"],
        ),
    ] {
        for (flags, output) in [
            (&["--memory", "1G"][..], "all.csv"),
            (&["--memory", "16M", "-j", "1"], "out.csv"),
            (&["--memory", "16M", "-j", "4"], "out.csv"),
        ] {
            let output = place.path().join(output);
            let mut child = Command::new(program)
                .args(arguments)
                .arg(&file)
                .args(flags)
                .env("TMPDIR", place.path())
                .stdout(std::fs::File::create(&output).expect("a file"))
                .spawn()
                .expect("the program can be started");
            let (code, peak) = waited(&mut child);
            assert_eq!(code, 0, "{program} {arguments:?} {flags:?}");
            if flags[1] == "16M" {
                assert!(
                    peak <= 16 + 32,
                    "{program} {arguments:?} {flags:?}: {peak} MB"
                );
            }
            // Read by another process: what this one held would count as the next one's.
            let mut same = Command::new("cmp");
            same.arg(&output).arg(place.path().join("all.csv"));
            assert!(
                same.status().is_ok_and(|status| status.success()),
                "{program} {arguments:?} {flags:?}"
            );
            let size = std::fs::metadata(&output).map_or(0, |found| found.len());
            assert!(size > 10_000_000, "{program} {arguments:?}: {size} bytes");
        }
        let left = std::fs::read_dir(place.path())
            .expect("a directory")
            .count();
        assert_eq!(left, 4, "{program} left something behind");
    }
}

/// Memory is a matter of bytes, not of records or groups: few of them, but long ones.
#[test]
fn long_values_take_no_more() {
    let place = tempfile::tempdir().expect("a temporary directory");
    // Made by another process: what this one held would count as the programs'.
    let made = |name: &str, line: &str| {
        let path = place.path().join(name);
        let made = Command::new("bash").args(["-c", line]).arg(&path).status();
        assert!(made.is_ok_and(|status| status.success()));
        path.to_str().expect("a path of UTF-8").to_owned()
    };
    let numbers = made("numbers.csv", "{ echo a; seq 0 59; } >\"$0\"");
    let records = made(
        "records.csv",
        "{ echo k,t; for n in {0..59}; do printf '%d,%01000000d\\n' $((n * 37 % 45)) 7; done; } >\"$0\"",
    );
    let parts = made(
        "parts.csv",
        "{ echo k,t; for n in {0..1199}; do printf '%d,1%0100000d\\n' $((n % 300)) 7; done; } >\"$0\"",
    );
    let ones = made("ones.csv", "{ echo k; yes 1 | head -n 500; } >\"$0\"");
    let table = made(
        "table.csv",
        "{ echo k,t; printf '1,%01000000d\\n' 7; } >\"$0\"",
    );
    for (program, arguments, most, size) in [
        (
            env!("CARGO_BIN_EXE_map"),
            &["x = repeat(\"x\", 5000000)", &numbers][..],
            MOST,
            300_000_000,
        ),
        (
            env!("CARGO_BIN_EXE_map"),
            &["x = lpad(text(a), 5000000), n = record_number()", &numbers],
            MOST,
            300_000_000,
        ),
        (
            env!("CARGO_BIN_EXE_filter"),
            &["length(repeat(\"x\", 5000000)) > 5", &numbers],
            MOST,
            150,
        ),
        (
            env!("CARGO_BIN_EXE_order"),
            &["repeat(text(a), 2000000)", "--memory", "16M", &numbers],
            16 + MOST,
            150,
        ),
        (
            env!("CARGO_BIN_EXE_dedupe"),
            &["repeat(text(a), 2000000)", "--memory", "16M", &numbers],
            16 + MOST,
            150,
        ),
        (
            env!("CARGO_BIN_EXE_aggregate"),
            &[
                "count()",
                "--by",
                "x = repeat(text(a), 2000000)",
                "--memory",
                "16M",
                &numbers,
            ],
            16 + MOST,
            220_000_000,
        ),
        (
            env!("CARGO_BIN_EXE_aggregate"),
            &[
                "x = repeat(\"x\", 4999999 + count())",
                "--by",
                "a",
                "--memory",
                "16M",
                &numbers,
            ],
            16 + MOST,
            300_000_000,
        ),
        (
            env!("CARGO_BIN_EXE_aggregate"),
            &[
                "n = count(repeat(text(a), 2000000))",
                "--window",
                "10s",
                "--on",
                "from_epoch(a)",
                &numbers,
            ],
            MOST,
            200,
        ),
        (
            env!("CARGO_BIN_EXE_aggregate"),
            &["string_agg(t)", "--by", "k", "--memory", "16M", &parts],
            16 + 32,
            120_000_000,
        ),
        (
            env!("CARGO_BIN_EXE_order"),
            &["k", "--memory", "4M", &records],
            4 + 32,
            60_000_000,
        ),
        (
            env!("CARGO_BIN_EXE_dedupe"),
            &["k", "--keep", "last", "--memory", "4M", &records],
            4 + 32,
            45_000_000,
        ),
        (
            env!("CARGO_BIN_EXE_lookup"),
            &[&table, "--on", "k", &ones],
            MOST,
            500_000_000,
        ),
    ] {
        for threads in ["1", "4"] {
            let output = place.path().join("out.csv");
            let mut child = Command::new(program)
                .args(arguments)
                .args(["-j", threads])
                .env("TMPDIR", place.path())
                .stdout(std::fs::File::create(&output).expect("a file"))
                .spawn()
                .expect("the program can be started");
            let (code, peak) = waited(&mut child);
            assert_eq!(code, 0, "{program} {arguments:?}");
            assert!(
                peak <= most,
                "{program} {arguments:?} -j {threads}: {peak} MB"
            );
            let written = std::fs::metadata(&output).map_or(0, |found| found.len());
            let rest = written.checked_sub(size);
            assert!(
                rest.is_some_and(|rest| rest < 10_000),
                "{program} {arguments:?}: {written} bytes"
            );
        }
    }
}

#[test]
fn so_does_extract_with_other_formats() {
    for (format, record) in [
        (
            "jsonl",
            r#"{"id": 1, "user": {"name": "Ann"}, "tags": ["a", "b"]}"#,
        ),
        (
            "logfmt",
            r#"time=2026-03-02T10:00:01Z level=info msg="request done" ms=56.0"#,
        ),
        (
            "common",
            r#"192.0.2.1 - - [02/Mar/2026:09:01:21 +0000] "GET / HTTP/1.1" 200 8705"#,
        ),
    ] {
        let program = env!("CARGO_BIN_EXE_extract");
        let peak = peak(program, &["--from", format], "", record);
        assert!(peak <= MOST, "{format}: {peak} MB");
    }
}

/// A million records, sorted by what no index knows, too.
#[test]
fn so_does_extract_from_databases() {
    let postgres = harness::postgres_database("memory");
    let mut server = postgres::Client::connect(&postgres, postgres::NoTls).expect("it answers");
    let values = "i, 'some words to fill a record ' || i, i * 1.25";
    server
        .batch_execute(&format!(
            "CREATE TABLE t (id int, word text, n numeric); INSERT INTO t SELECT {values} FROM generate_series(1, 1000000) i"
        ))
        .expect("good SQL");
    let place = tempfile::tempdir().expect("a temporary directory");
    let file = place.path().join("d.db");
    rusqlite::Connection::open(&file)
        .and_then(|connection| {
            connection.execute_batch(&format!(
                "PRAGMA journal_mode = OFF; CREATE TABLE t (id, word, n);
                 WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000000)
                 INSERT INTO t SELECT {values} FROM c"
            ))
        })
        .expect("good SQL");
    let to = format!("sqlite:{}#t", place.path().join("to.db").display());
    for source in [postgres, format!("sqlite:{}", file.display())] {
        for flags in [
            &["--table", "t"][..],
            &["--query", "SELECT * FROM t ORDER BY word DESC"],
            &["--table", "t", "--resume-by", "id", "--resume", &to],
        ] {
            let mut child = Command::new(env!("CARGO_BIN_EXE_extract"))
                .arg(&source)
                .args(flags)
                .stdout(Stdio::null())
                .spawn()
                .expect("the program can be started");
            let (code, peak) = waited(&mut child);
            assert_eq!(code, 0, "{source} {flags:?}");
            assert!(peak <= MOST, "{source} {flags:?}: {peak} MB");
        }
    }
}

#[test]
fn so_do_programs_that_pass_on_bytes() {
    for (program, arguments) in [
        (env!("CARGO_BIN_EXE_meter"), &[][..]),
        (env!("CARGO_BIN_EXE_balance"), &["-n", "1", "--", "cat"]),
    ] {
        let peak = peak(program, arguments, "a\n", "1,\"");
        assert!(peak <= MOST, "{program}: {peak} MB");
    }
}
