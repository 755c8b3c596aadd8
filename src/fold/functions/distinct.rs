//! The number of distinct values, and the most frequent one. Numbers are equal by value, everything else by text;
//! see [`Interned`].

use std::collections::HashMap;
use std::sync::OnceLock;

use bumpalo::Bump;

use super::interned::{ByGroup, Interned, NO_VALUE};
use super::state::{Saved, Words, add};
use super::{Accumulator, Aggregate, Batch, Position, same};
use crate::fold::held::HeldValue;
use crate::fold::room;
use crate::record::Fault;
use crate::value::{Decimal, Value};

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "count_distinct",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "how many different values",
        numeric: &[],
        make: |_| Ok(Box::new(CountDistinct::default())),
    },
    Aggregate {
        name: "mode",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "the most frequent value; of equally frequent ones the first",
        numeric: &[],
        make: |_| Ok(Box::new(Mode::default())),
    },
];

#[derive(Default)]
struct CountDistinct {
    seen: Interned,
    counts: Vec<u64>,
    /// Set when states are saved.
    by_group: OnceLock<ByGroup>,
}

impl CountDistinct {
    /// Counts the new values, whose numbers start at `known`.
    fn count_from(&mut self, known: usize) {
        for number in known..self.seen.len() {
            self.counts[self.seen.group(number as u32) as usize] += 1;
        }
    }
}

impl Accumulator for CountDistinct {
    fn grow(&mut self, groups: usize) {
        room::resize(&mut self.counts, groups, 0);
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        self.by_group.take();
        let known = self.seen.len();
        let values: Vec<_> = batch.values(0).collect();
        self.seen.insert_each(batch.groups, &values, |_, _| ());
        self.count_from(known);
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        self.by_group.take();
        let known = self.seen.len();
        self.seen.merge(&other.seen, map, |_, _| ());
        self.count_from(known);
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        let by_group = self.by_group.get_or_init(|| self.seen.by_group());
        let numbers = self.seen.of_group(group, by_group).iter();
        let mut values: Vec<Vec<u8>> = numbers
            .map(|number| self.seen.get(*number, &mut [0; 16]).1.to_vec())
            .collect();
        values.sort_unstable();
        values.iter().for_each(|value| saved.text(value));
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        self.by_group.take();
        let (known, mut identities) = (self.seen.len(), Vec::new());
        while !words.is_empty() {
            identities.push(words.text()?);
        }
        self.seen.insert_identities(group, &identities);
        self.count_from(known);
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.seen.bytes() + size_of_val(&self.counts[..])
    }

    fn finish<'a>(&self, group: u32, _: &'a Bump) -> Result<Value<'a>, Fault> {
        Ok(Value::Decimal(Decimal::from(self.counts[group as usize])))
    }
}

#[derive(Default)]
struct Mode {
    seen: Interned,
    /// The count of each value, and its first position; indexed by its number in `seen`.
    counts: Vec<u64>,
    firsts: Vec<Position>,
    /// The first spelling of values, if that is not an unquoted field equal to the identity.
    spelled: HashMap<u32, HeldValue>,
    /// The latest block; the first positions of values in earlier blocks are already known.
    block: u64,
    groups: usize,
    /// The number of each group's most frequent value, computed on demand.
    best: OnceLock<Vec<u32>>,
    /// Set when states are saved.
    by_group: OnceLock<ByGroup>,
}

impl Mode {
    /// Stores a value's first position and its spelling there.
    fn spell(&mut self, number: u32, first: Position, value: &Value<'_>) {
        if number as usize == self.firsts.len() {
            room::reserve(&mut self.firsts, 1);
            self.firsts.push(first);
        } else {
            self.firsts[number as usize] = first;
            self.spelled.remove(&number);
        }
        let mut short = [0; 16];
        let (_, identity) = self.seen.get(number, &mut short);
        if !matches!(value, Value::Raw(field) if *field == identity) {
            self.spelled.entry(number).or_default().set(value);
        }
    }

    /// Returns a value as it was spelled at its first position.
    fn value<'a>(&self, number: u32, arena: &'a Bump) -> Value<'a> {
        if let Some(held) = self.spelled.get(&number) {
            return held.copied(arena);
        }
        let mut short = [0; 16];
        let (_, identity) = self.seen.get(number, &mut short);
        Value::Raw(arena.alloc_slice_copy(identity))
    }

    /// Returns the most frequent value of each group; among equally frequent ones the first.
    fn find_best(&self) -> Vec<u32> {
        let mut best = vec![NO_VALUE; self.groups];
        for number in 0..self.seen.len() as u32 {
            let best = &mut best[self.seen.group(number) as usize];
            let standing = |number: u32| {
                let number = number as usize;
                (self.counts[number], std::cmp::Reverse(self.firsts[number]))
            };
            if *best == NO_VALUE || standing(number) > standing(*best) {
                *best = number;
            }
        }
        best
    }
}

impl Accumulator for Mode {
    fn grow(&mut self, groups: usize) {
        self.groups = groups;
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        let known = self.seen.len();
        let counts = &mut self.counts;
        let mut numbers = Vec::with_capacity(batch.groups.len());
        let values: Vec<_> = batch.values(0).collect();
        self.seen.insert_each(batch.groups, &values, |_, number| {
            numbers.push(number);
            if number == NO_VALUE {
                return;
            }
            if number as usize == counts.len() {
                room::reserve(counts, 1);
                counts.push(0);
            }
            counts[number as usize] += 1;
        });
        // A known value can have an earlier position only if the block is out of turn.
        let is_in_turn = batch.block >= self.block;
        if is_in_turn && known == self.seen.len() {
            return;
        }
        for (place, &number) in numbers.iter().enumerate() {
            if number == NO_VALUE {
                continue;
            }
            let is_first = match self.firsts.get(number as usize) {
                None => true,
                Some(first) => !is_in_turn && batch.position(place) < *first,
            };
            if is_first {
                self.spell(number, batch.position(place), &values[place]);
            }
        }
        self.block = self.block.max(batch.block);
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let mut other: Self = same(other);
        self.best.take();
        self.by_group.take();
        let (counts, firsts, spelled) = (&mut self.counts, &mut self.firsts, &mut self.spelled);
        self.seen.merge(&other.seen, map, |theirs, ours| {
            let (count, first) = (other.counts[theirs as usize], other.firsts[theirs as usize]);
            match firsts.get_mut(ours as usize) {
                None => {
                    counts.push(count);
                    firsts.push(first);
                }
                Some(known) => {
                    counts[ours as usize] += count;
                    if *known < first {
                        return;
                    }
                    *known = first;
                    spelled.remove(&ours);
                }
            }
            if let Some(held) = other.spelled.remove(&theirs) {
                spelled.insert(ours, held);
            }
        });
        self.block = u64::MAX;
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        let by_group = self.by_group.get_or_init(|| self.seen.by_group());
        let mut numbers = self.seen.of_group(group, by_group).to_vec();
        numbers.sort_by_key(|number| self.firsts[*number as usize]);
        let arena = Bump::new();
        for number in numbers {
            saved.count(self.counts[number as usize]);
            saved.place(self.firsts[number as usize]);
            saved.value(&self.value(number, &arena));
        }
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        self.best.take();
        self.by_group.take();
        let arena = Bump::new();
        while !words.is_empty() {
            let (count, first) = (words.count()?, words.place()?);
            let value = words.value(&arena)?;
            let mut number = NO_VALUE;
            let note = |_: usize, noted: u32| number = noted;
            self.seen.insert_each(&[group], &[value], note);
            if number == NO_VALUE {
                continue;
            }
            if number as usize == self.counts.len() {
                self.counts.push(0);
            }
            add(&mut self.counts[number as usize], count)?;
            let known = self.firsts.get(number as usize);
            if known.is_none_or(|known| first < *known) {
                self.spell(number, first, &value);
            }
        }
        self.block = u64::MAX;
        Ok(())
    }

    fn bytes(&self) -> usize {
        let of_values = size_of_val(&self.counts[..]) + size_of_val(&self.firsts[..]);
        self.seen.bytes() + of_values + self.spelled.len() * 120
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        let best = self.best.get_or_init(|| self.find_best());
        let number = match best.get(group as usize) {
            None | Some(&NO_VALUE) => return Ok(Value::Null),
            Some(&number) => number,
        };
        Ok(self.value(number, arena))
    }
}
