//! `PIPEWRIGHT_RUN`: what stages tell of themselves, and whether the stage that is called the bottleneck is the
//! one that was made slow.

mod harness;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Runs a Bash line whose stages leave their figures in `run`, in the directory that is given back.
fn run_of(line: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().expect("a temporary directory");
    let run = harness::bash(line)
        .dir(place.path())
        .env("PIPEWRIGHT_RUN", "run")
        .run();
    assert_eq!(run.code, 0, "{}", run.err());
    place
}

/// The figures in `run`, by program.
fn figures(place: &Path, program: &str) -> Value {
    let found: Vec<Value> = fs::read_dir(place.join("run"))
        .expect("figures were left")
        .map(|entry| entry.expect("a directory can be read").path())
        .filter(|path| {
            path.to_string_lossy()
                .ends_with(&format!("-{program}.json"))
        })
        .map(|path| serde_json::from_slice(&fs::read(path).expect("a file")).expect("it is JSON"))
        .collect();
    assert_eq!(found.len(), 1, "{program} left one file");
    found[0].clone()
}

/// What `meter --stages run` prints.
fn table(place: &Path) -> String {
    let run = harness::tool("meter")
        .args(["--stages", "run"])
        .dir(place)
        .run();
    String::from_utf8(run.quiet_success()).expect("a table is text")
}

/// Holds that the table's one verdict begins so.
#[track_caller]
fn names(place: &Path, bottleneck: &str) {
    let table = table(place);
    let verdicts: Vec<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("bottleneck: "))
        .collect();
    assert_eq!(verdicts.len(), 1, "{table}");
    assert!(verdicts[0].starts_with(bottleneck), "{table}");
}

/// A source of that many records.
fn records(count: u32) -> String {
    format!("(echo id,x; seq {count} | sed 's/$/,abc/')")
}

#[test]
fn a_stage_tells_what_it_did() {
    let place = run_of(
        "printf 'a,b\\n1,x\\n2,y\\n3\\n4,z\\n' >in.csv\n\
         extract in.csv --on-error skip 2>/dev/null | filter 'a > 1' | load out.jsonl 2>/dev/null",
    );
    let extract = figures(place.path(), "extract");
    let expected = serde_json::json!({
        "program": "extract", "command": "extract in.csv --on-error skip", "state": "done", "exit": 0,
        "records_in": 4, "records_out": 3, "rejected": 1, "bytes_in": 18, "bytes_out": 16,
    });
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(extract[name], *value, "{name}");
    }
    assert!(
        extract["inputs"][0]["file"]
            .as_str()
            .is_some_and(|path| path.ends_with("/in.csv"))
    );
    assert!(
        extract["peak_bytes"]
            .as_u64()
            .is_some_and(|bytes| bytes > 1_000_000)
    );
    for time in ["wall_seconds", "cpu_seconds"] {
        assert!(
            extract[time].as_f64().is_some_and(|seconds| seconds > 0.0),
            "{time}"
        );
    }
    let filter = figures(place.path(), "filter");
    assert_eq!(filter["inputs"], extract["outputs"]);
    assert_eq!(filter["records_out"], 2);
    let load = figures(place.path(), "load");
    assert_eq!(load["inputs"], filter["outputs"]);
    assert_eq!(
        (&load["records_in"], &load["bytes_in"]),
        (&2.into(), &12.into())
    );
}

#[test]
fn records_that_are_read_twice_count_once() {
    let place = run_of("printf 'a\\n1\\n2\\n' | load sqlite:x.db#t >receipt");
    assert_eq!(figures(place.path(), "load")["records_in"], 2);
}

#[test]
fn an_end_of_any_kind_is_told() {
    let place = run_of(
        "filter 'a >' <<<a 2>/dev/null; map 'b = a + 1' <<<$'a\\nx' 2>/dev/null >out\n\
         mkfifo pipe; exec 9<>pipe; echo a >&9\n\
         aggregate 'n = count()' <pipe >out & pid=$!; sleep 0.3; kill -TERM $pid; wait $pid\n\
         extract <pipe >out & pid=$!; sleep 0.3; kill -KILL $pid; wait $pid; true",
    );
    let told = |program| {
        let figures = figures(place.path(), program);
        (figures["state"].clone(), figures["exit"].clone())
    };
    assert_eq!(told("filter"), ("failed".into(), 2.into()));
    assert_eq!(told("map"), ("failed".into(), 1.into()));
    assert_eq!(told("aggregate"), ("stopped".into(), 143.into()));
    assert_eq!(told("extract"), ("running".into(), Value::Null));
    let table = table(place.path());
    let line = |program: &str| {
        table
            .lines()
            .find(|line| line.contains(program))
            .unwrap_or_default()
    };
    assert!(line("extract").contains("killed"), "{table}");
    assert!(line("aggregate").contains("stopped"), "{table}");
    assert!(line("filter").contains("failed (2)"), "{table}");
}

/// What a stage waits for shows while it waits.
#[test]
fn a_running_stage_says_how_it_stands() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let mut live = harness::tool("filter")
        .args(["a > 0"])
        .dir(place.path())
        .env("PIPEWRIGHT_RUN", "run/of/today")
        .start();
    live.say(b"a\n1\n2\n");
    live.hear(6);
    let directory = place.path().join("run/of/today");
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let entries = fs::read_dir(&directory).into_iter().flatten();
        let told = entries
            .filter_map(|entry| fs::read(entry.expect("an entry").path()).ok())
            .find_map(|text| serde_json::from_slice::<Value>(&text).ok());
        if let Some(told) = told
            && told["records_in"] == 2
        {
            assert_eq!(told["state"], "running");
            assert!(told["blocked_in_seconds"].as_f64() > Some(0.1), "{told}");
            return;
        }
        assert!(Instant::now() < deadline, "it says nothing");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn figures_that_cannot_be_kept_are_missed_by_nobody() {
    let place = tempfile::tempdir().expect("a temporary directory");
    fs::write(place.path().join("run"), "").expect("a file");
    let run = harness::bash("filter 'a > 1' <<<$'a\\n1\\n2'")
        .dir(place.path())
        .env("PIPEWRIGHT_RUN", "run")
        .run();
    assert_eq!((run.code, run.out().as_str()), (0, "a\n2\n"));
    let said = run.err();
    assert!(
        said.starts_with("filter: no figures are kept in '"),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
}

#[test]
fn without_the_variable_nothing_is_left() {
    let place = tempfile::tempdir().expect("a temporary directory");
    for directory in [None, Some("")] {
        let mut program = harness::bash("filter 'a > 1' <<<$'a\\n1\\n2'").dir(place.path());
        if let Some(directory) = directory {
            program = program.env("PIPEWRIGHT_RUN", directory);
        }
        program.run().quiet_success();
        assert_eq!(fs::read_dir(place.path()).expect("a directory").count(), 0);
    }
}

#[test]
fn who_only_asks_is_no_stage() {
    let place = run_of("filter --help >out; load --version >out; meter --stages run >out");
    assert_eq!(
        fs::read_dir(place.path().join("run"))
            .expect("a directory")
            .count(),
        0
    );
}

// The verdict

#[test]
fn a_slow_source_is_named() {
    let slow = "echo id,x; for i in {1..40}; do echo $i,a; sleep 0.05; done";
    let place = run_of(&format!(
        "balance -n 1 -- bash -c '{slow}' | filter 'id > 1' | aggregate 'n = count()' >out.csv"
    ));
    names(place.path(), "'balance bash' works ");
}

#[test]
fn a_slow_command_in_the_middle_is_named() {
    let slow = r#"NR % 1000 == 0 { system("sleep 0.05") } { print }"#;
    let place = run_of(&format!(
        "{} | extract | balance -n 1 -- awk '{slow}' | filter 'id > 1' | aggregate 'n = count()' >out.csv",
        records(40_000)
    ));
    names(place.path(), "'balance awk' works ");
}

#[test]
fn a_slow_filter_is_named() {
    let hashes = "sha256(x)".to_owned();
    let nested = (0..24).fold(hashes, |inner, _| format!("sha256(concat(x, {inner}))"));
    let place = run_of(&format!(
        "{} >in.csv; extract in.csv | filter 'id > 0' | map 'h = {nested}' | aggregate 'n = count()' >out.csv",
        records(60_000)
    ));
    names(place.path(), "'map' works ");
}

#[test]
fn a_slow_command_at_the_end_is_named() {
    let slow = "while IFS= read -r line; do [[ $line == *000,* ]] && sleep 0.05; done";
    let place = run_of(&format!(
        "{} >in.csv; extract in.csv | filter 'id > 1' | balance -n 1 -- bash -c '{slow}; true'",
        records(40_000)
    ));
    names(place.path(), "'balance bash' works ");
}

#[test]
fn a_slow_load_is_named() {
    let place = run_of(&format!(
        "{} >in.csv; extract in.csv | filter 'id > 1' | load sqlite:out.db#t --key id >receipt",
        records(400_000)
    ));
    names(place.path(), "'load' works ");
}

/// A program that leaves no figures is named by its neighbours, whether what it is given fits into a pipe or not.
#[test]
fn what_is_no_stage_is_named_by_its_neighbours() {
    let slow = "while IFS= read -r line; do echo \"$line\"; [[ $line == *000,* ]] && sleep 0.05; done; true";
    for count in [20_000, 300_000] {
        let slow = match count {
            20_000 => slow,
            _ => "sleep 1; cat",
        };
        let place = run_of(&format!(
            "{} >in.csv; extract in.csv | bash -c '{slow}' | filter 'id > 1' >out.csv",
            records(count)
        ));
        names(place.path(), "what stands between 'extract' and 'filter': ");
    }
    let place = run_of("(echo a; sleep 1; echo 2) | filter 'a > 1' | map 'b = a' >out.csv");
    names(place.path(), "what feeds 'filter': 'filter' waits ");
    let place = run_of(&format!(
        "{} >in.csv; extract in.csv | filter 'id > 1' | bash -c 'sleep 1; cat' >out.csv",
        records(400_000)
    ));
    names(place.path(), "what reads 'filter': 'filter' waits ");
}

/// A stage that is slow is it also where a foreign program stands behind it, or before it.
#[test]
fn a_foreign_neighbour_is_not_blamed() {
    let slow = "NR % 1000 == 0 { system(\"sleep 0.05\") } { print }";
    let place = run_of(&format!(
        "{} >in.csv; extract in.csv | balance -n 1 -- awk '{slow}' | cat | filter 'id > 1' >out.csv\n",
        records(20_000)
    ));
    names(place.path(), "'balance awk' works ");
    let place = run_of(&format!(
        "{} >in.csv; extract in.csv | filter 'id > 0' | cat | balance -n 1 -- awk '{slow}' | filter 'id > 1' >out.csv\n",
        records(20_000)
    ));
    names(place.path(), "'balance awk' works ");
}

// The order

#[test]
fn stages_stand_in_the_order_of_the_stream() {
    let place = run_of(
        "extract <<<$'a\\n1' | filter 'a > 0' | sort | map 'b = 1' | balance -n 1 -- bash -c 'filter true | meter -q' \
         | aggregate 'n = count()' >one; extract <<<$'a\\n1' | load - >two",
    );
    let run = harness::tool("meter")
        .args(["--stages", "run", "--to", "csv"])
        .dir(place.path())
        .run();
    let csv = String::from_utf8(run.quiet_success()).expect("text");
    let listed = harness::tool("map")
        .args(["--only", "pipeline, stage, program, state"])
        .stdin(csv)
        .run()
        .quiet_success();
    assert_eq!(
        String::from_utf8_lossy(&listed),
        "pipeline,stage,program,state\n1,1,extract,done\n1,2,filter,done\n1,3,map,done\n1,4,balance,done\n\
         1,5,filter,done\n1,6,meter,done\n1,7,aggregate,done\n2,1,extract,done\n2,2,load,done\n"
    );
}
