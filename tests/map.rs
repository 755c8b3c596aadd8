//! `map` where it goes by the records before: against a model, whatever is set aside, however the stream is cut
//! into blocks and for any number of threads.

mod harness;

use std::collections::HashMap;

use harness::tool;
use proptest::prelude::*;

/// What is computed. Of a record with a number in `qty`, only `check` can go wrong, and that depends on the record
/// before.
const PROGRAM: &str = "n = record_number(), before = prev(note), total = running_sum(qty), \
                       change = qty - prev(qty), check = if(asks, number(prev(note)), 0)";

/// One record of the input, its fields as they are written.
#[derive(Clone, Debug)]
struct Record {
    key: &'static str,
    /// In thousandths; none is null.
    qty: Option<i64>,
    is_number: bool,
    note: &'static str,
    asks: bool,
}

/// What is carried from one good record of a key to the next.
#[derive(Clone, Copy, Default)]
struct Carried {
    number: u32,
    note: &'static str,
    qty: Option<i64>,
    total: Option<i64>,
}

fn thousandths(number: Option<i64>) -> String {
    let Some(number) = number else {
        return String::new();
    };
    let sign = if number < 0 { "-" } else { "" };
    let digits = number.unsigned_abs();
    let text = format!("{sign}{}.{:03}", digits / 1000, digits % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn input(records: &[Record]) -> String {
    let mut text = String::from("key,qty,note,asks\n");
    for record in records {
        let qty = match record.is_number {
            true => thousandths(record.qty),
            false => "many".to_owned(),
        };
        let Record {
            key, note, asks, ..
        } = record;
        text.push_str(&format!("{key},{qty},{note},{asks}\n"));
    }
    text
}

/// What `map` should write: record by record, as if the bad ones had not come.
fn expected(records: &[Record], by_key: bool) -> String {
    let mut text = String::from("key,qty,note,asks,n,before,total,change,check\n");
    let mut known: HashMap<&str, Carried> = HashMap::new();
    for record in records {
        let key = match (by_key, record.key) {
            (false, _) => "all",
            (true, "1.0") => "1",
            (true, key) => key,
        };
        let carried = known.entry(key).or_default();
        let check = match (record.asks, carried.note) {
            (false, _) => Some("0"),
            (true, "") => Some(""),
            (true, "\"12\"") => Some("12"),
            (true, "12.50") => Some("12.5"),
            (true, "007") => Some("7"),
            (true, _) => None,
        };
        let (true, Some(check)) = (record.is_number, check) else {
            continue;
        };
        let Record {
            key, note, asks, ..
        } = record;
        let change = record.qty.zip(carried.qty).map(|(now, then)| now - then);
        let now = Carried {
            number: carried.number + 1,
            note,
            qty: record.qty,
            total: match (record.qty, carried.total) {
                (Some(qty), Some(total)) => Some(qty + total),
                (qty, total) => qty.or(total),
            },
        };
        text.push_str(&format!(
            "{key},{},{note},{asks},{},{},{},{},{check}\n",
            thousandths(record.qty),
            now.number,
            carried.note,
            thousandths(now.total),
            thousandths(change),
        ));
        *carried = now;
    }
    text
}

fn given(input: &str, by_key: bool, threads: &str, writes: usize) -> String {
    let by: &[&str] = if by_key { &["--by", "key"] } else { &[] };
    let run = tool("map")
        .args([PROGRAM, "--on-error", "skip", "-j", threads])
        .args(by)
        .stdin_in_writes(input, writes)
        .run();
    assert_eq!(run.code, 0, "{}", run.err());
    run.out()
}

fn record() -> impl Strategy<Value = Record> {
    let key = prop::sample::select(vec!["a", "b", "1", "1.0", "", "\"\""]);
    let note = prop::sample::select(vec![
        "", "\"\"", "word", "\"12\"", "12.50", "007", "\"a,b\"",
    ]);
    let qty = prop::option::weighted(0.9, -2_000_000_i64..2_000_000);
    let is_number = prop::bool::weighted(0.9);
    (key, qty, is_number, note, prop::bool::weighted(0.2)).prop_map(
        |(key, qty, is_number, note, asks)| Record {
            key,
            qty,
            is_number,
            note,
            asks,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_records_before_are_the_good_ones_of_the_key(
        records in prop::collection::vec(record(), 0..300),
        by_key: bool,
        writes in prop_oneof![1_usize..100, 100_usize..10_000],
    ) {
        let input = input(&records);
        let expected = expected(&records, by_key);
        for threads in ["1", "2", "4"] {
            prop_assert_eq!(&given(&input, by_key, threads, writes), &expected);
        }
    }
}

/// So many records that threads would share them, were they not needed in their order.
#[test]
fn any_number_of_threads_knows_the_records_before() {
    let notes = ["", "word", "\"12\"", "12.50", "007"];
    let keys = ["a", "b", "1", "1.0", "", "\"\""];
    let records: Vec<Record> = (0..100_000_usize)
        .map(|id| {
            let mixed = id.wrapping_mul(2_654_435_761) >> 7;
            Record {
                key: keys[mixed % keys.len()],
                qty: (mixed % 31 != 0).then_some(mixed as i64 % 9_999_999 - 5_000_000),
                is_number: mixed % 1013 != 0,
                note: notes[mixed / 8 % notes.len()],
                asks: mixed % 17 == 0,
            }
        })
        .collect();
    let input = input(&records);
    for by_key in [false, true] {
        let expected = expected(&records, by_key);
        for threads in ["1", "2", "4"] {
            for writes in [4093, usize::MAX] {
                let given = given(&input, by_key, threads, writes);
                assert!(given == expected, "-j {threads}, writes of {writes} bytes");
            }
        }
    }
}

/// A record goes on the moment the input pauses, and the next one knows it.
#[test]
fn a_pause_sends_on_what_goes_by_the_records_before() {
    let mut live = tool("map")
        .args(["n = record_number(), gap = id - prev(id)"])
        .start();
    let steps = [
        ("id\n1\n", "id,n,gap\n1,1,\n"),
        ("4\n", "4,2,3\n"),
        ("9\n10\n", "9,3,5\n10,4,1\n"),
    ];
    for (said, heard) in steps {
        live.say(said.as_bytes());
        let given = live.hear(heard.len());
        assert_eq!(String::from_utf8_lossy(&given), heard);
    }
}

#[test]
fn by_without_a_call_leaves_standard_input_alone() {
    let run = tool("map").args(["x = 1", "--by", "id"]).run();
    run.refused("map", 2, &["--by", "record_number"]);
}
