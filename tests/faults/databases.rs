//! Faults of databases: a server that stops, a connection that is cut at the worst moment, locks, two loads at
//! once, and what a crash has left behind.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use postgres::{Client, NoTls};
use rusqlite::Connection;

use crate::harness::{self, Run, tool};

/// A stream of so many records, the first of which has this id.
fn stream(first: u32, records: u32) -> String {
    let records = (first..first + records).map(|id| format!("{id},note {id}\n"));
    format!("id,note\n{}", records.collect::<String>())
}

// PostgreSQL

/// A database in which table `t` has 10 records.
fn with_ten(name: &str) -> (String, Client) {
    let address = harness::postgres_database(&format!("faults_{name}"));
    let run = load(&address, &[], stream(1, 10));
    assert_eq!(run.code, 0, "{}", run.err());
    let client = Client::connect(&address, NoTls).expect("the server answers");
    (address, client)
}

fn load(address: &str, flags: &[&str], stream: String) -> Run {
    tool("load")
        .args([address, "--table", "t"])
        .args(flags)
        .stdin(stream)
        .run()
}

/// How many records are in `t`, when no other session works there any more.
fn count(client: &mut Client) -> i64 {
    let others = "SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    let deadline = Instant::now() + Duration::from_secs(20);
    while client
        .query_one(others, &[])
        .expect("good SQL")
        .get::<_, i64>(0)
        > 0
    {
        assert!(Instant::now() < deadline, "a session stays");
        std::thread::sleep(Duration::from_millis(2));
    }
    let query = "SELECT count(*) FROM t";
    client.query_one(query, &[]).expect("good SQL").get(0)
}

const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                         WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[test]
fn a_connection_that_is_ended_in_mid_load_commits_nothing() {
    for mode in ["append", "replace", "upsert"] {
        let (address, mut client) = with_ten(&format!("ended_{mode}"));
        client
            .batch_execute("ALTER TABLE t ADD UNIQUE (id)")
            .expect("good SQL");
        let rest = stream(1000, 100_000);
        let line = format!(
            "{{ printf 'id,note\\n'; seq 100 900 | sed 's/$/,x/'; sleep 0.3
                psql -X -q \"$ADDRESS\" -c \"{TERMINATE}\" >/dev/null; sed 1d rest.csv; }} |
             load \"$ADDRESS\" --table t --mode {mode} --key id"
        );
        let place = tempfile::tempdir().expect("a temporary directory");
        fs::write(place.path().join("rest.csv"), rest).expect("a file");
        let run = harness::bash(&format!("set +o pipefail; {line}"))
            .env("ADDRESS", &address)
            .dir(place.path())
            .run();
        run.refused("load", 1, &["nothing was committed"]);
        let mut client = Client::connect(&address, NoTls).expect("the server answers");
        assert_eq!(count(&mut client), 10, "{mode}");
    }
}

#[test]
fn a_lost_connection_is_named() {
    let (address, _client) = with_ten("named");
    let run = harness::bash(&format!(
        "set +o pipefail
         {{ printf 'id,note\\n1,x\\n'; sleep 0.3; psql -X -q \"$ADDRESS\" -c \"{TERMINATE}\" >/dev/null
            seq 100 200000 | sed 's/$/,x/'; }} | load \"$ADDRESS\" --table t"
    ))
    .env("ADDRESS", &address)
    .run();
    run.refused("load", 1, &["the server has closed the connection"]);
}

/// A PostgreSQL that stands between: it hands on all that is said until the client says `COMMIT`.
struct Between {
    place: tempfile::TempDir,
    address: String,
}

/// What becomes of that word.
#[derive(Clone, Copy, PartialEq)]
enum Commit {
    /// It does not arrive.
    Lost,
    /// It arrives, and the answer does not.
    Unanswered,
}

impl Between {
    fn new(server: &str, commit: Commit) -> Self {
        let place = tempfile::tempdir_in("/tmp").expect("a temporary directory");
        let listener = UnixListener::bind(place.path().join(".s.PGSQL.5432")).expect("a socket");
        let (user, rest) = server.split_once('@').expect("an address");
        let (host, database) = rest.split_once('/').expect("an address");
        let real = PathBuf::from(host.replace("%2F", "/")).join(".s.PGSQL.5432");
        let own = place.path().display().to_string().replace('/', "%2F");
        let address = format!("{user}@{own}/{database}");
        std::thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                let server = UnixStream::connect(&real).expect("the server listens");
                std::thread::spawn(move || hand_on(client, server, commit));
            }
        });
        Between { place, address }
    }
}

fn hand_on(mut client: UnixStream, mut server: UnixStream, commit: Commit) {
    let mut answers = server.try_clone().expect("a socket");
    let mut back = client.try_clone().expect("a socket");
    let answering = std::thread::spawn(move || {
        std::io::copy(&mut answers, &mut back).ok();
        back.shutdown(std::net::Shutdown::Both).ok();
    });
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count @ 1..) = client.read(&mut buffer) {
        let said = &buffer[..count];
        if said.windows(7).any(|word| word == b"COMMIT\0") {
            client.shutdown(std::net::Shutdown::Both).ok();
            if commit == Commit::Unanswered {
                server.write_all(said).expect("the server listens");
                // It answers when it has committed; then it sees that nobody is there.
                std::thread::sleep(Duration::from_millis(300));
            }
            break;
        }
        if server.write_all(said).is_err() {
            break;
        }
    }
    server.shutdown(std::net::Shutdown::Both).ok();
    answering.join().ok();
}

#[test]
fn a_commit_that_is_lost_commits_nothing() {
    let (address, mut client) = with_ten("lost");
    let between = Between::new(&address, Commit::Lost);
    let run = load(&between.address, &[], stream(100, 50));
    run.refused("load", 1, &["closed the connection"]);
    assert_eq!(count(&mut client), 10);
    assert!(between.place.path().exists());
}

/// Nobody can know then; the worst is to say that nothing was committed.
#[test]
fn a_commit_without_an_answer_is_not_called_off() {
    let (address, mut client) = with_ten("unanswered");
    let between = Between::new(&address, Commit::Unanswered);
    let run = load(&between.address, &[], stream(100, 50));
    assert_eq!(count(&mut client), 60, "the server has committed");
    assert_eq!(run.code, 1, "{}", run.err());
    assert!(
        !run.err().contains("nothing was committed"),
        "{}",
        run.err()
    );
}

/// The checks that a server makes at the commit are a part of the load.
#[test]
fn a_commit_that_the_server_refuses_commits_nothing() {
    let (address, mut client) = with_ten("refused");
    client
        .batch_execute(
            "CREATE TABLE parent (id bigint PRIMARY KEY);
             INSERT INTO parent SELECT id FROM t;
             ALTER TABLE t ADD CONSTRAINT known FOREIGN KEY (id) REFERENCES parent DEFERRABLE INITIALLY DEFERRED",
        )
        .expect("good SQL");
    let run = load(&address, &[], stream(100, 50));
    run.refused("load", 1, &["'known'", "nothing was committed"]);
    assert_eq!(count(&mut client), 10);
    let run = load(&address, &[], stream(1, 10));
    assert_eq!(run.code, 0, "{}", run.err());
    assert_eq!(count(&mut client), 20);
}

/// A server of its own, stopped as a power cut would stop it, and started again.
#[test]
fn a_server_that_stops_in_mid_load_has_committed_nothing() {
    let script = r#"
        set -o pipefail
        place=${PIPEWRIGHT_TEST_POSTGRES#*@}; place=${place%/*}; place=${place//%2F//}
        echo id,note >in.csv; seq 1 200000 | sed 's/$/,abcdefghijklmnopqrstuvwxyz/' >>in.csv
        head -n 101 in.csv | load "$PIPEWRIGHT_TEST_POSTGRES#t" >/dev/null
        set +o pipefail
        { head -n 1000 in.csv; sleep 0.3
          pid=$(head -n 1 $place/data/postmaster.pid); kill -QUIT $pid
          while kill -0 $pid 2>/dev/null; do sleep 0.01; done
          tail -n +1001 in.csv; } | load "$PIPEWRIGHT_TEST_POSTGRES#t" 2>said; echo "exit $?"
        cat said >&2
        load "$PIPEWRIGHT_TEST_POSTGRES#t" in.csv 2>said; echo "exit $?"
        cat said >&2
        as=(); [[ $(id -u) -ne 0 ]] || as=(setpriv --reuid "$(stat -c %u $place)" --regid "$(stat -c %g $place)" --clear-groups)
        bin=$(dirname "$(readlink -f "$(ls -d /usr/lib/postgresql/*/bin/pg_ctl | sort -V | tail -n 1)")")
        (cd $place; "${as[@]}" $bin/pg_ctl start -w -D $place/data -l $place/data/log -o \
            "-c listen_addresses='' -c unix_socket_directories=$place -c fsync=off" >/dev/null 2>&1 </dev/null)
        psql -X -At "$PIPEWRIGHT_TEST_POSTGRES" -c 'select count(*) from t'
        load "$PIPEWRIGHT_TEST_POSTGRES#t" --mode replace in.csv >/dev/null; echo "exit $?"
        psql -X -At "$PIPEWRIGHT_TEST_POSTGRES" -c 'select count(*) from t'
    "#;
    let place = tempfile::tempdir().expect("a temporary directory");
    let postgres = harness::root().join("scripts/postgres");
    let run = harness::bash(&format!(
        "unset PIPEWRIGHT_TEST_POSTGRES; {} bash -c \"$SCRIPT\"",
        postgres.display()
    ))
    .env("SCRIPT", script)
    .dir(place.path())
    .run();
    assert_eq!(
        run.out(),
        "exit 1\nexit 1\n100\nexit 0\n200000\n",
        "{}",
        run.err()
    );
    let words = run.err();
    let said: Vec<&str> = words.lines().collect();
    assert!(said[0].ends_with("; nothing was committed"), "{words}");
    assert!(said[1].starts_with("load: cannot connect to "), "{words}");
    assert_eq!(said.len(), 2, "{words}");
}

#[test]
fn two_loads_into_one_table_of_a_server_are_both_whole() {
    let (address, mut client) = with_ten("two");
    let loads: Vec<_> = (0..4)
        .map(|number| {
            let address = address.clone();
            std::thread::spawn(move || load(&address, &[], stream(1000 * number, 1000)))
        })
        .collect();
    for load in loads {
        let run = load.join().expect("a run");
        assert_eq!(run.code, 0, "{}", run.err());
    }
    assert_eq!(count(&mut client), 4010);
}

/// Each would make the table: one does, and of the others none is half in it.
#[test]
fn two_loads_that_make_one_table_are_whole_or_refused() {
    let address = harness::postgres_database("faults_made_twice");
    let mut client = Client::connect(&address, NoTls).expect("the server answers");
    let loads: Vec<_> = (0..4)
        .map(|number| {
            let address = address.clone();
            std::thread::spawn(move || load(&address, &[], stream(1000 * number, 1000)))
        })
        .collect();
    let runs: Vec<Run> = loads
        .into_iter()
        .map(|load| load.join().expect("a run"))
        .collect();
    let done = runs.iter().filter(|run| run.code == 0).count();
    assert!(done >= 1, "{}", runs[0].err());
    for run in runs.iter().filter(|run| run.code != 0) {
        run.refused("load", 1, &["nothing was committed"]);
    }
    assert_eq!(
        count(&mut client),
        1000 * i64::try_from(done).expect("a small number")
    );
}

// SQLite

/// A database file in which table `t` has 10 records.
fn file_with_ten() -> (tempfile::TempDir, PathBuf) {
    let place = tempfile::tempdir().expect("a temporary directory");
    let run = into_file(place.path(), &["--key", "id"], stream(1, 10));
    assert_eq!(run.code, 0, "{}", run.err());
    let path = place.path().join("d.db");
    (place, path)
}

fn into_file(place: &Path, flags: &[&str], stream: String) -> Run {
    tool("load")
        .args(["sqlite:d.db#t"])
        .args(flags)
        .dir(place)
        .stdin(stream)
        .run()
}

/// How many records are in `t` of a database that is sound.
fn count_in(path: &Path) -> i64 {
    let connection = Connection::open(path).expect("a database");
    let verdict: String = connection
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a database can be checked");
    assert_eq!(verdict, "ok");
    connection
        .query_row("SELECT count(*) FROM t", [], |row| row.get(0))
        .expect("good SQL")
}

#[test]
fn a_lock_that_ends_in_time_is_waited_for() {
    for lock in ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"] {
        let (place, path) = file_with_ten();
        let connection = Connection::open(&path).expect("a database");
        connection.execute_batch(lock).expect("a lock");
        let holding = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(700));
            connection.execute_batch("COMMIT").expect("the end of it");
        });
        let run = into_file(place.path(), &[], stream(100, 50));
        assert_eq!(run.code, 0, "{lock}: {}", run.err());
        holding.join().expect("the lock's end");
        assert_eq!(count_in(&path), 60);
    }
}

/// A reader does not disturb the load until the commit, and then for too long.
#[test]
fn a_reader_that_stays_keeps_the_commit_off() {
    let (place, path) = file_with_ten();
    let connection = Connection::open(&path).expect("a database");
    connection
        .execute_batch("BEGIN; SELECT count(*) FROM t")
        .expect("a read");
    let run = into_file(place.path(), &[], stream(100, 50));
    run.refused("load", 1, &["'d.db' is locked", "nothing was committed"]);
    connection.execute_batch("COMMIT").expect("the end of it");
    assert_eq!(count_in(&path), 10);
    assert!(!place.path().join("d.db-journal").exists());
}

#[test]
fn two_loads_into_one_file_are_both_whole() {
    let (place, path) = file_with_ten();
    let loads: Vec<_> = (0..4)
        .map(|number| {
            let place = place.path().to_owned();
            std::thread::spawn(move || into_file(&place, &[], stream(1000 * (number + 1), 1000)))
        })
        .collect();
    for load in loads {
        let run = load.join().expect("a run");
        assert_eq!(run.code, 0, "{}", run.err());
    }
    assert_eq!(count_in(&path), 4010);
}

#[test]
fn two_loads_that_make_one_file_are_whole_or_refused() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let loads: Vec<_> = (0..4)
        .map(|number| {
            let place = place.path().to_owned();
            std::thread::spawn(move || into_file(&place, &[], stream(1000 * number, 1000)))
        })
        .collect();
    let runs: Vec<Run> = loads
        .into_iter()
        .map(|load| load.join().expect("a run"))
        .collect();
    let done = runs.iter().filter(|run| run.code == 0).count();
    assert!(done >= 1, "{}", runs[0].err());
    for run in runs.iter().filter(|run| run.code != 0) {
        run.refused(
            "load",
            1,
            &[
                "'d.db' appeared while the records were read",
                "nothing was committed",
            ],
        );
    }
    let held = count_in(&place.path().join("d.db"));
    assert_eq!(held, 1000 * i64::try_from(done).expect("a small number"));
    let files = fs::read_dir(place.path()).expect("a directory").count();
    assert_eq!(files, 1, "something is left behind");
}

/// A crashed writer's journal beside a database that was removed: SQLite would play it back into the new one.
#[test]
fn a_journal_without_its_database_spoils_no_new_one() {
    for (mode, ending) in [("delete", "-journal"), ("wal", "-wal")] {
        let (place, path) = file_with_ten();
        let run = into_file(
            place.path(),
            &["--mode", "upsert", "--key", "id"],
            stream(1, 20_000),
        );
        assert_eq!(run.code, 0, "{}", run.err());
        let journal = place.path().join(format!("d.db{ending}"));
        let kept = place.path().join("kept");
        let connection = Connection::open(&path).expect("a database");
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = {mode}; PRAGMA cache_size = 10;
                 BEGIN; UPDATE t SET note = note || 'x';"
            ))
            .expect("good SQL");
        if mode == "wal" {
            connection.execute_batch("COMMIT").expect("good SQL");
        }
        fs::copy(&journal, &kept).expect("a journal");
        drop(connection);
        fs::remove_file(&path).expect("a database");
        fs::rename(&kept, &journal).expect("a journal");
        let run = into_file(place.path(), &[], stream(1, 30_000));
        assert_eq!(run.code, 0, "{}", run.err());
        assert_eq!(count_in(&path), 30_000, "{ending}");
    }
}
