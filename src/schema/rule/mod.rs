//! Whether a value fits the type of a table's column, so that the database neither rejects it in the middle of a
//! load nor silently rounds, truncates or reinterprets it.

use crate::record::{Fault, field};

mod moment;

use crate::schema::plain;
use crate::schema::plain::Plain;
use crate::schema::types;
use crate::schema::types::{ColumnKind, check_text, shown};

/// What a table's column accepts.
pub trait Fit: Send + Sync {
    /// Checks a raw field.
    ///
    /// # Errors
    /// The column cannot store it unchanged.
    fn fit(&self, raw: &[u8], is_clean: bool) -> Result<(), Fault>;
}

/// What a column accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Any text; the server checks anything else that the type requires.
    Text,
    /// Text of at most this many characters.
    Length(usize),
    /// Integers within these bounds.
    Integer {
        /// The lower bound.
        least: i64,
        /// The upper bound.
        most: i64,
    },
    /// Exact numbers, with limits if they are declared.
    Numeric(Option<Digits>),
    /// Numbers that a double holds.
    Double,
    /// Numbers that a 32-bit float holds.
    Single,
    /// `true` and `false`.
    Boolean,
    /// Dates.
    Date,
    /// Times without an offset from UTC.
    Civil {
        /// Digits of the fraction of a second that the column stores.
        places: usize,
    },
    /// Times with an offset from UTC.
    Instant {
        /// Digits of the fraction of a second that the column stores.
        places: usize,
    },
    /// One of these texts.
    Label(Vec<String>),
    /// A UUID.
    Uuid,
    /// JSON stored as text.
    Json,
    /// JSON stored as values, which loses one of two equal keys in an object.
    JsonValues,
    /// Times of day.
    Clock {
        /// Digits of the fraction of a second that the column stores.
        places: usize,
        /// Whether they have an offset from UTC.
        has_zone: bool,
    },
    /// Bytes: hexadecimal after `\x`, or text without a backslash.
    Bytes,
    /// A type that only the server understands: the stored value is compared with the one that was sent.
    Server {
        /// Whether the type accepts a JSON array.
        is_list: bool,
    },
}

/// The limits of a `numeric(precision, scale)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digits {
    /// Total digits.
    pub precision: i64,
    /// Digits after the point; if negative, that many digits before it are rounded as well.
    pub scale: i64,
}

impl Rule {
    /// Returns the rule for a column created with the type that was found for it.
    pub fn found(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Text => Rule::Text,
            ColumnKind::Boolean => Rule::Boolean,
            ColumnKind::Integer => Rule::Integer {
                least: i64::MIN,
                most: i64::MAX,
            },
            ColumnKind::Decimal => Rule::Numeric(None),
            ColumnKind::Double => Rule::Double,
            ColumnKind::Date => Rule::Date,
            ColumnKind::Civil => Rule::Civil { places: 6 },
            ColumnKind::Instant => Rule::Instant { places: 6 },
        }
    }

    /// Checks a raw field that is not null. `is_clean`: its block is known to be text that a database can store.
    #[inline]
    pub fn check(&self, raw: &[u8], is_clean: bool) -> Result<(), Fault> {
        if !is_clean {
            check_text(raw)?;
        }
        match self {
            Rule::Text | Rule::Server { .. } => Ok(()),
            Rule::Integer { least, most } => match plain::integer(raw) {
                Some(integer) if (*least..=*most).contains(&integer) => Ok(()),
                _ => check_integer(raw, *least, *most),
            },
            _ => self.check_content(raw, &field::content(raw)),
        }
    }

    fn check_content(&self, raw: &[u8], content: &[u8]) -> Result<(), Fault> {
        let held = |is_held: bool, wrong: &str| match is_held {
            true => Ok(()),
            false => Err(Fault::new(format!("{} {wrong}", shown(raw)))),
        };
        match self {
            Rule::Text | Rule::Integer { .. } | Rule::Server { .. } => Ok(()),
            Rule::Length(most) => held(
                content.len() <= *most || String::from_utf8_lossy(content).chars().count() <= *most,
                &format!("is longer than {most} characters"),
            ),
            Rule::Numeric(limits) => check_numeric(raw, content, *limits),
            Rule::Double | Rule::Single if is_beyond_numbers(content) => Ok(()),
            Rule::Double | Rule::Single if Plain::of(content).is_none() => {
                held(false, "is not a number")
            }
            Rule::Double => held(
                plain::surviving(content).is_some(),
                "has more digits than a double holds",
            ),
            Rule::Single => held(
                plain::survives_single(content),
                "has more digits than a float of 32 bits holds",
            ),
            Rule::Boolean => held(
                types::boolean(content).is_some(),
                "is neither true nor false",
            ),
            Rule::Date | Rule::Civil { .. } | Rule::Instant { .. } => {
                moment::check(self, raw, content)
            }
            Rule::Clock { places, has_zone } => {
                moment::check_clock((*places, *has_zone), raw, content)
            }
            Rule::Label(labels) => held(
                labels.iter().any(|label| label.as_bytes() == content),
                &format!("is none of {}", labels.join(", ")),
            ),
            Rule::Uuid => held(is_uuid(content), "is not a UUID"),
            Rule::Json => held(
                serde_json::from_slice::<serde::de::IgnoredAny>(content).is_ok(),
                "is not JSON",
            ),
            Rule::JsonValues => match crate::schema::json_values::check(content) {
                Ok(()) => Ok(()),
                Err(wrong) => held(false, &wrong),
            },
            Rule::Bytes => held(
                is_bytes(content),
                "is neither bytes in hexadecimal (\\x00ff) nor text without a backslash",
            ),
        }
    }
}

#[cold]
fn check_integer(raw: &[u8], least: i64, most: i64) -> Result<(), Fault> {
    let content = field::content(raw);
    match plain::integer(&content) {
        Some(integer) if (least..=most).contains(&integer) => Ok(()),
        Some(_) => Err(Fault::new(format!(
            "{} is beyond {least} to {most}",
            shown(raw)
        ))),
        None => Err(no_integer(raw)),
    }
}

/// Returns the fault of a field that is not a 64-bit integer.
#[cold]
pub fn no_integer(raw: &[u8]) -> Fault {
    let content = field::content(raw);
    let is_whole = !content.contains(&b'.')
        && Plain::of(&content).is_some_and(|plain| plain.exponent.is_none());
    let why = match is_whole {
        true => "is beyond 64 bits",
        false => "is not an integer",
    };
    Fault::new(format!("{} {why}", shown(raw)))
}

fn check_numeric(raw: &[u8], content: &[u8], limits: Option<Digits>) -> Result<(), Fault> {
    let wrong = |why: &str| Err(Fault::new(format!("{} {why}", shown(raw))));
    // A numeric with limits cannot be infinite.
    if content == b"NaN" || limits.is_none() && is_beyond_numbers(content) {
        return Ok(());
    }
    let Some(plain) = Plain::of(content) else {
        return wrong("is not a number");
    };
    if plain.is_huge() {
        return wrong("has thousands of digits");
    }
    let Some(Digits { precision, scale }) = limits else {
        return Ok(());
    };
    if plain.places() > scale.max(0) || scale < 0 && plain.trailing_zeros() < -scale {
        return match scale {
            0 => wrong("is not an integer, which numeric without a scale holds"),
            _ => wrong(&format!(
                "has digits beyond the {scale} places that the column keeps"
            )),
        };
    }
    if plain
        .magnitude()
        .is_some_and(|power| power > precision - scale)
    {
        return wrong(&format!(
            "has more than the {} digits before the point that the column keeps",
            precision - scale
        ));
    }
    Ok(())
}

/// Whether it is a value of a float other than a number, as PostgreSQL and `extract` write it.
fn is_beyond_numbers(content: &[u8]) -> bool {
    matches!(content, b"NaN" | b"Infinity" | b"-Infinity")
}

/// Whether PostgreSQL reads exactly these bytes, whatever its settings.
fn is_bytes(content: &[u8]) -> bool {
    match content.strip_prefix(b"\\x") {
        Some(digits) => digits.len() % 2 == 0 && digits.iter().all(u8::is_ascii_hexdigit),
        None => !content.contains(&b'\\'),
    }
}

/// Accepts `123e4567-e89b-12d3-a456-426614174000`, and the same without hyphens.
fn is_uuid(content: &[u8]) -> bool {
    match content.len() {
        32 => content.iter().all(u8::is_ascii_hexdigit),
        36 => content.iter().enumerate().all(|(place, byte)| match place {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock(places: usize, has_zone: bool) -> Rule {
        Rule::Clock { places, has_zone }
    }

    #[test]
    fn what_fits_passes() {
        let digits = |precision, scale| Rule::Numeric(Some(Digits { precision, scale }));
        for (rule, raw) in [
            (Rule::Text, "\"\""),
            (Rule::Length(3), "äöü"),
            (Rule::Integer { least: -9, most: 9 }, "\"-9\""),
            (digits(4, 2), "12.34"),
            (digits(4, 2), "12.3400"),
            (digits(4, -2), "123400"),
            (digits(2, 4), "0.0012"),
            (digits(4, 2), "-0.5e-1"),
            (Rule::Numeric(None), "0.12345678901234567890123456789"),
            (Rule::Double, "0.30000000000000004"),
            (Rule::Single, "0.1"),
            (Rule::Boolean, "F"),
            (Rule::Date, "2013-01-01"),
            (Rule::Civil { places: 6 }, "2013-01-01"),
            (Rule::Civil { places: 3 }, "2013-01-01 05:00:00.123000"),
            (Rule::Instant { places: 6 }, "2013-01-01T05:00:00Z"),
            (Rule::Label(vec!["a".into(), "b".into()]), "b"),
            (Rule::Uuid, "123e4567-e89b-12d3-a456-426614174000"),
            (Rule::Json, "\"{\"\"a\"\":[1]}\""),
            (Rule::Json, "\"{\"\"a\"\":1,\"\"a\"\":2}\""),
            (Rule::JsonValues, "\"{\"\"a\"\":[1,{\"\"a\"\":null}]}\""),
            (Rule::Double, "NaN"),
            (Rule::Single, "-Infinity"),
            (Rule::Single, "1.6777218e+07"),
            (Rule::Single, "1.0000001e+07"),
            (Rule::Numeric(None), "Infinity"),
            (digits(4, 2), "NaN"),
            (Rule::Date, "infinity"),
            (Rule::Date, "0044-03-15 BC"),
            (Rule::Date, "12026-01-02"),
            (Rule::Civil { places: 6 }, "0044-03-15 10:00:00.5 BC"),
            (Rule::Civil { places: 0 }, "-infinity"),
            (Rule::Instant { places: 6 }, "0044-03-15 10:00:00+00 BC"),
            (Rule::Instant { places: 6 }, "12026-01-02 03:04:05+00"),
            (clock(3, false), "10:00"),
            (clock(3, false), "23:59:60"),
            (clock(3, false), "24:00:00"),
            (clock(3, false), "10:00:00.1230"),
            (clock(6, true), "10:00:00+05:30"),
            (clock(6, true), "10:00Z"),
            (Rule::Bytes, "\\x00fF"),
            (Rule::Bytes, "abc"),
            (Rule::Server { is_list: false }, "anything"),
        ] {
            assert_eq!(rule.check(raw.as_bytes(), false), Ok(()), "{rule:?} {raw}");
        }
    }

    #[test]
    fn what_would_change_or_fail_is_a_fault() {
        let digits = |precision, scale| Rule::Numeric(Some(Digits { precision, scale }));
        for (rule, raw, words) in [
            (Rule::Length(2), "äöü", "longer than 2"),
            (Rule::Integer { least: -9, most: 9 }, "10", "beyond -9 to 9"),
            (
                Rule::Integer { least: -9, most: 9 },
                "007",
                "not an integer",
            ),
            (digits(4, 2), "1.234", "2 places"),
            (digits(4, 2), "123.4", "2 digits before"),
            (digits(4, 0), "1.5", "not an integer"),
            (digits(4, -2), "1234", "-2 places"),
            (Rule::Numeric(None), "nan", "not a number"),
            (Rule::Numeric(None), "1e50000", "thousands"),
            (Rule::Double, "0.12345678901234567890", "more digits"),
            (Rule::Single, "0.123456789", "more digits"),
            (Rule::Boolean, "2", "neither"),
            (Rule::Date, "2013-01-01T00:00:00", "time of day"),
            (Rule::Date, "01.01.2013", "ISO 8601"),
            (
                Rule::Civil { places: 6 },
                "2013-01-01T05:00:00Z",
                "has a zone",
            ),
            (
                Rule::Civil { places: 6 },
                "2013-01-01T05:00:00.1234567",
                "finer",
            ),
            (
                Rule::Instant { places: 6 },
                "2013-01-01T05:00:00",
                "no zone",
            ),
            (
                Rule::Label(vec!["a".into(), "b".into()]),
                "c",
                "none of a, b",
            ),
            (Rule::Uuid, "123", "UUID"),
            (Rule::Json, "{", "JSON"),
            (Rule::JsonValues, "{", "JSON"),
            (
                Rule::JsonValues,
                "\"[{\"\"a\"\":1,\"\"a\"\":2}]\"",
                "key 'a' twice",
            ),
            (Rule::JsonValues, "\"[\"\"\\u0000\"\"]\"", "NUL"),
            (Rule::Double, "inf", "not a number"),
            (digits(4, 2), "Infinity", "not a number"),
            (Rule::Date, "0044-03-15 10:00:00 BC", "time of day"),
            (
                Rule::Civil { places: 3 },
                "0044-03-15 10:00:00.0001 BC",
                "finer",
            ),
            (
                Rule::Instant { places: 6 },
                "0044-03-15 10:00:00 BC",
                "no zone",
            ),
            (Rule::Civil { places: 6 }, "0044-3-15 BC", "ISO 8601"),
            (Rule::Civil { places: 6 }, "BC", "ISO 8601"),
            (clock(3, false), "10:00:00.1234", "finer"),
            (clock(3, false), "10:00:00+01", "zone"),
            (clock(3, true), "10:00:00", "no zone"),
            (clock(3, false), "25:00", "time of day"),
            (clock(3, false), "24:00:01", "time of day"),
            (clock(3, false), "10", "time of day"),
            (Rule::Bytes, "\\x0", "hexadecimal"),
            (Rule::Bytes, "a\\b", "backslash"),
            (Rule::Text, "a\0", "NUL"),
        ] {
            let Err(fault) = rule.check(raw.as_bytes(), false) else {
                panic!("{rule:?} takes {raw}");
            };
            let fault = fault.to_string();
            assert!(fault.contains(words), "{rule:?} {raw}: {fault}");
        }
    }
}
