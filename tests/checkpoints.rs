//! Where checkpoints are kept and what they speak of: one grammar of addresses, the table that a checkpoint
//! names, how one is forgotten, and what becomes of rejected records between the loads.

mod harness;

use harness::{Run, bash};
use std::fs;
use std::path::PathBuf;

/// A directory, and a target in it.
struct Place {
    directory: tempfile::TempDir,
    /// The target's address without a table, and the flag that names one.
    target: String,
    table: &'static str,
}

impl Place {
    fn of(target: &str, table: &'static str) -> Self {
        Place {
            directory: tempfile::tempdir().expect("a temporary directory"),
            target: target.to_owned(),
            table,
        }
    }

    fn sqlite() -> Self {
        Self::of("sqlite:d.db", "--table t")
    }

    fn file() -> Self {
        Self::of("out.csv", "")
    }

    fn postgres(name: &str) -> Self {
        let address = harness::postgres_database(&format!("checkpoints_{name}"));
        Self::of(&address, "--table t")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file is written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn append(&self, name: &str, text: &str) {
        self.write(name, &(self.read(name) + text));
    }

    fn bash(&self, line: &str) -> Run {
        bash(line).dir(self.directory.path()).run()
    }

    #[track_caller]
    fn succeeds(&self, line: &str) -> String {
        let run = self.bash(line);
        assert_eq!(run.code, 0, "{line}: {}", run.err());
        run.out()
    }

    /// Holds that a line fails with this exit code, and says these words.
    #[track_caller]
    fn fails(&self, line: &str, code: i32, words: &[&str]) {
        let run = self.bash(line);
        assert_eq!(run.code, code, "{line}: {}", run.err());
        for word in words {
            assert!(run.err().contains(word), "{line}: '{word}': {}", run.err());
        }
    }

    /// The numbers in a table of the target, or in the file.
    fn numbers(&self, table: &str) -> String {
        let from = match self.table {
            "" => self.target.clone(),
            _ => format!("'{}#{table}'", self.target),
        };
        let text = self.succeeds(&format!("extract {from} -c n | tail -n +2 | paste -sd ' '"));
        text.trim_end().to_owned()
    }

    /// Runs SQL in the target's database.
    fn sql(&self, sql: &str) {
        match self.target.strip_prefix("sqlite:") {
            Some(file) => {
                let database = rusqlite::Connection::open(self.path(file)).expect("a database");
                database.execute_batch(sql).expect("good SQL");
            }
            None => {
                let client = postgres::Client::connect(&self.target, postgres::NoTls);
                client
                    .expect("a server")
                    .batch_execute(sql)
                    .expect("good SQL");
            }
        }
    }
}

fn databases(name: &str) -> [Place; 2] {
    [Place::sqlite(), Place::postgres(name)]
}

#[test]
fn one_address_means_the_same_to_every_program() {
    let server = harness::postgres_database("checkpoints_addresses");
    let server = server.replacen("postgres://", "postgresql://", 1);
    let other = server.replacen("postgresql://", "postgres://", 1);
    let absolute = tempfile::tempdir().expect("a temporary directory");
    let absolute = absolute.path().display();
    for (number, (address, is_database)) in [
        ("sqlite:a.db".to_owned(), true),
        ("sqlite:./a.db".to_owned(), true),
        ("sqlite:a#b.db".to_owned(), true),
        (format!("sqlite:{absolute}/a.db"), true),
        (server, true),
        (other, true),
        ("a.csv".to_owned(), false),
        ("a#b.csv".to_owned(), false),
        ("./a://b.csv".to_owned(), false),
        ("file:a.csv".to_owned(), false),
        (format!("file:{absolute}/a.csv"), false),
        (format!("file://{absolute}/b.csv"), false),
        (format!("{absolute}/c.csv"), false),
    ]
    .into_iter()
    .enumerate()
    {
        let place = Place::sqlite();
        fs::create_dir(place.path("a:")).expect("a directory");
        // A database's address may name the table itself, or end in a # that names none.
        let targets = match is_database {
            true => vec![
                (format!("{address}#t{number}"), String::new()),
                (format!("{address}#"), format!("--table u{number}")),
            ],
            false => vec![(address, String::new())],
        };
        for ((target, table), name) in targets
            .into_iter()
            .zip([format!("f{number}"), format!("g{number}")])
        {
            for (more, found) in [
                ("n\n1\n", "n\n1\n"),
                ("2\n", "n\n1\n2\n"),
                ("", "n\n1\n2\n"),
            ] {
                place.append("in.csv", more);
                place.succeeds(&format!(
                    "extract in.csv --resume '{target}#{name}' | load '{target}' {table} --resume-name {name}"
                ));
                let extracted = place.succeeds(&format!("extract '{target}' {table}"));
                assert_eq!(extracted, found, "{target}");
            }
            fs::remove_file(place.path("in.csv")).expect("a file");
            if table.is_empty() {
                let found = place.succeeds(&format!(
                    "printf 'n\n2\n9\n' | lookup '{target}' --on n --how semi"
                ));
                assert_eq!(found, "n\n2\n", "{target}");
            }
        }
    }
    let place = Place::sqlite();
    place.write("in.csv", "n\n1\n");
    for (address, words) in [
        ("sqlite:", "give the database's file: sqlite:FILE"),
        ("sqlite::memory:", "a database in memory is gone"),
        (
            "sqlite://a.db",
            "write sqlite:a.db for a file from here on, sqlite:/a.db",
        ),
        (
            "sqlite:///a.db",
            "write sqlite:a.db for a file from here on, sqlite:/a.db",
        ),
        ("postgresql:d", "lacks the slashes; write postgresql://"),
        ("file:", "give the file: file:PATH"),
        (
            "file://a.csv",
            "write file:a.csv for a file from here on, file:/a.csv",
        ),
        (
            "mysql://h/d",
            "'mysql' is not supported; an address is sqlite:FILE",
        ),
        (
            "http://h/a.csv",
            "'http' is not supported; an address is sqlite:FILE",
        ),
    ] {
        for line in [
            format!("load '{address}' in.csv"),
            format!("extract '{address}'"),
            format!("extract in.csv --resume '{address}#f'"),
        ] {
            place.fails(&line, 2, &[words]);
        }
        let line = format!("lookup '{address}' --on n in.csv");
        place.fails(&line, 1, &[words]);
    }
    let left = fs::read_dir(place.directory.path()).expect("a directory");
    assert_eq!(left.count(), 1);
}

/// The line that loads what is new in `in.csv`.
fn incremental(place: &Place, table: &str) -> String {
    let target = &place.target;
    format!("extract in.csv --resume '{target}#f' | load '{target}' {table} --resume-name f")
}

#[test]
fn a_checkpoint_knows_its_table() {
    for place in databases("table") {
        let target = place.target.clone();
        let load = incremental(&place, "--table t");
        place.write("in.csv", "n\n1\n2\n");
        place.succeeds(&load);
        // Records may be deleted: the table is still there.
        place.sql("delete from t where n = 1");
        place.append("in.csv", "3\n");
        place.succeeds(&load);
        assert_eq!(place.numbers("t"), "2 3");
        // Another table needs another name.
        let forget = "--forget f";
        let other = [
            "'f' is loaded into the table",
            "not into",
            "another --resume-name",
            forget,
        ];
        place.append("in.csv", "4\n");
        place.fails(&incremental(&place, "--table u"), 1, &other);
        place.sql("create table u (n int)");
        place.fails(&incremental(&place, "--table u"), 1, &other);
        assert_eq!(
            (place.numbers("t"), place.numbers("u")),
            ("2 3".into(), String::new())
        );
        place.succeeds(&format!(
            "extract in.csv --resume '{target}#g' | load '{target}' --table u --resume-name g"
        ));
        assert_eq!(place.numbers("u"), "1 2 3 4");
        // A table that is gone is not made anew: whoever does it.
        place.sql("drop table t");
        let gone = ["t', into which 'f' was loaded, is gone", forget];
        place.fails(&load, 1, &gone);
        place.fails(
            "extract in.csv --resume $T#f | cat"
                .replace("$T", &format!("'{target}'"))
                .as_str(),
            1,
            &gone,
        );
        for line in [
            format!("extract in.csv | load '{target}' --table t"),
            format!("extract in.csv | load '{target}' --table t --mode create"),
            format!("extract in.csv | load '{target}' --table t --mode replace"),
            format!(
                "extract in.csv --resume '{target}#h' | load '{target}' --table t --resume-name h"
            ),
        ] {
            place.fails(&line, 1, &gone);
        }
        place.fails(&format!("extract '{target}#t'"), 1, &["no table 't'"]);
        let said = place.bash(&format!("load '{target}' --forget f"));
        assert_eq!((said.code, said.out()), (0, String::new()));
        assert!(said.err().starts_with("load: 'f' is forgotten: its next load reads the source from the start; the records that are in '"), "{}", said.err());
        place.succeeds(&load);
        assert_eq!(place.numbers("t"), "1 2 3 4");
        // A table that is renamed and named so in the checkpoint is found again.
        let schema = if target.starts_with("sqlite:") {
            ""
        } else {
            "public."
        };
        place.sql(&format!(
            "alter table t rename to v; update _pipewright_checkpoints set table_name = '{schema}v' where name = 'f'"
        ));
        place.append("in.csv", "5\n");
        place.succeeds(&incremental(&place, "--table v"));
        assert_eq!(place.numbers("v"), "1 2 3 4 5");
    }
}

#[test]
fn names_of_tables_are_compared_as_the_database_does() {
    let place = Place::sqlite();
    place.write("in.csv", "n\n1\n");
    place.succeeds(&incremental(&place, "--table Tab"));
    place.append("in.csv", "2\n");
    place.succeeds(&incremental(&place, "--table tAB"));
    assert_eq!(place.numbers("tab"), "1 2");
    let place = Place::postgres("schema");
    place.sql("create schema s; create schema \"a.b\"; create table public.t (n int)");
    place.write("in.csv", "n\n1\n");
    place.succeeds(&incremental(&place, "--table s.t"));
    place.append("in.csv", "2\n");
    place.succeeds(&incremental(&place, "--table s.t"));
    assert_eq!(place.numbers("s.t"), "1 2");
    place.fails(
        &incremental(&place, "--table t"),
        1,
        &["'s.t', not into 'public.t'"],
    );
    place.sql("drop table s.t");
    place.fails(
        &incremental(&place, "--table s.t"),
        1,
        &["'s.t'", "is gone"],
    );
    // What a name without a schema means is decided by the search path, and the name that is kept has it.
    place.sql("delete from _pipewright_checkpoints");
    place.succeeds(&incremental(&place, "--table t"));
    place.append("in.csv", "3\n");
    place.succeeds(&incremental(&place, "--table public.t"));
    assert_eq!(place.numbers("t"), "1 2 3");
    place.sql("delete from _pipewright_checkpoints");
    place.succeeds(&incremental(&place, "--table '\"a.b\".t'"));
    place.append("in.csv", "4\n");
    place.succeeds(&incremental(&place, "--table '\"a.b\".t'"));
    assert_eq!(place.numbers("\"a.b\".t"), "1 2 3 4");
}

#[test]
fn a_checkpoint_of_an_earlier_version_takes_the_table_of_its_next_load() {
    for place in databases("earlier") {
        let load = incremental(&place, "--table t");
        place.write("in.csv", "n\n1\n");
        place.succeeds(&load);
        place.sql("alter table _pipewright_checkpoints drop column table_name");
        place.append("in.csv", "2\n");
        // A load that fails leaves the table as it was.
        place.fails(&format!("{load} --key z"), 1, &["unknown key column"]);
        place.succeeds(&incremental(&place, "--table t"));
        assert_eq!(place.numbers("t"), "1 2");
        place.fails(
            &incremental(&place, "--table u"),
            1,
            &["another --resume-name"],
        );
        place.sql("alter table _pipewright_checkpoints drop column table_name");
        let target = &place.target;
        let said = place.bash(&format!("load '{target}' --forget f"));
        assert!(
            said.err().contains("the records that were loaded stay"),
            "{}",
            said.err()
        );
        place.succeeds(&incremental(&place, "--table u"));
        assert_eq!(place.numbers("u"), "1 2");
    }
}

#[test]
fn what_incremental_loads_brought_is_not_replaced() {
    for place in databases("replaced") {
        let target = &place.target;
        place.write("in.csv", "n\n1\n2\n");
        place.write("other.csv", "n\n7\n");
        place.succeeds(&incremental(&place, "--table t"));
        let replace = format!("load '{target}' --table t --mode replace other.csv");
        place.fails(
            &replace,
            1,
            &["--mode replace would drop", "'f'", "--forget f"],
        );
        assert_eq!(place.numbers("t"), "1 2");
        // Other records may be added, and other tables be replaced.
        place.succeeds(&format!("load '{target}' --table t other.csv"));
        assert_eq!(place.numbers("t"), "1 2 7");
        place.succeeds(&format!(
            "load '{target}' --table w --mode replace other.csv"
        ));
        place.succeeds(&format!(
            "load '{target}' --table w --mode replace other.csv"
        ));
        place.succeeds(&format!("load '{target}' --forget f && {replace}"));
        assert_eq!(place.numbers("t"), "7");
    }
    let place = Place::file();
    place.write("in.csv", "n\n1\n2\n");
    place.write("other.csv", "n\n7\n");
    place.succeeds(&incremental(&place, ""));
    for line in [
        "load out.csv --mode replace other.csv",
        "extract other.csv --resume out.csv#g | load out.csv --mode replace --resume-name g",
    ] {
        place.fails(
            line,
            1,
            &["a new 'out.csv'", "'f'", "load out.csv --forget f"],
        );
        assert_eq!(place.read("out.csv"), "n\n1\n2\n");
    }
    // Under its own name, each load has the new records alone.
    place.append("in.csv", "3\n");
    place.succeeds(&incremental(&place, "--mode replace"));
    assert_eq!(place.read("out.csv"), "n\n3\n");
    place.succeeds("load out.csv --forget f && load out.csv --mode replace other.csv");
    assert_eq!(place.read("out.csv"), "n\n7\n");
    assert!(!place.path("out.csv.pipewright").exists());
}

#[test]
fn a_checkpoint_is_forgotten_and_nothing_else() {
    let [sqlite, postgres] = databases("forgotten");
    for place in [sqlite, postgres, Place::file()] {
        let (target, table) = (&place.target, place.table);
        place.write("in.csv", "n\n1\n");
        let load = |name: &str| {
            format!(
                "extract in.csv --resume '{target}#{name}' | load '{target}' {table} --resume-name {name}"
            )
        };
        place.succeeds(&load("orders"));
        place.succeeds(&load("customers"));
        place.fails(
            &format!("load '{target}' --forget order"),
            1,
            &[
                "keeps no checkpoint 'order'",
                "did you mean 'orders'? checkpoints: customers, orders",
            ],
        );
        let run = place.bash(&format!("load '{target}' --forget orders </dev/null"));
        assert_eq!((run.code, run.out().as_str()), (0, ""), "{}", run.err());
        assert_eq!(run.err().lines().count(), 1);
        place.append("in.csv", "2\n");
        place.succeeds(&load("orders"));
        place.succeeds(&load("customers"));
        assert_eq!(place.numbers("t"), "1 1 1 2 2");
        // A load that is under way when its checkpoint is forgotten commits nothing. (SQLite has one writer:
        // there, it is the other that must wait.)
        if !target.starts_with("sqlite:") {
            place.append("in.csv", "3\n");
            let line = format!(
                "( extract in.csv --resume '{target}#orders'; load '{target}' --forget orders 2>/dev/null ) \
                 | load '{target}' {table} --resume-name orders"
            );
            place.fails(&line, 1, &["no load of 'orders' yet"]);
            assert_eq!(place.numbers("t"), "1 1 1 2 2");
        } else {
            place.succeeds(&format!("load '{target}' --forget orders"));
        }
        place.succeeds(&format!("load '{target}' --forget customers"));
        place.fails(
            &format!("load '{target}' --forget customers"),
            1,
            &["nor any other"],
        );
        for more in [
            "in.csv",
            "--table t",
            "--mode append",
            "--key n",
            "--to csv",
            "--resume-name f",
            "--rejects x",
        ] {
            place.fails(
                &format!("load '{target}' --forget f {more}"),
                2,
                &["--forget"],
            );
        }
    }
    let place = Place::sqlite();
    place.fails(
        "load sqlite:none.db --forget f",
        1,
        &["cannot open 'none.db'"],
    );
    place.fails("load none.csv --forget f", 1, &["cannot open 'none.csv'"]);
    place.fails(
        "load sqlite:none.db#t --forget f",
        2,
        &["leave out the table 't': load sqlite:none.db --forget f"],
    );
    place.fails(
        "load - --forget f",
        2,
        &["standard output keeps no checkpoint"],
    );
    assert_eq!(
        fs::read_dir(place.directory.path())
            .expect("a directory")
            .count(),
        0
    );
}

#[test]
fn a_numbering_that_begins_anew_is_noticed() {
    for place in databases("anew") {
        let target = place.target.clone();
        let source = match target.strip_prefix("sqlite:") {
            Some(_) => "sqlite:d.db".to_owned(),
            None => target.clone(),
        };
        let load = |flags: &str| {
            format!(
                "extract '{source}' --table s {flags} --resume-by id --resume '{target}#f' | load '{target}' --table t --resume-name f"
            )
        };
        place.sql("create table s (id bigint, n int); insert into s values (99, 1), (100, 2)");
        place.succeeds(&load(""));
        let nothing_new = |line: &str| {
            let run = place.bash(line);
            assert_eq!(run.code, 0, "{}", run.err());
            assert!(run.err().contains("nothing new"), "{}", run.err());
            assert_eq!(place.numbers("t"), "1 2");
        };
        nothing_new(&load(""));
        // Emptied, as after TRUNCATE: new records may come from anywhere.
        place.sql("delete from s");
        nothing_new(&load(""));
        place.sql("insert into s values (1, 3), (2, 4)");
        let words = [
            "'id'",
            "greatest is '2'",
            "ended at '100'",
            "--accept-gap",
            "--forget f",
        ];
        place.fails(&load(""), 1, &words);
        nothing_new(&load("--accept-gap"));
        place.fails(&load(""), 1, &words);
        // The last record may be gone if greater ones are there.
        place.sql("insert into s values (101, 5)");
        place.succeeds(&load(""));
        assert_eq!(place.numbers("t"), "1 2 5");
        place.sql("delete from s where id = 101");
        place.fails(&load(""), 1, &["greatest is '2'", "ended at '101'"]);
        place.succeeds(&format!("load '{target}' --forget f; {}", load("")));
        assert_eq!(place.numbers("t"), "1 2 5 3 4");
    }
}

/// The header of a file of rejects, as it must stand there once, and the records after it, sorted.
#[track_caller]
fn rejects(place: &Place, name: &str) -> Vec<String> {
    let text = place.read(name);
    let mut lines = text.lines();
    assert_eq!(
        lines.next(),
        Some("_reason,_source,_line,_record"),
        "{text}"
    );
    let record = |line: &str| {
        line.rsplit_once(',')
            .map(|_| line.to_owned())
            .unwrap_or_default()
    };
    let mut records: Vec<String> = lines.map(record).collect();
    records.sort();
    assert!(
        !records.iter().any(|record| record.starts_with("_reason")),
        "{text}"
    );
    records
}

/// What of each reject is the record.
fn raw(records: &[String]) -> Vec<&str> {
    let mut raw: Vec<&str> = records
        .iter()
        .map(|record| {
            record
                .split_once(".csv,")
                .or(record.split_once("input,"))
                .expect("a source")
                .1
        })
        .map(|rest| rest.split_once(',').expect("a line").1.trim_matches('"'))
        .collect();
    raw.sort_unstable();
    raw
}

#[test]
fn rejects_of_incremental_loads_are_added_to_those_before() {
    let [sqlite, postgres] = databases("rejects");
    for place in [sqlite, postgres, Place::file()] {
        let (target, table) = (&place.target, place.table);
        let line = format!(
            "extract in.csv --resume '{target}#f' --rejects bad.csv | filter 'n > 0' --rejects bad.csv \
             | load '{target}' {table} --resume-name f --rejects bad.csv"
        );
        place.write("in.csv", "n,m\n1,1\nbad\nx,1\n");
        place.succeeds(&line);
        assert_eq!(raw(&rejects(&place, "bad.csv")), ["bad", "x,1"]);
        place.append("in.csv", "2,2\nworse\ny,2\n3,q\n");
        place.succeeds(&line);
        let expected: &[&str] = match table {
            "" => &["bad", "worse", "x,1", "y,2"],
            _ => &["3,q", "bad", "worse", "x,1", "y,2"],
        };
        assert_eq!(raw(&rejects(&place, "bad.csv")), expected);
        // Nothing new, and nothing is lost; a last line without its end is ended.
        let text = place.read("bad.csv");
        place.write("bad.csv", text.trim_end());
        place.succeeds(&line);
        place.append("in.csv", "z,2\n");
        place.succeeds(&line);
        assert_eq!(rejects(&place, "bad.csv").len(), expected.len() + 1);
    }
}

#[test]
fn a_stage_between_knows_that_the_load_is_incremental() {
    let place = Place::sqlite();
    place.write("in.csv", "n\n1\na\n");
    for (round, between) in [
        "filter 'n > 0' --rejects bad.csv",
        "meter -q | filter 'n > 0' --rejects bad.csv",
        "map 'm = n' | order n --on-error skip | filter 'n > 0' --rejects bad.csv",
        "balance -n 1 -- filter 'n > 0' --rejects bad.csv",
        "filter 'n > 0' --rejects bad.csv | balance -n 1 -- cat",
    ]
    .into_iter()
    .enumerate()
    {
        let name = format!("f{round}");
        let line = format!(
            "extract in.csv --resume sqlite:d.db#{name} | {between} | load sqlite:d.db --table t{round} --resume-name {name}"
        );
        place.succeeds(&line);
        place.append("in.csv", "b\n");
        place.succeeds(&line);
        let records = rejects(&place, "bad.csv");
        assert_eq!(records.len(), 2 + round, "{between}: {records:?}");
        fs::remove_file(place.path("bad.csv")).expect("a file");
    }
    // A stage of no incremental load makes the file anew.
    for _ in 0..2 {
        place.succeeds("extract in.csv | filter 'n > 0' --rejects bad.csv | load out.csv");
        assert_eq!(rejects(&place, "bad.csv").len(), 6);
    }
}

#[test]
fn stages_of_one_pipe_may_write_one_file_of_rejects() {
    let place = Place::sqlite();
    let mut text = "n,m\n".to_owned();
    for n in 0..30_000 {
        text +=
            &format!("{n}\nx{n},\"a long text, so that more than one write is needed\"\n{n},1\n");
    }
    place.write("in.csv", &text);
    // The second time, the file is made anew.
    for _ in 0..2 {
        place.succeeds(
            "extract in.csv --rejects bad.csv | filter 'n >= 0' --rejects bad.csv | map 'o = m + 1' --rejects ./bad.csv | load out.csv",
        );
        let records = rejects(&place, "bad.csv");
        let of = |end: &str| {
            records
                .iter()
                .filter(|record| record.ends_with(end))
                .count()
        };
        assert_eq!((records.len(), of("needed\"\"\"")), (60_000, 30_000));
    }
}

#[test]
fn rejects_are_added_to_no_other_file() {
    let place = Place::sqlite();
    place.write("in.csv", "n\n1\nx\n");
    place.write("notes.txt", "do not lose this\n");
    for line in [
        "extract in.csv --resume sqlite:d.db#f --rejects notes.txt | load sqlite:d.db --table t --resume-name f",
        "extract in.csv --resume sqlite:d.db#f | filter 'n > 0' --rejects notes.txt | load sqlite:d.db --table t --resume-name f",
        "extract in.csv --resume sqlite:d.db#f | load sqlite:d.db --table t --resume-name f --rejects notes.txt",
    ] {
        place.fails(
            line,
            1,
            &["'notes.txt' does not begin with '_reason,_source,_line,_record'"],
        );
        assert_eq!(place.read("notes.txt"), "do not lose this\n");
        assert!(!place.path("d.db").exists());
    }
}
