//! The calendar's units: truncation, fields, boundaries crossed.

use jiff::civil::{Date, DateTime, Time as Clock};

use crate::record::Fault;

use super::interval::DAY;
use super::{EPOCH, Interval, Time, Zone, civil_from_epoch};

/// A unit of the calendar or the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Twelve months, from January.
    Year,
    /// Three months, from January, April, July, October.
    Quarter,
    /// From its first day.
    Month,
    /// From Monday, as ISO 8601 has it.
    Week,
    /// From midnight.
    Day,
    /// 60 minutes.
    Hour,
    /// 60 seconds.
    Minute,
    /// 1000 milliseconds.
    Second,
    /// The smallest.
    Millisecond,
}

/// A part of a time's wall clock that is a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// 0 to 9999.
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// The ISO 8601 week, 1 to 53; it may belong to the year before or after.
    Week,
    /// 1 to 31.
    Day,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59, the fraction left out.
    Second,
    /// 1 (Monday) to 7.
    Weekday,
    /// 1 to 366.
    Yearday,
}

const MIDNIGHT: Clock = Clock::midnight();

impl Unit {
    /// Every unit, by its name.
    pub const NAMES: [(&'static str, Unit); 9] = [
        ("year", Unit::Year),
        ("quarter", Unit::Quarter),
        ("month", Unit::Month),
        ("week", Unit::Week),
        ("day", Unit::Day),
        ("hour", Unit::Hour),
        ("minute", Unit::Minute),
        ("second", Unit::Second),
        ("millisecond", Unit::Millisecond),
    ];

    /// The unit of this name, in any case; the plural is understood.
    pub fn find(name: &str) -> Option<Unit> {
        let name = name.to_ascii_lowercase();
        let name = name.strip_suffix('s').unwrap_or(&name);
        Unit::NAMES
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, unit)| *unit)
    }

    /// Whether all of them have the same length, in every zone: up to the hour.
    fn is_fixed(self) -> bool {
        matches!(
            self,
            Unit::Hour | Unit::Minute | Unit::Second | Unit::Millisecond
        )
    }

    /// How many borders of this unit lie between two times, as SQL's `date_diff` counts: from
    /// 23:59 to 00:01 is one day, from Sunday to Monday one week. Negative where `to` is the
    /// earlier. Of two instants, both are read on the wall clock of `from`.
    ///
    /// # Errors
    /// A civil time with an instant.
    pub fn crossed(self, from: &Time, to: &Time) -> Result<i64, Fault> {
        from.same_line(to)?;
        let wall = |time: &Time| {
            time.epoch_nanoseconds() + i128::from(from.offset_seconds()) * 1_000_000_000
        };
        // A wall clock in another offset may leave the years that a time holds.
        let civil = |time: &Time| civil_from_epoch(wall(time)).unwrap_or(time.civil);
        Ok(self.index(civil(to)) - self.index(civil(from)))
    }

    /// The number of this unit's borders from the epoch to this wall clock.
    fn index(self, civil: DateTime) -> i64 {
        let months = i64::from(civil.year()) * 12 + i64::from(civil.month()) - 1;
        let milliseconds = civil.duration_since(EPOCH).as_nanos().div_euclid(1_000_000) as i64;
        match self {
            Unit::Year => months.div_euclid(12),
            Unit::Quarter => months.div_euclid(3),
            Unit::Month => months,
            // The epoch was a Thursday.
            Unit::Week => (milliseconds.div_euclid(86_400_000) + 3).div_euclid(7),
            Unit::Day => milliseconds.div_euclid(86_400_000),
            Unit::Hour => milliseconds.div_euclid(3_600_000),
            Unit::Minute => milliseconds.div_euclid(60_000),
            Unit::Second => milliseconds.div_euclid(1_000),
            Unit::Millisecond => milliseconds,
        }
    }
}

impl Time {
    /// The last border of this unit at or before the time, on its own wall clock; a date stays
    /// one, an instant keeps its offset.
    ///
    /// # Errors
    /// The week of 0000-01-01 begins before it.
    pub fn truncate(&self, unit: Unit) -> Result<Time, Fault> {
        let date = self.civil.date();
        let month = |month: i8| Date::new(date.year(), month, 1).unwrap_or(date);
        let clock = self.civil.time();
        let civil = match unit {
            Unit::Year => month(1).to_datetime(MIDNIGHT),
            Unit::Quarter => month((date.month() - 1) / 3 * 3 + 1).to_datetime(MIDNIGHT),
            Unit::Month => month(date.month()).to_datetime(MIDNIGHT),
            Unit::Week => {
                let days = i64::from(date.weekday().to_monday_zero_offset());
                let monday = date
                    .checked_sub(jiff::Span::new().days(days))
                    .unwrap_or(date);
                monday.to_datetime(MIDNIGHT)
            }
            Unit::Day => date.to_datetime(MIDNIGHT),
            Unit::Hour => date.at(clock.hour(), 0, 0, 0),
            Unit::Minute => date.at(clock.hour(), clock.minute(), 0, 0),
            Unit::Second => date.at(clock.hour(), clock.minute(), clock.second(), 0),
            Unit::Millisecond => {
                let fraction = clock.subsec_nanosecond() / 1_000_000 * 1_000_000;
                date.at(clock.hour(), clock.minute(), clock.second(), fraction)
            }
        };
        Time::new(civil, self.kind)
            .ok_or_else(|| Fault::new(format!("the week of '{self}' begins before the year 0000")))
    }

    /// The start of this unit on the wall clock of a zone; a civil time or date is read on that
    /// wall clock.
    ///
    /// Up to the hour, units have a fixed length: the time keeps the offset that the zone has at it,
    /// so that the two hours from 02:00 to 03:00 of autumn stay two (as in PostgreSQL). A shift in
    /// the middle of an hour does not cut that hour short: in Pacific/Chatham, 03:55 comes ten
    /// minutes after 02:45, and its hour begins at 03:00+13:45, when clocks still showed 02:00.
    ///
    /// From the day on, it is the first instant of the civil period: after the gap if midnight was
    /// skipped, the first midnight if there were two. PostgreSQL takes the second.
    ///
    /// # Errors
    /// As [`Time::in_zone`] and [`Time::at_zone`].
    pub fn truncate_in_zone(&self, unit: Unit, zone: &Zone) -> Result<Time, Fault> {
        if unit.is_fixed() {
            let placed = if self.is_instant() {
                self.in_zone(zone)?
            } else {
                self.at_zone(zone)?
            };
            return placed.truncate(unit);
        }
        let wall = if self.is_instant() {
            self.in_zone(zone)?
        } else {
            *self
        };
        wall.truncate(unit)?.date().first_instant(zone)
    }

    /// The last border of a grid of such intervals at or before the time, on its own wall clock.
    /// The grid of days and below starts on Monday 2000-01-03, so `15m` begins at midnight and
    /// `1w` on Mondays; that of months starts in 2000-01 (DuckDB's `time_bucket`). A date stays
    /// one.
    ///
    /// # Errors
    /// An interval that is not longer than nothing, or has months beside days.
    pub fn bucket(&self, width: Interval) -> Result<Time, Fault> {
        let cut = match width {
            Interval {
                months: 1..,
                days: 0,
                nanoseconds: 0,
            } => {
                let month = i64::from(self.civil.year()) * 12 + i64::from(self.civil.month()) - 1;
                let origin = 2000 * 12;
                let first = month - (month - origin).rem_euclid(i64::from(width.months));
                let month = first.rem_euclid(12) as i8 + 1;
                // An interval of 65,536 years must not come out as one of none.
                let year = i16::try_from(first.div_euclid(12)).ok();
                let date = year.and_then(|year| Date::new(year, month, 1).ok());
                date.and_then(|date| self.with_date(date))
            }
            Interval {
                months: 0,
                days: 0..,
                nanoseconds: 0..,
            } if width != Interval::default() => {
                let width = width.total_nanoseconds()?;
                // 2000-01-03 is day 10,959 after the epoch.
                let origin = 10_959 * i128::from(DAY);
                let wall = self.civil.duration_since(EPOCH).as_nanos();
                let border = wall - (wall - origin).rem_euclid(width);
                civil_from_epoch(border).and_then(|civil| {
                    Time::new(
                        if self.is_date() {
                            civil.start_of_day()
                        } else {
                            civil
                        },
                        self.kind,
                    )
                })
            }
            _ => {
                return Err(Fault::new(format!(
                    "cannot cut time every {width}: give months or days and hours, above zero"
                )));
            }
        };
        cut.ok_or_else(|| Fault::new(format!("'{self}' lies before the first {width}")))
    }

    /// This part of the wall clock.
    pub fn field(&self, field: Field) -> i64 {
        let civil = &self.civil;
        match field {
            Field::Year => i64::from(civil.year()),
            Field::Quarter => i64::from((civil.month() - 1) / 3 + 1),
            Field::Month => i64::from(civil.month()),
            Field::Week => i64::from(civil.date().iso_week_date().week()),
            Field::Day => i64::from(civil.day()),
            Field::Hour => i64::from(civil.hour()),
            Field::Minute => i64::from(civil.minute()),
            Field::Second => i64::from(civil.second()),
            Field::Weekday => i64::from(civil.weekday().to_monday_one_offset()),
            Field::Yearday => i64::from(civil.day_of_year()),
        }
    }
}
