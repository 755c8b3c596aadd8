//! No program writes a file that it reads, or one file twice.

mod harness;

use std::fs;

#[test]
fn a_file_that_is_read_is_never_written() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let source = place.path().join("s.csv");
    fs::write(&source, "n,t\n1,a\n").expect("a file");
    fs::hard_link(&source, place.path().join("hard.csv")).expect("a link");
    for (line, words) in [
        (
            "filter 'n>0' s.csv --rejects s.csv",
            "--rejects 's.csv' is also read",
        ),
        ("filter 'n>0' s.csv --rejects hard.csv", "is also read"),
        ("filter 'n>0' --rejects s.csv <s.csv", "is also read"),
        (
            "filter 'n>0' s.csv --else s.csv",
            "--else 's.csv' is also read",
        ),
        (
            "filter 'n>0' s.csv --else x --rejects ./x",
            "'./x' is also written by --else",
        ),
        (
            "filter 'n>0' s.csv --rejects x >x",
            "is also standard output",
        ),
        ("map 'm = n' s.csv --rejects s.csv", "is also read"),
        ("aggregate 'count()' s.csv --rejects s.csv", "is also read"),
        ("order n s.csv --rejects s.csv", "is also read"),
        ("dedupe n s.csv --rejects s.csv", "is also read"),
        ("extract s.csv --rejects s.csv", "is also read"),
        ("load o.csv s.csv --rejects s.csv", "is also read"),
        (
            "load o.csv s.csv --rejects o.csv",
            "is also written by TARGET",
        ),
        ("filter 'n>0' s.csv --rejects -", "not to standard output"),
    ] {
        let run = harness::bash(line).dir(place.path()).run();
        assert_eq!(run.code, 2, "{line}: {}", run.err());
        assert!(run.err().contains(words), "{line}: {}", run.err());
        let kept = fs::read_to_string(&source).expect("a file");
        assert_eq!(kept, "n,t\n1,a\n", "{line}");
    }
    let line = "filter 'n>0' s.csv --else /dev/null --rejects /dev/null </dev/null";
    harness::bash(line).dir(place.path()).run().quiet_success();
}
