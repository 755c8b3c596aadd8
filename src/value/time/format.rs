//! `strptime` and `strftime`.

use jiff::civil::{Date, DateTime, Time as Clock};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;

use crate::record::Fault;

use super::{LEAP_SECOND, NANOSECONDS_PER_SECOND, Time, TimeKind, Zone};

/// A format of C's conversions (`%Y-%m-%d %H:%M:%S`, `%f` for a fraction of one to nine digits,
/// `%z` for an offset) that is known to be right for reading or for writing.
#[derive(Clone, Debug)]
pub struct Format {
    text: String,
    /// The format with its `%z` in the other spellings of an offset: `+0200`, `+02` or `+02:00`, `Z`.
    offsets: Vec<String>,
}

/// Exercises every conversion: two digits everywhere, an afternoon, a fraction.
const SAMPLE: Time = Time {
    civil: DateTime::constant(2004, 12, 13, 14, 15, 16, 120_000_000),
    kind: TimeKind::Offset(0),
};

const SECONDS_PER_DAY: u32 = 86_400;

impl Format {
    /// A format to write by.
    ///
    /// # Errors
    /// Names the conversion that is wrong.
    pub fn writing(format: &str) -> Result<Format, Fault> {
        SAMPLE.broken_down().to_string(format).map_err(|_| {
            let culprit = unknown_conversion(format).unwrap_or(format);
            Fault::new(format!(
                "'{culprit}' is no conversion that a time format can hold"
            ))
        })?;
        Ok(Format {
            text: format.to_string(),
            offsets: Vec::new(),
        })
    }

    /// A format to read by: it must give at least a year.
    ///
    /// # Errors
    /// Names the conversion that is wrong.
    pub fn reading(format: &str) -> Result<Format, Fault> {
        let mut checked = Format::writing(format)?;
        if conversions(format).any(|(_, conversion)| conversion.ends_with('C')) {
            return Err(Fault::new(
                "'%C' can only be written: read the year with '%Y'",
            ));
        }
        let is_offset = |conversion: &str| conversion.ends_with('z');
        if conversions(format).any(|(_, conversion)| is_offset(conversion)) {
            checked.offsets = ["%z", "%:::z", "Z"]
                .iter()
                .map(|spelling| replaced(format, is_offset, spelling))
                .collect();
        }
        let sample = SAMPLE.broken_down().to_string(format).unwrap_or_default();
        match checked.time(sample.as_bytes()) {
            Ok(_) => Ok(checked),
            Err(why) => Err(Fault::new(format!(
                "'{format}' gives no time that can be read back: {why}"
            ))),
        }
    }

    /// The time in this text. Without an hour in the format it is a date (without a day, the
    /// first of the month; without a month, of the year); with an offset (`%z`) or epoch seconds
    /// (`%s`) it is an instant.
    ///
    /// # Errors
    /// The text does not follow the format, or names no time.
    pub fn read(&self, text: &[u8]) -> Result<Time, Fault> {
        self.time(text).map_err(|why| {
            Fault::new(format!(
                "'{}' is not a time like '{}': {why}",
                String::from_utf8_lossy(text),
                self.text
            ))
        })
    }

    fn time(&self, text: &[u8]) -> Result<Time, String> {
        let mut parts = self.parse(text).ok_or_else(|| self.mismatch(text))?;
        if parts.second() == Some(59) && self.is_leap_second(text) {
            return Err(LEAP_SECOND.into());
        }
        if let Some(instant) = parts.timestamp() {
            return from_timestamp(instant.as_second(), &parts, text);
        }
        let date = date(&mut parts).ok_or("there is no such date")?;
        if parts.hour().is_none() {
            if parts.to_time().is_err() {
                return Err("it has minutes or seconds and no hour".into());
            }
            if parts.offset().is_none() && parts.iana_time_zone().is_none() {
                return checked(date.to_datetime(Clock::midnight()), TimeKind::Date);
            }
        }
        let clock = parts
            .to_time()
            .map_err(|_| "it has seconds or a fraction without what goes before")?;
        let civil = DateTime::from_parts(date, clock);
        match (parts.iana_time_zone(), parts.offset()) {
            (None, None) => checked(civil, TimeKind::Civil),
            (None, Some(offset)) => checked(civil, TimeKind::Offset(offset.seconds())),
            (Some(name), None) => {
                let zone =
                    Zone::find(name).ok_or_else(|| format!("'{name}' is not a time zone"))?;
                let civil = checked(civil, TimeKind::Civil)?;
                civil.at_zone(&zone).map_err(|fault| fault.to_string())
            }
            (Some(_), Some(_)) => {
                let zoned = parts
                    .to_zoned()
                    .map_err(|_| "its offset is not one of its zone")?;
                checked(zoned.datetime(), TimeKind::Offset(zoned.offset().seconds()))
            }
        }
    }

    fn parse(&self, text: &[u8]) -> Option<BrokenDownTime> {
        let parsed = BrokenDownTime::parse(&self.text, text).ok();
        parsed.or_else(|| {
            self.offsets.iter().find_map(|format| {
                let mut parts = BrokenDownTime::parse(format, text).ok()?;
                if parts.offset().is_none() {
                    parts.set_offset(Some(Offset::UTC));
                }
                Some(parts)
            })
        })
    }

    /// Where the text stops following the format.
    fn mismatch(&self, text: &[u8]) -> String {
        let (mut start, mut read) = (0, 0);
        let ends = conversions(&self.text).map(|(end, _)| end);
        for end in ends.chain([self.text.len()]) {
            let rest = String::from_utf8_lossy(&text[read..]);
            match BrokenDownTime::parse_prefix(&self.text[..end], text) {
                Ok((_, length)) => (start, read) = (end, length),
                Err(_) if rest.is_empty() => {
                    return format!("it ends before '{}'", &self.text[start..end]);
                }
                Err(_) => return format!("'{rest}' does not fit '{}'", &self.text[start..end]),
            }
        }
        let rest = String::from_utf8_lossy(&text[read..]);
        format!("'{rest}' is left over")
    }

    /// Whether second 60 was read, which jiff takes for 59.
    fn is_leap_second(&self, text: &[u8]) -> bool {
        let is_at = |end: usize| {
            BrokenDownTime::parse_prefix(&self.text[..end], text)
                .is_ok_and(|(_, length)| text[..length].ends_with(b"60"))
        };
        text.windows(2).any(|pair| pair == b"60")
            && conversions(&self.text)
                .any(|(end, conversion)| conversion.ends_with(['S', 'T']) && is_at(end))
    }

    /// Appends the time in this format.
    ///
    /// # Errors
    /// The format asks for a zone that the time does not have.
    pub fn write(&self, time: &Time, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut text = String::new();
        time.broken_down()
            .format(&self.text, &mut text)
            .map_err(|_| {
                Fault::new(if time.is_instant() {
                    format!("'{time}' is too early or too late for '{}'", self.text)
                } else {
                    format!(
                        "'{time}' has no zone, and '{}' asks for one: give it one with \
                         at_zone(t, zone)",
                        self.text
                    )
                })
            })?;
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

/// The instant of `%s`, with the fraction of `%f` and on the clock of `%z` if they were read.
fn from_timestamp(seconds: i64, parts: &BrokenDownTime, text: &[u8]) -> Result<Time, String> {
    let fraction = parts.subsec_nanosecond().unwrap_or(0);
    // jiff drops the sign of -0.
    let is_negative = seconds < 0 || seconds == 0 && text.windows(2).any(|pair| pair == b"-0");
    if fraction != 0 && is_negative {
        // A decimal means -1.25, and C's conversions mean -1 and 0.25 later: what strftime writes.
        return Err(
            "a fraction after negative seconds can be read in two ways: use \
                    from_epoch(number)"
                .into(),
        );
    }
    let nanoseconds = i128::from(seconds) * NANOSECONDS_PER_SECOND + i128::from(fraction);
    let instant = Time::from_epoch_nanoseconds(nanoseconds);
    let placed = instant.and_then(|instant| match parts.offset() {
        Some(offset) => instant.in_zone(&Zone::fixed(offset)),
        None => Ok(instant),
    });
    let placed = placed.map_err(|fault| fault.to_string())?;
    checked(placed.civil, placed.kind)
}

/// The date, if its parts agree.
fn date(parts: &mut BrokenDownTime) -> Option<Date> {
    let is_by_week = parts.iso_week().is_some()
        || parts.monday_based_week().is_some()
        || parts.sunday_based_week().is_some();
    if parts.day_of_year().is_none() && parts.day().is_none() && !is_by_week {
        parts.set_day(Some(1)).ok()?;
        parts.set_month(Some(parts.month().unwrap_or(1))).ok()?;
    }
    let date = parts.to_date().ok()?;
    // jiff compares the weekday, and of the rest uses what it meets first.
    let week = date.iso_week_date();
    let weeks = |weekday: i8| ((date.day_of_year() + 6 - i16::from(weekday)) / 7) as i8;
    let weekday = date.weekday();
    let agrees = parts.year().is_none_or(|year| year == date.year())
        && parts.month().is_none_or(|month| month == date.month())
        && parts.day().is_none_or(|day| day == date.day())
        && parts.weekday().is_none_or(|day| day == weekday)
        && parts
            .day_of_year()
            .is_none_or(|day| day == date.day_of_year())
        && parts.iso_week_year().is_none_or(|year| year == week.year())
        && parts.iso_week().is_none_or(|number| number == week.week())
        && parts
            .sunday_based_week()
            .is_none_or(|number| number == weeks(weekday.to_sunday_zero_offset()))
        && parts
            .monday_based_week()
            .is_none_or(|number| number == weeks(weekday.to_monday_zero_offset()));
    agrees.then_some(date)
}

/// A time that the stream can hold.
fn checked(civil: DateTime, kind: TimeKind) -> Result<Time, String> {
    if let TimeKind::Offset(seconds) = kind
        && seconds.unsigned_abs() >= SECONDS_PER_DAY
    {
        return Err("its offset is not below 24 hours".into());
    }
    Time::new(civil, kind).ok_or_else(|| "it is outside the years 0000 to 9999".into())
}

impl Time {
    fn broken_down(&self) -> BrokenDownTime {
        let mut parts = BrokenDownTime::from(self.civil);
        if let TimeKind::Offset(seconds) = self.kind {
            parts.set_offset(Offset::from_seconds(seconds).ok());
            // Left alone, `%s` would cut fractions before 1970 towards zero.
            let seconds = self.epoch_nanoseconds().div_euclid(NANOSECONDS_PER_SECOND);
            parts.set_timestamp(jiff::Timestamp::from_second(seconds as i64).ok());
        }
        parts
    }
}

/// The conversions of a format in order, each with the place of its end.
fn conversions(format: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + format[from..].find('%')?;
        let is_end = |c: char| c.is_ascii_alphabetic() || c == '%';
        from = start + 2 + format[start + 1..].find(is_end)?;
        Some((from, &format[start..from]))
    })
}

/// The format with other text for some of its conversions.
fn replaced(format: &str, is_meant: impl Fn(&str) -> bool, other: &str) -> String {
    let (mut out, mut from) = (String::new(), 0);
    for (end, conversion) in conversions(format).filter(|(_, conversion)| is_meant(conversion)) {
        out.push_str(&format[from..end - conversion.len()]);
        out.push_str(other);
        from = end;
    }
    out.push_str(&format[from..]);
    out
}

/// The first conversion in a format that does not work alone.
fn unknown_conversion(format: &str) -> Option<&str> {
    conversions(format)
        .map(|(_, conversion)| conversion)
        .find(|conversion| SAMPLE.broken_down().to_string(conversion).is_err())
}
