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
        let run = harness::bash(&format!(
            "{failing} | balance -n 1 -- bash -c '{commit}' >/dev/null"
        ))
        .dir(place.path())
        .run();
        run.refused("balance", 1, &["upstream 'filter' ", "after 1 record"]);
        assert!(!run.err().contains("committed"), "{}", run.err());
    }
}

#[test]
fn a_command_that_will_not_end_is_killed() {
    let line = "printf 'a\\n1\\nx\\n' | filter 'a > 0' 2>/dev/null | balance -n 1 -- bash -c 'trap \"\" TERM; while :; do sleep 0.1; done' >/dev/null";
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
    run.refused("load", 1, &["load: upstream 'filter' failed after 1 record: standard input:3: a: 'x' is not a number"]);
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

/// Commits what it reads when its input ends; `started` says that it reads.
const COMMIT_SH: &str = "touch started; cat >rows; touch committed\n";
const COMMIT_PY: &str = "import sys\nopen('started', 'w')\nopen('rows', 'w').write(sys.stdin.read())\nopen('committed', 'w')\n";

/// A directory with those, and functions for a Bash line: `running` lists what still runs of this test, `settle`
/// waits until nothing does, `await FILE` until the file exists.
fn workshop() -> (tempfile::TempDir, String) {
    let place = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in [("commit.sh", COMMIT_SH), ("commit.py", COMMIT_PY)] {
        std::fs::write(place.path().join(name), text).expect("a file");
    }
    let functions = "running() { pgrep -r R,S,D,T -fl \"$PWD/commit\" | cut -d' ' -f2 | sort | tr '\\n' ' '; }\n\
                     settle() { local i; for i in {1..100}; do [[ $(running) ]] || return 0; sleep 0.05; done; }\n\
                     await() { local i; for i in {1..500}; do [[ -e $1 ]] && return; sleep 0.02; done; }\n";
    (place, functions.to_owned())
}

/// COMMANDs whose child, or a child of that, takes the end of its input for the end of the data.
const GRANDCHILDREN: [&str; 4] = [
    "bash -c \":; bash $PWD/commit.sh; true\"",
    "bash -c \":; python3 $PWD/commit.py; true\"",
    "bash -c \":; bash -c ':; python3 $PWD/commit.py; true'; true\"",
    "bash -c \"trap '' TERM INT HUP; bash $PWD/commit.sh; true\"",
];

#[test]
fn what_the_command_starts_commits_a_whole_input() {
    for command in GRANDCHILDREN {
        let (place, functions) = workshop();
        let line = format!(
            "{functions} printf 'a\\n1\\n2\\n' | extract | balance -n 1 -- {command}; echo \"$?\"; running; ls committed; cat rows"
        );
        let run = harness::bash(&line).dir(place.path()).run();
        assert_eq!(run.quiet_text(), "0\ncommitted\na\n1\n2\n", "{command}");
    }
}

#[test]
fn what_the_command_starts_commits_nothing_after_a_failed_upstream() {
    for failing in [
        "{ printf 'a\\n1\\n'; await started; echo x; } | filter 'a > 0' 2>/dev/null",
        "{ printf 'a\\n1\\n'; await killed; } | { filter true & await started; sleep 0.1; kill -KILL $!; touch killed; } 2>/dev/null",
    ] {
        for command in GRANDCHILDREN {
            let (place, functions) = workshop();
            let line = format!(
                "{functions} {failing} | balance -n 1 -- {command} >out; code=$?; settle; running; ls committed 2>/dev/null; pkill -P $$; exit $code"
            );
            let run = harness::bash(&line).dir(place.path()).run();
            run.refused("balance", 1, &["upstream 'filter' ", "after 1 record"]);
            assert_eq!(run.out(), "", "{failing} | {command}");
        }
    }
}

#[test]
fn what_the_command_starts_commits_nothing_after_a_signal() {
    for (signal, code) in [("KILL", 137), ("TERM", 143), ("INT", 130), ("HUP", 129)] {
        for command in GRANDCHILDREN {
            let (place, functions) = workshop();
            let line = format!(
                "{functions} mkfifo in; {{ exec 3>in; echo a >&3; await done; }} & \
                 env --default-signal=INT balance -n 1 -- {command} <in >out 2>/dev/null & \
                 await started; sleep 0.1; kill -{signal} $!; wait $!; echo \"$?\"; settle; running; ls committed 2>/dev/null; touch done"
            );
            let run = harness::bash(&line).dir(place.path()).run();
            assert_eq!(run.out(), format!("{code}\n"), "{signal} {command}");
        }
    }
}

/// It is not ended, but its input does not end either, until somebody ends it.
#[test]
fn what_has_left_the_group_reads_no_end() {
    let (place, functions) = workshop();
    let line = format!(
        "{functions} {{ echo a; exec sleep 50; }} | balance -n 1 -- bash -c \":; setsid bash $PWD/commit.sh; true\" >out & \
         await started; kill -KILL $!; wait $!; echo \"$?\"; sleep 1; running; ls committed 2>/dev/null; echo; \
         pkill -P $(pgrep -f \"^bash $PWD/commit\"); sleep 0.1; rm -f committed; settle; running; pkill -P $$"
    );
    let run = harness::bash(&line).dir(place.path()).run();
    assert_eq!(run.out(), "137\nbash guardian \n", "{}", run.err());
}

/// Nor does it hold up the pipeline, though it has the output of the command open.
#[test]
fn what_has_left_the_group_does_not_hold_up_a_failure() {
    let (place, functions) = workshop();
    let line = format!(
        "{functions} {{ printf 'a\\n1\\n'; await started; echo x; }} | filter 'a > 0' 2>/dev/null \
         | balance -n 1 -- bash -c \":; echo a; setsid bash $PWD/commit.sh; true\" >out; \
         code=$?; running; ls committed 2>/dev/null; head -n 1 out; pkill -P $(pgrep -f \"^bash $PWD/commit\"); exit $code"
    );
    let run = harness::bash(&line).dir(place.path()).run();
    run.refused("balance", 1, &["upstream 'filter' failed after 1 record"]);
    assert_eq!(run.out(), "bash guardian a\n");
}

#[test]
fn a_good_end_leaves_what_runs_in_the_background() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let line = "balance -n 1 -- bash -c 'sleep 1000 >/dev/null 2>&1 & echo $!' </dev/null >pid; echo \"$?\"; \
                grep -o 'State:.[RSD]' /proc/$(cat pid)/status; kill $(cat pid)";
    let run = harness::bash(line).dir(place.path()).run();
    assert_eq!(run.quiet_text(), "0\nState:\tS\n");
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

/// Runs a Bash line at a terminal of its own: for each pair of words, waits for the first and types the second.
/// Prints what the terminal showed, and how Bash ended.
const AT_A_TERMINAL: &str = r#"
import os, pty, select, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "-c", sys.argv[1]])
shown, place, over = b"", 0, False
def show(awaited):
    global shown, place, over
    end = time.time() + 20
    while not over and time.time() < end:
        if awaited and awaited in shown[place:]:
            place = shown.index(awaited, place) + len(awaited)
            return
        if select.select([terminal], [], [], 0.05)[0]:
            try:
                more = os.read(terminal, 4096)
            except OSError:
                more = b""
            shown, over = shown + more, not more
for awaited, typed in zip(sys.argv[2::2], sys.argv[3::2]):
    show(awaited.encode())
    time.sleep(0.3)
    if not over:
        os.write(terminal, typed.encode())
show(None)
if not over:
    os.kill(pid, 9)
print(shown.decode().replace("\r", ""), "ended:", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
"#;

/// What a terminal showed of a line, with what was typed.
fn at_a_terminal(line: &str, typed: &[(&str, &str)]) -> String {
    let place = tempfile::tempdir().expect("a temporary directory");
    let words = typed.iter().flat_map(|(awaited, typed)| [*awaited, *typed]);
    let words: Vec<String> = [line]
        .into_iter()
        .chain(words)
        .map(|word| format!("'{}'", word.replace('\'', "'\\''")))
        .collect();
    let line = format!("python3 - {} <<'END'\n{AT_A_TERMINAL}END", words.join(" "));
    harness::bash(&line).dir(place.path()).run().quiet_text()
}

const CTRL_C: &str = "\x03";
const CTRL_D: &str = "\x04";
const CTRL_Z: &str = "\x1a";

#[test]
fn a_command_reads_the_terminal_that_is_its_input() {
    let line = "echo ready; balance -n 1 -- cat; echo code $?";
    let shown = at_a_terminal(line, &[("ready", "abc\n"), ("abc\nabc", CTRL_D)]);
    assert_eq!(shown, "ready\nabc\nabc\ncode 0\n ended: 0\n");
    let shown = at_a_terminal(line, &[("ready", "abc\n"), ("abc\nabc", CTRL_C)]);
    assert_eq!(shown, "ready\nabc\nabc\n^C ended: -2\n");
}

#[test]
fn a_command_behind_a_pipe_may_ask_at_the_terminal() {
    let line = "{ echo a; sleep 1; } | balance -n 1 -- bash -c 'echo ask; read x </dev/tty; echo got $x'; \
                echo code $?; read y; echo then $y";
    let shown = at_a_terminal(line, &[("ask", "b\n"), ("code 0", "c\n")]);
    assert_eq!(shown, "ask\nb\ngot b\ncode 0\nc\nthen c\n ended: 0\n");
    let shown = at_a_terminal(line, &[("ask", CTRL_C)]);
    assert_eq!(shown, "ask\n^C ended: -2\n");
}

#[test]
fn the_keys_of_a_terminal_reach_a_command_behind_a_pipe() {
    let line = "{ echo a; sleep 20; } | balance -n 1 -- bash -c 'cat; echo END; touch committed'; echo code $?";
    // The key ends `sleep`, too: now and then the pipe's end comes first, and is an end like any other.
    let mut shown = (0..5).map(|_| at_a_terminal(line, &[("a", CTRL_C)]));
    assert!(shown.any(|shown| shown == "a\n^C ended: -2\n"));
    let line = "set -m; sleep 20 | balance -n 1 -- bash -c 'echo up; while sleep 0.05; do echo >>ticks; done' & fg; \
                sleep 0.2; a=$(wc -l <ticks); sleep 0.5; b=$(wc -l <ticks); (( a == b )) && echo it stands; \
                { sleep 1; (( $(wc -l <ticks) > b )) && echo it goes on; } & fg %1; echo code $?";
    let shown = at_a_terminal(line, &[("up\n", CTRL_Z), ("it goes on", CTRL_C)]);
    assert!(
        shown.contains("it stands") && shown.contains("it goes on"),
        "{shown}"
    );
    assert!(shown.ends_with("ended: 130\n"), "{shown}");
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
