//! As-of joins against a simple model, in memory and on disk.

use proptest::prelude::*;

use super::*;
use crate::fold::order::{Portion, Room};
use crate::record::{Block, Dialect, Faults, Index, Layout, OnFault, Place, Records};

/// A row or a record: its key, and its as-of value as a number of half hours.
type Item = (Option<u8>, Option<i32>);

/// How a value is written, of several ways that are the same one.
fn spelled(value: i32, scale: Scale, way: usize) -> String {
    let (days, half_hours) = (value.div_euclid(48), value.rem_euclid(48));
    let clock = |half_hours: i32| format!("{:02}:{:02}", half_hours / 2, half_hours % 2 * 30);
    let date = format!("2026-01-{:02}", 10 + days);
    match (scale, way % 3) {
        (Scale::Number, 0) => value.to_string(),
        (Scale::Number, 1) => format!("{value}.00"),
        (Scale::Number, _) => format!("\"{value}.0e0\""),
        (Scale::Civil, _) if half_hours == 0 => date,
        (Scale::Civil, 0) => format!("{date}T{}", clock(half_hours)),
        (Scale::Civil, 1) => format!("{date} {}:00", clock(half_hours)),
        (Scale::Civil, _) => format!("\"{date}T{}:00.000\"", clock(half_hours)),
        (Scale::Instant, 0) => format!("{date}T{}Z", clock(half_hours)),
        (Scale::Instant, way) => {
            let hours = [-5, 9][way - 1];
            let local = value + 2 * hours;
            let (days, half_hours) = (local.div_euclid(48), local.rem_euclid(48));
            let offset = ["-05:00", "+0900"][way - 1];
            format!("2026-01-{:02}T{}{offset}", 10 + days, clock(half_hours))
        }
    }
}

fn block(items: &[Item], scale: Scale, start: usize) -> Block {
    let mut bytes = Vec::new();
    for (place, (key, value)) in items.iter().enumerate() {
        let key = match (key, place % 2) {
            (None, _) => String::new(),
            (Some(key), 0) => key.to_string(),
            (Some(key), _) => format!("{key}.0"),
        };
        let value = value.map_or(String::new(), |value| spelled(value, scale, place));
        let number = start + place;
        bytes.extend_from_slice(format!("{key},{value},{number}\n").as_bytes());
    }
    let place = Place {
        sequence: start as u64,
        line: start as u64 + 2,
        ..Place::default()
    };
    Block { bytes, place }
}

/// Cuts items into blocks and hands on the records of each.
fn in_blocks(items: &[Item], scale: Scale, size: usize, mut each: impl FnMut(&Records<'_>)) {
    let (mut index, layout) = (Index::default(), Layout::all(3));
    for (nth, part) in items.chunks(size).enumerate() {
        let mut block = block(part, scale, nth * size);
        each(
            &index
                .build(&mut block, &layout, Dialect::STREAM)
                .expect("records"),
        );
    }
}

fn on(has_key: bool) -> On {
    let keys: &[(usize, &str)] = if has_key { &[(0, "key")] } else { &[] };
    On::new(keys, Some(Asof::column((1, "ts"))))
}

/// Each record and the number of its row; or a line that repeats.
type Found = Result<Vec<String>, u64>;

fn line(record: &[u8], row: Option<&[u8]>) -> String {
    let [record, row] = [record, row.unwrap_or(b"none")].map(String::from_utf8_lossy);
    format!("{record} {row}")
}

/// Joins as a program does, with so many bytes of memory.
fn joined(
    (rows, records): (&[Item], &[Item]),
    (scale, has_key, terms): (Scale, bool, Terms),
    (size, memory): (usize, usize),
) -> Found {
    let on = on(has_key);
    let room = Room { memory, threads: 2 };
    let (mut held, mut sorted) = (Some(Rows::new(terms)), None);
    let mut scratch = Scratch::default();
    let mut repeats = None;
    let mut known = None;
    in_blocks(rows, scale, size, |records| {
        let (mut taken, mut faults) = (Taken::default(), Faults::new(OnFault::Fail, records.len()));
        taken.add((&on, &[2]), records, &mut faults, (&mut scratch, b','));
        assert!(faults.is_empty());
        taken.on_one_scale(&mut known).expect("one scale");
        match (&mut held, &mut sorted) {
            (_, Some(sorted)) => Sorted::add_rows(sorted, &taken).expect("room on disk"),
            (Some(rows), None) => match rows.add(&taken) {
                Err(Flaw::Repeated { line }) => repeats = repeats.or(Some(line)),
                other => other.expect("rows"),
            },
            _ => {}
        }
        if let Some(rows) = held.take_if(|rows| rows.bytes() > memory / 2) {
            let mut joined = Sorted::new(terms, room);
            rows.move_to(&mut joined).expect("room on disk");
            sorted = Some(joined);
        }
    });
    if let Some(line) = repeats {
        return Err(line);
    }
    let mut found = Vec::new();
    match (held, sorted) {
        (Some(mut rows), _) => {
            match rows.finish() {
                Err(Flaw::Repeated { line }) => return Err(line),
                other => other.expect("rows"),
            }
            let mut matching = Matching::default();
            in_blocks(records, scale, size, |records| {
                let mut faults = Faults::new(OnFault::Fail, records.len());
                let each = |record: u32, row: Option<u32>| {
                    let raw = records.raw(record as usize);
                    found.push(line(raw, row.map(|row| rows.fields(row))));
                    assert!(row.is_none_or(|row| rows.next(row).is_none()));
                };
                rows.matches((&on, known), records, &mut faults, &mut matching, each);
                assert!(faults.is_empty());
            });
        }
        (_, Some(mut sorted)) => {
            let mut portion = Portion::default();
            in_blocks(records, scale, size, |records| {
                let mut faults = Faults::new(OnFault::Fail, records.len());
                let to = (&mut scratch, &mut portion);
                Sorted::add_records((&on, known), records, &mut faults, to);
                sorted.take(&mut portion).expect("room on disk");
            });
            let join = &mut |record: &[u8], row: Option<&[u8]>, _: u64, out: &mut Vec<u8>| {
                out.extend_from_slice(line(record, row).as_bytes());
                true
            };
            let finished = sorted.finish(join, &mut |line| {
                found.push(String::from_utf8_lossy(line).trim_end().to_owned());
                Ok(true)
            });
            if let Err(error) = finished {
                match error.downcast::<Flaw>() {
                    Ok(Flaw::Repeated { line }) => return Err(line),
                    other => panic!("{other:?}"),
                }
            }
        }
        _ => {}
    }
    Ok(found)
}

/// The lines that repeat a key and value of a line before, and each record's row.
fn expected(rows: &[Item], records: &[Item], has_key: bool) -> (Vec<u64>, Vec<Option<usize>>) {
    let key = |item: &Item| match (has_key, item) {
        (_, (_, None)) | (true, (None, _)) => None,
        (true, (key, _)) => Some(*key),
        (false, _) => Some(None),
    };
    let is_same = |a: &Item, b: &Item| key(a).is_some() && key(a) == key(b);
    let repeated = (0..rows.len()).filter(|at| {
        let mut before = rows[..*at].iter();
        before.any(|row| is_same(row, &rows[*at]) && row.1 == rows[*at].1)
    });
    let row = |record: &Item| {
        let before = rows
            .iter()
            .enumerate()
            .filter(|(_, row)| is_same(row, record));
        let before = before.filter(|(_, row)| row.1 <= record.1);
        before
            .max_by_key(|(place, row)| (row.1, *place))
            .map(|(place, _)| place)
    };
    (
        repeated.map(|at| at as u64 + 2).collect(),
        records.iter().map(row).collect(),
    )
}

fn items(key: u8, values: i32) -> impl Strategy<Value = Vec<Item>> {
    let key = prop::option::weighted(0.9, 0..key);
    let value = prop::option::weighted(0.9, -values..values);
    prop::collection::vec((key, value), 0..60)
}

proptest! {
    #[test]
    fn an_asof_join_finds_the_latest_row(
        rows in prop_oneof![3 => items(4, 400), 1 => items(3, 8)], records in items(5, 420),
        scale in prop::sample::select(vec![Scale::Number, Scale::Civil, Scale::Instant]),
        has_key in any::<bool>(), may_repeat in any::<bool>(),
        size in 1usize..70, memory in prop_oneof![Just(1usize), 500usize..9000, Just(usize::MAX)],
    ) {
        let terms = Terms { is_asof: true, may_repeat };
        let found = joined((&rows, &records), (scale, has_key, terms), (size, memory));
        let (repeated, wanted) = expected(&rows, &records, has_key);
        match found {
            // On disk the first key that has one is named, and not the first line.
            Err(line) => prop_assert!(!may_repeat && repeated.contains(&line)
                && (memory != usize::MAX || line == repeated[0])),
            Ok(found) => {
                prop_assert!(may_repeat || repeated.is_empty());
                let rows: Vec<_> = wanted.iter().map(|row| {
                    row.map_or("none".to_owned(), |row| row.to_string())
                }).collect();
                let ends: Vec<_> = found.iter().map(|line| {
                    line.rsplit(' ').next().unwrap_or_default().to_owned()
                }).collect();
                prop_assert_eq!(ends, rows, "{:?}", found);
                // The same records in the same order, to the byte.
                let mut texts = Vec::new();
                in_blocks(&records, scale, size, |records| {
                    texts.extend((0..records.len()).map(|n| records.raw(n).to_vec()));
                });
                for (found, text) in found.iter().zip(&texts) {
                    prop_assert!(found.as_bytes().starts_with(text));
                }
            }
        }
    }
}
