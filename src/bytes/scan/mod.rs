//! The scan: turns 64 bytes at a time into bit masks of quotes, delimiters and newlines.
//!
//! A byte is inside quotes if the number of quotes before it is odd. The parity at all 64 positions is one
//! carry-less multiplication by all ones (Langdale and Lemire, "Parsing gigabytes of JSON per second", 2019,
//! section 3.1.5). Uses AVX-512 or AVX2 if the processor has them, else a portable twin with the same results.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod ends;
mod fields;
mod picked;
mod tally;
mod utf8;

use super::Dialect;
use super::processor::Features;

pub(crate) use ends::{Counting, record_ends};
pub use fields::{FieldsFound, field_bounds};
pub(crate) use picked::{Picks, picked_bounds, picks_fast};
pub use tally::{Tally, tally, tally_text};
pub use utf8::Utf8;

/// Masks of 64 bytes; bit `i` describes byte `i`.
#[derive(Clone, Copy)]
struct Masks {
    quotes: u64,
    /// Delimiters and newlines.
    ends: u64,
    newlines: u64,
    returns: u64,
    /// Bytes above 127.
    high: u64,
}

impl Masks {
    /// Clears all bits that are not in `valid`.
    #[inline(always)]
    fn within(self, valid: u64) -> Self {
        Masks {
            quotes: self.quotes & valid,
            ends: self.ends & valid,
            newlines: self.newlines & valid,
            returns: self.returns & valid,
            high: self.high & valid,
        }
    }
}

/// Turns 64 bytes into masks, and a mask into its running parity.
trait Lanes: Copy {
    fn masks(self, chunk: &[u8; 64]) -> Masks;
    /// Returns, in bit `i`, the parity of bits `0..=i`.
    fn parity(self, bits: u64) -> u64;
    /// Moves the lowest bits of `bits`, in order, to the positions of the set bits of `mask` (PDEP).
    fn deposit(self, bits: u64, mask: u64) -> u64;
    /// Appends `base + i + 1` for every set bit `i`. `bounds` must have room for 64 more. `AT_ONCE` is the usual
    /// number of set bits.
    #[inline(always)]
    fn push_bounds<const AT_ONCE: usize>(self, ends: u64, base: u32, bounds: &mut Vec<u32>) {
        fields::push_bounds::<AT_ONCE>(ends, base, bounds);
    }
}

/// Stands in for the quote byte if there is none; the mask that it makes is dropped.
const UNUSED: u8 = b'"';

#[derive(Clone, Copy)]
struct Portable {
    dialect: Dialect,
}

impl Portable {
    #[inline(always)]
    fn equal(chunk: &[u8; 64], byte: u8) -> u64 {
        let mut mask = 0;
        for (place, &candidate) in chunk.iter().enumerate() {
            mask |= u64::from(candidate == byte) << place;
        }
        mask
    }
}

impl Lanes for Portable {
    #[inline(always)]
    fn masks(self, chunk: &[u8; 64]) -> Masks {
        let newlines = Self::equal(chunk, b'\n');
        Masks {
            quotes: self.dialect.quote.map_or(0, |q| Self::equal(chunk, q)),
            ends: Self::equal(chunk, self.dialect.delimiter) | newlines,
            newlines,
            returns: Self::equal(chunk, b'\r'),
            high: chunk.iter().enumerate().fold(0, |mask, (place, byte)| {
                mask | u64::from(byte >> 7) << place
            }),
        }
    }

    #[inline(always)]
    fn parity(self, mut bits: u64) -> u64 {
        for shift in [1, 2, 4, 8, 16, 32] {
            bits ^= bits << shift;
        }
        bits
    }

    #[inline(always)]
    fn deposit(self, mut bits: u64, mut mask: u64) -> u64 {
        let mut deposited = 0;
        while mask != 0 {
            let lowest = mask & mask.wrapping_neg();
            if bits & 1 != 0 {
                deposited |= lowest;
            }
            bits >>= 1;
            mask ^= lowest;
        }
        deposited
    }
}

/// Work on bytes by means of their masks.
trait MaskWork {
    type Found;
    /// Does the work; compiled once per kind of lanes.
    fn run<L: Lanes>(self, lanes: L) -> Self::Found;
}

/// Does the work with `features`, all of which the processor must have.
fn work<W: MaskWork>(work: W, dialect: Dialect, features: Features) -> W::Found {
    match features {
        // SAFETY: the processor has these features.
        #[cfg(target_arch = "x86_64")]
        Features::Avx512 => unsafe { avx512::work(work, dialect) },
        // SAFETY: the processor has these features.
        #[cfg(target_arch = "x86_64")]
        Features::Avx2 => unsafe { avx2::work(work, dialect) },
        _ => work.run(Portable { dialect }),
    }
}

/// Below this many bytes, a simple loop is used and the processor's features are not asked for.
const SHORT: usize = 1 << 10;

/// Counts the occurrences of `byte`.
pub fn count_byte(bytes: &[u8], byte: u8) -> usize {
    if bytes.len() < SHORT {
        return bytes.iter().filter(|&&other| other == byte).count();
    }
    memchr::memchr_iter(byte, bytes).count()
}

/// Returns the offset after the last newline outside quotes; `ends_inside` says whether `bytes` ends inside quotes.
/// Searches backward, so it usually stops within one record.
pub fn last_record_end(bytes: &[u8], quote: Option<u8>, ends_inside: bool) -> Option<usize> {
    let mut is_inside = ends_inside;
    let mut is_end = |place: &usize| {
        let is_quote = Some(bytes[*place]) == quote;
        is_inside ^= is_quote;
        bytes[*place] == b'\n' && !is_quote && !is_inside
    };
    let near = bytes.len().saturating_sub(SHORT);
    let place = (near..bytes.len()).rev().find(&mut is_end);
    if place.is_some() || near == 0 {
        return place.map(|place| place + 1);
    }
    let mut far = memchr::memrchr2_iter(b'\n', quote.unwrap_or(b'\n'), &bytes[..near]);
    far.find(is_end).map(|place| place + 1)
}

/// Returns the offset of the last record in `bytes`: after the last newline outside quotes.
pub fn record_start(bytes: &[u8], dialect: Dialect) -> usize {
    let is_inside = tally(bytes, dialect).is_odd;
    last_record_end(bytes, dialect.quote, is_inside).unwrap_or(0)
}

#[cfg(test)]
mod tests;
