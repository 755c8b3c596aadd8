//! `extract` from real SQLite files: what comes out, that nothing can be changed by it, and that a
//! table is read on by its key exactly once.

mod harness;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{Run, bash, tool};
use proptest::prelude::*;
use rusqlite::Connection;

/// A directory with a database `d.db`.
struct Place(tempfile::TempDir);

impl Place {
    fn new(sql: &str) -> Self {
        let place = Place(tempfile::tempdir().expect("a temporary directory"));
        place.execute(sql);
        place
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("d.db")
    }

    fn execute(&self, sql: &str) {
        let connection = Connection::open(self.path()).expect("a database");
        connection.execute_batch(sql).expect("good SQL");
    }

    fn extract(&self, source: &str, flags: &[&str]) -> Run {
        let program = tool("extract").dir(self.0.path());
        program.args([source]).args(flags).run()
    }

    /// What comes out, where all is well.
    #[track_caller]
    fn stream(&self, source: &str, flags: &[&str]) -> String {
        let out = self.extract(source, flags).quiet_success();
        String::from_utf8(out).expect("text")
    }

    /// A Bash line in the directory.
    fn bash(&self, line: &str) -> Run {
        bash(line).dir(self.0.path()).run()
    }

    /// Reads table `t` on by `id` into `to.db`.
    fn read_on(&self) -> Run {
        self.bash(
            "extract sqlite:d.db#t --resume-by id --resume sqlite:to.db#t \
             | load sqlite:to.db --table t --resume-name t",
        )
    }

    /// A query's one number, of `to.db`.
    fn number(&self, query: &str) -> i64 {
        let connection = Connection::open(self.0.path().join("to.db")).expect("a database");
        let number = connection.query_row(query, [], |row| row.get(0));
        number.expect("good SQL")
    }
}

/// So many records with a key and a text.
fn many(count: usize) -> String {
    format!(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT);
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO t SELECT i, 'word number ' || i FROM n;"
    )
}

#[test]
fn values_keep_their_kind() {
    let place = Place::new(
        "CREATE TABLE t (i, r REAL, s, b);
         INSERT INTO t VALUES (-9223372036854775808, 1, '', x''), (NULL, 0.1, '12', x'00ff'),
           (1, 1e300, 'true', NULL), (2, -1e-7, 'a,\"b\"' || char(10), NULL), (3, 9e999, '007', NULL),
           (4, 123456789.125, '2026-01-02', 5);",
    );
    assert_eq!(
        place.stream("sqlite:d.db#t", &[]),
        "i,r,s,b\n-9223372036854775808,1.0,\"\",\\x\n,0.1,\"12\",\\x00ff\n1,1e+300,\"true\",\n\
         2,-1e-7,\"a,\"\"b\"\"\n\",\n3,Infinity,007,\n4,123456789.125,2026-01-02,5\n"
    );
}

#[test]
fn text_that_is_no_utf8_stays_as_it_is() {
    let place = Place::new("CREATE TABLE t (s); INSERT INTO t VALUES (CAST(x'ff2c00' AS TEXT));");
    let run = place.extract("sqlite:d.db#t", &[]);
    assert_eq!(run.quiet_success(), b"s\n\"\xff,\0\"\n");
}

#[test]
fn columns_are_chosen_and_names_repaired() {
    let place = Place::new(
        "CREATE TABLE t (id, \"a \"\" b\", \"x,y\"); INSERT INTO t VALUES (1, 2, 3);
         CREATE VIEW v AS SELECT id FROM t;",
    );
    let stream = |source: &str, flags: &[&str]| place.stream(source, flags);
    assert_eq!(
        stream("sqlite:d.db#t", &[]),
        "id,\"a \"\" b\",\"x,y\"\n1,2,3\n"
    );
    assert_eq!(
        stream("sqlite:d.db", &["--table", "T", "-c", "[x,y], n=id"]),
        "\"x,y\",n\n3,1\n"
    );
    assert_eq!(stream("sqlite:d.db#v", &[]), "id\n1\n");
    let query = "SELECT id, id, 7 AS \"\" FROM t; ";
    assert_eq!(
        stream("sqlite:d.db", &["--query", query]),
        "id,id_2,column_3\n1,1,7\n"
    );
    assert_eq!(
        stream("sqlite:d.db", &["--query", query, "-c", "id_2"]),
        "id_2\n1\n"
    );
}

#[test]
fn hostile_names_are_names() {
    let place = Place::new(
        "CREATE TABLE \"t\"\"; DROP TABLE u; --\" (\"c\"\"); --\"); INSERT INTO \"t\"\"; DROP TABLE u; --\" VALUES (1);
         CREATE TABLE u (a); CREATE TABLE \"sp ace#x\" (a);",
    );
    let name = "t\"; DROP TABLE u; --";
    assert_eq!(
        place.stream("sqlite:d.db", &["--table", name]),
        "\"c\"\"); --\"\n1\n"
    );
    assert_eq!(place.stream("sqlite:d.db#u", &[]), "a\n");
    assert_eq!(place.stream("sqlite:d.db#", &["-t", "sp ace#x"]), "a\n");
}

#[test]
fn nothing_is_changed_or_made() {
    let place = Place::new("CREATE TABLE t (a); INSERT INTO t VALUES (1);");
    let before = fs::read(place.path()).expect("the database");
    for query in [
        "DELETE FROM t",
        "DELETE FROM t RETURNING a",
        "SELECT 1; DELETE FROM t",
        "PRAGMA journal_mode = WAL",
        "PRAGMA user_version = 7",
        "CREATE TABLE u (a)",
        "VACUUM INTO 'copy.db'",
        "ATTACH 'other.db' AS other",
        "",
    ] {
        let run = place.extract("sqlite:d.db", &["--query", query]);
        run.refused("extract", 1, &["d.db"]);
    }
    place
        .extract("sqlite:none.db#t", &[])
        .refused("extract", 1, &["none.db", "no such file"]);
    assert_eq!(fs::read(place.path()).expect("the database"), before);
    let files = fs::read_dir(place.0.path()).expect("a directory").count();
    assert_eq!(files, 1);
}

#[test]
fn what_is_loaded_comes_back() {
    let place = Place::new(
        "CREATE TABLE t (id INTEGER PRIMARY KEY, r REAL, s TEXT, n);
         INSERT INTO t VALUES (1, 1, '', 5), (2, 0.1, 'x,\"y\"' || char(13) || char(10), -7), (3, NULL, NULL, NULL),
           (4, 1.7976931348623157e308, '12', 9007199254740993), (5, 5e-324, 'NULL', 0), (6, -0.0, 'é😀', 1);
         CREATE TABLE u (id INTEGER PRIMARY KEY, r REAL, s TEXT, n);",
    );
    let run = place.bash("extract sqlite:d.db#t | load sqlite:d.db --table u");
    assert_eq!(run.code, 0, "{}", run.err());
    let connection = Connection::open(place.path()).expect("a database");
    let query = "SELECT group_concat(quote(id) || typeof(r) || quote(r) || quote(s) || typeof(n) || quote(n), '|')
                 FROM (SELECT * FROM NAME ORDER BY id)";
    let all = |name: &str| -> String {
        let query = query.replace("NAME", name);
        connection
            .query_row(&query, [], |row| row.get(0))
            .expect("good SQL")
    };
    assert_eq!(all("t"), all("u"));
}

#[test]
fn a_table_is_read_as_it_stood() {
    for mode in ["WAL", "DELETE"] {
        let place = Place::new(&format!("PRAGMA journal_mode = {mode}; {}", many(200_000)));
        let mut child = Command::new(env!("CARGO_BIN_EXE_extract"))
            .current_dir(place.0.path())
            .arg("sqlite:d.db#t")
            .stdout(Stdio::piped())
            .spawn()
            .expect("extract can be started");
        let mut stream = BufReader::new(child.stdout.take().expect("it is piped"));
        let mut line = String::new();
        stream.read_line(&mut line).expect("a header");
        // It waits for its reader in the middle of the table. In WAL mode a writer goes on meanwhile,
        // without it the writer waits.
        let connection = Connection::open(place.path()).expect("a database");
        connection.busy_timeout(Duration::ZERO).expect("a timeout");
        let written = connection.execute("UPDATE t SET word = 'other', id = -id", []);
        assert_eq!(written.is_ok(), mode == "WAL", "{mode}: {written:?}");
        let mut count = 0;
        for (place, line) in (1..).zip(stream.lines()) {
            assert_eq!(line.expect("text"), format!("{place},word number {place}"));
            count = place;
        }
        assert_eq!(count, 200_000);
        assert!(child.wait().expect("it ends").success());
    }
}

#[test]
fn a_lock_is_waited_for() {
    let place = Place::new(&many(3));
    let connection = Connection::open(place.path()).expect("a database");
    let lock = || connection.execute_batch("BEGIN EXCLUSIVE");
    lock().expect("nobody else is there");
    let run = place.extract("sqlite:d.db#t", &[]);
    run.refused("extract", 1, &["is locked by"]);
    let live = tool("extract")
        .dir(place.0.path())
        .args(["sqlite:d.db#t"])
        .start();
    std::thread::sleep(Duration::from_millis(500));
    connection.execute_batch("ROLLBACK").expect("it ends");
    assert!(live.hear(60).ends_with(b"3,word number 3\n"));
}

/// A program died in the middle of a change: the file beside the database says what to undo.
#[test]
fn a_change_that_was_left_undone_is_named() {
    let place = Place::new(&many(20_000));
    let connection = Connection::open(place.path()).expect("a database");
    connection
        .execute_batch("PRAGMA cache_size = 5; BEGIN; UPDATE t SET word = 'half'")
        .expect("good SQL");
    for (from, to) in [("d.db", "left.db"), ("d.db-journal", "left.db-journal")] {
        fs::copy(place.0.path().join(from), place.0.path().join(to)).expect("a copy");
    }
    let run = place.extract("sqlite:left.db#t", &[]);
    run.refused(
        "extract",
        1,
        &[
            "'left.db'",
            "program that died",
            "sqlite3 'left.db' .tables",
        ],
    );
    let run = place.bash("sqlite3 'left.db' .tables");
    assert_eq!(run.code, 0, "{}", run.err());
    assert!(
        place
            .stream("sqlite:left.db#t", &["-c", "word"])
            .ends_with("number 20000\n")
    );
}

#[test]
fn a_reader_may_stop() {
    let place = Place::new(&many(200_000));
    for flags in [&[][..], &["--query", "SELECT * FROM t ORDER BY word"]] {
        let source = if flags.is_empty() {
            "sqlite:d.db#t"
        } else {
            "sqlite:d.db"
        };
        let run = tool("extract")
            .dir(place.0.path())
            .args([source])
            .args(flags)
            .stdout_closed_after(100)
            .run();
        assert_eq!(run.quiet_success().len(), 100);
    }
}

#[test]
fn a_table_is_read_on_by_its_key() {
    let place = Place::new(&many(12));
    assert_eq!(place.read_on().code, 0);
    let run = place.read_on();
    assert_eq!(run.code, 0);
    assert!(
        run.err()
            .contains("nothing new since the last load of 't', which ended at id = '12'"),
        "{}",
        run.err()
    );
    place.execute("INSERT INTO t VALUES (100, 'a'), (20, 'b'), (3.0 + 27, 'c')");
    assert_eq!(place.read_on().code, 0);
    assert_eq!(place.number("SELECT count(*) FROM t"), 15);
    // A query goes on where the table did; what it is ordered by is no matter.
    place.execute("INSERT INTO t VALUES (101, 'd'), (102, 'e')");
    let run = place.bash(
        "extract sqlite:d.db --query 'SELECT word, id AS \"id\" FROM t ORDER BY word -- all' -c word \
           --resume-by id --resume sqlite:to.db#t \
         | load sqlite:to.db --table t --resume-name t",
    );
    assert_eq!(run.code, 0, "{}", run.err());
    assert_eq!(place.number("SELECT count(*) FROM t WHERE id IS NULL"), 2);
    assert_eq!(place.number("SELECT count(*) FROM t"), 17);
}

#[test]
fn a_reader_that_stops_moves_nothing_on() {
    let place = Place::new(&many(200_000));
    let run = place.bash(
        "extract sqlite:d.db#t --resume-by id --resume sqlite:to.db#t | head -n 3 | load - --to csv",
    );
    assert_eq!(
        run.quiet_success().len(),
        "id,word\n1,word number 1\n2,word number 2\n".len()
    );
    assert_eq!(place.read_on().code, 0);
    assert_eq!(place.number("SELECT count(*) FROM t"), 200_000);
}

#[test]
fn what_is_no_growing_key_is_refused() {
    let place = Place::new("CREATE TABLE t (id, word)");
    for (sql, words) in [
        (
            "INSERT INTO t VALUES (1, 'a'), (1, 'b')",
            "more than one record has '1'",
        ),
        (
            "DELETE FROM t; INSERT INTO t VALUES (NULL, 'a')",
            "has none (null)",
        ),
        (
            "DELETE FROM t; INSERT INTO t VALUES (1, 'a'), ('1', 'b')",
            "some a text",
        ),
        ("DELETE FROM t; INSERT INTO t VALUES (x'01', 'a')", "bytes"),
        (
            "DELETE FROM t; INSERT INTO t VALUES (9e999, 'a')",
            "greater than 'Infinity'",
        ),
    ] {
        place.execute(sql);
        let run = place.read_on();
        assert!(
            run.code == 1 && run.err().contains(words),
            "{sql}: {}",
            run.err()
        );
    }
    assert!(!place.0.path().join("to.db").exists());
    place.execute("DELETE FROM t; INSERT INTO t VALUES ('m', 'a')");
    assert_eq!(place.read_on().code, 0);
    for (sql, words) in [
        (
            "INSERT INTO t VALUES ('m', 'late')",
            "2 records or more have 'm'",
        ),
        (
            "DELETE FROM t; INSERT INTO t VALUES (7, 'number')",
            "some a text",
        ),
        (
            "DELETE FROM t; INSERT INTO t VALUES (NULL, 'null')",
            "has none (null)",
        ),
    ] {
        place.execute(sql);
        let run = place.read_on();
        assert!(
            run.code == 1 && run.err().contains(words),
            "{sql}: {}",
            run.err()
        );
    }
    assert_eq!(place.number("SELECT count(*) FROM t"), 1);
}

#[test]
fn a_key_in_another_order_is_read_by_its_bytes() {
    let place = Place::new(
        "CREATE TABLE t (id TEXT COLLATE NOCASE, word); INSERT INTO t VALUES ('a', 1), ('B', 2), ('c', 3)",
    );
    assert_eq!(place.read_on().code, 0);
    // Between the others, whatever the case, but behind them in bytes.
    place.execute("INSERT INTO t VALUES ('ca', 4), ('d', 5)");
    assert_eq!(place.read_on().code, 0);
    assert_eq!(
        place.number("SELECT count(DISTINCT word) * 10 + count(*) FROM t"),
        55
    );
}

/// Each run adds records; three of four are killed, a little later than those before.
#[test]
fn killed_runs_repeat_and_lose_nothing() {
    let place = Place::new(&many(1));
    for trial in 0..24 {
        place.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
             INSERT INTO t (word) SELECT 'more' FROM n",
        );
        let act = [
            "kill -9 $extract",
            "kill -9 $load",
            "kill -9 $extract",
            "true",
        ][trial % 4];
        let delay = format!("0.{:03}", trial * 3);
        let run = place.bash(&format!(
            "exec {{pipe}}> >(exec load sqlite:to.db --table t --resume-name t >/dev/null 2>&1); load=$!
             extract sqlite:d.db#t --resume-by id --resume sqlite:to.db#t >&$pipe 2>/dev/null & extract=$!
             exec {{pipe}}>&-; sleep {delay}; {act}; wait $extract; wait $load; true"
        ));
        assert_eq!(run.code, 0, "{}", run.err());
    }
    let run = place.read_on();
    assert_eq!(run.code, 0, "{}", run.err());
    assert_eq!(place.number("SELECT count(*) FROM t"), 24 * 40_000 + 1);
    assert_eq!(
        place.number("SELECT count(DISTINCT id) FROM t"),
        24 * 40_000 + 1
    );
}

/// The declared types of columns that values are carried through, and of those in STRICT tables.
const DECLARED: [&str; 11] = [
    "INTEGER",
    "REAL",
    "TEXT",
    "BLOB",
    "NUMERIC",
    "",
    "STRING",
    "DATETIME",
    "BOOLEAN",
    "DECIMAL(10,2)",
    "ANY",
];
const STRICT: [&str; 6] = ["INT", "INTEGER", "REAL", "TEXT", "BLOB", "ANY"];

/// Any value, as an SQL literal: much that looks like something else.
fn literal() -> impl Strategy<Value = String> {
    let texts = "[-+.eE0-9x\\\\a-fIn \t\u{b}]{0,7}|\\\\x([0-9a-fA-F]{2}){0,3}|-?Infinity|true|f|\"[0-9],\n\"|\\PC{0,5}";
    let text = |text: String| format!("'{}'", text.replace('\'', "''"));
    let blob = |bytes: Vec<u8>| {
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("x'{digits}'")
    };
    let real = |real: f64| match real.is_nan() {
        true => "NULL".to_owned(),
        false if real.is_infinite() => format!("{}9e999", if real > 0.0 { "" } else { "-" }),
        false => format!("{real:e}"),
    };
    prop_oneof![
        Just("NULL".to_owned()),
        any::<i64>().prop_map(|integer| (integer.max(-i64::MAX)).to_string()),
        (-20i64..20).prop_map(|integer| integer.to_string()),
        any::<f64>().prop_map(real),
        (-1e4..1e4f64).prop_map(real),
        (-1e4..1e4f64).prop_map(move |number| real(number.round())),
        prop_oneof![
            Just("9e999"),
            Just("-9e999"),
            Just("-0.0"),
            Just("1e20"),
            Just("5e-324")
        ]
        .prop_map(str::to_owned),
        texts.prop_map(text),
        prop::collection::vec(any::<u8>(), 0..5).prop_map(blob),
    ]
}

/// What becomes of a value that does not come back: it is changed into this, or refused.
fn exception(declared: &str, is_strict: bool, kind: &str, text: &str) -> Option<&'static str> {
    let is_boolean = [
        "true", "t", "yes", "y", "on", "1", "false", "f", "no", "n", "off", "0",
    ]
    .contains(&text.to_lowercase().as_str());
    match (declared, kind) {
        (_, "null") => None,
        // A column of text holds text, and one of BLOBs bytes.
        ("TEXT", "blob") => Some("text"),
        ("BLOB", "text" | "integer" | "real") => Some("blob"),
        // Numbers alone go into columns of numbers, and integers alone into those of integers.
        ("INTEGER" | "INT", "real" | "text" | "blob") => Some("refused"),
        ("REAL" | "NUMERIC" | "DECIMAL(10,2)", "text" | "blob") => Some("refused"),
        // What reads as a truth value is one.
        ("BOOLEAN", "text") if is_boolean && !is_strict => Some("integer"),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn what_is_extracted_loads_back_into_the_same_column(
        values in prop::collection::vec(literal(), 400)
    ) {
        let place = Place::new("");
        let connection = Connection::open(place.path()).expect("a database");
        let columns = DECLARED.iter().map(|declared| (*declared, false));
        for (declared, is_strict) in columns.chain(STRICT.iter().map(|declared| (*declared, true))) {
            let strict = if is_strict { "STRICT" } else { "" };
            let mut sql = String::from("BEGIN;");
            for name in ["s", "d"] {
                sql.push_str(&format!("DROP TABLE IF EXISTS {name}; CREATE TABLE {name} (id INTEGER PRIMARY KEY, v {declared}) {strict};"));
            }
            connection.execute_batch(&sql).expect("good SQL");
            for value in &values {
                // A STRICT table takes its own kind alone.
                let inserted = connection.execute(&format!("INSERT INTO s (v) VALUES ({value})"), []);
                prop_assert!(is_strict || inserted.is_ok(), "{value}");
            }
            connection.execute_batch("COMMIT").expect("good SQL");
            let run = place.bash("extract sqlite:d.db#s | load sqlite:d.db#d --on-error skip >receipt");
            prop_assert_eq!(run.code, 0, "{}", run.err());
            let mut statement = connection
                .prepare(
                    "SELECT typeof(s.v), quote(s.v), CAST(s.v AS TEXT), coalesce(typeof(d.v), 'refused'),
                       quote(d.v), d.id IS NULL FROM s LEFT JOIN d USING (id)",
                )
                .expect("good SQL");
            let mut rows = statement.query([]).expect("a query");
            while let Some(row) = rows.next().expect("a record") {
                let get = |place: usize| row.get::<_, String>(place).expect("text");
                let kind = get(0);
                let text = match kind.as_str() {
                    "text" => get(2),
                    _ => String::new(),
                };
                let (before, after) = (get(1), get(4));
                let is_refused: bool = row.get(5).expect("a truth value");
                let became = if is_refused { "refused".to_owned() } else { get(3) };
                match exception(declared, is_strict, &kind, &text) {
                    Some(expected) => prop_assert_eq!(became, expected, "{} {}", declared, before),
                    None => prop_assert_eq!((became, after), (kind, before.clone()), "{} {}", declared, before),
                }
            }
        }
    }
}
