//! A log that grows, a last line that is not finished, and stages that are killed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::{fs, thread};

use crate::{Dice, LOG, Place, Target, every_target, line, lines, run_and_kill};

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
