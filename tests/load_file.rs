//! `load` into files: whole or not at all.

mod harness;

use harness::tool;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_file_is_replaced_at_once_or_stays() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let file = place.path().join("out.csv");
    let load = |stream: &str, flags: &[&str]| {
        tool("load")
            .dir(place.path())
            .args(["out.csv"])
            .args(flags)
            .stdin(stream)
            .run()
    };
    let receipt = load("a,b\n1,\n", &[]).quiet_success();
    let receipt = String::from_utf8(receipt).expect("text");
    assert_eq!(receipt.lines().nth(1), Some("out.csv,,create,1,1,0,0,,0"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("a mode");
    load("a,b\n2,\"\n", &[]).refused("load", 1, &["never ends", "'out.csv' is as it was"]);
    assert_eq!(fs::read_to_string(&file).expect("a file"), "a,b\n1,\n");
    load("a,b\n2,3\n", &["--mode", "create"]).refused("load", 1, &["there already"]);
    let receipt = load("a,b\n2,3\n", &[]).quiet_success();
    assert!(String::from_utf8_lossy(&receipt).contains("out.csv,,replace,1,1,0,0"));
    assert_eq!(fs::read_to_string(&file).expect("a file"), "a,b\n2,3\n");
    let mode = fs::metadata(&file).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    assert_eq!(fs::read_dir(place.path()).expect("a directory").count(), 1);
}

#[test]
fn a_full_disk_is_named_and_nothing_is_left() {
    let place = tempfile::tempdir().expect("a temporary directory");
    let stream = "a\n".to_owned() + &"x".repeat(50_000);
    let line = format!("ulimit -f 8; trap '' XFSZ; load out.csv <<'END'\n{stream}\nEND");
    let run = harness::bash(&line).dir(place.path()).run();
    run.refused(
        "load",
        1,
        &["cannot write to 'out.csv'", "'out.csv' was not written"],
    );
    let line = format!("ulimit -f 8; trap '' XFSZ; load sqlite:d.db#t <<'END'\n{stream}\nEND");
    let run = harness::bash(&line).dir(place.path()).run();
    run.refused("load", 1, &["'d.db'", "nothing was committed"]);
    assert_eq!(fs::read_dir(place.path()).expect("a directory").count(), 0);
}

#[test]
fn a_device_is_written_as_it_is() {
    let run = tool("load")
        .args(["/dev/null", "--to", "csv"])
        .stdin("a\n1\n")
        .run();
    assert_eq!(run.code, 0, "{}", run.err());
    tool("load")
        .args(["/dev/full", "--to", "csv"])
        .stdin("a\n1\n")
        .run()
        .refused("load", 1, &["/dev/full", "no space left"]);
}

#[test]
fn json_is_json() {
    let stream = "n,s,t,\"a\"\"b\"\n1.50,007,true,\n-1e5,\"12\",\"x\ny\",\"\"\n";
    for format in ["json", "jsonl"] {
        let out = tool("load")
            .args(["-", "--to", format])
            .stdin(stream)
            .run()
            .quiet_success();
        let text = String::from_utf8(out).expect("text");
        let first = r#"{"n":1.50,"s":"007","t":true,"a\"b":null}"#;
        assert!(text.contains(first), "{text}");
        let parsed: Vec<serde_json::Value> = match format {
            "json" => serde_json::from_str(&text).expect("JSON"),
            _ => text
                .lines()
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .collect(),
        };
        assert_eq!(parsed.len(), 2);
        assert_eq!(parsed[1]["t"], "x\ny");
    }
    let empty = tool("load")
        .args(["-", "--to", "json"])
        .stdin("a\n")
        .run()
        .quiet_success();
    assert_eq!(empty, b"[]\n");
}

#[test]
fn a_table_streams_after_its_sample() {
    let mut stream = String::from("n,text\n");
    for number in 0..5000 {
        stream.push_str(&format!("{number},word\n"));
    }
    let out = tool("load").args(["-"]).stdin(stream).run().quiet_success();
    let text = String::from_utf8(out).expect("text");
    assert_eq!(text.lines().count(), 5002);
    assert_eq!(text.lines().nth(2), Some("  0  word"));
    assert_eq!(text.lines().last(), Some("4999  word"));
}
