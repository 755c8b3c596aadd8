mod formats;
mod zones;

use proptest::prelude::*;

use super::*;
use crate::value::Value;

fn time(text: &str) -> Time {
    Time::parse(text.as_bytes()).unwrap_or_else(|| panic!("'{text}' is a time"))
}

fn interval(text: &str) -> Interval {
    Interval::parse(text.as_bytes()).unwrap_or_else(|| panic!("'{text}' is an interval"))
}

fn zone(name: &str) -> Zone {
    Zone::find(name).unwrap()
}

#[test]
fn sizes() {
    assert!(size_of::<Time>() <= 22, "{}", size_of::<Time>());
    assert_eq!(size_of::<Interval>(), 16);
    assert_eq!(size_of::<Value>(), 32);
}

#[test]
fn reads_and_writes() {
    for (text, written) in [
        ("2013-01-01", "2013-01-01"),
        ("0000-01-01", "0000-01-01"),
        ("2013-01-01T05:00", "2013-01-01T05:00:00"),
        ("2013-01-01 05:00:00", "2013-01-01T05:00:00"),
        ("2013-01-01T05:00:00.250", "2013-01-01T05:00:00.25"),
        (
            "2013-01-01T05:00:00,000000001",
            "2013-01-01T05:00:00.000000001",
        ),
        ("2013-01-01T05:00:00.000Z", "2013-01-01T05:00:00Z"),
        ("2013-01-01t05:00z", "2013-01-01T05:00:00Z"),
        ("2013-01-01 05:00:00+00", "2013-01-01T05:00:00Z"),
        ("2013-01-01T05:00:00-00:00", "2013-01-01T05:00:00Z"),
        ("2013-01-01T05:00:00+0900", "2013-01-01T05:00:00+09:00"),
        ("2013-01-01T05:00:00-03:30", "2013-01-01T05:00:00-03:30"),
        (
            "1880-01-01T05:00:00+08:27:52",
            "1880-01-01T05:00:00+08:27:52",
        ),
        (
            "9999-12-31T23:59:59.999999999Z",
            "9999-12-31T23:59:59.999999999Z",
        ),
    ] {
        assert_eq!(time(text).to_string(), written);
        assert_eq!(time(written).to_string(), written);
    }
}

#[test]
fn refuses_what_is_no_time() {
    for text in [
        "",
        "2013",
        "2013-1-1",
        "2013-01-01T",
        "2013-01-01T05",
        "2013-02-29",
        "2013-13-01",
        "2013-01-00",
        "2013-01-01T24:00",
        "2013-01-01T05:60",
        "2013-01-01T23:59:60",
        "2013-01-01T05:00:00.",
        "2013-01-01T05:00:00.0000000001",
        "2013-01-01T05:00:00+9",
        "2013-01-01T05:00:00+24:00",
        "2013-01-01T05:00:00+09:60",
        "2013-01-01T05:00:00 UTC",
        "2013-01-01Z",
        "20130101",
        "+013-01-01",
        "2013/01/01",
        "2013-01-01 ",
        " 2013-01-01",
        "2013-01-01T05:00:00ZZ",
        "２013-01-01",
    ] {
        assert_eq!(Time::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn orders() {
    let order = |a: &str, b: &str| time(a).compare(&time(b)).map_err(|fault| fault.to_string());
    assert_eq!(order("2013-01-01", "2013-01-01T00:00"), Ok(Ordering::Equal));
    assert_eq!(
        order("2013-01-01T05:00+01:00", "2013-01-01T04:00Z"),
        Ok(Ordering::Equal)
    );
    assert_eq!(
        order("2013-01-01T05:00+01:00", "2013-01-01T04:30Z"),
        Ok(Ordering::Less)
    );
    assert_eq!(
        order("2013-01-01", "2013-01-01T04:30Z"),
        Err(
            "'2013-01-01T04:30:00Z' has a zone and '2013-01-01' has none: \
             give it one with at_zone(t, zone)"
                .into()
        )
    );
}

#[test]
fn moves() {
    let moved = |t: &str, i: &str| time(t).add(interval(i)).map(|t| t.to_string());
    assert_eq!(moved("2013-01-31", "1mo").unwrap(), "2013-02-28");
    assert_eq!(moved("2012-02-29", "1y").unwrap(), "2013-02-28");
    assert_eq!(moved("2013-01-31", "-1d").unwrap(), "2013-01-30");
    assert_eq!(moved("2013-01-31", "90m").unwrap(), "2013-01-31T01:30:00");
    assert_eq!(
        moved("2013-01-31T23:00+09:00", "2h").unwrap(),
        "2013-02-01T01:00:00+09:00"
    );
    assert_eq!(
        moved("9999-12-31", "1d").unwrap_err().to_string(),
        "'9999-12-31' plus P1D is outside the years 0000 to 9999"
    );
    assert!(moved("0000-01-01T00:00", "-1ns").is_err());
    assert!(moved("2000-01-01", "P2147483647D").is_err());
    assert!(moved("2000-01-01", "P178956970Y").is_err());
    assert!(
        time("2000-01-01")
            .subtract(Interval {
                days: i32::MIN,
                ..Interval::default()
            })
            .is_err()
    );
}

#[test]
fn differs() {
    let passed = |a: &str, b: &str| time(a).difference(&time(b)).map(|i| i.to_string());
    assert_eq!(passed("2013-03-01", "2013-02-01").unwrap(), "P28D");
    assert_eq!(passed("2013-03-01T00:00", "2013-02-28").unwrap(), "PT24H");
    assert_eq!(
        passed("2013-03-01T00:00Z", "2013-03-01T00:00:00.5Z").unwrap(),
        "-PT0.5S"
    );
    assert!(passed("9999-12-31T00:00", "2013-03-01T00:00").is_err());
    assert_eq!(passed("9999-12-31", "0000-01-01").unwrap(), "P3652424D");
}

#[test]
fn epoch_is_exact() {
    assert_eq!(time("1970-01-01").epoch_nanoseconds(), 0);
    assert_eq!(
        time("1969-12-31T23:59:59.9").epoch_nanoseconds(),
        -100_000_000
    );
    assert_eq!(
        time("2013-01-01T09:00:00.25+09:00").epoch_nanoseconds(),
        1_356_998_400_250_000_000
    );
    for edge in ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"] {
        let nanoseconds = time(edge).epoch_nanoseconds();
        assert_eq!(
            Time::from_epoch_nanoseconds(nanoseconds)
                .unwrap()
                .to_string(),
            edge
        );
    }
    // Whole microseconds are rounded down on both sides of 1970.
    for (text, microseconds) in [
        ("1969-12-31T23:59:59.9999995Z", -1),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("1970-01-01T00:00:00.0000005Z", 0),
        ("1970-01-01T01:00:00.0000015+01:00", 1),
    ] {
        assert_eq!(time(text).epoch_microseconds(), microseconds, "{text}");
    }
    let before = Time::from_epoch_nanoseconds(-62_167_219_200_000_000_001).unwrap_err();
    assert_eq!(
        before.to_string(),
        "-62167219201 seconds after 1970 are outside the years 0000 to 9999"
    );
    for out in [
        i128::MIN,
        i128::MAX,
        253_402_300_800_000_000_000,
        -62_167_219_200_000_000_001,
    ] {
        assert!(Time::from_epoch_nanoseconds(out).is_err(), "{out}");
    }
}

#[test]
fn truncates() {
    for (unit, cut) in [
        ("year", "2013-01-01T00:00:00+09:00"),
        ("quarter", "2013-07-01T00:00:00+09:00"),
        ("month", "2013-08-01T00:00:00+09:00"),
        ("weeks", "2013-08-12T00:00:00+09:00"),
        ("Day", "2013-08-18T00:00:00+09:00"),
        ("hour", "2013-08-18T15:00:00+09:00"),
        ("minute", "2013-08-18T15:47:00+09:00"),
        ("second", "2013-08-18T15:47:31+09:00"),
        ("millisecond", "2013-08-18T15:47:31.123+09:00"),
    ] {
        let whole = time("2013-08-18T15:47:31.123456+09:00")
            .truncate(Unit::find(unit).unwrap())
            .unwrap();
        assert_eq!(whole.to_string(), cut);
    }
    assert_eq!(Unit::find("fortnight"), None);
    assert_eq!(
        time("2013-08-18")
            .truncate(Unit::Month)
            .unwrap()
            .to_string(),
        "2013-08-01"
    );
    assert!(time("0000-01-01").truncate(Unit::Week).is_err());
}

#[test]
fn buckets() {
    let cut = |t: &str, i: &str| time(t).bucket(interval(i)).map(|t| t.to_string());
    assert_eq!(
        cut("2013-08-18T15:47:31+09:00", "15m").unwrap(),
        "2013-08-18T15:45:00+09:00"
    );
    assert_eq!(
        cut("2013-08-18T15:47:31", "6h").unwrap(),
        "2013-08-18T12:00:00"
    );
    assert_eq!(
        cut("2013-08-18T15:47:31", "1w").unwrap(),
        "2013-08-12T00:00:00"
    );
    assert_eq!(
        cut("1969-08-18T15:47:31", "500ms").unwrap(),
        "1969-08-18T15:47:31"
    );
    assert_eq!(cut("2013-08-18", "3mo").unwrap(), "2013-07-01");
    assert_eq!(cut("1999-12-18", "1y").unwrap(), "1999-01-01");
    assert_eq!(cut("2013-08-18", "6h").unwrap(), "2013-08-18");
    assert_eq!(cut("2013-08-18", "131072y").unwrap(), "2000-01-01");
    for wide in ["70000y", "65536y", "131072y"] {
        assert!(cut("1950-03-01", wide).is_err(), "{wide}");
    }
    for wrong in ["0d", "-1h", "P1M1D"] {
        assert!(cut("2013-08-18", wrong).is_err(), "{wrong}");
    }
    assert!(cut("0000-01-01", "P200000Y").is_err());
    assert!(cut("0000-01-01", "P200000D").is_err());
}

#[test]
fn counts_borders() {
    let crossed = |unit: &str, a: &str, b: &str| {
        Unit::find(unit)
            .unwrap()
            .crossed(&time(a), &time(b))
            .unwrap()
    };
    assert_eq!(crossed("day", "2013-01-01T23:59", "2013-01-02T00:01"), 1);
    assert_eq!(crossed("day", "2013-01-02T00:01", "2013-01-01T23:59"), -1);
    assert_eq!(crossed("week", "2013-08-18", "2013-08-19"), 1);
    assert_eq!(crossed("week", "2013-08-19", "2013-08-25"), 0);
    assert_eq!(crossed("year", "2012-12-31", "2013-01-01"), 1);
    assert_eq!(crossed("quarter", "2012-12-31", "2013-07-01"), 3);
    assert_eq!(crossed("month", "2013-01-31", "2013-03-01"), 2);
    assert_eq!(
        crossed("hour", "1969-12-31T23:59:59.9999999", "1970-01-01"),
        1
    );
    assert_eq!(
        crossed("millisecond", "1969-12-31T23:59:59.9995", "1970-01-01"),
        1
    );
    // Both on the clock of the first.
    assert_eq!(
        crossed("day", "2013-01-01T23:30+01:00", "2013-01-01T23:15Z"),
        1
    );
    assert_eq!(
        crossed("day", "2013-01-01T22:30Z", "2013-01-02T00:15+01:00"),
        0
    );
    assert!(
        Unit::Day
            .crossed(&time("2013-01-01"), &time("2013-01-01T00:00Z"))
            .is_err()
    );
}

#[test]
fn fields() {
    let t = time("2012-12-31T23:59:58.5");
    let all = [
        (Field::Year, 2012),
        (Field::Quarter, 4),
        (Field::Month, 12),
        (Field::Week, 1),
        (Field::Day, 31),
        (Field::Hour, 23),
        (Field::Minute, 59),
        (Field::Second, 58),
        (Field::Weekday, 1),
        (Field::Yearday, 366),
    ];
    for (field, value) in all {
        assert_eq!(t.field(field), value, "{field:?}");
    }
    assert_eq!(time("2013-08-18").field(Field::Weekday), 7);
}

#[test]
fn intervals() {
    for (text, written) in [
        ("15m", "PT15M"),
        ("1h30m", "PT1H30M"),
        ("90m", "PT1H30M"),
        ("2w", "P14D"),
        ("3mo", "P3M"),
        ("1y", "P1Y"),
        ("14mo", "P1Y2M"),
        ("500ms", "PT0.5S"),
        ("1.5h", "PT1H30M"),
        ("0s", "PT0S"),
        ("1d12h", "P1DT12H"),
        ("-1d", "-P1D"),
        ("100us", "PT0.0001S"),
        ("36h", "PT36H"),
        ("P1Y2M3DT4H5M6.5S", "P1Y2M3DT4H5M6.5S"),
        ("P1W", "P7D"),
        ("-PT15M", "-PT15M"),
        ("P1M-1D", "P1M-1D"),
        ("PT1M-0.5S", "PT59.5S"),
        ("P-1D", "-P1D"),
        ("P1DT-1M", "P1DT-1M"),
        ("P1DT-90.5S", "P1DT-1M-30.5S"),
    ] {
        assert_eq!(interval(text).to_string(), written);
        assert_eq!(interval(written), interval(text));
    }
    for text in [
        "",
        "-",
        "15",
        "m",
        "1.5d",
        "1.m",
        "1h-3m",
        "1 h",
        "P",
        "PT",
        "P1DT",
        "P1H",
        "PT1D",
        "P1D1M",
        "P1D1D",
        "P1.5M",
        "1H",
        "99999999999y",
        "9999999h",
        "1e3s",
        "0.0000000001s",
        "P1DTT1H",
        "--1d",
        "99999999999999999999999999999999999999999999s",
    ] {
        assert_eq!(Interval::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn interval_arithmetic() {
    assert_eq!(interval("15m").multiply(4).unwrap(), interval("1h"));
    assert_eq!(
        interval("1mo").add(interval("1d")).unwrap().to_string(),
        "P1M1D"
    );
    assert!(interval("1y").multiply(i64::MAX).is_err());
    assert!(
        Interval {
            nanoseconds: i64::MIN,
            ..Interval::default()
        }
        .negate()
        .is_err()
    );
    let order = |a: &str, b: &str| interval(a).compare(&interval(b));
    assert_eq!(order("24h", "1d").unwrap(), Ordering::Equal);
    assert_eq!(order("1mo", "27d").unwrap(), Ordering::Greater);
    assert_eq!(order("1mo", "32d").unwrap(), Ordering::Less);
    assert_eq!(order("1y", "12mo").unwrap(), Ordering::Equal);
    assert!(order("1mo", "30d").is_err());
    assert_eq!(
        interval("1d1s").total_nanoseconds().unwrap(),
        86_401_000_000_000
    );
    assert!(interval("1mo").total_nanoseconds().is_err());
}

prop_compose! {
    fn any_time()(
        seconds in -62_167_219_200i64..253_402_300_800,
        fraction in prop_oneof![Just(0i128), 0i128..1_000_000_000, (0i128..1000).prop_map(|ms| ms * 1_000_000)],
        kind in prop_oneof![
            Just(TimeKind::Date), Just(TimeKind::Civil), Just(TimeKind::Offset(0)),
            (-5759i32..5759).prop_map(|quarters| TimeKind::Offset(quarters * 15)),
        ],
    ) -> Time {
        let civil = civil_from_epoch(i128::from(seconds) * NANOSECONDS_PER_SECOND + fraction).unwrap();
        let civil = if kind == TimeKind::Date { civil.start_of_day() } else { civil };
        Time::new(civil, kind).unwrap()
    }
}

proptest! {
    #[test]
    fn written_time_reads_back(time in any_time()) {
        let written = time.to_string();
        prop_assert_eq!(Time::parse(written.as_bytes()), Some(time));
        // jiff prints the same shapes.
        match time.kind {
            TimeKind::Date => prop_assert_eq!(written, time.civil.date().to_string()),
            TimeKind::Civil => prop_assert_eq!(written, time.civil.to_string()),
            TimeKind::Offset(_) => prop_assert!(written.starts_with(&time.civil.to_string())),
        }
    }

    #[test]
    fn any_bytes_parse_or_not(text in "[0-9TZ:+. -]{8,32}") {
        if let Some(time) = Time::parse(text.as_bytes()) {
            prop_assert_eq!(Time::parse(time.to_string().as_bytes()), Some(time));
        }
        Interval::parse(text.as_bytes());
    }

    #[test]
    fn epoch_round_trips(time in any_time()) {
        if let Ok(back) = Time::from_epoch_nanoseconds(time.epoch_nanoseconds()) {
            prop_assert_eq!(back.epoch_nanoseconds(), time.epoch_nanoseconds());
            if time.is_instant() {
                prop_assert_eq!(back.compare(&time), Ok(Ordering::Equal));
            }
        }
    }

    #[test]
    fn difference_undoes_add(time in any_time(), days in -1000i32..1000, nanoseconds in any::<i32>()) {
        let interval = Interval { months: 0, days, nanoseconds: i64::from(nanoseconds) };
        if let Ok(later) = time.add(interval) {
            let passed = later.difference(&time).unwrap();
            prop_assert_eq!(passed.total_nanoseconds(), interval.total_nanoseconds());
            prop_assert_eq!(later.subtract(interval).unwrap().compare(&time), Ok(Ordering::Equal));
        }
    }

    #[test]
    fn truncation_is_a_border(time in any_time(), index in 0..Unit::NAMES.len()) {
        let (_, unit) = Unit::NAMES[index];
        prop_assume!(time.field(Field::Year) > 0);
        let cut = time.truncate(unit).unwrap();
        prop_assert_eq!(cut.truncate(unit), Ok(cut));
        prop_assert_ne!(cut.compare(&time), Ok(Ordering::Greater));
        if (1..9999).contains(&time.field(Field::Year)) {
            prop_assert_eq!(unit.crossed(&cut, &time), Ok(0));
            if let Ok(before) = cut.subtract(Interval { nanoseconds: 1, ..Interval::default() }) {
                prop_assert_eq!(unit.crossed(&before, &time), Ok(1));
            }
        }
    }

    #[test]
    fn buckets_agree_with_units(time in any_time()) {
        for (text, unit) in [
            ("1y", Unit::Year), ("3mo", Unit::Quarter), ("1mo", Unit::Month), ("1w", Unit::Week),
            ("1d", Unit::Day), ("1h", Unit::Hour), ("1m", Unit::Minute), ("1s", Unit::Second),
        ] {
            if let Ok(cut) = time.bucket(interval(text)) {
                prop_assert_eq!(Ok(cut), time.truncate(unit));
            }
        }
    }

    #[test]
    fn written_interval_reads_back(months: i32, days: i32, nanoseconds: i64) {
        // The written form splits what `negate` cannot turn round.
        let interval = Interval { months, days, nanoseconds };
        prop_assume!(interval.negate().is_ok());
        prop_assert_eq!(Interval::parse(interval.to_string().as_bytes()), Some(interval));
    }

    #[test]
    fn zones_undo_each_other(time in any_time()) {
        let zone = zone("Asia/Seoul");
        let civil = Time { kind: TimeKind::Civil, ..time };
        if let Ok(placed) = civil.at_zone(&zone) {
            let there = placed.in_zone(&zone);
            prop_assert!(there.is_err() || there == Ok(placed));
        }
    }
}

#[test]
fn every_day_is_one_after_the_day_before() {
    let mut date = jiff::civil::date(0, 1, 1);
    let mut expected = date
        .to_datetime(jiff::civil::Time::midnight())
        .duration_since(super::EPOCH)
        .as_hours()
        / 24;
    loop {
        let days =
            super::days_since_epoch(date.year().into(), date.month().into(), date.day().into());
        assert_eq!(i64::from(days), expected, "{date}");
        expected += 1;
        match date.tomorrow() {
            Ok(next) if next.year() <= 9999 => date = next,
            _ => return,
        }
    }
}

#[test]
fn years_begin_and_end() {
    let at = |text| time(text).epoch_nanoseconds();
    let (first, last) = (
        at("0000-01-01T00:00Z"),
        at("9999-12-31T23:59:59.999999999Z"),
    );
    for (instant, is_in) in [
        (first - 1, false),
        (first, true),
        (0, true),
        (last, true),
        (last + 1, false),
    ] {
        assert_eq!(Time::has_year(instant), is_in);
        assert_eq!(Time::from_epoch_nanoseconds(instant).is_ok(), is_in);
    }
}
