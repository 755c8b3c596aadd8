//! What counts as the same, and what comes first, in every program that asks: they agree with each other, on
//! values of all kinds mixed, for any number of threads, in memory and on disk, in one run and in parts.

mod harness;

use harness::tool;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// A stream of numbers that is the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % below as u64) as usize
    }

    fn one<'c>(&mut self, of: &[&'c str]) -> &'c str {
        of[self.next(of.len())]
    }

    /// A number, code, time or word, in one of its spellings, with quotes or without.
    fn field(&mut self, most: usize) -> String {
        let number = self.next(most);
        let text = match self.next(10) {
            0..=2 => number.to_string(),
            3 => format!(
                "{}{number}{}",
                self.one(&["", "-", "+", "0", "00"]),
                self.one(&["", ".", ".0", ".50"])
            ),
            4 => format!(
                "{}{}{}",
                number,
                self.one(&["", ".", ".0"]),
                self.one(&["e1", "e+1", "E-02", "e0"])
            ),
            5 => format!("{}.{number}", self.one(&["", "0", "-", "-0"])),
            6 => format!(
                "2024-02-0{}{}0{}:00:0{}{}{}",
                1 + number % 2,
                self.one(&["T", " "]),
                number % 3,
                number / 3 % 3,
                self.one(&["", ".5", ".50", ".000"]),
                self.one(&["", "Z", "+00:00", "+01:00", "-02"])
            ),
            7 => format!(
                "2024-02-0{}{}",
                1 + number % 3,
                self.one(&["", "", "T00:00", "T00:00:00Z"])
            ),
            8 => {
                self.one(&["a", "b", "true", "false", "A", "1a", "-", "é"])
                    .to_owned()
                    + &number.to_string()
            }
            _ => self
                .one(&["true", "false", "1,5", "2d", "48h", "", " 1", "1e", "."])
                .to_owned(),
        };
        match text.contains(',') || self.next(3) == 0 {
            true => format!("\"{text}\""),
            false => text,
        }
    }
}

/// The records of some fields: `k` and their number `n`.
fn records(fields: &[String]) -> String {
    let lines = fields.iter().enumerate().map(|(n, k)| format!("{k},{n}\n"));
    format!("k,n\n{}", lines.collect::<String>())
}

fn made(name: &str, args: &[&str], input: &str) -> String {
    tool(name).args(args).stdin(input).run().quiet_text()
}

/// The second column of some records.
fn numbers(records: &str) -> Vec<usize> {
    let lines = records.lines().skip(1);
    lines
        .map(|line| {
            line.rsplit_once(',')
                .and_then(|(_, n)| n.parse().ok())
                .expect("a number")
        })
        .collect()
}

/// A directory of this test's own, which it leaves empty.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("pipewright-values-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a directory can be made");
        Scratch(path)
    }

    fn file(&self, name: &str, text: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first record of each group, and how many it has, as `aggregate --by` sees it.
fn groups(key: &str, input: &str, more: &[&str]) -> BTreeMap<usize, usize> {
    let args = [
        &["first = min(number(n)), count = count()", "--by", key][..],
        more,
    ]
    .concat();
    let out = made("aggregate", &args, input);
    let pair = |line: &str| {
        let mut parts = line
            .rsplit(',')
            .map(|part| part.parse::<usize>().expect("a number"));
        let count = parts.next().expect("a count");
        (parts.next().expect("a first record"), count)
    };
    out.lines()
        .skip(1)
        .map(|line| pair(&format!("0,{}", tail(line))))
        .collect()
}

/// The last two fields of a line.
fn tail(line: &str) -> String {
    let mut parts: Vec<&str> = line.rsplitn(3, ',').take(2).collect();
    parts.reverse();
    parts.join(",")
}

#[test]
fn all_programs_with_keys_agree_on_what_is_the_same() {
    let scratch = Scratch::new("same");
    for seed in 0..12 {
        let mut dice = Dice(seed);
        let most = [4, 12, 40][seed as usize % 3];
        let fields: Vec<String> = (0..300).map(|_| dice.field(most)).collect();
        let input = records(&fields);
        for key in ["k", "coalesce(k, \"none\")", "text(k)"] {
            let firsts = groups(&format!("key = {key}"), &input, &[]);
            let first: Vec<usize> = firsts.keys().copied().collect();
            let deduped = made("dedupe", &[key], &input);
            assert_eq!(numbers(&deduped), first, "dedupe {key}, seed {seed}");
            let ordered = made("order", &["--unique", key], &input);
            let ordered: BTreeSet<usize> = numbers(&ordered).into_iter().collect();
            assert_eq!(
                ordered,
                first.iter().copied().collect(),
                "order --unique {key}, seed {seed}"
            );
            let distinct = made(
                "aggregate",
                &[&format!(
                    "d = count(distinct {key}), nulls = count_if({key} is null)"
                )],
                &input,
            );
            let is_null = !distinct.ends_with(",0\n");
            let counted = distinct
                .lines()
                .nth(1)
                .and_then(|line| line.split(',').next()?.parse::<usize>().ok());
            assert_eq!(
                counted,
                Some(first.len() - usize::from(is_null)),
                "count(distinct {key}), seed {seed}"
            );
            let counts = made(
                "map",
                &["c = record_number()", "--by", key, "--only"],
                &input,
            );
            let new = counts
                .lines()
                .skip(1)
                .enumerate()
                .filter(|(_, count)| *count == "1");
            assert_eq!(
                new.map(|(n, _)| n).collect::<Vec<_>>(),
                first,
                "map --by {key}, seed {seed}"
            );
        }
        // A join of the stream with the first record of each key: each record has the row of its group.
        let known = made("filter", &["k is not null"], &input);
        let rows = made(
            "map",
            &["first = n", "--drop", "n"],
            &made("dedupe", &["k"], &known),
        );
        let table = scratch.file("table.csv", &rows);
        let joined = made("lookup", &[&table, "--on", "k", "--how", "inner"], &known);
        let mut counts: BTreeMap<usize, usize> = BTreeMap::new();
        for first in numbers(&joined) {
            *counts.entry(first).or_default() += 1;
        }
        assert_eq!(counts, groups("k", &known, &[]), "lookup, seed {seed}");
        // And '=' between two fields.
        let pairs: String = (0..300)
            .map(|n| format!("{},{},{n}\n", fields[n], fields[dice.next(300)]))
            .collect();
        let pairs = format!("a,b,n\n{pairs}");
        let equal = numbers(&made("filter", &["a = b"], &pairs));
        for (n, line) in made("map", &["same = a = b", "--only"], &pairs)
            .lines()
            .skip(1)
            .enumerate()
        {
            assert_eq!(line == "true", equal.contains(&n));
        }
        for n in equal {
            let two = pairs.lines().nth(n + 1).expect("a pair");
            let two = made("map", &["--only", "a, b"], &format!("a,b,n\n{two}\n"));
            let (a, b) = split(two.lines().nth(1).expect("a pair"));
            assert_eq!(
                made("dedupe", &["k"], &format!("k\n{a}\n{b}\n"))
                    .lines()
                    .count(),
                2,
                "{a} = {b}"
            );
        }
    }
}

/// Two fields of which neither has a quote inside.
fn split(line: &str) -> (&str, &str) {
    match line.strip_prefix('"') {
        Some(rest) => {
            let end = rest.find('"').expect("a quote ends") + 2;
            (&line[..end], &line[end + 1..])
        }
        None => line.split_once(',').expect("two fields"),
    }
}

#[test]
fn order_and_aggregates_agree_on_what_comes_first() {
    for seed in 100..108 {
        let mut dice = Dice(seed);
        let fields: Vec<String> = (0..200)
            .map(|_| dice.field(9))
            .filter(|field| !field.is_empty())
            .collect();
        let input = records(&fields);
        for key in ["k", "text(k)"] {
            let ordered = made("order", &[key], &input);
            assert_eq!(
                made("order", &["--check", key], &ordered),
                "",
                "seed {seed}"
            );
            let sorted = numbers(&ordered);
            let bests = format!("least = arg_min(n, {key}), most = arg_max(n, {key})");
            let bests = made("aggregate", &[&bests], &input);
            let same = |a: usize, b: usize| {
                let two = format!("k,n\n{},{a}\n{},{b}\n", fields[a], fields[b]);
                made("dedupe", &[key], &two).lines().count() == 2
            };
            let (least, most) = split(bests.lines().nth(1).expect("a result"));
            let place = |text: &str| text.parse::<usize>().expect("a number");
            assert_eq!(place(least), sorted[0], "arg_min by {key}, seed {seed}");
            assert!(
                same(place(most), sorted[sorted.len() - 1]),
                "arg_max by {key}, seed {seed}"
            );
            let descending = numbers(&made("order", &["--reverse", key], &input));
            assert_eq!(
                place(most),
                descending[0],
                "order --reverse {key}, seed {seed}"
            );
            // Groups of sorted records come one behind the other.
            let at_once = groups(&format!("key = {key}"), &ordered, &["--sorted"]);
            assert_eq!(
                at_once,
                groups(&format!("key = {key}"), &input, &[]),
                "--sorted by {key}, seed {seed}"
            );
        }
        // The least of two fields is the one that comes first.
        let a: Vec<String> = (0..100)
            .map(|_| dice.field(9))
            .filter(|field| !field.is_empty())
            .collect();
        let pairs: String = a
            .iter()
            .zip(&fields)
            .map(|(a, b)| format!("{a},{b}\n"))
            .collect();
        let least = made("map", &["--only", "least(a, b)"], &format!("a,b\n{pairs}"));
        for ((least, a), b) in least.lines().skip(1).zip(&a).zip(&fields) {
            let first = made("order", &["k"], &format!("k\n{a}\n{b}\n"));
            let pass = made("map", &["--only", "coalesce(k, \"\")"], &first);
            assert_eq!(Some(least), pass.lines().nth(1), "least({a}, {b})");
        }
    }
}

#[test]
fn threads_memory_and_parts_change_nothing() {
    let mut dice = Dice(7);
    let scratch = Scratch::new("parts");
    let fields: Vec<String> = (0..60_000).map(|_| dice.field(20_000)).collect();
    let input = records(&fields);
    let aggregates = "n = count(), least = min(k), most = max(k), kinds = count(distinct k), at = first(n), \
                      by = arg_max(n, k), usual = mode(k)";
    for (name, args) in [
        ("order", &["k"][..]),
        ("order", &["--reverse", "text(k), n"]),
        ("dedupe", &["k"]),
        ("dedupe", &["k", "--keep", "last"]),
        ("aggregate", &[aggregates, "--by", "k"]),
        ("aggregate", &[aggregates, "--by", "n % 7"]),
    ] {
        let whole = made(name, args, &input);
        for more in [
            &["-j", "1"][..],
            &["-j", "4"],
            &["-j", "3", "--memory", "1M"],
        ] {
            let other = made(name, &[args, more].concat(), &input);
            assert!(other == whole, "{name} {args:?} with {more:?}");
        }
    }
    for by in [
        "k",
        "t = try_time(k), d = interval(concat((n % 24) * if(n % 2 = 0, 1, 60), if(n % 2 = 0, \"h\", \"m\")))",
        "s = n % 5",
    ] {
        let lines: Vec<&str> = input.lines().skip(1).collect();
        let parts: Vec<String> = lines
            .chunks(17_000)
            .enumerate()
            .map(|(nth, lines)| {
                let part = format!("k,n\n{}\n", lines.join("\n"));
                let more = [&["-j", "2"][..], &["--memory", "1M"]][nth % 2];
                let args = [&[aggregates, "--by", by, "--partial"][..], more].concat();
                scratch.file(&format!("part{nth}"), &made("aggregate", &args, &part))
            })
            .collect();
        let names = match by {
            "k" => "k",
            "s = n % 5" => "s",
            _ => "t,d",
        };
        let mut args = vec!["--merge", aggregates, "--by", names];
        args.extend(parts.iter().map(String::as_str));
        let merged = tool("aggregate").args(&args).run().quiet_text();
        assert!(
            merged == made("aggregate", &[aggregates, "--by", by], &input),
            "in parts by {by}"
        );
    }
}

/// Keys that mix made values with fields: `order --unique` and `dedupe` keep as many records, and `--sorted`
/// finds the groups that a hash finds.
#[test]
fn keys_of_mixed_kinds_have_one_order_and_one_identity() {
    let mut dice = Dice(41);
    for key in [
        "if(number(n) % 2 = 0, text(k), k)",
        "if(number(n) % 2 = 0, lower(k), k)",
        "if(number(n) % 3 = 0, try_time(k), k)",
        "if(number(n) % 3 = 0, coalesce(try_time(k), 36h), k)",
        "case when number(n) % 4 = 0 then 90m when number(n) % 4 = 1 then \"PT1H30M\" else k end",
        "coalesce(try_time(k), text(k))",
        "coalesce(try_number(k), text(k))",
        "greatest(text(k), \"1\", 7)",
        "coalesce(nullif(text(k), \"2\"), k)",
        "coalesce(text(k), \"none\")",
    ] {
        let mut fields: Vec<String> = (0..300).map(|_| dice.field(12)).collect();
        fields.extend(["PT1H30M", "PT36H", "P1DT12H", "2024-02-01T00:00:00"].map(str::to_owned));
        let input = records(&fields);
        let ordered = made("order", &[key, "--unique"], &input);
        let deduped = made("dedupe", &[key], &input);
        let kept = |records: &str| numbers(records).into_iter().collect::<BTreeSet<_>>();
        assert_eq!(kept(&ordered), kept(&deduped), "{key}");
        let sorted = made("order", &[key], &input);
        made("order", &[key, "--check"], &sorted);
        let hashed = groups(key, &input, &[]);
        assert_eq!(hashed.len(), kept(&deduped).len(), "{key}");
        assert_eq!(hashed, groups(key, &sorted, &["--sorted"]), "{key}");
        let least = made("aggregate", &[&format!("least = min({key})")], &input);
        let first = made("map", &[&format!("least = {key}"), "--only"], &ordered);
        let first = first
            .lines()
            .find(|line| !line.is_empty() && *line != "least")
            .unwrap();
        assert_eq!(least.lines().nth(1), Some(first), "{key}");
    }
}
