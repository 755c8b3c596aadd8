//! Names that mean harm: columns, tables and files called like SQL, formulas, escape sequences and flags. They
//! are only names, and what is said of them drives no terminal.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use postgres::{Client, NoTls};
use rusqlite::Connection;

use crate::harness::{self, Run, tool};

/// Names of columns that some program somewhere takes for more than that.
const NAMES: [&str; 12] = [
    "id\"); DROP TABLE t; --",
    "'; DROP TABLE t; --",
    "$$; DROP TABLE t; $$",
    "a\\'b\\",
    "%s%n{}",
    "=1+1",
    "@SUM(A1)",
    "-x",
    "+1|cmd",
    "[a]",
    "a\nb",
    "\u{202e}txt",
];

/// A record under these names.
fn stream() -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let names: Vec<String> = NAMES.iter().map(|name| quoted(name)).collect();
    // The values are as hostile as the names.
    format!("{}\n{}\n", names.join(","), names.join(","))
}

/// Holds that what is said has no byte that drives a terminal.
#[track_caller]
fn is_tame(run: &Run) {
    let wild = |byte: &u8| *byte < 0x20 && !matches!(byte, b'\n' | b'\t') || *byte == 0x7f;
    let has_c1 = run
        .err()
        .chars()
        .any(|letter| ('\u{80}'..'\u{a0}').contains(&letter));
    assert!(
        !run.stderr.iter().any(wild) && !has_c1,
        "it drives the terminal: {:?}",
        run.err()
    );
}

#[test]
fn hostile_names_are_columns_of_a_table() {
    let place = tempfile::tempdir().expect("a temporary directory");
    for flags in [&[][..], &["--mode", "replace"], &["--mode", "append"]] {
        let run = tool("load")
            .args(["sqlite:d.db", "--table", "t\"; DROP TABLE t; --"])
            .args(flags)
            .dir(place.path())
            .stdin(stream())
            .run();
        assert_eq!(run.code, 0, "{}", run.err());
    }
    let connection = Connection::open(place.path().join("d.db")).expect("a database");
    let mut query = connection
        .prepare("SELECT * FROM \"t\"\"; DROP TABLE t; --\"")
        .expect("the table is there");
    assert_eq!(query.column_names(), NAMES);
    let values: Vec<String> = query
        .query_row([], |row| {
            (0..NAMES.len()).map(|place| row.get(place)).collect()
        })
        .expect("a record");
    assert_eq!(values, NAMES);

    let address = harness::postgres_database("faults_hostile");
    let mut client = Client::connect(&address, NoTls).expect("the server answers");
    for flags in [&[][..], &["--mode", "replace"], &["--mode", "append"]] {
        let run = tool("load")
            .args([&*address, "--table", "\"t\"\"; DROP TABLE t; --\""])
            .args(flags)
            .stdin(stream())
            .run();
        assert_eq!(run.code, 0, "{}", run.err());
    }
    let rows = client
        .query("SELECT * FROM \"t\"\"; DROP TABLE t; --\"", &[])
        .expect("the table is there");
    assert_eq!(rows.len(), 2);
    let names: Vec<&str> = rows[0]
        .columns()
        .iter()
        .map(|column| column.name())
        .collect();
    assert_eq!(names, NAMES);
    let values: Vec<String> = (0..NAMES.len()).map(|place| rows[0].get(place)).collect();
    assert_eq!(values, NAMES);
}

#[test]
fn hostile_names_pass_as_they_are() {
    for (program, arguments) in [
        ("extract", &["-"][..]),
        ("filter", &["true"]),
        ("filter", &["[=1+1] = \"=1+1\""]),
        ("load", &["-", "--to", "csv"]),
    ] {
        let out = tool(program)
            .args(arguments)
            .stdin(stream())
            .run()
            .quiet_success();
        let mut reader = csv::Reader::from_reader(&*out);
        assert_eq!(
            reader.headers().expect("a header"),
            NAMES.as_slice(),
            "{program}"
        );
        let record = reader
            .records()
            .next()
            .expect("a record")
            .expect("good CSV");
        assert_eq!(&record, NAMES.as_slice(), "{program}");
    }
}

/// What a message quotes of data cannot move the cursor, clear the screen or change the title.
#[test]
fn messages_drive_no_terminal() {
    let escape = "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\r\u{8}";
    let quoted = format!("\"{escape}\"");
    for (program, arguments, input) in [
        (
            "filter",
            vec!["price > 1".to_owned()],
            format!("{quoted}\n1\n"),
        ),
        ("filter", vec!["a > 1".to_owned()], format!("a\n{quoted}\n")),
        ("filter", vec![format!("a = {escape}")], "a\n1\n".to_owned()),
        (
            "map",
            vec!["b = a * 2".to_owned()],
            format!("a\n{quoted}\n"),
        ),
        ("map", vec![format!("{escape} = 1")], "a\n1\n".to_owned()),
        (
            "aggregate",
            vec!["sum(a)".to_owned()],
            format!("a\n{quoted}\n"),
        ),
        (
            "aggregate",
            vec![
                "n = count()".to_owned(),
                "--by".to_owned(),
                escape.to_owned(),
            ],
            "a\n1\n".to_owned(),
        ),
        (
            "extract",
            vec!["-c".to_owned(), "x".to_owned()],
            format!("{quoted}\n1\n"),
        ),
        ("extract", vec![escape.to_owned()], String::new()),
        ("extract", vec![format!("--{escape}")], String::new()),
        (
            "extract",
            vec!["--from".to_owned(), "jsonl".to_owned()],
            format!("{escape}\n"),
        ),
        (
            "load",
            vec![format!("/no/{escape}/out.csv")],
            "a\n1\n".to_owned(),
        ),
        (
            "load",
            vec![format!("/no/{escape}/out")],
            "a\n1\n".to_owned(),
        ),
        (
            "load",
            vec![format!("sqlite:/no/{escape}#t")],
            "a\n1\n".to_owned(),
        ),
        (
            "load",
            vec![
                "sqlite:/tmp/none.db#t".to_owned(),
                "--key".to_owned(),
                "k".to_owned(),
            ],
            format!("{quoted}\n1\n"),
        ),
        (
            "load",
            vec![format!("postgresql://{escape}@%2Fno/d#t")],
            "a\n1\n".to_owned(),
        ),
    ] {
        let run = tool(program).args(&arguments).stdin(input.clone()).run();
        assert_ne!(run.code, 0, "{program} {arguments:?} {input:?}");
        is_tame(&run);
        assert!(!run.err().contains(escape), "{}", run.err());
    }
    // What a stage says travels to the next one, and is as tame there.
    let run =
        harness::bash("printf '%s\\n' a \"$HOSTILE\" | filter 'a > 1' 2>/dev/null | load out.csv")
            .env("HOSTILE", quoted)
            .dir(tempfile::tempdir().expect("a temporary directory").path())
            .run();
    assert_eq!(run.code, 1);
    is_tame(&run);
    assert!(
        run.err().contains("upstream 'filter' failed"),
        "{}",
        run.err()
    );
}

#[test]
fn hostile_file_names_are_only_names() {
    let names: [&[u8]; 9] = [
        b"a\nb.csv",
        b"\x1b[31mred.csv",
        b"-rf.csv",
        b"--help.csv",
        b"it's \"quoted\".csv",
        b"$(touch owned).csv",
        b"\xff\xfe.csv",
        b"a;b|c&d.csv",
        b" ~.csv",
    ];
    for bytes in names {
        let place = tempfile::tempdir().expect("a temporary directory");
        let name = OsStr::from_bytes(bytes);
        let text = "a,b\n1,x\n";
        fs::write(place.path().join(name), text).expect("a file");
        for (program, arguments) in [
            ("extract", &["--"][..]),
            ("filter", &["--", "true"]),
            ("load", &["--to", "csv", "--", "-"]),
        ] {
            let run = tool(program)
                .args(arguments)
                .args([name])
                .dir(place.path())
                .run();
            assert_eq!(run.quiet_success(), text.as_bytes(), "{program} {name:?}");
        }
        // As a target, and as a database.
        let run = tool("load")
            .args(["--"])
            .args([name])
            .dir(place.path())
            .stdin(text)
            .run();
        if name.to_str().is_none() {
            // Targets are text; this one is refused as long as nothing was touched.
            run.refused("load", 2, &["UTF-8"]);
            continue;
        }
        assert_eq!(run.code, 0, "{name:?}: {}", run.err());
        let receipt = csv::Reader::from_reader(&*run.stdout)
            .byte_records()
            .next()
            .expect("a record")
            .expect("good CSV");
        assert_eq!(&receipt[3], b"1", "{name:?}");
        assert_eq!(
            fs::read(place.path().join(name)).expect("a file"),
            text.as_bytes()
        );
        assert!(!place.path().join("owned").exists());
        // What is said of it is one line, and tame.
        let run = tool("filter")
            .args(["--", "b > 1"])
            .args([name])
            .dir(place.path())
            .run();
        assert_eq!(run.code, 1);
        is_tame(&run);
        let run = tool("filter")
            .args(["--rejects"])
            .args([OsStr::new("bad")])
            .args(["--", "b > 1"])
            .args([name])
            .dir(place.path())
            .run();
        assert_eq!(run.code, 0, "{}", run.err());
        is_tame(&run);
        let rejects = fs::read(place.path().join("bad")).expect("a file");
        let records = csv::Reader::from_reader(&*rejects)
            .into_byte_records()
            .count();
        assert_eq!(records, 1, "{name:?}");
    }
}
