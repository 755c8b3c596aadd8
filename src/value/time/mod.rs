//! Points and lengths of time, by jiff. ISO 8601 on the stream.

mod format;
mod interval;
mod iso;
mod unit;
mod zone;

use std::cmp::Ordering;
use std::fmt;

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, Span};

use crate::record::Fault;

pub use format::Format;
pub use interval::Interval;
pub use unit::{Field, Unit};
pub use zone::Zone;

/// A date, a civil date and time, or an instant with its offset from UTC; years 0000 to 9999.
///
/// Equal (`==`) means written alike; [`Time::compare`] is the order of time, in which
/// `05:00+01:00` and `04:00Z` are the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    civil: DateTime,
    kind: TimeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeKind {
    /// No time of day was given: the civil clock stands at midnight.
    Date,
    /// A wall clock without a zone.
    Civil,
    /// A wall clock at this many seconds east of UTC.
    Offset(i32),
}

const NANOSECONDS_PER_SECOND: i128 = 1_000_000_000;

/// What to say about second 60, and what to do with it.
pub const LEAP_SECOND: &str = "second 60 (a leap second) cannot be kept: replace it with 59, or \
                               with 00 of the next minute";

const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

impl Time {
    /// ISO 8601: `2013-01-01`, `2013-01-01T05:00`, `2013-01-01 05:00:00.25`, and an instant with
    /// `Z`, `+09`, `+09:00`, `+0900` or `+08:27:52` behind it. None where it is anything else.
    pub fn parse(text: &[u8]) -> Option<Time> {
        iso::parse(text)
    }

    /// Whether the text would be a time if its second was not 60.
    pub fn is_leap_second(text: &[u8]) -> bool {
        iso::is_leap_second(text)
    }

    /// Appends the time as the stream has it: `2013-01-01`, `2013-01-01T05:00:00`, and an instant
    /// with `Z` or `+09:00`; a fraction without its trailing zeros, where it is not zero.
    pub fn write(&self, out: &mut Vec<u8>) {
        iso::write(self, out);
    }

    /// Appends text that is the same for two times just where they count as one: the instant at UTC,
    /// or the wall clock where there is no zone, a date being its midnight.
    pub fn write_identity(&self, out: &mut Vec<u8>) {
        let is_midnight = self.civil.time() == jiff::civil::Time::midnight();
        let told = match self.kind {
            // Where its year at UTC is not one of 0000 to 9999, it is told as it is.
            TimeKind::Offset(_) => Time::from_epoch_nanoseconds(self.epoch_nanoseconds()).ok(),
            TimeKind::Civil if is_midnight => Some(self.date()),
            TimeKind::Date | TimeKind::Civil => None,
        };
        told.unwrap_or(*self).write(out);
    }

    fn new(civil: DateTime, kind: TimeKind) -> Option<Time> {
        (0..=9999)
            .contains(&civil.year())
            .then_some(Time { civil, kind })
    }

    /// Whether it has an offset from UTC.
    pub fn is_instant(&self) -> bool {
        matches!(self.kind, TimeKind::Offset(_))
    }

    /// Seconds east of UTC; a civil time is read as UTC.
    fn offset_seconds(&self) -> i32 {
        match self.kind {
            TimeKind::Offset(seconds) => seconds,
            TimeKind::Date | TimeKind::Civil => 0,
        }
    }

    /// The order of time: two instants by the instant, two civil times or dates by the wall
    /// clock, a date counting as its midnight.
    ///
    /// # Errors
    /// A civil time and an instant cannot be ordered: which zone the first is in is not known.
    pub fn compare(&self, other: &Time) -> Result<Ordering, Fault> {
        self.same_line(other)?;
        if self.kind == other.kind {
            return Ok(self.civil.cmp(&other.civil));
        }
        Ok(self.epoch_nanoseconds().cmp(&other.epoch_nanoseconds()))
    }

    /// Checks that both are instants or neither is.
    ///
    /// # Errors
    /// They don't.
    pub fn same_line(&self, other: &Time) -> Result<(), Fault> {
        if self.is_instant() == other.is_instant() {
            return Ok(());
        }
        let (instant, civil) = if self.is_instant() {
            (self, other)
        } else {
            (other, self)
        };
        Err(Fault::new(format!(
            "'{instant}' has a zone and '{civil}' has none: give it one with at_zone(t, zone)"
        )))
    }

    /// The time later by months first (a day past the month's end becomes its last), then days,
    /// then exact nanoseconds. A date stays one unless hours or less are added.
    ///
    /// # Errors
    /// Outside the years 0000 to 9999.
    pub fn add(&self, interval: Interval) -> Result<Time, Fault> {
        let Interval {
            months,
            days,
            nanoseconds,
        } = interval;
        let moved = || {
            let mut civil = self.civil;
            if months != 0 || days != 0 {
                let span = Span::new().try_months(months).ok()?.try_days(days).ok()?;
                civil = civil.checked_add(span).ok()?;
            }
            if nanoseconds == 0 {
                return Time::new(civil, self.kind);
            }
            civil = civil
                .checked_add(SignedDuration::from_nanos(nanoseconds))
                .ok()?;
            let kind = if self.kind == TimeKind::Date {
                TimeKind::Civil
            } else {
                self.kind
            };
            Time::new(civil, kind)
        };
        moved().ok_or_else(|| {
            Fault::new(format!(
                "'{self}' plus {interval} is outside the years 0000 to 9999"
            ))
        })
    }

    /// [`Time::add`] of the negated interval.
    ///
    /// # Errors
    /// Outside the years 0000 to 9999.
    pub fn subtract(&self, interval: Interval) -> Result<Time, Fault> {
        self.add(interval.negate()?)
    }

    /// What passed from `earlier` to this time: days between two dates, else exact nanoseconds.
    ///
    /// # Errors
    /// A civil time with an instant; nanoseconds past 292 years.
    pub fn difference(&self, earlier: &Time) -> Result<Interval, Fault> {
        self.same_line(earlier)?;
        if self.kind == TimeKind::Date && earlier.kind == TimeKind::Date {
            let days = self.civil.duration_since(earlier.civil).as_hours() / 24;
            return Ok(Interval {
                days: days as i32,
                ..Interval::default()
            });
        }
        let nanoseconds = self.epoch_nanoseconds() - earlier.epoch_nanoseconds();
        match i64::try_from(nanoseconds) {
            Ok(nanoseconds) => Ok(Interval {
                nanoseconds,
                ..Interval::default()
            }),
            Err(_) => Err(Fault::new(format!(
                "'{self}' and '{earlier}' are more than 292 years apart: use date_diff or epoch"
            ))),
        }
    }

    /// Exact nanoseconds since 1970-01-01T00:00:00Z; a civil time is read as UTC.
    pub fn epoch_nanoseconds(&self) -> i128 {
        let civil = &self.civil;
        let days = days_since_epoch(
            civil.year().into(),
            civil.month().into(),
            civil.day().into(),
        );
        let clock = i32::from(civil.hour()) * 3600
            + i32::from(civil.minute()) * 60
            + i32::from(civil.second());
        let seconds = i64::from(days) * 86_400 + i64::from(clock - self.offset_seconds());
        i128::from(seconds) * NANOSECONDS_PER_SECOND + i128::from(civil.subsec_nanosecond())
    }

    /// Whole microseconds since 1970-01-01T00:00:00Z, rounded down, also before 1970; a civil time
    /// is read as UTC.
    pub fn epoch_microseconds(&self) -> i64 {
        self.epoch_nanoseconds().div_euclid(1000) as i64
    }

    /// The instant (at offset 0) so many nanoseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// Outside the years 0000 to 9999.
    pub fn from_epoch_nanoseconds(nanoseconds: i128) -> Result<Time, Fault> {
        civil_from_epoch(nanoseconds)
            .and_then(|civil| Time::new(civil, TimeKind::Offset(0)))
            .ok_or_else(|| {
                Fault::new(format!(
                    "{} seconds after 1970 are outside the years 0000 to 9999",
                    nanoseconds.div_euclid(NANOSECONDS_PER_SECOND)
                ))
            })
    }

    /// Whether the instant so many nanoseconds after 1970 is in the years 0000 to 9999 at UTC.
    pub fn has_year(nanoseconds: i128) -> bool {
        /// When the years 0000 and 10000 begin.
        const YEARS: std::ops::Range<i128> =
            -62_167_219_200 * NANOSECONDS_PER_SECOND..253_402_300_800 * NANOSECONDS_PER_SECOND;
        YEARS.contains(&nanoseconds)
    }

    /// The time so many nanoseconds after 1970 that is told as this one is: an instant at offset 0,
    /// or a civil time.
    ///
    /// # Errors
    /// Outside the years 0000 to 9999.
    pub fn told_alike(&self, nanoseconds: i128) -> Result<Time, Fault> {
        let kind = match self.is_instant() {
            true => TimeKind::Offset(0),
            false => TimeKind::Civil,
        };
        let instant = Time::from_epoch_nanoseconds(nanoseconds)?;
        Ok(Time { kind, ..instant })
    }

    /// The instant of this call in microseconds, on the wall clock of a zone.
    ///
    /// # Errors
    /// The machine's clock is outside the years 0000 to 9999.
    pub fn now(zone: &Zone) -> Result<Time, Fault> {
        let microseconds = jiff::Timestamp::now().as_microsecond();
        Time::from_epoch_nanoseconds(i128::from(microseconds) * 1000)?.in_zone(zone)
    }

    /// The wall clock's date.
    pub fn date(&self) -> Time {
        Time {
            civil: self.civil.start_of_day(),
            kind: TimeKind::Date,
        }
    }

    /// Whether no time of day was given.
    pub fn is_date(&self) -> bool {
        self.kind == TimeKind::Date
    }

    fn with_date(&self, date: Date) -> Option<Time> {
        Time::new(date.to_datetime(jiff::civil::Time::midnight()), self.kind)
    }
}

/// The days from 1970-01-01 to a date: a year begins in March, so that a leap day is its last, and 400
/// years always have the same days (after Neri and Schneider, "Euclidean affine functions and their
/// application to calendar algorithms", 2023).
#[inline]
fn days_since_epoch(year: i32, month: i32, day: i32) -> i32 {
    const DAYS_OF_400_YEARS: i32 = 146_097;
    /// From March 1 of the year 0.
    const EPOCH: i32 = 719_468;
    let is_before_march = i32::from(month < 3);
    let year = year - is_before_march;
    let month = month + 12 * is_before_march;
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    let before_month = (979 * month - 2919) >> 5;
    let before_year = year * 365 + year / 4 - year / 100;
    cycle * DAYS_OF_400_YEARS + before_year + before_month + day - 1 - EPOCH
}

/// The wall clock at UTC so many nanoseconds after 1970.
fn civil_from_epoch(nanoseconds: i128) -> Option<DateTime> {
    let seconds = i64::try_from(nanoseconds.div_euclid(NANOSECONDS_PER_SECOND)).ok()?;
    let fraction = nanoseconds.rem_euclid(NANOSECONDS_PER_SECOND) as i32;
    EPOCH
        .checked_add(SignedDuration::new(seconds, fraction))
        .ok()
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = Vec::with_capacity(40);
        self.write(&mut out);
        f.write_str(&String::from_utf8_lossy(&out))
    }
}

#[cfg(test)]
mod tests;
