//! How long notes about pipes stay: those that nobody will read are removed, those of a pipe that somebody holds
//! never are, whoever that is: a stopped program, a shell, another user, a process of another namespace.

mod harness;

use harness::Run;
use std::fs;
use std::io::Write;
use std::path::PathBuf;

/// What every Bash line may use.
const PREAMBLE: &str = r#"
set +o pipefail
place=${XDG_RUNTIME_DIR:-/tmp}/pipewright${XDG_RUNTIME_DIR:+}
# Runs a program on the first half of in.csv, and kills it while it waits for more.
killed() {
    local feed="feed.$BASHPID" pid
    mkfifo "$feed"
    "$@" "$feed" &
    pid=$!
    exec 7>"$feed"
    head -n 500 in.csv >&7
    sleep 0.2
    kill -9 "$pid"
    wait "$pid" 2>/dev/null
    exec 7>&-
    rm "$feed"
}
# 1,100 notes of writers that have ended, about pipes that nobody holds.
crowd() {
    local names
    names=$(printf "$place/$(head -c 8 /proc/sys/kernel/random/boot_id)-$(stat -L -c %D - < <(:))-10000%04x " {1..1100})
    mkdir -m 700 -p "$place"
    mkdir -m 700 $names
    touch ${names// //4194305.1.0 }
}
planted() { ls "$place" | grep -c -e '-10000....$'; }
# Many starts of others, twice: each time, all that is stale is removed.
sweeps() {
    for _ in 1 2; do
        crowd
        extract in.csv | cat >/dev/null
        [[ $(planted) == 0 ]] || echo "$(planted) are left"
    done
}
until_ended() { until [[ -e ended ]]; do sleep 0.01; done; sleep 0.05; }
"#;

/// What another user's programs need.
const AS_APP: &str = r#"
app=54321
as_app="env -u XDG_RUNTIME_DIR setpriv --reuid=$app --regid=$app --clear-groups"
chmod 755 .; mkdir -p bin; cp "$(command -v extract)" bin/extract; PATH=$PWD/bin:$PATH
trap 'rm -rf /tmp/pipewright-54321' EXIT
"#;

/// A directory with `in.csv`, 1,000 records of it, and a runtime directory of its own.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let records: String = (1..=1000).map(|id| format!("{id},a\n")).collect();
        fs::write(place.path().join("in.csv"), format!("id,note\n{records}")).expect("a file");
        fs::create_dir(place.path().join("run")).expect("a directory");
        Place(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a Bash line in a session of its own: in that of the tests, there may be programs of other
    /// users (`su`), which keep all its notes.
    fn run(&self, line: &str) -> Run {
        harness::bash("setsid -w bash -c \"$SCRIPT\"")
            .env("SCRIPT", format!("{PREAMBLE}{line}"))
            .dir(self.0.path())
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .run()
    }

    /// Runs a Bash line in a process namespace of its own.
    fn run_with_namespace(&self, line: &str) -> Run {
        let way = format!(
            "unshare {} --pid --fork --kill-child --mount-proc",
            harness::own_mounts()
        );
        self.run(&format!("elsewhere='{way}'\n{line}"))
    }

    /// Holds that `load` came to this end, with nothing else said, and wrote all or nothing.
    #[track_caller]
    fn ends(&self, line: &str, run: &Run, refusal: Option<&str>) {
        match refusal {
            None => {
                assert_eq!((&*run.out(), &*run.err()), ("0\n", ""), "{line}");
                let (out, whole) = (self.path("out.csv"), self.path("in.csv"));
                assert_eq!(fs::read(&out).ok(), fs::read(whole).ok(), "{line}");
                fs::remove_file(out).expect("a file");
            }
            Some(words) => {
                assert_eq!(run.out(), "1\n", "{line}: {}", run.err());
                assert!(run.err().contains(words), "{line}: {}", run.err());
                assert!(!self.path("out.csv").exists(), "{line}");
            }
        }
        fs::remove_file(self.path("ended")).ok();
    }
}

/// Whether this is root; says aloud that a test was not run otherwise.
fn is_root(test: &str) -> bool {
    // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
    let is_root = unsafe { libc::geteuid() == 0 };
    if !is_root {
        // Past what the test runner captures.
        let text = format!("\n*** NOT RUN: {test}: it needs root ***\n");
        std::io::stderr().write_all(text.as_bytes()).ok();
    }
    is_root
}

const KILLED: &str = "'extract' ended early (killed)";

// Bounds

#[test]
fn notes_to_foreign_readers_are_few_after_many_runs() {
    let place = Place::new();
    let run = place.run(
        "head -n 3 in.csv >small.csv
         for ((i = 0; i < 1500; i++)); do extract small.csv | cat >/dev/null; done; ls $place | wc -l",
    );
    let count: u32 = run.out().trim().parse().expect("a number");
    assert!(
        (400..=1100).contains(&count),
        "{count} notes: {}",
        run.err()
    );
}

/// Two whole streams in one pipe are refused, whatever else is in it: more notes say nothing more.
#[test]
fn a_loop_into_one_pipe_leaves_few_notes() {
    let place = Place::new();
    let loop_of_600 = "for ((i = 0; i < 600; i++)); do extract in.csv; done";
    let run = place.run(&format!(
        "{loop_of_600} | {{ cat >/dev/null; ls $place/*-*/* | wc -l; }}
         {loop_of_600} 2>/dev/null | filter true >out.csv; echo $?
         mkfifo p; {{ {loop_of_600}; }} >p & cat p >/dev/null; ls $place/*-*/* | wc -l"
    ));
    let out = run.out();
    let lines: Vec<u64> = out
        .lines()
        .map(|line| line.parse().expect("a number"))
        .collect();
    let [open, code, named] = lines[..] else {
        panic!("{out} {}", run.err());
    };
    assert!((2..200).contains(&open), "{open} notes about one pipe");
    assert_eq!(code, 1, "a loop is no stream");
    assert!(
        run.err().contains("filter: upstream has several writers"),
        "{}",
        run.err()
    );
    // On a busy machine, many of those that wrote have not ended yet when the others are swept.
    assert!(named < 500, "{named} notes about a named pipe");
}

#[test]
fn what_a_sweep_had_to_leave_does_not_bring_the_next() {
    let place = Place::new();
    let run = place.run(
        "crowd; kept=$(stat -c %i $place/*-100000001); printf '%-20s\\n' 1100 >$place/swept
         extract in.csv | cat >/dev/null; planted
         printf '%-20s\\n' 0 >$place/swept; extract in.csv | cat >/dev/null; planted",
    );
    assert_eq!(run.out(), "1100\n0\n", "{}", run.err());
}

#[test]
fn two_sweeps_at_once_are_one() {
    let place = Place::new();
    let run = place.run(
        "crowd; exec 6>>$place/swept; flock 6; extract in.csv | cat >/dev/null; planted
         exec 6>&-; extract in.csv | cat >/dev/null; planted",
    );
    assert_eq!(run.out(), "1100\n0\n", "{}", run.err());
}

// Whatever holds a pipe

/// Each writer, and what a reader says in the end.
const WRITERS: [(&str, Option<&str>); 2] =
    [("extract in.csv", None), ("killed extract", Some(KILLED))];

#[test]
fn a_stopped_reader_finds_the_note_when_it_goes_on() {
    for (writer, refusal) in WRITERS {
        let place = Place::new();
        let line = format!(
            "{{ {writer}; touch ended; }} | sh -c 'echo $$ >pid; kill -STOP $$; exec load out.csv --require-clean >receipt' &
             until_ended; sweeps; kill -CONT $(<pid); wait $!; echo $?"
        );
        let run = place.run(&line);
        place.ends(&line, &run, refusal);
    }
}

#[test]
fn a_shell_that_holds_a_substitution_keeps_the_note() {
    for (writer, refusal) in WRITERS {
        let place = Place::new();
        let line = format!(
            "exec 8< <({writer}; touch ended); until_ended; sweeps
             load out.csv --require-clean <&8 >receipt; echo $?"
        );
        let run = place.run(&line);
        place.ends(&line, &run, refusal);
    }
}

#[test]
fn a_shell_that_holds_a_named_pipe_keeps_the_note() {
    for (writer, refusal) in WRITERS {
        let place = Place::new();
        let line = format!(
            "mkfifo p; exec 9<>p; {writer} >p; sweeps; exec 8<p; exec 9>&-
             load out.csv --require-clean <&8 >receipt; echo $?"
        );
        let run = place.run(&line);
        place.ends(&line, &run, refusal);
        // Now nobody does.
        let run =
            place.run("extract in.csv >p & cat p >/dev/null; wait; sweeps; ls $place | wc -l");
        // The last one of the sweeps, about another pipe, and the file that counts.
        assert_eq!(run.out(), "2\n", "{}", run.err());
    }
}

#[test]
fn a_foreign_reader_keeps_the_note_as_long_as_it_holds_the_pipe() {
    let place = Place::new();
    let run = place.run(
        "{ extract in.csv; touch ended; } | sleep 100 & until_ended; mine=$(ls $place); sweeps
         [[ -d $place/$mine ]] && echo kept
         kill $!; wait 2>/dev/null; sweeps; [[ -d $place/$mine ]] || echo removed",
    );
    assert_eq!(run.out(), "kept\nremoved\n", "{}", run.err());
}

// Other namespaces of processes

#[test]
fn a_writer_of_another_namespace_is_judged() {
    let place = Place::new();
    for (writer, refusal) in [
        ("$elsewhere extract in.csv", None),
        (
            "killed $elsewhere extract",
            Some("'extract' ended early after"),
        ),
        (
            "$elsewhere extract no.csv",
            Some("upstream 'extract' failed"),
        ),
    ] {
        let line = format!("{writer} | load out.csv >receipt; echo $?");
        let run = place.run_with_namespace(&line);
        place.ends(&line, &run, refusal);
    }
}

#[test]
fn a_sweep_in_another_namespace_takes_nothing_from_here() {
    for (writer, refusal) in WRITERS {
        let place = Place::new();
        let line = format!(
            "{{ {writer}; touch ended; }} | sh -c 'echo $$ >pid; kill -STOP $$; exec load out.csv --require-clean >receipt' &
             export place; export -f crowd planted sweeps
             until_ended; $elsewhere bash -c sweeps; kill -CONT $(<pid); wait $!; echo $?"
        );
        let run = place.run_with_namespace(&line);
        place.ends(&line, &run, refusal);
    }
}

/// Not even its process is seen from inside.
#[test]
fn a_reader_outside_of_the_namespace_of_its_writer_finds_the_note() {
    for (writer, refusal) in [
        ("extract in.csv", None),
        ("killed extract", Some("'extract' ended early")),
    ] {
        let place = Place::new();
        let line = format!(
            "export place; export -f killed crowd planted sweeps
             $elsewhere bash -c '{writer}; exec >&2; sweeps; touch ended' | sh -c 'echo $$ >pid; kill -STOP $$; exec load out.csv --require-clean >receipt' &
             until_ended; kill -CONT $(<pid); wait $!; echo $?"
        );
        let run = place.run_with_namespace(&line);
        place.ends(&line, &run, refusal);
    }
}

// Other users

/// One test, for the directory in `/tmp` is one.
#[test]
fn root_judges_the_writers_of_other_users() {
    if !is_root("root_judges_the_writers_of_other_users") {
        return;
    }
    let place = Place::new();
    for (writer, refusal) in [
        ("$as_app extract in.csv", None),
        ("killed $as_app extract", Some(KILLED)),
        ("$as_app extract no.csv", Some("upstream 'extract' failed")),
    ] {
        let line = format!("{AS_APP}{writer} | load out.csv --require-clean >receipt; echo $?");
        let run = place.run(&line);
        place.ends(&line, &run, refusal);
        let line = format!(
            "{AS_APP}mkfifo -m 666 p; {writer} >p & load out.csv p >receipt; echo $?; rm p"
        );
        let run = place.run(&line);
        place.ends(&line, &run, refusal);
    }
    // An older note of root's own about a named pipe does not stand in for that of the writer.
    let line = format!(
        "{AS_APP}mkfifo -m 666 p; extract in.csv >p & cat p >/dev/null; wait
         killed $as_app extract >p & load out.csv p >receipt; echo $?; rm p"
    );
    let run = place.run(&line);
    place.ends(&line, &run, Some(KILLED));
    // That user cannot see who holds the pipe, and so keeps the note.
    for (writer, refusal) in WRITERS {
        let line = format!(
            "{AS_APP}export -f crowd planted sweeps; export place=/tmp/pipewright-$app
             {{ {}; touch ended; }} | sh -c 'echo $$ >pid; kill -STOP $$; exec load out.csv --require-clean >receipt' &
             until_ended; $as_app bash -c sweeps; kill -CONT $(<pid); wait $!; echo $?",
            writer.replace("extract", "$as_app extract")
        );
        let run = place.run(&line);
        place.ends(&line, &run, refusal);
    }
    planted_notes_are_not_believed(&place);
}

/// Notes of another user that say that the writer has failed, beside a pipe that `cat` writes.
fn planted_notes_are_not_believed(place: &Place) {
    let plant = "
        home=/tmp/pipewright-$app; note=$PWD/note
        echo '{\"program\":\"x\",\"since\":99999999999999999,\"state\":{\"failed\":{\"program\":\"x\",\"fate\":\"failed\",\"why\":\"a\\u001b[31mb\"}}}' >note
        key() { printf '%s-%x-%x' $(head -c 8 /proc/sys/kernel/random/boot_id) $(stat -L -c '%d %i' /proc/self/fd/0); }
        plant() { mkdir -m 700 $home $home/$(key); cp note $home/$(key)/4194305.1.0; chown -R $app:$app $home; }";
    // As its owner would have it, it counts.
    let line = format!("{AS_APP}{plant}\ncat in.csv | {{ plant; load out.csv; }}; echo $?");
    let run = place.run(&line);
    place.ends(
        &line,
        &run,
        Some("upstream 'x' failed after 1,000 records: a [31mb"),
    );
    for spoil in [
        "chown 0 $home",
        "chown 54322 $home",
        "chmod 750 $home",
        "chmod 701 $home",
        "mv $home $home.there; ln -s $home.there $home",
        "chown 54322 $home/*",
        "chmod 777 $home/*",
        "mv $home/* $home/there; ln -s $home/there $home/$(key)",
        "chown 0 $home/*/*",
        "rm $home/*/*; ln -s $note $home/$(key)/4194305.1.0",
        "chown 0 note; ln -f note $home/$(key)/4194305.1.0",
        "rm $home/*/*; mkfifo $home/$(key)/4194305.1.0; chown $app $home/*/*",
        "rm $home/*/*; mkdir $home/$(key)/4194305.1.0; chown $app $home/*/*",
        "rm -r $home; touch $home; chown $app $home",
    ] {
        let line = format!(
            "{AS_APP}{plant}\ncat in.csv | {{ plant; {spoil}; load out.csv >receipt; }}; echo $?; rm -rf $home.there"
        );
        let run = place.run(&line);
        place.ends(&line, &run, None);
    }
    // One that was there before the pipe.
    let line = format!(
        "{AS_APP}{plant}
         mkfifo p; exec 9<>p; rm p; plant <&9; rm -r $home/*/; mkdir -m 700 $home/early; cp note $home/early/4194305.1.0
         chown -R $app:$app $home; sleep 0.05
         cat in.csv | {{ mv $home/early $home/$(key); load out.csv >receipt; }}; echo $?"
    );
    let run = place.run(&line);
    place.ends(&line, &run, None);
}
