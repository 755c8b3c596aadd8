//! Decides by the records below it whether a first record names the columns or is data.

use crate::format::sniff::Fields;

/// What a first record seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// Data: it has numbers or dates that do not look like names, or only missing values.
    Data,
    /// Only text, as the other records may be.
    Text,
    /// Names: a text is above numbers, or years or other numbers are above something else.
    Names,
}

/// Returns what the first of these records seems to be.
pub(crate) fn evidence(records: &[&Fields]) -> Evidence {
    let Some((first, others)) = records.split_first() else {
        return Evidence::Text;
    };
    let below = |column: usize| {
        others
            .iter()
            .filter_map(move |record| record.get(column))
            .map(|text| text.trim_ascii())
            .filter(|text| !is_missing(text))
    };
    let is_name = |(column, text): (usize, &[u8])| match text {
        // Only the first name may be missing: tools that write row numbers leave it out.
        [] => column == 0 && first.len() > 1,
        _ => !is_missing(text) && !is_datum(text),
    };
    let cells = || first.iter().map(|text| text.trim_ascii()).enumerate();
    let names_numbers = |(column, text): (usize, &[u8])| {
        let mut below = below(column).peekable();
        is_name((column, text)) && below.peek().is_some() && below.all(is_datum)
    };
    if cells().any(names_numbers) {
        return Evidence::Names;
    }
    let data = cells().filter(|(_, text)| is_datum(text)).count();
    if data == 0 {
        let is_nothing = cells().all(|cell| !is_name(cell)) && !others.is_empty();
        return if is_nothing {
            Evidence::Data
        } else {
            Evidence::Text
        };
    }
    let years = cells().filter(|(_, text)| is_year(text)).count();
    if data == years && (2..first.len()).contains(&years) {
        return Evidence::Names;
    }
    // A number is a name if its column has no numbers; a year, if its column has other values than years.
    let names_a_column = |(column, text): (usize, &[u8])| {
        let mut below = below(column).peekable();
        match is_year(text) {
            true => data < first.len() && below.any(|text| !is_year(text)),
            false => below.peek().is_some() && !below.any(is_datum),
        }
    };
    let mut numbers = cells().filter(|(_, text)| is_datum(text));
    match numbers.all(names_a_column) {
        true => Evidence::Names,
        false => Evidence::Data,
    }
}

/// Returns whether the first of these records is data beyond doubt: at least half of it is, or it has a date, a
/// time or a number that is not whole.
pub(crate) fn is_plainly_data(records: &[&Fields]) -> bool {
    if evidence(records) != Evidence::Data {
        return false;
    }
    let Some((first, others)) = records.split_first() else {
        return false;
    };
    let count = |holds: fn(&[u8]) -> bool| {
        let holds = |text: &&Vec<u8>| holds(text.trim_ascii());
        first.iter().filter(holds).count()
    };
    let is_no_whole = |text: &[u8]| is_datum(text) && !text.iter().all(u8::is_ascii_digit);
    let (data, years) = (count(is_datum), count(is_year));
    let has_others = others.iter().flat_map(|record| record.iter());
    let mut texts = has_others.map(|text| text.trim_ascii());
    let may_be_years = years == data && texts.any(|text| is_datum(text) && !is_year(text));
    let texts = first.len() - count(is_missing);
    !may_be_years && data > 0 && (data * 2 >= texts || count(is_no_whole) > 0)
}

/// Returns whether it is a number in any notation, a date or a time.
pub(crate) fn is_datum(text: &[u8]) -> bool {
    is_number(text) || is_date(text) || is_time(text)
}

/// Returns whether it is a common placeholder for a missing value.
fn is_missing(text: &[u8]) -> bool {
    const WORDS: [&str; 8] = ["", "na", "n/a", "nan", "null", "none", "-", "?"];
    WORDS
        .iter()
        .any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
}

/// Returns whether it is a number, including forms that the stream may take for a code but that are no name:
/// leading zeros, a plus, an exponent, a decimal comma, commas between thousands, a percent sign.
fn is_number(text: &[u8]) -> bool {
    let text = text.strip_suffix(b"%").unwrap_or(text).trim_ascii();
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b',' | b'e' | b'E' | b'+' | b'-');
    if !text.iter().all(is_part) {
        return false;
    }
    let Ok(text) = std::str::from_utf8(text) else {
        return false;
    };
    let parses = |text: String| text.parse::<f64>().is_ok();
    parses(text.replace(',', ".")) || parses(text.replace(',', ""))
}

/// Returns whether the comma in it is a decimal one: `-1,5`.
pub(crate) fn is_decimal_comma(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let is_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let place = text.iter().position(|byte| *byte == b',');
    place.is_some_and(|place| is_digits(&text[..place]) && is_digits(&text[place + 1..]))
}

fn is_year(text: &[u8]) -> bool {
    matches!(text, [b'1', b'9', a, b] | [b'2', b'0', a, b] if a.is_ascii_digit() && b.is_ascii_digit())
}

/// Returns the number of digits at the start, and the rest.
fn digits(text: &[u8]) -> (usize, &[u8]) {
    let count = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    (count, &text[count..])
}

/// Matches `2024-01-31`, `31.12.2024` and `12/31/24`, which a time may follow.
fn is_date(text: &[u8]) -> bool {
    let (first, rest) = digits(text);
    let Some((&mark @ (b'-' | b'.' | b'/'), rest)) = rest.split_first() else {
        return false;
    };
    let (second, rest) = digits(rest);
    let Some(rest) = rest.strip_prefix(&[mark]) else {
        return false;
    };
    let (third, rest) = digits(rest);
    let is_day = (1..=2).contains(&second);
    let has_year = matches!((first, third), (4, 1..=2) | (1..=2, 2 | 4));
    is_day && has_year && matches!(rest, [] | [b' ' | b'T' | b',', ..])
}

/// Matches `10:30` and `9:05:01.25 PM`.
fn is_time(text: &[u8]) -> bool {
    let (hours, rest) = digits(text);
    let Some(rest) = rest.strip_prefix(b":") else {
        return false;
    };
    let (minutes, rest) = digits(rest);
    let is_more = |byte: &u8| byte.is_ascii_digit() || b":.,+- APMZapm".contains(byte);
    (1..=2).contains(&hours) && minutes == 2 && rest.iter().all(is_more)
}
