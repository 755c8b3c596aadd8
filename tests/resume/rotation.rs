//! Logs that are rotated: renamed, compressed, copied and emptied, also while they are read.

use std::fs::{self, File, OpenOptions};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::{Dice, LOG, Place, Target, every_target, lines, run_and_kill};

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
