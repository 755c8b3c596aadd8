//! Approximate aggregates in bounded memory: the number of distinct values, and quantiles.
//!
//! Neither result depends on the order of the records: a HyperLogLog sketch (Flajolet, Fusy, Gandouet, Meunier,
//! 2007; from the Apache DataSketches library) and a DDSketch (Masson, Rim, Lee, 2019), which unlike t-digest and
//! KLL is the same however its parts are merged.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bumpalo::Bump;
use datasketches::hll::{HllSketch, HllType, HllUnion};
use sketches_ddsketch::Config;

use super::measured::Measured;
use super::quantile::share_of;
use super::state::{Saved, Words, add};
use super::{Accumulator, Aggregate, Batch, same};
use crate::record::Fault;
use crate::value::identity::write_identity;
use crate::value::wide::Wide;
use crate::value::{Decimal, Number, Value};

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "approx_count_distinct",
        aliases: &[],
        parameters: "x",
        arity: 1..=1,
        purpose: "about how many different values, in at most 8 KB a group (1.6 % off, typically)",
        numeric: &[],
        make: |_| Ok(Box::new(Sketches::default())),
    },
    Aggregate {
        name: "approx_quantile",
        aliases: &[],
        parameters: "x, q",
        arity: 2..=2,
        purpose: "about the number at or below which the share q lies: 1 % off at most one that is there, in bounded memory",
        numeric: &[0],
        make: |arguments| Ok(Box::new(Buckets::new(share_of(arguments)?))),
    },
];

/// Number of registers as a power of two: 4096, which means a standard error of 1.6 %.
const REGISTERS: u8 = 12;

/// A sketch per group. The largest one has all registers, with one byte each.
#[derive(Default)]
struct Sketches {
    groups: Vec<Option<Box<HllSketch>>>,
    added: usize,
    measured: Measured,
}

impl Sketches {
    fn sketch(&mut self, group: u32) -> &mut HllSketch {
        self.groups[group as usize].get_or_insert_with(|| Box::new(empty()))
    }

    /// Merges a sketch into that of the group.
    fn take(&mut self, group: u32, theirs: &HllSketch) {
        let mut union = match HllUnion::new(REGISTERS) {
            Ok(union) => union,
            Err(_) => unreachable!("so many registers are allowed"),
        };
        let mine = &mut self.groups[group as usize];
        if let Some(mine) = mine {
            union.update(mine);
        }
        union.update(theirs);
        *mine = Some(Box::new(union.to_sketch(HllType::Hll8)));
    }
}

fn empty() -> HllSketch {
    match HllSketch::new(REGISTERS, HllType::Hll8) {
        Ok(sketch) => sketch,
        Err(_) => unreachable!("so many registers are allowed"),
    }
}

impl Accumulator for Sketches {
    fn grow(&mut self, groups: usize) {
        self.groups.resize_with(groups, || None);
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        self.added += batch.groups.len();
        let mut identity = Vec::new();
        for (&group, value) in batch.groups.iter().zip(batch.values(0)) {
            if !matches!(value, Value::Null) {
                identity.clear();
                write_identity(&value, &mut identity);
                self.sketch(group).update(&identity[..]);
            }
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        self.added += other.added;
        for (theirs, &group) in other.groups.into_iter().zip(map) {
            if let Some(theirs) = theirs {
                self.take(group, &theirs);
            }
        }
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        if let Some(sketch) = &self.groups[group as usize] {
            saved.mark(&BASE64.encode(in_order(sketch.serialize())));
        }
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        if words.is_empty() {
            return Ok(());
        }
        let bytes = BASE64.decode(words.other()?);
        let sketch = bytes
            .ok()
            .and_then(|bytes| HllSketch::deserialize(&bytes).ok());
        match sketch {
            Some(sketch) if sketch.lg_config_k() == REGISTERS => {
                self.added += 1 << 10;
                self.take(group, &sketch);
                Ok(())
            }
            _ => Err(Fault::new("this is no sketch of this library's")),
        }
    }

    fn bytes(&self) -> usize {
        self.measured.bytes(self.added, || {
            let sketches = self.groups.iter().flatten();
            let size = |sketch: &HllSketch| sketch.estimated_size() + size_of::<HllSketch>() + 32;
            sketches.map(|sketch| size(sketch)).sum::<usize>() + size_of_val(&self.groups[..])
        })
    }

    fn finish<'a>(&self, group: u32, _: &'a Bump) -> Result<Value<'a>, Fault> {
        let estimate = self.groups[group as usize]
            .as_ref()
            .map_or(0.0, |sketch| sketch.composite_estimate());
        Ok(Value::Decimal(Decimal::from(estimate.round() as u64)))
    }
}

/// Makes a sketch's bytes independent of the order of arrival: sorts the values that it still lists, and clears
/// what the library remembers about the order in a larger sketch.
fn in_order(mut bytes: Vec<u8>) -> Vec<u8> {
    /// Offsets of flags and mode, and the flag for an unknown order of arrival.
    const FLAGS: usize = 5;
    const MODE: usize = 7;
    const OUT_OF_ORDER: u8 = 16;
    let listed = match bytes[MODE] & 3 {
        0 => 8,
        1 => 12,
        _ => {
            bytes[FLAGS] |= OUT_OF_ORDER;
            bytes[8..16].fill(0);
            return bytes;
        }
    };
    let (listed, _) = bytes[listed..].as_chunks_mut::<4>();
    listed.sort_unstable();
    bytes
}

/// Maximum relative error of a quantile.
const ACCURACY: f64 = 0.01;

/// Numbers closer to zero than this count as zero.
const LEAST: f64 = 1e-300;

/// Added to the bucket key of a positive number, so that the key is above zero.
const MIDDLE: i64 = 1 << 32;

/// Counts of each group's numbers, in buckets whose bounds have a fixed ratio.
struct Buckets {
    share: f64,
    config: Config,
    groups: Vec<BucketCounts>,
    /// Number of buckets in all groups.
    buckets: usize,
}

/// The number of values in each bucket.
#[derive(Clone, Default)]
struct BucketCounts {
    /// The smallest and the greatest number.
    ends: Option<(f64, f64)>,
    /// How many numbers there are in all buckets.
    count: u64,
    /// By bucket key; the keys of negative numbers are below zero.
    counts: BTreeMap<i64, u64>,
}

impl Buckets {
    fn new(share: Decimal) -> Self {
        Buckets {
            share: share.to_f64(),
            config: Config::new(ACCURACY, u32::MAX, LEAST),
            groups: Vec::new(),
            buckets: 0,
        }
    }

    /// Returns the key of a number's bucket.
    fn key(&self, number: f64) -> i64 {
        match number.abs() <= LEAST {
            true => 0,
            false => {
                let key = MIDDLE + i64::from(self.config.key(number.abs()));
                if number < 0.0 { -key } else { key }
            }
        }
    }

    /// Returns the number that represents a bucket.
    fn value(&self, key: i64) -> f64 {
        match key {
            0 => 0.0,
            _ => self.config.value((key.abs() - MIDDLE) as i32) * key.signum() as f64,
        }
    }

    /// Adds to a bucket, but not to the total count.
    fn add_to_bucket(&mut self, group: u32, key: i64, count: u64) {
        let counts = &mut self.groups[group as usize].counts;
        let before = counts.len();
        *counts.entry(key).or_default() += count;
        self.buckets += counts.len() - before;
    }

    fn widen(&mut self, group: u32, (low, high): (f64, f64)) {
        let ends = self.groups[group as usize].ends.get_or_insert((low, high));
        *ends = (ends.0.min(low), ends.1.max(high));
    }

    fn take(&mut self, group: u32, theirs: &BucketCounts) {
        for (&key, &count) in &theirs.counts {
            self.add_to_bucket(group, key, count);
        }
        self.groups[group as usize].count += theirs.count;
        if let Some(ends) = theirs.ends {
            self.widen(group, ends);
        }
    }
}

impl Accumulator for Buckets {
    fn grow(&mut self, groups: usize) {
        self.groups.resize_with(groups, BucketCounts::default);
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        for (&group, value) in batch.groups.iter().zip(batch.number_values(0)) {
            let number = match value {
                Value::Decimal(decimal) => decimal.to_f64(),
                Value::Double(double) => double,
                Value::Long(digits) => nearest_finite(digits),
                _ => continue,
            };
            self.groups[group as usize].count += 1;
            self.add_to_bucket(group, self.key(number), 1);
            self.widen(group, (number, number));
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        for (theirs, &group) in other.groups.iter().zip(map) {
            self.take(group, theirs);
        }
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        let BucketCounts {
            ends,
            counts,
            count,
        } = &self.groups[group as usize];
        if let Some((low, high)) = *ends {
            debug_assert_eq!(counts.values().sum::<u64>(), *count);
            saved.value(&Value::Double(low));
            saved.value(&Value::Double(high));
        }
        for (&key, &count) in counts {
            saved.decimal(key.into());
            saved.count(count);
        }
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        if words.is_empty() {
            return Ok(());
        }
        let arena = Bump::new();
        let (low, high) = (words.value(&arena)?, words.value(&arena)?);
        let ends = match (low, high) {
            (Value::Double(low), Value::Double(high)) if low <= high => (low, high),
            _ => return Err(Fault::new("the least and the greatest number are missing")),
        };
        self.widen(group, ends);
        if words.is_empty() {
            return Err(Fault::new("the buckets are missing"));
        }
        while !words.is_empty() {
            let key: Result<i64, _> = words.other()?.parse();
            let key = key.map_err(|_| Fault::new("a bucket's key is no integer"))?;
            let is_known = key == 0
                || i32::try_from(key.unsigned_abs().wrapping_sub(MIDDLE as u64) as i64).is_ok();
            let count = words.count()?;
            if !is_known || count == 0 {
                return Err(Fault::new("this is no bucket of this library's"));
            }
            add(&mut self.groups[group as usize].count, count)?;
            self.add_to_bucket(group, key, count);
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.groups[..]) + self.buckets * 32
    }

    fn finish<'a>(&self, group: u32, _: &'a Bump) -> Result<Value<'a>, Fault> {
        let BucketCounts {
            ends,
            counts,
            count,
        } = &self.groups[group as usize];
        let Some((low, high)) = *ends else {
            return Ok(Value::Null);
        };
        let last = count - 1;
        let place = (self.share * last as f64).floor() as u64;
        if place == 0 || place >= last {
            let end = if place == 0 { low } else { high };
            return match end.abs() < f64::MAX {
                true => Ok(Number::Double(end).into()),
                false => Err(past_doubles()),
            };
        }
        let mut before = 0;
        let bucket = counts.iter().find(|(_, count)| {
            before += **count;
            before > place
        });
        let is_past = |key: i64| key.abs() == self.key(f64::MAX);
        if bucket.is_some_and(|(key, _)| is_past(*key)) && low.abs().max(high.abs()) == f64::MAX {
            return Err(past_doubles());
        }
        let near = bucket.map_or(high, |(key, _)| self.value(*key));
        Ok(Number::from_f64(near.clamp(low, high))?.into())
    }
}

/// Returns the double nearest to a long number, clamped to the range of finite doubles.
#[cold]
fn nearest_finite(digits: &[u8]) -> f64 {
    let number = Wide::parse(digits).map_or(0.0, |number| number.to_f64());
    number.clamp(-f64::MAX, f64::MAX)
}

#[cold]
fn past_doubles() -> Fault {
    Fault::new("number overflow: the result is past the range of doubles")
}
