//! Time zones by their IANA names.

use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::record::Fault;

use super::{Kind, Time, civil_from_epoch};

/// A time zone's rules: `Europe/Berlin`, `UTC`.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

impl Zone {
    /// The zone of this IANA name (in any case), or a fixed offset such as `+09:00`; None where
    /// the system's database (`/usr/share/zoneinfo`) does not know it.
    pub fn find(name: &str) -> Option<Zone> {
        if let Some(Kind::Offset(seconds)) = name
            .starts_with(['+', '-'])
            .then(|| super::iso::zone(name.as_bytes()))
            .flatten()
        {
            return Some(Zone(TimeZone::fixed(Offset::from_seconds(seconds).ok()?)));
        }
        TimeZone::get(name).ok().map(Zone)
    }

    /// Its IANA name, as messages show it.
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("a fixed offset")
    }
}

impl Time {
    /// The same instant on this zone's wall clock, with its offset.
    ///
    /// # Errors
    /// A civil time is no instant.
    pub fn in_zone(&self, zone: &Zone) -> Result<Time, Fault> {
        if !self.is_instant() {
            return Err(Fault::new(format!(
                "'{self}' has no zone to convert from: give it one with at_zone(t, zone)"
            )));
        }
        let nanoseconds = self.epoch_nanoseconds();
        let moved = || {
            let instant = jiff::Timestamp::from_nanosecond(nanoseconds).ok()?;
            let offset = zone.0.to_offset(instant);
            let wall =
                civil_from_epoch(nanoseconds + i128::from(offset.seconds()) * 1_000_000_000)?;
            Time::new(wall, Kind::Offset(offset.seconds()))
        };
        moved().ok_or_else(|| Fault::new(format!("'{self}' is too late or too early for a zone")))
    }

    /// The instant at which this zone's wall clock shows (or first showed, where clocks were set
    /// back) this civil time; for a date, at which its day began.
    ///
    /// # Errors
    /// An instant already has its zone; a wall clock that was skipped never was.
    pub fn at_zone(&self, zone: &Zone) -> Result<Time, Fault> {
        if self.is_instant() {
            return Err(Fault::new(format!(
                "'{self}' already has a zone: convert it with in_zone(t, zone)"
            )));
        }
        let ambiguous = zone.0.to_ambiguous_timestamp(self.civil);
        let offset = match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            AmbiguousOffset::Gap { .. } if self.is_date() => {
                let start = || zone.0.to_zoned(self.civil).ok()?.start_of_day().ok();
                return start()
                    .and_then(|day| Time::new(day.datetime(), Kind::Offset(day.offset().seconds())))
                    .ok_or_else(|| Fault::new(format!("'{self}' is too late for a zone")));
            }
            AmbiguousOffset::Gap { .. } => {
                return Err(Fault::new(format!(
                    "'{self}' never was in {}: clocks were set forward over it",
                    zone.name()
                )));
            }
        };
        Ok(Time {
            civil: self.civil,
            kind: Kind::Offset(offset.seconds()),
        })
    }
}
