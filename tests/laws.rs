//! What holds for every program: how it meets input of any shape, a neighbour that leaves early, a full disk,
//! a wrong command line. Each law runs all to which it applies and names those that break it.

mod harness;

use harness::{Run, TOOLS, tool};
use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A table that no record has a row in.
const NOBODY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/lookup/nobody.csv");

/// A plain use of each program, on input with the columns id, qty, name and note.
fn use_of(name: &str) -> &'static [&'static str] {
    match name {
        "extract" => &[],
        "filter" => &["qty >= 0"],
        "map" => &["twice = qty * 2"],
        "aggregate" => &["n = count(), total = sum(qty)", "--by", "name"],
        "order" => &["id"],
        "lookup" => &[NOBODY, "--on", "id", "--how", "anti"],
        "dedupe" => &["id, note"],
        "load" => &["-", "--to", "csv"],
        "meter" => &["--quiet"],
        "balance" => &["-n", "1", "--", "cat"],
        _ => panic!("no law for {name}"),
    }
}

/// The programs that read records: the others pass on bytes, whatever they are.
const READERS: [&str; 8] = [
    "extract",
    "filter",
    "map",
    "aggregate",
    "order",
    "lookup",
    "dedupe",
    "load",
];

/// The programs that pass the records on as they are.
const UNCHANGED: [&str; 6] = ["extract", "filter", "order", "lookup", "dedupe", "load"];

/// An input in which a quoted field has a delimiter, a quote and a newline.
const SMALL: &str = "id,qty,name,note\n\
                     1,5,apple,\n\
                     2,0,pear,\"big, \"\"green\"\"\nand round\"\n\
                     3,12.50,apple,é\n";

/// Runs the plain use of a program on these bytes.
fn run(name: &str, input: impl Into<Vec<u8>>) -> Run {
    tool(name).args(use_of(name)).stdin(input).run()
}

/// What that use gives, held to be a success.
#[track_caller]
fn output(name: &str, input: impl Into<Vec<u8>>) -> Vec<u8> {
    let given = run(name, input).quiet_success();
    assert!(!given.is_empty(), "it writes nothing");
    given
}

/// Holds that a program gives for `other` what it gives for `input`.
#[track_caller]
fn same(name: &str, input: &str, other: impl Into<Vec<u8>>) {
    let expected = output(name, input);
    assert_eq!(
        String::from_utf8_lossy(&output(name, other)),
        String::from_utf8_lossy(&expected)
    );
}

/// Holds a law for every program that reads records.
#[track_caller]
fn law(of: impl Fn(&'static str) + Send + Sync + 'static) {
    law_for(&READERS, of);
}

/// Holds that a failed program wrote no record: nothing but the field without an end that says so, and `load`,
/// whose receipt is no stream, nothing at all.
#[track_caller]
fn only_its_failure(name: &str, out: &str) {
    if name == "load" {
        assert_eq!(out, "");
    } else {
        assert!(out.starts_with(&format!("\"{name}: ")), "{out}");
        assert_eq!(out.matches('"').count(), 1, "{out}");
    }
}

/// Holds a law for these programs.
#[track_caller]
fn law_for(tools: &'static [&'static str], of: impl Fn(&'static str) + Send + Sync + 'static) {
    let each = tools.iter().map(|&name| (name.to_owned(), name));
    harness::report("programs", &harness::failures(each, of));
}

/// `count` records with quoted delimiters, quotes and newlines at ever other places; `groups` names.
fn large(count: u32, groups: u32) -> String {
    let mut text = String::from("id,qty,name,note\n");
    for id in 0..count {
        let note = match id % 5 {
            0 => String::new(),
            1 => format!("\"{}\n\"", "x".repeat((id * 7 % 61) as usize)),
            2 => "\"a, \"\"b\"\"\n\nc\"".to_owned(),
            3 => format!("{id} plain words"),
            _ => "\"\n\n\n\"".to_owned(),
        };
        let name = u64::from(id) * 2_654_435_761 % u64::from(groups);
        text.push_str(&format!(
            "{id},{}.{:02},n{name},{note}\n",
            id % 97,
            id % 100
        ));
    }
    text
}

// Input of any shape

#[test]
fn the_plain_uses_do_what_they_say() {
    law_for(&TOOLS, |name| {
        let expected = match name {
            "map" => {
                "id,qty,name,note,twice\n1,5,apple,,10\n\
                 2,0,pear,\"big, \"\"green\"\"\nand round\",0\n3,12.50,apple,é,25\n"
            }
            "aggregate" => "name,n,total\napple,2,17.5\npear,1,0\n",
            _ => SMALL,
        };
        assert_eq!(String::from_utf8_lossy(&output(name, SMALL)), expected);
    });
}

/// The stream always has a header, so nothing at all is what a dead neighbour leaves, not an empty result.
#[test]
fn no_bytes_are_refused() {
    law(|name| {
        let run = run(name, "");
        run.refused(name, 1, &["header"]);
        only_its_failure(name, &run.out());
    });
}

#[test]
fn a_header_alone_is_an_empty_result() {
    law(|name| {
        let header = match name {
            "map" => "id,qty,name,note,twice\n",
            "aggregate" => "name,n,total\n",
            _ => "id,qty,name,note\n",
        };
        for input in ["id,qty,name,note\n", "id,qty,name,note"] {
            assert_eq!(String::from_utf8_lossy(&output(name, input)), header);
        }
    });
}

#[test]
fn the_last_newline_may_be_missing() {
    law(|name| {
        same(name, SMALL, SMALL.trim_end_matches('\n'));
        let quoted = "id,qty,name,note\n1,2,a,\"b\nc\"\n";
        same(name, quoted, quoted.trim_end_matches('\n'));
        let empty = "id,qty,name,note\n1,2,a,\n";
        same(name, empty, empty.trim_end_matches('\n'));
    });
}

#[test]
fn lines_may_end_in_cr_lf() {
    law(|name| {
        let unquoted = "id,qty,name,note\n1,5,apple,\n2,0,pear,big\n3,12.50,apple,\"c\"\n";
        same(name, unquoted, unquoted.replace('\n', "\r\n"));
        same(name, unquoted, unquoted.replace('\n', "\r\n").trim_end());
    });
}

/// What is no record is passed on, too.
#[test]
fn bytes_of_any_kind_pass_through() {
    law_for(&["meter", "balance"], |name| {
        let bytes: Vec<u8> = (0..300_000_u32)
            .map(|place| (place.wrapping_mul(place) >> 7) as u8)
            .collect();
        for input in [&b""[..], b"\xef\xbb\xbfa\r\n\"", b"\x1f\x8b", &bytes] {
            let given = run(name, input).quiet_success();
            assert!(
                given == input,
                "{} bytes became {}",
                input.len(),
                given.len()
            );
        }
    });
}

#[test]
fn a_quoted_cr_lf_is_kept() {
    law_for(&UNCHANGED, |name| {
        let input = "id,qty,name,note\r\n1,5,apple,\"a\r\nb\"\r\n";
        assert_eq!(
            String::from_utf8_lossy(&output(name, input)),
            "id,qty,name,note\n1,5,apple,\"a\r\nb\"\n"
        );
    });
}

#[test]
fn a_byte_order_mark_is_dropped() {
    law(|name| same(name, SMALL, format!("\u{feff}{SMALL}")));
}

#[test]
fn bytes_that_are_no_utf8_are_kept() {
    law_for(&TOOLS, |name| {
        let input = b"id,qty,name,note\n1,2,caf\xe9,\xff\xfe\n2,3,caf\xe9,\"\xe2\x82,\x80\"\n";
        // What goes into the stream is text; from then on, bytes are kept as they are.
        if name == "extract" {
            run(name, input).refused(name, 1, &["standard input:2", "byte 0xE9 is not UTF-8"]);
            return;
        }
        let given = output(name, input);
        let expected: &[u8] = match name {
            "map" => {
                b"id,qty,name,note,twice\n1,2,caf\xe9,\xff\xfe,4\n2,3,caf\xe9,\"\xe2\x82,\x80\",6\n"
            }
            "aggregate" => b"name,n,total\ncaf\xe9,2,5\n",
            _ => input,
        };
        assert!(given == expected, "{:?}", String::from_utf8_lossy(&given));
    });
}

#[test]
fn a_field_may_have_10_mb() {
    law_for(&TOOLS, |name| {
        let field = "0123456,9\n".repeat(1_000_000);
        let input = format!("id,qty,name,note\n1,2,a,\"{field}\"\n2,3,b,\n");
        let given = output(name, input.clone());
        let expected = match name {
            "map" => format!("id,qty,name,note,twice\n1,2,a,\"{field}\",4\n2,3,b,,6\n"),
            "aggregate" => "name,n,total\na,1,2\nb,1,3\n".to_owned(),
            _ => input,
        };
        assert!(
            given == expected.as_bytes(),
            "{} bytes where {} were expected",
            given.len(),
            expected.len()
        );
    });
}

/// A newline inside quotes at each offset around the places where blocks are cut (multiples of 64 KB up to
/// 1 MB), by moving the whole by one byte at a time.
#[test]
fn quotes_may_cross_the_borders_of_blocks() {
    law_for(&TOOLS, |name| {
        let body: String = (0..60_000)
            .map(|id| format!("{id},1,a,\"{}\n\"\n", "\"\"".repeat(id % 7)))
            .collect();
        for shift in 0..20 {
            let input = format!("id,qty,name,note\n0,1,a,{}\n{body}", "x".repeat(shift));
            let given = output(name, input.clone());
            match name {
                "map" => {
                    let ends = given.iter().filter(|&&byte| byte == b'\n').count();
                    assert_eq!(ends, 2 + 2 * 60_000);
                }
                "aggregate" => assert_eq!(
                    String::from_utf8_lossy(&given),
                    "name,n,total\na,60001,60001\n"
                ),
                _ => assert!(given == input.as_bytes(), "the records are not the same"),
            }
        }
    });
}

#[test]
fn reads_may_be_of_any_size() {
    law_for(&TOOLS, |name| {
        let expected = output(name, SMALL);
        for size in 1..=SMALL.len() {
            let run = tool(name)
                .args(use_of(name))
                .stdin_in_reads(SMALL, size)
                .run();
            assert!(
                run.quiet_success() == expected,
                "reads of {size} bytes give something else"
            );
        }
    });
}

#[test]
fn writes_may_be_of_any_size() {
    law_for(&TOOLS, |name| {
        let input = large(20_000, 50);
        let expected = output(name, input.clone());
        for size in [997, 4093, 65_537, 262_143, 262_144, 300_001] {
            let run = tool(name)
                .args(use_of(name))
                .stdin_in_writes(input.clone(), size)
                .run();
            assert!(
                run.quiet_success() == expected,
                "writes of {size} bytes give something else"
            );
        }
    });
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    law(|name| {
        let input = large(200_000, 5_000);
        let mut expected = None;
        for threads in ["1", "2", "3", "4"] {
            let given = tool(name)
                .args(use_of(name))
                .args(["-j", threads])
                .stdin(input.clone())
                .run()
                .quiet_success();
            if UNCHANGED.contains(&name) {
                assert!(given == input.as_bytes(), "-j {threads}: not the input");
            }
            let expected = expected.get_or_insert_with(|| given.clone());
            assert!(given == *expected, "-j {threads} gives something else");
        }
    });
}

/// The output of a run, its messages, exit code, and rejects file.
type Shown = (Vec<u8>, String, i32, Option<Vec<u8>>);

/// Runs the plain use of a program with so many threads and more flags, in a directory of its own.
fn shown(name: &str, input: &[u8], threads: &str, flags: &[&str]) -> Shown {
    let place = tempfile::tempdir().expect("a temporary directory");
    let run = tool(name)
        .dir(place.path())
        .args(use_of(name))
        .args(["-j", threads])
        .args(flags)
        .stdin(input)
        .run();
    let rejects = fs::read(place.path().join("bad.csv")).ok();
    (run.stdout.clone(), run.err(), run.code, rejects)
}

/// The same bytes, words and rejects also when a run fails, skips, rejects or has too many rejects: what
/// comes out ends with the record before the one that ended the run.
#[test]
fn any_number_of_threads_says_the_same_of_bad_records() {
    law(|name| {
        let good = large(90_000, 5_000);
        let mut bad = String::new();
        for (number, part) in good.split_inclusive(",n1").enumerate() {
            bad.push_str(part);
            // In the middle of a name, so that one record ends and a short and a long one follow.
            if number % 13 == 5 {
                bad.push_str(",\n7,8\n9,9,n,,,");
            }
        }
        let mut late = good.clone();
        late.push_str("1,2,3\n");
        late.push_str(&good["id,qty,name,note\n".len()..]);
        let mut stray = good.clone();
        stray.push_str("1,2,a\"b,\"c\n");
        stray.push_str(&good["id,qty,name,note\n".len()..]);
        for (input, flags, code) in [
            (&late, &[][..], 1),
            (&stray, &[], 1),
            (&stray, &["--on-error", "skip"], 1),
            (&bad, &["--on-error", "skip"], 0),
            (&bad, &["--rejects", "bad.csv"], 0),
            (&bad, &["--max-rejects", "0.001%"], 1),
            (&bad, &["--max-rejects", "0"], 1),
            (&bad, &["--max-rejects", "57"], 1),
            (&bad, &["--rejects", "bad.csv", "--max-rejects", "160"], 1),
        ] {
            let alone = shown(name, input.as_bytes(), "1", flags);
            assert_eq!(alone.2, code, "{flags:?}: {}", alone.1);
            assert_ne!(alone.1, "", "{flags:?} says nothing");
            for threads in ["2", "3", "4"] {
                let other = shown(name, input.as_bytes(), threads, flags);
                assert_eq!(alone.1, other.1, "-j {threads} {flags:?}");
                assert!(
                    alone == other,
                    "-j {threads} {flags:?} gives something else"
                );
            }
        }
    });
}

// Input that is wrong

#[test]
fn a_ragged_record_is_named() {
    law(|name| {
        for (record, found) in [("3,4", "2"), ("3,4,5,6,7", "5")] {
            // The second record takes two lines, so the third begins on line 5.
            let input = format!("id,qty,name,note\n1,5,a,b\n2,5,a,\"b\nc\"\n{record}\n4,5,a,b\n");
            run(name, input).refused(name, 1, &["5", "4", found, "field"]);
        }
    });
}

#[test]
fn an_unterminated_quote_is_refused() {
    law(|name| {
        for input in [
            "id,qty,name,note\n1,5,a,\"b\n2,5,a,b\n",
            "id,qty,name,note\n1,5,a,\"",
        ] {
            run(name, input).refused(name, 1, &["quote"]);
        }
    });
}

/// `extract` repairs a repeated name; the stream between programs has none.
#[test]
fn a_repeated_column_name_is_refused() {
    law_for(
        &["filter", "map", "aggregate", "order", "dedupe", "load"],
        |name| {
            let input = "id,qty,name,qty\n1,5,a,b\n";
            run(name, input).refused(name, 1, &["qty"]);
        },
    );
}

#[test]
fn a_text_where_a_number_is_needed_is_named() {
    law_for(&["filter", "map", "aggregate"], |name| {
        let input = "id,qty,name,note\n1,5,a,b\n2,many,a,b\n";
        run(name, input).refused(name, 1, &["many", "qty"]);
    });
}

#[test]
fn an_unknown_column_is_refused_with_the_nearest() {
    law_for(&["filter", "map", "aggregate", "order", "dedupe"], |name| {
        let wrong: &[&str] = match name {
            "order" | "dedupe" => &["qyt"],
            "filter" => &["qyt > 1"],
            "map" => &["x = qyt"],
            _ => &["x = sum(qyt)"],
        };
        let run = tool(name).args(wrong).stdin(SMALL).run();
        run.refused(name, 1, &["unknown column 'qyt'", "did you mean 'qty'"]);
        only_its_failure(name, &run.out());
    });
}

// Neighbours

/// A record goes on the moment the input pauses.
#[test]
fn a_pause_sends_on_what_is_whole() {
    law_for(&["extract", "filter", "map", "lookup", "dedupe"], |name| {
        let mut live = tool(name).args(use_of(name)).start();
        let head: &[u8] = match name {
            "map" => b"id,qty,name,note,twice\n1,2,a,b,4\n",
            _ => b"id,qty,name,note\n1,2,a,b\n",
        };
        live.say(b"id,qty,name,note\n1,2,a,b\n");
        assert_eq!(
            String::from_utf8_lossy(&live.hear(head.len())),
            String::from_utf8_lossy(head)
        );
        live.say(b"2,3,a,\"half");
        let next: &[u8] = match name {
            "map" => b"2,3,a,\"half and half\",6\n",
            _ => b"2,3,a,\"half and half\"\n",
        };
        live.say(b" and half\"\n3,");
        assert_eq!(
            String::from_utf8_lossy(&live.hear(next.len())),
            String::from_utf8_lossy(next)
        );
    });
}

/// A program that passes on bytes does so at once, whole records or not.
#[test]
fn bytes_go_on_at_once() {
    law_for(&["meter", "balance"], |name| {
        let mut live = tool(name).args(use_of(name)).start();
        for part in [&b"id,qty\n1,2\n2,\"half"[..], b" and", b"\xff"] {
            live.say(part);
            assert_eq!(live.hear(part.len()), part);
        }
    });
}

#[test]
fn a_reader_that_leaves_early_is_no_failure() {
    law_for(&TOOLS, |name| {
        for bytes in [0, 1, 70_000] {
            let run = tool(name)
                .args(use_of(name))
                .stdin(large(200_000, 200_000))
                .stdout_closed_after(bytes)
                .run();
            assert_eq!(
                (run.code, run.err().as_str()),
                (0, ""),
                "after {bytes} bytes"
            );
            assert_eq!(run.stdout.len(), bytes, "it writes too little");
        }
    });
}

/// Nor are bad records in what it did not want, however many are allowed.
#[test]
fn bad_records_after_the_reader_has_left_are_no_failure() {
    law_for(&["extract", "filter", "map", "lookup", "dedupe"], |name| {
        let good = large(200_000, 200_000);
        let bad = "1,2,3\n".repeat(400_000);
        for flags in [&[][..], &["--max-rejects", "3"], &["--max-rejects", "1%"]] {
            let run = tool(name)
                .args(use_of(name))
                .args(flags)
                .stdin(format!("{good}{bad}"))
                .stdout_closed_after(70_000)
                .run();
            assert_eq!((run.code, run.err().as_str()), (0, ""), "{flags:?}");
        }
    });
}

/// A reader that leaves may not leave an endless writer running.
#[test]
fn an_endless_input_ends_with_its_reader() {
    law_for(&["extract", "filter", "map", "meter", "balance"], |name| {
        let arguments = use_of(name).join("' '");
        let line = format!(
            "(echo id,qty,name,note; yes 1,2,a,b) 2>/dev/null | {name} '{arguments}' | head -n 1"
        )
        .replace("''", "");
        let run = harness::bash(&line).run();
        assert_eq!(run.err(), "");
        assert!(run.out().starts_with("id,qty,name,note"), "{}", run.out());
    });
}

#[test]
fn a_full_disk_is_an_error() {
    law_for(&TOOLS, |name| {
        for input in [SMALL.to_owned(), large(50_000, 50_000)] {
            let full = File::options()
                .write(true)
                .open("/dev/full")
                .expect("/dev/full");
            tool(name)
                .args(use_of(name))
                .stdin(input)
                .stdout_file(full)
                .run()
                .refused(name, 1, &["standard output", "no space left"]);
        }
    });
}

/// The plain use of a program as a part of a Bash line.
fn line_of(name: &str) -> String {
    let arguments = use_of(name).iter();
    let arguments: String = arguments.map(|argument| format!(" '{argument}'")).collect();
    format!("{name}{arguments}")
}

#[test]
fn a_closed_standard_input_is_an_error() {
    law_for(&TOOLS, |name| {
        harness::bash(&format!("{} <&-", line_of(name)))
            .run()
            .refused(name, 1, &["standard input", "it is closed"]);
    });
}

/// Rust's runtime opens `/dev/null` in its place: all would be lost without a word.
#[test]
fn a_closed_standard_output_is_an_error() {
    law_for(&TOOLS, |name| {
        for line in [
            format!(
                "printf 'id,qty,name,note\\n1,2,a,b\\n' | {} >&-",
                line_of(name)
            ),
            format!("{name} --help >&-"),
            format!("{name} --version >&-"),
        ] {
            let run = harness::bash(&line).run();
            run.refused(name, 1, &["standard output is closed"]);
            assert_eq!(run.err().lines().count(), 1, "{}", run.err());
        }
    });
}

/// Standard input and output have the mode that whoever started the program gave them.
#[test]
fn descriptors_need_not_block() {
    law_for(&TOOLS, |name| {
        let input = large(20_000, 50);
        let expected = output(name, input.clone());
        let (reader, mut feed) = std::io::pipe().expect("a pipe");
        let (mut taken, writer) = std::io::pipe().expect("a pipe");
        for descriptor in [reader.as_raw_fd(), writer.as_raw_fd()] {
            // SAFETY: fcntl with an integer argument touches no memory, and the descriptor is open.
            let set = unsafe { libc::fcntl(descriptor, libc::F_SETFL, libc::O_NONBLOCK) };
            assert_eq!(set, 0);
        }
        let feeder = std::thread::spawn(move || {
            for piece in input.as_bytes().chunks(200_000) {
                std::thread::sleep(Duration::from_millis(20));
                feed.write_all(piece).expect("the program reads");
            }
        });
        let taker = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            std::thread::sleep(Duration::from_millis(100));
            taken.read_to_end(&mut bytes).expect("the program writes");
            bytes
        });
        let run = tool(name)
            .args(use_of(name))
            .stdin_file(File::from(OwnedFd::from(reader)))
            .stdout_file(File::from(OwnedFd::from(writer)))
            .run();
        assert_eq!((run.code, run.err().as_str()), (0, ""));
        feeder.join().expect("the feeder");
        assert!(
            taker.join().expect("the taker") == expected,
            "something else came"
        );
    });
}

/// Each program says so, and so does the next one: the first program's note is not one of a good end.
#[test]
fn a_record_larger_than_memory_is_an_error() {
    law(|name| {
        let line = line_of(name);
        for input in [
            "head -c 150M /dev/zero",
            "{ printf 'id,qty,name,note\\n1,2,a,\"'; head -c 150M /dev/zero; }",
        ] {
            let place = tempfile::tempdir().expect("a temporary directory");
            let run = harness::bash(&format!(
                "{input} 2>/dev/null | (ulimit -v 100000; {line}) | load out.csv --accept-unclean >/dev/null 2>&1
                 echo ${{PIPESTATUS[1]}}"
            ))
            .dir(place.path())
            .run();
            assert_eq!(run.out(), "1\n", "{}", run.err());
            let said = run.err();
            assert!(
                said.starts_with(&format!("{name}: out of memory: ")),
                "{said}"
            );
            assert_eq!(said.lines().count(), 1, "{said}");
            let run = harness::bash(&format!(
                "{input} 2>/dev/null | (ulimit -v 100000; {line} 2>/dev/null) | filter true >out.csv"
            ))
            .dir(place.path())
            .run();
            let upstream = format!("upstream '{name}' failed");
            run.refused("filter", 1, &[&upstream, "out of memory"]);
        }
    });
}

#[test]
fn several_writers_of_one_pipe_are_refused() {
    law_for(&TOOLS, |name| {
        let run = harness::bash(&format!(
            "printf '%s' \"$SMALL\" >small.csv; (extract small.csv; extract small.csv) | {} >/dev/null",
            line_of(name)
        ))
        .env("SMALL", SMALL)
        .dir(tempfile::tempdir().expect("a temporary directory").path())
        .run();
        // To these, the second header is a bad record before the end of the input is.
        let words: &[&str] = match name {
            "filter" | "map" | "aggregate" => &["'qty' is not a number"],
            _ => &["has several writers, each with a header of its own"],
        };
        run.refused(name, 1, words);
    });
}

/// All bytes that the file had at the start must come. (A fold reads too fast for this test to cut its file.)
#[test]
fn a_file_that_is_cut_short_is_an_error() {
    law_for(
        &["extract", "filter", "map", "lookup", "dedupe", "meter"],
        |name| {
            let place = tempfile::tempdir().expect("a temporary directory");
            let input = large(300_000, 300_000);
            for way in ["big.csv", "<big.csv"] {
                fs::write(place.path().join("big.csv"), &input).expect("a file");
                let run = harness::bash(&format!(
                "{} {way} | {{ head -c 1; sleep 0.2; truncate -s 9000000 big.csv; cat; }} >/dev/null; exit ${{PIPESTATUS[0]}}",
                line_of(name)
            ))
            .dir(place.path())
            .run();
                run.refused(
                    name,
                    1,
                    &["it was cut short while it was read: 9000000 of "],
                );
            }
        },
    );
}

/// Their sizes are 0, or a page.
#[test]
fn files_without_a_true_size_are_read() {
    law_for(&["extract", "filter", "order", "dedupe", "meter"], |name| {
        let words: &[&str] = match name {
            "filter" => &["true"],
            "order" | "dedupe" => &["Linux"],
            "meter" => &["--quiet"],
            _ => &[],
        };
        let run = tool(name)
            .args(words)
            .args(["/proc/sys/kernel/ostype"])
            .run();
        let given = run.quiet_success();
        assert_eq!(String::from_utf8_lossy(&given), "Linux\n");
    });
}

#[test]
fn a_missing_file_is_named() {
    law(|name| {
        let place = tempfile::tempdir().expect("a temporary directory");
        let program = tool(name).dir(place.path()).stdin(SMALL);
        let (program, named) = match name {
            "load" => (program.args(["no-such-place/out.csv"]), "no-such-place"),
            _ => (
                program.args(use_of(name)).args(["no-such-file.csv"]),
                "no-such-file.csv",
            ),
        };
        program
            .run()
            .refused(name, 1, &[named, "no such file or directory"]);
        let left = fs::read_dir(place.path()).expect("a directory").count();
        assert_eq!(left, 0, "something was left behind");
    });
}

#[test]
fn a_directory_is_no_file() {
    law_for(
        &[
            "extract",
            "filter",
            "map",
            "aggregate",
            "order",
            "dedupe",
            "meter",
        ],
        |name| {
            let place = tempfile::tempdir().expect("a temporary directory");
            fs::create_dir(place.path().join("inner.csv")).expect("a directory");
            tool(name)
                .dir(place.path())
                .args(use_of(name))
                .args(["inner.csv"])
                .run()
                .refused(name, 1, &["inner.csv", "directory"]);
        },
    );
}

// The command line

/// Standard input is a file here: its offset, which the program shares, shows whether it was read.
#[test]
fn wrong_usage_leaves_standard_input_alone() {
    law(|name| {
        let program: &[&str] = match name {
            "extract" => &["--on-error", "shrug"],
            "filter" => &["qty >"],
            "map" => &["twice = (qty"],
            "aggregate" => &["total = sum(qty"],
            "order" | "dedupe" => &["lower(name"],
            _ => &[],
        };
        let unknown = [use_of(name), &["--no-such-flag"]].concat();
        let threads = [use_of(name), &["-j", "many"]].concat();
        for arguments in [program, &unknown, &threads] {
            let mut file = tempfile::tempfile().expect("a temporary file");
            file.write_all(SMALL.as_bytes()).expect("it can be written");
            file.rewind().expect("it can be read again");
            let run = tool(name)
                .args(arguments)
                .stdin_file(file.try_clone().expect("a second handle"))
                .run();
            run.refused(name, 2, &[]);
            only_its_failure(name, &run.out());
            assert_eq!(file.stream_position().expect("an offset"), 0, "it was read");
        }
    });
}

/// Nothing was done, so what standard output goes to stays as it is.
#[test]
fn wrong_usage_leaves_a_file_alone() {
    law_for(&TOOLS, |name| {
        let file = tempfile::tempfile().expect("a temporary file");
        let run = tool(name)
            .args(use_of(name).iter().take_while(|word| **word != "--"))
            .args(["--no-such-flag"])
            .stdout_file(file.try_clone().expect("a second handle"))
            .run();
        run.refused(name, 2, &["--no-such-flag"]);
        assert_eq!(file.metadata().expect("a file").len(), 0);
    });
}

#[test]
fn each_program_explains_itself() {
    law_for(&TOOLS, |name| {
        let ask = |arguments: &[&str]| {
            let given = tool(name).args(arguments).run().quiet_success();
            String::from_utf8(given).expect("help is text")
        };
        let long = ask(&["--help"]);
        let own: &[&str] = match READERS.contains(&name) {
            true => &["--threads", "--on-error"],
            false => &["--accept-unclean"],
        };
        for word in [&["Usage", "Example", "--version"], own].concat() {
            assert!(long.contains(word), "--help says nothing of {word}: {long}");
        }
        assert!(ask(&["-h"]).contains("Usage"));
        let version = ask(&["--version"]);
        assert!(version.starts_with(name) && version.contains(env!("CARGO_PKG_VERSION")));
        let manual = ask(&["--man"]);
        assert!(manual.contains(".TH") && manual.contains(name), "{manual}");
    });
}

#[test]
fn completions_are_good_bash() {
    law_for(&TOOLS, |name| {
        let script = tool(name)
            .args(["--completions", "bash"])
            .run()
            .quiet_success();
        let text = String::from_utf8_lossy(&script).into_owned();
        assert!(
            text.contains(name) && text.contains("--accept-unclean"),
            "{text}"
        );
        let mut bash = Command::new("bash")
            .arg("-n")
            .stdin(Stdio::piped())
            .spawn()
            .expect("bash can be started");
        bash.stdin
            .take()
            .expect("standard input is piped")
            .write_all(&script)
            .expect("bash reads it");
        assert!(bash.wait().expect("bash ends").success());
    });
}
