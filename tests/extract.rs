//! What `extract` does with much input, with input in pieces, and what its help says it does. One behaviour
//! each is in `tests/cases/extract`.

mod harness;

use harness::tool;
use std::fs;
use std::io::Write;

/// So many records in each format, by the flags that read it.
fn formats(count: u32) -> Vec<(&'static [&'static str], String)> {
    let mut csv = String::from("id,name,note,price\n");
    let mut tsv = String::from("id\tname\tnote\tprice\n");
    let mut lines = String::new();
    let mut array = String::from("[\n");
    let mut log = String::new();
    let mut logfmt = String::new();
    for id in 0..count {
        let price = f64::from(id % 1000) / 4.0;
        let note = ["", "NA", "\"a, \"\"b\"\"\n\n\"", "plain words"][id as usize % 4];
        csv.push_str(&format!("{id},n{},{note},{price}\r\n", id % 77));
        let note = ["", "NA", "\"a\tb\"", "x, y"][id as usize % 4];
        tsv.push_str(&format!("{id}\tn{}\t{note}\t{price}\n", id % 77));
        let note = ["null", "\"12\"", "\"a, \\\"b\\\"\\n\"", "[1, {\"x\": [] }]"][id as usize % 4];
        let value = format!(
            "{{\"id\":{id},\"at\":{{\"name\": \"n{}\"}},\"note\":{note},\n \"price\":{price}}}",
            id % 77
        );
        lines.push_str(&value.replace('\n', ""));
        lines.push('\n');
        array.push_str(if id == 0 { "" } else { ",\n" });
        array.push_str(&value);
        let minute = id % 60;
        log.push_str(&format!(
            "10.0.0.{} - - [10/Oct/2013:13:{minute:02}:36 -0700] \"GET /{id} HTTP/1.1\" 200 {id}\n",
            id % 256
        ));
        logfmt.push_str(&format!(
            "id={id} level=info msg=\"say \\\"{id}\\\", then\" took={price}ms\n"
        ));
    }
    array.push_str("\n]\n");
    vec![
        (&["--from", "csv"], csv.clone()),
        (
            &["--from", "csv", "--null", "NA", "-c", "price,name..note"],
            csv.replace('\r', ""),
        ),
        (
            &["--ragged", "pad", "--null", "NA", "-c", "note,id"],
            csv.clone(),
        ),
        (
            &["-d", "~|~", "--header-lines", "1"],
            csv.replace(',', "~|~"),
        ),
        (&["--from", "tsv"], tsv.clone()),
        (&["--from", "tsv", "-c", "note,id", "--null", "NA"], tsv),
        (&["--from", "jsonl"], lines.clone()),
        (&["--from", "json", "-c", "price,at,id,note"], array),
        (&["--from", "common"], log.clone()),
        (
            &[
                "--pattern",
                r#""(?<method>\w+) (?<path>\S+).*?" (?<status>\d+)"#,
            ],
            log,
        ),
        (&["--from", "logfmt"], logfmt),
    ]
}

/// Runs each of the formats.
fn law(count: u32, of: impl Fn(&[&str], &str) + Send + Sync + 'static) {
    let cases: Vec<_> = formats(count)
        .into_iter()
        .map(|case| (case.0.join(" "), case))
        .collect();
    let failed = harness::failures(cases, move |(flags, text)| of(flags, &text));
    harness::report("formats", &failed);
}

#[test]
fn threads_give_the_same_bytes() {
    law(150_000, |flags, text| {
        let place = tempfile::tempdir().expect("a directory");
        let file = place.path().join("input");
        fs::write(&file, text).expect("a file");
        let run = |threads| {
            let program = tool("extract").args(flags).args(["-j", threads]);
            program.args([&file]).run().quiet_success()
        };
        let one = run("1");
        assert!(one.len() > 1_000_000, "{} bytes", one.len());
        assert!(run("4") == one);
    });
}

/// `count` units of each converted format, some of them bad; in one of them, nothing after a certain unit can
/// be read.
fn bad_formats(count: u32) -> Vec<(&'static [&'static str], String)> {
    // Not among the first, where extract looks for the columns.
    let is_bad = |id: u32| id > 20_000 && (id % 977 == 500 || id.is_multiple_of(10_007));
    let mut lines = String::from("{\"id\":0,\"name\":\"n\"}\n");
    let mut log = String::new();
    let mut pattern = String::new();
    let mut logfmt = String::from("id=0 name=n\n");
    for id in 1..count {
        lines.push_str(&match is_bad(id) {
            true => format!("{{\"id\":{id},\"other\":1}}\n"),
            false => format!("{{\"id\":{id},\"name\":\"some name {id}\"}}\n"),
        });
        log.push_str(&match is_bad(id) {
            true => format!("no log line {id}\n"),
            false => format!(
                "10.0.0.1 - - [10/Oct/2013:13:55:36 -0700] \"GET /{id} HTTP/1.1\" 200 {id}\n"
            ),
        });
        pattern.push_str(&match is_bad(id) {
            true => format!("no such line, whatever {id}\n"),
            false => format!("a line with its number {id};\n"),
        });
        logfmt.push_str(&match is_bad(id) {
            true => format!("id={id} name=\"never ends\n"),
            false => format!("id={id} name=\"some name {id}\"\n"),
        });
    }
    let broken = format!("{lines}}}]\n{lines}");
    let array = format!("[{}]", lines.trim_end().replace('\n', ",\n"));
    vec![
        (&["--from", "jsonl"], lines),
        (&["--from", "jsonl", "-c", "id,name"], broken),
        (&["--from", "json"], array),
        (&["--from", "common"], log),
        (&["--pattern", r"number (?<id>\d+);"], pattern),
        (&["--from", "logfmt"], logfmt),
    ]
}

/// Output, messages and rejects do not depend on the number of threads, even if the run fails.
#[test]
fn threads_say_the_same_of_bad_units() {
    let cases = bad_formats(120_000);
    let cases = cases.into_iter().map(|case| (case.0.join(" "), case));
    let failed = harness::failures(cases, |(flags, text)| {
        for more in [
            &[][..],
            &["--on-error", "skip"],
            &["--max-rejects", "40"],
            &["--rejects", "bad.csv", "--max-rejects", "101"],
        ] {
            let shown = |threads: &str| {
                let place = tempfile::tempdir().expect("a directory");
                let run = tool("extract")
                    .dir(place.path())
                    .args(flags)
                    .args(["-j", threads])
                    .args(more)
                    .stdin(text.clone())
                    .run();
                let rejects = fs::read(place.path().join("bad.csv")).ok();
                (run.err(), run.code, run.stdout, rejects)
            };
            let alone = shown("1");
            assert_ne!(alone.0, "", "{more:?} says nothing");
            for threads in ["2", "3", "4"] {
                let other = shown(threads);
                assert_eq!(alone.0, other.0, "-j {threads} {more:?}");
                assert!(alone == other, "-j {threads} {more:?} gives something else");
            }
        }
    });
    harness::report("formats", &failed);
}

#[test]
fn reads_of_any_size_give_the_same_bytes() {
    law(1500, |flags, text| {
        let run = |size| {
            let program = tool("extract").args(flags);
            program.stdin_in_reads(text, size).run().quiet_success()
        };
        let whole = run(1 << 20);
        for size in [1, 7, 4096] {
            assert!(run(size) == whole, "reads of {size} bytes");
        }
    });
}

#[test]
fn compressed_input_gives_the_same_bytes() {
    let (_, text) = formats(40_000).swap_remove(0);
    let plain = tool("extract").stdin(text.clone()).run().quiet_success();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let zstd = zstd::encode_all(text.as_bytes(), 1).expect("memory");
    for (name, compressed) in [("gzip", gzip), ("zstd", zstd)] {
        assert!(compressed.len() < text.len() / 2);
        for size in [1000, 1 << 20] {
            let run = tool("extract").stdin_in_writes(compressed.clone(), size);
            assert!(run.run().quiet_success() == plain, "{name} by {size}");
        }
        for cut in [compressed.len() / 2, compressed.len() - 1] {
            let run = tool("extract").stdin(&compressed[..cut]).run();
            run.refused("extract", 1, &["standard input", name, "ends too early"]);
        }
    }
}

/// A pipe that goes on later must not hold back what is there.
#[test]
fn records_go_on_when_the_input_pauses() {
    for (flags, first, expected) in [
        (&["--null", "NA"][..], "a,b\n1,NA\n2", "a,b\n1,\n"),
        (
            &["--from", "jsonl", "-c", "a"],
            "{\"a\":1}\n{\"a\"",
            "a\n1\n",
        ),
        (
            &["--from", "json", "-c", "a"],
            "[{\"a\":1},{\"a\"",
            "a\n1\n",
        ),
        (&["--pattern", "(?<a>.*)"], "one\ntw", "a\none\n"),
    ] {
        let mut live = tool("extract").args(flags).start();
        live.say(first.as_bytes());
        assert_eq!(
            String::from_utf8_lossy(&live.hear(expected.len())),
            expected
        );
    }
}

#[test]
fn the_examples_of_the_help_run() {
    let help = tool("extract").args(["--help"]).run();
    let help = String::from_utf8(help.quiet_success()).expect("it is text");
    let examples: String = help
        .split("Examples:\n")
        .nth(1)
        .expect("there are examples")
        .lines()
        .take_while(|line| line.starts_with("  "))
        .map(|line| format!("{}\n", line.trim()))
        .collect();
    // A line that ends with a pipe goes on in the next one.
    let examples = examples.trim_end().replace("|\n", "| ");
    assert!((3..=10).contains(&examples.lines().count()), "{examples}");
    let place = tempfile::tempdir().expect("a directory");
    let file = |name: &str, text: &str| fs::write(place.path().join(name), text).expect("a file");
    fs::create_dir(place.path().join("sales")).expect("a directory");
    fs::copy(
        harness::data("flights/flights.csv.gz"),
        place.path().join("flights.csv.gz"),
    )
    .expect("data");
    file("sales/2024-01.csv", "id,date,q_1\n1,2024-01-01,5\n");
    file("sales/2024-02.csv", "id,date,q_1\n2,2024-02-01,6\n");
    file("export.txt", "a\nb\nc\nid||name\n1||lamp\n");
    file(
        "orders.jsonl",
        "{\"id\":1,\"order\":{\"total\":2.50},\"tags\":[]}\n",
    );
    file(
        "access.log.gz",
        "::1 - - [09/Oct/2000:20:55:37 +0000] \"GET / HTTP/1.1\" 304 - \"-\" \"x\"\n",
    );
    file("app.log", "2024-01-01T00:00:00Z WARN it is late\n");
    file(
        "access.log",
        "::1 - - [10/Oct/2000:20:55:37 +0000] \"GET / HTTP/1.1\" 304 - \"-\" \"x\"\n",
    );
    let table = "CREATE TABLE orders (id integer, total numeric, paid boolean); INSERT INTO orders VALUES (1, 2.5, true)";
    rusqlite::Connection::open(place.path().join("shop.db"))
        .and_then(|connection| connection.execute_batch(table))
        .expect("good SQL");
    let server = harness::postgres_database("help");
    postgres::Client::connect(&server, postgres::NoTls)
        .and_then(|mut client| client.batch_execute(table))
        .expect("good SQL");
    for example in examples.lines() {
        let example = example.replace("postgresql://etl@warehouse/shop", &server);
        let run = harness::bash(&example).dir(place.path()).run();
        let lines = run
            .quiet_success()
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        assert!(lines >= 2, "{example}: {lines} lines");
    }
}
