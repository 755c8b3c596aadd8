//! Which checkpoint is committed, and when.

use std::fs;

use crate::{LOG, Place, Target, every_target};

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
