use super::*;

fn read(format: &str, text: &str) -> Result<String, String> {
    let format = Format::reading(format).map_err(|fault| fault.to_string())?;
    let time = format
        .read(text.as_bytes())
        .map_err(|fault| fault.to_string())?;
    Ok(time.to_string())
}

fn write(format: &str, time: &Time) -> Result<String, String> {
    let format = Format::writing(format).map_err(|fault| fault.to_string())?;
    let mut out = Vec::new();
    format
        .write(time, &mut out)
        .map_err(|fault| fault.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn reads_formats() {
    assert_eq!(read("%d/%m/%Y", "1/2/2013").unwrap(), "2013-02-01");
    assert_eq!(read("%Y-%m", "2013-02").unwrap(), "2013-02-01");
    assert_eq!(read("%Y", "2013").unwrap(), "2013-01-01");
    assert_eq!(
        read("%Y%m%d%H%M%S", "20130201040506").unwrap(),
        "2013-02-01T04:05:06"
    );
    assert_eq!(
        read("%b %d %Y %I:%M %p", "Feb 1 2013 4:05 pm").unwrap(),
        "2013-02-01T16:05:00"
    );
    assert_eq!(
        read("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700").unwrap(),
        "2000-10-10T13:55:36-07:00"
    );
    assert_eq!(read("%s", "1356998400").unwrap(), "2013-01-01T00:00:00Z");
    assert_eq!(
        read("%Y-%m-%d %H:%M:%S.%f", "2013-02-01 04:05:06.25").unwrap(),
        "2013-02-01T04:05:06.25"
    );
    assert_eq!(read("%G-W%V-%u", "2013-W05-5").unwrap(), "2013-02-01");
    assert_eq!(
        read("%d/%m/%Y", "2013-02-01").unwrap_err(),
        "'2013-02-01' is not a time like '%d/%m/%Y': '13-02-01' does not fit '/%m'"
    );
    assert!(read("%d/%m/%Y", "31/02/2013").is_err());
    assert!(read("%d/%m/%Y", "1/2/2013 ").is_err());
    assert_eq!(
        Format::reading("%Y-%m-%v").unwrap_err().to_string(),
        "'%v' is no conversion that a time format can hold"
    );
    assert!(Format::reading("%H:%M").is_err());
    assert!(Format::writing("%Y-%").is_err());
}

#[test]
fn writes_formats() {
    assert_eq!(
        write("%d.%m.%y %H시", &time("2013-02-01")).unwrap(),
        "01.02.13 00시"
    );
    assert_eq!(
        write("%s %z", &time("2013-01-01T00:00Z")).unwrap(),
        "1356998400 +0000"
    );
    assert_eq!(
        write("%z", &time("2013-01-01T00:00")).unwrap_err(),
        "'2013-01-01T00:00:00' has no zone, and '%z' asks for one: give it one with at_zone(t, zone)"
    );
}

#[test]
fn reads_what_a_conversion_stands_for() {
    for (format, text, result) in [
        // A fraction.
        ("%s.%f", "1612345678.25", "2021-02-03T09:47:58.25Z"),
        ("%s.%3f", "1612345678.250", "2021-02-03T09:47:58.25Z"),
        (
            "%s%.f",
            "1612345678.000000001",
            "2021-02-03T09:47:58.000000001Z",
        ),
        ("%s%.f", "1612345678", "2021-02-03T09:47:58Z"),
        ("@%s.%f", "@0.5", "1970-01-01T00:00:00.5Z"),
        (
            "%Y-%m-%d %H:%M:%S.%f",
            "2013-02-01 04:05:06.1",
            "2013-02-01T04:05:06.1",
        ),
        (
            "%Y-%m-%d %H:%M:%S.%f",
            "2013-02-01 04:05:06.123456789",
            "2013-02-01T04:05:06.123456789",
        ),
        (
            "%Y-%m-%d %H:%M:%S.%3f",
            "2013-02-01 04:05:06.123456",
            "2013-02-01T04:05:06.123456",
        ),
        (
            "%T.%f %F",
            "04:05:59.25 2013-02-01",
            "2013-02-01T04:05:59.25",
        ),
        // Epoch seconds, and an offset beside them.
        ("%s", "-1", "1969-12-31T23:59:59Z"),
        ("%s", "+1", "1970-01-01T00:00:01Z"),
        ("%s", "-62167219200", "0000-01-01T00:00:00Z"),
        ("%s %z", "1612345678 +0900", "2021-02-03T18:47:58+09:00"),
        ("%s.%f", "-1.0", "1969-12-31T23:59:59Z"),
        // Offsets.
        (
            "%F %R %z",
            "2013-02-01 04:05 +0200",
            "2013-02-01T04:05:00+02:00",
        ),
        (
            "%F %R %z",
            "2013-02-01 04:05 +02",
            "2013-02-01T04:05:00+02:00",
        ),
        (
            "%F %R %z",
            "2013-02-01 04:05 -02:30",
            "2013-02-01T04:05:00-02:30",
        ),
        (
            "%F %R %z",
            "2013-02-01 04:05 +08:27:52",
            "2013-02-01T04:05:00+08:27:52",
        ),
        ("%FT%R%z", "2013-02-01T04:05Z", "2013-02-01T04:05:00Z"),
        (
            "%F %R %:z",
            "2013-02-01 04:05 +0200",
            "2013-02-01T04:05:00+02:00",
        ),
        ("%F %z", "2013-02-01 +0200", "2013-02-01T00:00:00+02:00"),
        (
            "%F %R %Q",
            "2013-11-03 01:30 America/New_York",
            "2013-11-03T01:30:00-04:00",
        ),
        // Years, days and weeks.
        ("%d.%m.%y", "1.2.68", "2068-02-01"),
        ("%d.%m.%y", "1.2.69", "1969-02-01"),
        ("%Y-%m-%d", "0000-01-01", "0000-01-01"),
        ("%Y %j", "2012 366", "2012-12-31"),
        ("%Y %U %w", "2013 05 5", "2013-02-08"),
        ("%Y %W %u", "2013 05 5", "2013-02-08"),
        ("%Y %U %a", "2013 00 Tue", "2013-01-01"),
        ("%G-W%V-%u", "2012-W01-1", "2012-01-02"),
        ("%G-W%V-%u", "2020-W53-5", "2021-01-01"),
        ("%a, %d %b %Y", "Fri, 01 Feb 2013", "2013-02-01"),
        ("%F %j", "2013-02-01 032", "2013-02-01"),
        ("%F %I:%M %p", "2013-02-01 12:05 am", "2013-02-01T00:05:00"),
        ("%F %I:%M %p", "2013-02-01 12:05 PM", "2013-02-01T12:05:00"),
        ("100%% %Y", "100% 2013", "2013-01-01"),
    ] {
        assert_eq!(
            read(format, text).as_deref(),
            Ok(result),
            "{text} by {format}"
        );
    }
}

#[test]
fn says_why_a_text_is_no_time() {
    let leap = LEAP_SECOND;
    let mut wrong = Vec::new();
    let two_ways =
        "a fraction after negative seconds can be read in two ways: use from_epoch(number)";
    for (format, text, why) in [
        ("%F %T", "2016-12-31 23:59:60", leap),
        ("%F %T%z", "2016-12-31 23:59:60Z", leap),
        ("%S:%M:%H %F", "60:59:23 2016-12-31", leap),
        ("%F %H:%M:%S.%f", "2016-12-31 23:59:60.5", leap),
        (
            "%F %T",
            "2016-12-31 24:00:00",
            "' 24:00:00' does not fit ' %T'",
        ),
        (
            "%F %T",
            "2016-12-31 23:59:61",
            "' 23:59:61' does not fit ' %T'",
        ),
        ("%s.%f", "-1.25", two_ways),
        ("%s.%f", "-0.25", two_ways),
        ("%s", "1612345678250", "'1612345678250' does not fit '%s'"),
        (
            "%s",
            "-62167219201",
            "-62167219201 seconds after 1970 are outside the years 0000 to 9999",
        ),
        (
            "%F %T.%f",
            "2013-02-01 04:05:06.1234567890",
            "'0' is left over",
        ),
        ("%F", "2013-02-01T04:05", "'T04:05' is left over"),
        ("%F ", "2013-02-01 x", "'x' is left over"),
        ("%F %R", "2013-02-01", "it ends before ' %R'"),
        (
            "%F at %R",
            "2013-02-01 on 04:05",
            "' on 04:05' does not fit ' at %R'",
        ),
        ("%Y-%m-%d", "2013-02-30", "there is no such date"),
        ("%Y-%m-%d", "2013-13-01", "'-13-01' does not fit '-%m'"),
        ("%Y %j", "2013 366", "there is no such date"),
        ("%G-W%V-%u", "2013-W53-1", "there is no such date"),
        ("%Y %U %w", "2013 53 5", "there is no such date"),
        ("%a %F", "Mon 2013-02-01", "there is no such date"),
        ("%F %j", "2013-02-01 033", "there is no such date"),
        ("%F W%V", "2013-02-01 W06", "there is no such date"),
        ("%F W%W", "2013-02-01 W05", "there is no such date"),
        (
            "%Y-%m-%d",
            "-001-02-01",
            "it is outside the years 0000 to 9999",
        ),
        ("%Y-%m-%d", "12013-02-01", "'3-02-01' does not fit '-%m'"),
        (
            "%F %R %z",
            "2013-02-01 04:05 +2400",
            "its offset is not below 24 hours",
        ),
        (
            "%F %R %z",
            "2013-02-01 04:05 CET",
            "' CET' does not fit ' %z'",
        ),
        (
            "%F %R %Q",
            "2013-02-01 04:05 Europe/Atlantis",
            "'Europe/Atlantis' is not a time zone",
        ),
        (
            "%F %R %Q",
            "2013-03-10 02:30 America/New_York",
            "'2013-03-10T02:30:00' never was in America/New_York: clocks were set forward over it",
        ),
    ] {
        let fault = format!("'{text}' is not a time like '{format}': {why}");
        let found = read(format, text);
        if found != Err(fault) {
            wrong.push((format, text, found));
        }
    }
    assert_eq!(wrong, []);
    for (format, why) in [
        (
            "%C%y-%m-%d",
            "'%C' can only be written: read the year with '%Y'",
        ),
        (
            "%F %M:%S",
            "'%F %M:%S' gives no time that can be read back: it has minutes or seconds and no hour",
        ),
        (
            "%F %H.%f",
            "'%F %H.%f' gives no time that can be read back: it has seconds or a fraction without \
             what goes before",
        ),
        (
            "%H:%M",
            "'%H:%M' gives no time that can be read back: there is no such date",
        ),
    ] {
        assert_eq!(Format::reading(format).unwrap_err().to_string(), why);
    }
}

#[test]
fn writes_before_1970_rounded_down() {
    for (nanoseconds, format, text) in [
        (-500_000_000, "%s", "-1"),
        (-1, "%s", "-1"),
        (-1_000_000_000, "%s", "-1"),
        (-1_000_000_001, "%s", "-2"),
        (500_000_000, "%s", "0"),
        // As in C, each conversion stands for itself.
        (-500_000_000, "%s.%f", "-1.5"),
        (-1, "%F %T.%3f", "1969-12-31 23:59:59.999"),
        (-1_000_000, "%S%.f", "59.999"),
    ] {
        let time = Time::from_epoch_nanoseconds(nanoseconds).unwrap();
        assert_eq!(write(format, &time).as_deref(), Ok(text), "{nanoseconds}");
    }
}

proptest! {
    #[test]
    fn written_format_reads_back(time in any_time()) {
        prop_assume!(time.kind == TimeKind::Civil || time.is_instant());
        let zone = if time.is_instant() { " %:::z" } else { "" };
        for format in ["%F %T.%f", "%Y %j %k-%M-%S.%9f", "%G-W%V-%u %I:%M:%S.%N %p", "%Y %U %w %T%.f", "%Y %W %A %T%.f"] {
            // Years of four digits alone come back, and ISO years may be the next or the last.
            prop_assume!((1..9999).contains(&time.field(Field::Year)));
            let format = format!("{format}{zone}");
            let written = write(&format, &time).unwrap();
            prop_assert_eq!(read(&format, &written), Ok(time.to_string()), "{}", format);
        }
    }

    #[test]
    fn written_epoch_reads_back(seconds in -62_167_219_200i64..253_402_000_000, fraction in 0i128..1_000_000_000) {
        let at = |fraction: i128| Time::from_epoch_nanoseconds(i128::from(seconds) * NANOSECONDS_PER_SECOND + fraction).unwrap();
        prop_assert_eq!(write("%s", &at(fraction)), Ok(seconds.to_string()));
        prop_assert_eq!(read("%s", &seconds.to_string()), Ok(at(0).to_string()));
        if seconds > 0 {
            prop_assert_eq!(read("%s.%f", &write("%s.%f", &at(fraction)).unwrap()), Ok(at(fraction).to_string()));
        }
    }
}
