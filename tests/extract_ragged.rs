//! `extract --ragged pad`: good CSV comes out as without it, and broken CSV as mended for any number of
//! threads, by reads of any size, and live. Each kind of damage is in `tests/cases/extract`.

mod harness;

use harness::tool;
use proptest::prelude::*;
use std::fs;

/// Good CSV in a dialect: fields that are null, plain, or quoted, in records of one width.
fn good_csv() -> impl Strategy<Value = (char, String)> {
    let plain = "[a-c0-9 .~é]{0,4}";
    let quoted = "[a-c,;|~\n\r ']{0,5}";
    let field = prop_oneof![
        4 => plain.prop_map(|text| text),
        2 => quoted.prop_map(|text| format!("\"{text}\"")),
        1 => quoted.prop_map(|text| format!("\"{text}\"\"\"")),
        1 => Just("NA".to_owned()),
    ];
    let delimiter = prop_oneof![Just(','), Just(';'), Just('|')];
    let line_end = prop_oneof![Just("\n"), Just("\r\n"), Just("\n\n")];
    (1..4usize, delimiter, line_end).prop_flat_map(move |(width, delimiter, line_end)| {
        let records = prop::collection::vec(prop::collection::vec(field.clone(), width), 0..8);
        (records, any::<bool>()).prop_map(move |(records, is_ended)| {
            let names: Vec<_> = (0..width).map(|place| format!("n{place}")).collect();
            let lines: Vec<_> = std::iter::once(&names)
                .chain(&records)
                .map(|record| record.join(&delimiter.to_string()))
                .collect();
            let end = if is_ended { line_end } else { "" };
            (delimiter, lines.join(line_end) + end)
        })
    })
}

/// Flags that say more about CSV.
fn flags() -> impl Strategy<Value = &'static [&'static str]> {
    prop_oneof![
        Just(&[] as &[&str]),
        Just(&["--null", "NA"] as &[&str]),
        Just(&["-c", "x=n0"] as &[&str]),
        Just(&["--unquote", "--null", "NA"] as &[&str]),
        Just(&["--no-header"] as &[&str]),
        Just(&["--comment", "#", "--skip-lines", "1", "--no-header"] as &[&str]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn good_csv_comes_out_as_without_it((delimiter, text) in good_csv(), flags in flags()) {
        let delimiter = delimiter.to_string();
        let run = |more: &[&str]| {
            let program = tool("extract").args(["-d", &delimiter]).args(flags).args(more);
            program.stdin(text.clone()).run()
        };
        let (strict, lenient) = (run(&[]), run(&["--ragged", "pad"]));
        prop_assert_eq!(lenient.out(), strict.out());
        prop_assert_eq!((lenient.err(), lenient.code), (strict.err(), strict.code));
    }
}

/// So many records, some of them broken in every way.
fn broken(count: usize) -> String {
    let mut text = String::from("id,name,note\n");
    for id in 0..count {
        let rest = match id % 11 {
            0 => "short".to_owned(),
            1 => "a,b,c,\"d, e\"".to_owned(),
            2 => "5\" disk,\"so\" to say".to_owned(),
            3 => "\"open,x".to_owned(),
            4 => "\"a \"\"quoted\"\"\ntext\",".to_owned(),
            _ => format!("n{id},plain"),
        };
        let end = if id % 17 == 0 { "\r" } else { "\n" };
        text.push_str(&format!("{id},{rest}{end}"));
    }
    text
}

#[test]
fn threads_and_reads_give_the_same_bytes() {
    let text = broken(100_000);
    for flags in [
        &["--ragged", "pad"][..],
        &["--ragged", "pad", "--extra", "column"],
    ] {
        let place = tempfile::tempdir().expect("a directory");
        let file = place.path().join("input.csv");
        fs::write(&file, &text).expect("a file");
        let run = |threads| {
            tool("extract")
                .args(flags)
                .args(["-j", threads])
                .args([&file])
                .run()
        };
        let (one, four) = (run("1"), run("4"));
        assert_eq!(one.code, 0, "{}", one.err());
        assert!(one.stdout == four.stdout && one.err() == four.err());
        assert_eq!(
            String::from_utf8_lossy(&one.stdout).matches("disk").count(),
            9091
        );
        let again = tool("extract").stdin(one.stdout).run().quiet_success();
        assert_eq!(again, four.stdout, "what comes out is good CSV");
    }
    let text = broken(300);
    let run = |size| {
        let program = tool("extract").args(["--ragged", "pad", "--extra", "column"]);
        program.stdin_in_reads(text.clone(), size).run()
    };
    let whole = run(1 << 20);
    for size in [1, 7, 4096] {
        assert!(run(size).stdout == whole.stdout, "reads of {size} bytes");
    }
}

/// What is whole goes on though the next record is not. A first record that is longer than the header waits
/// for one more: the header may be a title, or lack a name.
#[test]
fn records_go_on_when_the_input_pauses() {
    for (flags, first, expected) in [
        (&[][..], "a,b\n1\n2", "a,b\n1,\n"),
        (
            &["--extra", "column"],
            "a,b\n1,2\n3,4,5\n\"6",
            "a,b,_extra\n1,2,\n3,4,\"5\"\n",
        ),
        (&[], "a,b\r1,2\r", "a,b\n1,2\n"),
        (&["-d", "||"], "a||b\n1||2||3\n4|", "a,b\n1,2\n"),
    ] {
        let mut live = tool("extract")
            .args(["--ragged", "pad"])
            .args(flags)
            .start();
        live.say(first.as_bytes());
        assert_eq!(
            String::from_utf8_lossy(&live.hear(expected.len())),
            expected
        );
    }
}
