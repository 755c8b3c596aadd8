//! The numbers of one group, kept for an exact selection at the end.

use crate::value::decimal::power_of_ten;
use crate::value::{Decimal, Number, Real};

/// Length at which a list is first checked for dense values.
const FIRST_LOOK: usize = 4096;

/// Below this many numbers, they are sorted instead of being divided into ranges again.
const FEW: usize = 2048;

/// Number of ranges per division.
const RANGES: usize = 4096;

/// Numbers in any order. Integers at the common scale are stored in the smallest form: as counts per value if the
/// values are dense, else as 32-bit or 64-bit lists.
#[derive(Clone, Default)]
pub(super) struct Numbers {
    narrow: Vec<i32>,
    rare: Option<Box<Rare>>,
}

/// The parts that few groups need.
#[derive(Clone, Default)]
struct Rare {
    /// How often each integer occurs, from 0 up and from -1 down. Takes no more memory than a list of all of them.
    counts: [Vec<u32>; 2],
    /// Integers with their counts: those that occur more often than a `u32` counts, and those that were counted at
    /// another scale.
    weighted: Vec<(i64, u64)>,
    wide: Vec<i64>,
    /// Numbers that do not fit into 64 bits at the common scale.
    others: Vec<Real>,
    /// Approximate memory, in bytes, of the long ones among the others, outside the list.
    long_bytes: usize,
}

impl Numbers {
    /// Adds an integer at the common scale.
    #[inline(always)]
    pub fn add(&mut self, mantissa: i64) {
        match i32::try_from(mantissa) {
            Ok(narrow) if self.narrow.len() < self.narrow.capacity() => self.narrow.push(narrow),
            Ok(narrow) => self.add_beyond(narrow),
            Err(_) => self.rare_mut().wide.push(mantissa),
        }
    }

    /// Adds a number that is not a 64-bit integer at the common scale.
    pub fn add_other(&mut self, number: Real) {
        let rare = self.rare_mut();
        if let Real::Long(wide) = &number {
            rare.long_bytes += size_of_val(&**wide) + wide.bytes();
        }
        rare.others.push(number);
    }

    fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Called when the list is full: before it grows, its numbers are counted if that takes less memory.
    #[cold]
    #[inline(never)]
    fn add_beyond(&mut self, number: i32) {
        if self.narrow.len() >= FIRST_LOOK {
            self.count_all();
        }
        self.narrow.push(number);
    }

    fn count_all(&mut self) {
        // Count in bulk, so that the group's counts are loaded into the cache only once.
        if let Some(rare) = &mut self.rare {
            self.narrow.retain(|&number| !rare.count(number.into(), 1));
            if self.narrow.len() < FIRST_LOOK / 2 {
                return;
            }
        }
        let (least, greatest) = self
            .narrow
            .iter()
            .fold((0, 0), |(least, greatest), &number| {
                (number.min(least), number.max(greatest))
            });
        let sizes = [greatest as usize + 1, least.unsigned_abs() as usize];
        let rare = self.rare.get_or_insert_default();
        let counted: usize = rare.counts.iter().map(Vec::len).sum();
        if sizes[0] + sizes[1] > 2 * self.narrow.len() + counted {
            return;
        }
        for (counts, size) in rare.counts.iter_mut().zip(sizes) {
            counts.resize(size.max(counts.len()), 0);
        }
        self.narrow.retain(|&number| !rare.count(number.into(), 1));
        self.narrow.shrink_to(FIRST_LOOK);
    }

    /// Returns how many numbers there are.
    pub fn len(&self) -> u64 {
        let Some(rare) = &self.rare else {
            return self.narrow.len() as u64;
        };
        let mut len = rare.others.len() as u64;
        self.for_each(|_, weight| len += weight);
        len
    }

    /// Calls `each` with every integer and its count; an integer may come several times.
    fn for_each(&self, mut each: impl FnMut(i64, u64)) {
        self.narrow
            .iter()
            .for_each(|&number| each(number.into(), 1));
        let Some(rare) = &self.rare else { return };
        for (place, &count) in rare.counts[0].iter().enumerate() {
            if count > 0 {
                each(place as i64, count.into());
            }
        }
        for (place, &count) in rare.counts[1].iter().enumerate() {
            if count > 0 {
                each(!(place as i64), count.into());
            }
        }
        rare.weighted
            .iter()
            .for_each(|&(number, weight)| each(number, weight));
        rare.wide.iter().for_each(|&number| each(number, 1));
    }

    /// Converts all integers to a scale that is greater by `places`. Those that do not fit there join the others.
    pub fn widen(&mut self, scale: u8, places: u8) {
        let factor = power_of_ten(places) as i64;
        let old = std::mem::take(self);
        let others = old.rare.as_ref().map(|rare| rare.others.clone());
        old.for_each(|number, weight| match number.checked_mul(factor) {
            Some(widened) => self.add_weighted(widened, weight),
            None => {
                let number = Real::from(Decimal::raw(number.into(), scale));
                (0..weight).for_each(|_| self.add_other(number.clone()));
            }
        });
        others
            .into_iter()
            .flatten()
            .for_each(|number| self.add_other(number));
    }

    /// Merges numbers at the same scale.
    pub fn merge(&mut self, mut other: Numbers) {
        if self.narrow.is_empty() {
            std::mem::swap(&mut self.narrow, &mut other.narrow);
        }
        if let (None, Some(_)) = (&self.rare, &other.rare) {
            std::mem::swap(&mut self.rare, &mut other.rare);
        }
        other.for_each(|number, weight| self.add_weighted(number, weight));
        if let Some(rare) = other.rare {
            rare.others
                .into_iter()
                .for_each(|number| self.add_other(number));
        }
    }

    /// Returns all numbers in ascending order with their counts. `scale` is the common one.
    pub fn sorted(&self, scale: u8) -> Vec<(Real, u64)> {
        let number = |mantissa: i64| Real::from(Decimal::raw(i128::from(mantissa), scale));
        let mut integers = Vec::new();
        self.for_each(|mantissa, weight| integers.push((mantissa, weight)));
        integers.sort_unstable();
        let mut all: Vec<(Real, u64)> = Vec::new();
        for equal in integers.chunk_by(|a, b| a.0 == b.0) {
            let weight = equal.iter().map(|(_, weight)| weight).sum();
            all.push((number(equal[0].0), weight));
        }
        let Some(rare) = self.rare.as_ref().filter(|rare| !rare.others.is_empty()) else {
            return all;
        };
        all.extend(rare.others.iter().map(|number| (number.clone(), 1)));
        let compare = |a: &Real, b: &Real| {
            let order = a.compare(b).then_with(|| a.is_double().cmp(&b.is_double()));
            order.then_with(|| a.is_negative().cmp(&b.is_negative()).reverse())
        };
        all.sort_unstable_by(|a, b| compare(&a.0, &b.0));
        all.dedup_by(|next, first| {
            let is_same = compare(&first.0, &next.0).is_eq();
            first.1 += if is_same { next.1 } else { 0 };
            is_same
        });
        all
    }

    /// Returns their memory in bytes.
    pub fn bytes(&self) -> usize {
        let rare = self.rare.as_ref().map_or(0, |rare| {
            size_of::<Rare>()
                + rare
                    .counts
                    .iter()
                    .map(|counts| size_of_val(&counts[..]))
                    .sum::<usize>()
                + size_of_val(&rare.weighted[..])
                + size_of_val(&rare.wide[..])
                + size_of_val(&rare.others[..])
                + rare.long_bytes
        });
        size_of::<Self>() + self.narrow.capacity() * size_of::<i32>() + rare
    }

    /// Adds an integer `weight` times.
    pub fn add_weighted(&mut self, number: i64, weight: u64) {
        if weight == 1 {
            self.add(number);
        } else if !self.rare_mut().count(number, weight) {
            self.rare_mut().weighted.push((number, weight));
        }
    }

    /// Returns the numbers at `place` (from 0) of the ascending order and at the next place, or the last one twice.
    /// `place` must exist.
    pub fn at(&self, place: u64, scale: u8) -> [Real; 2] {
        let number = |mantissa: i64| Decimal::raw(i128::from(mantissa), scale);
        let Some(rare) = self.rare.as_ref().filter(|rare| !rare.others.is_empty()) else {
            return self.select(place).map(|mantissa| number(mantissa).into());
        };
        let zeros = || [Decimal::ZERO, Decimal::ZERO].map(Real::from);
        // Short numbers sort faster on their own.
        let short = |number: &Real| match number {
            Real::Number(number) => Some((*number, 1)),
            Real::Long(_) => None,
        };
        if let Some(mut all) = rare.others.iter().map(short).collect::<Option<Vec<_>>>() {
            self.for_each(|mantissa, weight| all.push((Number::from(number(mantissa)), weight)));
            all.sort_unstable_by(|a, b| a.0.compare(b.0));
            return walk(&all, place).map_or_else(zeros, |two| two.map(Real::Number));
        }
        let others = rare.others.iter().map(|number| (number.clone(), 1));
        let mut all: Vec<(Real, u64)> = others.collect();
        self.for_each(|mantissa, weight| all.push((number(mantissa).into(), weight)));
        all.sort_unstable_by(|a, b| a.0.compare(&b.0));
        walk(&all, place).unwrap_or_else(zeros)
    }

    /// [`Numbers::at`] if all are integers: copies only what is close to the place.
    fn select(&self, mut place: u64) -> [i64; 2] {
        let (mut low, mut high) = (i64::MAX, i64::MIN);
        let mut few = Vec::new();
        self.for_each(|number, weight| {
            (low, high) = (low.min(number), high.max(number));
            if few.len() < FEW {
                few.push((number, weight));
            }
        });
        if few.len() == FEW {
            (low, high) = self.near(&mut place, low, high);
            few.clear();
            // The next number may be outside the range.
            let mut behind = None;
            self.for_each(|number, weight| {
                if (low..=high).contains(&number) {
                    few.push((number, weight));
                } else if number > high && behind.is_none_or(|behind| number < behind) {
                    behind = Some(number);
                }
            });
            few.extend(behind.map(|number| (number, 1)));
        }
        few.sort_unstable();
        walk(&few, place).unwrap_or_default()
    }

    /// Narrows a range of integers to one that contains the one at `place` and few others. `place` becomes relative
    /// to that range.
    fn near(&self, place: &mut u64, mut low: i64, mut high: i64) -> (i64, i64) {
        loop {
            let shift = (64 - (high.abs_diff(low) / RANGES as u64).leading_zeros()).min(63);
            // The number of entries, and how many numbers they stand for.
            let mut ranges = vec![(0u64, 0u64); RANGES + 1];
            self.for_each(|number, weight| {
                if (low..=high).contains(&number) {
                    let (entries, numbers) = &mut ranges[(number.abs_diff(low) >> shift) as usize];
                    *entries += 1;
                    *numbers += weight;
                }
            });
            let mut at = 0;
            while at < RANGES && *place >= ranges[at].1 {
                *place -= ranges[at].1;
                at += 1;
            }
            low = low.saturating_add_unsigned((at as u64) << shift);
            high = high.min(low.saturating_add_unsigned((1 << shift) - 1));
            if shift == 0 || ranges[at].0 <= FEW as u64 {
                return (low, high);
            }
        }
    }
}

impl Rare {
    /// Counts an integer, if it has a counter.
    #[inline(always)]
    fn count(&mut self, number: i64, weight: u64) -> bool {
        let (counts, place) = match number {
            0.. => (&mut self.counts[0], number),
            _ => (&mut self.counts[1], !number),
        };
        let Some(count) = counts.get_mut(place as usize) else {
            return false;
        };
        match u32::try_from(u64::from(*count).saturating_add(weight)) {
            Ok(sum) => *count = sum,
            Err(_) => self.weighted.push((number, weight)),
        }
        true
    }
}

/// Returns the values at `place` of an ascending list with weights, and at the next place.
fn walk<T: Clone>(sorted: &[(T, u64)], place: u64) -> Option<[T; 2]> {
    let mut end = 0;
    for (nth, (number, weight)) in sorted.iter().enumerate() {
        end += weight;
        if place < end {
            let behind = sorted.get(nth + 1).filter(|_| place + 1 == end);
            let behind = behind.map_or(number, |behind| &behind.0);
            return Some([number.clone(), behind.clone()]);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn integers() -> impl Strategy<Value = Vec<i64>> {
        prop_oneof![
            prop::collection::vec(any::<i64>(), 1..50),
            prop::collection::vec(-300i64..3000, 1..20_000),
            prop::collection::vec(prop_oneof![20 => 0i64..6, 1 => any::<i64>()], 1..10_000),
            prop::collection::vec(-1_000_000_000_000i64..1_000_000_000_000, 2000..6000),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn places_are_those_of_a_sorted_list(
            mut integers in integers(),
            parts in 1usize..4,
            share in 0.0..1.0f64,
            heavy in prop::option::of((-3i64..3, 1u64 << 31..1 << 33)),
            places in 0u8..3,
        ) {
            let mut dealt = vec![Numbers::default(); parts];
            for (place, &number) in integers.iter().enumerate() {
                dealt[place % parts].add(number);
            }
            if places > 0 {
                integers.retain(|number| number.checked_mul(power_of_ten(places) as i64).is_some());
                dealt = vec![Numbers::default(); parts];
                for (place, &number) in integers.iter().enumerate() {
                    dealt[place % parts].add(number);
                }
                dealt.iter_mut().for_each(|numbers| numbers.widen(0, places));
                integers.iter_mut().for_each(|number| *number *= power_of_ten(places) as i64);
            }
            let mut numbers = Numbers::default();
            dealt.into_iter().for_each(|part| numbers.merge(part));
            let mut sorted: Vec<(i64, u64)> = integers.iter().map(|&number| (number, 1)).collect();
            if let Some((number, weight)) = heavy {
                numbers.add_weighted(number, weight);
                sorted.push((number, weight));
            }
            sorted.sort_unstable();
            let len: u64 = sorted.iter().map(|(_, weight)| weight).sum();
            prop_assert_eq!(numbers.len(), len);
            if len > 0 {
                let place = ((len as f64 * share) as u64).min(len - 1);
                prop_assert_eq!(Some(numbers.select(place)), walk(&sorted, place));
            }
        }
    }
}
