//! Text in other encodings: every character that Python's codecs know of them, in reads of any size, and what
//! is said of bytes that they do not have.

mod harness;

use harness::{Run, tool};
use std::process::Command;

/// Writes every character of an encoding that goes to bytes and back, a record for each, and the same in UTF-8
/// behind it, the length of the first in front.
const PYTHON: &str = r#"
import sys
name, mark = sys.argv[1], sys.argv[2] == "mark"
text = ["n,c\n"]
for code in list(range(0x20, 0xD800)) + list(range(0xE000, 0x11000)) + list(range(0x1F600, 0x1F680)):
    c = chr(code)
    if c in '",\r\n' or 0x7f <= code < 0xa0 or 0xE000 <= code < 0xF900:
        continue
    try:
        if c.encode(name).decode(name) != c:
            continue
    except UnicodeError:
        continue
    text.append(f"{code},x{c}y\n")
text = "".join(text)
coded = text.encode(name)
if mark:
    coded = "\ufeff".encode(name) + coded
sys.stdout.buffer.write(len(coded).to_bytes(8, "big") + coded + text.encode())
"#;

/// The bytes of a text in an encoding of Python's, and in UTF-8.
fn sample(python: &str, has_mark: bool) -> (Vec<u8>, Vec<u8>) {
    let mark = if has_mark { "mark" } else { "none" };
    let made = Command::new("python3")
        .args(["-c", PYTHON, python, mark])
        .output()
        .expect("python3 runs");
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let (length, both) = made.stdout.split_first_chunk::<8>().expect("a length");
    let (coded, text) = both.split_at(u64::from_be_bytes(*length) as usize);
    (coded.to_vec(), text.to_vec())
}

fn extract(encoding: &str, bytes: impl Into<Vec<u8>>, reads: usize) -> Run {
    let program = tool("extract").args(["--encoding", encoding]);
    match reads {
        0 => program.stdin(bytes).run(),
        size => program.stdin_in_reads(bytes, size).run(),
    }
}

#[test]
fn every_character_comes_out_as_python_reads_it() {
    for (ours, python, has_mark) in [
        ("utf-16", "utf-16-le", true),
        ("utf-16", "utf-16-be", true),
        ("utf-16", "utf-16-le", false),
        ("UTF-16LE", "utf-16-le", false),
        ("utf-16be", "utf-16-be", true),
        ("latin1", "cp1252", false),
        ("windows-1251", "cp1251", false),
        ("iso-8859-2", "iso8859-2", false),
        ("koi8-r", "koi8-r", false),
        ("shift_jis", "cp932", false),
        ("euc-kr", "cp949", false),
        ("cp949", "cp949", false),
        ("gb18030", "gbk", false),
        ("utf-8", "utf-8", true),
    ] {
        let (coded, text) = sample(python, has_mark);
        assert!(text.len() > 500, "{python} has characters");
        for reads in [0, 7, 4096] {
            let given = match (ours, reads) {
                // Reads of a few bytes take long for a long text.
                (_, 7) => extract(ours, &coded[..coded.len().min(6000)], 7),
                _ => extract(ours, &coded[..], reads),
            };
            let out = String::from_utf8(given.stdout).expect("it is UTF-8");
            let expected = String::from_utf8_lossy(&text);
            // What was cut ends in the middle of a record.
            let is_cut = reads == 7 && coded.len() > 6000;
            let whole = out.lines().count() - usize::from(is_cut);
            for (a, b) in out.lines().zip(expected.lines()).take(whole) {
                assert_eq!(a, b, "{ours} as {python}, reads of {reads}");
            }
            assert!(
                is_cut || out.len() == text.len(),
                "{ours}, reads of {reads}"
            );
        }
    }
}

#[test]
fn auto_says_what_it_took() {
    for (encoding, bytes, text) in [
        ("UTF-8", "a,b\né,1\n".as_bytes(), "a,b\né,1\n"),
        (
            "windows-1252",
            b"nom,prix\n\xe9t\xe9 \xe0 la plage,1\nd\xe9j\xe0 vu,2\n",
            "nom,prix\nété à la plage,1\ndéjà vu,2\n",
        ),
        ("UTF-16LE", b"a\0,\0b\0\n\x001\0,\x002\0\n\0", "a,b\n1,2\n"),
        ("UTF-16BE", b"\0a\0,\0b\0\n\x001\0,\x002\0\n", "a,b\n1,2\n"),
        (
            "UTF-16BE",
            b"\xfe\xff\0a\0,\0b\0\n\x001\0,\x002\0\n",
            "a,b\n1,2\n",
        ),
        (
            "EUC-KR",
            b"\xc0\xcc\xb8\xa7,\xb3\xaa\xc0\xcc\n\xb1\xe8\xc3\xb6\xbc\xf6,3\n",
            "이름,나이\n김철수,3\n",
        ),
    ] {
        let given = extract("auto", bytes, 0);
        assert_eq!(given.out(), text);
        assert_eq!(
            given.err(),
            format!("extract: standard input was read as {encoding}\n")
        );
    }
}

/// So little text says nothing about the language, but some signs are likely.
#[test]
fn a_few_bytes_are_taken_for_western_ones() {
    for (bytes, text) in [
        (
            &b"id,price\n1,\xa31.50\n2,3.00\n"[..],
            "id,price\n1,£1.50\n2,3.00\n",
        ),
        (b"id,dose\n1,5 \xb5g\n", "id,dose\n1,5 µg\n"),
        (b"id,word\n1,na\xefve\n", "id,word\n1,naïve\n"),
        (b"city,t\nBonn,5 \xb0C\n", "city,t\nBonn,5 °C\n"),
        (b"id,area\n1,5 m\xb2\n", "id,area\n1,5 m²\n"),
        (b"name\nM\xfcller\nJos\xe9\n", "name\nMüller\nJosé\n"),
        (b"id,price\n1,\x805\n2,7\x80\n", "id,price\n1,€5\n2,7€\n"),
    ] {
        let given = extract("auto", bytes, 0);
        assert_eq!(given.out(), text);
        assert_eq!(
            given.err(),
            "extract: standard input was read as windows-1252\n"
        );
    }
}

#[test]
fn other_alphabets_are_told_apart() {
    for (python, encoding, text) in [
        (
            "cp1251",
            "windows-1251",
            "имя,город\nМария,Москва\nИван,Санкт-Петербург\nОльга,Новосибирск\n",
        ),
        (
            "cp932",
            "Shift_JIS",
            "名前,都市\n田中太郎,東京都千代田区\nさくらんぼ,カタカナです\n",
        ),
        ("cp949", "EUC-KR", "이름,나이\n김철수,3\n박영희,서울\n"),
        (
            "gbk",
            "gb18030",
            "姓名,城市\n王小明,北京市海淀区\n李华,上海\n",
        ),
        (
            "cp1250",
            "windows-1250",
            "imię,miasto\nŁukasz,Łódź\nMałgorzata,Kraków nad Wisłą\nGrażyna,Gdańsk i Święta\n",
        ),
    ] {
        let script = "import sys; sys.stdout.buffer.write(sys.argv[2].encode(sys.argv[1]))";
        let coded = Command::new("python3")
            .args(["-c", script, python, text])
            .output()
            .expect("python3 runs");
        let given = extract("auto", coded.stdout, 0);
        assert_eq!(given.out(), text);
        let expected = format!("extract: standard input was read as {encoding}\n");
        assert_eq!(given.err(), expected);
    }
}

/// Bytes that an encoding does not have are bad records, for every format and any number of threads.
#[test]
fn malformed_bytes_are_bad_records() {
    let lines = |bad: &[u8], count: usize| {
        let mut text = b"a,b\n".to_vec();
        for n in 0..count {
            text.extend_from_slice(format!("{n},").as_bytes());
            text.extend_from_slice(if n % 1000 == 7 { bad } else { b"x" });
            text.push(b'\n');
        }
        text
    };
    for (encoding, bad, words) in [
        (
            "utf-8",
            &b"caf\xe9"[..],
            "byte 0xE9 is not UTF-8; --encoding windows-1252?",
        ),
        ("shift_jis", b"\x85\xff", "byte 0x85 is not Shift_JIS"),
        ("euc-kr", b"\xfe", "byte 0xFE is not EUC-KR"),
    ] {
        let text = lines(bad, 60_000);
        let mut before = None;
        for threads in ["1", "4"] {
            let args = ["--encoding", encoding, "--on-error", "skip", "-j", threads];
            let given = tool("extract").args(args).stdin(text.clone()).run();
            assert_eq!(given.out().lines().count(), 1 + 60_000 - 60, "{encoding}");
            let expected = format!(
                "extract: 60 records skipped; the first: standard input:9: record 8: {words}\n"
            );
            assert_eq!(given.err(), expected);
            let whole = before.get_or_insert_with(|| given.stdout.clone());
            assert_eq!(*whole, given.stdout);
        }
        tool("extract")
            .args(["--encoding", encoding])
            .stdin(text)
            .run()
            .refused("extract", 1, &[words]);
    }
    for (format, good, bad) in [
        (
            "jsonl",
            &b"{\"a\": \"x\"}\n"[..],
            &b"{\"a\": \"\xe9\"}\n"[..],
        ),
        ("logfmt", b"a=x\n", b"a=\"\xe9\"\n"),
        (
            "common",
            b"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\" 200 5\n",
            b"h - - [10/Oct/2000:13:55:36 -0700] \"GET /\xe9\" 200 5\n",
        ),
    ] {
        let input = [good, bad, good].concat();
        let skipping = ["--from", format, "--on-error", "skip"];
        let given = tool("extract").args(skipping).stdin(input.clone()).run();
        assert_eq!(given.out().lines().count(), 3, "{format}");
        let strict = tool("extract").args(["--from", format]).stdin(input).run();
        strict.refused(
            "extract",
            1,
            &[":2: byte 0xE9 is not UTF-8; --encoding windows-1252?"],
        );
    }
}

#[test]
fn a_header_that_is_no_text_is_refused() {
    let header = tool("extract").stdin(b"pr\xe9nom,a\nx,1\n".to_vec()).run();
    header.refused(
        "extract",
        1,
        &["standard input:1: the header: byte 0xE9 is not UTF-8; --encoding windows-1252?"],
    );
    let damaged = tool("extract")
        .stdin(
            "é,ö\nß,ü\nä,"
                .to_owned()
                .into_bytes()
                .into_iter()
                .chain(*b"\xe9\n")
                .collect::<Vec<u8>>(),
        )
        .run();
    damaged.refused(
        "extract",
        1,
        &["record 2: byte 0xE9 is not UTF-8, as the rest is"],
    );
    let mostly = "a\né\nö\nß\n"
        .bytes()
        .chain(*b"\xe4\n")
        .collect::<Vec<u8>>();
    let guessed = extract("auto", mostly, 0);
    guessed.refused(
        "extract",
        1,
        &["record 4: byte 0xE4 is not UTF-8, as which this was read"],
    );
    let utf16 = tool("extract").stdin(b"a\0,\0b\0\n\0".to_vec()).run();
    utf16.refused(
        "extract",
        1,
        &["UTF-16 text without its mark; 'extract --encoding utf-16le' reads it"],
    );
    let unknown = tool("extract")
        .args(["--encoding", "utf-99"])
        .stdin("a\n")
        .run();
    unknown.refused(
        "extract",
        2,
        &["'utf-99' is no encoding that is known here"],
    );
}
