//! Times, intervals, time zones and the calendar.

use std::sync::OnceLock;

use super::argument::{Prepared, bytes, interval, known, number, text_of, time, whole};
use super::{Body, Function, MakeFault, Yields, body};
use crate::record::Fault;
use crate::value::text::quoted;
use crate::value::time::{Field, Format, Unit, Zone};
use crate::value::{Decimal, Interval, Number, Time, Value};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "strptime",
        "text, format[, zone]",
        2..=3,
        "the time in text by a C format, read on the wall clock of a zone if one is given",
        (
            r#"strptime("31.12.2013 18:30", "%d.%m.%Y %H:%M")"#,
            "2013-12-31T18:30:00",
        ),
        strptime,
    )
    .yielding(Yields::Time),
    Function::new(
        "strftime",
        "time, format",
        2..=2,
        "the time's text by a C format",
        (
            r#"strftime("2013-12-31", "%a %d %b %Y")"#,
            "Tue 31 Dec 2013",
        ),
        strftime,
    )
    .yielding(Yields::Text),
    Function::new(
        "date",
        "time",
        1..=1,
        "the wall clock's date",
        (r#"date("2013-12-31T18:30:00Z")"#, "2013-12-31"),
        |_| body(|_, arguments| Ok(Value::Time(time(&arguments[0])?.date()))),
    )
    .yielding(Yields::Time),
    Function::new(
        "date_trunc",
        "unit, time[, zone]",
        2..=3,
        "the start of the time's year, quarter, month, week, day, hour, minute, second, or of its \
         interval such as 15m; on the wall clock of a zone if one is given, where the two equal \
         hours of autumn stay two, and a day begins at its first instant",
        (
            r#"date_trunc("hour", "2013-12-31T18:30:00Z")"#,
            "2013-12-31T18:00:00Z",
        ),
        date_trunc,
    )
    .yielding(Yields::Time)
    .also(&["time_bucket"]),
    Function::new(
        "date_diff",
        "unit, from, to",
        3..=3,
        "how many borders of the unit lie between: from 23:59 to 00:01 is one day",
        (r#"date_diff("day", "2013-12-31", "2014-03-01")"#, "60"),
        date_diff,
    )
    .also(&["datediff"]),
    Function::new(
        "epoch",
        "time",
        1..=1,
        "exact seconds since 1970-01-01T00:00:00Z; a time without a zone is read as UTC",
        (r#"epoch("2013-12-31T18:30:00.25Z")"#, "1388514600.25"),
        |_| body(|_, arguments| seconds(time(&arguments[0])?.epoch_nanoseconds(), 9)),
    ),
    Function::new(
        "from_epoch",
        "seconds",
        1..=1,
        "the instant so many seconds after 1970-01-01T00:00:00Z",
        ("from_epoch(1388514600.25)", "2013-12-31T18:30:00.25Z"),
        |_| body(|_, arguments| from_epoch(&arguments[0])),
    )
    .yielding(Yields::Time)
    .also(&["to_timestamp"]),
    Function::new(
        "in_zone",
        "time, zone",
        2..=2,
        "the same instant on the wall clock of a zone",
        (
            r#"in_zone("2013-07-01T00:00:00Z", "Europe/Berlin")"#,
            "2013-07-01T02:00:00+02:00",
        ),
        |literals| zoned(literals, Time::in_zone),
    )
    .yielding(Yields::Time),
    Function::new(
        "at_zone",
        "time, zone",
        2..=2,
        "the instant at which the wall clock of a zone shows this time",
        (
            r#"at_zone("2013-07-01T00:00:00", "Asia/Seoul")"#,
            "2013-07-01T00:00:00+09:00",
        ),
        |literals| zoned(literals, Time::at_zone),
    )
    .yielding(Yields::Time),
    Function::new(
        "now",
        "",
        0..=0,
        "this instant, the same for the whole run, on the wall clock of this machine's zone",
        ("now() <= now()", "true"),
        |_| {
            let now = now()?;
            body(move |_, _| Ok(Value::Time(now)))
        },
    )
    .yielding(Yields::Time),
    Function::new(
        "today",
        "",
        0..=0,
        "this day in this machine's zone, the same for the whole run",
        ("today() = date(now())", "true"),
        |_| {
            let today = now()?.date();
            body(move |_, _| Ok(Value::Time(today)))
        },
    )
    .yielding(Yields::Time),
    field(
        "year",
        "the year",
        (r#"year("2013-12-31")"#, "2013"),
        |_| part(Field::Year),
    ),
    field(
        "quarter",
        "the quarter, 1 to 4",
        (r#"quarter("2013-12-31")"#, "4"),
        |_| part(Field::Quarter),
    ),
    field(
        "month",
        "the month, 1 to 12",
        (r#"month("2013-12-31")"#, "12"),
        |_| part(Field::Month),
    ),
    field(
        "week",
        "the ISO 8601 week, 1 to 53; it may belong to a neighbouring year",
        (r#"week("2013-12-31")"#, "1"),
        |_| part(Field::Week),
    ),
    field(
        "day",
        "the day of the month",
        (r#"day("2013-12-31")"#, "31"),
        |_| part(Field::Day),
    ),
    field(
        "hour",
        "the hour, 0 to 23",
        (r#"hour("2013-12-31T18:30:00")"#, "18"),
        |_| part(Field::Hour),
    ),
    field(
        "minute",
        "the minute, 0 to 59",
        (r#"minute("2013-12-31T18:30:00")"#, "30"),
        |_| part(Field::Minute),
    ),
    field(
        "second",
        "the second, 0 to 59, without its fraction",
        (r#"second("2013-12-31T18:30:59.9")"#, "59"),
        |_| part(Field::Second),
    ),
    field(
        "weekday",
        "1 (Monday) to 7 (Sunday)",
        (r#"weekday("2013-12-31")"#, "2"),
        |_| part(Field::Weekday),
    )
    .also(&["isodow"]),
    field(
        "yearday",
        "the day of the year, 1 to 366",
        (r#"yearday("2013-12-31")"#, "365"),
        |_| part(Field::Yearday),
    )
    .also(&["dayofyear", "doy"]),
    length(
        "seconds",
        "the interval in seconds",
        ("seconds(90m)", "5400"),
        |_| counted(SECOND),
    ),
    length(
        "minutes",
        "the interval in minutes",
        ("minutes(1h30m)", "90"),
        |_| counted(60 * SECOND),
    ),
    length(
        "hours",
        "the interval in hours",
        ("hours(90m)", "1.5"),
        |_| counted(3_600 * SECOND),
    ),
    length(
        "days",
        "the interval in days of 24 hours",
        ("days(36h)", "1.5"),
        |_| counted(86_400 * SECOND),
    ),
];

/// Nanoseconds in a second.
const SECOND: i64 = 1_000_000_000;

type Make = fn(&[Option<Value<'static>>]) -> Result<Body, MakeFault>;

const fn field(
    name: &'static str,
    purpose: &'static str,
    example: (&'static str, &'static str),
    make: Make,
) -> Function {
    Function::new(name, "time", 1..=1, purpose, example, make)
}

const fn length(
    name: &'static str,
    purpose: &'static str,
    example: (&'static str, &'static str),
    make: Make,
) -> Function {
    Function::new(name, "interval", 1..=1, purpose, example, make)
}

fn part(field: Field) -> Result<Body, MakeFault> {
    body(move |_, arguments| Ok(whole(time(&arguments[0])?.field(field))))
}

/// Returns the interval as a count of units of `unit` nanoseconds.
fn counted(unit: i64) -> Result<Body, MakeFault> {
    body(move |_, arguments| {
        let total = interval(&arguments[0])?.total_nanoseconds()?;
        let total = Decimal::new(total, 0).ok_or_else(too_long)?;
        let count = Number::Decimal(total).divide(Number::Decimal(Decimal::from(unit)))?;
        Ok(count.into())
    })
}

fn too_long() -> Fault {
    Fault::new("the interval is too long")
}

/// Returns the time of this run, the same for all calls.
///
/// # Errors
/// The environment variable `TZ` does not name a time zone.
fn now() -> Result<Time, MakeFault> {
    static NOW: OnceLock<Result<Time, Fault>> = OnceLock::new();
    let now = NOW.get_or_init(|| Time::now(&Zone::local()?)).clone();
    now.map_err(|fault| MakeFault { argument: 0, fault })
}

/// Converts `count` units of 10^-`places` seconds to exact seconds.
fn seconds<'a>(count: i128, places: u8) -> Result<Value<'a>, Fault> {
    let seconds = Decimal::new(count, places).ok_or_else(too_long)?;
    Ok(Value::Decimal(seconds.normalized()))
}

fn from_epoch<'a>(value: &Value<'a>) -> Result<Value<'a>, Fault> {
    let exact = match number(value)? {
        Number::Decimal(decimal) => Some(decimal),
        Number::Double(double) => Decimal::from_f64_shortest(double),
    };
    let nanoseconds = exact
        .and_then(|seconds| seconds.multiply(Decimal::from(SECOND)))
        .and_then(|nanoseconds| Some(nanoseconds.round(0)?.normalized().mantissa()));
    let nanoseconds =
        nanoseconds.ok_or_else(|| Fault::new(format!("{} seconds are no time", quoted(value))))?;
    Ok(Value::Time(Time::from_epoch_nanoseconds(nanoseconds)?))
}

fn zone(value: &Value<'_>) -> Result<Zone, Fault> {
    Zone::find(text_of(value)?).ok_or_else(|| {
        Fault::new(format!(
            "{} is not a time zone such as Europe/Berlin or +09:00",
            quoted(value)
        ))
    })
}

fn zoned(
    literals: &[Option<Value<'static>>],
    convert: fn(&Time, &Zone) -> Result<Time, Fault>,
) -> Result<Body, MakeFault> {
    let prepared = Prepared::new(literals, 1, zone)?;
    body(move |_, arguments| {
        let time = time(&arguments[0])?;
        prepared.with(&arguments[1], |zone| Ok(Value::Time(convert(&time, zone)?)))
    })
}

fn strptime(literals: &[Option<Value<'static>>]) -> Result<Body, MakeFault> {
    let format = Prepared::new(literals, 1, |value| Format::reading(text_of(value)?))?;
    let prepared = Prepared::new(literals, 2, zone)?;
    body(move |arena, arguments| {
        let text = bytes(arena, &arguments[0]);
        let time = format.with(&arguments[1], |format| format.read(text))?;
        match arguments.get(2) {
            None => Ok(Value::Time(time)),
            Some(name) => prepared.with(name, |zone| Ok(Value::Time(time.at_zone(zone)?))),
        }
    })
}

fn strftime(literals: &[Option<Value<'static>>]) -> Result<Body, MakeFault> {
    let format = Prepared::new(literals, 1, |value| Format::writing(text_of(value)?))?;
    body(move |arena, arguments| {
        let time = time(&arguments[0])?;
        let mut out = Vec::with_capacity(32);
        format.with(&arguments[1], |format| format.write(&time, &mut out))?;
        Ok(Value::Text(arena.alloc_slice_copy(&out)))
    })
}

/// What a time is truncated to.
enum Grid {
    Unit(Unit),
    Interval(Interval),
}

fn unit(value: &Value<'_>) -> Result<Unit, Fault> {
    Unit::find(text_of(value)?).ok_or_else(|| {
        let names = Unit::NAMES.map(|(name, _)| name).join(", ");
        Fault::new(format!("{} is not a unit of time: {names}", quoted(value)))
    })
}

fn grid(value: &Value<'_>) -> Result<Grid, Fault> {
    let grid = match value {
        Value::Interval(interval) => Grid::Interval(*interval),
        Value::Raw(text) | Value::Quoted(text) | Value::Text(text)
            if text.first().is_some_and(u8::is_ascii_digit) =>
        {
            Grid::Interval(interval(value)?)
        }
        _ => Grid::Unit(unit(value)?),
    };
    if let Grid::Interval(width) = &grid {
        // Reports an invalid width.
        Time::from_epoch_nanoseconds(0)?.bucket(*width)?;
    }
    Ok(grid)
}

fn not_in_zone(width: &str) -> Fault {
    Fault::new(format!(
        "a zone needs a unit such as 'day', not {width}; up to an hour, use \
         date_trunc(15m, in_zone(t, zone))"
    ))
}

fn date_trunc(literals: &[Option<Value<'static>>]) -> Result<Body, MakeFault> {
    let prepared_grid = Prepared::new(literals, 0, grid)?;
    let prepared_zone = Prepared::new(literals, 2, zone)?;
    if known(literals, 2).is_some()
        && let Some(Grid::Interval(_)) = prepared_grid.known()
    {
        let fault = not_in_zone("an interval");
        return Err(MakeFault { argument: 2, fault });
    }
    body(move |_, arguments| {
        let time = time(&arguments[1])?;
        prepared_grid.with(&arguments[0], |grid| {
            let cut = match (grid, arguments.get(2)) {
                (Grid::Unit(unit), None) => time.truncate(*unit),
                (Grid::Unit(unit), Some(name)) => {
                    prepared_zone.with(name, |zone| time.truncate_in_zone(*unit, zone))
                }
                (Grid::Interval(width), None) => time.bucket(*width),
                (Grid::Interval(width), Some(_)) => Err(not_in_zone(&format!("'{width}'"))),
            };
            cut.map(Value::Time)
        })
    })
}

fn date_diff(literals: &[Option<Value<'static>>]) -> Result<Body, MakeFault> {
    let prepared = Prepared::new(literals, 0, unit)?;
    body(move |_, arguments| {
        let (from, to) = (time(&arguments[1])?, time(&arguments[2])?);
        prepared.with(&arguments[0], |unit| Ok(whole(unit.crossed(&from, &to)?)))
    })
}
