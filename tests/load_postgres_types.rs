//! Every type of PostgreSQL: what `extract` reads loads back equal, and what is loaded is stored as it was
//! sent or refused.

mod harness;

use harness::database::Database;
use harness::tool;

/// Copies table `a` to table `b` through the stream.
#[track_caller]
fn copy(place: &Database, what: &str) {
    let stream = tool("extract").args([format!("{}#a", place.address)]).run();
    assert_eq!(stream.code, 0, "{what}: {}", stream.err());
    let run = tool("load")
        .args([place.address.as_str(), "--table", "b"])
        .stdin(stream.stdout.clone())
        .run();
    assert_eq!(run.code, 0, "{what}: {}", run.err());
}

/// A type, and expressions of `n` and `random()` for its values.
const TYPES: &[(&str, &[&str])] = &[
    ("smallint", &["(random() * 65535 - 32768)::int"]),
    ("int", &["(random() * 4294967295 - 2147483648)::bigint"]),
    ("bigint", &["(random() * 1e18)::bigint * (1 - 2 * (n % 2))"]),
    (
        "numeric",
        &[
            "(random() * 1e12)::numeric / 7919 ^ (n % 5)",
            "'NaN'::numeric",
            "'-Infinity'::numeric",
        ],
    ),
    ("numeric(12,3)", &["(random() * 1e8)::numeric(12,3)"]),
    (
        "real",
        &[
            "((random() - 0.5) * 10 ^ (n % 70 - 35))::real",
            "(1e7 * random())::real",
            "'NaN'::real",
            "'-Infinity'::real",
        ],
    ),
    (
        "float8",
        &[
            "(random() - 0.5) * 10 ^ (n % 600 - 300)",
            "1e16 * random()",
            "1700000000000000.25 + n",
            "'Infinity'::float8",
        ],
    ),
    ("money", &["(random() * 1e9)::numeric::money"]),
    ("boolean", &["random() < 0.5"]),
    (
        "text",
        &[
            "md5(random()::text)",
            "'1e5'",
            "'007'",
            "''",
            "E'a\\n\"b\"\\\\N'",
            "'true'",
        ],
    ),
    ("varchar(40)", &["md5(random()::text)"]),
    ("char(8)", &["left(md5(random()::text), n % 9)"]),
    ("\"char\"", &["chr(65 + n % 26)::\"char\""]),
    ("name", &["('n' || n)::name"]),
    (
        "bytea",
        &[
            "decode(md5(random()::text), 'hex')",
            "''::bytea",
            "'\\x00'::bytea",
        ],
    ),
    (
        "date",
        &[
            "'2000-01-01'::date + (random() * 1e6 - 5e5)::int",
            "'0044-03-15 BC'::date",
            "'infinity'::date",
            "'12026-01-02'::date",
        ],
    ),
    (
        "time",
        &[
            "'00:00'::time + random() * '1 day'::interval",
            "'24:00'::time",
        ],
    ),
    (
        "time(2)",
        &["('00:00'::time + random() * '1 day'::interval)::time(2)"],
    ),
    (
        "timetz",
        &[
            "('00:00'::time + random() * '1 day'::interval)::timetz",
            "'10:00:00+05:30'::timetz",
        ],
    ),
    (
        "timestamp",
        &[
            "'2000-01-01'::timestamp + random() * 1e9 * '1 s'::interval",
            "'0044-03-15 10:00 BC'::timestamp",
            "'-infinity'::timestamp",
            "'30000-01-01'::timestamp",
        ],
    ),
    (
        "timestamp(0)",
        &["('2000-01-01'::timestamp + random() * 1e9 * '1 s'::interval)::timestamp(0)"],
    ),
    (
        "timestamptz",
        &[
            "'2000-01-01'::timestamptz + random() * 1e9 * '1 s'::interval",
            "'0044-03-15 10:00+00 BC'::timestamptz",
        ],
    ),
    (
        "interval",
        &[
            "random() * 1e9 * '1 s'::interval + n * '1 mon'::interval - n % 7 * '3 days'::interval",
            "'-1 day 2 hours'::interval",
        ],
    ),
    (
        "interval(3)",
        &["(random() * 1e6 * '1 s'::interval)::interval(3)"],
    ),
    ("uuid", &["gen_random_uuid()"]),
    (
        "json",
        &[
            "json_build_object('a', n, 'b', md5(random()::text))",
            "'\"text\"'::json",
            "'[1, 2]'::json",
            "'null'::json",
        ],
    ),
    (
        "jsonb",
        &[
            "jsonb_build_object('a', random(), 'b', n)",
            "'12'::jsonb",
            "'\"12\"'::jsonb",
        ],
    ),
    (
        "inet",
        &[
            "('10.0.0.' || n % 256)::inet",
            "'10.1.2.3/8'::inet",
            "'::1'::inet",
        ],
    ),
    ("cidr", &["'10.0.0.0/8'::cidr"]),
    ("macaddr", &["'08:00:2b:01:02:03'::macaddr"]),
    ("bit(8)", &["(n % 256)::bit(8)"]),
    ("varbit(9)", &["(n % 256)::bit(8)::varbit(9)"]),
    ("point", &["point(random(), n)"]),
    ("box", &["box(point(0, n), point(1.5, 2))"]),
    ("int4range", &["int4range(n, n + 5)", "'empty'::int4range"]),
    ("numrange", &["numrange(n, n + 0.5, '[]')"]),
    ("tstzrange", &["tstzrange('2024-01-01', now())"]),
    (
        "int[]",
        &[
            "ARRAY[n, NULL, -n]",
            "'{}'::int[]",
            "'{{1,2},{3,4}}'::int[]",
            "'[0:1]={1,2}'::int[]",
        ],
    ),
    (
        "text[]",
        &["ARRAY[md5(n::text), '', 'null', 'a b', E'q\"\\\\', NULL]"],
    ),
    ("numeric(5,2)[]", &["ARRAY[n % 900 + 0.25]::numeric(5,2)[]"]),
    ("float8[]", &["ARRAY[random(), 'NaN', 1e300]::float8[]"]),
    ("timestamptz[]", &["ARRAY[now()]::timestamptz[]"]),
    ("mood", &["(ARRAY['sad', 'so so'])[n % 2 + 1]::mood"]),
    ("mood[]", &["ARRAY['sad', 'so so']::mood[]"]),
    ("price", &["(n % 900 + 0.25)::price"]),
    ("price_of_price", &["(n % 900 + 0.25)::price_of_price"]),
    ("pair", &["ROW(n, 'a b')::pair", "ROW(NULL, '')::pair"]),
    ("tsvector", &["to_tsvector('simple', 'a b ' || n)"]),
    ("xml", &["('<a>' || n || '</a>')::xml"]),
    ("oid", &["n::oid"]),
    ("pg_lsn", &["'16/B374D848'::pg_lsn"]),
];

const MADE: &str = "CREATE TYPE mood AS ENUM ('sad', 'so so'); CREATE DOMAIN price AS numeric(5,2);
    CREATE DOMAIN price_of_price AS price CHECK (value >= 0); CREATE TYPE pair AS (a int, b text)";

#[test]
fn what_is_extracted_loads_back_equal() {
    let mut place = Database::new("types_back");
    place.execute(MADE);
    for (kind, values) in TYPES {
        place.execute(&format!(
            "DROP TABLE IF EXISTS a, b; CREATE TABLE a (id int, v {kind}); CREATE TABLE b (id int, v {kind})"
        ));
        for value in *values {
            place.execute(&format!(
                "INSERT INTO a SELECT n, {value} FROM generate_series(1, 300) AS n"
            ));
        }
        place.execute("INSERT INTO a VALUES (0, NULL)");
        copy(&place, kind);
        let shown = |table: &str| {
            format!("SELECT md5(string_agg(x::text, ';' ORDER BY id, v::text)) FROM {table} AS x")
        };
        let counted = |table: &str| format!("SELECT count(*)::text FROM {table}");
        assert_eq!(
            place.texts(&counted("b")),
            [(values.len() * 300 + 1).to_string()],
            "{kind}"
        );
        assert_eq!(place.texts(&shown("b")), place.texts(&shown("a")), "{kind}");
    }
}

/// Texts that a type may read as something else.
const HOSTILE: &[&str] = &[
    "1",
    "1,5",
    "1.005",
    "{1.005}",
    "{1,2}",
    "{a,b}",
    "12:00",
    "12:00:00.1234567",
    "1 day",
    "1.5",
    "$1.234",
    "1e5",
    "abc",
    "ABC",
    "(1,2)",
    "(1.005,a)",
    "[1,5]",
    "[2024-01-01 00:00:00.1234567,)",
    "10.0.0.1",
    "10.0.0.0/8",
    "0x10",
    "101",
    "t",
    "2024-01-01",
    "2024-01-01T10:00:00.1234567Z",
    "<a/>",
    "'a' b",
    "%",
    "-",
    "0.1234567890123456789",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "{\"a\":1,\"a\":2}",
    "[1.50, 2]",
    "pg_class",
    "16/B374D848",
    "0.5 s",
    "1:2:3",
    "infinity",
    "NaN",
];

/// For each type of the catalogue and each such text: refused, or stored as what it is. What a type of its own
/// rule stores is like the text by value: there, the server's own reading of the whole text is what is meant.
#[test]
fn every_type_of_the_catalogue_keeps_or_refuses() {
    let mut place = Database::new("types_catalogue");
    place.execute(MADE);
    let types = place.texts(
        "SELECT pg_catalog.format_type(oid, NULL) FROM pg_catalog.pg_type
         WHERE typtype IN ('b', 'r', 'm') AND typname NOT LIKE 'pg\\_%' AND typnamespace = 'pg_catalog'::regnamespace
           AND typname NOT IN ('aclitem', '_aclitem', 'gtsvector', '_gtsvector', '_cstring', '_record') AND typisdefined
           AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_type e WHERE e.oid = pg_type.typelem AND e.typtype = 'c')
         UNION SELECT unnest(ARRAY['price_of_price', 'pair', 'mood', 'price[]', 'numeric(5,2)[]', 'varchar(3)[]',
             'time(0)', 'interval(0)', 'bit(3)', 'char(3)', 'timestamp(0)[]', 'numeric(4,1)']) ORDER BY 1",
    );
    assert!(types.len() > 100, "{}", types.len());
    let (mut kept, mut refused) = (0, 0);
    for kind in &types {
        place.execute(&format!(
            "DROP TABLE IF EXISTS b; CREATE TABLE b (id int, sent text, v {kind})"
        ));
        let mut stream = String::from("id,sent,v\n");
        for (id, text) in HOSTILE.iter().enumerate() {
            let quoted = format!("\"{}\"", text.replace('"', "\"\""));
            stream.push_str(&format!("{id},{quoted},{quoted}\n"));
        }
        let run = tool("load")
            .args([place.address.as_str(), "--table", "b", "--on-error", "skip"])
            .stdin(stream)
            .run();
        assert_eq!(run.code, 0, "{kind}: {}", run.err());
        let stored = place.texts("SELECT count(*)::text FROM b");
        let stored: usize = stored[0].parse().expect("a number");
        kept += stored;
        refused += HOSTILE.len() - stored;
        let differing = place
            .client
            .query(
                "SELECT sent, concat(v) FROM b WHERE concat(v) IS DISTINCT FROM sent",
                &[],
            )
            .expect("good SQL");
        for row in differing {
            let (sent, shown): (String, String) = (row.get(0), row.get(1));
            assert!(
                is_same(kind, &sent, &shown),
                "{kind}: '{sent}' is stored as '{shown}'"
            );
        }
    }
    println!("{} types, {kept} kept, {refused} refused", types.len());
}

/// Spellings of one value.
fn is_same(kind: &str, sent: &str, shown: &str) -> bool {
    let number = |text: &str| text.trim_start_matches('$').parse::<f64>().ok();
    let bare = |text: &str| text.replace([' ', 'T', '"'], "");
    match kind {
        "boolean" => matches!((sent, shown), ("t" | "1", "t")),
        "bytea" => {
            let hex: String = sent.bytes().map(|byte| format!("{byte:02x}")).collect();
            shown == format!("\\x{hex}")
        }
        "jsonb" => {
            bare(sent) == bare(shown) || number(sent).is_some() && number(sent) == number(shown)
        }
        "time without time zone" | "time(0)" => shown == format!("{sent}:00") || sent == "1:2:3",
        _ if kind.starts_with("timestamp") => shown == format!("{sent} 00:00:00"),
        _ if kind.starts_with("interval") => false,
        // Padding is no part of the value.
        "character" | "char(3)" => shown.trim_end() == sent,
        _ if kind.ends_with("[]") => {
            let list = sent.replace(['[', '{'], "{").replace([']', '}'], "}");
            let elements = |text: &str| -> Vec<Option<f64>> {
                bare(text)
                    .trim_matches(['{', '}'])
                    .split(',')
                    .map(|part| part.parse().ok())
                    .collect()
            };
            bare(&list) == bare(shown)
                || elements(&list) == elements(shown) && elements(shown)[0].is_some()
        }
        _ => bare(sent) == bare(shown) || number(sent).is_some() && number(sent) == number(shown),
    }
}

#[test]
fn lists_in_json_are_arrays() {
    let mut place = Database::new("types_lists");
    place.execute("CREATE TABLE b (v text[], n numeric(5,2)[])");
    let stream = "v,n\n\"[\"\"a b\"\",\"\"\"\",null,\"\"c\"\"]\",\"[1.5, 2]\"\n\"{x,y}\",{1.25}\n";
    let run = tool("load")
        .args([place.address.as_str(), "--table", "b"])
        .stdin(stream)
        .run();
    assert_eq!(run.code, 0, "{}", run.err());
    assert_eq!(
        place.texts("SELECT b::text FROM b ORDER BY ctid"),
        [
            "(\"{\"\"a b\"\",\"\"\"\",NULL,c}\",\"{1.50,2.00}\")",
            "(\"{x,y}\",{1.25})"
        ]
    );
    let run = tool("load")
        .args([place.address.as_str(), "--table", "b"])
        .stdin("n\n{1}\n{1.005}\n")
        .run();
    run.refused(
        "load",
        1,
        &[
            "standard input:3: n: '{1.005}' would be stored as '{1.01}'",
            "nothing was committed",
        ],
    );
}
