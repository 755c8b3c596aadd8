//! The distinct values of each group.

use std::hash::{BuildHasher, RandomState};

use crate::fold::table::{KeyKind, KeyTable, LOT, Lot, NULL, SHORT, kind, pack};
use crate::value::Value;
use crate::value::identity::{is_short_identity, within, write_identity};

/// Stands for the number of a null value.
pub(super) const NO_VALUE: u32 = u32::MAX;

/// Maximum length of a short value with its group. Group 0 is not stored, so its values are short up to [`SHORT`].
const SHORT_OWNED: usize = SHORT - 4;

/// A set of (group, value), numbered from 0 in order of arrival. Values are equal if their identities are; null is
/// not a value.
pub(super) struct Interned {
    table: KeyTable,
    lot: Lot,
}

/// The numbers of all values, sorted by group.
pub(super) struct ByGroup(Vec<u32>);

impl Default for Interned {
    fn default() -> Self {
        let seed = [0, 1].map(|number| RandomState::new().hash_one(number));
        Interned {
            table: KeyTable::new(seed),
            lot: Lot::default(),
        }
    }
}

impl Interned {
    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Inserts values of these groups, and passes the place and number of each one to `each`.
    pub fn insert_each(
        &mut self,
        groups: &[u32],
        values: &[Value<'_>],
        mut each: impl FnMut(usize, u32),
    ) {
        let lots = groups.chunks(LOT).zip(values.chunks(LOT)).enumerate();
        for (nth, (groups, values)) in lots {
            self.lot.clear();
            for (&group, value) in groups.iter().zip(values) {
                push(&mut self.lot, group, value);
            }
            self.table.look_ahead(&mut self.lot);
            for (place, value) in values.iter().enumerate() {
                let number = match value {
                    Value::Null => NO_VALUE,
                    _ => self.table.number(&self.lot, place).0,
                };
                each(nth * LOT + place, number);
            }
        }
    }

    /// Inserts values of a group by their identities.
    pub fn insert_identities(&mut self, group: u32, identities: &[&[u8]]) {
        for identities in identities.chunks(LOT) {
            self.lot.clear();
            for identity in identities {
                push_identity(&mut self.lot, group, identity);
            }
            self.table.look_ahead(&mut self.lot);
            for place in 0..identities.len() {
                self.table.number(&self.lot, place);
            }
        }
    }

    /// Merges another set, whose group `i` is `map[i]` here, and passes the numbers of each value, there and here,
    /// to `each`.
    pub fn merge(&mut self, other: &Interned, map: &[u32], mut each: impl FnMut(u32, u32)) {
        let mut short = [0; 16];
        for start in (0..other.len()).step_by(LOT) {
            let numbers = start as u32..(start + LOT).min(other.len()) as u32;
            self.lot.clear();
            for number in numbers.clone() {
                let (group, bytes) = other.get(number, &mut short);
                push_identity(&mut self.lot, map[group as usize], bytes);
            }
            self.table.look_ahead(&mut self.lot);
            for (place, number) in numbers.enumerate() {
                each(number, self.table.number(&self.lot, place).0);
            }
        }
    }

    /// Returns the numbers of all values, sorted by group.
    pub fn by_group(&self) -> ByGroup {
        let mut numbers: Vec<u32> = (0..self.len() as u32).collect();
        numbers.sort_by_key(|number| self.group(*number));
        ByGroup(numbers)
    }

    /// Returns the numbers of a group's values, in order of arrival.
    pub fn of_group<'n>(&self, group: u32, by_group: &'n ByGroup) -> &'n [u32] {
        let ByGroup(numbers) = by_group;
        let start = numbers.partition_point(|number| self.group(*number) < group);
        let behind = numbers[start..].partition_point(|number| self.group(*number) == group);
        &numbers[start..start + behind]
    }

    /// Returns the memory of the values, in bytes.
    pub fn bytes(&self) -> usize {
        self.table.held()
    }

    /// Returns the group of a value.
    #[inline]
    pub fn group(&self, number: u32) -> u32 {
        self.get(number, &mut [0; 16]).0
    }

    /// Returns the group and the identity of a value.
    #[inline]
    pub fn get<'k>(&'k self, number: u32, short: &'k mut [u8; 16]) -> (u32, &'k [u8]) {
        let word = self.table.word(number);
        let bytes = self.table.bytes(word, short);
        match (kind(word), bytes.split_last_chunk::<4>()) {
            (KeyKind::Owned, Some((identity, group))) => (u32::from_le_bytes(*group), identity),
            _ => (0, bytes),
        }
    }
}

#[inline(always)]
fn push(lot: &mut Lot, group: u32, value: &Value<'_>) {
    match value {
        Value::Null => lot.push(NULL),
        Value::Raw(field) => match pack(field, KeyKind::One) {
            Some(word) if group == 0 && is_short_identity(word, field.len()) => lot.push(word),
            Some(word) if field.len() <= SHORT_OWNED && is_short_identity(word, field.len()) => {
                lot.push(own(word, group));
            }
            _ => match within(value) {
                Some(identity) => push_identity(lot, group, identity),
                None => push_made(lot, group, value),
            },
        },
        _ => match within(value) {
            Some(identity) => push_identity(lot, group, identity),
            None => push_made(lot, group, value),
        },
    }
}

/// Appends the group to the bytes of a short word.
#[inline(always)]
fn own(word: u128, group: u32) -> u128 {
    let len = (word >> 120) as u32;
    let bytes = word & ((1 << 120) - 1);
    let mark = u128::from(len + 4) | KeyKind::Owned as u128;
    bytes | u128::from(group) << (8 * len) | mark << 120
}

#[inline(always)]
fn push_identity(lot: &mut Lot, group: u32, identity: &[u8]) {
    match pack(identity, KeyKind::One) {
        Some(word) if group == 0 => lot.push(word),
        Some(word) if identity.len() <= SHORT_OWNED => lot.push(own(word, group)),
        _ => lot.push_written(KeyKind::Owned, |bytes| {
            bytes.extend_from_slice(identity);
            bytes.extend_from_slice(&group.to_le_bytes());
        }),
    }
}

#[inline(never)]
fn push_made(lot: &mut Lot, group: u32, value: &Value<'_>) {
    let mut identity = Vec::with_capacity(48);
    write_identity(value, &mut identity);
    push_identity(lot, group, &identity);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn a_set_of_values_is_a_map(
            values in prop::collection::vec(
                (0u32..3, prop_oneof!["[ab]{0,3}", "[a-c]{9,18}", "-?[0-9]{0,16}(\\.[0-9]{1,2})?"]), 0..300),
            batch in 1usize..100,
            split in 0usize..300,
        ) {
            let mut model: HashMap<(u32, Vec<u8>), u32> = HashMap::new();
            let mut numbers = Vec::new();
            let mut parts = [Interned::default(), Interned::default()];
            for (part, values) in [&values[..split.min(values.len())], &values[split.min(values.len())..]].iter().enumerate() {
                for values in values.chunks(batch) {
                    let groups: Vec<u32> = values.iter().map(|(group, _)| *group).collect();
                    let column: Vec<_> = values.iter().map(|(_, text)| match text.as_str() {
                        "" => Value::Null,
                        text => Value::Raw(text.as_bytes()),
                    }).collect();
                    parts[part].insert_each(&groups, &column, |_, number| numbers.push(number));
                    for (group, value) in groups.iter().zip(&column) {
                        let mut identity = Vec::new();
                        write_identity(value, &mut identity);
                        if !matches!(value, Value::Null) {
                            let next = model.len() as u32;
                            model.entry((group + 1, identity)).or_insert(next);
                        }
                    }
                }
            }
            // Shift the groups by one, because group 0 is stored differently from the others.
            let mut whole = Interned::default();
            for part in &parts {
                whole.merge(part, &[1, 2, 3], |_, _| ());
            }
            prop_assert_eq!(whole.len(), model.len());
            for number in 0..whole.len() as u32 {
                let mut short = [0; 16];
                let (group, identity) = whole.get(number, &mut short);
                prop_assert_eq!(model.get(&(group, identity.to_vec())), Some(&number));
            }
        }
    }
}
