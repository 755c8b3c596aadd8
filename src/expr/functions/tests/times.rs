use super::*;

#[test]
fn times() {
    check(&[
        (r#"strptime("1/2/2013", "%d/%m/%Y")"#, "2013-02-01"),
        (
            r#"strptime("2013-07-01 00:00", "%Y-%m-%d %H:%M", "Europe/Berlin")"#,
            "2013-07-01T00:00:00+02:00",
        ),
        (r#"date_trunc("month", "2013-12-31")"#, "2013-12-01"),
        (
            r#"date_trunc(15m, "2013-12-31T18:44:00+09:00")"#,
            "2013-12-31T18:30:00+09:00",
        ),
        (
            r#"date_trunc("15m", "2013-12-31T18:44:00")"#,
            "2013-12-31T18:30:00",
        ),
        (
            r#"date_trunc("day", "2013-03-10T12:00:00Z", "America/New_York")"#,
            "2013-03-10T00:00:00-05:00",
        ),
        (
            r#"date_trunc("hour", "2013-10-27T01:30:00Z", "Europe/Berlin")"#,
            "2013-10-27T02:00:00+01:00",
        ),
        (
            r#"date_trunc("hour", "2012-09-29T14:10:00Z", "Pacific/Chatham")"#,
            "2012-09-30T03:00:00+13:45",
        ),
        (
            r#"date_trunc(15m, in_zone("2013-10-27T01:40:00Z", "Europe/Berlin"))"#,
            "2013-10-27T02:30:00+01:00",
        ),
        (
            r#"strptime("1612345678.25", "%s.%f")"#,
            "2021-02-03T09:47:58.25Z",
        ),
        (r#"strftime(from_epoch(-0.5), "%s")"#, r#""-1""#),
        (
            r#"strptime("2013-02-01T04:05Z", "%FT%R%z")"#,
            "2013-02-01T04:05:00Z",
        ),
        (r#"date_diff("week", "2013-12-29", "2013-12-30")"#, "1"),
        (r#"epoch("1969-12-31T23:59:59.5")"#, "-0.5"),
        (r#"epoch(from_epoch(0.000000001))"#, "0.000000001"),
        (r#"from_epoch(double(1.5))"#, "1970-01-01T00:00:01.5Z"),
        (r#"seconds(1d + 1s)"#, "86401"),
        (
            r#"hours("2013-12-31T18:30" - time("2013-12-31T18:00"))"#,
            "0.5",
        ),
        (
            r#"in_zone("2013-01-01T00:00Z", "+05:30")"#,
            "2013-01-01T05:30:00+05:30",
        ),
        (r#"weekday(today()) between 1 and 7"#, "true"),
        (r#"date(now()) = today()"#, "true"),
    ]);
    refuses(&[
        (
            r#"year("abc")"#,
            r#"year("abc"): 'abc' is not a time (ISO 8601); use strptime(text, format)"#,
        ),
        (
            r#"year("2016-12-31T23:59:60Z")"#,
            r#"year("2016-12-31T23:59:60Z"): '2016-12-31T23:59:60Z' is not a time: second 60 (a leap second) cannot be kept: replace it with 59, or with 00 of the next minute"#,
        ),
        (
            r#"strptime("23:59:60 2016-12-31", "%T %F")"#,
            r#"strptime("23:59:60 2016-12-31", "%T %F"): '23:59:60 2016-12-31' is not a time like '%T %F': second 60 (a leap second) cannot be kept: replace it with 59, or with 00 of the next minute"#,
        ),
        (
            r#"date_trunc(15m, now(), "Europe/Berlin")"#,
            "refused: a zone needs a unit such as 'day', not an interval; up to an hour, use \
             date_trunc(15m, in_zone(t, zone))",
        ),
        (
            r#"strptime("x", "%Y-%v")"#,
            "refused: '%v' is no conversion that a time format can hold",
        ),
        (
            r#"in_zone(now(), "Europe/Berln")"#,
            "refused: 'Europe/Berln' is not a time zone such as Europe/Berlin or +09:00",
        ),
        (
            r#"date_trunc("fortnight", now())"#,
            "refused: 'fortnight' is not a unit of time: year, quarter, month, week, day, hour, \
             minute, second, millisecond",
        ),
        (
            r#"date_trunc(0s, now())"#,
            "refused: cannot cut time every PT0S: give months or days and hours, above zero",
        ),
        (
            r#"from_epoch(1e30)"#,
            "from_epoch(1e30): '1000000000000000000000000000000' seconds are no time",
        ),
        (
            r#"seconds(1mo)"#,
            "seconds(1mo): P1M has no fixed length: months differ",
        ),
    ]);
    assert_eq!(
        call("in_zone", &[raw("2013-01-01T00:00Z"), raw("Asia/Seoul")]).as_deref(),
        Ok("2013-01-01T09:00:00+09:00")
    );
    assert!(call("in_zone", &[raw("2013-01-01T00:00Z"), raw("Asia")]).is_err());
    assert_eq!(
        call("strftime", &[raw("2013-01-02"), raw("d%d")]).as_deref(),
        Ok("d02")
    );
}
