//! Points and lengths of time, by jiff.

/// A date, a civil date and time, or an instant with its offset from UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    civil: jiff::civil::DateTime,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// No time of day was given.
    Date,
    /// A wall clock without a zone.
    Civil,
    /// A wall clock at this many seconds east of UTC.
    Offset(i32),
}

/// A length of time in three units that do not convert into each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interval {
    /// Calendar months (a year is 12).
    pub months: i32,
    /// Calendar days (a week is 7).
    pub days: i32,
    /// Exact nanoseconds: hours and below.
    pub nanoseconds: i64,
}
