//! The smallest or the greatest value of a group so far.

use std::cmp::Ordering;

use bumpalo::Bump;

use super::state::{Saved, Words};
use crate::fold::held::HeldValue;
use crate::record::Fault;
use crate::value::order::{self, Class};
use crate::value::{Decimal, Number, Value, print, text};

/// The best value of a group so far.
#[derive(Clone, Debug, Default)]
pub(super) enum Best {
    #[default]
    Nothing,
    /// An unquoted number whose spelling follows from its scale.
    Plain(Decimal),
    /// A time, as nanoseconds since 1970 and as found.
    Time(i128, HeldValue),
    /// A value that is neither a number nor a time.
    Text(HeldValue),
    Other(HeldValue),
}

/// How a value compares with the best one so far.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Better,
    Equal,
    Worse,
}

impl Best {
    /// Takes a value, which must not be null, if it is better than the best one, or equal and spelled in a
    /// preferred way. Returns how it compared with the best value before it.
    #[inline]
    pub fn offer(&mut self, value: &Value<'_>, wanted: Ordering) -> Standing {
        let class = Class::of(value);
        let quick = match (&*self, &class) {
            (Best::Nothing, _) => Some(wanted),
            (Best::Plain(best), Class::Number(Number::Decimal(number))) => {
                let order = number.compare(*best);
                if order == Ordering::Equal
                    && let Value::Raw(field) = value
                    && is_spelled_by_scale(field, *number)
                {
                    if number.scale() < best.scale() {
                        *self = Best::Plain(*number);
                    }
                    return Standing::Equal;
                }
                Some(order)
            }
            (Best::Time(best, _), Class::Time(time)) => Some(time.cmp(best)),
            (Best::Text(best), Class::Text(text)) => best.text().map(|best| (*text).cmp(best)),
            _ => None,
        };
        let mut buffer = Vec::new();
        let order = match quick {
            Some(order) if order != Ordering::Equal => order,
            _ => order::compare(value, &self.seen(&mut buffer)),
        };
        match order {
            Ordering::Equal => {
                buffer.clear();
                if spelling(value, &self.seen(&mut buffer)) == Ordering::Less {
                    self.set(value, &class);
                }
                Standing::Equal
            }
            order if order == wanted => {
                self.set(value, &class);
                Standing::Better
            }
            _ => Standing::Worse,
        }
    }

    #[inline]
    fn set(&mut self, value: &Value<'_>, class: &Class<'_>) {
        if let (Value::Raw(field), Class::Number(Number::Decimal(number))) = (value, class)
            && is_spelled_by_scale(field, *number)
        {
            *self = Best::Plain(*number);
            return;
        }
        let mut held = match std::mem::take(self) {
            Best::Time(_, held) | Best::Text(held) | Best::Other(held) => held,
            Best::Nothing | Best::Plain(_) => HeldValue::Null,
        };
        held.set(value);
        *self = match class {
            Class::Time(nanoseconds) => Best::Time(*nanoseconds, held),
            Class::Text(_) => Best::Text(held),
            _ => Best::Other(held),
        };
    }

    /// Returns the best value; its text may be written to the buffer.
    fn seen<'s>(&'s self, buffer: &'s mut Vec<u8>) -> Value<'s> {
        match self {
            Best::Nothing => Value::Null,
            Best::Plain(number) => {
                print::write_with_scale(*number, buffer);
                Value::Raw(buffer)
            }
            Best::Time(_, held) | Best::Text(held) | Best::Other(held) => held.value(),
        }
    }

    /// Merges the best value of another thread, and returns how that one compared with ours.
    pub fn merge(&mut self, other: &Best, wanted: Ordering) -> Standing {
        match other.seen(&mut Vec::new()) {
            Value::Null => Standing::Worse,
            value => self.offer(&value, wanted),
        }
    }

    /// Saves the state: the best value, or null.
    pub fn save(&self, saved: &mut Saved<'_>) {
        saved.value(&self.seen(&mut Vec::new()));
    }

    /// Loads what [`Best::save`] writes.
    pub fn load(words: &mut Words<'_>) -> Result<Self, Fault> {
        let arena = Bump::new();
        let mut best = Best::default();
        match words.value(&arena)? {
            Value::Null => {}
            value => best.set(&value, &Class::of(&value)),
        }
        Ok(best)
    }

    /// Whether there is a best value.
    pub fn is_known(&self) -> bool {
        !matches!(self, Best::Nothing)
    }

    /// Returns the size of its text in memory, in bytes.
    #[inline]
    pub fn bytes(&self) -> usize {
        match self {
            Best::Nothing | Best::Plain(_) => 0,
            Best::Time(_, held) | Best::Text(held) | Best::Other(held) => held.bytes(),
        }
    }

    /// Returns the best value; null if there is none.
    pub fn value<'a>(&self, arena: &'a Bump) -> Value<'a> {
        match self {
            Best::Time(_, held) | Best::Text(held) | Best::Other(held) => held.copied(arena),
            Best::Nothing | Best::Plain(_) => {
                let mut buffer = Vec::with_capacity(48);
                match self.seen(&mut buffer) {
                    Value::Raw(field) => Value::Raw(arena.alloc_slice_copy(field)),
                    _ => Value::Null,
                }
            }
        }
    }

    /// Returns the best value if it is a number of up to 38 digits.
    pub fn number(&self) -> Option<Decimal> {
        match self {
            Best::Plain(number) => Some(*number),
            Best::Other(held) => match Class::of(&held.value()) {
                Class::Number(Number::Decimal(number)) => Some(number),
                _ => None,
            },
            Best::Nothing | Best::Time(..) | Best::Text(_) => None,
        }
    }
}

/// Whether mantissa and scale determine how this field is written: no unnecessary sign, zero or point, and no
/// exponent.
#[inline]
fn is_spelled_by_scale(field: &[u8], number: Decimal) -> bool {
    let digits = match number.is_negative() {
        true => field.strip_prefix(b"-").unwrap_or_default(),
        false => field,
    };
    let places = usize::from(number.scale());
    let whole = match digits.len().checked_sub(places + usize::from(places > 0)) {
        Some(whole @ 1..) => whole,
        _ => return false,
    };
    (whole == 1 || digits[0] != b'0')
        && digits[..whole].iter().all(u8::is_ascii_digit)
        && (places == 0 || digits[whole] == b'.')
}

/// Compares the spellings of two equal values. The first one becomes the result, which so does not depend on the
/// order of the records: values without quotes come first, then the shortest.
fn spelling(a: &Value<'_>, b: &Value<'_>) -> Ordering {
    if let (Value::Raw(a), Value::Raw(b)) = (a, b)
        && a == b
    {
        return Ordering::Equal;
    }
    let parts = |value: &Value<'_>| {
        let mut written = Vec::new();
        text::write_text(value, &mut written);
        let kind = match value {
            Value::Raw(_) => 0,
            Value::Quoted(_) => 2,
            Value::Text(_) => 3,
            _ => 1,
        };
        (kind >= 2, written.len(), written, kind)
    };
    parts(a).cmp(&parts(b))
}
