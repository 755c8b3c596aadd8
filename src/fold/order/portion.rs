//! Records with their keys, as they wait to be ordered.
//!
//! Of a key, the first eight bytes are at hand in 16 bytes that stand for the record; the others lie
//! in front of the record. So most comparisons touch no record, and none a value.

use std::cmp::Ordering;
use std::ops::RangeInclusive;
use std::thread::{self, JoinHandle};

use crate::fold::{length, room};

/// A record as it is sorted: the first eight bytes of its key, and where it stands, which is later
/// for a later one. Integers of 128 bits compare faster than pairs.
pub type Entry = u128;

/// The bits of an offset in a chunk.
const OFFSET: u32 = 40;

/// The records of a block in the order of the block.
#[derive(Debug, Default)]
pub struct Portion {
    /// Of each record the length of its key, what of the key is behind the eighth byte, its own
    /// length, and itself.
    bytes: Vec<u8>,
    /// The entries, of portion 0.
    entries: Vec<Entry>,
}

impl Portion {
    /// Empties it, keeping its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    /// How many bytes its records take.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Adds a record, whose line end is added to it.
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

/// The first eight bytes of a key, zeros behind them.
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

/// The first eight bytes of an entry's key.
#[inline(always)]
pub fn prefix_of(entry: Entry) -> u64 {
    (entry >> 64) as u64
}

/// All portions of a run, in the order of the stream, put together in chunks.
#[derive(Debug, Default)]
pub struct Portions {
    chunks: Vec<Vec<u8>>,
    bytes: usize,
    /// Whether the next chunk's memory is got while this one is filled, which takes as long as the
    /// rest where the system is slow to give it.
    looks_ahead: bool,
    ahead: Option<JoinHandle<Vec<u8>>>,
}

/// The least and the most that a chunk has room for, where no portion is larger. Few large ones can
/// stand on large pages, without which every record waits for its page's address, too.
const CHUNK: RangeInclusive<usize> = 1 << 20..=32 << 20;

/// What an entry stands for.
#[derive(Clone, Copy, Debug)]
pub struct HeldEntry<'p> {
    /// How many bytes the key has.
    pub key_len: usize,
    /// Those of them behind the eighth.
    pub tail: &'p [u8],
    /// The record, its line end included.
    pub record: &'p [u8],
}

impl Portions {
    /// None yet. `looks_ahead`: one more thread may get memory, for one chunk more.
    pub fn new(looks_ahead: bool) -> Self {
        Portions {
            looks_ahead,
            ..Portions::default()
        }
    }

    /// Whether one more chunk is little of so much memory.
    pub fn are_small_beside(memory: usize) -> bool {
        memory / 16 >= *CHUNK.end()
    }

    /// Takes over a portion's records, and adds what stands for them to `entries` where its prefix
    /// is at most `most`.
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

    /// A chunk with room for so many bytes at least.
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

    /// How many bytes they are.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Forgets all of them.
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

    /// What an entry stands for.
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

    /// The whole key of an entry.
    pub fn write_key(&self, entry: Entry, out: &mut Vec<u8>) {
        let held = self.held(entry);
        out.clear();
        out.extend_from_slice(&prefix_of(entry).to_be_bytes());
        out.truncate(held.key_len);
        out.extend_from_slice(held.tail);
    }

    /// Begins to load what an entry stands for, of a long record its beginning.
    #[inline(always)]
    pub fn prefetch(&self, entry: Entry) {
        let bytes = self.from(entry);
        (0..3).for_each(|line| room::prefetch(bytes, line * 64));
    }

    /// The order of two entries by their keys. No key begins another, so where the first eight
    /// bytes are the same, either both keys have more or the keys are the same.
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

    /// Sorts entries whose first eight bytes are the same.
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

    /// Sorts entries whose keys are the same up to `depth` bytes behind the eighth, eight bytes at a
    /// time; the prefixes are lost.
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

/// So few entries are sorted by comparing them.
const FEW: usize = 16;

/// Behind so many bytes that are the same, the rest is compared.
const DEEP: usize = 64;
