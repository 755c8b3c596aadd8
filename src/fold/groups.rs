//! The group table: from a record's keys to a group's number.
//!
//! Keys are the same where the language's `=` says so: `1`, `1.0` and `"1"` are one group, spelled
//! as it appeared first; `007` is another. A short one (15 bytes and its length) is held in the
//! table itself, so that finding its group touches one cache line; a longer one is held beside it.
//! The hash is a folded multiplication (as in wyhash, by Wang Yi) with a seed of the process, so that no input can be
//! made to collide on purpose.

use std::hash::{BuildHasher, RandomState};

use crate::value::identity::{is_own_identity, write_identity};
use crate::value::{Value, text};

/// Keys of up to this many bytes are held in the table.
const SHORT: usize = 15;

/// The mark of a null key, which no length can be.
const NULL: u8 = 0xFF;

/// No group.
const NONE: u32 = u32::MAX;

/// The groups of a stream, numbered as they appear.
pub struct Groups {
    short: Table<u128>,
    long: Table<Span>,
    long_bytes: Vec<u8>,
    keys: Vec<Key>,
    /// How each group's keys are written on the stream.
    fields: Vec<u8>,
    seed: [u64; 2],
    scratch: Vec<u8>,
}

/// One group's key, and where it appeared first.
#[derive(Clone, Copy)]
struct Key {
    /// Packed where it is short.
    short: u128,
    /// In `long_bytes` where it is long.
    long: Span,
    /// In `fields`.
    fields: Span,
    /// The block's place in the stream and the record's in the block.
    first: (u64, u32),
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Span {
    start: u64,
    len: u32,
}

impl Span {
    fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.start as usize + self.len as usize]
    }
}

impl Groups {
    /// No groups yet. Tables that will be merged share a seed.
    pub fn new(seed: [u64; 2]) -> Self {
        Groups {
            short: Table::default(),
            long: Table::default(),
            long_bytes: Vec::new(),
            keys: Vec::new(),
            fields: Vec::new(),
            seed,
            scratch: Vec::new(),
        }
    }

    /// A seed that differs from process to process.
    pub fn seed() -> [u64; 2] {
        [0, 1].map(|number| RandomState::new().hash_one(number))
    }

    /// How many groups.
    pub fn count(&self) -> usize {
        self.keys.len()
    }

    /// The group of each record of a block by its one key; groups are made where they are new.
    /// `records` are the records' places in the block.
    pub fn find_each(
        &mut self,
        keys: &[Value<'_>],
        (block, records): (u64, &[u32]),
        delimiter: u8,
    ) -> Vec<u32> {
        let short: Vec<Option<(u128, u32)>> = keys
            .iter()
            .map(|key| {
                let packed = pack_key(key)?;
                Some((packed, hash_short(packed, self.seed)))
            })
            .collect();
        // A large table is not in the cache. These loads depend on nothing, so that the processor
        // has many under way at once; the search below then finds its places near.
        if self.short.is_large() {
            let hashes = short.iter().flatten().map(|(_, hash)| *hash);
            std::hint::black_box(self.short.touch(hashes));
        }
        short
            .into_iter()
            .zip(keys.iter().zip(records))
            .map(|(short, (key, &record))| match short {
                Some((packed, hash)) => {
                    self.find_short(packed, hash, &[*key], (block, record), delimiter)
                }
                None => self.find(&[*key], (block, record), delimiter),
            })
            .collect()
    }

    /// The group of a record with these keys, which is made where it is new. `first` is the
    /// record's place in the stream.
    #[inline]
    pub fn find(&mut self, keys: &[Value<'_>], first: (u64, u32), delimiter: u8) -> u32 {
        match keys {
            [key] => match (pack_key(key), key) {
                (Some(packed), _) => {
                    let hash = hash_short(packed, self.seed);
                    self.find_short(packed, hash, keys, first, delimiter)
                }
                (None, Value::Raw(bytes) | Value::Text(bytes)) if is_own_identity(bytes) => {
                    self.find_long(bytes, keys, first, delimiter)
                }
                _ => self.find_encoded(keys, first, delimiter),
            },
            _ => self.find_encoded(keys, first, delimiter),
        }
    }

    #[inline]
    fn find_short(
        &mut self,
        packed: u128,
        hash: u32,
        keys: &[Value<'_>],
        first: (u64, u32),
        delimiter: u8,
    ) -> u32 {
        match self.short.find(hash, |key| *key == packed) {
            Ok(group) => group,
            Err(_) => self.add_short(packed, hash, keys, first, delimiter),
        }
    }

    #[cold]
    fn add_short(
        &mut self,
        packed: u128,
        hash: u32,
        keys: &[Value<'_>],
        first: (u64, u32),
        delimiter: u8,
    ) -> u32 {
        let fields = self.write_fields(keys, delimiter);
        let group = self.push(Key {
            short: packed,
            long: Span::default(),
            fields,
            first,
        });
        self.short.insert(hash, packed, group);
        group
    }

    /// One key that is computed or a number in disguise: its identity. Several keys: their bytes one behind the other.
    fn find_encoded(&mut self, keys: &[Value<'_>], first: (u64, u32), delimiter: u8) -> u32 {
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        match keys {
            [key] => write_identity(key, &mut bytes),
            _ => encode(keys, &mut bytes),
        }
        let group = match pack(&bytes) {
            Some(packed) => {
                let hash = hash_short(packed, self.seed);
                self.find_short(packed, hash, keys, first, delimiter)
            }
            None => self.find_long(&bytes, keys, first, delimiter),
        };
        self.scratch = bytes;
        group
    }

    fn find_long(
        &mut self,
        bytes: &[u8],
        keys: &[Value<'_>],
        first: (u64, u32),
        delimiter: u8,
    ) -> u32 {
        let hash = hash_long(bytes, self.seed);
        let held = &self.long_bytes;
        match self.long.find(hash, |span| span.of(held) == bytes) {
            Ok(group) => group,
            Err(_) => {
                let fields = self.write_fields(keys, delimiter);
                self.add_long(bytes, hash, fields, first)
            }
        }
    }

    fn add_long(&mut self, bytes: &[u8], hash: u32, fields: Span, first: (u64, u32)) -> u32 {
        let long = append(&mut self.long_bytes, bytes);
        let group = self.push(Key {
            short: 0,
            long,
            fields,
            first,
        });
        self.long.insert(hash, long, group);
        group
    }

    fn push(&mut self, key: Key) -> u32 {
        self.keys.push(key);
        (self.keys.len() - 1) as u32
    }

    fn write_fields(&mut self, keys: &[Value<'_>], delimiter: u8) -> Span {
        let start = self.fields.len();
        for (place, key) in keys.iter().enumerate() {
            if place > 0 {
                self.fields.push(delimiter);
            }
            text::write_value(key, &mut self.fields, delimiter);
        }
        Span {
            start: start as u64,
            len: (self.fields.len() - start) as u32,
        }
    }

    /// Takes in another table made with the same seed. The result says which group here each of
    /// its groups has become.
    pub fn merge(&mut self, other: &Groups) -> Vec<u32> {
        other
            .keys
            .iter()
            .map(|key| {
                let group = self.group_of(other, key);
                let known = &mut self.keys[group as usize];
                if key.first < known.first {
                    known.first = key.first;
                    known.fields = append(&mut self.fields, key.fields.of(&other.fields));
                }
                group
            })
            .collect()
    }

    fn group_of(&mut self, other: &Groups, key: &Key) -> u32 {
        let is_short = key.long.len == 0;
        let hash = match is_short {
            true => hash_short(key.short, self.seed),
            false => hash_long(key.long.of(&other.long_bytes), self.seed),
        };
        let held = &self.long_bytes;
        let found = match is_short {
            true => self.short.find(hash, |packed| *packed == key.short),
            false => {
                let bytes = key.long.of(&other.long_bytes);
                self.long.find(hash, |span| span.of(held) == bytes)
            }
        };
        if let Ok(group) = found {
            return group;
        }
        let fields = append(&mut self.fields, key.fields.of(&other.fields));
        if !is_short {
            return self.add_long(key.long.of(&other.long_bytes), hash, fields, key.first);
        }
        let group = self.push(Key { fields, ..*key });
        self.short.insert(hash, key.short, group);
        group
    }

    /// The groups in the order of their first records.
    pub fn in_order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..self.keys.len() as u32).collect();
        if !self.keys.is_sorted_by_key(|key| key.first) {
            order.sort_unstable_by_key(|&group| self.keys[group as usize].first);
        }
        order
    }

    /// A group's keys as fields of the stream, with delimiters between them.
    pub fn fields(&self, group: u32) -> &[u8] {
        self.keys[group as usize].fields.of(&self.fields)
    }
}

fn append(to: &mut Vec<u8>, bytes: &[u8]) -> Span {
    let start = to.len() as u64;
    to.extend_from_slice(bytes);
    Span {
        start,
        len: bytes.len() as u32,
    }
}

/// Each key as its length and its bytes, so that no two lists of keys look the same.
fn encode(keys: &[Value<'_>], out: &mut Vec<u8>) {
    for key in keys {
        if matches!(key, Value::Null) {
            out.push(NULL);
            continue;
        }
        let mark = out.len();
        out.push(0);
        write_identity(key, out);
        let len = out.len() - mark - 1;
        if len < usize::from(NULL) - 1 {
            out[mark] = len as u8;
        } else {
            out[mark] = NULL - 1;
            out.extend_from_slice(&(len as u64).to_le_bytes());
        }
    }
}

/// A key that is short and whose bytes are its identity, packed; `None` for any other.
#[inline(always)]
fn pack_key(key: &Value<'_>) -> Option<u128> {
    match key {
        Value::Raw(bytes) | Value::Text(bytes) if is_own_identity(bytes) => pack(bytes),
        Value::Null => Some(u128::from(NULL) << 120),
        _ => None,
    }
}

/// A short key and its length in one number; `None` for a long one.
#[inline(always)]
fn pack(bytes: &[u8]) -> Option<u128> {
    let len = bytes.len();
    let low = |bytes: &[u8]| -> u64 {
        // Two overlapping reads cover any length from 4 to 8, three bytes any from 1 to 3.
        let len = bytes.len();
        if let (Some(head), Some(tail)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
            let head = u64::from(u32::from_le_bytes(*head));
            let tail = u64::from(u32::from_le_bytes(*tail));
            head | tail << ((len - 4) * 8)
        } else if len > 0 {
            u64::from(bytes[0])
                | u64::from(bytes[len / 2]) << (len / 2 * 8)
                | u64::from(bytes[len - 1]) << ((len - 1) * 8)
        } else {
            0
        }
    };
    let packed = match len {
        0..=8 => u128::from(low(bytes)),
        9..=SHORT => u128::from(low(&bytes[..8])) | u128::from(low(&bytes[8..])) << 64,
        _ => return None,
    };
    Some(packed | (len as u128) << 120)
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[inline(always)]
fn hash_short(packed: u128, seed: [u64; 2]) -> u32 {
    let mixed = fold(packed as u64 ^ seed[0], (packed >> 64) as u64 ^ seed[1]);
    (fold(mixed, 0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

fn hash_long(bytes: &[u8], seed: [u64; 2]) -> u32 {
    let mut state = seed[0] ^ bytes.len() as u64;
    let mut chunks = bytes.chunks_exact(16);
    let word = |bytes: &[u8]| {
        let mut word = [0; 8];
        word[..bytes.len()].copy_from_slice(bytes);
        u64::from_le_bytes(word)
    };
    for chunk in &mut chunks {
        state = fold(word(&chunk[..8]) ^ seed[1], word(&chunk[8..]) ^ state);
    }
    let rest = chunks.remainder();
    let (low, high) = rest.split_at(rest.len().min(8));
    state = fold(word(low) ^ seed[1], word(high) ^ state);
    (fold(state, 0x9E37_79B9_7F4A_7C15) >> 32) as u32
}

/// Open addressing, at most half full, a power of two in size. The hash is kept beside the key,
/// so that growing reads no key.
struct Table<K> {
    slots: Vec<Slot<K>>,
    used: usize,
}

#[derive(Clone, Copy)]
struct Slot<K> {
    key: K,
    hash: u32,
    group: u32,
}

impl<K> Default for Table<K> {
    fn default() -> Self {
        Table {
            slots: Vec::new(),
            used: 0,
        }
    }
}

impl<K: Copy + Default> Table<K> {
    /// The group of a key, or the free place where it belongs.
    #[inline(always)]
    fn find(&self, hash: u32, is_key: impl Fn(&K) -> bool) -> Result<u32, usize> {
        if self.slots.is_empty() {
            return Err(0);
        }
        let mask = self.slots.len() - 1;
        let mut place = hash as usize & mask;
        loop {
            let slot = &self.slots[place];
            if slot.group == NONE {
                return Err(place);
            }
            if slot.hash == hash && is_key(&slot.key) {
                return Ok(slot.group);
            }
            place = (place + 1) & mask;
        }
    }

    /// Whether it is larger than the processor's nearer caches.
    fn is_large(&self) -> bool {
        self.slots.len() * size_of::<Slot<K>>() > 256 * 1024
    }

    /// Reads the places where these hashes belong.
    fn touch(&self, hashes: impl Iterator<Item = u32>) -> u32 {
        let mask = self.slots.len() - 1;
        hashes.fold(0, |seen, hash| seen ^ self.slots[hash as usize & mask].hash)
    }

    /// Adds a key that is not there.
    fn insert(&mut self, hash: u32, key: K, group: u32) {
        if self.used * 2 >= self.slots.len() {
            self.grow();
        }
        if let Err(place) = self.find(hash, |_| false) {
            self.slots[place] = Slot { key, hash, group };
            self.used += 1;
        }
    }

    fn grow(&mut self) {
        let empty = Slot {
            key: K::default(),
            hash: 0,
            group: NONE,
        };
        let size = (self.slots.len() * 2).max(256);
        let old = std::mem::replace(&mut self.slots, vec![empty; size]);
        for slot in old.into_iter().filter(|slot| slot.group != NONE) {
            if let Err(place) = self.find(slot.hash, |_| false) {
                self.slots[place] = slot;
            }
        }
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

    #[test]
    fn packing_tells_all_short_keys_apart() {
        let mut seen = std::collections::HashSet::new();
        for len in 0..=15 {
            for byte in [0u8, 1, b'a', 255] {
                assert!(seen.insert(pack(&vec![byte; len])) || len == 0);
            }
        }
        let bytes: Vec<u8> = (1..=15).collect();
        let packed = pack(&bytes).unwrap().to_le_bytes();
        assert_eq!(packed[..15], bytes[..]);
        assert_eq!(pack(&[0; 16]), None);
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
            Value::Raw(b"1e0"),
            Value::Raw(b"01"),
            Value::Null,
            Value::Text(b""),
            Value::Raw(b"-0"),
            Value::Raw(b"0"),
        ];
        let found = keys.map(|key| groups.find(&[key], (0, 0), b','));
        assert_eq!(found, [0, 0, 0, 0, 1, 2, 3, 4, 4]);
        assert_eq!(groups.fields(0), b"1.0");
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
            let written: Vec<_> = whole.in_order().iter().map(|&g| whole.fields(g).to_vec()).collect();
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
