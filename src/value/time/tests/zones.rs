use super::*;

#[test]
fn now_is_now() {
    let now = || Time::now(&zone("Asia/Seoul")).unwrap();
    let clock = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let apart = now().epoch_nanoseconds() - clock.as_nanos() as i128;
    assert!((-1_000..10_000_000_000).contains(&apart), "{apart}");
    assert!(now().is_instant());
    assert_eq!(now().epoch_nanoseconds() % 1000, 0);
}

#[test]
fn zones() {
    let (berlin, new_york) = (zone("Europe/Berlin"), zone("america/new_york"));
    let moved = |t: &str, zone: &Zone| time(t).in_zone(zone).map(|t| t.to_string());
    let placed = |t: &str, zone: &Zone| {
        time(t)
            .at_zone(zone)
            .map(|t| t.to_string())
            .map_err(|fault| fault.to_string())
    };
    assert_eq!(
        moved("2013-07-01T00:00Z", &berlin).unwrap(),
        "2013-07-01T02:00:00+02:00"
    );
    assert_eq!(
        moved("2013-01-01T00:00Z", &new_york).unwrap(),
        "2012-12-31T19:00:00-05:00"
    );
    assert_eq!(
        moved("2013-01-01T00:00Z", &zone("+05:45")).unwrap(),
        "2013-01-01T05:45:00+05:45"
    );
    assert!(moved("2013-01-01T00:00", &berlin).is_err());
    assert!(moved("9999-12-31T23:59Z", &berlin).is_err());
    assert_eq!(
        placed("2013-07-01T00:00", &berlin).unwrap(),
        "2013-07-01T00:00:00+02:00"
    );
    assert_eq!(
        placed("2013-07-01", &berlin).unwrap(),
        "2013-07-01T00:00:00+02:00"
    );
    // Set back: the first of the two.
    assert_eq!(
        placed("2013-11-03T01:30", &new_york).unwrap(),
        "2013-11-03T01:30:00-04:00"
    );
    assert_eq!(
        placed("2013-03-10T02:30", &new_york).unwrap_err(),
        "'2013-03-10T02:30:00' never was in America/New_York: clocks were set forward over it"
    );
    // Midnight itself was skipped.
    let sao_paulo = zone("America/Sao_Paulo");
    assert_eq!(
        placed("2013-10-20", &sao_paulo).unwrap(),
        "2013-10-20T01:00:00-02:00"
    );
    // A whole day was skipped: it is as wrong as a time of day that was.
    let apia = zone("Pacific/Apia");
    assert_eq!(
        placed("2011-12-30", &apia).unwrap_err(),
        "'2011-12-30' never was in Pacific/Apia: clocks were set forward over it"
    );
    assert_eq!(
        placed("2011-12-31", &apia).unwrap(),
        "2011-12-31T00:00:00+14:00"
    );
    assert!(placed("2013-07-01T00:00Z", &berlin).is_err());
    assert!(Zone::find("Europe/Atlantis").is_none());
    assert!(Zone::find("").is_none());
    let cut = |t: &str| {
        time(t)
            .truncate_in_zone(Unit::Day, &new_york)
            .unwrap()
            .to_string()
    };
    assert_eq!(cut("2013-03-10T12:00Z"), "2013-03-10T00:00:00-05:00");
    assert_eq!(cut("2013-03-10T03:00Z"), "2013-03-09T00:00:00-05:00");
}

#[test]
fn truncates_in_zones() {
    let cut = |unit: &str, t: &str, name: &str| {
        let unit = Unit::find(unit).unwrap();
        let cut = time(t).truncate_in_zone(unit, &zone(name));
        cut.map(|t| t.to_string())
            .map_err(|fault| fault.to_string())
    };
    for (unit, t, name, start) in [
        // The two hours of autumn.
        (
            "hour",
            "2013-10-27T00:30:00Z",
            "Europe/Berlin",
            "2013-10-27T02:00:00+02:00",
        ),
        (
            "hour",
            "2013-10-27T01:30:00Z",
            "Europe/Berlin",
            "2013-10-27T02:00:00+01:00",
        ),
        (
            "minute",
            "2013-10-27T01:30:40Z",
            "Europe/Berlin",
            "2013-10-27T02:30:00+01:00",
        ),
        (
            "second",
            "2013-11-03T06:30:40.5Z",
            "America/New_York",
            "2013-11-03T01:30:40-05:00",
        ),
        (
            "millisecond",
            "2013-11-03T06:30:40.0015Z",
            "America/New_York",
            "2013-11-03T01:30:40.001-05:00",
        ),
        (
            "day",
            "2013-10-27T01:30:00Z",
            "Europe/Berlin",
            "2013-10-27T00:00:00+02:00",
        ),
        // Forward from 02:45 to 03:45, and back from 03:45 to 02:45.
        (
            "hour",
            "2012-09-29T13:50:00Z",
            "Pacific/Chatham",
            "2012-09-30T02:00:00+12:45",
        ),
        (
            "hour",
            "2012-09-29T14:10:00Z",
            "Pacific/Chatham",
            "2012-09-30T03:00:00+13:45",
        ),
        (
            "hour",
            "2012-03-31T14:10:00Z",
            "Pacific/Chatham",
            "2012-04-01T02:00:00+12:45",
        ),
        // Half an hour: forward from 02:00 to 02:30, and back from 02:00 to 01:30.
        (
            "hour",
            "2013-10-05T15:40:00Z",
            "Australia/Lord_Howe",
            "2013-10-06T02:00:00+11:00",
        ),
        (
            "hour",
            "2013-04-06T14:50:00Z",
            "Australia/Lord_Howe",
            "2013-04-07T01:00:00+11:00",
        ),
        (
            "hour",
            "2013-04-06T15:10:00Z",
            "Australia/Lord_Howe",
            "2013-04-07T01:00:00+10:30",
        ),
        // Back from 00:01 to 23:01 of the day before.
        (
            "hour",
            "2010-11-07T03:00:00Z",
            "America/St_Johns",
            "2010-11-06T23:00:00-03:30",
        ),
        (
            "day",
            "2010-11-07T03:00:00Z",
            "America/St_Johns",
            "2010-11-06T00:00:00-02:30",
        ),
        (
            "day",
            "2010-11-07T03:45:00Z",
            "America/St_Johns",
            "2010-11-07T00:00:00-02:30",
        ),
        // Midnight was skipped, repeated, and a whole day was skipped.
        (
            "day",
            "2013-10-20T12:00:00Z",
            "America/Sao_Paulo",
            "2013-10-20T01:00:00-02:00",
        ),
        (
            "day",
            "2013-11-03T12:00:00Z",
            "America/Havana",
            "2013-11-03T00:00:00-04:00",
        ),
        (
            "day",
            "2011-12-30T10:00:00Z",
            "Pacific/Apia",
            "2011-12-31T00:00:00+14:00",
        ),
        (
            "week",
            "2011-12-30T10:00:00Z",
            "Pacific/Apia",
            "2011-12-26T00:00:00-10:00",
        ),
        (
            "quarter",
            "2013-06-30T22:30:00Z",
            "Europe/Berlin",
            "2013-07-01T00:00:00+02:00",
        ),
        (
            "year",
            "2013-12-31T23:30:00Z",
            "Europe/Berlin",
            "2014-01-01T00:00:00+01:00",
        ),
        // Without a zone: read on the wall clock, the first of two.
        (
            "hour",
            "2013-10-27T02:30",
            "Europe/Berlin",
            "2013-10-27T02:00:00+02:00",
        ),
        (
            "day",
            "2013-10-20",
            "America/Sao_Paulo",
            "2013-10-20T01:00:00-02:00",
        ),
        (
            "hour",
            "2013-10-20",
            "America/Sao_Paulo",
            "2013-10-20T01:00:00-02:00",
        ),
        ("month", "2013-10-20", "+05:45", "2013-10-01T00:00:00+05:45"),
    ] {
        assert_eq!(
            cut(unit, t, name).as_deref(),
            Ok(start),
            "{unit} of {t} in {name}"
        );
    }
    assert_eq!(
        cut("hour", "2013-03-10T02:30", "America/New_York").unwrap_err(),
        "'2013-03-10T02:30:00' never was in America/New_York: clocks were set forward over it"
    );
}

#[test]
fn the_machines_zone() {
    let offset = |value: &str, t: &str| {
        let zone = Zone::from_tz(value)?;
        Some(time(t).in_zone(&zone).unwrap().to_string()[19..].to_string())
    };
    let (winter, summer) = ("2013-01-01T00:00:00Z", "2013-07-01T00:00:00Z");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("berlin");
    std::fs::copy("/usr/share/zoneinfo/Europe/Berlin", &file).unwrap();
    for (value, offsets) in [
        ("", ("Z", "Z")),
        ("UTC", ("Z", "Z")),
        ("Europe/Berlin", ("+01:00", "+02:00")),
        (":Europe/Berlin", ("+01:00", "+02:00")),
        ("/usr/share/zoneinfo/Europe/Berlin", ("+01:00", "+02:00")),
        (":/usr/share/zoneinfo/Europe/Berlin", ("+01:00", "+02:00")),
        (file.to_str().unwrap(), ("+01:00", "+02:00")),
        ("CET-1CEST,M3.5.0,M10.5.0/3", ("+01:00", "+02:00")),
        ("CET-1CEST", ("+01:00", "+02:00")),
        ("EST5EDT", ("-05:00", "-04:00")),
        ("NST3:30NDT", ("-03:30", "-02:30")),
        ("KST-9", ("+09:00", "+09:00")),
        ("<+0545>-5:45", ("+05:45", "+05:45")),
    ] {
        assert_eq!(offset(value, winter).as_deref(), Some(offsets.0), "{value}");
        assert_eq!(offset(value, summer).as_deref(), Some(offsets.1), "{value}");
    }
    // The rule of a name without one: from the second Sunday of March, 02:00, to the first Sunday
    // of November, 02:00.
    for (t, shown) in [
        ("2013-03-10T00:59:59Z", "+01:00"),
        ("2013-03-10T01:00:00Z", "+02:00"),
        ("2013-11-02T23:59:59Z", "+02:00"),
        ("2013-11-03T00:00:00Z", "+01:00"),
    ] {
        assert_eq!(offset("CET-1CEST", t).as_deref(), Some(shown), "{t}");
    }
    for unknown in [
        "Europe/Atlantis",
        "Europe",
        "CET-1CEST,",
        "CET-1CEST,M3",
        ":",
        "nonsense",
        "/etc/passwd",
        "/nowhere/at/all",
        "+09:00",
    ] {
        assert_eq!(
            Zone::from_tz(unknown).is_none(),
            unknown != ":",
            "{unknown}"
        );
    }
}

/// When a zone's clocks changed, by Python's `zoneinfo` (`tests/data/zones.py`): the second since
/// 1970 and the seconds east of UTC from then on.
struct Transitions {
    zone: String,
    changes: Vec<(i64, i64)>,
}

const DAY: i64 = 86_400;
/// Clocks of years to come may be set otherwise by a newer zone database.
const CERTAIN_UNTIL: i64 = 1_735_689_600;

impl Transitions {
    fn all() -> Vec<Transitions> {
        let mut tables: Vec<Transitions> = Vec::new();
        let text = include_str!("../../../../tests/data/zones.csv");
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let change = (fields[1].parse().unwrap(), fields[2].parse().unwrap());
            match tables.last_mut().filter(|table| table.zone == fields[0]) {
                Some(table) => table.changes.push(change),
                None => tables.push(Transitions {
                    zone: fields[0].into(),
                    changes: vec![change],
                }),
            }
        }
        tables
    }

    /// The offset of each span between two changes, with its first second and the one after it.
    fn spans(&self) -> impl Iterator<Item = (i64, i64, i64)> {
        self.changes
            .iter()
            .enumerate()
            .map(|(nth, &(start, offset))| {
                let end = self
                    .changes
                    .get(nth + 1)
                    .map_or(i64::MAX / 2, |next| next.0);
                (start, end, offset)
            })
    }

    fn offset(&self, second: i64) -> i64 {
        let after = self.changes.partition_point(|change| change.0 <= second);
        self.changes[after - 1].1
    }

    /// The first second at which the wall clock shows something from `from` on and before `to`.
    fn first_shown(&self, from: i64, to: i64) -> Option<i64> {
        let shown = self.spans().filter_map(|(start, end, offset)| {
            let first = from.max(start + offset);
            (first < to.min(end + offset)).then_some(first - offset)
        });
        shown.min()
    }

    /// The first second of the unit that this one is in, and the offset to write it with.
    fn truncated(&self, unit: Unit, second: i64) -> (i64, i64) {
        let offset = self.offset(second);
        let wall = second + offset;
        let (year, month, _) = civil(wall.div_euclid(DAY));
        let months = |from: i64, count: i64| {
            let next = from + count;
            (
                days(year, from),
                days(year + (next - 1) / 12, (next - 1) % 12 + 1),
            )
        };
        let day = wall.div_euclid(DAY);
        let (from, to) = match unit {
            Unit::Year => months(1, 12),
            Unit::Quarter => months((month - 1) / 3 * 3 + 1, 3),
            Unit::Month => months(month, 1),
            // Day 4 was a Monday.
            Unit::Week => (
                day - (day - 4).rem_euclid(7),
                day - (day - 4).rem_euclid(7) + 7,
            ),
            Unit::Day => (day, day + 1),
            Unit::Hour => return (second - wall.rem_euclid(3600), offset),
            Unit::Minute => return (second - wall.rem_euclid(60), offset),
            Unit::Second | Unit::Millisecond => return (second, offset),
        };
        let first = self.first_shown(from * DAY, to * DAY).unwrap();
        (first, self.offset(first))
    }

    /// Until which second this machine's zone database has the same clock.
    fn agrees_until(&self, zone: &Zone) -> i64 {
        let same =
            |second: i64| offset_of(&instant(second).in_zone(zone).unwrap()) == self.offset(second);
        let other = self.changes.iter().skip(1).map(|change| change.0);
        let until = other
            .filter(|&change| !same(change - 1) || !same(change))
            .min()
            .unwrap_or(i64::MAX);
        assert!(
            until > CERTAIN_UNTIL,
            "the zone database differs on {}",
            self.zone
        );
        until - 2 * DAY
    }

    /// Every minute within two hours of each change and the seconds beside it, and 2,000 of any time.
    fn instants(&self) -> Vec<i64> {
        let near = self.changes.iter().skip(1).flat_map(|&(change, _)| {
            let minutes = (-120..=120).map(move |minute| change + minute * 60);
            minutes.chain([change - 1, change + 1, change - 3601, change + 3599])
        });
        let mut state = 42u64;
        let random = std::iter::repeat_with(move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let (from, to) = (days(1950, 1) * DAY, days(2037, 1) * DAY);
            from + ((state >> 16) % (to - from) as u64) as i64
        });
        let all = near.chain(random.take(2_000));
        all.filter(|&second| second >= days(1950, 1) * DAY)
            .collect()
    }
}

/// Days from 1970-01-01 to the first of a month.
fn days(year: i64, month: i64) -> i64 {
    let leaps = |year: i64| year / 4 - year / 100 + year / 400;
    let is_leap = leaps(year) != leaps(year - 1);
    let before = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334][month as usize - 1];
    (year - 1970) * 365 + leaps(year - 1) - leaps(1969) + before + i64::from(is_leap && month > 2)
}

/// Year, month and day of a day since 1970.
fn civil(day: i64) -> (i64, i64, i64) {
    let year = (1949..2040)
        .rev()
        .find(|&year| days(year, 1) <= day)
        .unwrap();
    let month = (1..=12)
        .rev()
        .find(|&month| days(year, month) <= day)
        .unwrap();
    (year, month, day - days(year, month) + 1)
}

fn instant(second: i64) -> Time {
    Time::from_epoch_nanoseconds(i128::from(second) * NANOSECONDS_PER_SECOND).unwrap()
}

fn offset_of(time: &Time) -> i64 {
    i64::from(time.offset_seconds())
}

#[test]
fn truncation_agrees_with_pythons_zones() {
    let (mut instants, mut zones) = (0, 0);
    for table in Transitions::all() {
        let zone = zone(&table.zone);
        let until = table.agrees_until(&zone);
        zones += 1;
        for second in table
            .instants()
            .into_iter()
            .filter(|&second| second < until)
        {
            instants += 1;
            // Before 1970, a fraction must not be cut towards zero.
            let t = instant(second).add(interval("250ms")).unwrap();
            for (name, unit) in Unit::NAMES {
                let cut = t.truncate_in_zone(unit, &zone).unwrap();
                let (mut start, offset) = table.truncated(unit, second);
                start *= 1000;
                if unit == Unit::Millisecond {
                    start += 250;
                }
                let found = (cut.epoch_nanoseconds(), offset_of(&cut));
                let right = (i128::from(start) * 1_000_000, offset);
                assert_eq!(found, right, "{name} of {t} in {}: {cut}", table.zone);
                assert_ne!(cut.compare(&t), Ok(Ordering::Greater), "{name} of {t}");
            }
        }
    }
    assert_eq!(zones, 20);
    assert!(instants > 300_000, "{instants}");
}

#[test]
fn wall_clocks_agree_with_pythons_zones() {
    let (mut gaps, mut shown) = (0, 0);
    for table in Transitions::all() {
        let zone = zone(&table.zone);
        let until = table.agrees_until(&zone);
        for second in table
            .instants()
            .into_iter()
            .filter(|&second| second < until)
        {
            let wall = second + table.offset(second);
            let there = instant(second).in_zone(&zone).unwrap();
            let (year, month, day) = civil(wall.div_euclid(DAY));
            for (field, value) in [
                (Field::Year, year),
                (Field::Month, month),
                (Field::Day, day),
                (Field::Hour, wall.rem_euclid(DAY) / 3600),
                (Field::Minute, wall.rem_euclid(3600) / 60),
                (Field::Second, wall.rem_euclid(60)),
                (Field::Weekday, (wall.div_euclid(DAY) + 3).rem_euclid(7) + 1),
            ] {
                assert_eq!(there.field(field), value, "{field:?} of {there}");
            }
            // What the clock shows, and what it would show had it not been set forward.
            for wall in [wall, second + table.offset(second - 7200)] {
                let civil = Time {
                    kind: TimeKind::Civil,
                    ..instant(wall)
                };
                let placed = civil.at_zone(&zone).ok();
                let first = table.first_shown(wall, wall + 1);
                let placed = placed.map(|t| t.epoch_nanoseconds() / NANOSECONDS_PER_SECOND);
                assert_eq!(placed, first.map(i128::from), "{civil} in {}", table.zone);
                gaps += usize::from(first.is_none());
                shown += usize::from(first.is_some());
            }
        }
    }
    assert!(gaps > 30_000 && shown > 300_000, "{gaps} {shown}");
}
