//! Sizes and times as people read and write them.

use std::time::Duration;

use crate::value::Interval;

/// A number of bytes with a unit or none, a power of 1000, or with an `i` of 1024.
pub fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("'{text}' is no size (500M, 1.2G, 64KiB)");
    let upper = text.trim().to_ascii_uppercase();
    let number = upper.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = upper[number.len()..].trim_end_matches('B');
    let (unit, base) = match unit.strip_suffix('I') {
        Some(unit) => (unit, 1024_f64),
        None => (unit, 1000.0),
    };
    let power = ["", "K", "M", "G", "T"]
        .iter()
        .position(|known| *known == unit);
    let size = number
        .trim()
        .parse()
        .map(|number: f64| number * base.powi(power.unwrap_or(0) as i32));
    match (power, size) {
        (Some(_), Ok(size)) if (0.0..1e18).contains(&size) => Ok(size as u64),
        _ => Err(wrong()),
    }
}

/// A length of time, as the language writes intervals: `10s`, `1h30m`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let interval = Interval::parse(text.as_bytes());
    let nanoseconds = interval.and_then(|interval| interval.total_nanoseconds().ok());
    match nanoseconds.map(u64::try_from) {
        Some(Ok(nanoseconds)) if nanoseconds >= 1_000_000 => Ok(Duration::from_nanos(nanoseconds)),
        _ => Err(format!("'{text}' is no length of time (10s, 5m)")),
    }
}

/// The same, or none at all: `0s`.
pub fn duration_or_none(text: &str) -> Result<Duration, String> {
    match Interval::parse(text.as_bytes()).map(|interval| interval.total_nanoseconds()) {
        Some(Ok(0)) => Ok(Duration::ZERO),
        _ => duration(text),
    }
}

/// Bytes in the unit that suits them, a power of 1000: `1.2 GB`.
pub(super) fn sized(bytes: f64) -> String {
    let mut units = ["B", "kB", "MB", "GB"].into_iter();
    let (mut size, mut unit) = (bytes, units.next().unwrap_or_default());
    for larger in units {
        if size < 999.95 {
            break;
        }
        (size, unit) = (size / 1000.0, larger);
    }
    match unit {
        "B" => format!("{size:.0} B"),
        _ => format!("{size:.1} {unit}"),
    }
}

/// Hours, minutes and seconds: `1:02:03`, `2:03`.
pub(super) fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("0", Some(0)),
            ("1200", Some(1200)),
            ("1.2G", Some(1_200_000_000)),
            ("500 MB", Some(500_000_000)),
            ("64KiB", Some(65_536)),
            ("3t", Some(3_000_000_000_000)),
            ("", None),
            ("G", None),
            ("-1", None),
            ("1X", None),
            ("1e30", None),
            ("NaN", None),
        ] {
            assert_eq!(bytes(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("10s", Some(10_000)),
            ("1h30m", Some(5_400_000)),
            ("1mo", None),
            ("-1s", None),
        ] {
            let found = duration(text).ok().map(|time| time.as_millis());
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn sizes_and_times_suit_the_eye() {
        for (bytes, expected) in [
            (0.0, "0 B"),
            (999.0, "999 B"),
            (1000.0, "1.0 kB"),
            (999_949.0, "999.9 kB"),
            (999_960.0, "1.0 MB"),
            (1.25e9, "1.2 GB"),
            (4.2e13, "42000.0 GB"),
        ] {
            assert_eq!(sized(bytes), expected);
        }
        for (seconds, expected) in [(0, "0:00"), (83, "1:23"), (3723, "1:02:03")] {
            assert_eq!(clock(Duration::from_secs(seconds)), expected);
        }
    }
}
