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
