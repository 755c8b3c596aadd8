//! `load` into a real PostgreSQL: what is stored, what is refused, and that a refusal leaves nothing.

mod harness;

use harness::database::Database;
use harness::tool;

#[test]
fn types_are_those_of_all_values() {
    let mut place = Database::new("load_types");
    let stream = "whole,exact,late,code,flag,day,time,instant,double,empty,fine,wide\n\
                  1,1.50,1.50,1,true,2013-01-01,2013-01-01,2013-01-01T05:00:00Z,1.5e-9,,2013-01-01T00:00:00.1234567,0.12345678901234567\n\
                  -2,0.123456789012345678,n/a,007,false,,2013-01-01T05:00:00.25,2013-01-01 05:00:00+09:00,1,,,1e-20\n";
    assert_eq!(place.loaded(stream, &[]), "t,create,2,2,0,0");
    assert_eq!(
        place.types(),
        [
            "bigint",
            "numeric",
            "text",
            "text",
            "boolean",
            "date",
            "timestamp without time zone",
            "timestamp with time zone",
            "double precision",
            "text",
            "text",
            "numeric"
        ]
    );
    place.execute("SET TIME ZONE 'UTC'");
    assert_eq!(
        place.stored(),
        [
            "(1,1.50,1.50,1,t,2013-01-01,\"2013-01-01 00:00:00\",\"2013-01-01 05:00:00+00\",1.5e-09,,2013-01-01T00:00:00.1234567,0.12345678901234567)",
            "(-2,0.123456789012345678,n/a,007,f,,\"2013-01-01 05:00:00.25\",\"2012-12-31 20:00:00+00\",1,,,0.00000000000000000001)",
        ]
    );
}

#[test]
fn text_comes_back_byte_for_byte() {
    let mut place = Database::new("load_text");
    let hostile = [
        "",
        "\\N",
        "\\.",
        "a\n\\.\nb",
        "tab\there",
        "cr\rlf\r\n",
        "\\",
        "\"q\"",
        "é😀",
        " a ",
        "NULL",
    ];
    let mut stream = String::from("n,v\n");
    for (number, value) in hostile.iter().enumerate() {
        stream.push_str(&format!("{number},\"{}\"\n", value.replace('"', "\"\"")));
    }
    stream.push_str("99,\n");
    for (flags, receipt) in [(&[][..], "t,create,12,12,0,0"), (&[], "t,append,12,12,0,0")] {
        assert_eq!(place.loaded(stream.as_str(), flags), receipt);
    }
    let mut expected: Vec<&str> = hostile.to_vec();
    expected.push("NULL");
    expected.extend(expected.clone());
    assert_eq!(place.texts("SELECT v FROM t ORDER BY ctid"), expected);
    assert_eq!(
        place.texts("SELECT count(*)::text FROM t WHERE v IS NULL"),
        ["2"]
    );
    assert_eq!(
        place.texts("SELECT count(*)::text FROM t WHERE v = ''"),
        ["2"]
    );
}

#[test]
fn modes_do_what_they_say() {
    let mut place = Database::new("load_modes");
    let stream = "id,v\n1,a\n2,b\n";
    assert_eq!(
        place.loaded(stream, &["--mode", "create"]),
        "t,create,2,2,0,0"
    );
    place
        .load(stream, &["--mode", "create"])
        .refused("load", 1, &["a table 't' already"]);
    assert_eq!(place.loaded(stream, &[]), "t,append,2,2,0,0");
    let receipt = place.loaded("id,v,w\n3,c,x\n", &["--mode", "replace", "--key", "id"]);
    assert_eq!(receipt, "t,replace,1,1,0,0");
    let receipt = place.loaded("id,v\n3,new\n4,d\n", &["--mode", "upsert", "--key", "id"]);
    assert_eq!(receipt, "t,upsert,2,1,1,0");
    let mut records = place.stored();
    records.sort();
    assert_eq!(records, ["(3,new,x)", "(4,d,)"]);
    let receipt = place.loaded("id\n3\n9\n", &["--mode", "upsert", "--key", "id"]);
    assert_eq!(receipt, "t,upsert,2,1,1,0");
}

#[test]
fn a_repeated_key_is_named_with_its_line() {
    let mut place = Database::new("load_repeated");
    let repeated = "day,name,v\n\n1,\"a\nb\",x\n1,c,x\n2,c,x\n1,c,y\n";
    let expected = [
        "standard input:7",
        "day, name: '1', 'c'",
        "more than one record",
        "nothing was committed",
    ];
    let flags = ["--mode", "upsert", "--key", "day,name"];
    place.load(repeated, &flags).refused("load", 1, &expected);
    assert_eq!(
        place.texts("SELECT count(*)::text FROM pg_class WHERE relname = 't'"),
        ["0"]
    );
    place.loaded("day,name,v\n1,c,old\n", &flags);
    place.load(repeated, &flags).refused("load", 1, &expected);
    assert_eq!(place.stored(), ["(1,c,old)"]);
    place.load("day,name,v\n3,,x\n", &flags).refused(
        "load",
        1,
        &["standard input:2", "name: null in a column of the key"],
    );
    place.execute("ALTER TABLE t DROP CONSTRAINT t_pkey");
    place.load("day,name,v\n3,a,x\n", &flags).refused(
        "load",
        1,
        &["no unique index", "CREATE UNIQUE INDEX"],
    );
}

#[test]
fn names_are_only_names() {
    let mut place = Database::new("load_names");
    place.execute("CREATE SCHEMA \"S x\"");
    let run = tool("load")
        .args([
            &place.address,
            "--table",
            "\"S x\".\"t\"\"; DROP TABLE x; --\"",
        ])
        .args(["--mode", "upsert", "--key", "a\"b"])
        .stdin("\"a\"\"b\",select,\"x,\ny\",ctid_,$1\n1,2,3,4,5\n2,2,3,4,5\n")
        .run();
    assert_eq!(run.code, 0, "{}", run.err());
    let query = "SELECT (\"a\"\"b\" + \"$1\")::text FROM \"S x\".\"t\"\"; DROP TABLE x; --\"";
    assert_eq!(place.texts(query), ["6", "7"]);
    let long = "n".repeat(64);
    place
        .load(format!("{long}\n1\n"), &[])
        .refused("load", 1, &["longer than the 63 bytes"]);
    let schema = tool("load")
        .args([&place.address, "--table", "no.t"])
        .stdin("a\n1\n")
        .run();
    schema.refused("load", 1, &["no schema 'no'"]);
}

#[test]
fn values_are_held_against_the_columns() {
    let mut place = Database::new("load_held");
    place.execute(
        "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN short AS varchar(3);
         CREATE TABLE t (s smallint, n numeric(6,2), r real, d date, c timestamp(3), z timestamptz,
                         v short, m mood, u uuid, j jsonb, b boolean, i inet, g int GENERATED ALWAYS AS (s * 2) STORED,
                         late text DEFAULT 'set')",
    );
    let good = "s,n,r,d,c,z,v,m,u,j,b,i\n\
                \"7\",1234.50,0.1,2013-01-01,2013-01-01T05:00:00.123,2013-01-01T05:00:00Z,äöü,ok,123e4567-e89b-12d3-a456-426614174000,\"{\"\"a\"\":1}\",true,10.0.0.1\n";
    place.execute("SET TIME ZONE 'UTC'");
    assert_eq!(place.loaded(good, &[]), "t,append,1,1,0,0");
    assert_eq!(
        place.stored(),
        [
            "(7,1234.50,0.1,2013-01-01,\"2013-01-01 05:00:00.123\",\"2013-01-01 05:00:00+00\",äöü,ok,123e4567-e89b-12d3-a456-426614174000,\"{\"\"a\"\": 1}\",t,10.0.0.1,14,set)"
        ]
    );
    for (column, value, words) in [
        ("s", "32768", "beyond -32768 to 32767"),
        ("n", "1.234", "beyond the 2 places"),
        ("n", "12345.6", "4 digits before the point"),
        ("r", "0.123456789", "more digits"),
        ("d", "2013-02-30", "ISO 8601"),
        ("c", "2013-01-01T05:00:00.1234", "finer"),
        ("c", "2013-01-01T05:00:00Z", "zone"),
        ("z", "2013-01-01T05:00:00", "no zone"),
        ("v", "four", "longer than 3"),
        ("m", "glad", "none of sad, ok"),
        ("u", "x", "not a UUID"),
        ("j", "{", "not JSON"),
        ("b", "2", "neither"),
        ("i", "nowhere", "invalid input syntax for type inet"),
    ] {
        let stream = format!("late,{column}\na,\nb,{value}\n");
        let expected = [
            "standard input:3",
            &format!("{column}: "),
            words,
            "nothing was committed",
        ];
        place.load(stream, &[]).refused("load", 1, &expected);
    }
    place
        .load("g\n1\n", &[])
        .refused("load", 1, &["computes its column 'g'"]);
    place
        .load("lat\n1\n", &[])
        .refused("load", 1, &["no column 'lat'", "did you mean 'late'"]);
    assert_eq!(
        place.loaded("s\n1\nx\n3\n", &["--on-error", "skip"]),
        "t,append,3,2,0,1"
    );
    assert_eq!(place.stored().len(), 3);
}

#[test]
fn a_violated_constraint_leaves_nothing() {
    let mut place = Database::new("load_violated");
    place.execute(
        "CREATE TABLE p (id int PRIMARY KEY);
         CREATE TABLE t (id int UNIQUE, n text NOT NULL, c int CONSTRAINT small CHECK (c < 9), p int REFERENCES p);
         INSERT INTO t VALUES (1, 'x', 1, NULL)",
    );
    for (stream, words) in [
        (
            "id,n\n2,a\n1,b\n",
            &["standard input:3", "id: '1': the table has this already"][..],
        ),
        ("id,n\n2,\"a\nb\"\n3,\n", &["standard input:4", "n: null"]),
        ("n,c\na,1\n\nb,10\n", &["standard input:4", "check 'small'"]),
        ("n,p\na,1\n", &["foreign key", "(p)=(1) is not present"]),
    ] {
        place.load(stream, &[]).refused("load", 1, words);
        assert_eq!(place.stored().len(), 1, "{words:?}");
    }
}

/// The values of every type as the server itself reads them, in blocks that go to it in both of COPY's
/// formats.
#[test]
fn what_is_stored_is_what_the_server_reads() {
    let mut place = Database::new("load_formats");
    let columns =
        "small smallint, whole int, big bigint, exact numeric, money numeric(12, 3), double float8,
        flag boolean, day date, wall timestamp, fine timestamp(3), instant timestamptz, word text,
        short varchar(5), padded char(4), id uuid, days date NOT NULL";
    place.execute(&format!(
        "CREATE TABLE expected ({columns}); CREATE TABLE t ({columns})"
    ));
    let pick = |values: &[&str], turn: usize| values[turn % values.len()].to_owned();
    let mut lines = Vec::new();
    for turn in 0..40_000usize {
        // Every other ten thousand records hold a number that only the text format says.
        let digits = [
            "1",
            "-0.50",
            "0",
            "12345678.00000001",
            "-9999.9999",
            "1000000",
            "0.00",
        ];
        let exact = match turn / 10_000 % 2 == 1 && turn % 1000 == 0 {
            true => pick(&["123456789012345678901234567890.5", "1.5e-7"], turn / 1000),
            false => pick(&digits, turn),
        };
        let day = format!(
            "{:04}-{:02}-{:02}",
            1 + turn * 7 % 9999,
            1 + turn % 12,
            1 + turn % 28
        );
        let clock = format!("{:02}:{:02}:{:02}", turn % 24, turn % 60, turn % 59);
        let fields = [
            pick(&["1", "-32768", "32767", ""], turn),
            pick(&["-2147483648", "7", "2147483647"], turn),
            pick(&["9223372036854775807", "-9223372036854775808", "0"], turn),
            exact,
            pick(&["999999999.999", "-1.5", "10.1230", "0.001", ""], turn),
            pick(&["0.1", "1e300", "-5e-324", "3", "-0"], turn),
            pick(&["true", "f", "NO", "1", ""], turn),
            day.clone(),
            format!("{day}{}{clock}.{:06}", pick(&["T", " "], turn), turn),
            format!("{day}T{clock}.12"),
            format!(
                "{day}T{clock}{}",
                pick(&["Z", "+05:30", "-08", ".000001Z"], turn)
            ),
            pick(
                &[
                    "plain",
                    "\"a,b\"",
                    "\"line\nbreak\"",
                    "\"\"\"q\"\"\"",
                    "\"\"",
                    "",
                    "é😀",
                ],
                turn,
            ),
            pick(&["abc", "äöüßé", ""], turn),
            pick(&["ab", "abcd"], turn),
            "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11".to_owned(),
            day,
        ];
        lines.push(fields.join(","));
    }
    let header =
        "small,whole,big,exact,money,double,flag,day,wall,fine,instant,word,short,padded,id,days";
    let stream = format!("{header}\n{}\n", lines.join("\n"));
    for flags in [&["-j", "1"][..], &["-j", "2"]] {
        place.execute("TRUNCATE t");
        assert_eq!(
            place.loaded(stream.as_str(), flags),
            "t,append,40000,40000,0,0"
        );
        place.execute("TRUNCATE expected");
        let mut copy = place
            .client
            .copy_in("COPY expected FROM STDIN WITH (FORMAT csv, HEADER)")
            .expect("good SQL");
        std::io::Write::write_all(&mut copy, stream.as_bytes()).expect("the server reads");
        assert_eq!(copy.finish().expect("good records"), 40_000);
        let differing = "SELECT count(*)::text FROM
            ((TABLE t EXCEPT ALL TABLE expected) UNION ALL (TABLE expected EXCEPT ALL TABLE t)) AS d";
        assert_eq!(place.texts(differing), ["0"]);
        // Equal numbers need not look alike.
        let shown = |table: &str| {
            format!("SELECT md5(string_agg(x::text, ';' ORDER BY ctid)) FROM {table} AS x")
        };
        assert_eq!(place.texts(&shown("t")), place.texts(&shown("expected")));
    }
    // A record that only the server refuses, behind blocks of both formats, has its line.
    place.execute("TRUNCATE t; ALTER TABLE t ADD CHECK (word <> 'never')");
    let broken = lines[3]
        .replace("line\nbreak", "x")
        .replace("\"\"\"q\"\"\"", "never");
    let stream = format!("{}{broken}\n", stream);
    let line = format!("standard input:{}:", 2 + stream.lines().count() - 2);
    place
        .load(stream, &[])
        .refused("load", 1, &[&line, "check"]);
    assert_eq!(place.texts("SELECT count(*)::text FROM t"), ["0"]);
}

#[test]
fn a_failure_late_in_a_long_stream_leaves_nothing() {
    let mut place = Database::new("load_late");
    let mut stream = String::from("id,v\n");
    for number in 0..300_000 {
        stream.push_str(&format!("{number},some text\n"));
    }
    stream.push_str("7,again\n");
    let expected = ["standard input:300002", "nothing was committed"];
    place
        .load(stream.as_str(), &["--key", "id"])
        .refused("load", 1, &expected);
    place.execute("CREATE TABLE t (id int UNIQUE, v text)");
    place
        .load(stream.as_str(), &[])
        .refused("load", 1, &expected);
    assert_eq!(place.stored().len(), 0);
    stream.push_str("8,\"never\n");
    place.load(stream, &[]).refused("load", 1, &["never ends"]);
    assert_eq!(place.stored().len(), 0);
    let left = "SELECT count(*)::text FROM pg_stat_activity WHERE application_name = 'load' AND datname = current_database()";
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(place.texts(left), ["0"]);
}

#[test]
fn a_server_that_is_not_there_or_refuses_is_named_without_the_password() {
    let place = Database::new("load_refused");
    let load = |address: &str| {
        tool("load")
            .args([address, "--table", "t"])
            .stdin("a\n1\n")
            .run()
    };
    for (address, words) in [
        (
            "postgresql://u:secret@127.0.0.1:1/d".to_owned(),
            &["postgresql://u@127.0.0.1:1/d", "connection refused"][..],
        ),
        (format!("{}x", place.address), &["does not exist"]),
        (
            "postgresql://u:secret@h/d?sslmode=verify-ca&sslrootcert=/none.crt".to_owned(),
            &["'/none.crt' does not exist", "sslrootcert=FILE"],
        ),
        (
            "postgresql://u:secret@h/d?nonsense=1".to_owned(),
            &["not understood"],
        ),
    ] {
        let run = load(&address);
        run.refused("load", 1, words);
        assert!(!run.err().contains("secret"), "{}", run.err());
    }
    let nobody = place.address.replace("postgres@", "nobody_here@");
    load(&nobody).refused("load", 1, &["cannot connect", "nobody_here"]);
}

#[test]
fn a_table_that_may_not_be_written_is_named() {
    let mut place = Database::new("load_forbidden");
    place.execute(
        "DROP ROLE IF EXISTS load_reader; CREATE ROLE load_reader LOGIN; CREATE TABLE t (a int); GRANT SELECT ON t TO load_reader",
    );
    let address = place.address.replace("postgres@", "load_reader@");
    let run = tool("load")
        .args([&address, "--table", "t"])
        .stdin("a\n1\n")
        .run();
    run.refused(
        "load",
        1,
        &["permission denied for table t", "nothing was committed"],
    );
    let view = place.address.clone();
    place.execute("CREATE VIEW w AS SELECT * FROM t");
    let run = tool("load")
        .args([&view, "--table", "w"])
        .stdin("a\n1\n")
        .run();
    run.refused("load", 1, &["'w' is a view"]);
}

#[test]
fn a_locked_table_is_named() {
    let mut place = Database::new("load_locked");
    place.execute("CREATE TABLE t (a int); BEGIN; LOCK TABLE t");
    place.load("a\n1\n", &[]).refused(
        "load",
        1,
        &["locked by another session", "nothing was committed"],
    );
    place.execute("COMMIT");
}

#[test]
fn what_no_text_holds_is_refused() {
    let mut place = Database::new("load_bytes");
    place.execute("CREATE TABLE t (a int, b text)");
    for (table, stream, words) in [
        ("t", &b"a,b\n1,ok\n2,\xFF\n"[..], "is not valid UTF-8"),
        ("t", b"a,b\n1,ok\n2,a\0b\n", "holds a NUL byte"),
        ("new", b"a,b\n1,ok\n2,\xFF\n", "is not valid UTF-8"),
    ] {
        let run = tool("load")
            .args([place.address.as_str(), "--table", table])
            .stdin(stream)
            .run();
        run.refused(
            "load",
            1,
            &["standard input:3", "b: ", words, "nothing was committed"],
        );
    }
    assert_eq!(place.stored().len(), 0);
}
