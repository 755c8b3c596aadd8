//! The programs run in this process, over text in memory.

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Seek};
use std::sync::Arc;

use super::aggregate::{group, group_sorted, group_windows};
use super::dedupe::dedupe;
use super::filter::Filter;
use super::lookup::{AskedOfJoin, How, Join};
use super::map::{AskedOfMap, Map};
use super::order::{check, sort};
use super::*;
use crate::bytes::Dialect;
use crate::expr::{Scope, columns, parse};
use crate::fold::aggregation::windows::Windows;
use crate::fold::aggregation::{self, Aggregation, Phase};
use crate::fold::order::key::Direction;
use crate::fold::order::{Keys, OfEqual, Wanted, keys};
use crate::stream::{Framing, Opener, Source, Summary};
use crate::trust::{Ends, Policy};

const MEMORY: usize = 1 << 20;

fn settings() -> Settings {
    Settings {
        threads: 2,
        dialect: Dialect::STREAM,
        policy: Policy::default(),
        ends: Ends::Judged,
    }
}

fn input(text: &str) -> (Input, Header) {
    let read = Box::new(Cursor::new(text.as_bytes().to_vec()));
    let opener: Opener = Box::new(|| Ok(Source::own(Arc::from("in.csv"), read)));
    let mut input = Input::new([opener], Framing::Records(Dialect::STREAM));
    let header = input.header().expect("there is a header");
    (input, header)
}

/// An output, and the file that it is written to.
struct Sheet {
    file: std::fs::File,
    output: Output,
}

impl Sheet {
    fn new() -> Self {
        let file = tempfile::tempfile().expect("a file");
        let output = Output::file(file.try_clone().expect("a second handle"), "out");
        Sheet { file, output }
    }

    fn text(mut self) -> String {
        let mut text = String::new();
        self.file.rewind().expect("a file");
        self.file.read_to_string(&mut text).expect("text");
        text
    }
}

/// What a program writes for `text`, and what it says at its end.
fn run(
    text: &str,
    program: impl FnOnce(Streams<'_>) -> anyhow::Result<Summary>,
) -> anyhow::Result<(String, Summary)> {
    let (mut input, header) = input(text);
    let mut sheet = Sheet::new();
    let summary = program(Streams {
        input: &mut input,
        header: &header,
        settings: &settings(),
        output: &mut sheet.output,
    })?;
    Ok((sheet.text(), summary))
}

/// The same, where nothing may fail.
fn ran(text: &str, program: impl FnOnce(Streams<'_>) -> anyhow::Result<Summary>) -> String {
    run(text, program).expect("a good run").0
}

fn keys(text: &str, header: &Header) -> Keys {
    let program = keys::Program::parse(text).expect("keys");
    program
        .resolve(header, &BTreeMap::new(), Direction::default())
        .expect("keys of this header")
}

const SALES: &str = "id,country,price\n1,DE,9.5\n2,FR,\n3,DE,0.5\n4,FR,2\n";

#[test]
fn filter_splits_records() {
    for invert in [false, true] {
        let mut other = Sheet::new();
        let kept = ran(SALES, |streams| {
            let text = "price > 1";
            let condition = Scope {
                text,
                header: streams.header,
                settings: &BTreeMap::new(),
            }
            .resolve(&parse::condition(text).expect("a condition"))?;
            Filter { condition, invert }.run(streams, Some(&mut other.output))
        });
        let yes = "id,country,price\n1,DE,9.5\n4,FR,2\n";
        let no = "id,country,price\n2,FR,\n3,DE,0.5\n";
        let expected = if invert { [no, yes] } else { [yes, no] };
        assert_eq!([kept, other.text()], expected, "invert: {invert}");
    }
}

#[test]
fn map_sets_columns_and_goes_by_the_records_before() {
    let text = "total = price * 2, so_far = running_sum(price)";
    let written = ran(SALES, |streams| {
        let asked = AskedOfMap {
            text,
            items: &parse::items(text).expect("assignments"),
            settings: &BTreeMap::new(),
            only: false,
            drop: Some("price"),
            by: Some("country"),
            delimiter: b',',
        };
        Map::resolve(&asked, streams.header)?.run(streams)
    });
    assert_eq!(
        written,
        "id,country,total,so_far\n1,DE,19,9.5\n2,FR,,\n3,DE,1,10\n4,FR,4,2\n"
    );
}

#[test]
fn order_sorts_and_checks() {
    let wanted = Wanted {
        of_equal: OfEqual::All,
        limit: Some(3),
    };
    let sorted = ran(SALES, |streams| {
        sort(keys("-price", streams.header), wanted, MEMORY, streams)
    });
    assert_eq!(sorted, "id,country,price\n1,DE,9.5\n4,FR,2\n3,DE,0.5\n");

    for (key, strictly, is_in_order) in [
        ("id", true, true),
        ("price", false, false),
        ("country", false, false),
        ("id > 0", false, true),
        ("id > 0", true, false),
    ] {
        let (mut input, header) = input(SALES);
        let checked = check(
            keys(key, &header),
            strictly,
            header.len(),
            &mut input,
            &settings(),
        );
        assert_eq!(checked.is_ok(), is_in_order, "{key}, strictly: {strictly}");
    }
}

#[test]
fn dedupe_keeps_the_first_or_the_last() {
    for (of_equal, expected) in [
        (OfEqual::First, "id,country,price\n1,DE,9.5\n2,FR,\n"),
        (OfEqual::Last, "id,country,price\n3,DE,0.5\n4,FR,2\n"),
    ] {
        let kept = ran(SALES, |streams| {
            dedupe(keys("country", streams.header), of_equal, MEMORY, streams)
        });
        assert_eq!(kept, expected);
    }
}

fn aggregation(text: &str, by: &str, header: &Header) -> (Aggregation, Windows) {
    let items = parse::items(text).expect("aggregates");
    let program = aggregation::Program {
        items: &items,
        text,
        by: Some(by),
        settings: &BTreeMap::new(),
        part: Phase::Whole,
    };
    let windows = Windows {
        on: program.resolve_one("id", header).expect("a column"),
        size: 2_000_000_000,
        slide: 2_000_000_000,
        late: 0,
        refuses_late: false,
    };
    let aggregation = Aggregation::resolve(&program, header, b',').expect("aggregates");
    (aggregation, windows)
}

#[test]
fn aggregate_groups_records() {
    let (text, by) = ("n = count(), total = sum(price)", "country");
    let groups = "country,n,total\nDE,2,10\nFR,2,2\n";
    assert_eq!(
        ran(SALES, |streams| {
            group(aggregation(text, by, streams.header).0, MEMORY, streams)
        }),
        groups
    );
    let sorted = "id,country,price\n1,DE,9.5\n3,DE,0.5\n2,FR,\n4,FR,2\n";
    assert_eq!(
        ran(sorted, |streams| group_sorted(
            &aggregation(text, by, streams.header).0,
            streams
        )),
        groups
    );
    let unsorted = run(SALES, |streams| {
        group_sorted(&aggregation(text, by, streams.header).0, streams)
    });
    assert!(unsorted.is_err(), "DE comes twice");
}

#[test]
fn aggregate_groups_by_windows() {
    let mut log = String::from("id,city,price\n");
    for (second, price) in [(0, 1), (1, 2), (2, 4), (0, 8)] {
        log.push_str(&format!("2026-01-01T00:00:0{second}Z,Rome,{price}\n"));
    }
    let (written, summary) = run(&log, |streams| {
        let (aggregation, windows) = aggregation("total = sum(price)", "city", streams.header);
        group_windows(&windows, &aggregation, streams)
    })
    .expect("a good run");
    let totals: Vec<&str> = written
        .lines()
        .filter_map(|line| line.rsplit(',').next())
        .collect();
    assert_eq!(totals, ["total", "3", "4"], "{written}");
    assert_eq!(summary.notices.len(), 1, "one record was late");
}

#[test]
fn lookup_joins_in_memory_and_on_disk() {
    let mut table = String::from("id,city\n");
    for id in 1..=3_000 {
        table.push_str(&format!("{id},city {id}\n"));
    }
    let text = "no,id\n1,3\n2,4000\n3,1\n";
    for (how, expected) in [
        (How::Left, "no,id,city\n1,3,city 3\n2,4000,\n3,1,city 1\n"),
        (How::Inner, "no,id,city\n1,3,city 3\n3,1,city 1\n"),
        (How::Semi, "no,id\n1,3\n3,1\n"),
        (How::Anti, "no,id\n2,4000\n"),
    ] {
        for memory in [MEMORY * 64, 1] {
            let joined = ran(text, |streams| {
                let (mut input, header) = input(&table);
                let asked = AskedOfJoin {
                    on: &columns::parse("id").expect("a column"),
                    asof: None,
                    take: None,
                    how,
                    many: false,
                    prefix: "",
                    delimiter: b',',
                };
                let join = Join::new(&asked, streams.header, &header)?;
                streams.output.write_header(&join.header, b',')?;
                let table = join.read(&mut input, "cities.csv", &settings(), memory)?;
                join.run(table, streams)
            });
            assert_eq!(joined, expected, "{how:?} with {memory} bytes");
        }
    }
}
