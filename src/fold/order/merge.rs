//! Merges sorted runs with a tree of losers (Knuth, "The Art of Computer Programming", volume 3, section 5.4.1): a
//! record costs one comparison per level.

use std::cmp::Ordering;

use crate::fold::spill::{PIECE, Spill, Stretch};

use super::portion::prefix;

/// The smallest amount that is read from a run at once, in bytes.
const LEAST: usize = 16 << 10;

/// Minimum number of runs merged at once, even if memory is too small for their longest records: with fewer, runs
/// would be read and written too often.
const FEWEST: usize = 4;

/// Returns how many runs are merged at once in this much memory. Each run buffers one record with its key, of up to
/// `longest` bytes.
pub fn width(memory: usize, longest: usize) -> usize {
    (memory / longest.max(LEAST * 2)).clamp(FEWEST, 4096)
}

/// The current records of several sorted sources.
pub trait Heads {
    /// Returns the number of sources.
    fn count(&self) -> usize;

    /// Returns the first eight bytes of the current key of a source; `None` at its end.
    fn prefix(&self, source: usize) -> Option<u64>;

    /// Compares the current keys of two sources whose first eight bytes are equal.
    fn compare_rest(&self, a: usize, b: usize) -> Ordering;
}

/// Finds the source with the smallest current key; among equal ones the first source.
pub struct Losers {
    /// The loser of each match, and the overall winner at 0. Match `n` is between `2n` and `2n + 1`; the sources
    /// come after the matches.
    tree: Vec<usize>,
}

impl Losers {
    /// Builds the tree.
    pub fn new(heads: &impl Heads) -> Self {
        let count = heads.count();
        let mut winners = vec![0; count * 2];
        let mut tree = vec![0; count.max(1)];
        for node in (1..count * 2).rev() {
            if node >= count {
                winners[node] = node - count;
                continue;
            }
            let (a, b) = (winners[node * 2], winners[node * 2 + 1]);
            let (winner, loser) = if is_less(heads, b, a) { (b, a) } else { (a, b) };
            winners[node] = winner;
            tree[node] = loser;
        }
        tree[0] = winners.get(1).copied().unwrap_or(0);
        Losers { tree }
    }

    /// Returns the source with the smallest current key.
    #[inline]
    pub fn winner(&self) -> usize {
        self.tree[0]
    }

    /// Finds the next winner after the winner's current record has changed.
    #[inline]
    pub fn replay(&mut self, heads: &impl Heads) {
        let mut winner = self.tree[0];
        let mut node = (winner + self.tree.len()) / 2;
        while node > 0 {
            if is_less(heads, self.tree[node], winner) {
                std::mem::swap(&mut self.tree[node], &mut winner);
            }
            node /= 2;
        }
        self.tree[0] = winner;
    }
}

#[inline]
fn is_less(heads: &impl Heads, a: usize, b: usize) -> bool {
    match (heads.prefix(a), heads.prefix(b)) {
        (None, _) => false,
        (_, None) => true,
        (Some(x), Some(y)) if x != y => x < y,
        _ => heads.compare_rest(a, b).then(a.cmp(&b)) == Ordering::Less,
    }
}

/// Writes a record of a run to a spill, and returns how many bytes it takes there.
pub fn write(key: &[u8], record: &[u8], spill: &mut Spill) -> anyhow::Result<usize> {
    let (head, len) = Head::of(key.len(), record.len()).written();
    spill.write(&head[..len])?;
    spill.write(key)?;
    spill.write(record)?;
    Ok(len + key.len() + record.len())
}

/// The head of a key and its record in a run: their lengths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Head {
    key: usize,
    record: usize,
    /// Size of the head itself, in bytes.
    len: usize,
}

/// Size of a head in bytes: two lengths of 4 bytes.
const HEAD: usize = 8;

/// Size of a head with a length of 4 GiB or more, in bytes: marks instead of both lengths, and 8 bytes for each.
const LONG_HEAD: usize = HEAD + 16;

/// A mark that is not a 4-byte length.
const LONG: u32 = u32::MAX;

impl Head {
    fn of(key: usize, record: usize) -> Self {
        let is_short = key < LONG as usize && record < LONG as usize;
        let len = if is_short { HEAD } else { LONG_HEAD };
        Head { key, record, len }
    }

    /// Returns its bytes, and how many there are.
    #[inline]
    fn written(self) -> ([u8; LONG_HEAD], usize) {
        let mut bytes = [0xFF; LONG_HEAD];
        if self.len == HEAD {
            bytes[..4].copy_from_slice(&(self.key as u32).to_le_bytes());
            bytes[4..8].copy_from_slice(&(self.record as u32).to_le_bytes());
        } else {
            bytes[8..16].copy_from_slice(&(self.key as u64).to_le_bytes());
            bytes[16..].copy_from_slice(&(self.record as u64).to_le_bytes());
        }
        (bytes, self.len)
    }

    /// Whether these bytes begin with a long head.
    #[inline]
    fn is_long(bytes: &[u8]) -> bool {
        bytes.first_chunk() == Some(&LONG.to_le_bytes())
    }

    /// Reads the head at the start of these bytes, which must hold all of it.
    #[inline]
    fn read(bytes: &[u8]) -> Self {
        if Self::is_long(bytes) {
            let long = |at: usize| {
                bytes[at..]
                    .first_chunk()
                    .copied()
                    .map_or(0, u64::from_le_bytes)
            };
            return Self::of(long(8) as usize, long(16) as usize);
        }
        let short = |at: usize| {
            bytes[at..]
                .first_chunk()
                .copied()
                .map_or(0, u32::from_le_bytes)
        };
        Self::of(short(0) as usize, short(4) as usize)
    }
}

/// A run that is read from a spill.
struct SortedRun {
    stretch: Stretch,
    buffer: Vec<u8>,
    /// The offset of the current record in the buffer, and its lengths.
    at: usize,
    head: Head,
    prefix: Option<u64>,
}

impl SortedRun {
    fn key(&self) -> &[u8] {
        &self.buffer[self.at + self.head.len..][..self.head.key]
    }

    fn record(&self) -> &[u8] {
        &self.buffer[self.at + self.head.len + self.head.key..][..self.head.record]
    }

    /// Skips `past` bytes to the next record, and makes sure that all of it is in the buffer.
    fn advance(&mut self, past: usize, spill: &Spill) -> anyhow::Result<()> {
        self.at += past;
        self.prefix = None;
        if !self.holds(HEAD, spill)? {
            return Ok(());
        }
        if Head::is_long(&self.buffer[self.at..]) {
            self.holds(LONG_HEAD, spill)?;
        }
        self.head = Head::read(&self.buffer[self.at..]);
        self.holds(self.head.len + self.head.key + self.head.record, spill)?;
        self.prefix = Some(prefix(self.key()));
        Ok(())
    }

    /// Makes sure that `wanted` bytes from `at` on are in the buffer; returns whether there are as many.
    fn holds(&mut self, wanted: usize, spill: &Spill) -> anyhow::Result<bool> {
        let held = self.buffer.len() - self.at;
        if held >= wanted {
            return Ok(true);
        }
        if self.stretch.is_empty() {
            return Ok(false);
        }
        let capacity = self.buffer.capacity().max(wanted);
        self.buffer.copy_within(self.at.., 0);
        if capacity > self.buffer.capacity() {
            // Bytes after `held` are no longer needed, so do not copy them.
            self.buffer.truncate(held);
            self.buffer.reserve_exact(capacity - held);
        }
        self.buffer.resize(capacity, 0);
        let read = spill.read(&mut self.stretch, &mut self.buffer[held..])?;
        self.buffer.truncate(held + read);
        self.at = 0;
        Ok(self.buffer.len() >= wanted)
    }
}

/// Runs on disk, each at its current record.
pub struct Runs {
    runs: Vec<SortedRun>,
}

impl Runs {
    /// Opens these stretches, using this much memory.
    pub fn open(stretches: &[Stretch], spill: &Spill, memory: usize) -> anyhow::Result<Self> {
        let room = (memory / stretches.len().max(1)).clamp(LEAST, PIECE * 4);
        let open = |stretch: &Stretch| {
            let mut run = SortedRun {
                stretch: *stretch,
                buffer: Vec::with_capacity(room),
                at: 0,
                head: Head::default(),
                prefix: None,
            };
            run.advance(0, spill).map(|()| run)
        };
        let runs = stretches.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Runs { runs })
    }

    /// Returns the current key and record of a run that has not ended.
    pub fn head(&self, run: usize) -> (&[u8], &[u8]) {
        (self.runs[run].key(), self.runs[run].record())
    }

    /// Moves a run to its next record.
    pub fn advance(&mut self, run: usize, spill: &Spill) -> anyhow::Result<()> {
        let run = &mut self.runs[run];
        run.advance(run.head.len + run.head.key + run.head.record, spill)
    }
}

impl Heads for Runs {
    fn count(&self) -> usize {
        self.runs.len()
    }

    #[inline]
    fn prefix(&self, source: usize) -> Option<u64> {
        self.runs[source].prefix
    }

    #[inline]
    fn compare_rest(&self, a: usize, b: usize) -> Ordering {
        self.runs[a].key().cmp(self.runs[b].key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_runs_as_memory_has_records_for_are_merged_at_once() {
        assert_eq!(width(8 << 20, 100), 256);
        assert_eq!(width(8 << 20, 400_000), 20);
        assert_eq!(width(2 << 20, 1 << 20), FEWEST);
        assert_eq!(width(1, 1), FEWEST);
        assert_eq!(width(usize::MAX, 1), 4096);
    }

    #[test]
    fn lengths_past_four_gibibytes_are_kept() {
        let most = LONG as usize;
        for key in [0, 9, most - 1, most, 5 << 30] {
            for record in [1, most - 1, most, most + 1, 5 << 30] {
                let (bytes, len) = Head::of(key, record).written();
                assert_eq!(len == HEAD, key < most && record < most);
                assert_eq!(Head::is_long(&bytes[..HEAD]), len == LONG_HEAD);
                assert_eq!(Head::read(&bytes[..len]), Head { key, record, len });
            }
        }
    }
}
