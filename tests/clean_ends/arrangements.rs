//! The ways in which a shell connects programs.

use std::fs;

use crate::{PREAMBLE, Place, harness};

#[test]
fn a_chain_ends_as_its_stages_do() {
    let place = Place::new();
    place.accepts("extract in.csv | filter true | map 'note = note' | load out.csv >receipt");
    for (line, words) in [
        (
            "killed extract | load out.csv",
            &["'extract' ended early (killed)"][..],
        ),
        (
            "killed extract | filter true | map 'x = 1' | load out.csv",
            &["'extract' ended early (killed)"],
        ),
        (
            "cat in.csv | killed filter true | load out.csv",
            &["'filter' ended early (killed)"],
        ),
        (
            "extract in.csv | killed map 'x = 1' | filter true | load out.csv",
            &["'map' ended early (killed)"],
        ),
        (
            "extract in.csv | killed aggregate 'n = count()' | load out.csv",
            &["'aggregate' ended early (killed)"],
        ),
        (
            "failing | load out.csv",
            &["upstream 'extract' failed", "record 1001"],
        ),
        (
            "failing | filter true | map 'x = 1' | load out.csv",
            &["upstream 'extract' failed"],
        ),
        (
            "failing | aggregate 'n = count()' | load out.csv",
            &["upstream 'extract' failed"],
        ),
        (
            "extract no.csv | filter true | load out.csv",
            &["upstream 'extract' failed", "no.csv"],
        ),
        (
            "extract --wrong | load out.csv",
            &["upstream 'extract' failed", "--wrong"],
        ),
        (
            "extract in.csv | filter 'nope > 1' | load out.csv",
            &["upstream 'filter' failed", "nope"],
        ),
    ] {
        place.refuses(line, words);
    }
}

#[test]
fn tables_are_not_touched_either() {
    let place = Place::new();
    let run = place.run(
        "extract in.csv | load sqlite:d.db#t >receipt
         killed extract | load sqlite:d.db#t; echo $?
         killed extract | load sqlite:d.db#t --mode replace; echo $?
         killed extract | load sqlite:new.db#t; echo $?
         failing | load sqlite:d.db#u; echo $?
         sqlite3 d.db 'select count(*) from t' .tables; ls *.db*",
    );
    assert_eq!(run.out(), "1\n1\n1\n1\n1000\nt\nd.db\n", "{}", run.err());
    assert_eq!(run.err().matches("nothing was committed").count(), 4);
}

#[test]
fn a_subshell_is_as_good_as_the_worst_in_it() {
    let place = Place::new();
    place.accepts("( extract in.csv; true ) | load out.csv >receipt");
    place.accepts("( extract in.csv ) | ( filter true; exit 1 ) | load out.csv >receipt");
    for line in [
        "( killed extract; extract in.csv ) | load out.csv",
        "( extract in.csv; killed extract ) | load out.csv",
        "( extract in.csv; extract no.csv ) | load out.csv",
        "( extract no.csv; extract in.csv ) | load out.csv",
        "( extract no.csv || extract in.csv ) | load out.csv",
        "{ extract in.csv & killed extract; wait; } | load out.csv",
    ] {
        place.refuses(line, &[""]);
    }
}

/// Every stream has a header of its own, and programs that write at the same time cut into each other's
/// records: several writers never are one stream, whether they ended well or not.
#[test]
fn several_writers_of_one_pipe_are_refused() {
    let place = Place::new();
    for n in 0..4 {
        fs::copy(place.path("in.csv"), place.path(&format!("n{n}.csv"))).expect("a copy");
    }
    for (writers, words) in [
        (
            "for n in 0 1; do extract n$n.csv; done",
            "has several writers, each with a header of its own ('extract')",
        ),
        (
            "{ extract n0.csv; filter true n1.csv; }",
            "header of its own ('extract', 'filter')",
        ),
        (
            "ls n?.csv | xargs -P 4 -n 1 extract",
            "has several writers, each with a header of its own ('extract')",
        ),
        (
            "{ extract n0.csv & extract n1.csv & wait; }",
            "has several writers, each with a header of its own ('extract')",
        ),
        (
            "( extract n0.csv; extract n1.csv ) | ( filter true; exit 0 )",
            "has several writers, each with a header of its own ('extract')",
        ),
        (
            "( extract n0.csv; extract n1.csv ) | balance -n 1 -- cat",
            "has several writers, each with a header of its own ('extract')",
        ),
    ] {
        for flag in ["", "--require-clean"] {
            place.refuses(
                &format!("{writers} | load out.csv {flag}"),
                &[words, "give all files to one program: extract a.csv b.csv"],
            );
        }
    }
    place.refuses(
        "load out.csv <(extract n0.csv; extract n1.csv)",
        &["several writers"],
    );
    place.refuses(
        "mkfifo p; { extract n0.csv; extract n1.csv; } >p & load out.csv p; code=$?; rm p; exit $code",
        &["several writers"],
    );
    // On request, and what is nobody's stream counts for nothing.
    let run = place
        .run("for n in 0 1; do extract n$n.csv; done | load out.csv --accept-unclean >receipt");
    assert_eq!((run.code, &*run.err()), (0, ""));
    fs::remove_file(place.path("out.csv")).expect("a file");
    place.accepts("{ head -c 0 in.csv | load other.csv --accept-unclean 2>/dev/null >/dev/null; extract in.csv; } | load out.csv >receipt");
}

/// A failure is said where it happened and once at the end, however many programs are between.
#[test]
fn one_failure_is_said_twice() {
    let place = Place::new();
    let told = |line: &str| {
        let run = place.run(line);
        let said = run.err();
        let lines: Vec<String> = said.lines().map(str::to_owned).collect();
        lines
    };
    for (line, expected) in [
        (
            "failing | filter true | map 'x = 1' | order id | load out.csv >receipt",
            vec![
                "extract: standard input:2002: record 1001: 3 fields where the header has 2; --ragged pad drops surplus fields, and --extra column keeps them",
                "load: upstream 'extract' failed after 0 records: standard input:2002: record 1001: 3 fields where the header has 2; --ragged pad drops surplus fields, and --extra column keeps them; 'out.csv' was not written",
            ],
        ),
        (
            "extract in.csv | filter 'id > :x' | map 'x = 1' | order id >sorted.csv",
            vec![
                "filter: unknown setting ':x'",
                "  id > :x",
                "       ^^ give it by --set x=VALUE",
                "order: upstream 'filter' failed: unknown setting ':x'",
            ],
        ),
        // A killed program cannot report itself: the next one does, and the last.
        (
            "killed extract | filter true | map 'x = 1' | dedupe id | load out.csv >receipt",
            vec![
                "filter: upstream 'extract' ended early (killed) after 249 records",
                "load: upstream 'extract' ended early (killed) after 249 records; 'out.csv' was not written",
            ],
        ),
        (
            "(cat in.csv; sleep 2) | timeout 0.3 filter true | map 'x = 1' | dedupe id | load out.csv >receipt",
            vec![
                "map: upstream 'filter' was stopped (SIGTERM) after 1,000 records",
                "load: upstream 'filter' was stopped (SIGTERM) after 1,000 records; 'out.csv' was not written",
            ],
        ),
    ] {
        assert_eq!(told(line), expected, "{line}");
    }
}

/// A first source that fails before it has written anything, and one in its place: on request.
#[test]
fn a_failure_may_be_accepted() {
    let place = Place::new();
    let line = "( extract no.csv >unseen || extract in.csv ) 2>/dev/null";
    place.accepts(&format!("{line} | load out.csv >receipt"));
    // What the first one leaves in the pipe says that it failed.
    let line = "( head -n 3 in.csv | filter 'x > 1' >/dev/null || extract in.csv )";
    place.accepts(&format!("{line} 2>/dev/null | load out.csv >receipt"));
    let run = place.run("killed extract | load out.csv --accept-unclean >receipt");
    assert_eq!((run.code, &*run.err()), (0, ""));
    assert!(fs::read(place.path("out.csv")).expect("a file").len() > 1000);
    let run = place.run("killed extract | filter true --accept-unclean | load out.csv >receipt");
    assert_eq!((run.code, &*run.err()), (0, ""));
    assert_eq!(place.notes(), [""; 0]);
}

#[test]
fn what_a_foreign_program_wrote_is_taken_at_its_word_unless_told_otherwise() {
    let place = Place::new();
    place.accepts("cat in.csv | load out.csv >receipt");
    place.accepts("extract in.csv | cat | load out.csv >receipt; rm -rf run/pipewright");
    place.refuses(
        "cat in.csv | load out.csv --require-clean",
        &["left no word that it ended well", "balance"],
    );
    place.refuses(
        "extract in.csv | cat | load out.csv --require-clean",
        &["left no word that it ended well"],
    );
    place.run("rm -rf run/pipewright");
    place.accepts("extract in.csv | load out.csv --require-clean >receipt");
    place.accepts("load out.csv --require-clean in.csv >receipt");
    place.accepts("load out.csv --require-clean <in.csv >receipt");
    // It is in between: what it says is not all that came.
    place.refuses(
        "( extract in.csv; echo 9,z ) | load out.csv",
        &["another program wrote to the same pipe"],
    );
    place.refuses(
        "( echo id,note; extract in.csv ) | load out.csv",
        &["another program wrote to the same pipe"],
    );
}

/// Nobody else may have taken a part of the records.
#[test]
fn all_that_was_written_must_come() {
    let place = Place::new();
    for taker in [
        "head -n 1 >/dev/null",
        "head -c 10 >/dev/null",
        "read -r line",
    ] {
        place.refuses(
            &format!("extract in.csv | ( {taker}; load out.csv )"),
            &[""],
        );
    }
}

#[test]
fn of_two_readers_neither_has_all() {
    let place = Place::new();
    // The second one is held up until the first has come to the end.
    let run = place.run(
        "{ head -n 501 in.csv; sleep 0.4; tail -n +502 in.csv; } | extract - | (
             load b.csv & pid=$!; sleep 0.2; kill -STOP $pid
             load a.csv; kill -CONT $pid; wait $pid
         ) >/dev/null; ls [ab].csv",
    );
    assert_eq!(
        run.out(),
        "",
        "a part was taken for the whole: {}",
        run.err()
    );
}

#[test]
fn tee_hands_on_what_came() {
    let place = Place::new();
    let run =
        place.run("extract in.csv | tee copy.csv | load out.csv >receipt; rm -rf run/pipewright");
    assert_eq!((run.code, &*run.err()), (0, ""));
    assert!(place.holds("out.csv", "in.csv") && place.holds("copy.csv", "in.csv"));
    fs::remove_file(place.path("out.csv")).expect("a file");
    // It leaves no note, but what has failed is seen in its bytes.
    place.refuses("failing | tee copy.csv | load out.csv", &["never ends"]);
    place.refuses(
        "failing | tee >(cat >/dev/null) | load out.csv",
        &["never ends"],
    );
    place.refuses(
        "failing | cat | filter true | load out.csv",
        &["upstream 'filter' failed"],
    );
    place.refuses(
        "killed extract | tee copy.csv | load out.csv --require-clean",
        &["left no word"],
    );
}

#[test]
fn process_substitutions_are_pipes() {
    let place = Place::new();
    place.accepts("load out.csv <(extract in.csv) >receipt");
    place.accepts("load out.csv < <(extract in.csv | filter true) >receipt");
    place.run("cat in.csv <(tail -n +2 in.csv) >twice.csv");
    place.accepts_as(
        "load out.csv <(extract in.csv) in.csv >receipt",
        "twice.csv",
    );
    place.accepts_as(
        "load out.csv <(extract in.csv) <(filter true in.csv) >receipt",
        "twice.csv",
    );
    for line in [
        "load out.csv <(killed extract)",
        "load out.csv < <(killed extract)",
        "load out.csv <(extract in.csv) <(killed extract)",
        "load out.csv <(killed extract) in.csv",
        "load out.csv <(failing)",
        "filter true <(killed extract) | load out.csv",
    ] {
        place.refuses(line, &["upstream 'extract'"]);
    }
}

#[test]
fn a_substituted_reader_judges_too() {
    let place = Place::new();
    // Bash does not wait for it by itself.
    place.accepts("extract in.csv > >(load out.csv >receipt); wait $!");
    place.accepts("filter 'id > 0' --else >(load else.csv >receipt2; touch ended) in.csv | load out.csv >receipt
                   until [[ -e ended ]]; do sleep 0.01; done");
    assert_eq!(
        fs::read_to_string(place.path("else.csv")).expect("a file"),
        "id,note\n"
    );
    place.accepts(
        "filter false --else >(load out.csv >receipt; touch ended2) in.csv >/dev/null
                   until [[ -e ended2 ]]; do sleep 0.01; done",
    );
    place.refuses("killed extract > >(load out.csv; echo $? >code); until [[ -s code ]]; do sleep 0.01; done; exit $(<code)", &["'extract' ended early"]);
    place.refuses("rm code; killed filter 'id < 0' --else >(load out.csv; echo $? >code) >/dev/null; until [[ -s code ]]; do sleep 0.01; done; exit $(<code)", &["'filter' ended early"]);
    place.refuses("rm code; failing | filter 'id < 0' --else >(load out.csv; echo $? >code) >/dev/null; until [[ -s code ]]; do sleep 0.01; done; exit $(<code)", &["upstream 'extract' failed"]);
}

#[test]
fn a_named_pipe_may_be_used_again_and_again() {
    let place = Place::new();
    place.run("mkfifo p");
    for _ in 0..3 {
        place.accepts("extract in.csv >p & load out.csv p >receipt && wait");
        place.accepts("extract in.csv >p & load out.csv <p >receipt && wait");
        place.refuses(
            "killed extract >p & load out.csv p",
            &["upstream 'extract'"],
        );
        place.accepts_with_notes("extract in.csv >p & load out.csv p >receipt && wait");
        place.run("rm -rf run/pipewright");
        place.refuses(
            "failing >p 2>/dev/null & load out.csv <p",
            &["upstream 'extract' failed"],
        );
        // Foreign programs in between.
        place.accepts("cat in.csv >p & load out.csv p >receipt && wait");
        let run = place.run("extract in.csv >p & cat p >copy.csv; wait");
        assert_eq!((run.code, &*run.err()), (0, ""));
        assert!(place.holds("copy.csv", "in.csv"));
        place.accepts("filter true in.csv >p & load out.csv p >receipt && wait");
        let run = place.run("extract in.csv >p & head -n 2 p >copy.csv; wait");
        assert_eq!((run.code, &*run.err()), (0, ""));
        place.accepts(
            "filter true in.csv >p & load out.csv p >receipt && wait; rm -rf run/pipewright",
        );
    }
}

/// The note of an earlier use that no reader of ours has taken away says nothing about a foreign writer.
#[test]
fn a_foreign_writer_of_a_named_pipe_is_not_held_to_an_old_note() {
    let place = Place::new();
    let run = place.run(
        "mkfifo p; head -n 501 in.csv >half.csv; extract half.csv >p & cat p >copy.csv; wait
         cat in.csv >p & exits load out.csv p >receipt; wait",
    );
    assert_eq!((run.code, &*run.err()), (0, ""));
    assert!(place.holds("out.csv", "in.csv"));
}

#[test]
fn other_kinds_of_input_are_read_as_they_are() {
    let place = Place::new();
    place.accepts("load out.csv <in.csv >receipt");
    place.accepts("load out.csv <<<\"$(<in.csv)\" >receipt");
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair of sockets");
    let writer = std::thread::spawn({
        let bytes = fs::read(place.path("in.csv")).expect("a file");
        move || {
            let mut ours = ours;
            std::io::Write::write_all(&mut ours, &bytes).expect("the program reads");
        }
    });
    let file = fs::File::from(std::os::fd::OwnedFd::from(theirs));
    let run = harness::tool("load")
        .args(["out.csv"])
        .dir(place.0.path())
        .stdin_file(file)
        .run();
    assert_eq!((run.code, &*run.err()), (0, ""));
    writer.join().expect("the writer");
    assert!(place.holds("out.csv", "in.csv"));
}

#[test]
fn the_notes_can_be_turned_off() {
    let place = Place::new();
    place.accepts(
        "export PIPEWRIGHT_ENDS=off; extract in.csv | filter true | load out.csv >receipt",
    );
    let run = place.run("export PIPEWRIGHT_ENDS=off; killed extract | load out.csv >receipt");
    assert_eq!(
        (run.code, &*run.err()),
        (0, ""),
        "nothing tells it from a whole"
    );
    assert!(!place.path("run/pipewright").exists());
    fs::remove_file(place.path("out.csv")).expect("a file");
    place.refuses(
        "export PIPEWRIGHT_ENDS=off; failing | load out.csv",
        &["never ends"],
    );
    place.accepts("extract in.csv | PIPEWRIGHT_ENDS=off filter true | load out.csv >receipt; rm -r run/pipewright");
    place.refuses(
        "export PIPEWRIGHT_ENDS=off; extract in.csv | load out.csv --require-clean",
        &["left no word"],
    );
}

#[test]
fn no_clean_end_is_refused() {
    let place = Place::new();
    let run = place.run(
        "run() {
             local n=$1
             for ((i = 0; i < 25; i++)); do
                 extract in.csv | filter true | map 'n = id' | load out.$n.csv --require-clean >receipt.$n \
                     || echo \"refused $?\"
             done
         }
         for ((n = 0; n < 12; n++)); do run $n & done; wait
         for ((n = 0; n < 200; n++)); do
             { extract in.csv | filter true | load many.$n.csv --require-clean >receipt.$n || echo \"refused $?\"; } &
         done; wait
         ls out.*.csv many.*.csv | wc -l; cat many.*.csv | cksum; cat $(printf 'in.csv %.0s' {1..200}) | cksum",
    );
    assert_eq!(run.err(), "");
    let out = run.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "212");
    assert_eq!(lines[1], lines[2]);
    assert_eq!(lines.len(), 3);
    assert_eq!(place.notes(), [""; 0]);
}

/// Where the failure is also in the bytes, strict readers refuse what they got.
#[test]
fn a_strict_foreign_reader_refuses_what_has_failed() {
    let place = Place::new();
    let address = harness::postgres_database("clean_ends");
    let run = harness::bash(&format!(
        "{PREAMBLE}
         psql() {{ command psql -X -q -v ON_ERROR_STOP=1 \"$ADDRESS\" \"$@\"; }}
         psql -c 'create table t (id bigint, note text)'
         failing 2>/dev/null | psql -c '\\copy t from stdin csv header'; echo $?
         failing 2>/dev/null | filter true 2>/dev/null | psql -c '\\copy t from stdin csv header'; echo $?
         psql -At -c 'select count(*) from t'
         extract in.csv | psql -c '\\copy t from stdin csv header'; echo $?
         psql -At -c 'select count(*) from t'"
    ))
    .env("ADDRESS", &address)
    .env("XDG_RUNTIME_DIR", place.path("run"))
    .dir(place.0.path())
    .run();
    assert_eq!(run.out(), "1\n1\n0\n0\n1000\n", "{}", run.err());
    assert_eq!(
        run.err().matches("unterminated CSV quoted field").count(),
        2,
        "{}",
        run.err()
    );
    // SQLite's shell says so, and takes the record all the same.
    let run = place.run("failing 2>/dev/null | sqlite3 :memory: '.import --csv /dev/stdin t'");
    assert!(run.err().contains("unterminated"), "{}", run.err());
    // Python's reader, when it is told to be strict.
    let run = place.run(
        "failing 2>/dev/null | python3 -c 'import csv, sys; list(csv.reader(sys.stdin, strict=True))'",
    );
    assert!(
        run.code != 0 && run.err().contains("unexpected end of data"),
        "{}",
        run.err()
    );
}
