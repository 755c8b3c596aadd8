//! The sweep: each stage of a five-stage pipeline is killed at random moments, from before its first byte to
//! after its end. Whatever the moment, the target is exactly what it was or exactly what it should become, the
//! exit code of `load` says which, and a second run makes it what it should be, each record once.
//!
//! `PIPEWRIGHT_TEST_KILLS` is the number of kills of each stage, `PIPEWRIGHT_TEST_SEED` repeats a run's choices;
//! `scripts/faults` sets them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use rusqlite::Connection;

use crate::harness;
use crate::pipeline::{End, Feed, Pipeline, Random, Setting, Stage, stage};

/// Kills of each stage, where nothing else is said.
const KILLS: u64 = 6;

/// The place of `load` in the pipeline, and of the stage before it.
const LOAD: usize = 4;
const BEFORE_LOAD: usize = 3;

/// One kind of target with one kind of pipeline before it.
#[derive(Clone, Copy)]
struct Case {
    system: System,
    mode: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    /// An `aggregate` stands before the load, which holds all back until its input has ended.
    Fold,
    /// The table refuses some records, which are set aside.
    SetAside,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum System {
    Sqlite,
    Postgres,
    File,
}

const CASES: [Case; 15] = [
    Case::new(System::Sqlite, "upsert", Kind::Plain),
    Case::new(System::Sqlite, "append", Kind::Fold),
    Case::new(System::Sqlite, "create", Kind::Plain),
    Case::new(System::Sqlite, "replace", Kind::Plain),
    Case::new(System::Sqlite, "insert", Kind::Plain),
    Case::new(System::Sqlite, "append", Kind::SetAside),
    Case::new(System::Sqlite, "replace", Kind::SetAside),
    Case::new(System::Postgres, "upsert", Kind::Fold),
    Case::new(System::Postgres, "append", Kind::Plain),
    Case::new(System::Postgres, "replace", Kind::Plain),
    Case::new(System::Postgres, "insert", Kind::Fold),
    Case::new(System::Postgres, "append", Kind::SetAside),
    Case::new(System::Postgres, "replace", Kind::SetAside),
    Case::new(System::File, "replace", Kind::Plain),
    Case::new(System::File, "append", Kind::Plain),
];

/// The records that a table refuses: those whose id ends so.
const REFUSED: u64 = 999;

impl Case {
    const fn new(system: System, mode: &'static str, kind: Kind) -> Self {
        Case { system, mode, kind }
    }

    fn name(self) -> String {
        let system = match self.system {
            System::Sqlite => "sqlite",
            System::Postgres => "postgres",
            System::File => "file",
        };
        match self.kind {
            Kind::SetAside => format!("{system} {}, skip", self.mode),
            _ => format!("{system} {}", self.mode),
        }
    }

    /// What is there before the first load.
    fn table(self) -> Option<&'static str> {
        match (self.mode, self.kind) {
            ("insert", _) => Some(
                "CREATE TABLE t (id bigint PRIMARY KEY, twice bigint, run bigint, n bigint, qty bigint, note text)",
            ),
            (_, Kind::SetAside) => Some(
                "CREATE TABLE t (id bigint, qty bigint, note text, twice bigint CHECK (twice < 1998), run bigint)",
            ),
            _ => None,
        }
    }

    /// Whether a run puts this record into the target.
    fn takes(self, id: u64) -> bool {
        match (self.mode, self.kind) {
            ("insert", _) => !is_old(id),
            (_, Kind::SetAside) => id % 1000 != REFUSED,
            _ => true,
        }
    }

    /// Whether a second run would add to what a first one has committed: there must be none, then.
    fn must_not_repeat(self) -> bool {
        matches!(self.mode, "append" | "create")
    }
}

/// Whether a record is in the table before the first run with --mode insert.
fn is_old(id: u64) -> bool {
    id.is_multiple_of(3)
}

/// Records of one run in the target: how many, how many different ones, the sum over a column.
type Batches = BTreeMap<u64, (u64, u64, i64)>;

/// What a target holds, and how it is looked at.
struct Target {
    case: Case,
    place: tempfile::TempDir,
    /// What `load` is told.
    address: String,
    client: Option<Client>,
    records: u64,
    source: Arc<Vec<u8>>,
}

impl Target {
    fn new(case: Case, records: u64) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let (address, client) = match case.system {
            System::Sqlite => ("sqlite:out.db#t".to_owned(), None),
            System::File => ("out.csv".to_owned(), None),
            System::Postgres => {
                let name = case.name().replace([' ', ','], "_");
                let address = harness::postgres_database(&format!("sweep_{name}"));
                let client = Client::connect(&address, NoTls).expect("the server answers");
                (format!("{address}#t"), Some(client))
            }
        };
        let mut lines = String::from("id,qty,note\n");
        for id in 0..records {
            let qty = id % 1000;
            match id % 7 {
                0 => writeln!(lines, "{id},{qty},\"a \"\"b\"\"\nof {id}\""),
                1 => writeln!(lines, "{id},{qty},"),
                _ => writeln!(lines, "{id},{qty},\"some, more\""),
            }
            .expect("a string takes it");
        }
        let mut target = Target {
            case,
            place,
            address,
            client,
            records,
            source: Arc::new(lines.into_bytes()),
        };
        if let Some(table) = case.table() {
            target.execute(table);
        }
        if case.mode == "insert" {
            let mut old = String::from("INSERT INTO t (id, twice, run) VALUES (0, 0, 0)");
            for id in (1..records).filter(|id| is_old(*id)) {
                write!(old, ", ({id}, 0, 0)").expect("a string takes it");
            }
            target.execute(&old);
        }
        target
    }

    fn execute(&mut self, sql: &str) {
        match &mut self.client {
            Some(client) => client.batch_execute(sql).expect("good SQL"),
            None => Connection::open(self.path("out.db"))
                .and_then(|connection| connection.execute_batch(sql))
                .expect("good SQL"),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    /// The five stages of run number `run`.
    fn stages(&self, number_of_run: u64) -> [Stage; 5] {
        let run = format!("run={number_of_run}");
        let last = match self.case.kind {
            Kind::Fold => stage(
                "aggregate",
                &["twice = sum(twice), n = count()", "--by", "run,id"],
            ),
            _ => stage("map", &["note = upper(note)"]),
        };
        let mut load = vec![&*self.address, "--mode", self.case.mode];
        if self.case.mode == "upsert" {
            load.extend(["--key", "id"]);
        }
        if self.case.kind == Kind::SetAside {
            load.extend(["--on-error", "skip"]);
        }
        let mut stages = [
            stage("extract", &[]),
            stage("filter", &["qty >= 0"]),
            stage("map", &["twice = qty * 2, run = :run", "--set", &run]),
            last,
            stage("load", &load),
        ];
        // Each stage with another number of threads in each run.
        for (place, (_, arguments)) in stages.iter_mut().enumerate() {
            let threads = 1 + (number_of_run + place as u64) % 4;
            arguments.extend(["-j".to_owned(), threads.to_string()]);
        }
        stages
    }

    /// What one run brings.
    fn batch(&self) -> (u64, u64, i64) {
        let taken = (0..self.records).filter(|id| self.case.takes(*id));
        let twice = taken.map(|id| (id % 1000) as i64 * 2);
        (
            twice.clone().count() as u64,
            twice.clone().count() as u64,
            twice.sum(),
        )
    }

    /// What it holds after run number `run`, if it held this before.
    fn after(&self, old: &Batches, run: u64) -> Batches {
        let mut new = old.clone();
        match self.case.mode {
            "append" => {}
            "insert" => new.retain(|run, _| *run == 0),
            _ => new.clear(),
        }
        new.insert(run, self.batch());
        new
    }

    /// What the target holds.
    fn holds(&mut self) -> Batches {
        const QUERY: &str =
            "SELECT CAST(run AS bigint), count(*), count(DISTINCT id), CAST(sum(twice) AS bigint)
                             FROM t GROUP BY run";
        match self.case.system {
            System::Sqlite => {
                if !self.path("out.db").exists() {
                    return Batches::new();
                }
                let connection = Connection::open(self.path("out.db")).expect("a database");
                let verdict: String = connection
                    .query_row("PRAGMA integrity_check", [], |row| row.get(0))
                    .expect("a database can be checked");
                assert_eq!(verdict, "ok", "the database");
                let mut query = connection.prepare(QUERY).expect("the table is there");
                let number = |row: &rusqlite::Row<'_>, place| row.get::<_, i64>(place);
                let batches = query.query_map([], |row| {
                    Ok((
                        number(row, 0)? as u64,
                        (
                            number(row, 1)? as u64,
                            number(row, 2)? as u64,
                            number(row, 3)?,
                        ),
                    ))
                });
                batches.and_then(Iterator::collect).expect("good SQL")
            }
            System::Postgres => {
                let client = self.client.as_mut().expect("a client");
                wait_for_quiet(client);
                let rows = client.query(QUERY, &[]).expect("good SQL");
                let number = |row: &postgres::Row, place: usize| row.get::<_, i64>(place);
                rows.iter()
                    .map(|row| {
                        (
                            number(row, 0) as u64,
                            (number(row, 1) as u64, number(row, 2) as u64, number(row, 3)),
                        )
                    })
                    .collect()
            }
            System::File => in_file(&self.path("out.csv")),
        }
    }

    /// Takes away what is of no interest any more: all before run number `run`, hidden files of killed loads.
    fn tidy(&mut self, run: u64) {
        match (self.case.system, self.case.mode) {
            (System::Sqlite | System::Postgres, "append") => {
                self.execute(&format!("DELETE FROM t WHERE CAST(run AS bigint) < {run}"));
            }
            (_, "insert") => self.execute("DELETE FROM t WHERE run <> 0"),
            (System::Sqlite, "create") => {
                std::fs::remove_file(self.path("out.db")).expect("a database");
            }
            (System::File, "append") => keep_run(&self.path("out.csv"), run),
            _ => {}
        }
        for hidden in self.hidden() {
            std::fs::remove_file(hidden).ok();
        }
    }

    /// Files under names that a load gives them while it runs.
    fn hidden(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.place.path()).expect("a directory");
        entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.to_string_lossy().contains("/.pipewright-"))
            .collect()
    }

    /// Starts run number `run`, its source at once there or in pieces.
    fn start(&self, run: u64, is_slow: bool) -> Pipeline {
        let mut setting = Setting::in_directory(self.place.path());
        setting.feed = Feed {
            bytes: Arc::clone(&self.source),
            pieces: if is_slow { 12 } else { 1 },
            pause: Duration::from_micros(if is_slow { 1500 } else { 0 }),
        };
        Pipeline::start(&self.stages(run), &setting)
    }

    /// Runs the pipeline without a kill: when each stage ended.
    #[track_caller]
    fn run(&self, run: u64, is_slow: bool) -> [Duration; 5] {
        let mut pipeline = self.start(run, is_slow);
        let mut ends = [None; 5];
        pipeline.wait_until(Duration::from_secs(60), |pipeline| {
            for (place, end) in ends.iter_mut().enumerate() {
                if end.is_none() && pipeline.has_ended(place) {
                    *end = Some(pipeline.start.elapsed());
                }
            }
            ends.iter().all(Option::is_some)
        });
        for (place, end) in pipeline.finish().iter().enumerate() {
            assert_eq!(end.code(), Some(0), "a clean run: {}", end.words);
            match place == LOAD && self.case.kind == Kind::SetAside {
                true => assert!(end.words.contains("skipped; the first"), "{}", end.words),
                false => assert_eq!(end.words, "", "a clean run"),
            }
        }
        ends.map(|end| end.expect("all stages have ended"))
    }
}

/// Takes all records of other runs than this out of a file.
fn keep_run(path: &Path, run: u64) {
    let Ok(mut reader) = csv::Reader::from_path(path) else {
        return;
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = reader.headers().expect("a header").clone();
    writer.write_record(&header).expect("memory");
    for record in reader.records() {
        let record = record.expect("a whole file is good CSV");
        if record[4] == run.to_string() {
            writer.write_record(&record).expect("memory");
        }
    }
    let text = writer.into_inner().expect("memory");
    std::fs::write(path, text).expect("a file is written");
}

/// What a file holds.
fn in_file(path: &Path) -> Batches {
    let mut batches = Batches::new();
    let mut ids = std::collections::BTreeSet::new();
    let Ok(mut reader) = csv::Reader::from_path(path) else {
        return batches;
    };
    for record in reader.records() {
        let record = record.expect("a whole file is good CSV");
        let number = |place: usize| record[place].parse::<i64>().expect("a number");
        let batch = batches.entry(number(4) as u64).or_default();
        batch.0 += 1;
        batch.1 += u64::from(ids.insert((number(4), number(0))));
        batch.2 += number(3);
    }
    batches
}

/// Waits until no other session works in this database: one whose client was killed ends on its own.
fn wait_for_quiet(client: &mut Client) {
    let others = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let deadline = Instant::now() + Duration::from_secs(20);
    while client
        .query_one(others, &[])
        .expect("good SQL")
        .get::<_, i64>(0)
        > 0
    {
        assert!(Instant::now() < deadline, "a killed load's session stays");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// What came of the kills of one stage.
#[derive(Clone, Copy, Default)]
struct Tally {
    kills: u64,
    /// Ended the stage.
    landed: u64,
    /// Of these, in the time between the end of the load's input and the load's own.
    in_commit: u64,
    refused: u64,
    committed: u64,
    partial: u64,
    duplicates: u64,
    losses: u64,
    /// Exit codes or messages that do not say what happened, and files left behind.
    lies: u64,
}

impl Tally {
    fn is_good(&self) -> bool {
        self.partial + self.duplicates + self.losses + self.lies == 0
    }

    fn add(&mut self, more: &Tally) {
        self.kills += more.kills;
        self.landed += more.landed;
        self.in_commit += more.in_commit;
        self.refused += more.refused;
        self.committed += more.committed;
        self.partial += more.partial;
        self.duplicates += more.duplicates;
        self.losses += more.losses;
        self.lies += more.lies;
    }

    fn line(&self, name: &str, stage: &str) -> String {
        format!(
            "{name:<22} {stage:<12} {:>6} {:>7} {:>9} {:>8} {:>10} {:>8} {:>11} {:>7} {:>6}",
            self.kills,
            self.landed,
            self.in_commit,
            self.refused,
            self.committed,
            self.partial,
            self.duplicates,
            self.losses,
            self.lies
        )
    }
}

const HEADING: &str = "target                 stage         kills  landed  in commit  refused  committed  partial  duplicates  losses   lies";

/// One kill and all that is looked at after it.
struct Trial<'t> {
    target: &'t mut Target,
    /// When the stages of a clean run end, its source at once there or in pieces.
    paces: [[Duration; 5]; 2],
    /// Which stage is killed.
    victim: usize,
    run: u64,
    tally: &'t mut Tally,
    /// What was wrong, in words.
    wrongs: Vec<String>,
}

impl Trial<'_> {
    fn run(&mut self, random: &mut Random) {
        let old = self.target.holds();
        let new = self.target.after(&old, self.run);
        let ends = self.kill(random);
        let held = self.target.holds();
        self.judge(&old, &new, &held);
        let load = &ends[LOAD];
        match load.code() {
            Some(0) => self.hold(held == new, "load ended with 0 and has not committed"),
            Some(_) => {
                self.tally.refused += 1;
                self.hold(held == old, "load ended with an error and has committed");
                let comforts = ["nothing was committed", "is as it was", "was not written"];
                let is_said = comforts.iter().any(|comfort| load.words.contains(comfort));
                self.hold(is_said, "load does not say that nothing was committed");
            }
            // A commit that a signal came too late for ends with 0.
            None => self.hold(
                held == old || load.signal() != Some(libc::SIGTERM),
                "load was ended by SIGTERM and has committed",
            ),
        }
        self.tally.committed += u64::from(held == new);
        let is_killed = load.signal() == Some(libc::SIGKILL);
        let hidden = self.target.hidden();
        self.hold(is_killed || hidden.is_empty(), "a hidden file stays behind");
        // Where it is neither, a second run has nothing to go on from.
        if held == old || (held == new && !self.target.case.must_not_repeat()) {
            self.target.run(self.run, false);
            let held = self.target.holds();
            self.judge(&new, &new, &held);
        }
        self.target.tidy(self.run);
    }

    /// Runs the pipeline and kills the stage at some moment.
    fn kill(&mut self, random: &mut Random) -> Vec<End> {
        let is_slow = random.below(2) == 0;
        let ends = self.paces[usize::from(is_slow)];
        let mut pipeline = self.target.start(self.run, is_slow);
        if self.victim == LOAD && random.below(2) == 0 {
            let tail = ends[LOAD] - ends[BEFORE_LOAD];
            let moment = random.between(Duration::ZERO, tail.mul_f64(1.1));
            pipeline.wait_until(Duration::from_secs(20), |pipeline| {
                pipeline.has_ended(BEFORE_LOAD)
            });
            std::thread::sleep(moment);
        } else {
            let moment = random.between(Duration::ZERO, ends[self.victim].mul_f64(1.15));
            std::thread::sleep(moment.saturating_sub(pipeline.start.elapsed()));
        }
        let is_last = pipeline.has_ended(BEFORE_LOAD);
        let signal = match random.below(5) {
            0 => {
                pipeline.strike(self.victim, libc::SIGSTOP);
                std::thread::sleep(random.between(Duration::ZERO, Duration::from_millis(8)));
                libc::SIGKILL
            }
            1 => libc::SIGTERM,
            _ => libc::SIGKILL,
        };
        pipeline.strike(self.victim, signal);
        let ends = pipeline.finish();
        let has_landed = ends[self.victim].signal() == Some(signal);
        self.tally.kills += 1;
        self.tally.landed += u64::from(has_landed);
        self.tally.in_commit += u64::from(has_landed && is_last);
        ends
    }

    /// Holds that the target is one of the two.
    fn judge(&mut self, old: &Batches, new: &Batches, held: &Batches) {
        if held == old || held == new {
            return;
        }
        self.wrongs
            .push(format!("it holds {held:?}, not {old:?} or {new:?}"));
        let is_double = held.values().any(|(count, distinct, _)| count > distinct);
        let is_partial = held
            .get(&self.run)
            .is_some_and(|batch| *batch != new[&self.run]);
        match (is_double, is_partial) {
            (true, _) => self.tally.duplicates += 1,
            (_, true) => self.tally.partial += 1,
            _ => self.tally.losses += 1,
        }
    }

    fn hold(&mut self, is_so: bool, otherwise: &str) {
        if !is_so {
            self.tally.lies += 1;
            self.wrongs.push(otherwise.to_owned());
        }
    }
}

/// Kills each stage so many times: a line for each, and what was wrong.
fn sweep(case: Case, kills: u64, records: u64, seed: u64) -> (Vec<String>, Tally, Vec<String>) {
    let mut target = Target::new(case, records);
    let mut run = 0;
    let mut paces = [[Duration::MAX; 5]; 2];
    for _ in 0..3 {
        for is_slow in [false, true] {
            run += 1;
            let pace = &mut paces[usize::from(is_slow)];
            *pace = target.run(run, is_slow).min(*pace);
            target.tidy(run);
        }
    }
    let mut lines = Vec::new();
    let mut all = Tally::default();
    let mut wrongs = Vec::new();
    for victim in 0..=LOAD {
        let mut tally = Tally::default();
        let program = target.stages(run)[victim].0;
        for kill in 0..kills {
            run += 1;
            let mut random = Random::new(seed ^ (victim as u64) << 32 ^ kill << 8);
            let mut trial = Trial {
                target: &mut target,
                paces,
                victim,
                run,
                tally: &mut tally,
                wrongs: Vec::new(),
            };
            trial.run(&mut random);
            let found = trial.wrongs.into_iter();
            wrongs.extend(
                found.map(|wrong| format!("{}, {program}, kill {kill}: {wrong}", case.name())),
            );
        }
        let place = format!("{} {program}", victim + 1);
        lines.push(tally.line(&case.name(), &place));
        all.add(&tally);
        if !tally.is_good() && wrongs.is_empty() {
            wrongs.push(format!("{}, {program}", case.name()));
        }
    }
    (lines, all, wrongs)
}

/// A number from the environment.
pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name}: '{text}' is no number")),
    )
}

#[test]
fn a_killed_stage_commits_nothing_or_all() {
    let kills = number("PIPEWRIGHT_TEST_KILLS").unwrap_or(KILLS);
    let records = if kills > KILLS { 20_000 } else { 3_000 };
    let seed = number("PIPEWRIGHT_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let queue = Mutex::new(CASES.iter());
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(case) = queue.lock().expect("no thread panicked").next() else {
                        return;
                    };
                    let result = sweep(*case, kills, records, seed);
                    results
                        .lock()
                        .expect("no thread panicked")
                        .push((case.name(), result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no thread panicked");
    results.sort_by(|(one, _), (other, _)| one.cmp(other));
    let mut text = format!("\n{HEADING}\n");
    let mut wrongs = Vec::new();
    let mut all = Tally::default();
    for (_, (lines, tally, found)) in results {
        all.add(&tally);
        for line in lines {
            text.push_str(&line);
            text.push('\n');
        }
        wrongs.extend(found);
    }
    text.push_str(&all.line("in all", ""));
    text.push('\n');
    text.push_str(&format!("seed {seed}, {records} records a run\n"));
    std::io::stdout()
        .write_all(text.as_bytes())
        .expect("standard output");
    assert!(wrongs.is_empty(), "seed {seed}:\n{}", wrongs.join("\n"));
}
