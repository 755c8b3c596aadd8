//! `strptime` and `strftime`.

use jiff::civil::{DateTime, Time as Clock};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::Offset;

use crate::record::Fault;

use super::{Kind, Time};

/// A format of C's conversions (`%Y-%m-%d %H:%M:%S`, `%f` for a fraction of any length, `%z` for
/// `+0900`) that is known to be right for reading or for writing.
#[derive(Clone, Debug)]
pub struct Format(String);

/// Exercises every conversion: two digits everywhere, an afternoon, a fraction.
const SAMPLE: Time = Time {
    civil: DateTime::constant(2004, 12, 13, 14, 15, 16, 120_000_000),
    kind: Kind::Offset(0),
};

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
        Ok(Format(format.to_string()))
    }

    /// A format to read by: it must give at least a year.
    ///
    /// # Errors
    /// Names the conversion that is wrong.
    pub fn reading(format: &str) -> Result<Format, Fault> {
        let checked = Format::writing(format)?;
        let sample = SAMPLE.broken_down().to_string(format).unwrap_or_default();
        match checked.parts(sample.as_bytes()) {
            Some(_) => Ok(checked),
            None => Err(Fault::new(format!(
                "'{format}' gives no date that can be read back"
            ))),
        }
    }

    /// The time in this text. Without an hour in the format it is a date (without a day, the
    /// first of the month; without a month, of the year); with an offset (`%z`) or epoch seconds
    /// (`%s`) it is an instant.
    ///
    /// # Errors
    /// The text does not follow the format.
    pub fn read(&self, text: &[u8]) -> Result<Time, Fault> {
        self.parts(text).ok_or_else(|| {
            Fault::new(format!(
                "'{}' is not a time like '{}'",
                String::from_utf8_lossy(text),
                self.0
            ))
        })
    }

    fn parts(&self, text: &[u8]) -> Option<Time> {
        let mut parts = BrokenDownTime::parse(&self.0, text).ok()?;
        if let Some(instant) = parts.timestamp() {
            return Time::from_epoch_nanoseconds(instant.as_nanosecond()).ok();
        }
        let is_by_week = parts.iso_week().is_some()
            || parts.monday_based_week().is_some()
            || parts.sunday_based_week().is_some();
        if parts.day_of_year().is_none() && parts.day().is_none() && !is_by_week {
            parts.set_day(Some(1)).ok()?;
            parts.set_month(Some(parts.month().unwrap_or(1))).ok()?;
        }
        let date = parts.to_date().ok()?;
        if parts.hour().is_none() {
            return Time::new(date.to_datetime(Clock::midnight()), Kind::Date);
        }
        if parts.iana_time_zone().is_some() {
            let zoned = parts.to_zoned().ok()?;
            return Time::new(zoned.datetime(), Kind::Offset(zoned.offset().seconds()));
        }
        let civil = DateTime::from_parts(date, parts.to_time().ok()?);
        let kind = parts
            .offset()
            .map_or(Kind::Civil, |offset| Kind::Offset(offset.seconds()));
        Time::new(civil, kind)
    }

    /// Appends the time in this format.
    ///
    /// # Errors
    /// The format asks for a zone that the time does not have.
    pub fn write(&self, time: &Time, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut text = String::new();
        time.broken_down()
            .format(&self.0, &mut text)
            .map_err(|_| Fault::new(format!("'{time}' has not all that '{}' asks for", self.0)))?;
        out.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl Time {
    fn broken_down(&self) -> BrokenDownTime {
        let mut parts = BrokenDownTime::from(self.civil);
        if let Kind::Offset(seconds) = self.kind {
            parts.set_offset(Offset::from_seconds(seconds).ok());
        }
        parts
    }
}

/// The first conversion in a format that does not work alone.
fn unknown_conversion(format: &str) -> Option<&str> {
    let mut rest = format;
    while let Some(start) = rest.find('%') {
        let length = 1 + rest[start + 1..].find(|c: char| c.is_ascii_alphabetic() || c == '%')? + 1;
        let conversion = &rest[start..start + length];
        if SAMPLE.broken_down().to_string(conversion).is_err() {
            return Some(conversion);
        }
        rest = &rest[start + length..];
    }
    None
}
