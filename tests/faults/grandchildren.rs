//! What a command of `balance` has started commits all or nothing, too. `extract` feeds a command whose child
//! commits at the end of its input; `extract` or `balance` is killed at random moments. Whatever the moment, the
//! child has committed all records or none, the exit code of `balance` agrees, and nothing still runs.
//!
//! `PIPEWRIGHT_TEST_KILLS` is the number of kills of each kind, `PIPEWRIGHT_TEST_SEED` repeats a run's choices.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pipeline::{End, Feed, Pipeline, Random, Setting, stage};
use crate::sweep::number;

/// Kills of each kind, where nothing else is said.
const KILLS: u64 = 6;

const EXTRACT: usize = 0;
const BALANCE: usize = 1;

/// Which stage gets which signal.
const STRIKES: [(usize, &str, i32); 6] = [
    (EXTRACT, "extract KILL", libc::SIGKILL),
    (EXTRACT, "extract TERM", libc::SIGTERM),
    (EXTRACT, "extract INT", libc::SIGINT),
    (BALANCE, "balance KILL", libc::SIGKILL),
    (BALANCE, "balance TERM", libc::SIGTERM),
    (BALANCE, "balance INT", libc::SIGINT),
];

/// Commits what it reads when its input ends. A rename is the commit.
const COMMIT: &str = "cat >rows.part\nmv rows.part rows\n";

/// How long a process may run after the pipeline has ended: a group that does not end is killed after 2 s.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Default)]
struct Tally {
    kills: u64,
    /// Ended the stage.
    landed: u64,
    none: u64,
    /// The input was empty: `extract` was killed before it could leave a note. Nobody can tell this from a
    /// foreign program that had nothing to write; `load` refuses such an input.
    empty: u64,
    all: u64,
    partial: u64,
    /// Exit codes or messages that do not say what happened.
    lies: u64,
    /// Processes that still ran long after the pipeline had ended.
    strays: u64,
}

impl Tally {
    fn line(&self, name: &str) -> String {
        let Tally {
            kills,
            landed,
            none,
            empty,
            all,
            partial,
            lies,
            strays,
        } = self;
        format!(
            "{name:<14} {kills:>6} {landed:>7} {none:>6} {empty:>6} {all:>6} {partial:>8} {lies:>6} {strays:>7}"
        )
    }
}

const HEADING: &str = "grandchildren   kills  landed   none  empty    all  partial   lies  strays";

fn source(records: u64) -> Vec<u8> {
    let mut lines = String::from("id,note\n");
    for id in 0..records {
        writeln!(lines, "{id},\"some, more\"").expect("a string takes it");
    }
    lines.into_bytes()
}

/// Starts the pipeline in this directory, its source at once there or in pieces.
fn start(place: &Path, source: &Arc<Vec<u8>>, is_slow: bool) -> Pipeline {
    fs::write(place.join("commit.sh"), COMMIT).expect("a file");
    // The directory's name makes every process of this run known by its command line.
    let command = format!(": {}; bash commit.sh; true", place.display());
    let stages = [
        stage("extract", &[]),
        stage("balance", &["-n", "1", "--", "bash", "-c", &command]),
    ];
    let (pieces, pause) = match is_slow {
        true => (10, Duration::from_millis(2)),
        false => (1, Duration::ZERO),
    };
    let feed = Feed {
        bytes: Arc::clone(source),
        pieces,
        pause,
    };
    Pipeline::start(
        &stages,
        &Setting {
            feed,
            ..Setting::in_directory(place)
        },
    )
}

/// The command lines of processes that belong to a run in this directory or below. A guardian waits until dead
/// members of its group are waited for by the system, which may take time: without `guardians` it is left out.
fn running(place: &Path, guardians: bool) -> Vec<String> {
    let words = place.as_os_str().as_encoded_bytes();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        // Processes come and go while they are looked at, and a zombie has no command line.
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if name == "guardian\n" && !guardians {
            continue;
        }
        let is_here =
            fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(place));
        if is_here || line.windows(words.len()).any(|window| window == words) {
            found.push(String::from_utf8_lossy(&line).replace('\0', " "));
        }
    }
    found
}

/// Waits until nothing of the run in this directory runs: what still does in the end.
fn settled(place: &Path, guardians: bool) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = running(place, guardians);
        if found.is_empty() || Instant::now() >= deadline {
            return found;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Holds that a run that was struck has ended as it should: what was wrong.
fn judge(
    place: &Path,
    source: &[u8],
    (victim, signal): (usize, i32),
    ends: &[End],
    tally: &mut Tally,
) -> Vec<String> {
    let mut wrongs = Vec::new();
    let strays = settled(place, false);
    if !strays.is_empty() {
        tally.strays += 1;
        wrongs.push(format!("still running: {strays:?}"));
    }
    let landed = ends[victim].signal() == Some(signal);
    let rows = fs::read(place.join("rows")).ok();
    let is_whole = rows.as_deref() == Some(source);
    let is_empty = rows.as_ref().is_some_and(Vec::is_empty) && victim == EXTRACT && landed;
    match &rows {
        None => tally.none += 1,
        Some(_) if is_empty => tally.empty += 1,
        Some(_) if is_whole => tally.all += 1,
        Some(rows) => {
            tally.partial += 1;
            let (has, should) = (rows.len(), source.len());
            wrongs.push(format!("{has} of {should} bytes were committed"));
        }
    }
    tally.kills += 1;
    tally.landed += u64::from(landed);
    let balance = &ends[BALANCE];
    let is_so = match (balance.code(), balance.signal()) {
        (Some(0), _) => is_whole || is_empty,
        (Some(1), _) => {
            // Killed before its note had a word in it, `extract` is 'a program'.
            let is_told = balance.words.contains("upstream '");
            rows.is_none() && victim == EXTRACT && landed && is_told
        }
        // It was struck, perhaps after its command had seen the whole input.
        (None, Some(ended_by)) => victim == BALANCE && ended_by == signal,
        _ => false,
    };
    if !is_so {
        tally.lies += 1;
        let state = if rows.is_some() { "rows" } else { "no rows" };
        wrongs.push(format!("{state}, and balance ended as {balance:?}"));
    }
    wrongs
}

#[test]
fn what_a_command_starts_commits_nothing_or_all() {
    let kills = number("PIPEWRIGHT_TEST_KILLS").unwrap_or(KILLS);
    let seed = number("PIPEWRIGHT_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let records = 20_000;
    let source = Arc::new(source(records));
    let paces = [false, true].map(|is_slow| {
        let place = tempfile::tempdir().expect("a temporary directory");
        let pipeline = start(place.path(), &source, is_slow);
        let began = pipeline.start;
        let ends = pipeline.finish();
        let took = began.elapsed();
        assert!(ends.iter().all(|end| end.code() == Some(0)), "{ends:?}");
        let rows = fs::read(place.path().join("rows")).expect("a clean run commits");
        assert!(rows == **source, "a clean run commits all");
        took
    });
    let all = tempfile::tempdir().expect("a temporary directory");
    let mut text = format!("\n{HEADING}\n");
    let mut wrongs = Vec::new();
    for (place, (victim, name, signal)) in STRIKES.into_iter().enumerate() {
        let mut tally = Tally::default();
        for kill in 0..kills {
            let mut random = Random::new(seed ^ (place as u64) << 32 ^ kill << 8);
            let directory = tempfile::tempdir_in(all.path()).expect("a temporary directory");
            let is_slow = random.below(2) == 0;
            let moment = paces[usize::from(is_slow)].mul_f64(1.15);
            let mut pipeline = start(directory.path(), &source, is_slow);
            let moment = random.between(Duration::ZERO, moment);
            std::thread::sleep(moment.saturating_sub(pipeline.start.elapsed()));
            pipeline.strike(victim, signal);
            let ends = pipeline.finish();
            let strike = (victim, signal);
            let found = judge(directory.path(), &source, strike, &ends, &mut tally);
            wrongs.extend(
                found
                    .into_iter()
                    .map(|wrong| format!("{name}, kill {kill}: {wrong}")),
            );
        }
        writeln!(text, "{}", tally.line(name)).expect("a string takes it");
    }
    let guardians = settled(all.path(), true);
    wrongs.extend(
        guardians
            .into_iter()
            .map(|line| format!("still there: {line}")),
    );
    writeln!(text, "seed {seed}, {records} records a run").expect("a string takes it");
    std::io::stdout()
        .write_all(text.as_bytes())
        .expect("standard output");
    assert!(wrongs.is_empty(), "seed {seed}:\n{}", wrongs.join("\n"));
}
