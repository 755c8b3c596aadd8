//! A disk that is full, a directory that may not be written: what each program says, and what it leaves
//! behind. The disks are small ones in memory, mounted where no other process sees them.

mod harness;

/// A Bash line in which `small` is an empty disk of 64 KB, `big.csv` has 200 KB of records and `in.csv` two,
/// and `exit` says how the command before it ended.
fn on_a_small_disk(line: &str) -> harness::Run {
    let place = tempfile::tempdir().expect("a temporary directory");
    let script = format!(
        "mount -t tmpfs -o size=64k tmpfs small\n\
         {{ echo id,name; seq 10000 | sed 's/$/,abcdefghijklmn/'; }} >big.csv\n\
         printf 'id,name\\n1,a\\n2,b\\n' >in.csv\n\
         exits() {{ \"$@\"; echo \"exit $?\"; }}\n\
         {line}"
    );
    let run = harness::bash(&format!(
        "mkdir small; unshare {} bash -c \"$SCRIPT\"",
        harness::own_mounts()
    ))
    .env("SCRIPT", script)
    .dir(place.path())
    .run();
    assert_eq!(run.code, 0, "{}", run.err());
    run
}

/// Holds what such a line prints, to the byte.
#[track_caller]
fn prints(line: &str, stdout: &str, stderr: &str) {
    let run = on_a_small_disk(line);
    assert_eq!(run.err(), stderr);
    assert_eq!(run.out(), stdout);
}

#[test]
fn a_file_that_does_not_fit_is_not_there() {
    prints(
        "exits load small/out.csv big.csv; exits load small/out.json big.csv; ls -A small",
        "exit 1\nexit 1\n",
        "load: cannot write to 'small/out.csv': no space left on device; 'small/out.csv' was not written\n\
         load: cannot write to 'small/out.json': no space left on device; 'small/out.json' was not written\n",
    );
}

#[test]
fn a_file_that_does_not_fit_leaves_the_old_one() {
    prints(
        "load small/out.csv in.csv >receipt; exits load small/out.csv --mode replace big.csv; ls -A small; cat small/out.csv",
        "exit 1\nout.csv\nid,name\n1,a\n2,b\n",
        "load: cannot write to 'small/out.csv': no space left on device; 'small/out.csv' is as it was\n",
    );
}

#[test]
fn a_database_that_does_not_fit_is_not_there() {
    prints(
        "exits load sqlite:small/out.db#t big.csv; ls -A small",
        "exit 1\n",
        "load: no space is left for 'small/out.db'; nothing was committed\n",
    );
}

#[test]
fn a_database_that_is_full_keeps_what_it_had() {
    for mode in ["append", "replace", "upsert"] {
        prints(
            &format!(
                "load sqlite:small/out.db#t --key id in.csv >receipt\n\
                 exits load sqlite:small/out.db#t --mode {mode} --key id <(sed '2,3d' big.csv)\n\
                 exits load sqlite:small/out.db#u big.csv\n\
                 ls -A small; sqlite3 small/out.db 'select * from t' .schema"
            ),
            "exit 1\nexit 1\nout.db\n1|a\n2|b\n\
             CREATE TABLE IF NOT EXISTS \"t\" (\"id\" INTEGER NOT NULL, \"name\" TEXT);\n\
             CREATE UNIQUE INDEX \"t_key\" ON \"t\" (\"id\");\n",
            "load: no space is left for 'small/out.db'; nothing was committed\n\
             load: no space is left for 'small/out.db'; nothing was committed\n",
        );
    }
}

/// Records that wait on disk are in a file without a name, on a disk that the user may choose.
#[test]
fn what_is_too_much_for_memory_needs_room_on_disk() {
    let full = |program: &str| {
        format!(
            "{program}: cannot keep records in the temporary directory '/small' (set TMPDIR for another, \
             or give more --memory): no space left on device\n"
        )
    };
    let none = "order: cannot keep records in the temporary directory '/none' (set TMPDIR for another, \
                or give more --memory): no such file or directory";
    let place = "seq 200000 | sed 's/$/,abcdefghijklmn/; 1i id,name' >more.csv; small=$PWD/small";
    let run = on_a_small_disk(&format!(
        "{place}\n\
         TMPDIR=$small exits order -id --memory 1M more.csv | tail -n 1\n\
         TMPDIR=$small exits dedupe id --memory 1M more.csv | tail -n 1\n\
         TMPDIR=$small exits aggregate 'count()' --by id --memory 1M more.csv | tail -n 1\n\
         TMPDIR=$PWD/none exits order id --memory 1M more.csv | tail -n 1\n\
         ls -A small; ulimit -n 12; order id --memory 1M more.csv | cmp - more.csv && echo same"
    ));
    assert_eq!(run.out(), "exit 1\nexit 1\nexit 1\nexit 1\nsame\n");
    let said = run.err();
    let said: Vec<String> = said
        .lines()
        .map(|line| {
            let (before, rest) = line.split_once('\'').expect("a place is named");
            let (path, behind) = rest.split_once('\'').expect("a place is named");
            let (_, name) = path.rsplit_once('/').expect("a whole path");
            format!("{before}'/{name}'{behind}\n")
        })
        .collect();
    assert_eq!(
        said,
        [
            full("order"),
            full("dedupe"),
            full("aggregate"),
            format!("{none}\n")
        ]
    );
}

/// What waits on disk has no name, so that nothing is left of it even where the program has no last word.
#[test]
fn a_kill_leaves_nothing_on_disk() {
    let place = tempfile::tempdir().expect("a temporary directory");
    for program in [
        "order id",
        "dedupe id --keep last",
        "aggregate 'count()' --by id",
        "lookup <(echo id; seq 300000) --on id",
    ] {
        let line = format!(
            "mkdir -p spilled; {{ echo id; seq 100000000; }} | TMPDIR=$PWD/spilled {program} --memory 1M >out & \
             for _ in {{1..500}}; do \
                 ls -l /proc/$!/fd | grep -q 'spilled/.*(deleted)' && echo spilled && break; sleep 0.02; \
             done; \
             kill -KILL $!; wait $! || echo \"exit $?\"; ls -A spilled"
        );
        let run = harness::bash(&line).dir(place.path()).run();
        assert_eq!(run.out(), "spilled\nexit 137\n", "{program}: {}", run.err());
    }
}

/// What went out before the end is there: it is not `filter` that made the file.
#[test]
fn standard_output_may_be_full() {
    prints(
        "full() { \"$@\" big.csv >small/out.csv; echo \"exit $?\"; }\n\
         full filter true; full map 'x = id'; full aggregate 'n = count()' --by id; full extract",
        "exit 1\nexit 1\nexit 1\nexit 1\n",
        "filter: cannot write to standard output: no space left on device\n\
         map: cannot write to standard output: no space left on device\n\
         aggregate: cannot write to standard output: no space left on device\n\
         extract: cannot write to standard output: no space left on device\n",
    );
}

#[test]
fn the_others_are_there_only_when_whole() {
    prints(
        "filter 'id < 3' --else small/rest.csv big.csv >/dev/null; echo \"exit $?\"; ls -A small",
        "exit 1\n",
        "filter: cannot write to 'small/rest.csv': no space left on device\n",
    );
}

/// Rejects are written as they come: those before the end are there.
#[test]
fn rejects_that_do_not_fit_are_an_error() {
    prints(
        "exits filter 'name < 3' --rejects small/bad.csv big.csv; head -n 2 small/bad.csv",
        "id,name\n\"filter: cannot write the rejects file 'small/bad.csv': no space left on device\n\
         exit 1\n_reason,_source,_line,_record\n\
         name: 'abcdefghijklmn' is not a number,big.csv,2,\"1,abcdefghijklmn\"\n",
        "filter: cannot write the rejects file 'small/bad.csv': no space left on device\n",
    );
}

/// Records whose types are to be found wait in a temporary file when they are many.
#[test]
fn a_full_temporary_directory_is_named() {
    prints(
        "{ echo id,note; yes 1,abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz | head -n 800000; } >long.csv
         export TMPDIR=$PWD/small
         exits load sqlite:out.db#t long.csv 2>&1 | sed \"s|$PWD/||\"; ls -A small | grep -v pipewright; ls *.db 2>&1
         load sqlite:out.db#t in.csv >/dev/null; exits load sqlite:out.db#t --mode replace long.csv 2>&1 | sed \"s|$PWD/||\"
         sqlite3 out.db 'select * from t'",
        "load: cannot keep records in the temporary directory 'small' (set TMPDIR for another): no space left on device; nothing was committed\n\
         exit 1\n\
         ls: cannot access '*.db': No such file or directory\n\
         load: cannot keep records in the temporary directory 'small' (set TMPDIR for another): no space left on device; nothing was committed\n\
         exit 1\n1|a\n2|b\n",
        "",
    );
}

/// A stage in the middle that cannot write its second output makes the load refuse.
#[test]
fn a_full_disk_in_the_middle_reaches_the_load() {
    prints(
        "set +o pipefail; exec 2> >(sed 's/after [0-9]* records/after some records/' >&2)
         filter 'id < 3' --else small/rest.csv big.csv 2>/dev/null | load out.csv; echo \"exit $?\"
         filter 'name < 3' --rejects small/bad.csv big.csv 2>/dev/null | load out.csv; echo \"exit $?\"
         extract big.csv | load small/out.csv; echo \"exit $?\"; ls *.csv; exec 2>&-; wait",
        "exit 1\nexit 1\nexit 1\nbig.csv\nin.csv\n",
        "load: upstream 'filter' failed after some records: cannot write to 'small/rest.csv': no space left on device; 'out.csv' was not written\n\
         load: upstream 'filter' failed after some records: cannot write the rejects file 'small/bad.csv': no space left on device; 'out.csv' was not written\n\
         load: cannot write to 'small/out.csv': no space left on device; 'small/out.csv' was not written\n",
    );
}

#[test]
fn a_directory_may_not_be_written() {
    prints(
        "load sqlite:small/old.db#t in.csv >receipt; cp in.csv small/old.csv\n\
         mount -o remount,ro small; sum=$(cat small/* | sha256sum)\n\
         exits load small/new.csv in.csv; exits load small/old.csv --mode replace in.csv\n\
         exits load sqlite:small/new.db#t in.csv; exits load sqlite:small/old.db#t in.csv\n\
         for flag in --else --rejects; do filter true $flag small/rest.csv in.csv >/dev/null; echo \"exit $?\"; done\n\
         ls -A small; [[ $sum = $(cat small/* | sha256sum) ]]",
        "exit 1\nexit 1\nexit 1\nexit 1\nexit 1\nexit 1\nold.csv\nold.db\n",
        "load: cannot write 'small/new.csv': read-only file system\n\
         load: cannot write 'small/old.csv': read-only file system\n\
         load: cannot write 'small/new.db': read-only file system\n\
         load: 'small/old.db' is read-only\n\
         filter: cannot write 'small/rest.csv': read-only file system\n\
         filter: cannot write the rejects file 'small/rest.csv': read-only file system\n",
    );
}
