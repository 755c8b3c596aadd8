//! `first` and `last` in the order of the stream; `arg_min` and `arg_max`, which return another column's value from
//! the record with the smallest or greatest one.

use std::cmp::Ordering;

use bumpalo::Bump;

use super::best::{Best, Standing};
use super::state::{Saved, Words};
use super::{Accumulator, Aggregate, Batch, Position, same};
use crate::fold::held::HeldValue;
use crate::record::Fault;
use crate::value::Value;

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "first",
        aliases: &["first_value"],
        parameters: "x",
        arity: 1..=1,
        purpose: "the first value that is not null",
        numeric: &[],
        make: |_| Ok(Box::new(FirstOrLast::new(true))),
    },
    Aggregate {
        name: "last",
        aliases: &["last_value"],
        parameters: "x",
        arity: 1..=1,
        purpose: "the last value that is not null",
        numeric: &[],
        make: |_| Ok(Box::new(FirstOrLast::new(false))),
    },
    Aggregate {
        name: "arg_min",
        aliases: &["min_by"],
        parameters: "x, by",
        arity: 2..=2,
        purpose: "x of the record with the least 'by', the first of several; null x are skipped",
        numeric: &[],
        make: |_| Ok(Box::new(Args::new(Ordering::Less))),
    },
    Aggregate {
        name: "arg_max",
        aliases: &["max_by"],
        parameters: "x, by",
        arity: 2..=2,
        purpose: "x of the record with the greatest 'by', the first of several; null x are skipped",
        numeric: &[],
        make: |_| Ok(Box::new(Args::new(Ordering::Greater))),
    },
];

struct FirstOrLast {
    is_first: bool,
    ends: Vec<Option<(Position, HeldValue)>>,
    /// Size of the texts in `ends`, in bytes.
    texts: usize,
}

impl FirstOrLast {
    fn new(is_first: bool) -> Self {
        FirstOrLast {
            is_first,
            ends: Vec::new(),
            texts: 0,
        }
    }

    fn offer(&mut self, group: u32, position: Position, value: &Value<'_>) {
        let end = &mut self.ends[group as usize];
        match end {
            None => {
                let mut held = HeldValue::Null;
                held.set(value);
                self.texts += held.bytes();
                *end = Some((position, held));
            }
            Some((known, held)) if (position < *known) == self.is_first => {
                *known = position;
                self.texts -= held.bytes();
                held.set(value);
                self.texts += held.bytes();
            }
            Some(_) => {}
        }
    }
}

impl Accumulator for FirstOrLast {
    fn grow(&mut self, groups: usize) {
        self.ends.resize(groups, None);
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        for (place, (&group, value)) in batch.groups.iter().zip(batch.values(0)).enumerate() {
            if !matches!(value, Value::Null) {
                self.offer(group, batch.position(place), &value);
            }
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        for (end, &group) in other.ends.iter().zip(map) {
            if let Some((position, held)) = end {
                self.offer(group, *position, &held.value());
            }
        }
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        if let Some((position, held)) = &self.ends[group as usize] {
            saved.place(*position);
            saved.value(&held.value());
        }
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        if !words.is_empty() {
            let arena = Bump::new();
            let position = words.place()?;
            self.offer(group, position, &words.value(&arena)?);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.texts + size_of_val(&self.ends[..])
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        let end = self.ends[group as usize].as_ref();
        Ok(end.map_or(Value::Null, |(_, held)| held.copied(arena)))
    }
}

/// The best 'by' of a group, and the value in the first record that has it.
struct Beside {
    best: Best,
    position: Position,
    value: HeldValue,
}

struct Args {
    /// How a better 'by' compares with the best one so far.
    better: Ordering,
    groups: Vec<Beside>,
    /// Size of the texts in `groups`, in bytes.
    texts: usize,
}

impl Args {
    fn new(better: Ordering) -> Self {
        Args {
            better,
            groups: Vec::new(),
            texts: 0,
        }
    }
}

impl Args {
    /// Merges what another state of the same group kept.
    fn take(&mut self, group: u32, theirs: Beside) {
        let kept = &mut self.groups[group as usize];
        self.texts -= kept.bytes();
        let standing = kept.best.merge(&theirs.best, self.better);
        if kept.is_taken(standing, theirs.position) {
            kept.position = theirs.position;
            kept.value = theirs.value;
        }
        self.texts += kept.bytes();
    }
}

impl Beside {
    fn nothing() -> Self {
        Beside {
            best: Best::default(),
            position: (u64::MAX, u32::MAX),
            value: HeldValue::Null,
        }
    }

    /// Returns the memory of its texts in bytes.
    fn bytes(&self) -> usize {
        self.best.bytes() + self.value.bytes()
    }

    /// Whether a record at `position` replaces the one that is kept.
    fn is_taken(&self, standing: Standing, position: Position) -> bool {
        match standing {
            Standing::Better => true,
            Standing::Equal => position < self.position,
            Standing::Worse => false,
        }
    }
}

impl Accumulator for Args {
    fn grow(&mut self, groups: usize) {
        self.groups.resize_with(groups, Beside::nothing);
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        let [values, keys] = batch.arguments else {
            return;
        };
        for (place, &group) in batch.groups.iter().enumerate() {
            let kept = &mut self.groups[group as usize];
            let record = batch.records[place];
            let (value, key) = (values.get(place, record), keys.get(place, record));
            if matches!(value, Value::Null) || matches!(key, Value::Null) {
                continue;
            }
            let position = batch.position(place);
            self.texts -= kept.bytes();
            let standing = kept.best.offer(&key, self.better);
            if kept.is_taken(standing, position) {
                kept.position = position;
                kept.value.set(&value);
            }
            self.texts += kept.bytes();
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        for (theirs, &group) in other.groups.into_iter().zip(map) {
            self.take(group, theirs);
        }
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        let kept = &self.groups[group as usize];
        kept.best.save(saved);
        if kept.best.is_known() {
            saved.place(kept.position);
            saved.value(&kept.value.value());
        }
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        let arena = Bump::new();
        let mut theirs = Beside::nothing();
        theirs.best = Best::load(words)?;
        if theirs.best.is_known() {
            theirs.position = words.place()?;
            theirs.value.set(&words.value(&arena)?);
        }
        self.take(group, theirs);
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.texts + size_of_val(&self.groups[..])
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        Ok(self.groups[group as usize].value.copied(arena))
    }
}
