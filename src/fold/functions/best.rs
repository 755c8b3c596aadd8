//! The least or the greatest value of a group so far.

use std::borrow::Cow;
use std::cmp::Ordering;

use bumpalo::Bump;

use super::rank::{Rank, one_class};
use super::state::{Saved, Words};
use crate::record::Fault;
use crate::value::parse::{self, is_plain};
use crate::value::{Decimal, Number, Value};

/// The best value of a group so far.
#[derive(Clone, Default)]
pub(super) struct Best {
    /// Past one class there is no best.
    classes: u8,
    rank: Option<Rank<Box<[u8]>>>,
}

/// How a value stands to the best before it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Better,
    Equal,
    Worse,
}

impl Best {
    /// How a rank stands to the best so far, its class being taken note of.
    #[inline]
    fn standing<B: AsRef<[u8]>>(&mut self, rank: &Rank<B>, wanted: Ordering) -> Standing {
        self.classes |= rank.class();
        match &self.rank {
            None => Standing::Better,
            Some(_) if self.classes.count_ones() > 1 => Standing::Worse,
            Some(best) => match rank.compare(best) {
                Ordering::Equal => Standing::Equal,
                order if order == wanted => Standing::Better,
                _ => Standing::Worse,
            },
        }
    }

    /// Whether a field is a number worse than the best one, which is most of them: told without
    /// making a rank of it.
    #[inline]
    pub fn is_worse_number(&self, value: &Value<'_>, wanted: Ordering) -> bool {
        match (value, &self.rank) {
            (Value::Raw(field), Some(Rank::Number(best, _))) if is_plain(field) => {
                match parse::parse(field) {
                    Ok(Number::Decimal(number)) => number.compare(*best) == wanted.reverse(),
                    _ => false,
                }
            }
            _ => false,
        }
    }

    /// Take a value that is better, and of equal ones the one that is spelled first. The result
    /// says how it stood to the best before it.
    #[inline]
    pub fn offer(&mut self, rank: Rank<Cow<'_, [u8]>>, wanted: Ordering) -> Standing {
        let standing = self.standing(&rank, wanted);
        if self.is_replaced(standing, &rank) {
            self.rank = Some(rank.into_owned());
        }
        standing
    }

    #[inline]
    fn is_replaced<B: AsRef<[u8]>>(&self, standing: Standing, rank: &Rank<B>) -> bool {
        match standing {
            Standing::Better => true,
            Standing::Equal => self.is_spelled_after(rank),
            Standing::Worse => false,
        }
    }

    /// Take what another thread has seen. The result says how its best stands to ours.
    pub fn merge(&mut self, other: Best, wanted: Ordering) -> Standing {
        let Some(rank) = other.rank else {
            self.classes |= other.classes;
            return Standing::Worse;
        };
        let standing = self.standing(&rank, wanted);
        if self.is_replaced(standing, &rank) {
            self.rank = Some(rank);
        }
        self.classes |= other.classes;
        standing
    }

    /// Writes the state: the classes seen, and the best value where there is one.
    pub fn save(&self, saved: &mut Saved<'_>) {
        saved.count(self.classes.into());
        let arena = Bump::new();
        if let Ok(value) = self.value(&arena) {
            saved.value(&value);
        }
    }

    /// Reads what [`Best::save`] writes.
    pub fn load(words: &mut Words<'_>) -> Result<Self, Fault> {
        let arena = Bump::new();
        let classes = u8::try_from(words.count()?);
        let mut best = Best {
            classes: classes.map_err(|_| Fault::new("there are no such classes of values"))?,
            rank: None,
        };
        if one_class(best.classes).is_ok() {
            best.rank = Rank::of(&words.value(&arena)?).map(Rank::into_owned);
        }
        Ok(best)
    }

    /// Whether there is a best value.
    pub fn is_known(&self) -> bool {
        self.rank.is_some() && one_class(self.classes).is_ok()
    }

    /// The bytes of memory that its text takes.
    #[inline]
    pub fn bytes(&self) -> usize {
        match &self.rank {
            Some(Rank::Text(text) | Rank::Digits(text, _)) => text.len() + 16,
            _ => 0,
        }
    }

    /// The best value; null where there was none.
    ///
    /// # Errors
    /// There were values of different classes.
    pub fn value<'a>(&self, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        one_class(self.classes)?;
        let value = self.rank.as_ref().map(|rank| rank.to_value(arena));
        Ok(value.unwrap_or(Value::Null))
    }

    /// The best value, where it is a number.
    pub fn number(&self) -> Option<Decimal> {
        match &self.rank {
            Some(Rank::Number(number, _)) => Some(*number),
            _ => None,
        }
    }

    fn is_spelled_after<B: AsRef<[u8]>>(&self, rank: &Rank<B>) -> bool {
        match (&self.rank, rank) {
            (Some(Rank::Number(best, quotes)), Rank::Number(number, others))
                if quotes == others =>
            {
                number.scale() < best.scale()
            }
            (Some(best), _) => best.compare_spelling(rank) == Ordering::Greater,
            (None, _) => false,
        }
    }
}
