//! `meter` beside its neighbours, and its figures.

mod harness;

use std::fs;

const INPUT: &str = "id,note\n1,\"a\nb\"\n\n2,c\n";

/// What it says on standard error, with its times taken out.
fn said(arguments: &[&str]) -> String {
    let run = harness::tool("meter").args(arguments).stdin(INPUT).run();
    assert_eq!((run.code, run.out().as_str()), (0, INPUT));
    let times =
        regex::Regex::new(r"in [\d.:]+( s)?: [\d,]+ records?/s, [\d.]+ \w+/s").expect("a pattern");
    times.replace_all(&run.err(), "in T").into_owned()
}

#[test]
fn the_last_line_has_the_whole() {
    assert_eq!(said(&[]), "meter: 2 records, 21 B in T\n");
    assert_eq!(
        said(&["--name", "orders"]),
        "meter: orders: 2 records, 21 B in T\n"
    );
    assert_eq!(said(&["-q"]), "");
}

#[test]
fn a_line_comes_every_so_often() {
    let line = "{ printf 'a\\n1\\n'; sleep 1; printf '2\\n'; } | meter --every 300ms --size 12 2>said; cat said";
    let place = tempfile::tempdir().expect("a temporary directory");
    let run = harness::bash(line).dir(place.path()).run();
    let out = run.out();
    let is_first =
        |line: &str| line.starts_with("meter: 1 record, 4 B in 0:0") && line.contains(", 33 %, ");
    assert!(out.lines().any(is_first), "{out}");
    let last = out.lines().last().unwrap_or_default();
    assert!(last.starts_with("meter: 2 records, 6 B in "), "{out}");
}

/// `script` gives it a terminal.
#[test]
fn a_terminal_shows_how_far_it_is() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let line = "{ printf 'a\\n1\\n'; sleep 2.5; printf '2\\n'; } | meter --size 12 >/dev/null";
    let run = harness::bash("script --quiet --return --command \"$LINE\" typescript </dev/null")
        .env("LINE", line)
        .dir(place.path())
        .run();
    let out = run.out();
    assert_eq!(run.code, 0, "{out}");
    let shown: Vec<&str> = out.split("\r\x1b[K").collect();
    let is_on_the_way =
        |line: &&str| line.starts_with("1 record, 4 B in 0:0") && line.contains(" 33 %, 0:0");
    assert!(shown.iter().any(is_on_the_way), "{out:?}");
    assert!(
        shown
            .last()
            .is_some_and(|last| last.starts_with("meter: 2 records, 6 B in ")),
        "{out:?}"
    );
}

#[test]
fn a_files_size_is_known() {
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::write(place.path().join("in.csv"), INPUT).expect("a file");
    let run = harness::bash("meter in.csv 2>/dev/null; meter -q <in.csv; meter -q - <in.csv")
        .dir(place.path())
        .run();
    assert_eq!(run.out(), INPUT.repeat(3));
}

#[test]
fn a_failed_neighbour_is_seen_through_it() {
    let run =
        harness::bash("printf 'a\\n1\\nx\\n' | filter 'a > 0' | meter | load - --to csv").run();
    run.clone().refused("filter", 1, &["'x' is not a number"]);
    let said = run.err();
    assert!(!said.contains("meter: "), "{said}");
    assert!(
        said.contains("load: upstream 'filter' failed after 1 record: "),
        "{said}"
    );
    let run = harness::bash(
        "(printf 'a\\n1\\nx\\n' | filter 'a > 0') 2>/dev/null | meter -q --accept-unclean",
    )
    .run();
    assert_eq!(run.err(), "");
    assert!(run.out().starts_with("a\n1\n"), "{}", run.out());
}

/// A field that a failed neighbour left open stays open: a strict reader refuses it.
#[test]
fn what_was_left_open_stays_open() {
    for passing in [
        "meter -q",
        "balance -n 1 -- cat",
        "balance -n 1 -- bash -c 'trap \"\" TERM; cat'",
    ] {
        let run = harness::bash(&format!(
            "printf 'a\\n1\\nx\\n' | filter 'a > 0' | {passing} 2>/dev/null"
        ))
        .run();
        assert_eq!(run.code, 1, "{passing}");
        assert_eq!(
            run.out().matches('"').count(),
            1,
            "{passing}: {}",
            run.out()
        );
    }
}

#[test]
fn wrong_calls_are_refused() {
    for (arguments, word) in [
        (&["--size", "much"][..], "'much' is no size"),
        (&["--size", "1.2X"], "no size"),
        (&["--every", "0s"], "no length of time"),
        (&["--to", "csv"], "--stages"),
        (&["--stages", "x", "--quiet"], "cannot be used with"),
    ] {
        harness::tool("meter")
            .args(arguments)
            .run()
            .refused("meter", 2, &[word]);
    }
    let run = harness::tool("meter")
        .args(["--stages", "no-such-directory"])
        .run();
    run.refused(
        "meter",
        1,
        &["cannot read 'no-such-directory': no such file"],
    );
}
