//! Incremental loads: every record of a source that grows comes exactly once, whatever happens between and
//! within the runs. Each line of the logs here has a number, and what is loaded is compared with what was
//! written.

mod harness;

use harness::{Run, bash};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// Where the lines are loaded.
#[derive(Clone)]
enum Target {
    Sqlite,
    File,
    Postgres(String),
}

/// A directory with a log in it, and a target that it is loaded into.
struct Place {
    directory: tempfile::TempDir,
    target: Target,
}

impl Place {
    fn new(target: Target) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        Place { directory, target }
    }

    fn postgres(name: &str) -> Self {
        Self::new(Target::Postgres(harness::postgres_database(&format!(
            "resume_{name}"
        ))))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Appends text to a file.
    fn append(&self, name: &str, text: &str) {
        let mut file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.path(name))
            .expect("a file to append to");
        file.write_all(text.as_bytes()).expect("a line is written");
    }

    /// Appends the lines of these numbers to `app.log`.
    fn log(&self, numbers: std::ops::RangeInclusive<u32>) {
        self.append("app.log", &lines(numbers));
    }

    fn rename(&self, from: &str, to: &str) {
        fs::rename(self.path(from), self.path(to)).expect("a file is renamed");
    }

    /// The target's own words on the command line.
    fn address(&self) -> (String, &'static str) {
        match &self.target {
            Target::Sqlite => ("sqlite:d.db".to_owned(), "--table t"),
            Target::File => ("out.csv".to_owned(), ""),
            Target::Postgres(address) => (address.clone(), "--table t"),
        }
    }

    /// The line that reads `sources` on and loads what is new of them; `wrap` may change its stages.
    fn line(&self, sources: &str, wrap: [&str; 3]) -> String {
        let (address, table) = self.address();
        let [extract, filter, load] = wrap;
        format!(
            "{extract} extract {sources} --resume '{address}#f') | {filter} filter 'n > 0') \
             | {load} load '{address}' {table} --resume-name f)"
        )
    }

    fn bash(&self, line: &str) -> Run {
        bash(line).dir(self.directory.path()).run()
    }

    /// Loads what is new in these sources.
    fn run(&self, sources: &str) -> Run {
        self.bash(&self.line(sources, ["("; 3]))
    }

    #[track_caller]
    fn load(&self, sources: &str) {
        let run = self.run(sources);
        assert_eq!(run.code, 0, "{}", run.err());
    }

    /// Loads what is new in `app.log`, and holds that the target then has these numbers, each once.
    #[track_caller]
    fn holds(&self, numbers: impl IntoIterator<Item = u32>) {
        self.load(LOG);
        self.has(numbers);
    }

    #[track_caller]
    fn has(&self, numbers: impl IntoIterator<Item = u32>) {
        let expected: Vec<u32> = numbers.into_iter().collect();
        let found = self.numbers();
        let of_each = |number: &u32| found.iter().filter(|found| *found == number).count();
        if found.len() == expected.len() && found.iter().eq(&expected) {
            return;
        }
        let mut sorted = found.clone();
        sorted.sort_unstable();
        if sorted != expected {
            let wrong: Vec<_> = (sorted.iter().chain(&expected))
                .filter(|number| of_each(number) != 1 || !expected.contains(number))
                .take(20)
                .map(|number| (number, of_each(number)))
                .collect();
            panic!(
                "{} numbers in {}, {} expected; of these there are so many: {wrong:?}",
                found.len(),
                self.address().0,
                expected.len()
            );
        }
    }

    /// Holds that the target has the first lines, each once, however many: how many.
    #[track_caller]
    fn has_the_first(&self) -> u32 {
        let count = self.numbers().len() as u32;
        self.has(1..=count);
        count
    }

    /// Holds that no number came twice.
    #[track_caller]
    fn has_no_double(&self) {
        let mut numbers = self.numbers();
        let count = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), count);
    }

    /// The numbers in the target.
    fn numbers(&self) -> Vec<u32> {
        match &self.target {
            Target::Sqlite => {
                let connection = rusqlite::Connection::open(self.path("d.db")).expect("a database");
                let Ok(mut statement) = connection.prepare("SELECT n FROM t") else {
                    return Vec::new();
                };
                let rows = statement.query_map([], |row| row.get(0)).expect("a query");
                rows.collect::<Result<_, _>>().expect("numbers")
            }
            Target::Postgres(address) => {
                let mut client =
                    postgres::Client::connect(address, postgres::NoTls).expect("a server");
                let rows = client.query("SELECT n::int FROM t", &[]);
                let rows = rows.unwrap_or_default();
                rows.iter().map(|row| row.get::<_, i32>(0) as u32).collect()
            }
            Target::File => {
                let text = fs::read_to_string(self.path("out.csv")).unwrap_or_default();
                let numbers = text.lines().skip(1).map(|line| {
                    let (number, _) = line.split_once(',').expect("two fields");
                    number.parse().expect("a number")
                });
                numbers.collect()
            }
        }
    }
}

/// The sources of most tests.
const LOG: &str = "app.log --pattern '^(?<n>[0-9]+) (?<text>.*)$'";

fn lines(numbers: std::ops::RangeInclusive<u32>) -> String {
    numbers.map(line).collect()
}

fn line(number: u32) -> String {
    format!("{number} said so, and \"said\" so\n")
}

/// A sequence that looks random, and is the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

fn every_target(name: &str) -> [Place; 3] {
    [
        Place::new(Target::Sqlite),
        Place::new(Target::File),
        Place::postgres(name),
    ]
}

#[test]
fn a_log_is_loaded_as_it_grows() {
    const LAST: u32 = 3000;
    for place in every_target("grows") {
        let is_written = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut dice = Dice(1);
                let mut rest = String::new();
                let mut number = 0;
                while number < LAST || !rest.is_empty() {
                    while rest.len() < 200 && number < LAST {
                        number += 1;
                        rest.push_str(&line(number));
                    }
                    // Lines are written in pieces that end anywhere.
                    let length = (dice.roll(300) as usize + 1).min(rest.len());
                    place.append("app.log", &rest[..length]);
                    rest.drain(..length);
                    if dice.roll(20) == 0 {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
                is_written.store(true, Ordering::Release);
            });
            while !place.path("app.log").exists() {
                thread::yield_now();
            }
            loop {
                let is_last = is_written.load(Ordering::Acquire);
                place.load(LOG);
                place.has_the_first();
                if is_last {
                    break;
                }
            }
        });
        place.has(1..=LAST);
    }
}

/// Runs the pipeline and kills one of its stages after a while, if it is still there.
fn run_and_kill(place: &Place, stage: usize, after: Duration) {
    let marks = ["p0", "p1", "p2"];
    for mark in marks {
        fs::remove_file(place.path(mark)).ok();
    }
    let line = place.line(
        LOG,
        [
            "(echo $BASHPID >p0; exec",
            "(echo $BASHPID >p1; exec",
            "(echo $BASHPID >p2; exec",
        ],
    );
    let search = harness::search_path();
    let mut child = Command::new("bash")
        .args(["-c", &line])
        .env("PATH", search)
        .current_dir(place.directory.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("bash");
    let pid = loop {
        let text = fs::read_to_string(place.path(marks[stage])).unwrap_or_default();
        if let Ok(pid) = text.trim_end().parse::<i32>()
            && text.ends_with('\n')
        {
            break pid;
        }
        thread::yield_now();
    };
    thread::sleep(after);
    // The shell has not waited for it yet: the number is still its own, or a zombie's.
    if child.try_wait().expect("a child").is_none() {
        // SAFETY: kill takes two numbers and touches no memory.
        unsafe { libc::kill(pid, libc::SIGKILL) };
    }
    child.wait().expect("a child");
}

#[test]
fn whoever_is_killed_every_line_comes_once() {
    for place in every_target("killed") {
        let mut dice = Dice(7);
        let mut last = 0;
        for trial in 0..45 {
            let more = dice.roll(400) as u32 + 1;
            place.log(last + 1..=last + more);
            last += more;
            let after = Duration::from_micros(dice.roll(45_000));
            run_and_kill(&place, trial % 3, after);
            place.has_the_first();
            if trial % 9 == 4 {
                place.holds(1..=last);
            }
        }
        place.holds(1..=last);
    }
}

#[test]
fn a_log_that_is_renamed_is_read_to_its_end() {
    for place in every_target("renamed") {
        place.log(1..=3);
        place.holds(1..=3);
        place.log(4..=5);
        place.rename("app.log", "app.log.1");
        // The writer has not opened the new file yet.
        place.append("app.log.1", &lines(6..=6));
        place.holds(1..=6);
        place.append("app.log.1", &lines(7..=7));
        place.log(8..=9);
        place.holds(1..=9);
        // It still writes into the old one.
        place.append("app.log.1", &lines(10..=10));
        place.log(11..=11);
        place.holds(1..=11);
        // Between two names, and then two rotations at once.
        place.rename("app.log", "app.log.2");
        place.holds(1..=11);
        place.append("app.log.1", &lines(12..=13));
        place.log(14..=14);
        place.holds(1..=14);
    }
}

#[test]
fn whatever_a_log_goes_through_every_line_comes_once() {
    for place in every_target("anything") {
        let mut dice = Dice(3);
        // Logs older than the first, and how many of them are compressed already.
        let (mut last, mut generations) = (0, 0u32);
        let shift = |generations: u32| {
            for old in (1..=generations).rev() {
                for ending in ["", ".gz"] {
                    let name = format!("app.log.{old}{ending}");
                    if place.path(&name).exists() {
                        place.rename(&name, &format!("app.log.{}{ending}", old + 1));
                    }
                }
            }
        };
        place.log(1..=1);
        last += 1;
        place.load(LOG);
        for step in 0..120 {
            let more = dice.roll(40) as u32;
            match dice.roll(8) {
                0 => {
                    shift(generations);
                    generations += 1;
                    place.rename("app.log", "app.log.1");
                    if dice.roll(3) > 0 {
                        place.append("app.log.1", &lines(last + 1..=last + more));
                        last += more;
                    }
                    if dice.roll(2) == 0 {
                        place.load(LOG);
                    }
                    // Its first line tells it from others.
                    place.log(last + 1..=last + 1);
                    last += 1;
                }
                1 => {
                    shift(generations);
                    generations += 1;
                    fs::copy(place.path("app.log"), place.path("app.log.1")).expect("a copy");
                    File::create(place.path("app.log")).expect("an empty file");
                    place.log(last + 1..=last + 1);
                    last += 1;
                }
                2 if generations > 0 => {
                    let old = dice.roll(generations.into()) + 1;
                    place.bash(&format!("[ ! -e app.log.{old} ] || gzip app.log.{old}"));
                }
                3 => {
                    let after = Duration::from_micros(dice.roll(40_000));
                    run_and_kill(&place, dice.roll(3) as usize, after);
                }
                4 | 5 => place.load(LOG),
                _ => {
                    place.log(last + 1..=last + more);
                    last += more;
                }
            }
            assert!(place.has_the_first() <= last, "step {step}");
        }
        place.holds(1..=last);
    }
}

#[test]
fn a_log_may_be_given_with_its_rotated_parts() {
    let place = Place::new(Target::File);
    let glob = LOG.replace("app.log", "'app.log*' app.log");
    let rotate = || {
        place.rename("app.log", "app.log.1");
    };
    place.log(1..=2);
    rotate();
    place.log(3..=4);
    place.load(&glob);
    place.log(5..=5);
    rotate();
    place.log(6..=6);
    place.load(&glob);
    rotate();
    place.log(7..=7);
    place.load(&glob);
    place.has(1..=7);
}

#[test]
fn rotations_that_were_slept_through_are_made_up_for() {
    let place = Place::new(Target::File);
    place.log(1..=2);
    place.holds(1..=2);
    for round in 0..3 {
        let first = 3 + round * 3;
        place.log(first..=first);
        for (from, to) in [
            ("app.log.2", "app.log.3"),
            ("app.log.1", "app.log.2"),
            ("app.log", "app.log.1"),
        ] {
            if place.path(from).exists() {
                place.rename(from, to);
            }
        }
        place.log(first + 1..=first + 2);
    }
    place.holds(1..=11);
    let numbers = place.numbers();
    assert!(
        numbers.is_sorted(),
        "the oldest file comes first: {numbers:?}"
    );
    place.holds(1..=11);
}

#[test]
fn a_rotated_log_may_be_compressed() {
    for compress in ["gzip", "zstd -q --rm"] {
        let place = Place::new(Target::File);
        place.log(1..=400);
        place.holds(1..=400);
        place.log(401..=900);
        place.rename("app.log", "app.log.1");
        place.log(901..=902);
        assert_eq!(place.bash(&format!("{compress} app.log.1")).code, 0);
        place.holds(1..=902);
        // Once more, of a file that was read to its end before.
        assert_eq!(
            place
                .bash("mv app.log.1.* app.log.2.z; mv app.log app.log.1")
                .code,
            0
        );
        place.log(903..=903);
        place.holds(1..=903);
        assert_eq!(place.bash(&format!("{compress} app.log.1")).code, 0);
        place.log(904..=904);
        place.holds(1..=904);
        // A copy beside what it was made from is no new file.
        assert_eq!(
            place
                .bash("mv app.log app.log-20261122; gzip -k app.log-20261122")
                .code,
            0
        );
        place.log(905..=905);
        place.holds(1..=905);
    }
}

#[test]
fn a_log_that_is_copied_and_emptied_is_read_to_its_end() {
    for place in every_target("emptied") {
        let rotate = |to: &str| {
            fs::copy(place.path("app.log"), place.path(to)).expect("a copy");
            File::create(place.path("app.log")).expect("an empty file");
        };
        place.log(1..=3);
        place.holds(1..=3);
        place.log(4..=5);
        rotate("app.log.1");
        place.holds(1..=5);
        place.log(6..=6);
        place.holds(1..=6);
        place.log(7..=7);
        place.rename("app.log.1", "app.log.2");
        rotate("app.log.1");
        // It grows past the length that was read before.
        place.log(8..=30);
        place.holds(1..=30);
        // It is empty whenever it is looked at.
        place.rename("app.log.2", "app.log.3");
        place.rename("app.log.1", "app.log.2");
        rotate("app.log.1");
        place.holds(1..=30);
        for (day, number) in [(5, 31), (6, 32)] {
            // The clock of a file system is coarse.
            thread::sleep(Duration::from_millis(20));
            place.log(number..=number);
            place.rename("app.log.1", &format!("app.log.{day}"));
            rotate("app.log.1");
            place.holds(1..=number);
            place.holds(1..=number);
        }
    }
}

#[test]
fn what_is_gone_is_said() {
    let place = Place::new(Target::Sqlite);
    place.log(1..=3);
    place.holds(1..=3);
    for text in [String::new(), lines(9..=9), lines(4..=90)] {
        fs::write(place.path("app.log"), text).expect("a file");
        place
            .run(LOG)
            .refused("extract", 1, &["app.log", "may be lost", "--accept-gap"]);
    }
    fs::remove_file(place.path("app.log")).expect("a file");
    place
        .run(LOG)
        .refused("extract", 1, &["cannot open 'app.log'"]);
    place.log(4..=6);
    place.load(&format!("{LOG} --accept-gap"));
    place.holds(1..=6);
    place.append("other.log", &lines(7..=9));
    place.run(&LOG.replace("app.log", "other.log")).refused(
        "extract",
        1,
        &["app.log", "another name"],
    );
    place.has(1..=6);
}

#[test]
fn an_unfinished_line_waits() {
    let place = Place::new(Target::File);
    place.append("app.log", "1 a\n2 b");
    let run = place.run(LOG);
    assert!(
        run.err()
            .contains("'app.log': its last record is not finished"),
        "{}",
        run.err()
    );
    place.has(1..=1);
    place.load(LOG);
    place.append("app.log", "c\n3 d");
    place.holds(1..=2);
    place.load(&format!("{LOG} --accept-unfinished"));
    place.has(1..=3);
    place.append("app.log", "\n4 e\n");
    place.holds(1..=4);
    place.append("app.log", "5 f");
    place.load(&format!("{LOG} --accept-unfinished"));
    place.append("app.log", "g\n");
    place
        .run(LOG)
        .refused("extract", 1, &["app.log", "has grown since"]);
    place.has(1..=5);
}

#[test]
fn a_quoted_record_is_whole_when_its_quotes_are_closed() {
    let place = Place::new(Target::File);
    place.append(
        "in.csv",
        "# n and text\nn,text\n1,\"a\nb\"\n2,\"c\n# no comment\n3,",
    );
    let sources = "in.csv --comment '#'";
    place.load(sources);
    let loaded = |text: &str| {
        let found = fs::read_to_string(place.path("out.csv")).expect("a file");
        assert_eq!(found, text);
    };
    loaded("n,text\n1,\"a\nb\"\n");
    place.append("in.csv", "d\"\n# a \"comment\n");
    place.load(sources);
    loaded("n,text\n1,\"a\nb\"\n2,\"c\n# no comment\n3,d\"\n");
    place.append("in.csv", "# unfin");
    place.load(sources);
    place.append("in.csv", "ished\n4,e\n5\n");
    let run = place.run(sources);
    run.refused("extract", 1, &["in.csv:11: "]);
    let text = fs::read_to_string(place.path("in.csv")).expect("a file");
    fs::write(place.path("in.csv"), text.replace("5\n", "5,f\n")).expect("a file");
    place.load(sources);
    loaded("n,text\n1,\"a\nb\"\n2,\"c\n# no comment\n3,d\"\n4,e\n5,f\n");
}

#[test]
fn the_columns_of_a_csv_stay() {
    let place = Place::new(Target::File);
    fs::create_dir(place.path("in")).expect("a directory");
    place.append("in/a.csv", "n,text\n1,a\n");
    place.load("in");
    place.append("in/b.csv", "text,n,more\nb,2,c\n");
    place.run("in").refused(
        "extract",
        1,
        &["in/b.csv: the column 'more' came after the first load of 'f'; -c n,text leaves it out"],
    );
    place
        .run("in -c text,n")
        .refused("extract", 1, &["columns are no longer", "n, text"]);
    fs::write(place.path("in/b.csv"), "n,te").expect("a file");
    let run = place.run("in");
    assert!(
        run.err().contains("'in/b.csv': its header is not finished"),
        "{}",
        run.err()
    );
    assert_eq!(run.code, 0);
    place.append("in/b.csv", "xt\n2,b\n");
    place.load("in");
    place.has(1..=2);
    let place = Place::new(Target::File);
    place.append("in.csv", "");
    place
        .run("in.csv")
        .refused("extract", 1, &["no whole header"]);
    place.append("in.csv", "1,a\n");
    place.load("in.csv --no-header --names n,text");
    place.append("in.csv", "2,a\n");
    place.load("in.csv --no-header --names n,text");
    place.has(1..=2);
}

#[test]
fn a_directory_is_the_files_that_are_in_it() {
    for place in every_target("directory") {
        fs::create_dir(place.path("in")).expect("a directory");
        let csv = |name: &str, numbers: std::ops::RangeInclusive<u32>| {
            let records: String = numbers.map(|n| format!("{n},\"x\"\n")).collect();
            match place.path(name).exists() {
                true => place.append(name, &records),
                false => place.append(name, &format!("n,text\n{records}")),
            }
        };
        csv("in/b.csv", 3..=4);
        csv("in/a.csv", 1..=2);
        csv("in/.hidden.csv", 90..=99);
        fs::create_dir(place.path("in/sub")).expect("a directory");
        place.load("in/");
        assert_eq!(place.numbers(), [1, 2, 3, 4]);
        csv("in/a.csv", 5..=5);
        csv("in/c.csv", 6..=6);
        place.append("in/_SUCCESS", "");
        place.load("in/");
        place.has(1..=6);
        // Names change, contents stay.
        place.rename("in/a.csv", "in/z.csv");
        csv("in/z.csv", 7..=7);
        assert_eq!(place.bash("gzip in/b.csv").code, 0);
        fs::remove_file(place.path("in/c.csv")).expect("a file");
        place.load("in/");
        place.has(1..=7);
        let run = place.run("'in/*.csv*'");
        assert_eq!(run.code, 0);
        place.has(1..=7);
        assert!(
            run.err().contains("nothing new since the last load of 'f'"),
            "{}",
            run.err()
        );
        // A file in the place of one that is gone, which may have its inode.
        csv("in/c.csv", 8..=9);
        place.load("in");
        place.has(1..=9);
        // The same beginning, in a file that was written anew.
        let text = fs::read_to_string(place.path("in/c.csv")).expect("a file");
        fs::write(place.path("new"), format!("{text}10,x\n")).expect("a file");
        place.rename("new", "in/c.csv");
        place.load("in");
        place.has(1..=10);
        place.rename("in", "away");
        fs::create_dir(place.path("in")).expect("a directory");
        place.load("in --from csv");
        fs::remove_dir(place.path("in")).expect("a directory");
        place.rename("away", "in");
        csv("in/z.csv", 11..=11);
        place.load("in");
        place.has(1..=11);
    }
}

/// CSV with these records, each of which says its number and a text.
fn table(numbers: impl IntoIterator<Item = u32>, text: &str) -> String {
    let records = numbers
        .into_iter()
        .map(|number| format!("{number},{text}\n"));
    format!("n,text\n{}", records.collect::<String>())
}

#[test]
fn a_file_of_another_name_is_a_file_of_its_own() {
    let place = Place::new(Target::Sqlite);
    fs::create_dir(place.path("in")).expect("a directory");
    let write = |name: &str, text: &str| fs::write(place.path(name), text).expect("a file");
    // Two days that differ in one record in the middle, of one length.
    let day = table(1000..1401, "an order of that day that has not changed");
    write("in/day-01.csv", &day);
    place.load("in");
    write(
        "in/day-02.csv",
        &day.replace("1200,an order", "1200,AN ORDER"),
    );
    place.load("in");
    assert_eq!(place.numbers().len(), 802);
    // The same day once more, the first line alone, and one that has all the others' records.
    write("in/day-03.csv", &day);
    write(
        "in/day-04.csv",
        &table(1000..1001, "an order of that day that has not changed"),
    );
    write(
        "in/day-05.csv",
        &table(1000..1501, "an order of that day that has not changed"),
    );
    place.load("in");
    assert_eq!(place.numbers().len(), 802 + 401 + 1 + 501);
    // One in the place of another that was deleted, whose number in the file system it may get.
    fs::remove_file(place.path("in/day-03.csv")).expect("a file");
    write("in/day-06.csv", &day);
    place.load("in");
    assert_eq!(place.numbers().len(), 802 + 401 + 1 + 501 + 401);
    // A compressed day beside another of the same name.
    write("day-01.csv", &table(1..4, "compressed"));
    assert_eq!(place.bash("gzip day-01.csv; mv day-01.csv.gz in").code, 0);
    place.load("in");
    assert_eq!(place.numbers().len(), 802 + 401 + 1 + 501 + 401 + 3);
    // And one that is being compressed, is no new one.
    assert_eq!(
        place
            .bash("gzip -k in/day-02.csv; head -c 40 in/day-02.csv.gz >in/day-05.csv.gz")
            .code,
        0
    );
    let run = place.run("in");
    assert!(
        run.err().contains("'in/day-02.csv.gz' is a copy"),
        "{}",
        run.err()
    );
    assert_eq!(
        place
            .bash("rm in/day-02.csv; rm in/day-05.csv; gzip -dc in/day-02.csv.gz | wc -c")
            .code,
        0
    );
    fs::remove_file(place.path("in/day-05.csv.gz")).expect("a file");
    place.load("in");
    assert_eq!(place.numbers().len(), 802 + 401 + 1 + 501 + 401 + 3);
    // An export that is written anew in its place, and differs in the middle.
    let changed = day.replace("1300,an order", "1300,AN ORDER");
    write("in/day-01.csv", &changed);
    place.run("in").refused(
        "extract",
        1,
        &["in/day-01.csv", "may be lost", "--accept-gap"],
    );
}

#[test]
fn what_is_away_for_a_while_is_not_new() {
    for place in every_target("away") {
        fs::create_dir_all(place.path("in")).expect("a directory");
        place.append("in/a.csv", &table(1..2, "a"));
        place.append("in/b.csv", &table(2..3, "b"));
        place.load("in");
        place.rename("in/b.csv", "b.csv");
        place.append("in/a.csv", "3,a\n");
        place.load("in");
        place.rename("b.csv", "in/b.csv");
        place.append("in/b.csv", "4,b\n");
        place.load("in");
        place.has(1..=4);
        // It is forgotten after 30 days, which only a checkpoint of that age can show.
        if let Target::Sqlite = place.target {
            place.rename("in/b.csv", "b.csv");
            place.load("in");
            let days = |days: i64| {
                let then = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .expect("a time")
                    .as_secs() as i64
                    - days * 86_400;
                let connection =
                    rusqlite::Connection::open(place.path("d.db")).expect("a database");
                let sql = format!(
                    "UPDATE _pipewright_checkpoints SET position = replace(position, substr(position, instr(position, '\"gone\":') , 17), '\"gone\":{then}')"
                );
                connection.execute(&sql, []).expect("an update");
            };
            days(29);
            place.rename("b.csv", "in/b.csv");
            place.load("in");
            place.has(1..=4);
            place.rename("in/b.csv", "b.csv");
            place.load("in");
            days(31);
            place.load("in");
            place.rename("b.csv", "in/b.csv");
            place.load("in");
            assert_eq!(place.numbers().len(), 6);
        }
    }
}

#[test]
fn the_clock_says_nothing_of_what_came_first() {
    let place = Place::new(Target::File);
    place.log(1..=2);
    place.holds(1..=2);
    // The part that came since has an older time than all others.
    place.rename("app.log", "app.log.2");
    place.append("app.log.1", &lines(3..=4));
    place.log(5..=5);
    assert_eq!(
        place
            .bash("touch -d '1 hour ago' app.log.1; touch app.log.2")
            .code,
        0
    );
    place.holds(1..=5);
    assert!(place.numbers().is_sorted());
    // Dates in the names, which are older than the log was read.
    place.rename("app.log", "app.log-20260103");
    place.append("app.log-20260105.gz", "");
    place.append("app.log-20260104", &lines(6..=6));
    fs::remove_file(place.path("app.log-20260105.gz")).expect("a file");
    place.append("app.log-20260105", &lines(7..=7));
    assert_eq!(
        place
            .bash("gzip app.log-20260105; touch -d '1 day ago' app.log-20260105.gz")
            .code,
        0
    );
    place.log(8..=8);
    place.holds(1..=8);
    assert!(place.numbers().is_sorted());
    // Names that do not say it.
    place.rename("app.log", "app.log-20260106");
    place.append("app.log.old", &lines(9..=9));
    place.append("app.log-20260107", &lines(10..=10));
    place.log(11..=11);
    place.run(LOG).refused(
        "extract",
        1,
        &["app.log.old", "app.log-20260107", "name them as sources"],
    );
    place.load(&LOG.replace(
        "app.log",
        "app.log.old app.log-20260107 app.log-20260106 app.log",
    ));
    place.holds(1..=11);
}

#[test]
fn rotated_parts_may_have_any_compression_and_links_may_lead_to_logs() {
    for compress in ["xz", "bzip2"] {
        let place = Place::new(Target::Sqlite);
        place.log(1..=300);
        place.holds(1..=300);
        place.log(301..=400);
        place.rename("app.log", "app.log.1");
        place.log(401..=402);
        assert_eq!(place.bash(&format!("{compress} app.log.1")).code, 0);
        place.holds(1..=402);
        place.log(403..=403);
        place.holds(1..=403);
    }
    // As Kubernetes has them: the link stays, and what it leads to is renamed, or is another file.
    let place = Place::new(Target::Sqlite);
    fs::create_dir(place.path("pod")).expect("a directory");
    place.append("pod/0.log", &lines(1..=3));
    std::os::unix::fs::symlink("pod/0.log", place.path("app.log")).expect("a link");
    place.holds(1..=3);
    place.append("pod/0.log", &lines(4..=4));
    place.rename("pod/0.log", "pod/0.log.20261122-101010");
    place.append("pod/0.log", &lines(5..=5));
    place.holds(1..=5);
    assert_eq!(place.bash("gzip pod/0.log.20261122-101010").code, 0);
    place.append("pod/0.log", &lines(6..=6));
    place.holds(1..=6);
    place.append("pod/0.log", &lines(7..=7));
    place.append("pod/1.log", &lines(8..=8));
    assert_eq!(place.bash("ln -sf pod/1.log app.log").code, 0);
    place.holds(1..=8);
    place.append("pod/1.log", &lines(9..=9));
    place.holds(1..=9);
}

/// A writer of 20,001 lines rotates its log while that is loaded in a loop.
fn holds_while_rotated(sources: &str, rotate: impl Fn(&Place) + Sync) {
    let place = Place::new(Target::Sqlite);
    place.log(1..=1);
    place.load(sources);
    let is_over = AtomicBool::new(false);
    let name = |number: u32| format!("app.log.{number}");
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut dice = Dice(7);
            let mut first = 2;
            while first <= 20_001 {
                let last = (first + dice.roll(160) as u32).min(20_001);
                place.log(first..=last);
                first = last + 1;
                thread::sleep(Duration::from_millis(5));
                if dice.roll(4) == 0 {
                    let older = (1..).take_while(|number| place.path(&name(*number)).exists());
                    for older in older.collect::<Vec<_>>().into_iter().rev() {
                        place.rename(&name(older), &name(older + 1));
                    }
                    rotate(&place);
                }
            }
            is_over.store(true, Ordering::Release);
        });
        while !is_over.load(Ordering::Acquire) {
            let run = place.run(sources);
            assert!(
                run.code == 0 || run.err().contains("again") || run.err().contains("cut short"),
                "{}",
                run.err()
            );
            place.has_no_double();
        }
    });
    place.load(sources);
    place.has(1..=20_001);
}

#[test]
fn a_writer_that_rotates_under_a_glob_loses_and_doubles_nothing() {
    holds_while_rotated(&LOG.replace("app.log", "'app.log*'"), |place| {
        place.rename("app.log", "app.log.1");
    });
}

/// As logrotate's `copytruncate` does it: the log stays, and may have grown past where it was read to before
/// a run that has looked at it reads it.
#[test]
fn a_writer_that_copies_and_empties_its_log_loses_and_doubles_nothing() {
    for _ in 0..3 {
        holds_while_rotated(LOG, |place| {
            fs::copy(place.path("app.log"), place.path("copying")).expect("a copy");
            place.rename("copying", "app.log.1");
            let log = OpenOptions::new().write(true).open(place.path("app.log"));
            let log = log.expect("the log can be opened");
            log.set_len(0).expect("the log can be emptied");
        });
    }
}

#[test]
fn of_two_runs_at_once_one_is_refused() {
    for place in every_target("at_once") {
        let gate = |own: &str| {
            let (address, table) = place.address();
            format!(
                "( extract {LOG} --resume '{address}#f'; touch {own} ) \
                 | ( until [ -e a ] && [ -e b ]; do sleep 0.01; done; \
                     load '{address}' {table} --resume-name f >/dev/null 2>{own}.err; echo $? >{own}.code )"
            )
        };
        for (first, last) in [(1, 50), (51, 60), (61, 61)] {
            place.log(first..=last);
            place.bash(&format!("rm -f a b; {} & {} & wait", gate("a"), gate("b")));
            let read = |name: &str| fs::read_to_string(place.path(name)).expect("it has ended");
            let mut codes = [read("a.code"), read("b.code")];
            let said = read("a.err") + &read("b.err");
            codes.sort();
            assert_eq!(codes, ["0\n", "1\n"], "{said}");
            assert!(
                said.contains("nothing was committed") || said.contains("'out.csv'"),
                "{said}"
            );
            place.has(1..=last);
        }
    }
}

#[test]
fn a_checkpoint_is_committed_where_it_belongs_or_not_at_all() {
    let place = Place::new(Target::Sqlite);
    place.log(1..=3);
    place.load(LOG);
    place.log(4..=4);
    let extract = format!("extract {LOG} --resume sqlite:d.db#f");
    for (line, words) in [
        (
            format!("{extract} | load sqlite:other.db --table t --resume-name f"),
            &["same target", "nothing was committed"][..],
        ),
        (
            format!("{extract} | load other.csv --resume-name f"),
            &["same target", "'other.csv' was not written"],
        ),
        (
            format!("{extract} | load sqlite:d.db --table t"),
            &["give --resume-name f", "nothing was committed"],
        ),
        (
            format!("{extract} | load sqlite:d.db --table t --resume-name g"),
            &["of 'f'", "'g'"],
        ),
        (
            format!("{extract} | cat | load sqlite:d.db --table t --resume-name f"),
            &["no checkpoint of 'f'", "balance"],
        ),
        (
            "extract app.log --pattern '(?<n>.)(?<text>.)' | load sqlite:d.db --table t --resume-name f".to_owned(),
            &["no checkpoint of 'f'"],
        ),
        (
            format!(
                "({extract}; {extract} | tail -n +2) | load sqlite:d.db --table t --resume-name f"
            ),
            &["nothing was committed"],
        ),
    ] {
        place.bash(&line).refused("load", 1, words);
        place.has(1..=3);
        assert!(!place.path("other.db").exists() && !place.path("other.csv").exists());
    }
    // Who only looks commits nothing, and is not asked to.
    let run = place.bash(&format!("{extract} | load - --to csv"));
    assert_eq!(run.out(), "n,text\n4,\"said so, and \"\"said\"\" so\"\n");
    assert_eq!(run.code, 0);
    place.holds(1..=4);
    // The reader has left: nothing is committed, and nothing lost.
    place.log(5..=90_000);
    let run = place.bash(&format!("{extract} | head -n 2 >/dev/null"));
    assert_eq!((run.code, run.err().as_str()), (0, ""));
    place.holds(1..=90_000);
}

#[test]
fn nothing_new_is_no_failure_but_may_have_its_own_code() {
    let place = Place::new(Target::Sqlite);
    place.append("in.csv", "n,text\n");
    let run = place.run("in.csv --exit-if-empty 99");
    assert_eq!(run.code, 99, "{}", run.err());
    assert!(
        run.err().contains("no record is there yet"),
        "{}",
        run.err()
    );
    place.append("in.csv", "1,a\n");
    let run = place.run("in.csv --exit-if-empty 99");
    assert_eq!((run.code, run.err().as_str()), (0, ""));
    let extract = "extract in.csv --resume sqlite:d.db#f";
    let run = place.bash(&format!("{extract} | cat"));
    assert_eq!(run.out(), "n,text\n");
    assert_eq!(
        run.err(),
        "extract: nothing new since the last load of 'f'\n"
    );
    assert_eq!(run.code, 0);
    let load = "load sqlite:d.db --table t --resume-name f --exit-if-empty 7";
    assert_eq!(place.bash(&format!("{extract} | {load}")).code, 7);
    let run = place.bash("extract in.csv | load sqlite:d.db --table u --exit-if-empty 7");
    assert_eq!(run.code, 0, "{}", run.err());
    let run = place.bash("load sqlite:d.db --table t --exit-if-empty 0 in.csv");
    run.refused("load", 2, &["--exit-if-empty"]);
}

#[test]
fn a_checkpoint_moves_though_no_record_is_left() {
    for place in every_target("filtered") {
        place.log(1..=2);
        place.load(LOG);
        place.append("app.log", "0 nothing\n");
        let run = place.run(LOG);
        assert_eq!((run.code, run.err().as_str()), (0, ""));
        let run = place.run(LOG);
        assert!(run.err().contains("nothing new"), "{}", run.err());
        place.has(1..=2);
    }
}

#[test]
fn a_target_that_cannot_be_asked_is_no_new_target() {
    let place = Place::new(Target::Sqlite);
    place.log(1..=3);
    fs::write(place.path("no.db"), "x".repeat(5000)).expect("a file");
    fs::create_dir(place.path("dir.db")).expect("a directory");
    fs::write(place.path("d.csv"), "n,text\n").expect("a file");
    fs::write(place.path("d.csv.pipewright"), "{").expect("a file");
    for (address, words) in [
        ("sqlite:no.db#f", &["'no.db' is no SQLite database"][..]),
        ("sqlite:dir.db#f", &["'dir.db' is a directory"]),
        ("d.csv#f", &["'d.csv.pipewright'", "damaged", "remove both"]),
        (
            "postgresql://u:secret@127.0.0.1:1/d#f",
            &["cannot connect", "refused"],
        ),
    ] {
        let run = place.bash(&format!("extract {LOG} --resume '{address}' | cat"));
        run.refused("extract", 1, words);
        assert!(!run.err().contains("secret"));
    }
}

#[test]
fn wrong_calls_are_refused() {
    let place = Place::new(Target::Sqlite);
    place.log(1..=3);
    place.append("a.jsonl", "{\"n\":1}\n");
    place.append("a.json", "[{\"n\":1}]\n");
    for (line, tool, words) in [
        (
            "extract --from csv --resume d.csv#f | cat",
            "extract",
            "standard input",
        ),
        (
            "extract - --from csv --resume d.csv#f | cat",
            "extract",
            "standard input",
        ),
        ("extract a.jsonl --resume d.csv#f | cat", "extract", "-c"),
        (
            "extract a.json --resume d.csv#f | cat",
            "extract",
            "JSON Lines",
        ),
        (
            "extract app.log --from csv --sniff --resume d.csv#f | cat",
            "extract",
            "--sniff",
        ),
        (
            "extract app.log --from csv --resume d.csv#f >file",
            "extract",
            "pipe",
        ),
        (
            "PIPEWRIGHT_ENDS=off extract app.log --from csv --resume d.csv#f | cat",
            "extract",
            "pipe",
        ),
        (
            "extract app.log --from csv --resume d.csv",
            "extract",
            "TARGET#NAME",
        ),
        (
            "extract app.log --from csv --accept-gap",
            "extract",
            "--resume",
        ),
        (
            "load sqlite:d.db --table t --mode replace --resume-name f a.csv",
            "load",
            "append or upsert",
        ),
        ("load - --resume-name f a.csv", "load", "standard output"),
        ("load a.md --resume-name f a.csv", "load", "--mode replace"),
        ("load d.csv --mode upsert --key n a.csv", "load", "append"),
    ] {
        place.bash(line).refused(tool, 2, &[words]);
    }
    let looked = place.bash(&format!("extract {LOG} --resume d.csv#f >/dev/null"));
    assert_eq!((looked.code, looked.err().as_str()), (0, ""));
    place
        .bash("extract <(cat app.log) --from csv --resume d.csv#f | cat")
        .refused("extract", 1, &["no regular file"]);
}

#[test]
fn records_are_added_to_files() {
    let place = Place::new(Target::File);
    let load = |stream: &str, flags: &str| {
        place.append("in", stream);
        let run = place.bash(&format!("load {flags} --mode append <in"));
        fs::remove_file(place.path("in")).expect("a file");
        run
    };
    let holds = |name: &str, text: &str| {
        assert_eq!(fs::read_to_string(place.path(name)).expect("a file"), text);
    };
    for (name, header, records) in [
        ("a.csv", "n,t\n", ["1,\"a,b\"\n", "2,\"\"\n"]),
        ("a.tsv", "n\tt\n", ["1\t\"a,b\"\n", "2\t\"\"\n"]),
        (
            "a.jsonl",
            "",
            ["{\"n\":1,\"t\":\"a,b\"}\n", "{\"n\":2,\"t\":\"\"}\n"],
        ),
    ] {
        let run = load("n,t\n1,\"a,b\"\n", name);
        assert!(run.out().contains(",create,1,1,0,0,0,0\n"), "{}", run.err());
        // A last line without its end is ended.
        let text = fs::read_to_string(place.path(name)).expect("a file");
        fs::write(place.path(name), text.trim_end()).expect("a file");
        let run = load("n,t\n2,\"\"\n", name);
        assert!(run.out().contains(",append,1,1,0,0,0,0\n"), "{}", run.err());
        holds(name, &format!("{header}{}{}", records[0], records[1]));
    }
    let before = fs::read_to_string(place.path("a.csv")).expect("a file");
    for (stream, words) in [
        ("n,u\n1,2\n", "no column 'u'"),
        ("n\n1\n", "a column 't'"),
        ("t,n\n1,2\n", "another order"),
    ] {
        load(stream, "a.csv").refused("load", 1, &["'a.csv'", words]);
    }
    holds("a.csv", &before);
    fs::write(place.path("b.csv"), "n,t\n1,\"a").expect("a file");
    load("n,t\n1,2\n", "b.csv").refused("load", 1, &["inside a quoted field"]);
}

#[test]
fn a_file_and_its_sidecar_survive_a_crash_between_them() {
    let place = Place::new(Target::File);
    place.log(1..=3);
    place.load(LOG);
    // As a crash before the second rename leaves them: the sidecar speaks of both files, the old one is there.
    let sidecar = fs::read_to_string(place.path("out.csv.pipewright")).expect("a sidecar");
    // The old file stays as it is, for later; a copy takes its part in the next load.
    let inode = |name: &str| {
        let metadata = fs::metadata(place.path(name)).expect("a file");
        format!("\"inode\":{},", metadata.ino())
    };
    place.rename("out.csv", "old.csv");
    fs::copy(place.path("old.csv"), place.path("out.csv")).expect("a copy");
    let of_copy = sidecar.replace(&inode("old.csv"), &inode("out.csv"));
    fs::write(place.path("out.csv.pipewright"), of_copy).expect("a sidecar");
    place.log(4..=6);
    place.load(LOG);
    let after = fs::read_to_string(place.path("out.csv.pipewright")).expect("a sidecar");
    let inner = |text: &str| {
        let text = text.trim_end();
        text["{\"states\":[".len()..text.len() - "]}".len()].to_owned()
    };
    let both = format!("{{\"states\":[{},{}]}}\n", inner(&sidecar), inner(&after));
    fs::write(place.path("out.csv.pipewright"), &both).expect("a sidecar");
    // The new file is there: its state counts.
    place.load(LOG);
    place.has(1..=6);
    // The old file is there: the last load never was, and is done again.
    fs::write(place.path("out.csv.pipewright"), &both).expect("a sidecar");
    place.rename("old.csv", "out.csv");
    place.has(1..=3);
    place.holds(1..=6);
    // A file that the sidecar does not know, and none at all.
    let text = fs::read(place.path("out.csv")).expect("a file");
    fs::write(place.path("copy"), text).expect("a file");
    place.rename("copy", "out.csv");
    let words = [
        "'out.csv' is not the file",
        "remove both to load from the start",
    ];
    place.run(LOG).refused("extract", 1, &words);
    fs::remove_file(place.path("out.csv")).expect("a file");
    place.run(LOG).refused("extract", 1, &["'out.csv' is gone"]);
    fs::remove_file(place.path("out.csv.pipewright")).expect("a file");
    place.holds(1..=6);
}

#[test]
fn the_first_load_into_a_file_may_crash_too() {
    let place = Place::new(Target::File);
    place.log(1..=3);
    place.load(LOG);
    let after = fs::read_to_string(place.path("out.csv.pipewright")).expect("a sidecar");
    let state = after.trim_end()["{\"states\":[".len()..].to_owned();
    let both = format!("{{\"states\":[{{\"file\":null,\"checkpoints\":{{}}}},{state}\n");
    fs::write(place.path("out.csv.pipewright"), both).expect("a sidecar");
    fs::remove_file(place.path("out.csv")).expect("a file");
    place.holds(1..=3);
}

#[test]
fn two_flows_may_go_into_one_file() {
    let place = Place::new(Target::File);
    place.append("a.csv", "n,text\n1,a\n");
    place.append("b.csv", "n,text\n2,b\n");
    let load = |name: &str| {
        let line = format!(
            "extract {name}.csv --resume out.csv#{name} | load out.csv --resume-name {name}"
        );
        let run = place.bash(&line);
        assert_eq!(run.code, 0, "{}", run.err());
    };
    load("a");
    load("b");
    place.append("a.csv", "3,a\n");
    load("a");
    load("b");
    place.has(1..=3);
    // Records that come from elsewhere leave the checkpoints alone.
    let run = place.bash("printf 'n,text\\n4,c\\n' | load out.csv --mode append");
    assert_eq!(run.code, 0, "{}", run.err());
    load("a");
    place.has(1..=4);
}

#[test]
fn an_upsert_is_resumed_as_well() {
    let place = Place::new(Target::Sqlite);
    let load = || {
        let line = "extract in.csv --resume sqlite:d.db#f | load sqlite:d.db --table t --mode upsert --key n --resume-name f";
        let run = place.bash(line);
        assert_eq!(run.code, 0, "{}", run.err());
        run.out().lines().nth(1).expect("a receipt").to_owned()
    };
    place.append("in.csv", "n,text\n1,a\n2,b\n");
    assert_eq!(load(), "sqlite:d.db,t,create,2,2,0,0,0,0");
    place.append("in.csv", "2,c\n3,d\n");
    assert_eq!(load(), "sqlite:d.db,t,upsert,2,1,1,0,0,0");
    assert_eq!(load(), "sqlite:d.db,t,upsert,0,0,0,0,0,0");
    place.has(1..=3);
}

#[test]
fn rejects_of_earlier_stages_are_in_the_receipt() {
    let place = Place::new(Target::File);
    place.append("in.csv", "n,text\n1,a\n2\nx,c\n4,d\n");
    let line =
        "extract in.csv --on-error skip 2>/dev/null | filter 'n > 0' --on-error skip 2>/dev/null";
    let run = place.bash(&format!("{line} | load out.csv"));
    assert_eq!(
        run.out().lines().nth(1),
        Some("out.csv,,create,2,2,0,0,2,0")
    );
    let run = place.bash(&format!("{line} | cat | load out.csv"));
    assert_eq!(
        run.out().lines().nth(1),
        Some("out.csv,,replace,2,2,0,0,,0")
    );
}
