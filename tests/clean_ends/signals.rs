//! Readers that stop early, and signals.

use crate::Place;

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
