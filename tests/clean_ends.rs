//! Clean ends from outside: what a reader does at the end of its input, in every way in which a shell connects
//! programs. A writer that was killed or has failed is never taken for one that was done, and one that was
//! done is never refused.

mod harness;

use harness::Run;
use std::fs;
use std::path::PathBuf;

/// What every Bash line may use. No option of the shell helps it.
const PREAMBLE: &str = r#"
set +o pipefail
exits() { "$@"; echo "exit $?"; }
# Runs a program on the first half of in.csv, and kills it while it waits for more.
killed() {
    local feed="feed.$BASHPID" pid
    mkfifo "$feed"
    "$@" "$feed" &
    pid=$!
    exec 9>"$feed"
    head -n 500 in.csv >&9
    sleep 0.1
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    exec 9>&-
    rm "$feed"
}
# Fails after some records.
failing() { { cat in.csv; echo 1,2,3; } | extract - ; }
"#;

/// A directory with `in.csv`, 1,000 records of it, and a runtime directory of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let records: String = (1..=1000).map(|id| format!("{id},\"a\n{id}\"\n")).collect();
        fs::write(place.path().join("in.csv"), format!("id,note\n{records}")).expect("a file");
        fs::create_dir(place.path().join("run")).expect("a directory");
        Place(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a Bash line here.
    fn run(&self, line: &str) -> Run {
        harness::bash(&format!("{PREAMBLE}{line}"))
            .dir(self.0.path())
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .run()
    }

    /// Runs a Bash line where the runtime directory is a disk of 64 KB, which `fill` fills.
    fn on_small_disk(&self, line: &str) -> Run {
        let script = format!(
            "{PREAMBLE} mount -t tmpfs -o size=64k tmpfs run
             fill() {{ cat /dev/zero >run/filler 2>/dev/null; }}
             {line}"
        );
        harness::bash(&format!(
            "unshare {} bash -c \"$SCRIPT\"",
            harness::own_mounts()
        ))
        .env("SCRIPT", script)
        .env("XDG_RUNTIME_DIR", self.path("run"))
        .dir(self.0.path())
        .run()
    }

    /// Holds that the line ends with 0, says nothing, leaves no note, and that `out.csv` is all of `in.csv`.
    #[track_caller]
    fn accepts(&self, line: &str) {
        self.accepts_as(line, "in.csv");
    }

    /// The same, where `out.csv` is to be all of another file.
    #[track_caller]
    fn accepts_as(&self, line: &str, whole: &str) {
        // A refusal's notes stay, for all its readers.
        let notes = self.notes();
        let run = self.run(line);
        assert_eq!((run.code, &*run.err()), (0, ""), "{line}");
        assert!(
            self.holds("out.csv", whole),
            "{line}: out.csv is not {whole}"
        );
        let mut new = self.notes();
        new.retain(|note| !notes.contains(note));
        assert_eq!(new, [""; 0], "{line}");
        fs::remove_file(self.path("out.csv")).expect("a file");
    }

    /// The same, where a note may stay.
    #[track_caller]
    fn accepts_with_notes(&self, line: &str) {
        let run = self.run(line);
        assert_eq!((run.code, &*run.err()), (0, ""), "{line}");
        assert!(
            self.holds("out.csv", "in.csv"),
            "{line}: out.csv is not in.csv"
        );
        fs::remove_file(self.path("out.csv")).expect("a file");
    }

    /// Holds that `load` ends with 1, says so in these words, and that there is no `out.csv`.
    #[track_caller]
    fn refuses(&self, line: &str, words: &[&str]) {
        // The receipt's pipe is read by the test, which would leave the note about it.
        let run = self.run(&format!("{{ {line}\n}} >/dev/null"));
        assert_eq!(run.code, 1, "{line}: {}", run.err());
        let message = run.err();
        let said = message
            .lines()
            .find(|line| line.starts_with("load: "))
            .unwrap_or_else(|| panic!("{line}: load says nothing: {message}"));
        for word in words {
            assert!(said.contains(word), "{line}: '{word}' in: {said}");
        }
        let comfort = "'out.csv' was not written";
        assert!(message.contains(comfort), "{line}: {message}");
        assert!(!self.path("out.csv").exists(), "{line}: it is there");
        self.leaves_nothing_hidden(line);
    }

    #[track_caller]
    fn leaves_nothing_hidden(&self, line: &str) {
        let entries = fs::read_dir(self.0.path()).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let hidden: Vec<_> = names
            .filter(|name| name.to_string_lossy().starts_with(".pipewright"))
            .collect();
        assert!(hidden.is_empty(), "{line}: {hidden:?} is left");
    }

    /// Whether two files are the same, byte for byte.
    fn holds(&self, one: &str, other: &str) -> bool {
        fs::read(self.path(one)).ok() == fs::read(self.path(other)).ok()
    }

    /// The pipes that there are notes about.
    fn notes(&self) -> Vec<String> {
        let place = self.path("run/pipewright");
        let Ok(entries) = fs::read_dir(place) else {
            return Vec::new();
        };
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names
            .map(|name| name.to_string_lossy().into_owned())
            .filter(|name| name != "swept")
            .collect()
    }
}

#[track_caller]
fn is_root() -> bool {
    // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

// Arrangements

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

// Ends of readers and writers

#[test]
fn a_reader_that_stops_is_no_failure() {
    let place = Place::new();
    place
        .run("for id in {1001..100000}; do echo \"$id,abcdefghijklmnopqrstuvwxyz\"; done >>in.csv");
    for line in [
        "extract - | filter true | map 'x = 1' | head -n 2",
        "extract - | filter true | head -n 2",
        "extract - | head -n 2",
        "extract - | filter true | map 'x = 1' | true",
    ] {
        let run = place.run(&format!("{{ echo id,note; yes 1,2; }} 2>/dev/null | {line} >/dev/null; echo \"${{PIPESTATUS[@]:1}}\""));
        assert!(
            run.out()
                .chars()
                .all(|letter| matches!(letter, '0' | ' ' | '\n')),
            "{line}: {} {}",
            run.out(),
            run.err()
        );
        assert_eq!(run.err(), "", "{line}");
        assert_eq!(place.notes(), [""; 0], "{line}");
    }
}

/// Ends an `extract` in mid-stream by this signal: what the shell saw of it, and what `load` said.
#[track_caller]
fn ended_by(signal: &str, code: i32, fate: &str) {
    let place = Place::new();
    // Bash lets background jobs ignore INT and QUIT: a program in between resets them.
    let line = format!(
        "mkfifo feed p
         env --default-signal=INT,QUIT extract feed >p 2>/dev/null & pid=$!
         load out.csv p 2>said & load=$!
         exec 9>feed; cat in.csv >&9; sleep 0.1; kill -{signal} $pid; wait $pid; echo $?
         wait $load; echo $?; cat said"
    );
    let run = place.run(&line);
    let said = format!(
        "{code}\n1\nload: upstream 'extract' {fate} after 1,000 records; 'out.csv' was not written\n"
    );
    assert_eq!(run.out(), said, "{}", run.err());
    place.leaves_nothing_hidden(&line);
}

#[test]
fn signals_end_a_stage_badly_and_as_they_should() {
    for (signal, code) in [("HUP", 129), ("INT", 130), ("TERM", 143)] {
        ended_by(signal, code, &format!("was stopped (SIG{signal})"));
    }
}

/// Its parent has not yet asked how it ended: the process is still listed.
#[test]
fn signals_that_nobody_can_catch_are_named() {
    for (signal, code) in [("QUIT", 131), ("KILL", 137)] {
        ended_by(signal, code, "ended early (killed)");
    }
    let place = Place::new();
    place.refuses(
        "(cat in.csv; sleep 2) | timeout -s KILL 0.3 filter true | load out.csv",
        &["upstream 'filter' ended early (killed)"],
    );
    let notes = place.notes();
    place.run("mkfifo p");
    for _ in 0..10 {
        place.refuses("killed extract >p & load out.csv p", &["ended early"]);
        assert_eq!(place.notes(), notes);
    }
}

#[test]
fn an_ignored_hangup_stays_ignored() {
    let place = Place::new();
    place.accepts(
        "mkfifo feed p; nohup extract feed >p 2>/dev/null & pid=$!
         load out.csv p >receipt & load=$!
         exec 9>feed; head -n 501 in.csv >&9; sleep 0.1; kill -HUP $pid
         tail -n +502 in.csv >&9; exec 9>&-; wait $load",
    );
}

#[test]
fn a_stopped_load_removes_what_it_had_begun() {
    for signal in ["TERM", "INT", "HUP"] {
        for target in ["out.csv", "sqlite:out.db#t"] {
            let place = Place::new();
            let line = format!(
                "mkfifo feed; env --default-signal=INT load {target} feed & pid=$!
                 exec 9>feed; cat in.csv >&9; sleep 0.1; ls -A | grep -c '^[.]pipewright'
                 kill -{signal} $pid; wait $pid 2>/dev/null; echo $?; ls -A"
            );
            let run = place.run(&line);
            let code = match signal {
                "TERM" => 143,
                "INT" => 130,
                _ => 129,
            };
            assert_eq!(
                run.out(),
                format!("1\n{code}\nfeed\nin.csv\nrun\n"),
                "{}",
                run.err()
            );
        }
    }
}

#[test]
fn a_time_limit_ends_a_stage_badly() {
    let place = Place::new();
    place.refuses(
        "(cat in.csv; sleep 2) | timeout 0.3 filter true | load out.csv",
        &["upstream 'filter' was stopped (SIGTERM)"],
    );
}

// The runtime directory

#[test]
fn a_runtime_directory_that_cannot_be_had_is_no_failure() {
    let place = Place::new();
    for bad in [
        "/proc/nowhere",
        "/dev/null",
        "relative",
        "",
        "/no/such/directory",
    ] {
        place.accepts(&format!(
            "export XDG_RUNTIME_DIR={bad}; extract in.csv | load out.csv --require-clean >receipt"
        ));
        place.refuses(
            &format!("export XDG_RUNTIME_DIR={bad}; killed extract | load out.csv"),
            &["'extract' ended early (killed)"],
        );
    }
    place.accepts("unset XDG_RUNTIME_DIR; extract in.csv | load out.csv --require-clean >receipt");
    // A stage with another environment is still understood.
    place.accepts("TMPDIR=$PWD extract in.csv | load out.csv --require-clean >receipt");
    place.refuses(
        "killed env -u XDG_RUNTIME_DIR extract | load out.csv",
        &["ended early"],
    );
}

#[test]
fn a_directory_that_others_can_reach_is_not_believed() {
    for spoil in [
        "mkdir -m 777 run/pipewright",
        "mkdir -m 770 run/pipewright",
        "mkdir -m 755 run/pipewright",
        "mkdir -m 700 there; ln -s ../there run/pipewright",
        "ln -s /nowhere run/pipewright",
        "touch run/pipewright",
        "mkfifo run/pipewright",
    ] {
        let place = Place::new();
        place.run(spoil);
        place.accepts_with_notes("extract in.csv | load out.csv --require-clean >receipt");
        place.refuses(
            "killed extract | load out.csv",
            &["'extract' ended early (killed)"],
        );
        let inside = place.run("ls -A there run/pipewright/ 2>/dev/null | grep -v :");
        assert_eq!(inside.out().trim(), "", "{spoil}");
    }
}

#[test]
fn another_users_directory_is_not_believed() {
    assert!(is_root(), "another user's directory takes root to make");
    let place = Place::new();
    place.run("mkdir -m 700 run/pipewright; chown 65534 run/pipewright");
    place.accepts_with_notes("extract in.csv | load out.csv --require-clean >receipt");
    place.refuses(
        "killed extract | load out.csv",
        &["'extract' ended early (killed)"],
    );
    assert_eq!(place.notes(), [""; 0]);
}

/// Someone who can write into the directory is this user; still, a link is not followed.
#[test]
fn links_among_the_notes_are_not_followed() {
    let place = Place::new();
    let run = place.run(
        "echo kept >victim; mkfifo p; mkdir -m 700 run/pipewright
         key=$(printf '%s-%x-%x' $(head -c 8 /proc/sys/kernel/random/boot_id) $(stat -c '%d %i' p))
         mkdir -m 700 run/pipewright/$key; ln -s $PWD/victim run/pipewright/$key/1.1.0
         extract in.csv >p & load out.csv p >receipt; echo $?; cat victim",
    );
    // The link says nothing that can be understood: at the worst, it is a writer that was killed.
    assert_eq!(run.out().lines().last(), Some("kept"), "{}", run.err());
    // A link in the place of the pipe's directory.
    let run = place.run(
        "rm -rf run/pipewright out.csv p; mkfifo p; mkdir -m 700 run/pipewright there
         key=$(printf '%s-%x-%x' $(head -c 8 /proc/sys/kernel/random/boot_id) $(stat -c '%d %i' p))
         ln -s $PWD/there run/pipewright/$key
         extract in.csv >p & load out.csv p >receipt; echo $?; ls there",
    );
    assert_eq!(run.out(), "0\n", "{}", run.err());
}

#[test]
fn a_note_of_a_dead_writer_is_never_a_good_end() {
    for note in [
        r#"{"program":"extract","since":1,"state":"running"}"#,
        r#"{"program":"extract","since":1,"state":{"failed":{"program":"extract","fate":"failed","why":"x"}}}"#,
        r#"{"program":"extract","since":1,"state":{"done":{"bytes":7,"records":1,"rejected":0}}}"#,
        "not a note",
        "",
        "\\xff\\xfe",
    ] {
        let place = Place::new();
        // Beside an anonymous pipe that a foreign program writes.
        let line = format!(
            "mkdir -m 700 run/pipewright
             plant() {{
                 local key
                 key=$(printf '%s-%x-%x' $(head -c 8 /proc/sys/kernel/random/boot_id) $(stat -L -c '%d %i' /proc/self/fd/0))
                 mkdir -m 700 run/pipewright/$key; printf '%b' '{note}' >run/pipewright/$key/4194305.1.0
             }}
             cat in.csv | {{ plant; load out.csv; }}"
        );
        place.refuses(&line, &["upstream"]);
        // The same, where it is a note of another day.
        let line = line.replace("$(head -c 8 /proc/sys/kernel/random/boot_id)", "00000000");
        place.accepts_with_notes(&format!("rm -r run/pipewright; {line} >receipt"));
    }
}

#[test]
fn a_full_runtime_directory_is_never_a_good_end() {
    let place = Place::new();
    // Filled after the start: the end is still told.
    let run = place.on_small_disk(
        "(cat in.csv; sleep 0.2; fill) | extract - | load out.csv --require-clean >receipt; echo $?; cmp in.csv out.csv",
    );
    assert_eq!(run.out(), "0\n", "{}", run.err());
    let run = place.on_small_disk(
        "rm out.csv; (cat in.csv; sleep 0.2; fill; echo 1,2,3) | extract - | load out.csv; echo $?; ls out.csv",
    );
    assert_eq!(run.out(), "1\n", "{}", run.err());
}

/// Filled before the start: there is another place.
#[test]
fn a_runtime_directory_that_was_full_before_is_never_a_good_end() {
    let place = Place::new();
    for spoil in ["fill", "mkdir -m 700 run/pipewright; fill"] {
        let run = place.on_small_disk(&format!(
            "{spoil}; killed extract | load out.csv; echo $?; ls out.csv"
        ));
        assert_eq!(run.out(), "1\n", "{spoil}: {}", run.err());
        let run = place.on_small_disk(&format!(
            "{spoil}; extract in.csv | load out.csv >receipt; echo $?; cmp in.csv out.csv; rm out.csv"
        ));
        assert_eq!(run.out(), "0\n", "{spoil}: {}", run.err());
    }
}

/// Where no place is at all, nothing is told, and nothing breaks.
#[test]
fn without_any_place_all_works_as_before() {
    let place = Place::new();
    let script = format!(
        "{PREAMBLE} mount --bind . /mnt; cd /mnt
         mount --bind \"$(dirname \"$(command -v extract)\")\" /srv; PATH=/srv:$PATH
         mount -t tmpfs -o ro tmpfs /tmp; export TMPDIR=/tmp XDG_RUNTIME_DIR=/tmp
         extract in.csv | filter true | map 'x = id' | head -n 2; echo \"${{PIPESTATUS[@]}}\"
         failing | load out.csv; echo $?; extract in.csv | load out.csv --require-clean; echo $?
         extract in.csv | load out.csv >receipt; echo $?; cmp in.csv out.csv"
    );
    let run = harness::bash(&format!(
        "unshare {} bash -c \"$SCRIPT\"",
        harness::own_mounts()
    ))
    .env("SCRIPT", script)
    .dir(place.0.path())
    .run();
    assert_eq!(
        run.out(),
        "id,note,x\n1,\"a\n0 0 0 0\n1\n1\n0\n",
        "{}",
        run.err()
    );
    assert!(run.err().contains("never ends"), "{}", run.err());
}

#[test]
fn without_proc_all_works_as_before() {
    let place = Place::new();
    let script = "mount -t tmpfs tmpfs /proc; extract in.csv | load out.csv >receipt; echo $?; cmp in.csv out.csv";
    let run = harness::bash(&format!(
        "unshare {} bash -c \"$SCRIPT\"",
        harness::own_mounts()
    ))
    .env("SCRIPT", script)
    .env("XDG_RUNTIME_DIR", place.path("run"))
    .dir(place.0.path())
    .run();
    assert_eq!(run.out(), "0\n", "{}", run.err());
}

// Many at once

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

// Readers that know nothing of notes

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
