//! The directory in which notes are kept.

use crate::{PREAMBLE, Place, harness, is_root};

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
