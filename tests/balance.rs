//! `balance -n 1 -- COMMAND`: a foreign command has an end that can be trusted.

mod harness;

use std::time::Duration;

/// Runs a Bash line.
fn bash(line: &str) -> harness::Run {
    harness::bash(line).within(Duration::from_secs(60)).run()
}

/// Holds what a line prints and how it ends.
#[track_caller]
fn gives(line: &str, code: i32, stdout: &str, stderr: &str) {
    let run = bash(line);
    assert_eq!(run.err(), stderr, "{line}");
    assert_eq!(run.out(), stdout, "{line}");
    assert_eq!(run.code, code, "{line}");
}

#[test]
fn a_command_becomes_a_stage() {
    gives(
        "printf 'a\\n2\\n1\\n' | balance -n 1 -- sort -r | load - --to csv --require-clean",
        0,
        "a\n2\n1\n",
        "",
    );
}

#[test]
fn its_status_is_the_stages() {
    let said = "balance: 'bash' exited with 3\n\
                load: upstream 'balance' failed after 0 records: 'bash' exited with 3\n";
    gives(
        "balance -n 1 -- bash -c 'echo a; exit 3' </dev/null | load - --to csv >/dev/null",
        1,
        "",
        said,
    );
    for (command, code, message) in [
        ("bash -c 'exit 3'", 3, "'bash' exited with 3"),
        (
            "bash -c 'kill -KILL $$'",
            137,
            "'bash' was killed (SIGKILL)",
        ),
        (
            "bash -c 'kill -TERM $$'",
            143,
            "'bash' was killed (SIGTERM)",
        ),
        (
            "no-such-command",
            127,
            "cannot run 'no-such-command': no such file or directory",
        ),
        ("/tmp", 126, "cannot run '/tmp': permission denied"),
    ] {
        gives(
            &format!("balance -n 1 -- {command} >/dev/null"),
            code,
            "",
            &format!("balance: {message}\n"),
        );
    }
}

#[test]
fn a_command_may_stop_reading() {
    let endless = "(echo a; yes 1; true) 2>/dev/null";
    gives(
        &format!("{endless} | balance -n 1 -- head -n 2"),
        0,
        "a\n1\n",
        "",
    );
    gives(
        &format!("{endless} | extract | balance -n 1 -- head -n 2 | filter true"),
        0,
        "a\n1\n",
        "",
    );
    gives("(seq 100000; true) | balance -n 1 -- true", 0, "", "");
    gives(
        "seq 100000 | balance -n 1 -- bash -c 'exec <&-; sleep 0.2; echo a'",
        0,
        "a\n",
        "",
    );
}

#[test]
fn a_silent_input_does_not_hold_up_the_end() {
    gives(
        "exec 3< <(exec sleep 50 2>/dev/null); balance -n 1 -- echo hi <&3; kill $!",
        0,
        "hi\n",
        "",
    );
}

#[test]
fn a_failed_upstream_ends_the_command_before_its_input_ends() {
    // A command that takes the end of its input for the end of the data would commit here.
    let commit = "cat >rows; echo committed >&2; sleep 0.1";
    let place = tempfile::tempdir().expect("a temporary directory");
    for failing in [
        "printf 'a\\n1\\nx\\n' | filter 'a > 0' 2>/dev/null",
        "bash -c 'trap \"\" TERM; (printf \"a\\\\n1\\\\n\"; sleep 0.5) | { filter true & sleep 0.2; kill -KILL $!; }' 2>/dev/null",
    ] {
        let run = harness::bash(&format!("{failing} | balance -n 1 -- bash -c '{commit}'"))
            .dir(place.path())
            .run();
        run.refused("balance", 1, &["upstream 'filter' ", "after 1 record"]);
        assert!(!run.err().contains("committed"), "{}", run.err());
    }
}

#[test]
fn a_command_that_will_not_end_is_killed() {
    let line = "printf 'a\\n1\\nx\\n' | filter 'a > 0' 2>/dev/null | balance -n 1 -- bash -c 'trap \"\" TERM; while :; do sleep 0.1; done'";
    bash(line).refused("balance", 1, &["upstream 'filter' failed after 1 record"]);
}

/// A program of ours as the command sees a bad end, and hands on what it had from before.
#[test]
fn our_own_programs_may_be_the_command() {
    gives(
        "printf 'a\\n1\\n2\\n' | extract | balance -n 1 -- filter 'a > 1' | load - --to csv --require-clean",
        0,
        "a\n2\n",
        "",
    );
    let run = bash(
        "printf 'a\\n1\\nx\\n' | balance -n 1 -- bash -c \"filter 'a > 0' 2>/dev/null; true\" | load - --to csv",
    );
    run.refused("balance", 1, &["load: upstream 'filter' failed after 1 record: standard input:3: a: 'x' is not a number"]);
}

/// What came from before goes on behind a command that knows nothing of it.
#[test]
fn what_is_carried_goes_on() {
    let place = tempfile::tempdir().expect("a temporary directory");
    for middle in ["cat", "filter true", "bash -c 'filter true | cat'"] {
        // The reader waits until the note is there, and shows it.
        let line = format!(
            "export XDG_RUNTIME_DIR=$PWD; printf 'a,b\\n1,2\\n3\\n' >in.csv; extract in.csv --on-error skip 2>/dev/null \
             | balance -n 1 -- {middle} \
             | {{ cat >/dev/null; sleep 0.3; cat pipewright/*/* | grep -o '\"program\":\"balance\".*\"rejected\":[0-9a-z]*'; }}; \
             rm -rf pipewright"
        );
        let run = harness::bash(&format!("chmod 700 .; {line}"))
            .dir(place.path())
            .run();
        let out = run.out();
        assert!(
            out.contains("\"done\"") && out.trim_end().ends_with("\"rejected\":1"),
            "{middle}: {out}{}",
            run.err()
        );
    }
}

#[test]
fn nothing_is_left_behind() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let line = "chmod 700 .; export XDG_RUNTIME_DIR=$PWD\n\
                printf 'a\\n1\\n' | extract | balance -n 1 -- sort | load - --to csv >/dev/null\n\
                printf 'a\\n1\\n' | extract | balance -n 1 -- filter true | load - --to csv >/dev/null\n\
                exec 3< <(sleep 50); balance -n 1 -- echo a <&3 | load - --to csv >/dev/null; kill $!\n\
                ls -A -I swept pipewright";
    let run = harness::bash(line).dir(place.path()).run();
    assert_eq!(
        (run.code, run.out().as_str(), run.err().as_str()),
        (0, "", "")
    );
}

/// Nothing comes from before the first stage, so nothing is unknown of it.
#[test]
fn the_first_stage_has_no_rejects_before_it() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let line = "chmod 700 .; export XDG_RUNTIME_DIR=$PWD; balance -n 1 -- echo a </dev/null \
                | { cat >/dev/null; sleep 0.3; grep -o '\"rejected\":[0-9a-z]*' pipewright/*/*; }";
    let run = harness::bash(line).dir(place.path()).run();
    assert_eq!(run.out(), "\"rejected\":0\n", "{}", run.err());
}

#[test]
fn a_reader_that_leaves_ends_the_command() {
    gives("balance -n 1 -- yes </dev/null | head -n 1", 0, "y\n", "");
    gives(
        "balance -n 1 -- bash -c 'trap \"\" PIPE; while echo y 2>/dev/null; do :; done; exit 9' </dev/null | head -n 1",
        0,
        "y\n",
        "",
    );
}

#[test]
fn a_signal_stops_the_command_too() {
    for (signal, code) in [("TERM", 143), ("INT", 130)] {
        let place = tempfile::tempdir().expect("a temporary directory");
        // A shell starts background jobs with SIGINT ignored. A process that nobody waits for stays a zombie.
        let line = format!(
            "env --default-signal=INT balance -n 1 -- bash -c 'echo $$ >pid; exec sleep 100' </dev/null >out & \
             while ! [[ -s pid ]]; do sleep 0.02; done; kill -{signal} $!; wait $!; echo \"$?\"; \
             grep -s \"State:.[RSD]\" /proc/$(cat pid)/status; true"
        );
        let run = harness::bash(&line).dir(place.path()).run();
        assert_eq!(
            (run.out(), run.err().as_str()),
            (format!("{code}\n"), ""),
            "{signal}"
        );
    }
}

#[test]
fn a_killed_balance_takes_its_command_with_it() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let line = "{ echo a; exec sleep 3; } | balance -n 1 -- bash -c 'echo $$ >pid; exec sleep 100' >out & \
         while ! [[ -s pid ]]; do sleep 0.02; done; kill -KILL $!; wait $!; echo \"$?\"; sleep 0.5; \
         grep -s \"State:.[RSD]\" /proc/$(cat pid)/status; pkill -P $$; true";
    let run = harness::bash(line).dir(place.path()).run();
    assert_eq!(run.out(), "137\n");
}

#[test]
fn commands_may_read_and_write_in_any_order() {
    // All is read before anything is written, and the other way round; both far beyond a pipe.
    let line = "seq 3000000 | balance -n 1 -- tac | md5sum; seq 3000000 | tac | md5sum";
    let run = bash(line);
    let out = run.out();
    let sums: Vec<&str> = out.lines().collect();
    assert_eq!(sums.len(), 2, "{}", run.err());
    assert_eq!(sums[0], sums[1]);
    gives(
        "seq 1000000 | balance -n 1 -- bash -c 'seq 1000000; wc -l' | tail -n 1",
        0,
        "1000000\n",
        "",
    );
}

#[test]
fn a_wrong_call_is_refused() {
    let run = |arguments: &[&str]| harness::tool("balance").args(arguments).run();
    run(&["-n", "2", "--", "cat"]).refused("balance", 2, &["-n 2", "is not built yet"]);
    run(&["-n", "0", "--", "cat"]).refused("balance", 2, &["-n 0"]);
    run(&["-n", "1"]).refused("balance", 2, &["COMMAND"]);
    run(&["-n", "1", "cat"]).refused("balance", 2, &["cat"]);
    run(&["--", "cat"]).refused("balance", 2, &["--copies"]);
}
