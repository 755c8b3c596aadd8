//! Finds the type of a column from all its values.

use crate::record::{Fault, field};
use crate::value::Time;

use crate::schema::plain;
use crate::schema::plain::{Plain, Short};
use crate::value::parse::is_plain;

/// The kinds of values seen in one column. It only ever gains kinds, and two of them can be joined, so blocks can
/// be scanned in any order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValuesSeen(u16);

impl ValuesSeen {
    const NULL: u16 = 1;
    const BOOLEAN: u16 = 1 << 1;
    /// Fits 64 bits.
    const INTEGER: u16 = 1 << 2;
    const DECIMAL: u16 = 1 << 3;
    /// Written with an exponent.
    const DOUBLE: u16 = 1 << 4;
    /// A number that a double does not preserve.
    const EXACT: u16 = 1 << 5;
    /// A number with thousands of digits when written out.
    const HUGE: u16 = 1 << 6;
    const DATE: u16 = 1 << 7;
    const CIVIL: u16 = 1 << 8;
    const INSTANT: u16 = 1 << 9;
    /// A time with a fraction of a microsecond.
    const FINE: u16 = 1 << 10;
    const TEXT: u16 = 1 << 11;

    /// Adds one raw field.
    #[inline]
    pub fn see(&mut self, raw: &[u8]) {
        if raw.is_empty() {
            self.0 |= Self::NULL;
        } else if self.0 & !(Self::NULL | Self::INTEGER) == 0
            && plain::integer(raw).is_some_and(|integer| integer.unsigned_abs() <= 1 << 53)
        {
            // A column that has only integers so far: the most common case, and the cheapest test.
            self.0 |= Self::INTEGER;
        } else if self.0 & Self::TEXT == 0 {
            self.0 |= Self::kind(raw);
        }
    }

    /// Adds what another one has seen.
    pub fn join(&mut self, other: ValuesSeen) {
        self.0 |= other.0;
    }

    fn kind(raw: &[u8]) -> u16 {
        match raw[0] {
            b'"' => Self::TEXT,
            b't' if raw == b"true" => Self::BOOLEAN,
            b'f' if raw == b"false" => Self::BOOLEAN,
            b'-' | b'.' => Self::number(raw),
            b'0'..=b'9' if is_year_first(raw) => Self::time(raw),
            b'0'..=b'9' => Self::number(raw),
            _ => Self::TEXT,
        }
    }

    fn number(raw: &[u8]) -> u16 {
        match Short::of(raw) {
            Some(short) if short.has_point => return Self::DECIMAL,
            Some(_) => return Self::INTEGER,
            None => {}
        }
        if plain::integer(raw).is_some() {
            return Self::INTEGER | Self::precision(raw);
        }
        let Some(plain) = Plain::of(raw).filter(|_| is_plain(raw)) else {
            return Self::TEXT;
        };
        let kind = match plain.exponent {
            Some(_) => Self::DOUBLE,
            None => Self::DECIMAL,
        };
        kind | Self::precision(raw) | if plain.is_huge() { Self::HUGE } else { 0 }
    }

    fn precision(raw: &[u8]) -> u16 {
        // A long integer is more likely a code than a double, even if a double equals it.
        let is_integer = raw
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'-');
        let is_kept = match plain::surviving(raw) {
            Some(double) if is_integer => {
                plain::significant(format!("{double:e}").as_bytes()) == plain::significant(raw)
            }
            survived => survived.is_some(),
        };
        match is_kept {
            true => 0,
            false => Self::EXACT,
        }
    }

    fn time(raw: &[u8]) -> u16 {
        match Moment::of(raw) {
            None => Self::TEXT,
            Some(moment) => {
                let kind = match moment.kind {
                    ColumnKind::Date => Self::DATE,
                    ColumnKind::Civil => Self::CIVIL,
                    _ => Self::INSTANT,
                };
                kind | if moment.places > 6 { Self::FINE } else { 0 }
            }
        }
    }

    /// Returns the type of the column, once all values were seen.
    pub fn found(self) -> ColumnType {
        let kinds = self.0 & !(Self::NULL | Self::EXACT | Self::HUGE | Self::FINE);
        let is_only = |allowed: u16| kinds != 0 && kinds & !allowed == 0;
        let kind = if is_only(Self::BOOLEAN) {
            ColumnKind::Boolean
        } else if is_only(Self::INTEGER) {
            ColumnKind::Integer
        } else if is_only(Self::INTEGER | Self::DECIMAL) {
            ColumnKind::Decimal
        } else if is_only(Self::INTEGER | Self::DECIMAL | Self::DOUBLE) {
            ColumnKind::Double
        } else if is_only(Self::DATE) {
            ColumnKind::Date
        } else if is_only(Self::DATE | Self::CIVIL) {
            ColumnKind::Civil
        } else if is_only(Self::INSTANT) {
            ColumnKind::Instant
        } else {
            ColumnKind::Text
        };
        ColumnType {
            kind,
            survives_double: self.0 & Self::EXACT == 0,
            is_huge: self.0 & Self::HUGE != 0,
            fits_microseconds: self.0 & Self::FINE == 0,
            has_null: self.0 & Self::NULL != 0,
        }
    }
}

/// Whether a field begins like a date: `2013-`.
fn is_year_first(raw: &[u8]) -> bool {
    raw.get(4) == Some(&b'-') && raw[..4].iter().all(u8::is_ascii_digit)
}

/// The kind of a column's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    /// Anything; also a column that has only nulls.
    Text,
    /// `true` and `false`.
    Boolean,
    /// 64-bit integers.
    Integer,
    /// Numbers written without an exponent.
    Decimal,
    /// Numbers, at least one of them with an exponent.
    Double,
    /// Dates.
    Date,
    /// Times without an offset from UTC; dates among them mean midnight.
    Civil,
    /// Times with an offset from UTC.
    Instant,
}

/// A column's kind, and what a database needs to know to choose a type that loses nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnType {
    /// The narrowest kind that holds every value.
    pub kind: ColumnKind,
    /// Every number survives a round trip through a double.
    pub survives_double: bool,
    /// At least one number has more than 10,000 digits when written out.
    pub is_huge: bool,
    /// No time is finer than a microsecond.
    pub fits_microseconds: bool,
    /// There is at least one null.
    pub has_null: bool,
}

/// A date or time in the ISO 8601 forms that all databases read alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// `Date`, `Civil` or `Instant`.
    pub kind: ColumnKind,
    /// Digits in the fraction of a second, without trailing zeros.
    pub places: usize,
    /// The time.
    pub time: Time,
}

impl Moment {
    /// Parses a time. None if it is invalid, in year 0, which SQL does not have, or has an offset of 16 hours or
    /// more.
    pub fn of(text: &[u8]) -> Option<Self> {
        if text.len() > 40 || text.starts_with(b"0000") || text.contains(&b',') {
            return None;
        }
        let time = Time::parse(text)?;
        let Some(clock) = text.get(11..) else {
            return Some(Moment {
                kind: ColumnKind::Date,
                places: 0,
                time,
            });
        };
        let zone = clock
            .iter()
            .position(|byte| matches!(byte, b'Z' | b'z' | b'+' | b'-'));
        let (clock, zone) = clock.split_at(zone.unwrap_or(clock.len()));
        if matches!(
            zone,
            [b'+' | b'-', b'1', b'6'..=b'9', ..] | [b'+' | b'-', b'2'..=b'9', ..]
        ) {
            return None;
        }
        let fraction = clock.split(|&byte| byte == b'.').nth(1).unwrap_or_default();
        Some(Moment {
            kind: if zone.is_empty() {
                ColumnKind::Civil
            } else {
                ColumnKind::Instant
            },
            places: fraction
                .iter()
                .rposition(|&digit| digit != b'0')
                .map_or(0, |last| last + 1),
            time,
        })
    }
}

/// Whether a database's text can hold these bytes: UTF-8 without NUL bytes.
#[inline]
pub fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok() && memchr::memchr(0, bytes).is_none()
}

/// Checks that a database's text can hold a raw field.
#[inline]
pub fn check_text(raw: &[u8]) -> Result<(), Fault> {
    if is_text(raw) {
        return Ok(());
    }
    let wrong = match std::str::from_utf8(raw) {
        Ok(_) => "holds a NUL byte",
        Err(_) => "is not valid UTF-8",
    };
    Err(Fault::new(format!("{} {wrong}", shown(raw))))
}

/// Parses a boolean from the words that SQL databases accept.
pub fn boolean(text: &[u8]) -> Option<bool> {
    let is = |words: &[&str]| {
        words
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
    };
    if is(&["true", "t", "yes", "y", "on", "1"]) {
        Some(true)
    } else if is(&["false", "f", "no", "n", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// Returns a value as errors quote it: its content, truncated if it is long.
pub fn shown(raw: &[u8]) -> String {
    let text = field::content(raw);
    let text = String::from_utf8_lossy(&text);
    match text.char_indices().nth(40) {
        None => format!("'{text}'"),
        Some((end, _)) => format!("'{}…'", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(fields: &[&str]) -> ColumnType {
        let mut seen = ValuesSeen::default();
        for raw in fields {
            seen.see(raw.as_bytes());
        }
        let mut reversed = ValuesSeen::default();
        for raw in fields.iter().rev() {
            let mut one = ValuesSeen::default();
            one.see(raw.as_bytes());
            reversed.join(one);
        }
        assert_eq!(
            seen.found(),
            reversed.found(),
            "{fields:?}: the order matters"
        );
        seen.found()
    }

    #[test]
    fn kinds_widen() {
        for (fields, kind) in [
            (&["1", "", "-2"][..], ColumnKind::Integer),
            (&["1", "1.50"], ColumnKind::Decimal),
            (&["1", "9223372036854775808"], ColumnKind::Decimal),
            (&["1.5", "1e-9"], ColumnKind::Double),
            (&["1.5e-9"], ColumnKind::Double),
            (&["100e-9"], ColumnKind::Double),
            (&["1e5", "1.5"], ColumnKind::Text),
            (&["314e59"], ColumnKind::Text),
            (&["1e+5", ".5", "1."], ColumnKind::Double),
            (&[".5", "1."], ColumnKind::Decimal),
            (&["007"], ColumnKind::Text),
            (&["1", "007"], ColumnKind::Text),
            (&["1", "\"2\""], ColumnKind::Text),
            (&["+5"], ColumnKind::Text),
            (&["1.50", "n/a"], ColumnKind::Text),
            (&["true", "false", ""], ColumnKind::Boolean),
            (&["true", "1"], ColumnKind::Text),
            (&["True"], ColumnKind::Text),
            (&["", ""], ColumnKind::Text),
            (&["\"\""], ColumnKind::Text),
            (&["2013-01-01"], ColumnKind::Date),
            (&["2013-02-30"], ColumnKind::Text),
            (&["2013-01-01", "2013-01-01T05:00:00"], ColumnKind::Civil),
            (
                &["2013-01-01T05:00:00Z", "2013-01-01 05:00:00.25+09:00"],
                ColumnKind::Instant,
            ),
            (&["2013-01-01T05:00:00Z", "2013-01-01"], ColumnKind::Text),
            (&["0000-01-01"], ColumnKind::Text),
            (&["2013"], ColumnKind::Integer),
            (&["1234-56"], ColumnKind::Text),
        ] {
            assert_eq!(found(fields).kind, kind, "{fields:?}");
        }
    }

    #[test]
    fn what_would_be_lost_is_known() {
        assert!(found(&["0.1", "2.50"]).survives_double);
        assert!(!found(&["0.1", "0.12345678901234567891"]).survives_double);
        assert!(!found(&["9007199254740993", "0.5"]).survives_double);
        assert!(!found(&["0.5", "9007199254740993"]).survives_double);
        assert!(!found(&["2013-01-01T00:00:00.1234567"]).fits_microseconds);
        assert!(found(&["2013-01-01T00:00:00.123456000"]).fits_microseconds);
        assert!(found(&["1e+20000"]).is_huge);
    }

    #[test]
    fn what_no_text_holds_is_a_fault() {
        let fault = |raw: &[u8]| check_text(raw).unwrap_err().to_string();
        assert!(fault(b"a\xFFb").contains("UTF-8"));
        assert!(fault(b"a\0b").contains("NUL"));
        assert!(check_text("é".as_bytes()).is_ok());
    }
}
