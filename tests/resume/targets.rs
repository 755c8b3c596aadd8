//! Files and tables that a resumed load adds to.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::{LOG, Place, Target};

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
