//! Dates, times and times of day, checked against what a column stores.

use crate::record::Fault;
use crate::schema::rule::Rule;
use crate::schema::types::{ColumnKind, Moment, shown};

/// Checks a date or time against the rule of its column.
pub(crate) fn check(rule: &Rule, raw: &[u8], content: &[u8]) -> Result<(), Fault> {
    let wrong = |why: &str| Err(Fault::new(format!("{} {why}", shown(raw))));
    if matches!(content, b"infinity" | b"-infinity") {
        return Ok(());
    }
    let usual = Moment::of(content).map(|moment| (moment.kind, moment.places));
    let Some((kind, places)) = usual.or_else(|| far(content)) else {
        return wrong("is no date or time as ISO 8601 writes them");
    };
    let kept = match (rule, kind) {
        (Rule::Date, ColumnKind::Date) => 0,
        (Rule::Date, _) => return wrong("has a time of day, and the column holds days"),
        (Rule::Civil { .. }, ColumnKind::Instant) => {
            return wrong("has a zone, which the column does not keep");
        }
        (Rule::Instant { .. }, ColumnKind::Date | ColumnKind::Civil) => {
            return wrong(
                "has no zone, and the column needs one; give it one with at_zone(t, zone)",
            );
        }
        (Rule::Civil { places } | Rule::Instant { places }, _) => *places,
        _ => 0,
    };
    match places <= kept {
        true => Ok(()),
        false => wrong(&finer(kept)),
    }
}

fn finer(kept: usize) -> String {
    format!("is finer than the {kept} places of a second that the column keeps")
}

/// Parses a time before Christ or after 9999 as PostgreSQL writes it. Returns its kind and the number of digits in
/// its fraction of a second.
fn far(content: &[u8]) -> Option<(ColumnKind, usize)> {
    let text = std::str::from_utf8(content).ok()?;
    let (text, is_before_christ) = match text.strip_suffix(" BC") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (date, clock) = match text.split_once([' ', 'T']) {
        Some((date, clock)) => (date, Some(clock)),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let [year, month, day] = [parts.next()?, parts.next()?, parts.next()?];
    let is_number = |part: &str, digits: std::ops::RangeInclusive<usize>| {
        digits.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    let digits = if is_before_christ { 4 } else { 5 };
    let is_date = is_number(year, digits..=7) && is_number(month, 2..=2) && is_number(day, 2..=2);
    if !is_date || parts.next().is_some() {
        return None;
    }
    let Some(clock) = clock else {
        return Some((ColumnKind::Date, 0));
    };
    let (places, zone) = clock_of(clock)?;
    let kind = match zone {
        "" => ColumnKind::Civil,
        _ => ColumnKind::Instant,
    };
    Some((kind, places))
}

/// Checks a time of day against its column: the decimal places of a second, and whether it has a zone.
pub(crate) fn check_clock(
    (kept, has_zone): (usize, bool),
    raw: &[u8],
    content: &[u8],
) -> Result<(), Fault> {
    let wrong = |why: &str| Err(Fault::new(format!("{} {why}", shown(raw))));
    let clock = std::str::from_utf8(content).ok().and_then(clock_of);
    match clock {
        None => wrong("is no time of day such as 18:30 or 18:30:59.5"),
        Some((_, zone)) if zone.is_empty() && has_zone => {
            wrong("has no zone, and the column needs one, such as +00")
        }
        Some((_, zone)) if !zone.is_empty() && !has_zone => {
            wrong("has a zone, which the column does not keep")
        }
        Some((places, _)) if places > kept => wrong(&finer(kept)),
        Some(_) => Ok(()),
    }
}

/// Splits a time of day. Returns the number of digits in its fraction of a second, without trailing zeros, and its
/// zone.
fn clock_of(text: &str) -> Option<(usize, &str)> {
    let zone = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (clock, zone) = text.split_at(zone);
    let mut parts = clock.split(':');
    let [hour, minute] = [parts.next()?, parts.next()?];
    let (second, fraction) = match parts.next() {
        Some(second) => second.split_once('.').unwrap_or((second, "")),
        None => ("00", ""),
    };
    let number = |part: &str, most: u8| {
        let is_number = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        let number: u8 = part.parse().ok().filter(|_| is_number)?;
        (number <= most).then_some(number)
    };
    let clock = [number(hour, 24)?, number(minute, 59)?, number(second, 60)?];
    let has_digits = fraction.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = fraction.trim_end_matches('0');
    // 24:00:00 is a valid time of day, but nothing after it is.
    let is_past_end = clock[0] == 24 && (clock[1..] != [0, 0] || !fraction.is_empty());
    let is_zone = zone
        .bytes()
        .skip(1)
        .all(|byte| byte.is_ascii_digit() || byte == b':')
        && (zone.is_empty() || zone == "Z" || zone.len() >= 3);
    let is_clock = has_digits && is_zone && !is_past_end && parts.next().is_none();
    is_clock.then_some((fraction.len(), zone))
}
