//! A real PostgreSQL database to load into.

use postgres::{Client, NoTls};

use super::{Run, postgres_database, tool};

/// A new, empty database, whose table `t` most tests load.
pub struct Database {
    /// Its address.
    pub address: String,
    /// A connection to it.
    pub client: Client,
}

impl Database {
    /// Makes one of this name.
    pub fn new(name: &str) -> Self {
        let address = postgres_database(name);
        let client = Client::connect(&address, NoTls).expect("the server answers");
        Database { address, client }
    }

    /// Runs statements that must succeed.
    #[track_caller]
    pub fn execute(&mut self, sql: &str) {
        self.client
            .batch_execute(sql)
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// A query's one column of text.
    #[track_caller]
    pub fn texts(&mut self, query: &str) -> Vec<String> {
        let rows = self
            .client
            .query(query, &[])
            .unwrap_or_else(|error| panic!("{query}: {error:?}"));
        let text = |row: &postgres::Row| row.get::<_, Option<String>>(0);
        rows.iter()
            .map(|row| text(row).unwrap_or_else(|| "NULL".into()))
            .collect()
    }

    /// All of table `t`, a record a text, as SQL writes a row, in the order in which they were stored.
    #[track_caller]
    pub fn stored(&mut self) -> Vec<String> {
        self.texts("SELECT t::text FROM t ORDER BY ctid")
    }

    /// The same, sorted.
    #[track_caller]
    pub fn sorted(&mut self) -> Vec<String> {
        self.texts("SELECT t::text FROM t ORDER BY 1")
    }

    /// The types of table `t`.
    #[track_caller]
    pub fn types(&mut self) -> Vec<String> {
        self.texts(
            "SELECT format_type(atttypid, atttypmod) FROM pg_attribute
             WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum",
        )
    }

    /// Loads `stream` into table `t`.
    pub fn load(&self, stream: impl Into<Vec<u8>>, flags: &[&str]) -> Run {
        tool("load")
            .args([self.address.as_str(), "--table", "t"])
            .args(flags)
            .stdin(stream)
            .run()
    }

    /// Loads a stream that is taken: the receipt's record from the table on, as far as what was rejected if
    /// no record was ignored.
    #[track_caller]
    pub fn loaded(&self, stream: impl Into<Vec<u8>>, flags: &[&str]) -> String {
        let run = self.load(stream, flags);
        assert_eq!(run.code, 0, "{}", run.err());
        let out = run.out();
        let record = out.lines().nth(1).expect("two lines");
        let rest = record.strip_prefix(&format!("{},", self.address));
        let rest = rest.unwrap_or_else(|| panic!("the target in {record}"));
        rest.strip_suffix(",,0").unwrap_or(rest).to_owned()
    }

    /// The same, and what the receipt counts: records, inserted, updated, rejected, ignored.
    #[track_caller]
    pub fn counted(&self, stream: impl Into<Vec<u8>>, flags: &[&str]) -> [u64; 5] {
        let run = self.load(stream, flags);
        assert_eq!(run.code, 0, "{}", run.err());
        let out = run.out();
        let record = out.lines().nth(1).expect("two lines");
        let fields: Vec<&str> = record.rsplit(',').collect();
        let counts = [5, 4, 3, 2, 0].map(|place| fields[place].parse().expect("a count"));
        assert_eq!(counts[0], counts[1..].iter().sum::<u64>(), "{out}");
        counts
    }
}
