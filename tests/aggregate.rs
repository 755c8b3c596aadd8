//! Aggregations in parts, on disk and by windows, held against those of one pass.

mod harness;

use harness::tool;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// All functions, over the columns k, x and t.
const ALL: &str = "n = count(), count(x), sum(x), avg(x), min(x), max(t), first(t), last(t), \
                   arg_min(t, x), arg_max(x, x), median(x), quantile(x, 0.3), count(distinct t), \
                   mode(t), string_agg(t, \"/\"), variance(x), round(stddev_pop(x), 6), any(x > 2), \
                   every(x > 2), count_if(x > 2), approx_count_distinct(t), approx_quantile(x, 0.3), \
                   ratio = round(sum(x) / count(), 4)";

/// The same without those that look at the order of the records.
const WITHOUT_ORDER: &str = "n = count(), count(x), sum(x), avg(x), min(x), max(t), median(x), \
                             quantile(x, 0.3), count(distinct t), variance(x), any(x > 2), \
                             approx_count_distinct(t), approx_quantile(x, 0.3)";

/// Records of a key, a number and a text, each of which may be null.
fn records() -> impl Strategy<Value = Vec<String>> {
    let key = prop_oneof!["[ab]?", "[1-3](\\.0)?", "\"1\""];
    let number = prop_oneof![3 => "-?[1-9]?[0-9](\\.[0-9]{1,2})?".prop_filter("plain", |text| {
            let digits = text.trim_start_matches('-');
            digits.len() < 2 || !digits.starts_with('0') || digits.starts_with("0.")
        }), 1 => Just(String::new()), 1 => "[1-9][0-9]{20,30}", 1 => "0\\.[0-9]{20,30}[1-9]"];
    let text = prop_oneof![
        "[xy]{0,3}",
        Just("\"a, \"\"b\"\"\n\"".to_owned()),
        Just("\"\"".to_owned())
    ];
    prop::collection::vec((key, number, text), 0..60).prop_map(|records| {
        let line = |(key, number, text)| format!("{key},{number},{text}\n");
        records.into_iter().map(line).collect()
    })
}

fn aggregate(arguments: &[&str], records: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let mut input = "k,x,t\n".to_owned();
    for record in records {
        input.push_str(record.as_ref());
    }
    let run = tool("aggregate").args(arguments).stdin(input).run();
    run.quiet_text()
}

/// The states of several parts as one input.
fn together(parts: &[String]) -> String {
    let (header, _) = parts[0].split_once('\n').expect("there is a header");
    let bodies = parts.iter().map(|part| &part[header.len() + 1..]);
    std::iter::once(format!("{header}\n"))
        .chain(bodies.map(str::to_owned))
        .collect()
}

fn merged(arguments: &[&str], parts: &[String]) -> String {
    let arguments = [arguments, &["--merge"]].concat();
    let run = tool("aggregate")
        .args(arguments)
        .stdin(together(parts))
        .run();
    run.quiet_text()
}

/// The lines of an output in the order of their bytes.
fn sorted(output: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = output.lines().collect();
    lines.sort_unstable();
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn parts_in_order_are_the_whole(records in records(), cuts in prop::collection::vec(0usize..60, 0..4), by in any::<bool>()) {
        let by: &[&str] = if by { &["--by", "k"] } else { &[] };
        let whole = aggregate(&[&[ALL][..], by].concat(), &records);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(records.len())).collect();
        cuts.extend([0, records.len()]);
        cuts.sort_unstable();
        let partial = [&[ALL, "--partial"][..], by].concat();
        let parts: Vec<String> = cuts.windows(2).map(|cut| aggregate(&partial, &records[cut[0]..cut[1]])).collect();
        let arguments = [&[ALL][..], by].concat();
        prop_assert_eq!(&merged(&arguments, &parts), &whole);
        // States of states: those of the first parts are put together first.
        let (first, rest) = parts.split_at(parts.len() / 2 + 1);
        let between = merged(&partial, first);
        let parts: Vec<String> = std::iter::once(between).chain(rest.iter().cloned()).collect();
        prop_assert_eq!(merged(&arguments, &parts), whole);
    }

    #[test]
    fn parts_in_any_partitioning_are_the_whole(records in records(), of in prop::collection::vec(0usize..3, 60)) {
        let arguments = [WITHOUT_ORDER, "--by", "k"];
        let whole = aggregate(&arguments, &records);
        let parts: Vec<String> = (0..3).map(|part| {
            let own = records.iter().zip(&of).filter(|(_, of)| **of == part).map(|(record, _)| record);
            aggregate(&[WITHOUT_ORDER, "--by", "k", "--partial"], own)
        }).collect();
        let merged = merged(&arguments, &parts);
        // Groups come in the order of their first states, and a key is spelled as there.
        let plain = |output: &str| output.replace(".0,", ",").replace("\"1\",", "1,");
        let (merged, whole) = (plain(&merged), plain(&whole));
        prop_assert_eq!(sorted(&merged), sorted(&whole));
    }

    #[test]
    fn sorted_input_gives_the_same(records in records(), threads in 1usize..4) {
        let input: String = std::iter::once("k,x,t\n").chain(records.iter().map(String::as_str)).collect();
        let ordered = tool("order").args(["k"]).stdin(input).run().quiet_text();
        let arguments = [ALL, "--by", "k", "-j", &threads.to_string()];
        let run = |more: &[&str]| {
            let arguments = [&arguments[..], more].concat();
            tool("aggregate").args(arguments).stdin(ordered.clone()).run().quiet_text()
        };
        prop_assert_eq!(run(&["--sorted"]), run(&[]));
    }

    #[test]
    fn windows_are_what_a_batch_gives(
        seconds in prop::collection::vec(0i64..4000, 0..80),
        delays in prop::collection::vec(0i64..=300, 80),
        (size, slide) in prop_oneof![Just((300, 300)), Just((600, 120)), Just((90, 60))],
    ) {
        // Each record arrives up to 300 s after its time.
        let mut arrivals: Vec<(i64, i64, usize)> = seconds.iter().zip(&delays).enumerate()
            .map(|(number, (second, delay))| (second + delay, *second, number)).collect();
        arrivals.sort_unstable();
        let mut input = "ts,k,n\n".to_owned();
        let mut windows: BTreeMap<i64, BTreeMap<usize, BTreeSet<usize>>> = BTreeMap::new();
        for (_, second, number) in &arrivals {
            let (minute, of_minute) = (second / 60, second % 60);
            writeln!(input, "2026-03-01T{:02}:{:02}:{:02},{},{number}", minute / 60, minute % 60, of_minute, number % 3).unwrap();
            let mut start = second.div_euclid(slide) * slide;
            while start + size > *second {
                windows.entry(start).or_default().entry(number % 3).or_default().insert(*number);
                start -= slide;
            }
        }
        let lengths = [size, slide].map(|length| format!("{length}s"));
        let arguments = ["n = count(), numbers = sum(n)", "--by", "k", "--on", "ts", "--window", &lengths[0], "--slide", &lengths[1], "--late", "300s"];
        let said = tool("aggregate").args(arguments).stdin(input).run().quiet_text();
        let mut found: BTreeMap<i64, BTreeMap<usize, (usize, usize)>> = BTreeMap::new();
        let mut last = i64::MIN;
        for line in said.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let [start, end] = [0, 1].map(|place| {
                let time = fields[place].split_once('T').unwrap();
                let day = if time.0 == "2026-03-01" { 0 } else { -86_400 };
                let clock: Vec<i64> = time.1.split(':').map(|part| part.parse().unwrap()).collect();
                day + clock[0] * 3600 + clock[1] * 60 + clock[2]
            });
            prop_assert_eq!(end - start, size);
            prop_assert!(start >= last, "windows come in the order of time");
            last = start;
            let numbers = [2, 3, 4].map(|place| fields[place].parse().unwrap());
            let known = found.entry(start).or_default().insert(numbers[0], (numbers[1], numbers[2]));
            prop_assert_eq!(known, None, "a group of a window comes once");
        }
        let wanted: BTreeMap<_, BTreeMap<_, _>> = windows.into_iter()
            .map(|(start, groups)| (start, groups.into_iter().map(|(key, numbers)| (key, (numbers.len(), numbers.iter().sum()))).collect()))
            .collect();
        prop_assert_eq!(found, wanted);
    }
}

/// What is written of a window that is past does not wait for the end of the input.
#[test]
fn a_window_is_said_once_it_is_past() {
    let line = "mkfifo pipe; aggregate 'n = count()' --window 1m --on ts <pipe >out & exec 3>pipe; \
                printf 'ts\\n2026-01-01T00:00:05Z\\n2026-01-01T00:01:00Z\\n' >&3; \
                for _ in {1..200}; do [ $(wc -l <out) -ge 2 ] && break; sleep 0.02; done; cat out; \
                exec 3>&-; wait; tail -n 1 out";
    let place = tempfile::tempdir().expect("a temporary directory");
    let run = harness::bash(line).dir(place.path()).run();
    assert_eq!(
        run.out(),
        "window_start,window_end,n\n2026-01-01T00:00:00Z,2026-01-01T00:01:00Z,1\n\
         2026-01-01T00:01:00Z,2026-01-01T00:02:00Z,1\n"
    );
}

/// So does a group of sorted input.
#[test]
fn a_group_is_said_once_the_next_one_begins() {
    let line = "mkfifo pipe; aggregate 'n = count()' --by k --sorted <pipe >out & exec 3>pipe; \
                printf 'k\\na\\na\\nb\\n' >&3; \
                for _ in {1..200}; do [ $(wc -l <out) -ge 2 ] && break; sleep 0.02; done; cat out; \
                exec 3>&-; wait; tail -n 1 out";
    let place = tempfile::tempdir().expect("a temporary directory");
    let run = harness::bash(line).dir(place.path()).run();
    assert_eq!(run.out(), "k,n\na,2\nb,1\n");
}
