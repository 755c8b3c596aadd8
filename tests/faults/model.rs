//! Random pipelines over random records with random faults, against a model of a few lines: the target is what
//! it was, or it is what the model says.
//!
//! `PIPEWRIGHT_TEST_CASES` is the number of pipelines, `PIPEWRIGHT_TEST_SEED` repeats a run's choices.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::pipeline::{Feed, Pipeline, Setting, Stage, stage};

/// Pipelines, where nothing else is said.
const CASES: u32 = 60;

/// One case: what comes, what is done with it, and what goes wrong.
#[derive(Clone, Debug)]
struct Case {
    records: Vec<Record>,
    steps: Vec<Step>,
    target: Target,
    fault: Fault,
    /// In how many writes the source comes.
    pieces: usize,
}

/// A record: `id` counts from 0.
#[derive(Clone, Debug)]
struct Record {
    qty: Option<i64>,
    note: Option<String>,
}

/// What one stage does.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// `filter 'qty >= N'`
    AtLeast(i64),
    /// `filter 'note is null'`, or its contrary
    Noted(bool),
    /// `map 'qty = qty * N'`
    Times(i64),
    /// `map 'note = upper(note)'`
    Upper,
    /// `aggregate 'n = count(), total = sum(qty)' --by note`, as the last one
    Groups,
}

#[derive(Clone, Copy, Debug)]
enum Target {
    File,
    Sqlite,
}

#[derive(Clone, Copy, Debug)]
enum Fault {
    Nothing,
    /// A stage of the pipeline, taken modulo their number, gets this signal after so many microseconds.
    Strike(usize, bool, u64),
    /// The compressed source ends after this share of its bytes, in thousandths.
    Cut(usize),
    /// A record, taken modulo their number, has a field too many.
    Ragged(usize),
    /// A record, taken modulo their number, has a `qty` that is no number.
    Poison(usize),
}

fn cases() -> impl Strategy<Value = Case> {
    let note = prop_oneof![
        Just(None),
        "[a-c]{1,2}".prop_map(Some),
        "[a-z \",\n\\\\']{1,12}".prop_map(Some),
    ];
    let record =
        (proptest::option::of(-5..5_i64), note).prop_map(|(qty, note)| Record { qty, note });
    // Some streams are longer than a block.
    let records = prop_oneof![
        4 => proptest::collection::vec(record.clone(), 1..40),
        1 => (proptest::collection::vec(record, 1..40), 200..2000_usize)
            .prop_map(|(records, times)| {
                let all = records.iter().cycle().take(records.len() * times).cloned();
                all.collect()
            }),
    ];
    let step = prop_oneof![
        (-6..5_i64).prop_map(Step::AtLeast),
        any::<bool>().prop_map(Step::Noted),
        (-3..4_i64).prop_map(Step::Times),
        Just(Step::Upper),
    ];
    let steps =
        (proptest::collection::vec(step, 0..4), any::<bool>()).prop_map(|(mut steps, folds)| {
            if folds || steps.is_empty() {
                steps.push(Step::Groups);
            }
            steps
        });
    let place = any::<u16>().prop_map(usize::from);
    let fault = prop_oneof![
        2 => Just(Fault::Nothing),
        4 => (place.clone(), any::<bool>(), 0..60_000_u64)
            .prop_map(|(stage, is_kill, moment)| Fault::Strike(stage, is_kill, moment)),
        1 => (1..1000_usize).prop_map(Fault::Cut),
        1 => place.clone().prop_map(Fault::Ragged),
        2 => place.prop_map(Fault::Poison),
    ];
    let target = prop_oneof![Just(Target::File), Just(Target::Sqlite)];
    (records, steps, target, fault, 1..6_usize).prop_map(
        |(records, steps, target, fault, pieces)| Case {
            records,
            steps,
            target,
            fault,
            pieces,
        },
    )
}

/// What a target holds: its records, sorted, null as the empty text.
type Table = Vec<Vec<String>>;

/// A source or a stage fails.
struct Fails;

impl Case {
    /// The source's text, compressed, with the fault that it has.
    fn source(&self) -> Vec<u8> {
        let mut text = String::from("id,qty,note\n");
        for (id, record) in self.records.iter().enumerate() {
            let qty = match self.fault {
                Fault::Poison(place) if id == place % self.records.len() => "abc".to_owned(),
                _ => record.qty.map(|qty| qty.to_string()).unwrap_or_default(),
            };
            let note = record.note.as_ref();
            let note = note.map(|note| format!("\"{}\"", note.replace('"', "\"\"")));
            let extra = match self.fault {
                Fault::Ragged(place) if id == place % self.records.len() => ",extra",
                _ => "",
            };
            text.push_str(&format!("{id},{qty},{}{extra}\n", note.unwrap_or_default()));
        }
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).expect("memory takes it");
        let mut bytes = encoder.finish().expect("memory takes it");
        if let Fault::Cut(share) = self.fault {
            bytes.truncate((bytes.len() * share / 1000).max(1));
        }
        bytes
    }

    fn stages(&self) -> Vec<Stage> {
        let mut stages = vec![stage("extract", &["-"])];
        stages.extend(self.steps.iter().map(|step| match step {
            Step::AtLeast(least) => stage("filter", &[&format!("qty >= {least}")]),
            Step::Noted(true) => stage("filter", &["note is not null"]),
            Step::Noted(false) => stage("filter", &["note is null"]),
            Step::Times(times) => stage("map", &[&format!("qty = qty * {times}")]),
            Step::Upper => stage("map", &["note = upper(note)"]),
            Step::Groups => stage(
                "aggregate",
                &["n = count(), total = sum(qty)", "--by", "note"],
            ),
        }));
        stages.push(match self.target {
            Target::File => stage("load", &["out.csv"]),
            Target::Sqlite => stage("load", &["sqlite:out.db#t", "--mode", "replace"]),
        });
        stages
    }

    /// What the target should come to hold.
    fn model(&self) -> Result<Table, Fails> {
        if matches!(self.fault, Fault::Cut(_) | Fault::Ragged(_)) {
            return Err(Fails);
        }
        let poisoned = match self.fault {
            Fault::Poison(place) => Some(place % self.records.len()),
            _ => None,
        };
        let all = self.records.iter().enumerate();
        let mut records: Vec<(usize, Record)> =
            all.map(|(id, record)| (id, record.clone())).collect();
        let mut has_poison = poisoned.is_some();
        for step in &self.steps {
            has_poison &= records.iter().any(|(id, _)| Some(*id) == poisoned);
            match step {
                Step::AtLeast(_) | Step::Times(_) | Step::Groups if has_poison => {
                    return Err(Fails);
                }
                Step::AtLeast(least) => {
                    records.retain(|(_, record)| record.qty.is_some_and(|qty| qty >= *least))
                }
                Step::Noted(wanted) => {
                    records.retain(|(_, record)| record.note.is_some() == *wanted)
                }
                Step::Times(times) => {
                    for (_, record) in &mut records {
                        record.qty = record.qty.map(|qty| qty * times);
                    }
                }
                Step::Upper => {
                    for (_, record) in &mut records {
                        record.note = record.note.as_ref().map(|note| note.to_uppercase());
                    }
                }
                Step::Groups => return Ok(groups(&records)),
            }
        }
        let mut table: Table = records
            .into_iter()
            .map(|(id, record)| {
                let qty = match Some(id) == poisoned {
                    true => "abc".to_owned(),
                    false => record.qty.map(|qty| qty.to_string()).unwrap_or_default(),
                };
                vec![id.to_string(), qty, record.note.unwrap_or_default()]
            })
            .collect();
        table.sort();
        Ok(table)
    }

    /// Runs it in `place`: how `load` ended, as its exit code, and what it said.
    fn run(&self, place: &Path) -> (Option<i32>, String) {
        let stages = self.stages();
        let mut setting = Setting::in_directory(place);
        setting.feed = Feed {
            bytes: Arc::new(self.source()),
            pieces: self.pieces,
            pause: Duration::from_millis(1),
        };
        let mut pipeline = Pipeline::start(&stages, &setting);
        if let Fault::Strike(victim, is_kill, moment) = self.fault {
            let moment = Duration::from_micros(moment);
            std::thread::sleep(moment.saturating_sub(pipeline.start.elapsed()));
            let signal = if is_kill {
                libc::SIGKILL
            } else {
                libc::SIGTERM
            };
            pipeline.strike(victim % stages.len(), signal);
        }
        let ends = pipeline.finish();
        let load = ends.last().expect("a pipeline has stages");
        (load.code(), load.words.clone())
    }
}

fn groups(records: &[(usize, Record)]) -> Table {
    let mut groups: BTreeMap<String, (u64, Option<i64>)> = BTreeMap::new();
    for (_, record) in records {
        let group = groups
            .entry(record.note.clone().unwrap_or_default())
            .or_default();
        group.0 += 1;
        if let Some(qty) = record.qty {
            group.1 = Some(group.1.unwrap_or(0) + qty);
        }
    }
    let line = |(note, (count, total)): (String, (u64, Option<i64>))| {
        let total = total.map(|total| total.to_string());
        vec![note, count.to_string(), total.unwrap_or_default()]
    };
    groups.into_iter().map(line).collect()
}

/// What a target holds now; none where it cannot be read.
fn held(target: Target, place: &Path) -> Result<Table, String> {
    let mut table: Table = match target {
        Target::File => {
            let path = place.join("out.csv");
            let mut reader = csv::Reader::from_path(path).map_err(|error| error.to_string())?;
            let records = reader.records().map(|record| {
                let record = record.map_err(|error| error.to_string())?;
                Ok(record.iter().map(str::to_owned).collect())
            });
            records.collect::<Result<_, String>>()?
        }
        Target::Sqlite => in_database(&place.join("out.db")).map_err(|error| error.to_string())?,
    };
    table.sort();
    Ok(table)
}

fn in_database(path: &Path) -> rusqlite::Result<Table> {
    let connection = Connection::open(path)?;
    let mut query = connection.prepare("SELECT * FROM t")?;
    let columns = query.column_count();
    let text = |value: ValueRef<'_>| match value {
        ValueRef::Null => String::new(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{other:?}"),
    };
    let records = query.query_map([], |row| {
        (0..columns)
            .map(|place| Ok(text(row.get_ref(place)?)))
            .collect()
    })?;
    records.collect()
}

/// Runs one case and holds its target against the model.
fn check(case: &Case) -> Result<(), TestCaseError> {
    let place = tempfile::tempdir().expect("a temporary directory");
    let old: Table = vec![vec!["it was".to_owned(), "here".to_owned()]];
    match case.target {
        Target::File => {
            std::fs::write(place.path().join("out.csv"), "a,b\nit was,here\n").expect("a file")
        }
        Target::Sqlite => Connection::open(place.path().join("out.db"))
            .and_then(|connection| {
                connection.execute_batch(
                    "CREATE TABLE t (a TEXT, b TEXT); INSERT INTO t VALUES ('it was', 'here')",
                )
            })
            .expect("a database"),
    }
    let (code, words) = case.run(place.path());
    let held = held(case.target, place.path()).map_err(TestCaseError::fail)?;
    let new = case.model().ok();
    let is_struck = matches!(case.fault, Fault::Strike(..));
    let is_right = match (code, &new) {
        (Some(0), Some(new)) => held == *new,
        (Some(1), None) => held == old,
        (Some(1), Some(_)) => is_struck && held == old,
        (None, Some(new)) => is_struck && (held == old || held == *new),
        _ => false,
    };
    prop_assert!(
        is_right,
        "load ended with {code:?}, saying {words:?}; the target holds {held:?}, the model is {new:?}"
    );
    Ok(())
}

#[test]
fn the_target_is_what_it_was_or_what_the_model_says() {
    let variable = |name| {
        std::env::var(name)
            .ok()
            .and_then(|text: String| text.parse::<u64>().ok())
    };
    let seed = variable("PIPEWRIGHT_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    let cases_wanted =
        variable("PIPEWRIGHT_TEST_CASES").and_then(|cases| u32::try_from(cases).ok());
    let config = Config {
        cases: cases_wanted.unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let result = TestRunner::new_with_rng(config, random).run(&cases(), |case| check(&case));
    if let Err(error) = result {
        panic!("PIPEWRIGHT_TEST_SEED={seed}: {error}");
    }
}
