//! Records with their keys, while they are sorted.
//!
//! The first eight bytes of a key are in the 16-byte entry of its record; the rest is stored in front of the
//! record. So most comparisons touch no record, and none touches a value.

use std::cmp::Ordering;
use std::ops::RangeInclusive;
use std::thread::{self, JoinHandle};

use crate::fold::{length, room};

/// A record while it is sorted: the first eight bytes of its key, and its location, which ascends in the order of
/// the stream. 128-bit integers compare faster than pairs.
pub type Entry = u128;

/// Number of bits of an offset in a chunk.
const OFFSET: u32 = 40;

/// The records of a block, in their order.
#[derive(Debug, Default)]
pub struct Portion {
    /// Per record: key length, key bytes after the eighth, record length, record.
    bytes: Vec<u8>,
    /// The entries, as of portion 0.
    entries: Vec<Entry>,
}

impl Portion {
    /// Clears it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// Returns the size of its records in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a record and a line end.
    #[inline]
    pub fn push(&mut self, key: &[u8], record: &[u8]) {
        let offset = self.bytes.len();
        self.entries.push(entry(prefix(key), 0, offset));
        length::push(key.len(), &mut self.bytes);
        self.bytes
            .extend_from_slice(key.get(8..).unwrap_or_default());
        length::push(record.len() + 1, &mut self.bytes);
        self.bytes.extend_from_slice(record);
        self.bytes.push(b'\n');
    }
}

/// Returns the first eight bytes of a key, padded with zeros.
#[inline(always)]
pub fn prefix(key: &[u8]) -> u64 {
    match key.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut first = [0; 8];
            first[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(first)
        }
    }
}

#[inline(always)]
fn entry(prefix: u64, portion: usize, offset: usize) -> Entry {
    Entry::from(prefix) << 64 | (portion as Entry) << OFFSET | offset as Entry
}

/// Returns the first eight bytes of an entry's key.
#[inline(always)]
pub fn prefix_of(entry: Entry) -> u64 {
    (entry >> 64) as u64
}

/// All portions of a run in the order of the stream, joined into chunks.
#[derive(Debug, Default)]
pub struct Portions {
    chunks: Vec<Vec<u8>>,
    bytes: usize,
    /// Whether the memory of the next chunk is requested while this one is filled. If the system is slow to provide
    /// memory, this takes as long as everything else.
    looks_ahead: bool,
    ahead: Option<JoinHandle<Vec<u8>>>,
}

/// Minimum and maximum capacity of a chunk, unless a portion is larger. Few large chunks can use large pages;
/// without them, every record also waits for an address translation.
const CHUNK: RangeInclusive<usize> = 1 << 20..=32 << 20;

/// The data of an entry.
#[derive(Clone, Copy, Debug)]
pub struct HeldEntry<'p> {
    /// Length of the key in bytes.
    pub key_len: usize,
    /// The key after its eighth byte.
    pub tail: &'p [u8],
    /// The record, including its line end.
    pub record: &'p [u8],
}

impl Portions {
    /// Returns an empty collection. With `looks_ahead`, an additional thread may request memory, for one more
    /// chunk.
    pub fn new(looks_ahead: bool) -> Self {
        Portions {
            looks_ahead,
            ..Portions::default()
        }
    }

    /// Whether one more chunk is small compared with this much memory.
    pub fn are_small_beside(memory: usize) -> bool {
        memory / 16 >= *CHUNK.end()
    }

    /// Takes a portion's records, and adds those whose prefix is at most `most` to `entries`.
    pub fn take(&mut self, portion: &mut Portion, entries: &mut Vec<Entry>, most: u64) {
        let wanted = portion.bytes.len();
        let has_room = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= wanted;
        if !self.chunks.last().is_some_and(has_room) {
            let chunk = self.next_chunk(wanted);
            self.chunks.push(chunk);
        }
        let number = self.chunks.len() - 1;
        let chunk = &mut self.chunks[number];
        let place = entry(0, number, chunk.len());
        chunk.extend_from_slice(&portion.bytes);
        self.bytes += wanted;
        entries.reserve(portion.entries.len());
        let wanted = portion.entries.iter();
        let wanted = wanted.filter(|entry| prefix_of(**entry) <= most);
        entries.extend(wanted.map(|entry| entry + place));
        portion.clear();
    }

    /// Returns a chunk with room for at least this many bytes.
    fn next_chunk(&mut self, wanted: usize) -> Vec<u8> {
        const MOST: usize = *CHUNK.end();
        let capacity = self.bytes.clamp(*CHUNK.start(), MOST);
        let ready = self.ahead.take().and_then(|thread| thread.join().ok());
        if self.looks_ahead && capacity == MOST {
            let get = || room::with_room_at_hand(MOST);
            self.ahead = thread::Builder::new().spawn(get).ok();
        }
        let ready = ready.filter(|chunk| chunk.capacity() >= wanted);
        ready.unwrap_or_else(|| room::with_room(capacity.max(wanted)))
    }

    /// Returns their size in bytes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Drops all of them.
    pub fn clear(&mut self) {
        self.chunks.clear();
        self.bytes = 0;
    }

    #[inline(always)]
    fn from(&self, entry: Entry) -> &[u8] {
        let place = entry as u64;
        let offset = place & ((1 << OFFSET) - 1);
        &self.chunks[(place >> OFFSET) as usize][offset as usize..]
    }

    /// Returns the data of an entry.
    #[inline]
    pub fn held(&self, entry: Entry) -> HeldEntry<'_> {
        let bytes = self.from(entry);
        let (key_len, bytes) = length::split(bytes);
        let (tail, bytes) = bytes.split_at(key_len.saturating_sub(8));
        let (len, bytes) = length::split(bytes);
        HeldEntry {
            key_len,
            tail,
            record: &bytes[..len],
        }
    }

    /// Writes the whole key of an entry.
    pub fn write_key(&self, entry: Entry, out: &mut Vec<u8>) {
        let held = self.held(entry);
        out.clear();
        out.extend_from_slice(&prefix_of(entry).to_be_bytes());
        out.truncate(held.key_len);
        out.extend_from_slice(held.tail);
    }

    /// Starts loading the data of an entry; of a long record, its beginning.
    #[inline(always)]
    pub fn prefetch(&self, entry: Entry) {
        let bytes = self.from(entry);
        (0..3).for_each(|line| room::prefetch(bytes, line * 64));
    }

    /// Compares two entries by their keys. No key is a prefix of another, so if the first eight bytes are equal,
    /// either both keys are longer or the keys are equal.
    #[inline]
    pub fn compare(&self, a: Entry, b: Entry) -> Ordering {
        let by_prefix = prefix_of(a).cmp(&prefix_of(b));
        by_prefix.then_with(|| self.held(a).tail.cmp(self.held(b).tail))
    }

    /// Sorts entries by their keys; those with the same key stay in the order of the stream.
    pub fn sort(&self, entries: &mut [Entry]) {
        entries.sort_unstable();
        let mut scratch = Vec::new();
        for alike in entries.chunk_by_mut(|a, b| prefix_of(*a) == prefix_of(*b)) {
            if alike.len() > 1 && self.held(alike[0]).key_len > 8 {
                self.sort_alike(alike, &mut scratch);
            }
        }
    }

    /// Sorts entries whose first eight bytes are equal.
    fn sort_alike(&self, alike: &mut [Entry], scratch: &mut Vec<Entry>) {
        if alike.len() < FEW {
            alike.sort_unstable_by(|a, b| self.compare(*a, *b).then(a.cmp(b)));
            return;
        }
        let first = Entry::from(prefix_of(alike[0])) << 64;
        scratch.clear();
        scratch.extend_from_slice(alike);
        self.sort_from(scratch, 0);
        for (entry, sorted) in alike.iter_mut().zip(scratch.iter()) {
            *entry = first | Entry::from(*sorted as u64);
        }
    }

    /// Sorts entries whose keys are equal up to `depth` bytes after the eighth, eight bytes at a time. Overwrites
    /// their prefixes.
    fn sort_from(&self, alike: &mut [Entry], depth: usize) {
        if alike.len() < FEW || depth > DEEP {
            let tail = |entry: Entry| self.held(entry).tail.get(depth..).unwrap_or_default();
            alike.sort_unstable_by(|a, b| {
                let by_key = tail(*a).cmp(tail(*b));
                by_key.then((*a as u64).cmp(&(*b as u64)))
            });
            return;
        }
        for entry in alike.iter_mut() {
            let next = prefix(self.held(*entry).tail.get(depth..).unwrap_or_default());
            *entry = Entry::from(next) << 64 | Entry::from(*entry as u64);
        }
        alike.sort_unstable();
        for alike in alike.chunk_by_mut(|a, b| prefix_of(*a) == prefix_of(*b)) {
            if alike.len() > 1 && self.held(alike[0]).tail.len() > depth + 8 {
                self.sort_from(alike, depth + 8);
            }
        }
    }
}

/// Fewer entries than this are sorted by comparing whole keys.
const FEW: usize = 16;

/// After this many equal bytes, the rest of the keys is compared as a whole.
const DEEP: usize = 64;
