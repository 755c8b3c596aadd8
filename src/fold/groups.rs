//! The groups of a stream: maps a record's keys to a group's number, and a group back to its keys.
//!
//! Keys are equal if the language's `=` says so: `1`, `1.0` and `"1"` are one group, which is written as it was
//! first spelled; `007` is another. The [`KeyTable`] holds the known keys. A group's fields are written from its
//! key and stored only if they were spelled differently.

use std::hash::{BuildHasher, RandomState};

use bumpalo::Bump;

use super::Position;
use super::functions::state::MadeKey;
use super::room;
use super::table::{self, KeyKind, KeyTable, LOT, Lot, NULL};
use crate::record::{Records, field};
use crate::value::identity::{is_short_identity, within, write_identity};
use crate::value::{Value, text};

/// Marks a null among several keys; no length has this value.
const NO_KEY: u8 = 0xFF;

/// Marks a key among several whose length follows in eight bytes.
const LONG_KEY: u8 = 0xFE;

/// The groups of a stream, numbered in order of appearance.
pub struct Groups {
    table: KeyTable,
    firsts: Firsts,
    /// Index of a group's fields in `spellings`, from 1; 0 (or absent) if they are spelled as its key.
    spelled: Vec<u32>,
    spellings: Vec<Span>,
    fields: Vec<u8>,
    scratch: Scratch,
}

#[derive(Clone, Copy)]
struct Span {
    start: usize,
    len: usize,
}

impl Span {
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..self.start + self.len]
    }
}

/// Memory that is reused.
#[derive(Default)]
struct Scratch {
    lot: Lot,
    fields: Vec<u8>,
    as_key: Vec<u8>,
}

/// The position of each group's first record. Groups of one block are adjacent, until tables are merged.
#[derive(Default)]
struct Firsts {
    /// For each block, the first of its groups and the block's index.
    blocks: Vec<(u32, u64)>,
    records: Vec<u32>,
    /// Replaces both once groups of other tables were merged.
    merged: Option<Vec<Position>>,
}

impl Firsts {
    fn push(&mut self, (block, record): Position) {
        if let Some(merged) = &mut self.merged {
            merged.push((block, record));
            return;
        }
        if self.blocks.last().is_none_or(|(_, last)| *last != block) {
            self.blocks.push((self.records.len() as u32, block));
        }
        room::reserve(&mut self.records, 1);
        self.records.push(record);
    }

    fn to_list(&self) -> Vec<Position> {
        if let Some(merged) = &self.merged {
            return merged.clone();
        }
        let mut list = room::with_room(self.records.len());
        for (block, records) in self.by_block() {
            list.extend(records.iter().map(|&record| (block, record)));
        }
        list
    }

    /// Returns each block with the first records of its groups.
    fn by_block(&self) -> impl Iterator<Item = (u64, &[u32])> {
        let end = |number: usize| match self.blocks.get(number + 1) {
            Some((next, _)) => *next as usize,
            None => self.records.len(),
        };
        let blocks = self.blocks.iter().enumerate();
        blocks.map(move |(number, (start, block))| {
            (*block, &self.records[*start as usize..end(number)])
        })
    }

    /// Whether the groups' numbers are in the order of their first records.
    fn is_sorted(&self) -> bool {
        match &self.merged {
            Some(merged) => merged.is_sorted(),
            None => {
                self.blocks.is_sorted_by(|a, b| a.1 < b.1)
                    && self.by_block().all(|(_, records)| records.is_sorted())
            }
        }
    }
}

impl Groups {
    /// Returns a table without groups. Tables that will be merged must have the same seed.
    pub fn new(seed: [u64; 2]) -> Self {
        Groups {
            table: KeyTable::new(seed),
            firsts: Firsts::default(),
            spelled: Vec::new(),
            spellings: Vec::new(),
            fields: Vec::new(),
            scratch: Scratch::default(),
        }
    }

    /// Returns a seed that differs from process to process.
    pub fn seed() -> [u64; 2] {
        [0, 1].map(|number| RandomState::new().hash_one(number))
    }

    /// Returns the number of groups.
    pub fn count(&self) -> usize {
        self.table.len()
    }

    /// Returns the group of each record of a block, creating groups as needed. `keys` has `width` keys per record;
    /// `at` holds the block and the records' indexes in it.
    pub fn find_all(
        &mut self,
        keys: &[Value<'_>],
        width: usize,
        at: (u64, &[u32]),
        delimiter: u8,
    ) -> Vec<u32> {
        let keys_of = |nth: usize| &keys[nth * width..(nth + 1) * width];
        let push = |lot: &mut Lot, nth: usize, _: u32| push_keys(lot, keys_of(nth));
        self.find_with(at, delimiter, push, |nth, _, note| note(keys_of(nth)))
    }

    /// Returns the group of each record by one of its fields.
    pub fn find_fields(
        &mut self,
        (records, column, arena): (&Records<'_>, usize, &Bump),
        at: (u64, &[u32]),
        delimiter: u8,
    ) -> Vec<u32> {
        let (block, fields) = (records.bytes(), records.column(column));
        let may_return = records.has_returns() && column + 1 == records.columns();
        let value = |record: u32| Value::of_field(records.field(record as usize, column), arena);
        let push = |lot: &mut Lot, _: usize, record: u32| {
            let field = fields.place(record);
            match table::word_at(block, field.start, field.len()) {
                Some(word) if !may_return && is_short_identity(word, field.len()) => lot.push(word),
                _ => push_key(lot, &value(record)),
            }
        };
        self.find_with(at, delimiter, push, |_, record, note| {
            note(&[value(record)])
        })
    }

    /// Returns the group of each record. `push` adds the record's key to a lot; `keys` provides the keys of a
    /// record whose group is new.
    #[inline(always)]
    fn find_with(
        &mut self,
        (block, records): (u64, &[u32]),
        delimiter: u8,
        push: impl Fn(&mut Lot, usize, u32),
        keys: impl Fn(usize, u32, &mut dyn FnMut(&[Value<'_>])),
    ) -> Vec<u32> {
        let mut groups = Vec::with_capacity(records.len());
        let mut lot = std::mem::take(&mut self.scratch.lot);
        for (nth, records) in records.chunks(LOT).enumerate() {
            let start = nth * LOT;
            lot.clear();
            for (place, &record) in records.iter().enumerate() {
                push(&mut lot, start + place, record);
            }
            self.table.look_ahead(&mut lot);
            for (place, &record) in records.iter().enumerate() {
                let (group, is_new) = self.table.number(&lot, place);
                if is_new {
                    keys(start + place, record, &mut |keys| {
                        self.note(group, keys, (block, record), delimiter);
                    });
                }
                groups.push(group);
            }
        }
        self.scratch.lot = lot;
        groups
    }

    /// Returns the group of a record with these keys, creating it if it is new. The position is the record's.
    pub fn find(&mut self, keys: &[Value<'_>], (block, record): Position, delimiter: u8) -> u32 {
        self.find_all(keys, keys.len(), (block, &[record]), delimiter)[0]
    }

    /// Notes the spelling of a new group and the position of its first record.
    #[inline(never)]
    fn note(&mut self, group: u32, keys: &[Value<'_>], first: Position, delimiter: u8) {
        self.firsts.push(first);
        let mut fields = std::mem::take(&mut self.scratch.fields);
        fields.clear();
        for (place, key) in keys.iter().enumerate() {
            if place > 0 {
                fields.push(delimiter);
            }
            text::write_value(key, &mut fields, delimiter);
        }
        let mut as_key = std::mem::take(&mut self.scratch.as_key);
        as_key.clear();
        self.write_key(group, &mut as_key, delimiter);
        if fields != as_key {
            self.spell(group, &fields);
        }
        self.scratch.fields = fields;
        self.scratch.as_key = as_key;
    }

    fn spell(&mut self, group: u32, fields: &[u8]) {
        self.spellings.push(Span {
            start: self.fields.len(),
            len: fields.len(),
        });
        self.fields.extend_from_slice(fields);
        if self.spelled.len() <= group as usize {
            room::resize(&mut self.spelled, group as usize + 1, 0);
        }
        self.spelled[group as usize] = self.spellings.len() as u32;
    }

    fn spelling(&self, group: u32) -> Option<&[u8]> {
        let number = self.spelled.get(group as usize)?.checked_sub(1)?;
        Some(self.spellings[number as usize].of(&self.fields))
    }

    /// Merges another table with the same seed. Returns the group here for each group there.
    pub fn merge(&mut self, other: &Groups) -> Vec<u32> {
        let theirs = other.firsts.to_list();
        let mut firsts = match self.firsts.merged.take() {
            Some(merged) => merged,
            None => self.firsts.to_list(),
        };
        let mut map: Vec<u32> = room::with_room(other.count());
        let mut lot = std::mem::take(&mut self.scratch.lot);
        for (nth, theirs) in theirs.chunks(LOT).enumerate() {
            let start = nth * LOT;
            lot.clear();
            for number in start..start + theirs.len() {
                other
                    .table
                    .add_to(other.table.word(number as u32), &mut lot);
            }
            self.table.look_ahead(&mut lot);
            for (place, &first) in theirs.iter().enumerate() {
                let (group, is_new) = self.table.number(&lot, place);
                map.push(group);
                let spelling = other.spelling((start + place) as u32);
                if is_new {
                    room::reserve(&mut firsts, 1);
                    firsts.push(first);
                } else if first < firsts[group as usize] {
                    firsts[group as usize] = first;
                    if let Some(spelled) = self.spelled.get_mut(group as usize) {
                        *spelled = 0;
                    }
                } else {
                    continue;
                }
                if let Some(fields) = spelling {
                    self.spell(group, fields);
                }
            }
        }
        self.scratch.lot = lot;
        self.firsts.merged = Some(firsts);
        map
    }

    /// Returns the memory of the groups in bytes.
    pub fn bytes(&self) -> usize {
        let firsts = match &self.firsts.merged {
            Some(merged) => size_of_val(&merged[..]),
            None => size_of_val(&self.firsts.records[..]),
        };
        let spellings = size_of_val(&self.spelled[..]) + size_of_val(&self.spellings[..]);
        self.table.held() + firsts + spellings + self.fields.len()
    }

    /// Returns the position of each group's first record.
    pub fn firsts(&self) -> Vec<Position> {
        self.firsts.to_list()
    }

    /// Appends bytes that identify a group, the same ones in all tables with the same seed. None is a prefix of
    /// another.
    pub fn write_identity(&self, group: u32, out: &mut Vec<u8>) {
        let word = self.table.word(group);
        let (mut short, is_null) = ([0; 16], word == NULL);
        let bytes = match is_null {
            true => &[],
            false => self.table.bytes(word, &mut short),
        };
        // A leading hash makes most of them differ early.
        out.extend_from_slice(&self.table.hash(word).to_be_bytes());
        out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        out.push(u8::from(is_null));
        out.extend_from_slice(bytes);
    }

    /// Returns the groups in the order of their first records.
    pub fn in_order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.count() as u32).collect();
        if !self.firsts.is_sorted() {
            let firsts = self.firsts.to_list();
            order.sort_unstable_by_key(|&group| firsts[group as usize]);
        }
        order
    }

    /// Appends a group's keys as fields of the stream, with delimiters between them.
    #[inline]
    pub fn write_fields(&self, group: u32, out: &mut Vec<u8>, delimiter: u8) {
        match self.spelling(group) {
            Some(fields) => out.extend_from_slice(fields),
            None => self.write_key(group, out, delimiter),
        }
    }

    /// Appends a letter for each key of a group, if one is a computed time or interval that its field does not
    /// reveal; see [`MadeKey`].
    pub fn write_letters(&self, group: u32, out: &mut Vec<u8>, delimiter: u8) {
        let Some(fields) = self.spelling(group) else {
            return;
        };
        let (word, mut short) = (self.table.word(group), [0; 16]);
        let bytes = self.table.bytes(word, &mut short);
        let identities: Vec<&[u8]> = match table::kind(word) {
            KeyKind::Several => several(bytes).collect(),
            _ => vec![bytes],
        };
        let fields = field::split(fields, delimiter).zip(identities);
        let keys = fields.map(|(field, identity)| MadeKey::of(field, identity));
        let keys: Vec<_> = keys.collect();
        if keys.iter().any(Option::is_some) {
            out.extend(keys.into_iter().map(MadeKey::letter));
        }
    }

    /// Appends a group's keys as stored in the table.
    #[inline]
    fn write_key(&self, group: u32, out: &mut Vec<u8>, delimiter: u8) {
        let word = self.table.word(group);
        if word == NULL {
            return;
        }
        let mut short = [0; 16];
        let bytes = self.table.bytes(word, &mut short);
        match table::kind(word) {
            KeyKind::Several => write_several(bytes, out, delimiter),
            _ => out.extend_from_slice(bytes),
        }
    }
}

/// Adds a record's keys to a lot.
#[inline(always)]
fn push_keys(lot: &mut Lot, keys: &[Value<'_>]) {
    match keys {
        [key] => push_key(lot, key),
        _ => lot.push_written(KeyKind::Several, |bytes| encode(keys, bytes)),
    }
}

#[inline(always)]
pub(super) fn push_key(lot: &mut Lot, key: &Value<'_>) {
    match key {
        Value::Null => lot.push(NULL),
        Value::Raw(field) => match table::pack(field, KeyKind::One) {
            Some(word) if is_short_identity(word, field.len()) => lot.push(word),
            _ => push_other_key(lot, key),
        },
        _ => push_other_key(lot, key),
    }
}

#[inline(always)]
fn push_other_key(lot: &mut Lot, key: &Value<'_>) {
    match within(key) {
        Some(identity) => lot.push_bytes(KeyKind::One, identity),
        None => lot.push_written(KeyKind::One, |bytes| write_identity(key, bytes)),
    }
}

/// Writes each key as length and bytes, so that different lists of keys have different bytes.
pub(super) fn encode(keys: &[Value<'_>], out: &mut Vec<u8>) {
    keys.iter().for_each(|key| encode_key(key, out));
}

/// Writes one such key.
#[inline]
pub(super) fn encode_key(key: &Value<'_>, out: &mut Vec<u8>) {
    if matches!(key, Value::Null) {
        out.push(NO_KEY);
        return;
    }
    let mark = out.len();
    out.push(0);
    write_identity(key, out);
    let len = out.len() - mark - 1;
    if len < usize::from(LONG_KEY) {
        out[mark] = len as u8;
    } else {
        out[mark] = LONG_KEY;
        let start = mark + 1;
        out.splice(start..start, (len as u64).to_le_bytes());
    }
}

/// Returns the identities that [`encode`] joined; that of a null is empty.
fn several(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (&mark, mut rest) = bytes.split_first()?;
        let mut len = usize::from(mark);
        match mark {
            NO_KEY => len = 0,
            LONG_KEY => {
                if let Some((long, behind)) = rest.split_first_chunk::<8>() {
                    (len, rest) = (u64::from_le_bytes(*long) as usize, behind);
                }
            }
            _ => {}
        }
        let (key, behind) = rest.split_at(len);
        bytes = behind;
        Some(key)
    })
}

/// Writes the keys that [`encode`] joined as fields. They are right only if each key is spelled as its identity.
fn write_several(bytes: &[u8], out: &mut Vec<u8>, delimiter: u8) {
    for (nth, key) in several(bytes).enumerate() {
        if nth > 0 {
            out.push(delimiter);
        }
        out.extend_from_slice(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(text: &Option<String>) -> Value<'_> {
        match text {
            None => Value::Null,
            Some(text) => Value::Text(text.as_bytes()),
        }
    }

    fn fields(groups: &Groups, group: u32) -> Vec<u8> {
        let mut out = Vec::new();
        groups.write_fields(group, &mut out, b',');
        out
    }

    #[test]
    fn equal_values_are_one_group() {
        let mut groups = Groups::new(Groups::seed());
        let decimal = |text: &str| match crate::value::parse::parse(text.as_bytes()) {
            Ok(number) => Value::from(number),
            Err(_) => Value::Null,
        };
        let keys = [
            Value::Raw(b"1.0"),
            Value::Text(b"1"),
            decimal("1.00"),
            Value::Raw(b"1e+0"),
            Value::Raw(b"01"),
            Value::Null,
            Value::Text(b""),
            Value::Raw(b"-0"),
            Value::Raw(b"0"),
        ];
        let found = keys.map(|key| groups.find(&[key], (0, 0), b','));
        assert_eq!(found, [0, 0, 0, 0, 1, 2, 3, 4, 4]);
        assert_eq!(fields(&groups, 0), b"1.0");
        let pairs = [0, 1, 4].map(|n| groups.find(&[keys[n], keys[5]], (0, 0), b','));
        assert_eq!(pairs, [5, 5, 6]);
    }

    proptest! {
        #[test]
        fn groups_are_the_distinct_keys_in_order(
            keys in proptest::collection::vec(
                proptest::collection::vec(proptest::option::of("[ab]{0,9}|[a-c]{20}"), 2), 0..200),
            parts in 1usize..4,
        ) {
            let seed = Groups::seed();
            let mut tables: Vec<Groups> = (0..parts).map(|_| Groups::new(seed)).collect();
            let mut expected: Vec<Vec<Option<String>>> = Vec::new();
            for (place, key) in keys.iter().enumerate() {
                let values: Vec<_> = key.iter().map(value).collect();
                tables[place % parts].find(&values, (place as u64, 0), b',');
                if !expected.contains(key) {
                    expected.push(key.clone());
                }
            }
            let mut whole = tables.remove(0);
            for table in &tables {
                whole.merge(table);
            }
            let written: Vec<_> = whole.in_order().iter().map(|&g| fields(&whole, g)).collect();
            let wanted: Vec<_> = expected.iter().map(|key| {
                let values: Vec<_> = key.iter().map(value).collect();
                let mut out = Vec::new();
                text::write_value(&values[0], &mut out, b',');
                out.push(b',');
                text::write_value(&values[1], &mut out, b',');
                out
            }).collect();
            prop_assert_eq!(written, wanted);
        }
    }
}
