//! ISO 8601, by hand for the few shapes that a stream holds.

use jiff::civil::{Date, DateTime, Time as Clock};

use super::{Time, TimeKind};

pub(super) fn parse(text: &[u8]) -> Option<Time> {
    let (date, rest) = text.split_at_checked(10)?;
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let year = digits(&date[..4])? as i16;
    let date = Date::new(year, pair(&date[5..7])?, pair(&date[8..])?).ok()?;
    let Some((b'T' | b't' | b' ', rest)) = rest.split_first() else {
        let midnight = date.to_datetime(Clock::midnight());
        return rest.is_empty().then_some(Time {
            civil: midnight,
            kind: TimeKind::Date,
        });
    };
    let (clock, rest) = clock(rest)?;
    Some(Time {
        civil: DateTime::from_parts(date, clock),
        kind: zone(rest)?,
    })
}

/// Whether the text would be a time if its second was not 60.
pub(super) fn is_leap_second(text: &[u8]) -> bool {
    let mut text = text.to_vec();
    match text.get_mut(16..19) {
        Some(second) if *second == *b":60" => second.copy_from_slice(b":59"),
        _ => return false,
    }
    parse(&text).is_some()
}

/// `HH:MM[:SS[.fff]]` and what follows it.
fn clock(text: &[u8]) -> Option<(Clock, &[u8])> {
    let (head, rest) = text.split_at_checked(5)?;
    if head[2] != b':' {
        return None;
    }
    let (hour, minute) = (pair(&head[..2])?, pair(&head[3..])?);
    let (second, rest) = match rest.split_first() {
        Some((b':', rest)) => {
            let (second, rest) = rest.split_at_checked(2)?;
            (pair(second)?, rest)
        }
        _ => return Some((Clock::new(hour, minute, 0, 0).ok()?, rest)),
    };
    let (nanosecond, rest) = match rest.split_first() {
        Some((b'.' | b',', rest)) => fraction(rest)?,
        _ => (0, rest),
    };
    // A leap second (`:60`) does not exist in the count of seconds since 1970; jiff refuses it.
    Some((Clock::new(hour, minute, second, nanosecond).ok()?, rest))
}

/// One to nine digits as nanoseconds.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let length = text.iter().take_while(|b| b.is_ascii_digit()).count();
    if !(1..=9).contains(&length) {
        return None;
    }
    let value = digits(&text[..length])? * 10u32.pow(9 - length as u32);
    Some((value as i32, &text[length..]))
}

/// Nothing, `Z`, `+hh`, `+hhmm`, `+hh:mm`, `+hh:mm:ss`.
pub(super) fn zone(text: &[u8]) -> Option<TimeKind> {
    let (sign, rest) = match text.split_first() {
        None => return Some(TimeKind::Civil),
        Some((b'Z' | b'z', [])) => return Some(TimeKind::Offset(0)),
        Some((b'+', rest)) => (1, rest),
        Some((b'-', rest)) => (-1, rest),
        Some(_) => return None,
    };
    let (hours, minutes, seconds) = match rest {
        [_, _] => (rest, &b"00"[..], &b"00"[..]),
        [_, _, _, _] => (&rest[..2], &rest[2..], &b"00"[..]),
        [_, _, b':', _, _] => (&rest[..2], &rest[3..], &b"00"[..]),
        [_, _, b':', _, _, b':', _, _] => (&rest[..2], &rest[3..5], &rest[6..]),
        _ => return None,
    };
    let (hours, minutes, seconds) = (digits(hours)?, digits(minutes)?, digits(seconds)?);
    if hours > 23 || minutes > 59 || seconds > 59 {
        return None;
    }
    Some(TimeKind::Offset(
        sign * (hours * 3600 + minutes * 60 + seconds) as i32,
    ))
}

/// Two digits.
fn pair(text: &[u8]) -> Option<i8> {
    digits(text).map(|value| value as i8)
}

/// Up to nine digits, and nothing else.
fn digits(text: &[u8]) -> Option<u32> {
    text.iter().try_fold(0u32, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| value * 10 + u32::from(digit))
    })
}

pub(super) fn write(time: &Time, out: &mut Vec<u8>) {
    let civil = &time.civil;
    let year = civil.year() as u32;
    push_pair(out, year / 100);
    push_pair(out, year % 100);
    out.push(b'-');
    push_pair(out, civil.month() as u32);
    out.push(b'-');
    push_pair(out, civil.day() as u32);
    if time.kind == TimeKind::Date {
        return;
    }
    out.push(b'T');
    push_pair(out, civil.hour() as u32);
    out.push(b':');
    push_pair(out, civil.minute() as u32);
    out.push(b':');
    push_pair(out, civil.second() as u32);
    push_fraction(out, civil.subsec_nanosecond() as u32);
    match time.kind {
        TimeKind::Date | TimeKind::Civil => {}
        TimeKind::Offset(0) => out.push(b'Z'),
        TimeKind::Offset(seconds) => push_offset(out, seconds),
    }
}

fn push_offset(out: &mut Vec<u8>, seconds: i32) {
    out.push(if seconds < 0 { b'-' } else { b'+' });
    let seconds = seconds.unsigned_abs();
    push_pair(out, seconds / 3600);
    out.push(b':');
    push_pair(out, seconds / 60 % 60);
    // Only local mean times of the 19th century have seconds.
    if !seconds.is_multiple_of(60) {
        out.push(b':');
        push_pair(out, seconds % 60);
    }
}

fn push_pair(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]);
}

/// `.25` for 250,000,000 nanoseconds; nothing for none.
pub(super) fn push_fraction(out: &mut Vec<u8>, mut nanoseconds: u32) {
    if nanoseconds == 0 {
        return;
    }
    let mut digits = [b'0'; 9];
    for digit in digits.iter_mut().rev() {
        *digit += (nanoseconds % 10) as u8;
        nanoseconds /= 10;
    }
    let length = digits
        .iter()
        .rposition(|&digit| digit != b'0')
        .map_or(0, |last| last + 1);
    out.push(b'.');
    out.extend_from_slice(&digits[..length]);
}
