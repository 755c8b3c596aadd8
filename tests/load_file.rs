//! `load` into files: whole or not at all.

mod harness;

use harness::{Run, tool};
use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

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
    let run = harness::bash("echo n | load /dev/stdout --to csv | cat").run();
    let out = run.out();
    assert!(out.starts_with("n\ntarget,table,mode"), "{out}");
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

/// A directory in which loads are run.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Place(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file is written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn bash(&self, line: &str) -> Run {
        harness::bash(line).dir(self.0.path()).run()
    }

    #[track_caller]
    fn succeeds(&self, line: &str) -> String {
        let run = self.bash(line);
        assert_eq!(run.code, 0, "{line}: {}", run.err());
        run.out()
    }

    /// Names of all files, hidden ones too, sorted.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).expect("a directory");
        let name = |entry: std::io::Result<fs::DirEntry>| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }
}

fn is_root() -> bool {
    // SAFETY: geteuid reads a number.
    unsafe { libc::geteuid() == 0 }
}

/// The two ways in which a file that exists is written, with what makes each of them.
const WAYS: [(&str, &str, &str); 3] = [
    ("--mode replace", "n\n2\n", ""),
    ("--mode append", "n\n1\n2\n", ""),
    (
        "--resume-name f",
        "n\n1\n2\n",
        "extract in.csv --resume out.csv#f | ",
    ),
];

#[test]
fn a_file_keeps_its_owner_mode_and_attributes() {
    for (flags, expected, upstream) in WAYS {
        let place = Place::new();
        place.write("in.csv", "n\n2\n");
        place.write("out.csv", "n\n1\n");
        let out = place.path("out.csv");
        if is_root() {
            chown(&out, Some(65534), Some(1234)).expect("an owner");
        }
        let mode = fs::Permissions::from_mode(0o2640);
        fs::set_permissions(&out, mode).expect("a mode");
        let has_attributes = set_attribute(&out, c"user.origin", b"here");
        let input = if upstream.is_empty() { "<in.csv" } else { "" };
        place.succeeds(&format!("{upstream}load out.csv {flags} {input}"));
        assert_eq!(place.read("out.csv"), expected, "{flags}");
        let now = fs::metadata(&out).expect("a file");
        assert_eq!(now.mode() & 0o7777, 0o2640, "{flags}");
        if is_root() {
            assert_eq!((now.uid(), now.gid()), (65534, 1234), "{flags}");
            // The file beside it is for the same users.
            if let Ok(beside) = fs::metadata(place.path("out.csv.pipewright")) {
                assert_eq!((beside.uid(), beside.gid()), (65534, 1234));
            }
        }
        if has_attributes {
            assert_eq!(attribute(&out, c"user.origin"), b"here", "{flags}");
        }
    }
}

/// Sets an extended attribute: whether the file system has any.
fn set_attribute(path: &Path, name: &CStr, value: &[u8]) -> bool {
    let path = CString::new(path.as_os_str().as_encoded_bytes()).expect("a path");
    // SAFETY: both names end in a zero, and the value has as many bytes as is said.
    let result = unsafe {
        let (value, length) = (value.as_ptr().cast(), value.len());
        libc::setxattr(path.as_ptr(), name.as_ptr(), value, length, 0)
    };
    result == 0
}

fn attribute(path: &Path, name: &CStr) -> Vec<u8> {
    let path = CString::new(path.as_os_str().as_encoded_bytes()).expect("a path");
    let mut value = vec![0; 100];
    // SAFETY: both names end in a zero, and the buffer has as many bytes as is said.
    let length = unsafe {
        let buffer = value.as_mut_ptr().cast();
        libc::getxattr(path.as_ptr(), name.as_ptr(), buffer, value.len())
    };
    value.truncate(usize::try_from(length).unwrap_or_default());
    value
}

#[test]
fn a_list_of_the_directory_does_not_open_a_file_to_others() {
    // Version 2; owner rw, user 1234 rw, group r, mask rw, others none.
    let entries: [(u16, u16, u32); 5] = [
        (0x01, 6, u32::MAX),
        (0x02, 6, 1234),
        (0x04, 4, u32::MAX),
        (0x10, 6, u32::MAX),
        (0x20, 0, u32::MAX),
    ];
    let mut list = 2u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(permissions.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    let place = Place::new();
    place.write("out.csv", "n\n1\n");
    fs::set_permissions(place.path("out.csv"), fs::Permissions::from_mode(0o640)).expect("a mode");
    if !set_attribute(place.0.path(), c"system.posix_acl_default", &list) {
        return;
    }
    place.succeeds("echo n | load out.csv");
    let access = c"system.posix_acl_access";
    assert_eq!(attribute(&place.path("out.csv"), access), b"");
    // A list of its own stays.
    assert!(set_attribute(&place.path("out.csv"), access, &list));
    place.succeeds("echo n | load out.csv");
    assert_eq!(attribute(&place.path("out.csv"), access), list);
}

#[test]
fn a_file_whose_owner_cannot_be_kept_is_refused_before_anything_is_read() {
    if !is_root() {
        return;
    }
    let place = Place::new();
    let load = harness::search_path();
    let load = std::env::split_paths(&load).next().expect("a path");
    fs::copy(load.join("load"), place.path("load")).expect("a copy");
    chown(place.0.path(), Some(65534), Some(65534)).expect("an owner");
    place.succeeds("mkfifo endless");
    let as_nobody = "setpriv --reuid 65534 --regid 65534 --clear-groups env TMPDIR=. ./load";
    for (owner, words) in [
        ((0, 0), "it belongs to user 0, and the new file would not"),
        (
            (65534, 0),
            "it belongs to group 0, and the new file would not",
        ),
    ] {
        place.write("out.csv", "n\n1\n");
        chown(place.path("out.csv"), Some(owner.0), Some(owner.1)).expect("an owner");
        fs::set_permissions(place.path("out.csv"), fs::Permissions::from_mode(0o666))
            .expect("a mode");
        for mode in ["replace", "append"] {
            // The stream never ends, and is not read.
            let run = place.bash(&format!("{as_nobody} out.csv --mode {mode} <>endless"));
            run.refused("load", 1, &[words, "or remove it first"]);
        }
        assert_eq!(place.names(), ["endless", "load", "out.csv"]);
    }
    fs::remove_file(place.path("out.csv")).expect("a file");
    place.succeeds(&format!("echo n | {as_nobody} out.csv"));
}

#[test]
fn the_file_that_a_link_leads_to_is_made() {
    for flags in ["", "--mode append", "--mode create"] {
        let place = Place::new();
        fs::create_dir(place.path("data")).expect("a directory");
        symlink("second", place.path("out.csv")).expect("a link");
        symlink("data/real.csv", place.path("second")).expect("a link");
        let receipt = place.succeeds(&format!("printf 'n\\n1\\n' | load out.csv {flags}"));
        assert!(receipt.contains("out.csv,,create,1"), "{receipt}");
        assert_eq!(place.read("data/real.csv"), "n\n1\n", "{flags}");
        assert_eq!(place.names(), ["data", "out.csv", "second"]);
        assert!(place.path("out.csv").is_symlink());
    }
    let place = Place::new();
    place.write("in.csv", "n\n1\n");
    symlink("none/real.csv", place.path("out.csv")).expect("a link");
    let run = place.bash("load out.csv <in.csv");
    let words = ["'none/real.csv'", "there is no directory 'none'"];
    run.refused("load", 1, &words);
    assert!(place.path("out.csv").is_symlink());
    // A checkpoint goes beside the file, as that of a file that exists.
    fs::create_dir(place.path("none")).expect("a directory");
    for _ in 0..2 {
        place.succeeds("extract in.csv --resume out.csv#f | load out.csv --resume-name f");
    }
    assert_eq!(place.read("none/real.csv"), "n\n1\n");
    assert!(place.path("none/real.csv.pipewright").exists());
    symlink("circle.csv", place.path("circle.csv")).expect("a link");
    place.bash("load circle.csv <in.csv").refused(
        "load",
        1,
        &["cannot write 'circle.csv'", "symbolic links"],
    );
    // A database is made in the same way.
    symlink("none/real.db", place.path("d.db")).expect("a link");
    place.succeeds("load sqlite:d.db#t in.csv");
    assert!(place.path("none/real.db").exists() && place.path("d.db").is_symlink());
}

#[test]
fn hard_links_are_not_parted() {
    for (flags, ..) in &WAYS[..2] {
        let place = Place::new();
        place.write("in.csv", "n\n2\n");
        place.write("out.csv", "n\n1\n");
        fs::hard_link(place.path("out.csv"), place.path("other.csv")).expect("a link");
        let run = place.bash(&format!("load out.csv {flags} <in.csv"));
        run.refused("load", 1, &["2 hard links", "cp -p out.csv out.csv.new"]);
        assert_eq!(place.read("other.csv"), "n\n1\n");
        // What is said helps.
        place.succeeds("cp -p out.csv out.csv.new && mv out.csv.new out.csv");
        place.succeeds(&format!("load out.csv {flags} <in.csv"));
    }
}

#[test]
fn a_file_is_not_replaced_by_mistake() {
    let place = Place::new();
    place.write("in.csv", "n\n1\n");
    place.write("new.csv", "n\n2\n");
    for line in [
        "load in.csv new.csv",
        "load in.csv not-there.csv",
        "load ./in.csv - new.csv",
    ] {
        let run = place.bash(line);
        run.refused("load", 2, &["exists; TARGET is the first argument: give --mode replace or --mode append to write to it"]);
        assert_eq!(place.read("in.csv"), "n\n1\n");
    }
    place.succeeds("load in.csv <new.csv && load in.csv - <new.csv && load in.csv <(cat new.csv)");
    place.succeeds("load in.csv new.csv --mode append");
    assert_eq!(place.read("in.csv"), "n\n2\n2\n");
    place.succeeds("load in.csv new.csv --mode replace && load other.csv new.csv");
    assert_eq!(place.read("in.csv"), "n\n2\n");
    let run = place.bash("load '{n}.csv' in.csv");
    run.refused("load", 2, &["by '{n}'", "write file:'{n}.csv'"]);
    place.succeeds("load file:'{n}.csv' in.csv");
    assert_eq!(place.read("{n}.csv"), "n\n2\n");
}

#[test]
fn locks_of_scripts_are_not_waited_for() {
    let place = Place::new();
    place.write("in.csv", "n\n1\n");
    let load = "extract in.csv --resume out.csv#f | load out.csv --resume-name f";
    for lock in [".", "out.csv", "out.csv.pipewright"] {
        place.succeeds(load);
        place.succeeds(&format!("flock {lock} bash -c '{load}'"));
        place.succeeds(&format!("flock {lock} load out.csv --mode append <in.csv"));
    }
    assert_eq!(place.read("out.csv"), "n\n1\n1\n1\n1\n");
    place.succeeds("echo x >>in.csv; flock bad.csv filter 'n > 0' in.csv --rejects bad.csv 2>/dev/null; rm bad.csv");
    assert_eq!(place.names(), ["in.csv", "out.csv", "out.csv.pipewright"]);
}

#[test]
fn appends_at_the_same_time_are_whole_or_refused() {
    let place = Place::new();
    place.write("out.csv", "n\n");
    place.write("in.csv", "n\n1\n");
    let codes = place.succeeds(
        "for i in {1..8}; do { load out.csv --mode append <in.csv >receipt$i 2>said$i; echo $?; } & done; wait",
    );
    let done = codes.lines().filter(|code| *code == "0").count();
    let failed = codes.lines().filter(|code| *code == "1").count();
    assert_eq!(done + failed, 8, "{codes}");
    assert_eq!(
        place.read("out.csv"),
        "n\n".to_owned() + &"1\n".repeat(done)
    );
    assert!(!place.names().iter().any(|name| name.starts_with('.')));
}

#[test]
fn an_edit_during_an_append_is_never_undone() {
    for edit in [
        "printf X | dd of=out.csv bs=1 seek=2 conv=notrunc status=none",
        "printf X | dd of=out.csv bs=1 seek=2 conv=notrunc status=none; touch -d '2020-01-01' out.csv",
        "chmod 600 out.csv",
        "echo 9 >>out.csv",
        "sed -i s/1/X/ out.csv",
    ] {
        let place = Place::new();
        place.write("out.csv", "n\n1\n");
        place.succeeds("touch -d 2020-01-01 out.csv");
        let run = place.bash(&format!(
            "{{ echo n; sleep 0.2; {edit}; echo 2; }} | load out.csv --mode append"
        ));
        run.refused(
            "load",
            1,
            &[
                "'out.csv' was changed by another program",
                "load them again",
            ],
        );
        assert!(!place.read("out.csv").contains('2'), "{edit}");
        place.succeeds("echo n | load out.csv --mode append");
    }
}

#[test]
fn a_touched_file_goes_on() {
    let place = Place::new();
    place.write("in.csv", "n\n1\n");
    let load = "extract in.csv --resume out.csv#f | load out.csv --resume-name f";
    place.succeeds(load);
    place.succeeds("touch -d 2020-01-01 out.csv; chmod 640 out.csv; echo 2 >>in.csv");
    place.succeeds(load);
    assert_eq!(place.read("out.csv"), "n\n1\n2\n");
}

#[test]
fn a_load_that_is_committed_is_a_success_whatever_signal_comes() {
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        let place = Place::new();
        let (mut receipts, full) = full_pipe();
        let mut child = harness::command("load")
            .args(["out.csv"])
            .current_dir(place.0.path())
            .stdin(Stdio::piped())
            .stdout(full)
            .stderr(Stdio::piped())
            .spawn()
            .expect("it runs");
        let stdin = child.stdin.take();
        stdin
            .expect("a pipe")
            .write_all(b"n\n1\n")
            .expect("it reads");
        let deadline = Instant::now() + Duration::from_secs(20);
        while !place.path("out.csv").exists() {
            assert!(Instant::now() < deadline, "the file does not come");
            std::thread::sleep(Duration::from_millis(1));
        }
        // It is committed, and waits for room for its receipt.
        // SAFETY: it is our own child, which was not waited for.
        unsafe { libc::kill(i32::try_from(child.id()).expect("a number"), signal) };
        std::thread::sleep(Duration::from_millis(100));
        assert!(child.try_wait().expect("a child").is_none());
        let mut all = Vec::new();
        receipts.read_to_end(&mut all).expect("a pipe");
        let status = child.wait().expect("a child");
        assert_eq!(status.code(), Some(0), "signal {signal}: {status}");
        let text = String::from_utf8_lossy(&all);
        let receipt = text.trim_start_matches('\0');
        assert!(
            receipt.ends_with("out.csv,,create,1,1,0,0,,0\n"),
            "{receipt}"
        );
    }
}

/// A pipe in which no byte has room, and its other end.
fn full_pipe() -> (File, File) {
    let mut ends = [0; 2];
    // SAFETY: pipe2 writes two descriptors, which are ours from then on.
    let (reader, mut writer) = unsafe {
        assert_eq!(libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC), 0);
        (File::from_raw_fd(ends[0]), File::from_raw_fd(ends[1]))
    };
    // As large as a program of ours would make it.
    // SAFETY: fcntl with numbers touches no memory of ours.
    let size = unsafe { libc::fcntl(writer.as_raw_fd(), libc::F_SETPIPE_SZ, 1 << 20) };
    let size = usize::try_from(size).expect("a size");
    writer.write_all(&vec![0; size]).expect("it has room");
    (reader, writer)
}

#[test]
fn the_exit_code_tells_whether_a_stopped_load_has_committed() {
    let place = Place::new();
    place.write("out.csv", "n\n");
    let mut records = 0;
    for round in 0..40 {
        let mut child = harness::command("load")
            .args(["out.csv", "--mode", "append"])
            .current_dir(place.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it runs");
        let stdin = child.stdin.take();
        let _ = stdin.expect("a pipe").write_all(b"n\n1\n");
        std::thread::sleep(Duration::from_micros(500 * round));
        // SAFETY: it is our own child, which was not waited for.
        unsafe { libc::kill(i32::try_from(child.id()).expect("a number"), libc::SIGTERM) };
        let status = child.wait().expect("a child");
        records += usize::from(status.code() == Some(0));
        let held = place.read("out.csv").lines().count() - 1;
        assert_eq!(held, records, "round {round}: {status}");
    }
    assert_eq!(place.names(), ["out.csv"]);
}

#[test]
fn a_last_line_that_may_be_cut_is_told() {
    let place = Place::new();
    let told = |line: &str| {
        let run = place.bash(line);
        assert_eq!(run.code, 0, "{line}: {}", run.err());
        run.err()
    };
    // A writer's buffer was written, and no more.
    place.succeeds("{ echo a; printf '%0.s1234567890\\n' {1..745} | head -c 8190; } >cut.csv");
    let words = "the last line has no line end, and the file ends where a buffer ends (8192 bytes); if its writer has died, the record is cut: '";
    for line in [
        "load out.csv --mode replace cut.csv",
        "load out.csv <cut.csv",
        "filter 'a > 0' cut.csv",
        "extract cut.csv",
        "extract cut.csv --encoding auto",
    ] {
        let said = told(line);
        assert!(said.contains(words), "{line}: {said}");
        assert!(said.contains(":746: "), "{line}: {said}");
    }
    // Nobody doubts a file that many editors write, nor what shows by itself whether it is whole.
    place.write("new.csv", "a,b\n1,2\n3,12");
    place.succeeds("gzip -k cut.csv; printf '{\"a\":1}' >new.jsonl");
    for line in [
        "load out.csv <new.csv",
        "extract cut.csv.gz",
        "extract new.jsonl",
        "cat cut.csv | load out.csv",
        "load out.csv <(cat cut.csv)",
    ] {
        assert_eq!(told(line), "", "{line}");
    }
    // A log that grows.
    place.succeeds("{ echo a; yes 1234567890 2>/dev/null | head -c 9000000; printf 12; } >log.csv");
    let said = told(
        "(sleep 0.3; printf 34 >>log.csv) & filter 'a > 0' log.csv | (sleep 0.8; cat >/dev/null)",
    );
    assert!(
        said.contains("the file was changed while it was read"),
        "{said}"
    );
}
