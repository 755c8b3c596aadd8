//! Encodes records in COPY's binary format, which the server copies without parsing: for order records, it needs a
//! third less time than for text.
//!
//! Only the usual spellings of the usual types are encoded here, each to what the server would make of its text. A
//! block with anything else goes as text, and so does one with a fault, which is reported there. The format is
//! described in PostgreSQL's documentation, "COPY", "Binary Format", and by each type's `recv` function.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::record::{Records, field};
use crate::schema::plain;
use crate::schema::rule::{Digits, Rule};
use crate::schema::types;
use crate::schema::types::{ColumnKind, Moment};
use crate::value::Number;
use crate::value::parse;

use crate::connector::postgres::load::column::{BinaryForm, CopyColumn};

/// What precedes the records: a signature, no flags, no extension.
pub const HEAD: &[u8] = b"PGCOPY\n\xFF\r\n\0\0\0\0\0\0\0\0\0";

/// What follows the records.
pub const TAIL: &[u8] = &[0xFF, 0xFF];

/// After this many blocks that had to go as text, all do: each change of format ends one COPY and begins another.
const MISSES: u32 = 8;

/// Microseconds from 1970 to 2000, the epoch of PostgreSQL's times.
const EPOCH: i64 = 946_684_800_000_000;

const MICROSECONDS_PER_DAY: i64 = 86_400_000_000;

/// Encodes blocks in the binary format, as long as few of them have to go as text.
pub struct Binary {
    forms: Vec<BinaryForm>,
    misses: AtomicU32,
}

impl Binary {
    /// Returns an encoder if every column has a binary form.
    pub fn new(columns: &[CopyColumn]) -> Option<Self> {
        let forms: Option<_> = columns.iter().map(|column| column.form).collect();
        forms.map(|forms| Binary {
            forms,
            misses: AtomicU32::new(0),
        })
    }

    /// Appends all records below `limit` and returns true, or appends nothing and returns false.
    pub fn encode(
        &self,
        columns: &[CopyColumn],
        (records, limit): (&Records<'_>, u32),
        is_clean: bool,
        out: &mut Vec<u8>,
    ) -> bool {
        if self.misses.load(Ordering::Relaxed) >= MISSES {
            return false;
        }
        let start = out.len();
        let count = (columns.len() as i16).to_be_bytes();
        let written = (0..limit as usize).try_for_each(|record| {
            out.extend_from_slice(&count);
            let mut columns = columns.iter().zip(&self.forms).enumerate();
            columns.try_for_each(|(place, (column, form))| {
                append(*form, column, records.field(record, place), is_clean, out)
            })
        });
        if written.is_none() {
            out.truncate(start);
            self.misses.fetch_add(1, Ordering::Relaxed);
        }
        written.is_some()
    }
}

/// Returns the end of the record that begins at `at`; None at the end of the bytes.
pub fn record_end(bytes: &[u8], at: usize) -> Option<usize> {
    let (count, _) = bytes.get(at..)?.split_first_chunk()?;
    let mut at = at + 2;
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, _) = bytes.get(at..)?.split_first_chunk()?;
        // A null has the length -1 and no bytes.
        at += 4 + i32::from_be_bytes(*length).max(0) as usize;
    }
    Some(at)
}

/// Appends a field after its length; returns None if it is not spelled in the usual way.
#[inline(always)]
fn append(
    form: BinaryForm,
    column: &CopyColumn,
    raw: &[u8],
    is_clean: bool,
    out: &mut Vec<u8>,
) -> Option<()> {
    if raw.is_empty() {
        if column.is_key {
            return None;
        }
        out.extend_from_slice(&(-1i32).to_be_bytes());
        return Some(());
    }
    match (form, &column.rule) {
        (BinaryForm::Text, rule) => {
            rule.check(raw, is_clean).ok()?;
            // Lengths are 31 bits here; the server rejects longer text in its own words.
            i32::try_from(raw.len()).ok()?;
            match raw[0] {
                b'"' => push(&field::content(raw), out),
                _ => push(raw, out),
            }
        }
        (BinaryForm::Integer(size), Rule::Integer { least, most }) => {
            let integer = plain::integer(raw).filter(|integer| least <= integer && integer <= most);
            let bytes = integer?.to_be_bytes();
            push(&bytes[8 - usize::from(size)..], out);
        }
        (BinaryForm::Numeric, Rule::Numeric(limits)) => {
            let (mantissa, places) = numeric(raw, *limits)?;
            push_numeric(mantissa, places, out);
        }
        (BinaryForm::Double, Rule::Double) => push(&plain::surviving(raw)?.to_be_bytes(), out),
        (BinaryForm::Boolean, Rule::Boolean) => push(&[u8::from(types::boolean(raw)?)], out),
        (BinaryForm::Date, Rule::Date) => {
            let (moment, microseconds) = moment(raw)?;
            let days = microseconds / MICROSECONDS_PER_DAY;
            (moment.kind == ColumnKind::Date).then_some(())?;
            push(&(days as i32).to_be_bytes(), out);
        }
        (BinaryForm::Time, Rule::Civil { places }) => {
            let (moment, microseconds) = moment(raw)?;
            (moment.kind != ColumnKind::Instant && moment.places <= *places).then_some(())?;
            push(&microseconds.to_be_bytes(), out);
        }
        (BinaryForm::Time, Rule::Instant { places }) => {
            let (moment, microseconds) = moment(raw)?;
            (moment.kind == ColumnKind::Instant && moment.places <= *places).then_some(())?;
            push(&microseconds.to_be_bytes(), out);
        }
        (BinaryForm::Uuid, Rule::Uuid) => push(&uuid(raw)?, out),
        _ => return None,
    }
    Some(())
}

#[inline(always)]
fn push(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u32).to_be_bytes());
    out.extend_from_slice(bytes);
}

/// Returns a time and its microseconds since 2000, unless it is finer than a microsecond.
fn moment(raw: &[u8]) -> Option<(Moment, i64)> {
    let moment = Moment::of(raw)?;
    (moment.places <= 6).then(|| (moment, moment.time.epoch_microseconds() - EPOCH))
}

/// Returns a number of up to 16 digits as an integer and its decimal places, if it is within its column's limits.
#[inline(always)]
fn numeric(raw: &[u8], limits: Option<Digits>) -> Option<(i64, u8)> {
    // An exponent affects how many places are shown; the server decides that.
    if !parse::is_plain(raw) || raw.iter().any(|byte| byte | 0x20 == b'e') {
        return None;
    }
    let Ok(Number::Decimal(decimal)) = parse::parse(raw) else {
        return None;
    };
    let (mut mantissa, mut places) = (decimal.small_mantissa()?, decimal.scale());
    if mantissa.unsigned_abs() >= POWERS[16] || places > 16 || mantissa == 0 && raw[0] == b'-' {
        return None;
    }
    if let Some(Digits { precision, scale }) = limits {
        let scale = usize::try_from(scale).ok()?;
        while usize::from(places) > scale && mantissa % 10 == 0 {
            (mantissa, places) = (mantissa / 10, places - 1);
        }
        let whole = usize::try_from(precision).ok()?.checked_sub(scale)?;
        let most = POWERS.get(whole + usize::from(places));
        if usize::from(places) > scale || most.is_some_and(|most| mantissa.unsigned_abs() >= *most)
        {
            return None;
        }
    }
    Some((mantissa, places))
}

/// Powers of ten.
const POWERS: [u64; 20] = {
    let mut powers = [1; 20];
    let mut place = 1;
    while place < 20 {
        powers[place] = powers[place - 1] * 10;
        place += 1;
    }
    powers
};

/// Appends a number of up to 16 digits: the number of groups, the power of 10,000 of the first one, the sign, the
/// decimal places, and the groups.
#[inline(always)]
fn push_numeric(mantissa: i64, places: u8, out: &mut Vec<u8>) {
    // Scaled so that the decimal point falls between two groups.
    let behind = places.div_ceil(4);
    let mut rest = mantissa.unsigned_abs() * POWERS[usize::from(behind * 4 - places)];
    let mut groups = [0u16; 5];
    let (mut first, mut last) = (groups.len(), 0);
    while rest > 0 {
        first -= 1;
        groups[first] = (rest % 10_000) as u16;
        rest /= 10_000;
        if groups[first] != 0 && last == 0 {
            last = first + 1;
        }
    }
    let count = last.saturating_sub(first);
    let weight = match count {
        0 => 0,
        _ => (groups.len() - first) as i16 - i16::from(behind) - 1,
    };
    let sign: u16 = if mantissa < 0 { 0x4000 } else { 0 };
    out.extend_from_slice(&(8 + 2 * count as u32).to_be_bytes());
    for word in [count as u16, weight as u16, sign, u16::from(places)] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for group in &groups[first..first + count] {
        out.extend_from_slice(&group.to_be_bytes());
    }
}

/// Returns the bytes of a UUID in its usual spelling.
fn uuid(raw: &[u8]) -> Option<[u8; 16]> {
    let has_hyphens = raw.len() == 36 && [8, 13, 18, 23].iter().all(|&place| raw[place] == b'-');
    let mut digits = raw.iter().filter(|byte| **byte != b'-');
    let mut digit = || char::from(*digits.next()?).to_digit(16);
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        *byte = (digit()? << 4 | digit()?) as u8;
    }
    (has_hyphens && digits.next().is_none()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(type_name: &str, rule: Rule) -> CopyColumn {
        CopyColumn {
            name: "x".to_owned(),
            rule,
            is_key: false,
            form: BinaryForm::of(type_name),
        }
    }

    fn bytes(type_name: &str, rule: Rule, raw: &str) -> Option<Vec<u8>> {
        let column = column(type_name, rule);
        let mut out = Vec::new();
        append(column.form?, &column, raw.as_bytes(), true, &mut out)?;
        Some(out)
    }

    #[test]
    fn numbers_are_groups_of_four_digits() {
        let words = |raw: &str| {
            let out = bytes("numeric", Rule::Numeric(None), raw)?;
            let (_, words) = out.split_at(4);
            let words = words
                .chunks(2)
                .map(|pair| i16::from_be_bytes([pair[0], pair[1]]));
            Some(words.collect::<Vec<_>>())
        };
        for (raw, expected) in [
            ("0", &[0, 0, 0, 0][..]),
            ("0.00", &[0, 0, 0, 2]),
            ("1", &[1, 0, 0, 0, 1]),
            ("-12.5", &[2, 0, 0x4000, 1, 12, 5000]),
            ("12345.67", &[3, 1, 0, 2, 1, 2345, 6700]),
            ("10000", &[1, 1, 0, 0, 1]),
            ("0.00012", &[2, -1, 0, 5, 1, 2000]),
            ("0.0000", &[0, 0, 0, 4]),
            ("1.", &[1, 0, 0, 0, 1]),
            (".5", &[1, -1, 0, 1, 5000]),
            ("100000000.0001", &[4, 2, 0, 4, 1, 0, 0, 1]),
            ("9999999999999999", &[4, 3, 0, 0, 9999, 9999, 9999, 9999]),
            (
                "0.1234567890123456",
                &[4, -1, 0, 16, 1234, 5678, 9012, 3456],
            ),
        ] {
            assert_eq!(words(raw).as_deref(), Some(expected), "{raw}");
        }
        for raw in ["-0", "1e5", "007", "12345678901234567", "abc", "\"1\""] {
            assert_eq!(words(raw), None, "{raw}");
        }
    }

    #[test]
    fn what_does_not_fit_a_column_is_left_to_the_text_format() {
        let digits = |precision, scale| Rule::Numeric(Some(Digits { precision, scale }));
        for (type_name, rule, raw, fits) in [
            ("numeric", digits(4, 2), "99.99", true),
            ("numeric", digits(4, 2), "99.9900", true),
            ("numeric", digits(4, 2), "99.991", false),
            ("numeric", digits(4, 2), "100", false),
            ("numeric", digits(4, -2), "100", false),
            (
                "int2",
                Rule::Integer {
                    least: -32768,
                    most: 32767,
                },
                "32768",
                false,
            ),
            ("varchar", Rule::Length(2), "abc", false),
            ("varchar", Rule::Length(3), "\"abc\"", true),
            ("date", Rule::Date, "2013-01-01T00:00:00", false),
            ("timestamp", Rule::Civil { places: 6 }, "2013-01-01", true),
            (
                "timestamp",
                Rule::Civil { places: 6 },
                "2013-01-01T00:00:00Z",
                false,
            ),
            (
                "timestamptz",
                Rule::Instant { places: 0 },
                "2013-01-01T00:00:00.5Z",
                false,
            ),
            (
                "timestamptz",
                Rule::Instant { places: 6 },
                "2013-01-01T00:00:00",
                false,
            ),
            (
                "uuid",
                Rule::Uuid,
                "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
                true,
            ),
            (
                "uuid",
                Rule::Uuid,
                "a0eebc999c0b4ef8bb6d6bb9bd380a11",
                false,
            ),
            ("jsonb", Rule::Json, "{}", false),
        ] {
            assert_eq!(
                bytes(type_name, rule, raw).is_some(),
                fits,
                "{type_name} {raw}"
            );
        }
    }
}
