//! A time as bytes that compare as it does, its spelling last.
//!
//! Nanoseconds since 1970, and a mark for how the time is written. Five spellings of an instant are
//! usual, and stand in this order byte by byte: a date, a blank or a `T` before the time of day, each
//! without a zone or with a `Z`. Each has a mark of its own; what is written in another way has the
//! mark of the gap that it falls into, and its bytes.

use super::push_text;
use crate::value::Time;

/// Nanoseconds from the years 0000 to 9999 are less than this, before 1970 and after.
const FAR: i128 = 1 << 71;

/// What is 0 in the 16 bytes of such a number and [`FAR`].
const UNUSED: usize = 7;

/// The marks of the usual spellings; the gaps have the odd numbers around them.
const DATE: u8 = 2;
const BLANK: u8 = 4;
const LETTER: u8 = 8;
/// What a `Z` adds.
const ZULU: u8 = 2;

/// Appends the instant of a time (without a zone as UTC, a date as midnight). None begins another.
#[inline]
pub fn push_instant(time: &Time, out: &mut Vec<u8>) {
    let bytes = (time.epoch_nanoseconds() + FAR).to_be_bytes();
    out.extend_from_slice(&bytes[UNUSED..]);
}

/// Appends a time that a field is, and how it is written.
#[inline]
pub fn push_field(time: &Time, text: &[u8], out: &mut Vec<u8>) {
    push_instant(time, out);
    match usual(text) {
        Some(mark) => out.push(mark),
        None => push_other(time, text, out),
    }
}

/// Appends a time that was made, and its identity.
pub fn push_made(time: &Time, out: &mut Vec<u8>) {
    let mut identity = Vec::new();
    time.write_identity(&mut identity);
    push_field(time, &identity, out);
}

/// The mark of a usual spelling of a time.
#[inline]
fn usual(text: &[u8]) -> Option<u8> {
    let (mark, clock) = match text.get(10..) {
        Some([]) => return Some(DATE),
        Some([b' ', clock @ ..]) => (BLANK, clock),
        Some([b'T', clock @ ..]) => (LETTER, clock),
        _ => return None,
    };
    let (mark, clock) = match clock {
        [clock @ .., b'Z'] => (mark + ZULU, clock),
        _ => (mark, clock),
    };
    let is_usual = match clock.split_at_checked(8)? {
        (clock, []) => clock[5] == b':',
        (_, [b'.', fraction @ ..]) => {
            fraction.iter().all(u8::is_ascii_digit) && fraction.last() != Some(&b'0')
        }
        _ => false,
    };
    is_usual.then_some(mark)
}

#[cold]
fn push_other(time: &Time, text: &[u8], out: &mut Vec<u8>) {
    let mut letter = Vec::new();
    if let Ok(instant) = Time::from_epoch_nanoseconds(time.epoch_nanoseconds()) {
        instant.write(&mut letter);
    }
    // In a year that cannot be written at UTC, all spellings are in the last gap.
    let mut before = 0;
    if let [date_and_clock @ .., b'Z'] = &letter[..] {
        let mut blank = date_and_clock.to_vec();
        blank[10] = b' ';
        let usual: [&[u8]; 5] = [
            &blank[..10],
            &blank,
            &[&blank[..], b"Z"].concat(),
            date_and_clock,
            &letter,
        ];
        before = usual.iter().filter(|usual| **usual < text).count();
    }
    out.push(2 * before as u8 + 1);
    push_text(text, out);
}
