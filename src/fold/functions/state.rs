//! The states of aggregates as text: what `aggregate --partial` writes and `--merge` reads, and what is spilled to
//! disk.
//!
//! A state consists of words with single spaces between them:
//!
//! | word | what it is |
//! |---|---|
//! | `12` | a count |
//! | `-12.5` | an exact number of any length |
//! | `5:a b c` | a text, after its length in bytes |
//! | `null`, `true`, `false` | a value: null or a truth value |
//! | `#12.50`, `~0.1` | a value: an exact number, a double |
//! | `=3:1.0`, `'3:abc`, `"3:abc` | a value: an unquoted field, the content of a quoted one, a computed text |
//! | `@2013-01-01T05:00:00Z` | a value: a time |
//! | `+1.2.300` | a value: an interval of months, days and nanoseconds |
//! | `^3.17` | the position in the stream that the next word comes from: block, and record in the block |
//!
//! | function | its state |
//! |---|---|
//! | `count` | count |
//! | `sum`, `avg` | how many numbers, their sum, and `rounded` if there were doubles |
//! | `variance` and similar | how many numbers, their sum, the sum of their squares |
//! | `min`, `max` | the best value |
//! | `arg_min`, `arg_max` | the best value, and the position and value of the other argument |
//! | `first`, `last` | the position and the value |
//! | `median`, `quantile` | each number and its count, in ascending order |
//! | `count_distinct` | each value, in the order of its bytes |
//! | `mode` | each value with its count and first position, in the order of the positions |
//! | `string_agg` | each position and text |
//! | `bool_and`, `bool_or`, `count_if` | how many were true, how many false, and what was neither |
//! | `approx_count_distinct` | a HyperLogLog sketch of the Apache DataSketches library, in Base64 |
//! | `approx_quantile` | the smallest and the greatest number, and each bucket with its count |
//!
//! Positions are written only to states that a run spills for itself. In the states of another run they would mean
//! nothing; there, the position is that of the record that contains the state.

use bumpalo::Bump;

use crate::fold::Position;
use crate::record::{Fault, field};
use crate::value::parse::{self, NotNumber};
use crate::value::wide::Wide;
use crate::value::{Decimal, Interval, Number, Real, Time, Value, print};

/// More bytes than any exact number in a state: sums of squares of numbers with 1,000 digits before and after the
/// point.
const LONGEST: usize = 8192;

/// The number of this format. If a key is a computed time or interval that is not spelled as its identity, a colon
/// and a letter for each key follow: `2:=@+`; see [`MadeKey`].
pub const FORMAT: &str = "2";

/// The kind of a group's key, if its field does not tell: read as a field, it would be a different key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MadeKey {
    /// A time: `@`.
    Time,
    /// An interval: `+`.
    Interval,
}

impl MadeKey {
    /// Returns a key's kind, from the field that it is written as and its identity; `None` if the field tells it.
    pub fn of(field: &[u8], identity: &[u8]) -> Option<Self> {
        let same = |write: &dyn Fn(&mut Vec<u8>)| {
            let mut own = Vec::new();
            write(&mut own);
            own == identity
        };
        if field == identity || field::is_quoted(field) {
            return None;
        }
        if Time::parse(field).is_some_and(|time| same(&|own| time.write_identity(own))) {
            return Some(MadeKey::Time);
        }
        let interval = Interval::parse(field)?;
        same(&|own| interval.write_identity(own)).then_some(MadeKey::Interval)
    }

    /// Returns the letter of a key.
    pub fn letter(key: Option<Self>) -> u8 {
        match key {
            None => b'=',
            Some(MadeKey::Time) => b'@',
            Some(MadeKey::Interval) => b'+',
        }
    }

    /// Returns the key that a field with this letter stands for: the field itself, or a computed value.
    pub fn read<'v>(letter: u8, field: Value<'v>) -> Result<Value<'v>, Fault> {
        let Value::Raw(text) = field else {
            return Ok(field);
        };
        let made = match letter {
            b'=' => Some(field),
            b'@' => Time::parse(text).map(Value::Time),
            b'+' => Interval::parse(text).map(Value::Interval),
            _ => None,
        };
        made.ok_or_else(wrong)
    }
}

/// A state that is being written.
pub struct Saved<'s> {
    out: &'s mut Vec<u8>,
    is_first: bool,
    has_places: bool,
}

impl<'s> Saved<'s> {
    /// Appends to `out`, with or without positions.
    pub fn new(out: &'s mut Vec<u8>, has_places: bool) -> Self {
        Saved {
            out,
            is_first: true,
            has_places,
        }
    }

    /// Begins the next word and returns where to write it.
    fn word(&mut self) -> &mut Vec<u8> {
        if !self.is_first {
            self.out.push(b' ');
        }
        self.is_first = false;
        self.out
    }

    /// Writes a count.
    pub fn count(&mut self, count: u64) {
        print::write_decimal(count.into(), self.word());
    }

    /// Writes an exact number.
    pub fn exact(&mut self, number: &Wide) {
        match number.to_decimal() {
            Some(decimal) => self.decimal(decimal),
            None => number.write(self.word()),
        }
    }

    /// Writes an exact number.
    pub fn decimal(&mut self, number: Decimal) {
        print::write_with_scale(number.normalized(), self.word());
    }

    /// Writes a word that is not a value of the stream and has no space in it.
    pub fn mark(&mut self, mark: &str) {
        self.word().extend_from_slice(mark.as_bytes());
    }

    /// Writes a text.
    pub fn text(&mut self, text: &[u8]) {
        push_text(text, self.word());
    }

    /// Writes a position, if this state has positions.
    pub fn place(&mut self, (block, record): Position) {
        if self.has_places {
            self.mark(&format!("^{block}.{record}"));
        }
    }

    /// Writes a value.
    pub fn value(&mut self, value: &Value<'_>) {
        let out = self.word();
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Decimal(decimal) => {
                out.push(b'#');
                print::write_with_scale(*decimal, out);
            }
            Value::Long(digits) => {
                out.push(b'#');
                out.extend_from_slice(digits);
            }
            Value::Double(double) => {
                out.push(b'~');
                print::write_double(*double, out);
            }
            Value::Raw(field) => {
                out.push(b'=');
                push_text(field, out);
            }
            Value::Quoted(text) => {
                out.push(b'\'');
                push_text(text, out);
            }
            Value::Text(text) => {
                out.push(b'"');
                push_text(text, out);
            }
            Value::Time(time) => {
                out.push(b'@');
                time.write(out);
            }
            Value::Interval(interval) => {
                let Interval {
                    months,
                    days,
                    nanoseconds,
                } = interval;
                out.extend_from_slice(format!("+{months}.{days}.{nanoseconds}").as_bytes());
            }
        }
    }
}

fn push_text(text: &[u8], out: &mut Vec<u8>) {
    print::write_decimal((text.len() as u64).into(), out);
    out.push(b':');
    out.extend_from_slice(text);
}

/// A state that is being read, word by word.
#[derive(Clone)]
pub struct Words<'s> {
    rest: &'s [u8],
    at: Position,
}

/// An exact number as read.
pub enum Exact {
    /// A number of up to 38 digits.
    Decimal(Decimal),
    /// A longer number.
    Wide(Wide),
}

/// Fault for an unexpected word.
fn wrong() -> Fault {
    Fault::new("this is no state of that aggregate")
}

impl<'s> Words<'s> {
    /// Creates a reader of the state in the record at `at`.
    pub fn new(state: &'s [u8], at: Position) -> Self {
        Words { rest: state, at }
    }

    /// Whether everything was read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Checks that everything was read.
    ///
    /// # Errors
    /// It was not.
    pub fn finish(&self) -> Result<(), Fault> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(wrong()),
        }
    }

    /// Returns the next word, which is not a text.
    fn word(&mut self) -> &'s [u8] {
        let end = memchr::memchr(b' ', self.rest);
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest.get(1..).unwrap_or_default();
        word
    }

    /// Reads a count.
    pub fn count(&mut self) -> Result<u64, Fault> {
        number(self.word()).ok_or_else(wrong)
    }

    /// Reads an exact number.
    pub fn exact(&mut self) -> Result<Exact, Fault> {
        let word = self.word();
        match parse::parse(word) {
            Ok(Number::Decimal(decimal)) => Ok(Exact::Decimal(decimal)),
            _ if word.len() > LONGEST => Err(wrong()),
            _ => Wide::parse(word).map(Exact::Wide).ok_or_else(wrong),
        }
    }

    /// Reads `mark` if it is the next word.
    pub fn take_mark(&mut self, mark: &str) -> bool {
        let mut rest = self.clone();
        let is_it = rest.word() == mark.as_bytes();
        if is_it {
            *self = rest;
        }
        is_it
    }

    /// Reads a word of another kind.
    pub fn other(&mut self) -> Result<&'s str, Fault> {
        std::str::from_utf8(self.word()).map_err(|_| wrong())
    }

    /// Reads a text.
    pub fn text(&mut self) -> Result<&'s [u8], Fault> {
        let colon = memchr::memchr(b':', self.rest).ok_or_else(wrong)?;
        let len: u64 = number(&self.rest[..colon]).ok_or_else(wrong)?;
        let rest = &self.rest[colon + 1..];
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if len > rest.len() || rest.get(len).is_some_and(|byte| *byte != b' ') {
            return Err(wrong());
        }
        self.rest = rest.get(len + 1..).unwrap_or_default();
        Ok(&rest[..len])
    }

    /// Reads a position; returns that of the record if there is none.
    pub fn place(&mut self) -> Result<Position, Fault> {
        if self.rest.first() != Some(&b'^') {
            return Ok(self.at);
        }
        match parts(&self.word()[1..])[..] {
            [Some(block), Some(record)] => Ok((
                u64::try_from(block).map_err(|_| wrong())?,
                u32::try_from(record).map_err(|_| wrong())?,
            )),
            _ => Err(wrong()),
        }
    }

    /// Reads a value.
    pub fn value<'a>(&mut self, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        let Some((&kind, rest)) = self.rest.split_first() else {
            return Err(wrong());
        };
        if matches!(kind, b'=' | b'\'' | b'"') {
            self.rest = rest;
            let text = arena.alloc_slice_copy(self.text()?);
            return Ok(match kind {
                b'=' => Value::Raw(text),
                b'\'' => Value::Quoted(text),
                _ => Value::Text(text),
            });
        }
        let word = self.word();
        let inner = word.get(1..).unwrap_or_default();
        match (kind, word) {
            (_, b"null") => Ok(Value::Null),
            (_, b"true") => Ok(Value::Bool(true)),
            (_, b"false") => Ok(Value::Bool(false)),
            (b'#', _) => match parse::parse(inner) {
                Ok(Number::Decimal(decimal)) => Ok(Value::Decimal(decimal)),
                Err(NotNumber::Long) => match parse::wide(inner) {
                    Some(wide) => Ok(Real::Long(Box::new(wide)).to_value(arena)),
                    None => Err(wrong()),
                },
                _ => Err(wrong()),
            },
            (b'~', _) => {
                let double = std::str::from_utf8(inner)
                    .ok()
                    .and_then(|text| text.parse().ok());
                double.map(Value::Double).ok_or_else(wrong)
            }
            (b'@', _) => Time::parse(inner).map(Value::Time).ok_or_else(wrong),
            (b'+', _) => match parts(inner)[..] {
                [Some(months), Some(days), Some(nanoseconds)] => Ok(Value::Interval(Interval {
                    months: i32::try_from(months).map_err(|_| wrong())?,
                    days: i32::try_from(days).map_err(|_| wrong())?,
                    nanoseconds,
                })),
                _ => Err(wrong()),
            },
            _ => Err(wrong()),
        }
    }
}

/// Adds to a count of records or numbers.
///
/// # Errors
/// The sum exceeds what a stream can have.
pub fn add(count: &mut u64, more: u64) -> Result<(), Fault> {
    *count = count.checked_add(more).ok_or_else(wrong)?;
    Ok(())
}

fn number<T: std::str::FromStr>(word: &[u8]) -> Option<T> {
    std::str::from_utf8(word).ok()?.parse().ok()
}

/// Parses integers with points between them.
fn parts(word: &[u8]) -> Vec<Option<i64>> {
    word.split(|byte| *byte == b'.').map(number).collect()
}
