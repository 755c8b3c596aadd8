//! What `load` into PostgreSQL does to a table that exists: what a replacement keeps, what the server
//! refuses, what stays as it was.

mod harness;

use harness::{Run, tool};
use postgres::{Client, NoTls};

/// An empty database.
struct Place {
    address: String,
    client: Client,
}

impl Place {
    fn new(name: &str) -> Self {
        let address = harness::postgres_database(&format!("modes_{name}"));
        let client = Client::connect(&address, NoTls).expect("the server answers");
        Place { address, client }
    }

    /// Loads `stream` into table `t`.
    fn load(&self, stream: &str, flags: &[&str]) -> Run {
        tool("load")
            .args([self.address.as_str(), "--table", "t"])
            .args(flags)
            .stdin(stream)
            .run()
    }

    /// The same, and what the receipt counts: records, inserted, updated, rejected, ignored.
    #[track_caller]
    fn loaded(&self, stream: &str, flags: &[&str]) -> [u64; 5] {
        let run = self.load(stream, flags);
        assert_eq!(run.code, 0, "{}", run.err());
        let out = run.out();
        let mut fields = out.trim_end().rsplit(',');
        let ignored = fields.next().expect("a count");
        let rest: Vec<&str> = fields.skip(1).take(4).collect();
        let count = |text: &str| text.parse::<u64>().expect("a count");
        let counts = [
            count(rest[3]),
            count(rest[2]),
            count(rest[1]),
            count(rest[0]),
            count(ignored),
        ];
        assert_eq!(counts[0], counts[1..].iter().sum(), "{out}");
        counts
    }

    #[track_caller]
    fn execute(&mut self, sql: &str) {
        self.client
            .batch_execute(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    #[track_caller]
    fn texts(&mut self, query: &str) -> Vec<String> {
        let rows = self
            .client
            .query(query, &[])
            .unwrap_or_else(|error| panic!("{query}: {error:?}"));
        rows.iter()
            .map(|row| {
                row.get::<_, Option<String>>(0)
                    .unwrap_or_else(|| "NULL".into())
            })
            .collect()
    }

    /// All of table `t`, a record a text.
    #[track_caller]
    fn records(&mut self) -> Vec<String> {
        self.texts("SELECT t::text FROM t ORDER BY 1")
    }
}

const REPLACE: &[&str] = &["--mode", "replace"];

/// All that a table can have beside its columns' names and types.
const ATTACHED: &str = "
    CREATE TABLE t (id serial PRIMARY KEY, v text NOT NULL DEFAULT 'x', w int GENERATED ALWAYS AS (1) STORED);
    CREATE INDEX by_v ON t (v); ALTER TABLE t ADD CONSTRAINT short CHECK (length(v) < 5);
    GRANT SELECT ON t TO PUBLIC; GRANT UPDATE (v) ON t TO pg_monitor;
    COMMENT ON TABLE t IS 'kept'; COMMENT ON COLUMN t.v IS 'kept'; COMMENT ON INDEX by_v IS 'kept';
    CREATE VIEW seen AS SELECT * FROM t; CREATE STATISTICS s ON id, v FROM t;
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER watch BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
    ALTER TABLE t SET (fillfactor = 70); ALTER TABLE t ALTER v SET STORAGE EXTERNAL; ALTER TABLE t REPLICA IDENTITY FULL;
    CREATE PUBLICATION p FOR TABLE t";

/// A description of all of that, to be compared.
const DESCRIBED: &str = "
    SELECT concat_ws(';', c.oid, c.relacl, c.reloptions, c.relreplident, c.relpersistence, obj_description(c.oid, 'pg_class'),
        (SELECT string_agg(concat_ws(',', attname, atttypid, attnotnull, attstorage, attacl, col_description(c.oid, attnum)), '|' ORDER BY attnum)
         FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0),
        (SELECT string_agg(pg_get_expr(adbin, adrelid), '|' ORDER BY adnum) FROM pg_attrdef WHERE adrelid = c.oid),
        (SELECT string_agg(pg_get_constraintdef(oid), '|' ORDER BY conname) FROM pg_constraint WHERE conrelid = c.oid),
        (SELECT string_agg(pg_get_indexdef(indexrelid), '|' ORDER BY indexrelid) FROM pg_index WHERE indrelid = c.oid),
        (SELECT string_agg(tgname, '|') FROM pg_trigger WHERE tgrelid = c.oid),
        (SELECT string_agg(stxname, '|') FROM pg_statistic_ext WHERE stxrelid = c.oid),
        (SELECT string_agg(prpubid::text, '|') FROM pg_publication_rel WHERE prrelid = c.oid))
    FROM pg_class c WHERE c.relname = 't'";

#[test]
fn a_replaced_table_stays_if_the_values_fit() {
    let mut place = Place::new("stays");
    place.execute(ATTACHED);
    let before = place.texts(DESCRIBED);
    place.loaded("id,v\n1,old\n2,old\n", &[]);
    assert_eq!(place.loaded("v,id\nb,7\nc,8\n", REPLACE), [2, 2, 0, 0, 0]);
    assert_eq!(
        place.texts("SELECT seen::text FROM seen ORDER BY 1"),
        ["(7,b,1)", "(8,c,1)"]
    );
    assert_eq!(place.texts(DESCRIBED), before);
    // Columns with values of their own may be left out.
    assert_eq!(place.loaded("v\nd\n", REPLACE), [1, 1, 0, 0, 0]);
    assert_eq!(place.records(), ["(9,d,1)"]);
    // No records are records, too.
    assert_eq!(place.loaded("v\n", REPLACE), [0; 5]);
    assert_eq!(place.records().len(), 0);
    assert_eq!(place.texts(DESCRIBED), before);
    // What the table refuses is refused, and the old records stay.
    place.loaded("v\nkept\n", &[]);
    place.load("v\nok\nlonger\n", REPLACE).refused(
        "load",
        1,
        &[
            "standard input:3: the table's check 'short' does not hold",
            "nothing was committed",
        ],
    );
    assert_eq!(place.texts("SELECT v FROM t"), ["kept"]);
    assert_eq!(
        place.loaded(
            "v\nok\nlonger\n",
            &["--mode", "replace", "--on-error", "skip"]
        ),
        [2, 1, 0, 1, 0]
    );
    assert_eq!(place.texts("SELECT v FROM t"), ["ok"]);
}

#[test]
fn a_table_that_is_made_anew_keeps_all_or_is_refused() {
    let mut place = Place::new("anew");
    let columns = "CREATE TABLE t (id int, v text)";
    for (attach, word) in [
        (
            "CREATE TABLE t (id int, v text DEFAULT 'x')",
            "default or computation of column 'v'",
        ),
        (
            "CREATE TABLE t (id serial, v text)",
            "default or computation of column 'id'",
        ),
        (
            "CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY, v text)",
            "identity of column 'id'",
        ),
        (
            "CREATE TABLE t (id int, v text); CREATE SEQUENCE q OWNED BY t.id",
            "sequence 'q'",
        ),
        (
            "CREATE TABLE t (id int, v text); ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "row security",
        ),
        (
            "CREATE TABLE t (id int, v text); CREATE POLICY y ON t",
            "policy 'y'",
        ),
        (
            "CREATE TABLE t (id int, v text); CREATE RULE r AS ON DELETE TO t DO ALSO SELECT 1",
            "rule 'r'",
        ),
        (
            "CREATE TABLE t (id int, v text); GRANT UPDATE (v) ON t TO pg_monitor",
            "privileges on column 'v'",
        ),
        (
            "CREATE TABLE t (id int, v text); COMMENT ON COLUMN t.v IS 'c'",
            "comment on column 'v'",
        ),
        (
            "CREATE TABLE t (id int, v text); CREATE INDEX i ON t (v); COMMENT ON INDEX i IS 'c'",
            "comment on the index 'i'",
        ),
        (
            "CREATE TABLE t (id int, v text); ALTER TABLE t ALTER v SET STORAGE EXTERNAL",
            "settings of column 'v'",
        ),
        (
            "CREATE TABLE t (id int, v text); ALTER TABLE t ALTER v SET STATISTICS 5",
            "settings of column 'v'",
        ),
        (
            "CREATE TABLE t (id int, v text); CREATE TABLE child () INHERITS (t)",
            "'child'",
        ),
        (
            "CREATE TABLE t (id int, v text) PARTITION BY LIST (id)",
            "partitions",
        ),
        (
            "CREATE TABLE t (id int, v text); CREATE PUBLICATION p FOR TABLE t",
            "publication 'p'",
        ),
        (
            "CREATE TABLE t (id int, v text); ALTER TABLE t REPLICA IDENTITY FULL",
            "replica identity",
        ),
        (
            "CREATE TABLE t (id int, v text); CREATE STATISTICS s ON id, v FROM t",
            "statistics 's'",
        ),
        (
            "CREATE UNLOGGED TABLE t (id int, v text)",
            "unlogged storage",
        ),
        (
            "CREATE TABLE t (id int, v text) WITH (fillfactor = 70)",
            "storage parameters",
        ),
        (
            "CREATE TABLE t (id int, v text); CREATE INDEX i ON t (id); CLUSTER t USING i",
            "clustering by index 'i'",
        ),
        (
            "CREATE TABLE t (id int, v text); CREATE VIEW w AS SELECT * FROM t",
            "view w",
        ),
    ] {
        place.execute(attach);
        let before = place.texts(DESCRIBED);
        // Another column, and a value that does not fit.
        for stream in ["id,v,new\n1,a,b\n", "id,v\nx,a\n"] {
            let run = place.load(stream, REPLACE);
            run.refused("load", 1, &[word, "nothing was committed"]);
            let is_told_first = word.contains("rule") || word.contains("child") || word == "view w";
            if stream.starts_with("id,v\n") && !is_told_first {
                assert!(
                    run.err().contains("id: 'x' is not an integer"),
                    "{}",
                    run.err()
                );
            }
        }
        assert_eq!(place.texts(DESCRIBED), before, "{attach}");
        place.execute("DROP VIEW IF EXISTS w; DROP TABLE IF EXISTS child; DROP PUBLICATION IF EXISTS p; DROP TABLE t; DROP SEQUENCE IF EXISTS q");
    }
    // These are made again.
    place.execute(&format!(
        "{columns}; CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other VALUES (1);
         ALTER TABLE t ALTER v SET NOT NULL; ALTER TABLE t ADD UNIQUE (v); CREATE INDEX by_id ON t (id);
         ALTER TABLE t ADD CONSTRAINT short CHECK (length(v) < 5); ALTER TABLE t ADD FOREIGN KEY (id) REFERENCES other;
         GRANT SELECT ON t TO PUBLIC; COMMENT ON TABLE t IS 'it''s kept'"
    ));
    let described = "SELECT concat_ws(';', relacl, obj_description(oid, 'pg_class'),
        (SELECT string_agg(pg_get_constraintdef(oid), '|' ORDER BY conname) FROM pg_constraint WHERE conrelid = 't'::regclass),
        (SELECT string_agg(indexname, '|' ORDER BY indexname) FROM pg_indexes WHERE tablename = 't'),
        (SELECT attnotnull FROM pg_attribute WHERE attrelid = 't'::regclass AND attname = 'v'))
        FROM pg_class WHERE relname = 't'";
    let before = place.texts(described);
    assert_eq!(place.loaded("id,v,new\n1,a,b\n", REPLACE), [1, 1, 0, 0, 0]);
    assert_eq!(place.texts(described), before);
    place.load("id,v,more\n1,,b\n", REPLACE).refused(
        "load",
        1,
        &["cannot keep NOT NULL of column 'v'"],
    );
    place.load("id,v,more\n1,longer,b\n", REPLACE).refused(
        "load",
        1,
        &["cannot keep the constraint 'short'"],
    );
    assert_eq!(place.records(), ["(1,a,b)"]);
}

/// What another session makes on the table while the records come is kept, or the load is refused.
#[test]
fn a_change_while_the_stream_flows_is_not_lost() {
    let mut place = Place::new("meanwhile");
    for (change, kept) in [
        (
            "CREATE INDEX made ON t (v)",
            "SELECT count(*)::text FROM pg_indexes WHERE indexname = 'made'",
        ),
        (
            "GRANT SELECT ON t TO pg_monitor",
            "SELECT has_table_privilege('pg_monitor', 't', 'SELECT')::text",
        ),
        (
            "ALTER TABLE t ALTER v SET DEFAULT 'x'",
            "SELECT count(*)::text FROM pg_attrdef WHERE adrelid = 't'::regclass",
        ),
        (
            "ALTER TABLE t ADD CONSTRAINT c CHECK (v <> 'never')",
            "SELECT count(*)::text FROM pg_constraint WHERE conname = 'c'",
        ),
        (
            "ALTER TABLE t ALTER id TYPE smallint",
            "SELECT count(*)::text FROM pg_attribute WHERE attrelid = 't'::regclass AND atttypid = 'int2'::regtype",
        ),
    ] {
        for new in ["id,v\n2,b\n", "id,v,new\n2,b,c\n"] {
            place.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (id int, v text); INSERT INTO t VALUES (1, 'a')");
            let (head, rest) = new.split_once('\n').expect("two lines");
            let mut live = tool("load")
                .args([place.address.as_str(), "--table", "t", "--mode", "replace"])
                .start();
            live.say(format!("{head}\n").as_bytes());
            std::thread::sleep(std::time::Duration::from_millis(700));
            place.execute(change);
            live.say(rest.as_bytes());
            let run = live.end();
            let now = place.texts(kept);
            // A table that is made anew has the types of the new values.
            let is_typed_anew = change.contains("TYPE") && new.contains("new") && run.code == 0;
            assert!(
                is_typed_anew || now == ["1"] || now == ["true"],
                "{change}: {} {new} {} {now:?}",
                run.code,
                run.err()
            );
            let is_new = place.texts("SELECT v FROM t") == ["b"];
            assert_eq!(run.code == 0, is_new, "{change}: {}", run.err());
        }
    }
}

#[test]
fn what_the_server_refuses_is_set_aside() {
    let mut place = Place::new("refused");
    place.execute(
        "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1);
         CREATE TABLE t (id int UNIQUE, n text NOT NULL, c int CONSTRAINT small CHECK (c < 9), p int REFERENCES p, j jsonb, r int4range);
         CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS
             'BEGIN IF NEW.n = ''raise'' THEN RAISE ''not this one''; END IF; RETURN CASE WHEN NEW.n = ''drop'' THEN NULL ELSE NEW END; END';
         CREATE TRIGGER watch BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f();
         INSERT INTO t (id, n) VALUES (1, 'old')",
    );
    let mut stream = String::from("id,n,c,p,j\n");
    let mut reasons = Vec::new();
    for number in 2..30_000 {
        let (fields, reason) = match number % 5_000 {
            100 => ("1,again,1,1,{}".to_owned(), "the table has this already"),
            101 => (format!("{number},,1,1,{{}}"), "n: null"),
            102 => (format!("{number},a,10,1,{{}}"), "check 'small'"),
            103 => (format!("{number},a,1,7,{{}}"), "(p)=(7) is not present"),
            104 => (format!("{number},a,1,1,1e200000"), "j: "),
            105 => (format!("{number},raise,1,1,{{}}"), "not this one"),
            _ => (format!("{number},\"a\nb\",1,1,{{}}"), ""),
        };
        stream.push_str(&fields);
        stream.push('\n');
        if !reason.is_empty() {
            reasons.push(reason);
        }
    }
    stream.push_str("90000,drop,1,1,{}\n");
    let scratch = tempfile::tempdir().expect("a directory");
    let rejects = scratch.path().join("bad.csv");
    let rejects_flag = rejects.display().to_string();
    for flags in [&["-j", "1"][..], &["-j", "2"]] {
        place.execute("DELETE FROM t WHERE id > 1");
        let flags = [flags, &["--rejects", &rejects_flag]].concat();
        let total = 29_999;
        let bad = reasons.len() as u64;
        assert_eq!(
            place.loaded(&stream, &flags),
            [total, total - bad - 1, 0, bad, 1]
        );
        let rejected = std::fs::read_to_string(&rejects).expect("a file");
        let lines: Vec<&str> = rejected
            .lines()
            .skip(1)
            .filter(|line| line.contains("standard input"))
            .collect();
        assert_eq!(lines.len(), reasons.len(), "{rejected}");
        for (line, reason) in lines.iter().zip(&reasons) {
            assert!(line.contains(reason), "{line}: {reason}");
        }
        assert_eq!(
            place.texts("SELECT count(*)::text FROM t"),
            [(total - bad).to_string()]
        );
    }
    // The first of them ends a load that sets none aside, with its place.
    place.execute("DELETE FROM t WHERE id > 1");
    let line = 2 + 2 * (100 - 2);
    place
        .load(&stream, &[])
        .refused("load", 1, &[&format!("standard input:{line}: id: '1'")]);
    assert_eq!(place.records().len(), 1);
    // Bad ones alone, and too many.
    let bad = "id,n\n1,x\n1,y\n1,z\n";
    assert_eq!(place.loaded(bad, &["--on-error", "skip"]), [3, 0, 0, 3, 0]);
    place
        .load(bad, &["--max-rejects", "2"])
        .refused("load", 1, &["more than 2 rejected records"]);
    let mut many = String::from("id,n\n");
    (0..3_000).for_each(|_| many.push_str("1,x\n"));
    assert_eq!(
        place.loaded(&many, &["--on-error", "skip"]),
        [3_000, 0, 0, 3_000, 0]
    );
}

#[test]
fn what_a_partitioned_table_or_a_policy_refuses_is_set_aside() {
    let mut place = Place::new("partitions");
    place.execute(
        "CREATE TABLE t (id int, v text) PARTITION BY RANGE (id);
         CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10)",
    );
    place.load("id,v\n1,a\n50,b\n", &[]).refused(
        "load",
        1,
        &["standard input:3: 't' has no partition for (id) = (50)"],
    );
    assert_eq!(
        place.loaded("id,v\n1,a\n50,b\n2,c\n", &["--on-error", "skip"]),
        [3, 2, 0, 1, 0]
    );
    assert_eq!(place.loaded("id,v\n3,a\n", REPLACE), [1, 1, 0, 0, 0]);
    assert_eq!(place.records(), ["(3,a)"]);
    place.execute(
        "DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY, v text); ALTER TABLE t ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON t USING (id < 10) WITH CHECK (id < 10);
         DROP ROLE IF EXISTS pipewright_limited; CREATE ROLE pipewright_limited LOGIN;
         GRANT ALL ON t TO pipewright_limited",
    );
    let owner = place.address.clone();
    place.address = harness::postgres_as(&owner, "pipewright_limited");
    assert_eq!(place.loaded("id,v\n1,a\n2,b\n", &[]), [2, 2, 0, 0, 0]);
    assert_eq!(
        place.loaded("id,v\n3,a\n11,b\n4,c\n", &["--on-error", "skip"]),
        [3, 2, 0, 1, 0]
    );
    place.load("id,v\n5,a\n12,b\n", &[]).refused(
        "load",
        1,
        &["standard input:3", "row-level security"],
    );
    assert_eq!(
        place.loaded("id,v\n1,new\n6,b\n", &["--mode", "upsert", "--key", "id"]),
        [2, 1, 1, 0, 0]
    );
    place
        .load("id,v\n1,a\n", REPLACE)
        .refused("load", 1, &["policies"]);
    place.execute("DROP OWNED BY pipewright_limited; DROP ROLE pipewright_limited");
}

#[test]
fn insert_keeps_what_is_there() {
    let mut place = Place::new("insert");
    let insert = &["--mode", "insert", "--key", "id"];
    assert_eq!(
        place.loaded("id,v\n1,a\n2,b\n1,again\n", insert),
        [3, 2, 0, 0, 1]
    );
    assert_eq!(
        place.loaded("id,v\n2,new\n3,c\n3,d\n", insert),
        [3, 1, 0, 0, 2]
    );
    assert_eq!(place.records(), ["(1,a)", "(2,b)", "(3,c)"]);
    // Without a key, any unique index says what is there.
    assert_eq!(
        place.loaded("id,v\n3,new\n4,d\n", &["--mode", "insert"]),
        [2, 1, 0, 0, 1]
    );
    place.execute("ALTER TABLE t ADD CHECK (v <> 'bad')");
    place
        .load("id,v\n5,e\n6,bad\n", insert)
        .refused("load", 1, &["standard input:3", "check"]);
    assert_eq!(
        place.loaded(
            "id,v\n5,e\n6,bad\n4,x\n",
            &[insert, &["--on-error", "skip"][..]].concat()
        ),
        [3, 1, 0, 1, 1]
    );
}

#[test]
fn an_upsert_may_hold_a_part_of_a_record() {
    let mut place = Place::new("part");
    place.execute("CREATE TABLE t (id int PRIMARY KEY, v text, needed text NOT NULL); INSERT INTO t VALUES (1, 'a', 'n')");
    let upsert = &["--mode", "upsert", "--key", "id"];
    assert_eq!(place.loaded("id,v\n1,new\n", upsert), [1, 0, 1, 0, 0]);
    assert_eq!(place.records(), ["(1,new,n)"]);
    place
        .load("id,v\n1,x\n2,b\n", upsert)
        .refused("load", 1, &["needed: null"]);
    let skip = &["--mode", "upsert", "--key", "id", "--on-error", "skip"];
    assert_eq!(
        place.loaded("id,v\n1,x\n2,b\n1,twice\n", skip),
        [3, 0, 1, 2, 0]
    );
    assert_eq!(place.records(), ["(1,x,n)"]);
    place.load("id,v\n1,x\n1,y\n", upsert).refused(
        "load",
        1,
        &["standard input:3: id: '1' stands in more than one record"],
    );
    // A table of nothing but its key.
    place.execute("DROP TABLE t; CREATE TABLE t (id int PRIMARY KEY)");
    assert_eq!(place.loaded("id\n1\n2\n", upsert), [2, 2, 0, 0, 0]);
    place.load("id\n3\n3\n", upsert).refused(
        "load",
        1,
        &["standard input:3: id: '3' stands in more than one record"],
    );
    assert_eq!(place.loaded("id\n2\n3\n3\n", skip), [3, 1, 1, 1, 0]);
}

#[test]
fn sequences_do_not_stay_behind() {
    let mut place = Place::new("sequence");
    place.execute("CREATE TABLE t (id serial, i int GENERATED BY DEFAULT AS IDENTITY, v text)");
    assert_eq!(
        place.loaded("id,i,v\n41,7,a\n5,6,b\n", &[]),
        [2, 2, 0, 0, 0]
    );
    place.execute("INSERT INTO t (v) VALUES ('c')");
    assert_eq!(
        place.texts("SELECT t::text FROM t WHERE v = 'c'"),
        ["(42,8,c)"]
    );
    // Never back.
    place.loaded("id,i,v\n1,1,d\n", &[]);
    place.execute("INSERT INTO t (v) VALUES ('e')");
    assert_eq!(
        place.texts("SELECT t::text FROM t WHERE v = 'e'"),
        ["(43,9,e)"]
    );
}

#[test]
fn no_table_is_made_without_a_record() {
    let mut place = Place::new("empty");
    let run = place.load("id,v\n", &[]);
    assert_eq!(run.code, 0, "{}", run.err());
    assert!(
        run.err().contains("no record came, so no table is made"),
        "{}",
        run.err()
    );
    assert_eq!(
        place.texts("SELECT count(*)::text FROM pg_class WHERE relname = 't'"),
        ["0"]
    );
    assert_eq!(place.loaded("id,v\n1,2\n", &[]), [1, 1, 0, 0, 0]);
    assert_eq!(
        place.texts("SELECT format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0"),
        ["bigint", "bigint"]
    );
}
