//! Several programs that write into one pipe: one after the other, at the same time, one of them killed at a
//! random moment. Whatever the moment, what comes out of such a pipe is never committed; what comes of a single
//! writer is committed whole or not at all. One that was killed before it had begun is no writer.
//!
//! `PIPEWRIGHT_TEST_KILLS` is the number of trials of each arrangement, `PIPEWRIGHT_TEST_SEED` repeats a run's
//! choices.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use crate::harness;
use crate::pipeline::Random;
use crate::sweep::number;

/// Trials of each arrangement by default.
const TRIALS: u64 = 6;

/// Records of each file.
const RECORDS: u64 = 20_000;

/// Arrangements of writers, as Bash lines: how many programs write a stream, and whether one of them is killed
/// after `$PAUSE` seconds.
const ARRANGEMENTS: [(&str, &str, usize, bool); 7] = [
    ("one", "{ extract -j $J 0.csv; }", 1, false),
    (
        "one, killed",
        "{ extract -j $J - < <(feed 0) & strike; }",
        1,
        true,
    ),
    (
        "in turn",
        "for n in 0 1 2; do extract -j $J $n.csv; done",
        3,
        false,
    ),
    (
        "in turn, first killed",
        "{ extract - < <(feed 0) & strike; extract -j $J 1.csv; }",
        2,
        true,
    ),
    (
        "in turn, last killed",
        "{ extract -j $J 0.csv; extract - < <(feed 1) & strike; }",
        2,
        true,
    ),
    (
        "at once",
        "ls [0-2].csv | xargs -P 3 -n 1 extract -j $J",
        3,
        false,
    ),
    (
        "at once, one killed",
        "{ extract 0.csv & extract -j $J - < <(feed 1) & strike; }",
        2,
        true,
    ),
];

#[derive(Default)]
struct Tally {
    trials: u64,
    refused: u64,
    committed: u64,
    partial: u64,
    /// Exit codes or messages that do not say what happened.
    lies: u64,
}

fn write_files(place: &Path) {
    for file in 0..3 {
        let mut text = String::from("id,note\n");
        for id in 0..RECORDS {
            writeln!(text, "{},\"some, more\"", id + file * RECORDS).expect("a string takes it");
        }
        fs::write(place.join(format!("{file}.csv")), text).expect("a file");
    }
}

/// One trial: what was wrong.
fn trial(
    place: &Path,
    (line, may_be_one): (&str, bool),
    random: &mut Random,
    tally: &mut Tally,
) -> Vec<String> {
    let pause = random.between(Duration::ZERO, Duration::from_millis(40));
    let flag = ["", "--require-clean"][random.below(2) as usize];
    let line = format!(
        "feed() {{ head -n 9000 $1.csv; sleep 0.03; tail -n +9001 $1.csv; }}
         strike() {{ sleep $PAUSE; kill -KILL $! 2>/dev/null; wait; }}
         {line} 2>/dev/null | filter -j $J 'id >= 0' | load sqlite:out.db#t --mode replace -j $J {flag} >/dev/null
         echo ${{PIPESTATUS[2]}}; sqlite3 out.db 'select count(*), count(distinct id) from t' 2>/dev/null"
    );
    fs::remove_file(place.join("out.db")).ok();
    let run = harness::bash(&line)
        .dir(place)
        .env("XDG_RUNTIME_DIR", place)
        .env("PAUSE", pause.as_secs_f64().to_string())
        .env("J", (1 + random.below(4)).to_string())
        .run();
    tally.trials += 1;
    let shown = run.out();
    let (code, held) = shown.split_once('\n').unwrap_or_default();
    let held = held.trim();
    let whole = format!("{RECORDS}|{RECORDS}");
    let mut wrongs = Vec::new();
    if held == whole && may_be_one {
        tally.committed += 1;
    } else if held.is_empty() {
        tally.refused += 1;
    } else {
        tally.partial += 1;
        wrongs.push(format!("{held} was committed"));
    }
    let is_told = run.err().contains("nothing was committed");
    let is_so = match code {
        "0" => held == whole && may_be_one,
        "1" => held.is_empty() && is_told,
        _ => false,
    };
    if !is_so {
        tally.lies += 1;
        wrongs.push(format!(
            "load ended with {code}, '{held}' is there: {}",
            run.err()
        ));
    }
    wrongs
}

#[test]
fn several_writers_commit_nothing() {
    let trials = number("PIPEWRIGHT_TEST_KILLS").unwrap_or(TRIALS);
    let seed = number("PIPEWRIGHT_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let mut text =
        String::from("\nwriters                   trials  refused  committed  partial   lies\n");
    let mut wrongs = Vec::new();
    let place = tempfile::tempdir().expect("a temporary directory");
    write_files(place.path());
    for (number, (name, line, writers, is_killed)) in ARRANGEMENTS.into_iter().enumerate() {
        let mut tally = Tally::default();
        for nth in 0..trials {
            let mut random = Random::new(seed ^ (number as u64) << 32 ^ nth << 8);
            let may_be_one = writers - usize::from(is_killed) <= 1;
            let found = trial(place.path(), (line, may_be_one), &mut random, &mut tally);
            wrongs.extend(
                found
                    .into_iter()
                    .map(|wrong| format!("{name}, trial {nth}: {wrong}")),
            );
        }
        if writers == 1 && !is_killed {
            assert_eq!(
                tally.committed, trials,
                "a single writer is refused: {wrongs:?}"
            );
        }
        let Tally {
            trials,
            refused,
            committed,
            partial,
            lies,
        } = tally;
        writeln!(
            text,
            "{name:<24} {trials:>7} {refused:>8} {committed:>10} {partial:>8} {lies:>6}"
        )
        .expect("a string takes it");
    }
    writeln!(text, "seed {seed}, {RECORDS} records a file").expect("a string takes it");
    std::io::stdout()
        .write_all(text.as_bytes())
        .expect("standard output");
    assert!(wrongs.is_empty(), "seed {seed}:\n{}", wrongs.join("\n"));
}
