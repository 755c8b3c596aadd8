//! `load` into real SQLite files: what is stored, what is refused, and that a refusal leaves nothing.

mod harness;

use harness::{Run, tool};
use rusqlite::Connection;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory with a database `d.db` to be.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("d.db")
    }

    /// Loads `stream` into table `t` of the database.
    fn load(&self, stream: &str, flags: &[&str]) -> Run {
        tool("load")
            .dir(self.0.path())
            .args(["sqlite:d.db", "--table", "t"])
            .args(flags)
            .stdin(stream)
            .run()
    }

    /// The same, and the receipt's record, as far as what was rejected if no record was ignored.
    #[track_caller]
    fn loaded(&self, stream: &str, flags: &[&str]) -> String {
        let run = self.load(stream, flags);
        assert_eq!(run.code, 0, "{}", run.err());
        let out = run.out();
        let (header, record) = out.split_once('\n').expect("two lines");
        assert_eq!(
            header,
            "target,table,mode,records,inserted,updated,rejected,rejected_upstream,ignored"
        );
        let record = record.trim_end();
        record.strip_suffix(",,0").unwrap_or(record).to_owned()
    }

    fn execute(&self, sql: &str) {
        let connection = Connection::open(self.path()).expect("a database");
        connection.execute_batch(sql).expect("good SQL");
    }

    /// The records that a query gives, as SQLite's `quote` shows values.
    fn rows(&self, query: &str) -> Vec<Vec<String>> {
        let connection = Connection::open(self.path()).expect("a database");
        let mut statement = connection.prepare(query).expect("good SQL");
        let columns = statement.column_count();
        let rows = statement
            .query_map([], |row| {
                (0..columns)
                    .map(|place| Ok(format!("{:?}", row.get_ref(place)?)))
                    .collect::<Result<Vec<_>, rusqlite::Error>>()
            })
            .expect("a query");
        rows.map(|row| row.expect("a row")).collect()
    }

    /// What `select *` gives, one value after the other, each by SQLite's own `quote`.
    fn values(&self, columns: &str) -> Vec<String> {
        let connection = Connection::open(self.path()).expect("a database");
        let quoted: Vec<String> = columns
            .split(',')
            .map(|name| format!("quote({name})"))
            .collect();
        let query = format!(
            "SELECT {} FROM t ORDER BY rowid",
            quoted.join(" || ' ' || ")
        );
        let mut statement = connection.prepare(&query).expect("good SQL");
        let rows = statement.query_map([], |row| row.get(0)).expect("a query");
        rows.map(|row| row.expect("a row")).collect()
    }

    /// The declared types of table `t`.
    fn types(&self) -> Vec<String> {
        let connection = Connection::open(self.path()).expect("a database");
        let mut statement = connection
            .prepare("SELECT type FROM pragma_table_info('t')")
            .expect("good SQL");
        let rows = statement.query_map([], |row| row.get(0)).expect("a query");
        rows.map(|row| row.expect("a row")).collect()
    }

    /// The names of all files here.
    fn files(&self) -> Vec<String> {
        names(self.0.path())
    }
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("a directory");
    let mut names: Vec<String> = entries
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

#[test]
fn types_are_those_of_all_values() {
    let place = Place::new();
    let stream = "whole,real,late,text,code,flag,day,empty,quoted,big\n\
                  1,1.50,1.50,a,1,true,2013-01-01,,\"1\",1\n\
                  -2,3,2.25,\"\",007,false,2013-01-02,,\"2\",9223372036854775808\n\
                  ,,n/a,,,,,,,\n";
    assert_eq!(place.loaded(stream, &[]), "sqlite:d.db,t,create,3,3,0,0");
    assert_eq!(
        place.types(),
        [
            "INTEGER", "REAL", "TEXT", "TEXT", "TEXT", "BOOLEAN", "TEXT", "TEXT", "TEXT", "TEXT"
        ]
    );
    assert_eq!(
        place.values("whole,real,late,text,code,flag,day,empty,quoted,big"),
        [
            "1 1.5 '1.50' 'a' '1' 1 '2013-01-01' NULL '1' '1'",
            "-2 3.0 '2.25' '' '007' 0 '2013-01-02' NULL '2' '9223372036854775808'",
            "NULL NULL 'n/a' NULL NULL NULL NULL NULL NULL NULL",
        ]
    );
}

#[test]
fn digits_that_a_double_loses_are_kept_as_text() {
    let place = Place::new();
    let run = place.load(
        "a,b\n0.123456789012345678,0.1\n1.50,0.30000000000000004\n",
        &[],
    );
    assert_eq!(run.code, 0);
    assert!(
        run.err().contains("column 'a' is stored as TEXT"),
        "{}",
        run.err()
    );
    assert_eq!(place.values("a,b")[0], "'0.123456789012345678' 0.1");
    assert_eq!(
        place.rows("SELECT b FROM t")[1],
        ["Real(0.30000000000000004)"]
    );
}

#[test]
fn a_type_may_widen_in_the_last_record_of_many() {
    let place = Place::new();
    let mut stream = String::from("a,b\n");
    for number in 0..200_000 {
        stream.push_str(&format!("{number},{number}.50\n"));
    }
    stream.push_str("x,1e400\n");
    for threads in ["1", "2", "7"] {
        let receipt = place.loaded(&stream, &["-j", threads, "--mode", "replace"]);
        assert!(receipt.ends_with(",200001,200001,0,0"), "{receipt}");
        assert_eq!(place.types(), ["TEXT", "TEXT"]);
        let seen = place.values("a,b");
        assert_eq!(seen[77], "'77' '77.50'");
        assert_eq!(seen[200_000], "'x' '1e400'");
    }
}

#[test]
fn modes_do_what_they_say() {
    let place = Place::new();
    let stream = "id,v\n1,a\n2,b\n";
    assert_eq!(
        place.loaded(stream, &["--mode", "create"]),
        "sqlite:d.db,t,create,2,2,0,0"
    );
    place
        .load(stream, &["--mode", "create"])
        .refused("load", 1, &["'t' already", "--mode create"]);
    assert_eq!(place.loaded(stream, &[]), "sqlite:d.db,t,append,2,2,0,0");
    assert_eq!(place.values("id,v").len(), 4);
    let receipt = place.loaded("id,v,w\n3,c,x\n", &["--mode", "replace", "--key", "id"]);
    assert_eq!(receipt, "sqlite:d.db,t,replace,1,1,0,0");
    let receipt = place.loaded("id,v\n3,new\n4,d\n", &["--mode", "upsert", "--key", "id"]);
    assert_eq!(receipt, "sqlite:d.db,t,upsert,2,1,1,0");
    assert_eq!(place.values("id,v,w"), ["3 'new' 'x'", "4 'd' NULL"]);
}

#[test]
fn a_replacement_keeps_the_table() {
    let place = Place::new();
    place.execute(
        "CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT NOT NULL COLLATE NOCASE DEFAULT 'x' CHECK (v <> 'no'),
           w TEXT AS (v || id)) STRICT;
         CREATE INDEX by_v ON t (v); CREATE VIEW l AS SELECT w FROM t;
         CREATE TABLE gone (id); CREATE TRIGGER bye AFTER DELETE ON t BEGIN INSERT INTO gone VALUES (old.id); END;
         CREATE TABLE c (t REFERENCES t ON DELETE CASCADE);
         INSERT INTO t (id, v) VALUES (1, 'a'), (9, 'b'); INSERT INTO c VALUES (1);",
    );
    let schema = || place.rows("SELECT type, name, sql FROM sqlite_schema ORDER BY 1, 2");
    let before = schema();
    let replace = &["--mode", "replace"][..];
    assert_eq!(
        place.loaded("id,v\n1,one\n2,two\n", replace),
        "sqlite:d.db,t,replace,2,2,0,0"
    );
    assert_eq!(place.values("id,v,w"), ["1 'one' 'one1'", "2 'two' 'two2'"]);
    assert_eq!(place.rows("SELECT * FROM gone").len(), 2);
    assert_eq!(place.rows("SELECT * FROM c").len(), 1);
    for (stream, words) in [
        (
            "id,v\n1,one\nx,two\n",
            &["id: 'x' is not an integer", "lose what PRIMARY"][..],
        ),
        ("id,u\n1,one\n", &["no column 'u'", "lose what PRIMARY"]),
        (
            "id,w\n1,one\n",
            &["computes its column 'w'", "lose what PRIMARY"],
        ),
        ("id,v\n1,one\n2,no\n", &["standard input:3", "check"]),
        ("id,v\n1,one\n2,\n", &["standard input:3", "v: null"]),
        ("id\n2\n", &["1 records of table 'c'", "no longer there"]),
    ] {
        place.load(stream, replace).refused("load", 1, words);
        assert_eq!(place.values("id,v"), ["1 'one'", "2 'two'"], "{words:?}");
    }
    assert_eq!(
        place.loaded("id\n1\n", replace),
        "sqlite:d.db,t,replace,1,1,0,0"
    );
    assert_eq!(place.values("id,v"), ["1 'x'"]);
    place.execute("DELETE FROM c");
    assert_eq!(
        place.loaded("v,id\n", replace),
        "sqlite:d.db,t,replace,0,0,0,0"
    );
    assert_eq!(place.values("id"), Vec::<String>::new());
    assert_eq!(schema(), before);
}

#[test]
fn a_table_that_is_made_anew_keeps_all_that_hung_on_it() {
    let place = Place::new();
    place.loaded("id,v\n1,a\n", &["--key", "id"]);
    place.execute(
        "CREATE INDEX by_v ON t (v); CREATE VIEW w AS SELECT id, v FROM t;
         CREATE TABLE log (what); CREATE TRIGGER come AFTER INSERT ON t BEGIN INSERT INTO log VALUES ('+' || new.id); END;
         CREATE TRIGGER go AFTER DELETE ON t BEGIN INSERT INTO log VALUES ('-' || old.id); END;",
    );
    place.loaded(
        "id,v,n\nx,b,1\n2,c,2\n",
        &["--mode", "replace", "--key", "id"],
    );
    assert_eq!(place.values("id,v,n"), ["'x' 'b' 1", "'2' 'c' 2"]);
    assert_eq!(place.types(), ["TEXT", "TEXT", "INTEGER"]);
    assert_eq!(place.rows("SELECT what FROM log").len(), 3);
    let kept = "SELECT name FROM sqlite_schema WHERE type IN ('index', 'trigger', 'view')";
    assert_eq!(place.rows(kept).len(), 5);
    place
        .load("id,n,u\nx,1,2\n", &["--mode", "replace"])
        .refused("load", 1, &["cannot keep", "by_v", "nothing was committed"]);
    place.execute("DROP INDEX by_v");
    place
        .load("id,n,u\nx,1,2\n", &["--mode", "replace"])
        .refused(
            "load",
            1,
            &["view 'w'", "does not work", "nothing was committed"],
        );
    place.load("v,u\nx,1\n", &["--mode", "replace"]).refused(
        "load",
        1,
        &["lose its column 'id', which is NOT NULL"],
    );
    place
        .load("id,v,u\n,1,1\n", &["--mode", "replace"])
        .refused("load", 1, &["standard input:2", "id: null"]);
    assert_eq!(place.values("id,v,n"), ["'x' 'b' 1", "'2' 'c' 2"]);
}

#[test]
fn what_changes_while_records_are_read_is_not_lost() {
    for (change, mode) in [
        ("DROP TABLE t; CREATE TABLE t (id TEXT, v TEXT);", "replace"),
        ("DROP TABLE t;", "replace"),
        ("CREATE TABLE n (id);", "append"),
    ] {
        let place = Place::new();
        place.execute("CREATE TABLE t (id INTEGER, v TEXT);");
        let table = if mode == "append" { "n" } else { "t" };
        let line = format!(
            "(echo id; echo 1; sleep 1; echo 2) | load sqlite:d.db --table {table} --mode {mode} & sleep 0.5; \
             sqlite3 d.db '{change}'; wait $!"
        );
        let run = harness::bash(&line).dir(place.0.path()).run();
        run.refused(
            "load",
            1,
            &["was changed while the records were read; run it again"],
        );
    }
}

#[test]
fn what_the_table_refuses_is_set_aside() {
    let place = Place::new();
    place.execute(
        "CREATE TABLE t (id INTEGER UNIQUE, n TEXT NOT NULL, c INTEGER CHECK (c < 9));
         CREATE TABLE plain (n TEXT NOT NULL, c INTEGER CHECK (c < 9));
         CREATE TABLE log (n);
         CREATE TRIGGER no AFTER INSERT ON t WHEN new.n = 'bad' BEGIN INSERT INTO log VALUES (1); SELECT raise(FAIL, 'not today'); END;
         CREATE TRIGGER drop_it BEFORE INSERT ON t WHEN new.n = 'none' BEGIN SELECT raise(IGNORE); END;
         CREATE TRIGGER all_gone BEFORE INSERT ON t WHEN new.n = 'all' BEGIN SELECT raise(ROLLBACK, 'no more'); END;",
    );
    let stream = "id,n,c\n1,a,1\n1,b,1\n2,,1\n3,c,10\n4,bad,1\n5,none,1\n6,ok,1\n";
    let run = place.load(stream, &["--rejects", "bad.csv"]);
    assert_eq!(run.code, 0, "{}", run.err());
    assert!(run.out().ends_with("append,7,2,0,4,,1\n"), "{}", run.out());
    let rejects = fs::read_to_string(place.0.path().join("bad.csv")).expect("rejects");
    for words in [
        "id: the table has this already, and it must be unique\",standard input,3,\"1,b,1\"",
        "standard input,4,\"2,,1\"",
        "standard input,5,\"3,c,10\"",
        "not today,standard input,6,\"4,bad,1\"",
    ] {
        assert!(rejects.contains(words), "{words}: {rejects}");
    }
    assert_eq!(place.values("id,n"), ["1 'a'", "6 'ok'"]);
    assert!(place.rows("SELECT * FROM log").is_empty());
    place
        .load("id,n\n7,x\n8,all\n9,y\n", &["--on-error", "skip"])
        .refused(
            "load",
            1,
            &["rolled the load back: no more", "nothing was committed"],
        );
    assert_eq!(place.values("id,n").len(), 2);
    let many: String = (0..50_000)
        .map(|number| match number % 10_000 {
            7 => ",1\n".to_owned(),
            _ => format!("n{number},{}\n", if number == 9 { 9 } else { 8 }),
        })
        .collect();
    let run = tool("load")
        .dir(place.0.path())
        .args(["sqlite:d.db#plain", "--on-error", "skip"])
        .stdin(format!("n,c\n{many}"))
        .run();
    assert!(
        run.out().ends_with("append,50000,49994,0,6,,0\n"),
        "{}",
        run.out()
    );
}

#[test]
fn keys_that_stand_twice_are_set_aside() {
    let skip = ["--key", "id", "--on-error", "skip"];
    for mode in ["create", "upsert", "replace"] {
        let place = Place::new();
        let flags = [&skip[..], &["--mode", mode]].concat();
        let run = place.load("id,v\n1,a\n2,b\n1,c\n", &flags);
        assert!(
            run.out().contains(",3,2,0,1,"),
            "{mode}: {} {}",
            run.out(),
            run.err()
        );
        assert_eq!(place.values("id,v"), ["1 'a'", "2 'b'"]);
    }
    let place = Place::new();
    place.execute("CREATE TABLE t (id TEXT COLLATE NOCASE PRIMARY KEY, v CHECK (v <> 'bad')); INSERT INTO t VALUES ('a', 0)");
    let flags = ["--key", "id", "--mode", "upsert", "--rejects", "bad.csv"];
    let run = place.load("id,v\nb,bad\nA,1\na,2\nB,3\nc,4\n", &flags);
    assert!(
        run.out().ends_with("upsert,5,2,1,2,,0\n"),
        "{} {}",
        run.out(),
        run.err()
    );
    assert_eq!(place.values("id,v"), ["'a' 1", "'B' 3", "'c' 4"]);
    let rejects = fs::read_to_string(place.0.path().join("bad.csv")).expect("rejects");
    assert!(rejects.contains("standard input,4,\"a,2\""), "{rejects}");
}

#[test]
fn an_insert_leaves_what_is_there() {
    let place = Place::new();
    let flags = ["--mode", "insert", "--key", "id"];
    let receipt = |stream: &str, flags: &[&str]| {
        let run = place.load(stream, flags);
        assert_eq!(run.code, 0, "{}", run.err());
        run.out().lines().nth(1).expect("a record").to_owned()
    };
    assert_eq!(
        receipt("id,v\n1,a\n1,b\n", &flags),
        "sqlite:d.db,t,create,2,1,0,0,,1"
    );
    assert_eq!(
        receipt("id,v\n1,c\n2,d\n2,e\n", &flags),
        "sqlite:d.db,t,insert,3,1,0,0,,2"
    );
    assert_eq!(
        receipt("id,v\n1,c\n3,d\n", &flags[..2]),
        "sqlite:d.db,t,insert,2,1,0,0,,1"
    );
    assert_eq!(place.values("id,v"), ["1 'a'", "2 'd'", "3 'd'"]);
    place
        .load("v,id\nx,4\n", &["--mode", "insert", "--key", "v"])
        .refused(
            "load",
            1,
            &["no unique index on its key", "CREATE UNIQUE INDEX"],
        );
    place.execute("DROP TABLE t; CREATE TABLE t (id UNIQUE ON CONFLICT IGNORE, v)");
    assert_eq!(
        receipt("id,v\n1,a\n1,b\n2,c\n", &[]),
        "sqlite:d.db,t,append,3,2,0,0,,1"
    );
}

#[test]
fn an_upsert_may_lack_columns_of_records_that_are_there() {
    let place = Place::new();
    place.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, n TEXT NOT NULL CHECK (v <> 'bad')); INSERT INTO t VALUES (1, 'a', 'x'), (2, 'b', 'y')");
    let flags = ["--mode", "upsert", "--key", "id"];
    assert_eq!(
        place.loaded("id,v\n2,B\n1,A\n", &flags),
        "sqlite:d.db,t,upsert,2,0,2,0"
    );
    assert_eq!(place.values("id,v,n"), ["1 'A' 'x'", "2 'B' 'y'"]);
    let words = ["standard input:3", "n: null"];
    place
        .load("id,v\n2,C\n3,C\n1,D\n", &flags)
        .refused("load", 1, &words);
    let words = ["standard input:4", "check"];
    place
        .load("id,v\n2,C\n\n1,bad\n", &flags)
        .refused("load", 1, &words);
    let skip = [&flags[..], &["--on-error", "skip"]].concat();
    let run = place.load("id,v\n2,C\n3,C\n1,bad\n", &skip);
    assert!(run.out().ends_with("upsert,3,0,1,2,,0\n"), "{}", run.out());
    assert_eq!(place.values("id,v,n"), ["1 'A' 'x'", "2 'C' 'y'"]);
    place.execute(
        "DROP TABLE t; CREATE TABLE t (a, b, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 1)",
    );
    let flags = ["--mode", "upsert", "--key", "a,b"];
    let run = place.load("a,b\n1,1\n1,2\n", &flags);
    assert!(
        run.out().ends_with("upsert,2,1,1,0,,0\n"),
        "{} {}",
        run.out(),
        run.err()
    );
    let words = ["standard input:3", "more than one record"];
    place
        .load("a,b\n7,1\n7,1\n", &flags)
        .refused("load", 1, &words);
}

#[test]
fn a_repeated_key_is_named_with_its_line() {
    let place = Place::new();
    let repeated = "day,name,v\n\n1,\"a\nb\",x\n1,c,x\n2,c,x\n1,c,y\n";
    let expected = [
        "standard input:7",
        "day, name: 1, 'c'",
        "more than one record",
        "nothing was committed",
    ];
    let flags = ["--mode", "upsert", "--key", "day,name"];
    place.load(repeated, &flags).refused("load", 1, &expected);
    assert!(place.files().is_empty(), "{:?}", place.files());
    place.loaded("day,name,v\n1,c,old\n", &flags);
    place.load(repeated, &flags).refused("load", 1, &expected);
    assert_eq!(place.values("day,name,v"), ["1 'c' 'old'"]);
    place.load("day,name,v\n3,,x\n", &flags).refused(
        "load",
        1,
        &["standard input:2", "name: null in a column of the key"],
    );
    place
        .load("day,v\n3,x\n", &flags)
        .refused("load", 1, &["unknown key column 'name'", "day, v"]);
}

#[test]
fn keys_are_told_apart_as_the_table_does() {
    let place = Place::new();
    place.execute(
        "CREATE TABLE t (id TEXT COLLATE NOCASE PRIMARY KEY, v); INSERT INTO t VALUES ('A', 'old')",
    );
    let flags = ["--mode", "upsert", "--key", "id"];
    place.load("id,v\nb,1\nB,2\n", &flags).refused(
        "load",
        1,
        &["standard input:3", "more than one record"],
    );
    assert_eq!(
        place.loaded("id,v\na,new\n", &flags),
        "sqlite:d.db,t,upsert,1,0,1,0"
    );
    assert_eq!(place.values("id,v"), ["'A' 'new'"]);
}

#[test]
fn an_upsert_wants_a_unique_index() {
    let place = Place::new();
    place.loaded("id,v\n1,a\n", &[]);
    place
        .load("id,v\n1,b\n", &["--mode", "upsert", "--key", "id"])
        .refused("load", 1, &["no unique index", "CREATE UNIQUE INDEX"]);
    assert_eq!(place.values("id,v"), ["1 'a'"]);
}

#[test]
fn names_are_only_names() {
    let place = Place::new();
    let run = tool("load")
        .dir(place.0.path())
        .args(["sqlite:d.db", "--table", "t\"; DROP TABLE x; --'é"])
        .args(["--mode", "upsert", "--key", "a\"b"])
        .stdin("\"a\"\"b\",select,\"x,\ny\",rowid,?1\n1,2,3,4,5\n2,2,3,4,5\n")
        .run();
    assert_eq!(run.code, 0, "{}", run.err());
    let rows = place.rows(
        "SELECT \"a\"\"b\", \"select\", \"x,\ny\", \"?1\" FROM \"t\"\"; DROP TABLE x; --'é\"",
    );
    assert_eq!(rows.len(), 2);
    place
        .load("a,A\n1,2\n", &[])
        .refused("load", 1, &["'a' and 'A'", "ignores case"]);
}

#[test]
fn values_are_held_against_the_columns() {
    let place = Place::new();
    place.execute("CREATE TABLE t (i INTEGER, r REAL, d DECIMAL(10,2), b BOOLEAN, m DATE, s TEXT, x STRING, n)");
    let good = "i,r,d,b,m,s,x,n\n1,2.5,3.25,true,2013-01-01,007,abc,007\n\"2\",,,f,1.1.2013,\"\",,8\n\
                3,-Infinity,,maybe,2013,+5,0x1F,+5\n";
    place.loaded(good, &[]);
    assert_eq!(
        place.values("i,r,d,b,m,s,x,n"),
        [
            "1 2.5 3.25 1 '2013-01-01' '007' 'abc' '007'",
            "2 NULL NULL 0 '1.1.2013' '' NULL 8",
            "3 -9.0e+999 NULL 'maybe' 2013 '+5' '0x1F' '+5'"
        ]
    );
    for (column, value, words) in [
        ("i", "007", "i: '007' is not an integer"),
        ("i", "1.5", "not an integer"),
        ("r", "abc", "r: 'abc' is not a number"),
        ("d", "0.12345678901234567", "more digits"),
        ("d", "n/a", "not a number"),
        ("r", "1e400", "more digits"),
        ("b", "02", "changed into a number"),
        ("m", "1e5", "changed into a number"),
        ("x", "007", "changed into a number"),
        ("x", "12e3456", "changed into a number"),
        ("x", "\" 5\"", "declare it TEXT"),
    ] {
        let stream = format!("s,{column}\na,\nb,{value}\n");
        place.load(&stream, &[]).refused(
            "load",
            1,
            &["standard input:3", words, "nothing was committed"],
        );
    }
    place.load("i,prise\n1,2\n", &[]).refused(
        "load",
        1,
        &["no column 'prise'", "columns: i, r, d"],
    );
    assert_eq!(place.values("i").len(), 3);
    let run = place.load("I,s\n3,a\nx,b\n4,c\n", &["--rejects", "bad.csv"]);
    assert_eq!(run.code, 0, "{}", run.err());
    assert!(run.out().ends_with("append,3,2,0,1,,0\n"), "{}", run.out());
    let rejects = fs::read_to_string(place.0.path().join("bad.csv")).expect("rejects");
    assert!(
        rejects.contains("I: 'x' is not an integer,standard input,3,"),
        "{rejects}"
    );
}

#[test]
fn a_violated_constraint_leaves_nothing() {
    let place = Place::new();
    place.execute(
        "CREATE TABLE p (id INTEGER PRIMARY KEY);
         CREATE TABLE t (id INTEGER UNIQUE, n TEXT NOT NULL, c INTEGER CONSTRAINT small CHECK (c < 9), p REFERENCES p);
         INSERT INTO t VALUES (1, 'x', 1, NULL)",
    );
    for (stream, words) in [
        (
            "id,n\n2,a\n1,b\n",
            &["standard input:3", "id: the table has this already"][..],
        ),
        ("id,n\n2,a\n3,\n", &["standard input:3", "n: null"]),
        ("n,c\na,1\n\nb,10\n", &["standard input:4", "check 'small'"]),
        ("n,p\na,1\n", &["foreign key"]),
    ] {
        place.load(stream, &[]).refused("load", 1, words);
        assert_eq!(place.values("id,n,c").len(), 1, "{words:?}");
    }
    assert_eq!(place.files(), ["d.db"]);
}

#[test]
fn a_record_among_many_of_one_statement_is_found() {
    let place = Place::new();
    place.execute(
        "CREATE TABLE t (id INTEGER, n TEXT NOT NULL, c INTEGER CONSTRAINT small CHECK (c < 9));
         INSERT INTO t VALUES (1, 'x', 1)",
    );
    for (stream, words) in [
        ("id,n\n2,a\n3,\n4,b\n", &["standard input:3", "n: null"][..]),
        ("n,c\na,1\n\nb,10\n", &["standard input:4", "check 'small'"]),
    ] {
        place.load(stream, &[]).refused("load", 1, words);
        assert_eq!(place.values("id,n,c").len(), 1, "{words:?}");
    }
    let many: String = (0..100_000)
        .map(|number| {
            format!(
                "{number},n{number},{}\n",
                if number == 77_777 { 9 } else { 8 }
            )
        })
        .collect();
    place.load(&format!("id,n,c\n{many}"), &[]).refused(
        "load",
        1,
        &["standard input:77779", "check 'small'"],
    );
    assert_eq!(place.values("id,n,c").len(), 1);
    place.loaded(&format!("id,n,c\n{}", many.replace(",9\n", ",8\n")), &[]);
    assert_eq!(place.values("id,n,c").len(), 100_001);
}

#[test]
fn nulls_and_empty_strings_stay_apart() {
    let place = Place::new();
    let stream = "a,b\n,\"\"\nx,\"say \"\"hi\"\"\n\"\n";
    place.loaded(stream, &[]);
    assert_eq!(place.values("a,b"), ["NULL ''", "'x' 'say \"hi\"\n'"]);
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let place = Place::new();
    for (stream, words) in [
        (&b"a,b\n1,ok\n2,\xFF\n"[..], "is not valid UTF-8"),
        (b"a,b\n1,ok\n2,a\0b\n", "holds a NUL byte"),
    ] {
        let run = tool("load")
            .dir(place.0.path())
            .args(["sqlite:d.db#t"])
            .stdin(stream)
            .run();
        run.refused("load", 1, &["standard input:3", "b: ", words]);
        assert!(place.files().is_empty());
    }
}

#[test]
fn a_locked_database_is_waited_for_and_named() {
    let place = Place::new();
    place.loaded("a\n1\n", &[]);
    let connection = Connection::open(place.path()).expect("a database");
    connection.execute_batch("BEGIN IMMEDIATE").expect("a lock");
    let holder = format!("(process {})", std::process::id());
    let words = [
        "'d.db' is locked by",
        &holder,
        "0.2 seconds",
        "--wait",
        "nothing was committed",
    ];
    place
        .load("a\n2\n", &["--wait", "200ms"])
        .refused("load", 1, &words);
    connection.execute_batch("COMMIT").expect("the end of it");
    place.loaded("a\n2\n", &[]);
    // A reader keeps the commit waiting.
    connection
        .execute_batch("BEGIN; SELECT count(*) FROM t")
        .expect("a lock");
    place
        .load("a\n2\n", &["--wait", "200ms"])
        .refused("load", 1, &words);
    let path = place.0.path().to_owned();
    let load = std::thread::spawn(move || {
        let load = tool("load")
            .dir(&path)
            .args(["sqlite:d.db#t", "--wait", "60s"]);
        load.stdin("a\n3\n").run().code
    });
    std::thread::sleep(std::time::Duration::from_secs(1));
    connection.execute_batch("COMMIT").expect("the end of it");
    assert_eq!(load.join().expect("a load"), 0);
    assert_eq!(place.values("a"), ["1", "2", "3"]);
}

#[test]
fn readers_read_until_the_commit() {
    let place = Place::new();
    place.loaded("a\n1\n", &[]);
    let line = "(echo a; seq -f '%.0f some words that take space, number %.0f' 1 5 | head -n 0; \
                seq -f 'some words that take space on the way into the table %.0f' 1 1500000; sleep 3) \
                | load sqlite:d.db#t --mode append >receipt & sleep 2; \
                for i in 1 2 3; do sqlite3 d.db 'select count(*) from t' || echo locked; sleep 0.3; done; wait $!";
    place.execute("DROP TABLE t; CREATE TABLE t (a); INSERT INTO t VALUES (1)");
    let run = harness::bash(line).dir(place.0.path()).run();
    assert_eq!(run.code, 0, "{}", run.err());
    assert_eq!(run.out(), "1\n1\n1\n");
    assert_eq!(place.rows("SELECT a FROM t").len(), 1_500_001);
}

#[test]
fn stale_journals_go_and_others_stay() {
    let place = Place::new();
    for ending in ["-journal", "-wal"] {
        fs::write(place.0.path().join(format!("d.db{ending}")), "stale").expect("a file");
    }
    place.loaded("a\n1\n", &[]);
    assert_eq!(place.files(), ["d.db"]);
    let line = "rm d.db; (echo a; echo 1; sleep 1) | load sqlite:d.db#t & sleep 0.5; \
                touch d.db; echo new >d.db-wal; wait $!";
    let run = harness::bash(line).dir(place.0.path()).run();
    assert_ne!(run.code, 0);
    assert_eq!(place.files(), ["d.db", "d.db-wal"]);
}

#[test]
fn what_is_no_database_is_named() {
    let place = Place::new();
    fs::write(
        place.path(),
        "this is a text, and a long one at that: longer than a header\n".repeat(20),
    )
    .expect("a file");
    place
        .load("a\n1\n", &[])
        .refused("load", 1, &["'d.db' is no SQLite database"]);
    fs::remove_file(place.path()).expect("a file");
    fs::create_dir(place.path()).expect("a directory");
    place
        .load("a\n1\n", &[])
        .refused("load", 1, &["'d.db' is a directory"]);
    tool("load")
        .args(["sqlite:/no/such/place.db#t"])
        .stdin("a\n1\n")
        .run()
        .refused(
            "load",
            1,
            &["'/no/such/place.db'", "no such file or directory"],
        );
}

#[test]
fn a_read_only_database_is_named() {
    let place = Place::new();
    place.loaded("a\n1\n", &[]);
    // Root may write everything, so the load runs as somebody else.
    let line = "chmod 444 d.db; chmod 755 .; run() { if [ $(id -u) = 0 ]; then \
                setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"; else \"$@\"; fi; }; \
                cp \"$(command -v load)\" . && printf 'a\\n2\\n' | run ./load sqlite:d.db#t";
    let run = harness::bash(line).dir(place.0.path()).run();
    run.refused("load", 1, &["'d.db' is read-only"]);
    assert_eq!(place.values("a"), ["1"]);
}

#[test]
fn a_dead_input_leaves_nothing() {
    let place = Place::new();
    place.load("a,b\n1,2\n3,\"4\n", &[]).refused(
        "load",
        1,
        &["never ends", "nothing was committed"],
    );
    place
        .load("", &[])
        .refused("load", 1, &["not even a header"]);
    assert!(place.files().is_empty(), "{:?}", place.files());
    assert_eq!(place.loaded("a,b\n", &[]), "sqlite:d.db,t,,0,0,0,0");
    assert!(place.files().is_empty(), "{:?}", place.files());
}

#[test]
fn wrong_calls_are_refused_before_the_input_is_touched() {
    for (arguments, words) in [
        (&["sqlite:d.db"][..], "which table"),
        (&["sqlite:d.db#t", "--mode", "upsert"], "--key"),
        (
            &["sqlite:d.db#t", "--mode", "merge"],
            "append, create, insert, replace and upsert",
        ),
        (&["sqlite:d.db#t", "--to", "csv"], "--to"),
        (&["out.json", "--mode", "append"], "csv, tsv and jsonl"),
        (
            &["out.csv", "--mode", "upsert", "--key", "a"],
            "create, replace or append",
        ),
        (&["out.csv", "--key", "a"], "--key is for tables"),
        (&["-", "--mode", "create"], "no --mode"),
        (&["out.xyz"], "--to"),
    ] {
        tool("load")
            .args(arguments)
            .run()
            .refused("load", 2, &[words]);
    }
}

#[test]
fn a_replacement_that_sets_aside_keeps_the_types() {
    let place = Place::new();
    place.execute("CREATE TABLE t (id INTEGER, v DATE); INSERT INTO t VALUES (0, 0)");
    let stream = "id,v\n1,2026-01-02\nmany,2026-01-03\n3,2026-01-04\n";
    let skip = ["--mode", "replace", "--on-error", "skip"];
    let run = place.load(stream, &skip);
    assert!(
        run.out().ends_with("replace,3,2,0,1,,0\n"),
        "{} {}",
        run.out(),
        run.err()
    );
    let words = "1 record skipped; the first: standard input:3: id: ";
    assert!(run.err().contains(words), "{}", run.err());
    assert_eq!(place.types(), ["INTEGER", "DATE"]);
    // If it may not be set aside, the table is made anew, and the user is told.
    let run = place.load(stream, &["--mode", "replace"]);
    assert_eq!(run.code, 0, "{}", run.err());
    let words = "table 't' is made anew with other types, because of";
    assert!(run.err().contains(words), "{}", run.err());
    assert_eq!(place.types(), ["TEXT", "TEXT"]);
}

#[test]
fn an_upsert_of_nothing_but_its_key_updates_what_is_there() {
    for flags in [&[][..], &["--on-error", "skip"]] {
        let place = Place::new();
        place.execute("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1)");
        let flags = [&["--mode", "upsert", "--key", "id"], flags].concat();
        let run = place.load("id\n1\n2\n", &flags);
        assert!(
            run.out().ends_with("upsert,2,1,1,0,,0\n"),
            "{} {}",
            run.out(),
            run.err()
        );
    }
}
