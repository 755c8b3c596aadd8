use super::ends::RecordEnds;
use super::fields::FieldBounds;
use super::picked::{Picked, Picking, Picks};
use super::tally::{tally_text_with, tally_with};
use super::*;
use crate::bytes::processor::features;
use proptest::prelude::*;

/// What a field says that the csv crate wrote.
fn unquoted(field: &[u8]) -> Vec<u8> {
    let field = field.strip_suffix(b"\r").unwrap_or(field);
    let text = String::from_utf8_lossy(field);
    match text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\"\"", "\"").into_bytes(),
        None => field.to_vec(),
    }
}

/// Text made of the bytes that matter, often enough to meet in every way.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(
        prop_oneof![
            4 => Just(b'a'), 2 => Just(b','), 2 => Just(b'"'), 1 => Just(b'\n'), 1 => Just(b'\r'),
            1 => any::<u8>()
        ],
        0..300,
    )
}

/// Characters of every length, and sequences that are nearly ones.
fn nearly_utf8() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        12 => "[a-zé߿ࠀ퟿\u{E000}\u{FFFF}\u{10000}\u{10FFFF}한]{1,40}".prop_map(String::into_bytes),
        1 => "[a\n]{60,70}".prop_map(String::into_bytes),
        1 => any::<char>().prop_map(|letter| letter.to_string().into_bytes()),
    ];
    let whole = proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat());
    let edge = prop_oneof![
        Just(0x7F_u8),
        Just(0x80),
        Just(0x8F),
        Just(0x90),
        Just(0x9F),
        Just(0xA0),
        Just(0xBF),
        Just(0xC0),
        Just(0xC1),
        Just(0xC2),
        Just(0xDF),
        Just(0xE0),
        Just(0xED),
        Just(0xEF),
        Just(0xF0),
        Just(0xF4),
        Just(0xF5),
        Just(0xFF)
    ];
    let wrong = proptest::option::of((any::<proptest::sample::Index>(), edge));
    (whole, wrong).prop_map(|(mut bytes, wrong)| {
        if let Some((place, byte)) = wrong.filter(|_| !bytes.is_empty()) {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    (1usize..6).prop_flat_map(|columns| {
        proptest::collection::vec(
            proptest::collection::vec("[a-z,\"\n\r é]{0,30}", columns),
            0..30,
        )
    })
}

/// All that the processor running this has, the portable way first.
fn twins() -> impl Iterator<Item = Features> {
    let best = features(1 << 20);
    [Features::Basic, Features::Avx2, Features::Avx512]
        .into_iter()
        .filter(move |&twin| twin <= best)
}

fn field_bounds_by(features: Features, bytes: &[u8], dialect: Dialect) -> (FieldsFound, Vec<u32>) {
    let mut bounds = Vec::new();
    let bounds_of = FieldBounds {
        bytes,
        bounds: &mut bounds,
    };
    (work(bounds_of, dialect, features), bounds)
}

/// The same bytes behind others, as which they begin elsewhere in a cache line.
fn shifted(bytes: &[u8], shift: usize) -> Vec<u8> {
    [&vec![b'"'; shift], bytes].concat()
}

/// The portable way.
fn all_bounds(bytes: &[u8]) -> (FieldsFound, Vec<u32>) {
    field_bounds_by(Features::Basic, bytes, Dialect::STREAM)
}

proptest! {
    #[test]
    fn twins_agree(bytes in hostile(), quoted in any::<bool>(), shift in 0usize..64) {
        let dialect = Dialect { delimiter: b',', quote: quoted.then_some(b'"') };
        let expected = field_bounds_by(Features::Basic, &bytes, dialect);
        let shifted = shifted(&bytes, shift);
        for twin in twins() {
            prop_assert_eq!(&field_bounds_by(twin, &shifted[shift..], dialect), &expected);
        }
    }

    /// What is picked is a part of what a scan for all finds, and irregular where that is.
    #[test]
    fn picked_ends_are_among_all(
        lines in proptest::collection::vec((0u8..20, 0usize..40, "[a-z]{0,9}"), 0..40),
        columns in 1usize..90,
        wanted in proptest::collection::vec((0usize..90, 0usize..90), 0..4),
        tail in hostile(),
        shift in 0usize..64,
    ) {
        let mut bytes = Vec::new();
        for (odds, quoted, text) in &lines {
            let fields = columns + usize::from(*odds == 1) - usize::from(*odds == 2 && columns > 1);
            let mut record = vec![text.clone(); fields];
            if *quoted < fields {
                record[*quoted] = "\"x,\n\"\"y\"".to_owned();
            }
            bytes.extend_from_slice(record.join(",").as_bytes());
            bytes.extend_from_slice(if *odds == 3 { b"\r\n" } else { b"\n" });
        }
        if lines.len() % 5 == 4 {
            bytes.extend_from_slice(&tail);
            let is_open = tally(&bytes, Dialect::STREAM).is_odd;
            bytes.extend_from_slice(if is_open { b"\"\n" } else { b"\n" });
        }
        let mut is_kept = vec![false; columns];
        is_kept[columns - 1] = true;
        for (one, other) in &wanted {
            is_kept[one % columns] = true;
            is_kept[other % columns] = true;
        }
        let picks = &Picks::of(&is_kept);
        let (found, all) = all_bounds(&bytes);
        let is_end = |(place, bound): (usize, &u32)| (bytes[*bound as usize - 1] == b'\n') == (place % columns == columns - 1);
        let is_regular = all.len() % columns == 0 && all.iter().enumerate().all(is_end);
        let expected = Picked {
            records: found.records,
            is_regular,
            has_returns: bytes.contains(&b'\r'),
            stray_quote: found.stray_quote,
        };
        let kept = (0..columns).filter(|&end| picks.slots[end + 1] != Picks::UNKNOWN);
        let kept: Vec<usize> = kept.collect();
        let kept: Vec<u32> = all.chunks(columns).flat_map(|record| {
            kept.iter().filter_map(|&end| record.get(end).copied())
        }).collect();
        let shifted = shifted(&bytes, shift);
        for twin in twins() {
            let mut bounds = Vec::new();
            let picking = Picking { bytes: &shifted[shift..], picks, bounds: &mut bounds };
            prop_assert_eq!(work(picking, Dialect::STREAM, twin), expected);
            prop_assert_eq!(bounds, &kept[..]);
        }
    }

    #[test]
    fn the_csv_crate_agrees(table in table()) {
        let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
        for record in &table {
            writer.write_record(record).unwrap();
        }
        let bytes = writer.into_inner().unwrap();
        let mut bounds = vec![0];
        let found = field_bounds(&bytes, Dialect::STREAM, &mut bounds);
        prop_assert_eq!(found.records, table.len());
        prop_assert_eq!(found.stray_quote, None);
        let fields: Vec<_> = bounds
            .windows(2)
            .map(|w| unquoted(&bytes[w[0] as usize..w[1] as usize - 1]))
            .collect();
        let expected: Vec<_> = table.iter().flatten().map(|f| f.clone().into_bytes()).collect();
        prop_assert_eq!(fields, expected);
    }

    /// A blank line is a line end at the beginning of a line, behind a carriage return or not.
    #[test]
    fn record_ends_are_the_scans(bytes in hostile(), size in 1usize..150) {
        let (_, bounds) = all_bounds(&bytes);
        let ends = bounds.iter().map(|&bound| bound as usize).filter(|&bound| bytes[bound - 1] == b'\n');
        let (mut start, mut expected) = (0, 0);
        for end in ends {
            expected += u64::from(!matches!(&bytes[start..end], b"\n" | b"\r\n"));
            start = end;
        }
        for twin in twins() {
            let (mut counting, mut found) = (Counting::START, 0);
            for bytes in bytes.chunks(size) {
                found += work(RecordEnds { bytes, counting: &mut counting }, Dialect::STREAM, twin);
            }
            prop_assert_eq!(found, expected);
        }
    }

    /// However bytes are cut into pieces, none is taken for UTF-8 that is not; of a processor with
    /// AVX-512, all that is.
    #[test]
    fn utf8_is_known(bytes in nearly_utf8(), sizes in proptest::collection::vec(prop_oneof![1usize..200, 200usize..9000], 1..9)) {
        let expected = std::str::from_utf8(&bytes).is_ok();
        for twin in twins() {
            let (mut utf8, mut is_utf8, mut rest) = (Utf8::default(), true, &bytes[..]);
            for size in sizes.iter().cycle() {
                let (piece, behind) = rest.split_at(rest.len().min(*size));
                is_utf8 &= tally_text_with(piece, Dialect::STREAM, &mut utf8, twin).is_utf8;
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            is_utf8 &= utf8.is_whole();
            match twin {
                Features::Avx512 => prop_assert_eq!(is_utf8, expected),
                _ => prop_assert_eq!(is_utf8, bytes.is_ascii()),
            }
        }
    }

    #[test]
    fn the_last_record_end_is_the_scans(bytes in hostile(), shift in 0usize..64) {
        let (found, bounds) = all_bounds(&bytes);
        let expected = bounds.iter().rev().find(|&&b| bytes[b as usize - 1] == b'\n').map(|&b| b as usize);
        let tally = Tally {
            is_utf8: true,
            is_odd: count_byte(&bytes, b'"') % 2 == 1,
            newlines: count_byte(&bytes, b'\n'),
        };
        let shifted = shifted(&bytes, shift);
        for twin in twins() {
            let tally_of = |dialect| {
                let found = tally_with(&shifted[shift..], dialect, twin);
                let of_text = tally_text_with(&shifted[shift..], dialect, &mut Utf8::default(), twin);
                assert_eq!(found.is_utf8, bytes.is_ascii());
                assert_eq!((found.is_odd, found.newlines), (of_text.is_odd, of_text.newlines));
                Tally { is_utf8: true, ..found }
            };
            prop_assert_eq!(tally_of(Dialect::STREAM), tally);
            let unquoted = Dialect { quote: None, ..Dialect::STREAM };
            prop_assert_eq!(tally_of(unquoted), Tally { is_odd: false, ..tally });
        }
        prop_assert_eq!(tally.is_odd, found.is_open);
        prop_assert_eq!(last_record_end(&bytes, Some(b'"'), tally.is_odd), expected);
    }
}
