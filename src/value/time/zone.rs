//! Time zones by their IANA names, and this machine's own.

use jiff::SignedDuration;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone};

use crate::record::Fault;

use super::{Time, TimeKind, civil_from_epoch};

/// A time zone's rules: `Europe/Berlin`, `UTC`.
#[derive(Clone, Debug)]
pub struct Zone(TimeZone);

/// When summer time begins and ends in a POSIX `TZ` that names it and gives no rule (`CET-1CEST`):
/// what the C library and tzcode assume.
const DEFAULT_RULE: &str = ",M3.2.0,M11.1.0";

impl Zone {
    /// The zone of this IANA name (in any case), or a fixed offset such as `+09:00`; None where
    /// the system's database (`/usr/share/zoneinfo`) does not know it.
    pub fn find(name: &str) -> Option<Zone> {
        if let Some(TimeKind::Offset(seconds)) = name
            .starts_with(['+', '-'])
            .then(|| super::iso::zone(name.as_bytes()))
            .flatten()
        {
            return Offset::from_seconds(seconds).ok().map(Zone::fixed);
        }
        TimeZone::get(name).ok().map(Zone)
    }

    /// This machine's zone: the one that `TZ` names, or the system's if `TZ` is unset, or UTC if
    /// the system has none.
    ///
    /// # Errors
    /// `TZ` is set and names no zone. UTC instead would be a wrong time that nobody notices.
    pub fn local() -> Result<Zone, Fault> {
        let Some(value) = std::env::var_os("TZ") else {
            return Ok(Zone(TimeZone::try_system().unwrap_or(TimeZone::UTC)));
        };
        let value = value.to_string_lossy();
        Zone::from_tz(&value).ok_or_else(|| {
            Fault::new(format!(
                "the environment variable TZ is '{value}', which is not a time zone: set it to \
                 one such as Europe/Berlin, or unset it"
            ))
        })
    }

    /// The zone of a `TZ` value as the C library reads it: a POSIX rule (`CET-1CEST,M3.5.0,M10.5.0/3`),
    /// an IANA name, or the absolute path of a zone file, each with or without a colon in front.
    pub(super) fn from_tz(value: &str) -> Option<Zone> {
        let value = value.strip_prefix(':').unwrap_or(value);
        if value.is_empty() {
            return Some(Zone(TimeZone::UTC));
        }
        let name = value
            .rsplit_once("zoneinfo/")
            .map_or(value, |(_, name)| name);
        let file = || {
            let data = std::fs::read(value.starts_with('/').then_some(value)?).ok()?;
            TimeZone::tzif(value, &data).ok()
        };
        TimeZone::posix(value)
            .or_else(|_| TimeZone::get(name))
            .ok()
            .or_else(file)
            .or_else(|| TimeZone::posix(&format!("{value}{DEFAULT_RULE}")).ok())
            .map(Zone)
    }

    /// The zone whose clocks are always this many seconds east of UTC.
    pub(super) fn fixed(offset: Offset) -> Zone {
        Zone(TimeZone::fixed(offset))
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
            Time::new(wall, TimeKind::Offset(offset.seconds()))
        };
        moved().ok_or_else(|| Fault::new(format!("'{self}' is too late or too early for a zone")))
    }

    /// The instant at which this zone's wall clock shows (or first showed, where clocks were set
    /// back) this civil time; for a date, at which its day began.
    ///
    /// # Errors
    /// An instant already has its zone; a wall clock or a day that was skipped never was.
    pub fn at_zone(&self, zone: &Zone) -> Result<Time, Fault> {
        if self.is_instant() {
            return Err(Fault::new(format!(
                "'{self}' already has a zone: convert it with in_zone(t, zone)"
            )));
        }
        let start = self.first_instant(zone)?;
        let was_shown = if self.is_date() {
            start.civil.date() == self.civil.date()
        } else {
            start.civil == self.civil
        };
        if !was_shown {
            return Err(Fault::new(format!(
                "'{self}' never was in {}: clocks were set forward over it",
                zone.name()
            )));
        }
        Ok(start)
    }

    /// The first instant at which this zone's wall clock shows this civil time, or the first after
    /// the gap if it never does.
    ///
    /// # Errors
    /// Too close to the year 0000 or 9999 for a zone.
    pub(super) fn first_instant(&self, zone: &Zone) -> Result<Time, Fault> {
        let first = match zone.0.to_ambiguous_timestamp(self.civil).offset() {
            AmbiguousOffset::Unambiguous { offset }
            | AmbiguousOffset::Fold { before: offset, .. } => {
                Time::new(self.civil, TimeKind::Offset(offset.seconds()))
            }
            AmbiguousOffset::Gap { before, .. } => {
                // The old clock would have shown it at or after the change.
                let change = || {
                    let shown = before.to_timestamp(self.civil).ok()?;
                    let after = shown.checked_add(SignedDuration::from_nanos(1)).ok()?;
                    Some(zone.0.preceding(after).next()?.timestamp())
                };
                change().and_then(|change| {
                    let change = Time::from_epoch_nanoseconds(change.as_nanosecond()).ok()?;
                    change.in_zone(zone).ok()
                })
            }
        };
        first.ok_or_else(|| Fault::new(format!("'{self}' is too late or too early for a zone")))
    }
}
