//! `extract` from a real PostgreSQL: what comes out, that nothing can be changed by it, and that a
//! table is read on by its key exactly once, whatever is being written meanwhile.

mod harness;

use std::io;
use std::net::{Shutdown, TcpListener};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use harness::{Run, bash, tool};
use postgres::config::Host;
use postgres::{Client, Config, NoTls};

/// A database.
struct Place {
    address: String,
    client: Client,
}

impl Place {
    fn new(name: &str, sql: &str) -> Self {
        let address = harness::postgres_database(&format!("extract_{name}"));
        let mut place = Place {
            client: Client::connect(&address, NoTls).expect("the server answers"),
            address,
        };
        place.execute(sql);
        place
    }

    fn execute(&mut self, sql: &str) {
        self.client.batch_execute(sql).expect("good SQL");
    }

    fn extract(&self, flags: &[&str]) -> Run {
        tool("extract")
            .args([self.address.as_str()])
            .args(flags)
            .run()
    }

    #[track_caller]
    fn stream(&self, flags: &[&str]) -> String {
        String::from_utf8(self.extract(flags).quiet_success()).expect("text")
    }

    /// A Bash line that finds the address in `$db`.
    fn bash(&self, line: &str) -> Run {
        bash(line).env("db", &self.address).run()
    }

    /// Reads table `t` on by `id` into table `u`.
    fn read_on(&self) -> Run {
        self.bash(
            "extract $db#t --resume-by id --resume $db#t | load $db --table u --resume-name t",
        )
    }

    /// A query's one number.
    fn number(&mut self, query: &str) -> i64 {
        let row = self.client.query_one(query, &[]).expect("good SQL");
        row.get(0)
    }
}

/// A port of this machine behind which the server is that listens on a socket.
fn port_of(socket: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let server = UnixStream::connect(&socket).expect("the server answers");
            // Either side may be gone; the other then sees an end.
            thread::spawn(move || {
                thread::scope(|scope| {
                    scope.spawn(|| {
                        let _ = io::copy(&mut &client, &mut &server);
                        let _ = server.shutdown(Shutdown::Write);
                    });
                    let _ = io::copy(&mut &server, &mut &client);
                    let _ = client.shutdown(Shutdown::Write);
                });
            });
        }
    });
    port
}

const ALL_TYPES: &str = r#"
    CREATE TYPE mood AS ENUM ('fine', '12');
    CREATE DOMAIN positive AS int CHECK (value > 0);
    CREATE TABLE t (id int PRIMARY KEY, i2 int2, i8 int8, n numeric, m numeric(10,2), f8 float8, f4 float4,
      b bool, x text, v varchar(9), c char(4), ts timestamp, tz timestamptz, d date, tm time, iv interval,
      y bytea, js json, jb jsonb, a int[], ta text[], u uuid, e mood, p positive, ip inet, o oid);
    INSERT INTO t VALUES
      (1, -7, 9223372036854775807, 1.50, 2.30, 0.1, 0.1, true, '12', 'true', 'ab', '2026-01-02 03:04:05.6',
       '2026-01-02 03:04:05.123456+09', '2026-01-02', '03:04', '1 day 2 hours', '\xdeadbeef', '{"a": [1, "x"]}',
       '12', '{1,2,null}', '{a,"b c","d,e"}', '00000000-0000-0000-0000-000000000001', '12', 5, '10.0.0.1', 9),
      (2, null, null, 123456789012345678901234567890.123456789, null, 1e300, 1e-30, false, '', '', '', null,
       null, '0044-03-15 BC', null, null, '', 'null', '"s"', '{}', null, null, null, null, null, null),
      (3, null, null, 0, null, 5e-324, null, null, E'a\tb\\c\nd"e\r\\.\\N,é😀', 'x,y', null, '12026-01-02 03:04',
       null, null, null, null, null, '[1,  2]', 'true', null, null, null, 'fine', null, null, null);
"#;

#[test]
fn values_keep_their_kind() {
    let mut place = Place::new("types", ALL_TYPES);
    // Whatever the server's own settings are.
    place.execute(
        "ALTER DATABASE extract_types SET datestyle = 'SQL, DMY'; ALTER DATABASE extract_types SET timezone = 'Asia/Seoul';
         ALTER DATABASE extract_types SET bytea_output = 'escape'; ALTER DATABASE extract_types SET extra_float_digits = 0;
         ALTER DATABASE extract_types SET standard_conforming_strings = off",
    );
    let stream = place.stream(&["--table", "t"]);
    let (header, records) = stream.split_once('\n').expect("a header");
    assert_eq!(
        header,
        "id,i2,i8,n,m,f8,f4,b,x,v,c,ts,tz,d,tm,iv,y,js,jb,a,ta,u,e,p,ip,o"
    );
    assert_eq!(
        records,
        concat!(
            r#"1,-7,9223372036854775807,1.50,2.30,0.1,0.1,true,"12","true",ab  ,2026-01-02T03:04:05.6,"#,
            r#"2026-01-01T18:04:05.123456Z,2026-01-02,03:04:00,P1DT2H,\xdeadbeef,"{""a"": [1, ""x""]}",12,"#,
            r#""{1,2,NULL}","{a,""b c"",""d,e""}",00000000-0000-0000-0000-000000000001,"12",5,10.0.0.1,9"#,
            "\n",
            r#"2,,,123456789012345678901234567890.123456789,,1e+300,1e-30,false,"","",    ,,,0044-03-15 BC,,,\x,"#,
            r#"null,"""s""",{},,,,,,"#,
            "\n",
            "3,,,0,,5e-324,,,\"a\tb\\c\nd\"\"e\r\\.\\N,é😀\",\"x,y\",,12026-01-02 03:04:00,,,,,,",
            "\"[1,  2]\",true,,,,fine,,,\n",
        )
    );
}

#[test]
fn what_is_loaded_comes_back() {
    let mut place = Place::new("back", ALL_TYPES);
    // Times that ISO 8601 cannot say, load refuses.
    place.execute(
        "CREATE TABLE u (LIKE t); UPDATE t SET d = NULL WHERE id = 2; UPDATE t SET ts = NULL WHERE id = 3",
    );
    let run = place.bash("extract $db#t | load $db --table u");
    assert_eq!(run.code, 0, "{}", run.err());
    let differ =
        "SELECT count(*) FROM (SELECT (t.*)::text FROM t EXCEPT SELECT (u.*)::text FROM u) x";
    assert_eq!(place.number(differ), 0);
    assert_eq!(place.number("SELECT count(*) FROM u"), 3);
    // And on the way through SQLite, in a table of these types.
    let directory = tempfile::tempdir().expect("a directory");
    place.execute("CREATE TABLE w (id int, i8 int8, f8 float8, x text, v varchar(9), d date)");
    let run = bash(
        "sqlite3 d.db 'CREATE TABLE t (id INTEGER, i8 INTEGER, f8 REAL, x TEXT, v TEXT, d TEXT)'
         extract $db#t -c id,i8,f8,x,v,d | filter 'id <> 2' | load sqlite:d.db#t && extract sqlite:d.db#t | load $db#w",
    );
    let run = run.env("db", &place.address).dir(directory.path()).run();
    assert_eq!(run.code, 0, "{}", run.err());
    let differ = "SELECT count(*) FROM (SELECT id, i8, f8, x, v, d FROM t WHERE id <> 2 EXCEPT SELECT * FROM w) x";
    assert_eq!(place.number(differ), 0);
    assert_eq!(place.number("SELECT count(*) FROM w"), 2);
}

#[test]
fn columns_are_chosen_and_names_are_names() {
    let place = Place::new(
        "names",
        r#"CREATE SCHEMA "s.x"; CREATE TABLE "s.x"."t""; DROP TABLE u; --" ("a "" b" int, "x,y" text, "'" int);
           INSERT INTO "s.x"."t""; DROP TABLE u; --" VALUES (1, 'a', 2);
           CREATE TABLE u (a int); CREATE VIEW v AS SELECT 7 AS a; CREATE SEQUENCE sequence"#,
    );
    let name = r#""s.x"."t""; DROP TABLE u; --""#;
    assert_eq!(
        place.stream(&["--table", name]),
        "\"a \"\" b\",\"x,y\",'\n1,a,2\n"
    );
    assert_eq!(
        place.stream(&["--table", name, "-c", "['], text=[x,y]"]),
        "',text\n2,a\n"
    );
    assert_eq!(place.stream(&["--table", "u"]), "a\n");
    assert_eq!(place.stream(&["--table", "public.v"]), "a\n7\n");
    assert_eq!(
        place.stream(&[
            "--query",
            "SELECT 1 AS a, 2 AS a, 'x' AS \"b c\"; ",
            "-c",
            "a_2, b c"
        ]),
        "a_2,b c\n2,x\n"
    );
    assert_eq!(place.stream(&["--query", "TABLE u -- all"]), "a\n");
    for (table, words) in [
        ("ux", "did you mean 'u'? tables: u, v"),
        ("public.w", "tables: public.u, public.v"),
        ("sequence", "is no table"),
        ("a.b.c", "too many points"),
    ] {
        place
            .extract(&["--table", table])
            .refused("extract", 1, &[words]);
    }
}

#[test]
fn nothing_is_changed() {
    let mut place = Place::new(
        "read_only",
        "CREATE TABLE t AS SELECT 1 AS a; CREATE SEQUENCE s",
    );
    for (query, words) in [
        ("DELETE FROM t", "must be a SELECT"),
        ("DELETE FROM t RETURNING a", "read-only"),
        ("SELECT 1; DELETE FROM t", "multiple"),
        (
            "SELECT 1) TO STDOUT; DELETE FROM t; COPY (SELECT 1",
            "syntax error",
        ),
        ("SELECT 1) TO '/tmp/pipewright-never' --", "syntax error"),
        ("SELECT nextval('s')", "read-only"),
        ("COMMIT", "must be a SELECT"),
        ("SHOW ALL", "no SELECT"),
        ("SELECT $1::int", "parameters"),
        ("SELECT 1 / 0", "division by zero"),
        ("SELECT * FROM nothing", "\"nothing\" does not exist"),
        ("", "must be a SELECT"),
    ] {
        place
            .extract(&["--query", query])
            .refused("extract", 1, &[words]);
    }
    assert_eq!(place.number("SELECT count(*) FROM t"), 1);
    assert_eq!(place.number("SELECT nextval('s')"), 1);
}

#[test]
fn a_reader_may_stop() {
    let place = Place::new(
        "stops",
        "CREATE TABLE t AS SELECT i FROM generate_series(1, 300000) i",
    );
    for flags in [
        &["--table", "t"],
        &["--query", "SELECT i FROM generate_series(1, 100000000) i"],
    ] {
        let run = tool("extract")
            .args([place.address.as_str()])
            .args(flags)
            .stdout_closed_after(100)
            .run();
        assert_eq!(run.quiet_success().len(), 100);
    }
}

#[test]
fn a_password_is_not_told() {
    let refused = tool("extract")
        .args(["postgresql://u:secret@127.0.0.1:1/d#t"])
        .run();
    refused.refused(
        "extract",
        1,
        &["postgresql://u@127.0.0.1:1/d", "connection refused"],
    );
    assert!(!refused.err().contains("secret"));
}

#[test]
fn a_table_is_read_on_by_its_key() {
    let mut place = Place::new(
        "key",
        "CREATE TABLE t (id bigserial PRIMARY KEY, word text); INSERT INTO t (word) SELECT 'w' FROM generate_series(1, 120)",
    );
    assert_eq!(place.read_on().code, 0);
    let run = place.read_on();
    assert!(
        run.code == 0
            && run
                .err()
                .contains("nothing new since the last load of 't', which ended at id = '120'"),
        "{}",
        run.err()
    );
    place.execute("INSERT INTO t (word) SELECT 'x' FROM generate_series(1, 1000)");
    assert_eq!(place.read_on().code, 0);
    assert_eq!(place.number("SELECT count(*) FROM u"), 1120);
    assert_eq!(place.number("SELECT count(DISTINCT id) FROM u"), 1120);
    place.execute("INSERT INTO t (word) VALUES ('y')");
    let run = place.bash(
        "extract $db --query 'SELECT word, id FROM t ORDER BY word -- all' -c word --resume-by id --resume $db#t \
         | load $db --table u --resume-name t",
    );
    assert_eq!(run.code, 0, "{}", run.err());
    assert_eq!(
        place.number("SELECT count(*) FROM u WHERE word = 'y' AND id IS NULL"),
        1
    );
}

/// Keys of other types, with letters that SQL has a use for.
#[test]
fn keys_are_of_many_types() {
    let mut place = Place::new("types_of_keys", "SELECT 1");
    for (kind, first, second) in [
        (
            "numeric",
            "'1.50', '99999999999999999999.5'",
            "'100000000000000000000'",
        ),
        (
            "timestamptz",
            "'2026-01-01 00:00+09', '2026-01-01 00:00:00.000001+09'",
            "'2026-01-01 00:00:00.000002+09'",
        ),
        ("text", r"'a''b', 'c\d'", r"'c\e'"),
        (
            "uuid",
            "'00000000-0000-0000-0000-000000000001'",
            "'00000000-0000-0000-0000-00000000000f'",
        ),
        ("date", "'2026-01-01'", "'2026-01-02'"),
        ("float8", "0.1, 0.2", "0.30000000000000004"),
    ] {
        place.execute(&format!(
            "DROP TABLE IF EXISTS t, u, _pipewright_checkpoints; CREATE TABLE t (id {kind}); CREATE TABLE u (id {kind});
             INSERT INTO t SELECT unnest(ARRAY[{first}]::{kind}[])"
        ));
        for values in [first, second] {
            let run = place.read_on();
            assert_eq!(run.code, 0, "{kind}: {}", run.err());
            if values == first {
                place.execute(&format!("INSERT INTO t VALUES ({second})"));
            }
        }
        let differ = "SELECT count(*) FROM (SELECT * FROM t EXCEPT ALL SELECT * FROM u) x";
        assert_eq!(place.number(differ), 0, "{kind}");
        assert_eq!(
            place.number("SELECT (SELECT count(*) FROM u) - (SELECT count(*) FROM t)"),
            0
        );
    }
}

#[test]
fn what_is_no_growing_key_is_refused() {
    let mut place = Place::new("no_key", "CREATE TABLE t (id numeric, word text)");
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
            "DELETE FROM t; INSERT INTO t VALUES ('NaN', 'a')",
            "greater than 'NaN'",
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
    place.execute("DELETE FROM t; INSERT INTO t VALUES (2.0, 'a')");
    assert_eq!(place.read_on().code, 0);
    for (sql, words) in [
        (
            "INSERT INTO t VALUES (2.00, 'late')",
            "2 records or more have '2.0'",
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
    assert_eq!(place.number("SELECT count(*) FROM u"), 1);
}

/// A transaction that took its number before the others, and commits after them.
#[test]
fn a_late_commit_is_not_lost() {
    let mut place = Place::new(
        "late",
        "CREATE TABLE t (id serial PRIMARY KEY, word text) PARTITION BY RANGE (id);
         CREATE TABLE low PARTITION OF t FOR VALUES FROM (0) TO (3); CREATE TABLE high PARTITION OF t FOR VALUES FROM (3) TO (99);
         INSERT INTO t (word) VALUES ('first')",
    );
    let mut other = Client::connect(&place.address, NoTls).expect("the server answers");
    for (end, expected) in [("COMMIT", 3), ("ROLLBACK", 4)] {
        other
            .batch_execute("BEGIN; INSERT INTO t (word) VALUES ('slow')")
            .expect("good SQL");
        place.execute("INSERT INTO t (word) VALUES ('fast')");
        let start = Instant::now();
        let run = std::thread::scope(|scope| {
            let other = &mut other;
            scope.spawn(move || {
                std::thread::sleep(Duration::from_millis(700));
                other.batch_execute(end).expect("good SQL");
            });
            place.read_on()
        });
        assert_eq!(run.code, 0, "{}", run.err());
        assert!(
            start.elapsed() >= Duration::from_millis(700),
            "it did not wait"
        );
        assert_eq!(place.number("SELECT count(*) FROM u"), expected);
    }
    assert_eq!(place.number("SELECT count(*) FROM t"), 4);
}

#[test]
fn a_transaction_that_stays_open_is_named() {
    let mut place = Place::new(
        "open",
        "CREATE TABLE t (id serial, word text); INSERT INTO t (word) VALUES ('a')",
    );
    let mut other = Client::connect(&place.address, NoTls).expect("the server answers");
    other
        .batch_execute("BEGIN; INSERT INTO t (word) VALUES ('slow')")
        .expect("good SQL");
    let run = place.read_on();
    assert!(
        run.code == 1 && run.err().contains("open for more than 10 seconds"),
        "{}",
        run.err()
    );
    assert_eq!(
        place.number("SELECT count(*) FROM pg_tables WHERE tablename = 'u'"),
        0
    );
    // Whoever reads alone waits for nobody.
    assert_eq!(place.stream(&["--table", "t"]), "id,word\n1,a\n");
}

/// Writers that commit in any order, while runs follow one another.
#[test]
fn what_many_write_comes_once() {
    let mut place = Place::new(
        "many",
        "CREATE TABLE t (id bigserial PRIMARY KEY, word text)",
    );
    let address = place.address.clone();
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let address = address.clone();
            std::thread::spawn(move || {
                let mut client = Client::connect(&address, NoTls).expect("the server answers");
                for turn in 0..60 {
                    let end = if (turn + writer) % 5 == 0 { "ROLLBACK" } else { "COMMIT" };
                    let sql = format!(
                        "BEGIN; INSERT INTO t (word) SELECT 'w' FROM generate_series(1, 3); SELECT pg_sleep(0.0{writer}); {end}"
                    );
                    client.batch_execute(&sql).expect("good SQL");
                }
            })
        })
        .collect();
    while writers.iter().any(|writer| !writer.is_finished()) {
        let run = place.read_on();
        assert_eq!(run.code, 0, "{}", run.err());
    }
    for writer in writers {
        writer.join().expect("it writes");
    }
    assert_eq!(place.read_on().code, 0);
    assert_eq!(place.number("SELECT count(*) FROM t"), 4 * 48 * 3);
    assert_eq!(place.number("SELECT count(*) FROM u"), 4 * 48 * 3);
    assert_eq!(
        place.number("SELECT count(*) FROM (SELECT * FROM t EXCEPT SELECT * FROM u) x"),
        0
    );
}

#[test]
fn a_server_is_found_by_the_name_of_its_host_and_the_user_by_the_system() {
    let mut place = Place::new("by_name", "");
    let config: Config = place.address.parse().expect("an address");
    let port = match &config.get_hosts()[0] {
        Host::Unix(directory) => {
            let port = config.get_ports().first().copied().unwrap_or(5432);
            port_of(directory.join(format!(".s.PGSQL.{port}")))
        }
        Host::Tcp(_) => config.get_ports().first().copied().unwrap_or(5432),
    };
    let user = bash("id -un").run().out();
    let user = user.trim_end();
    place.execute(&format!(
        "DO $$ BEGIN CREATE ROLE \"{user}\" LOGIN; EXCEPTION WHEN duplicate_object THEN END $$"
    ));
    for host in ["localhost", "127.0.0.1", "127.0.0.1,localhost"] {
        let query = "SELECT current_user::text AS name";
        let run = tool("extract")
            .args([&format!("postgresql://{host}:{port}/extract_by_name")])
            .args(["--query", query])
            .env("PGUSER", "")
            .run();
        assert_eq!(run.quiet_text(), format!("name\n{user}\n"), "{host}");
    }
}
