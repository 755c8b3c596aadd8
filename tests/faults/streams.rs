//! Faults of what is read and written: archives that are cut or damaged, bombs, slow and hasty readers, closed
//! descriptors, records of every absurd shape, too little memory.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::harness::{self, Run, tool};

/// A use of each program that writes all of the columns `id,note` on.
const USES: [(&str, &[&str]); 5] = [
    ("extract", &["-"]),
    ("filter", &["true"]),
    ("map", &["x = id"]),
    ("aggregate", &["n = count()", "--by", "id"]),
    ("load", &["-", "--to", "csv"]),
];

fn bash(place: &Path, line: &str) -> Run {
    harness::bash(&format!("set +o pipefail; {line}"))
        .dir(place)
        .env("XDG_RUNTIME_DIR", place)
        .run()
}

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// So many records.
fn records(count: u32) -> String {
    let records = (1..=u64::from(count)).map(|id| format!("{id},note {}\n", id * 7919 % 10_007));
    format!("id,note\n{}", records.collect::<String>())
}

/// The same bytes in this archive format.
fn packed(format: &str, bytes: &[u8]) -> Vec<u8> {
    match format {
        "gz" => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).expect("memory takes it");
            encoder.finish().expect("memory takes it")
        }
        _ => {
            // With a sum at the end, as the program zstd writes it.
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).expect("memory takes it");
            encoder.include_checksum(true).expect("a good setting");
            encoder.write_all(bytes).expect("memory takes it");
            encoder.finish().expect("memory takes it")
        }
    }
}

// Archives

#[test]
fn a_damaged_archive_commits_nothing() {
    let place = directory();
    let text = records(20_000);
    for format in ["gz", "zst"] {
        let whole = packed(format, text.as_bytes());
        let mut damaged: Vec<(String, Vec<u8>)> = Vec::new();
        for cut in [whole.len() / 2, whole.len() - 1, whole.len() - 9, 11] {
            damaged.push((format!("cut at {cut}"), whole[..cut].to_vec()));
        }
        for place in [whole.len() / 3, whole.len() / 2, whole.len() - 6] {
            let mut bytes = whole.clone();
            bytes[place] ^= 0x55;
            damaged.push((format!("wrong at {place}"), bytes));
        }
        let mut tail = whole.clone();
        tail.extend_from_slice(b"garbage behind the end");
        damaged.push(("with garbage".to_owned(), tail));
        let mut second = whole.clone();
        second.extend_from_slice(&whole[..whole.len() / 2]);
        damaged.push(("with a second one that is cut".to_owned(), second));
        for (how, bytes) in damaged {
            let name = format!("in.csv.{format}");
            fs::write(place.path().join(&name), bytes).expect("a file");
            for feed in [format!("extract {name}"), format!("cat {name} | extract -")] {
                let run = bash(
                    place.path(),
                    &format!(
                        "{feed} | filter true 2>/dev/null | load sqlite:out.db#t 2>&1 >/dev/null; ls out.db 2>/dev/null"
                    ),
                );
                let words = format!("{format} {how}: {} {}", run.out(), run.err());
                assert!(run.err().starts_with("extract: "), "{words}");
                assert!(
                    run.out().starts_with("load: upstream 'extract' failed"),
                    "{words}"
                );
                assert!(run.out().ends_with("nothing was committed\n"), "{words}");
            }
        }
    }
}

/// 150 MB in a few hundred KB: memory stays as it is.
#[test]
fn a_bomb_takes_time_and_no_memory() {
    let place = directory();
    let path = place.path().join("bomb.csv.gz");
    let mut encoder = flate2::write::GzEncoder::new(
        File::create(&path).expect("a file"),
        flate2::Compression::fast(),
    );
    encoder.write_all(b"id,note\n").expect("a file takes it");
    let zeros = "0,0\n".repeat(250_000);
    for _ in 0..150 {
        encoder
            .write_all(zeros.as_bytes())
            .expect("a file takes it");
    }
    encoder.finish().expect("a file takes it");
    let mut extract = start(
        "extract",
        &["bomb.csv.gz"],
        place.path(),
        Stdio::null(),
        Stdio::piped(),
    );
    let input = extract.stdout.take().expect("it is piped").into();
    let aggregate = start(
        "aggregate",
        &["n = count()"],
        place.path(),
        input,
        Stdio::null(),
    );
    let both = [("extract", extract), ("aggregate", aggregate)]
        .map(|(name, child)| (name, std::thread::spawn(|| measured(child))));
    for (name, measuring) in both {
        let (code, peak) = measuring.join().expect("a measure");
        assert_eq!(code, Some(0), "{name}");
        assert!(peak <= 64, "{name}: {peak} MB");
    }
}

fn start(name: &str, arguments: &[&str], place: &Path, input: Stdio, output: Stdio) -> Child {
    harness::command(name)
        .args(arguments)
        .current_dir(place)
        .env("XDG_RUNTIME_DIR", place)
        .stdin(input)
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started")
}

/// How a process ended, and the most resident memory, in MB, that it was seen to have had. What the system says
/// at its end would count the memory of the test that started it, too.
fn measured(mut child: Child) -> (Option<i32>, u64) {
    let path = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let status = fs::read_to_string(&path).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|rest| rest.trim().strip_suffix(" kB"));
        peak = kilobytes.map_or(peak, |number| number.parse().expect("a number"));
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            assert!(peak > 0, "its memory was never seen");
            return (status.code(), peak / 1024);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

// Readers

/// What a slow reader has not taken waits in the pipe and before it, not in memory.
#[test]
fn a_slow_reader_makes_nobody_grow() {
    let place = directory();
    fs::write(place.path().join("in.csv"), records(1_500_000)).expect("a file");
    for (name, arguments) in &USES[..3] {
        let input = File::open(place.path().join("in.csv")).expect("a file");
        let mut child = start(name, arguments, place.path(), input.into(), Stdio::piped());
        let mut output = child.stdout.take().expect("it is piped");
        let reading = std::thread::spawn(move || {
            let mut buffer = vec![0; 1 << 20];
            for _ in 0..4 {
                std::thread::sleep(Duration::from_millis(100));
                std::io::Read::read(&mut output, &mut buffer).expect("a pipe can be read");
            }
            std::io::copy(&mut output, &mut std::io::sink()).expect("a pipe can be read")
        });
        let (code, peak) = measured(child);
        assert!(reading.join().expect("the reader") > 10_000_000);
        assert_eq!(code, Some(0), "{name}");
        assert!(peak <= 64, "{name}: {peak} MB");
    }
}

/// Standard descriptors that are closed: nothing else takes their numbers and is written into.
#[test]
fn closed_descriptors_do_no_harm() {
    let place = directory();
    fs::write(place.path().join("in.csv"), records(10)).expect("a file");
    for (name, arguments) in USES {
        let arguments: String = arguments.iter().map(|word| format!(" '{word}'")).collect();
        for (closed, code) in [
            ("<&- >/dev/null", 1),
            ("<&- >&- 2>&-", 1),
            // Its output would be lost, and a committed load would look like a failed one.
            ("<in.csv >&-", 1),
            ("<in.csv >/dev/null 2>&-", 0),
            ("<in.csv >&- 2>&-", 1),
        ] {
            let run = bash(
                place.path(),
                &format!("{name}{arguments} {closed}; exit $?"),
            );
            assert_eq!(run.code, code, "{name}{arguments} {closed}: {}", run.err());
            assert_eq!(run.out(), "");
        }
    }
    // A target is whole all the same, whatever number its file would get.
    for (closed, code) in [
        ("<&-", 0),
        (">&-", 1),
        ("2>&-", 0),
        ("<&- >&-", 1),
        ("<&- >&- 2>&-", 1),
    ] {
        for target in ["out.csv", "sqlite:out.db#t"] {
            let place = directory();
            fs::write(place.path().join("in.csv"), records(1000)).expect("a file");
            let run = bash(
                place.path(),
                &format!(
                    "load {target} in.csv {closed}; echo $? >code; cat code
                     [[ ! -e out.csv ]] || cmp in.csv out.csv
                     [[ ! -e out.db ]] || sqlite3 out.db 'pragma integrity_check; select count(*) from t' >counted"
                ),
            );
            assert!(
                run.out().ends_with(&format!("{code}\n")),
                "{target} {closed}: {}",
                run.err()
            );
            if code == 1 {
                let left = fs::read_dir(place.path()).expect("a directory").count();
                assert_eq!(left, 2, "{target} {closed}: in.csv, code and more");
            } else if target != "out.csv" {
                let counted = fs::read_to_string(place.path().join("counted")).expect("a file");
                assert_eq!(counted, "ok\n1000\n", "{closed}");
            }
        }
    }
}

// Records

#[test]
fn a_hundred_thousand_columns_are_a_record() {
    let place = directory();
    let columns = 100_000;
    let names: Vec<String> = (0..columns).map(|column| format!("c{column}")).collect();
    let values: Vec<String> = (0..columns).map(|column| column.to_string()).collect();
    let text = format!(
        "{}\n{}\n{}\n",
        names.join(","),
        values.join(","),
        values.join(",")
    );
    fs::write(place.path().join("in.csv"), &text).expect("a file");
    let began = Instant::now();
    for line in [
        "extract in.csv",
        "filter 'c99999 = 99999' in.csv",
        "map 'c5 = c5' in.csv",
        "load - --to csv in.csv",
    ] {
        let run = bash(place.path(), line);
        assert_eq!((run.code, &*run.err()), (0, ""), "{line}");
        assert!(run.stdout == text.as_bytes(), "{line}");
    }
    let run = bash(place.path(), "aggregate 'n = count()' --by 'c7' in.csv");
    assert_eq!(run.out(), "c7,n\n7,2\n", "{}", run.err());
    let run = bash(place.path(), "load sqlite:out.db#t in.csv; ls *.db");
    assert!(
        run.err().contains("columns") && run.err().contains("nothing was committed"),
        "{}",
        run.err()
    );
    assert_eq!(run.out(), "");
    let run = harness::bash("load \"$ADDRESS#t\" in.csv")
        .env("ADDRESS", harness::postgres_database("faults_columns"))
        .dir(place.path())
        .run();
    run.refused("load", 1, &["columns", "nothing was committed"]);
    // It is no time that a program could be measured by, but one that all of this must not take.
    assert!(
        began.elapsed() < Duration::from_secs(60),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn nul_bytes_and_broken_utf8_pass_and_no_database_takes_them() {
    let place = directory();
    let address = harness::postgres_database("faults_bytes");
    for bad in [
        &b"a\0b"[..],
        b"\xff\xfe",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xf5\x80\x80\x80",
        b"\"\0\"",
    ] {
        let text = [b"id,note\n1,", bad, b"\n2,fine\n"].concat();
        let taken = tool("extract").stdin(text.clone()).run();
        match std::str::from_utf8(bad) {
            Ok(_) => assert_eq!(taken.quiet_success(), text, "extract {bad:?}"),
            Err(_) => taken.refused("extract", 1, &["standard input:2", "is not UTF-8"]),
        }
        for (name, arguments) in [("filter", &["true"][..]), ("load", &["-", "--to", "csv"])] {
            let run = tool(name).args(arguments).stdin(text.clone()).run();
            assert_eq!(run.quiet_success(), text, "{name} {bad:?}");
        }
        let run = tool("map").args(["x = id"]).stdin(text.clone()).run();
        assert!(
            run.quiet_success().starts_with(b"id,note,x\n"),
            "map {bad:?}"
        );
        tool("load")
            .args(["sqlite:out.db#t"])
            .dir(place.path())
            .stdin(text.clone())
            .run()
            .refused(
                "load",
                1,
                &["standard input:2", "note", "nothing was committed"],
            );
        tool("load")
            .args([&*address, "--table", "t"])
            .stdin(text)
            .run()
            .refused(
                "load",
                1,
                &["standard input:2", "note", "nothing was committed"],
            );
    }
    assert_eq!(fs::read_dir(place.path()).expect("a directory").count(), 0);
}

/// Offsets in a block have 32 bits: a record just under 4 GiB goes through with all that follow it, and a longer one
/// is refused.
#[test]
#[ignore = "takes 10 GB of memory and a minute: cargo test --release --test faults four_gib -- --ignored"]
fn a_record_of_four_gib_wraps_no_offset() {
    let place = directory();
    for (length, code) in [
        (4_294_967_000_u64, 0),
        (4_294_967_290, 1),
        (4_294_967_400, 1),
    ] {
        for (program, expected) in [
            ("filter true | tail -c 160000 | grep -c 2,y", "40000"),
            ("map c=b | tail -c 240000 | grep -c 2,y,y", "40000"),
            ("aggregate \"n = count()\" | tail -n 1", "40001"),
            ("load - --to csv | tail -c 160000 | grep -c 2,y", "40000"),
        ] {
            let run = bash(
                place.path(),
                &format!(
                    "{{ printf \"a,b\\n1,\\\"\"; head -c {length} /dev/zero | tr \"\\0\" x; printf \"\\\"\\n\"; yes 2,y | head -n 40000; }} \
                     2>/dev/null | {program}"
                ),
            );
            match code {
                0 => assert_eq!(run.out().trim(), expected, "{program}: {}", run.err()),
                _ => assert!(
                    run.err().contains(":2: a record longer than 4 GiB"),
                    "{program}: {}",
                    run.err()
                ),
            }
        }
    }
}

/// A field of 1 GB goes through, at the price of some copies of it in memory.
#[test]
#[ignore = "takes 4 GB of memory and half a minute: cargo test --release --test faults gigabyte -- --ignored"]
fn a_field_of_a_gigabyte_goes_through() {
    let place = directory();
    let path: PathBuf = place.path().join("in.csv");
    let mut file = File::create(&path).expect("a file");
    file.write_all(b"id,note\n1,\"").expect("a file takes it");
    let line = "abcdefghijklmnopqrstuvwxyz, \"\"quoted\"\"\n".repeat(100_000);
    let times = (1_u64 << 30).div_ceil(line.len() as u64);
    for _ in 0..times {
        file.write_all(line.as_bytes()).expect("a file takes it");
    }
    file.write_all(b"\"\n2,small\n").expect("a file takes it");
    drop(file);
    for (name, arguments) in [
        ("extract", &["in.csv"][..]),
        ("filter", &["true", "in.csv"]),
        ("map", &["x = 1", "in.csv"]),
    ] {
        let output = File::create(place.path().join("out.csv")).expect("a file");
        let child = start(name, arguments, place.path(), Stdio::null(), output.into());
        let (code, peak) = measured(child);
        assert_eq!(code, Some(0), "{name}");
        assert!(peak < 5 * 1024, "{name}: {peak} MB");
        let written = fs::metadata(place.path().join("out.csv"))
            .expect("a file")
            .len();
        assert!(written > 1 << 30, "{name}: {written}");
    }
    let run = bash(
        place.path(),
        "cmp in.csv <(extract in.csv); load sqlite:out.db#t in.csv",
    );
    assert!(
        run.code == 1 && run.err().contains("nothing was committed"),
        "{} {}",
        run.code,
        run.err()
    );
}

// Too little

/// Where memory is short, the program ends, and so does all that comes behind it.
#[test]
fn too_little_memory_commits_nothing() {
    let place = directory();
    // So many groups, each of its own, do not fit, and may not go on on disk.
    let line = "{ echo id,note; seq 1 1000000 | sed 's/$/,abcdefghijklmnopqrstuvwxyz/'; } 2>/dev/null |
                (ulimit -v 100000; aggregate 'n = count()' --by id,note -j 1 --memory 10G 2>said) | load sqlite:out.db#t
                echo $?; ls *.db";
    let run = bash(place.path(), line);
    let said = fs::read_to_string(place.path().join("said")).expect("a file");
    assert_eq!(run.out(), "1\n", "{} {said}", run.err());
    assert!(
        run.err()
            .contains("load: upstream 'aggregate' failed after 0 records: out of memory: "),
        "{}",
        run.err()
    );
    assert!(said.starts_with("aggregate: out of memory: "), "{said}");
    // A pass needs little, whatever comes.
    let line = "{ echo id,note; seq 1 300000 | sed 's/$/,abcdefghijklmnopqrstuvwxyz/'; } |
                (ulimit -v 150000; filter true -j 1) | (ulimit -v 200000; load out.csv -j 1 >/dev/null); wc -l <out.csv";
    let run = bash(place.path(), line);
    assert_eq!((&*run.out(), &*run.err()), ("300001\n", ""));
}

/// Output to a device that takes nothing, for every program and every way to it.
#[test]
fn a_full_device_is_an_error_everywhere() {
    let place = directory();
    fs::write(place.path().join("in.csv"), records(1000)).expect("a file");
    for (line, tool) in [
        ("extract in.csv >/dev/full", "extract"),
        ("filter true in.csv >/dev/full", "filter"),
        ("filter false --else /dev/full in.csv", "filter"),
        ("filter 'note > 5' --rejects /dev/full in.csv", "filter"),
        ("map 'x = 1' in.csv >/dev/full", "map"),
        ("aggregate 'n = count()' in.csv >/dev/full", "aggregate"),
        ("load - --to csv in.csv >/dev/full", "load"),
        ("load /dev/full --to csv in.csv", "load"),
        ("extract in.csv | filter true >/dev/full", "filter"),
    ] {
        bash(place.path(), line).refused(tool, 1, &["no space left on device"]);
    }
    // A load that fails is repeated, so nothing may be committed if the receipt cannot be written.
    let run = bash(
        place.path(),
        "load sqlite:out.db#t in.csv >/dev/full; echo $?; ls out.db",
    );
    assert_eq!(run.out(), "1\n");
    assert!(
        run.err()
            .contains("no space left on device; nothing was committed"),
        "{}",
        run.err()
    );
    let line =
        "mkdir small; mount -t tmpfs -o size=16k tmpfs small; cat /dev/zero >small/filler 2>/dev/null
         load sqlite:out.db#t in.csv >small/receipt; echo $?; ls out.db; stat -c %s small/receipt";
    let run = bash(
        place.path(),
        &format!("unshare {} bash -c '{line}'", harness::own_mounts()),
    );
    assert_eq!(run.out(), "1\n0\n", "{}", run.err());
    // Where standard error is full, there is nothing to be said, and the code says it.
    let run = bash(
        place.path(),
        "extract no.csv 2>/dev/full | load out.csv 2>/dev/full; echo \"${PIPESTATUS[@]}\"",
    );
    assert_eq!(run.out(), "1 1\n");
}
