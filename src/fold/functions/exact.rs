//! Exact sums per group.

use std::collections::HashMap;

use super::state::{Exact, add};
use crate::record::Fault;
use crate::value::Decimal;
use crate::value::decimal::power_of_ten;
use crate::value::wide::Wide;

/// Approximate memory, in bytes, of a sum that is kept aside.
const ASIDE: usize = 160;

/// An exact sum and a count per group. All sums are integers at one scale, the greatest so far; what does not fit
/// into 128 bits at that scale is kept aside, at any length.
pub(super) struct Sums {
    scale: u8,
    /// Numbers with more decimal places than this are kept aside instead of widening all sums.
    widest: u8,
    states: Vec<SumState>,
    aside: HashMap<u32, Wide>,
}

/// The sum is an `i128` in two halves: the alignment of an `i128` would grow this from 24 bytes to 32.
#[derive(Clone, Copy, Default)]
struct SumState {
    low: u64,
    high: i64,
    count: u64,
}

impl SumState {
    #[inline(always)]
    fn sum(self) -> i128 {
        i128::from(self.high) << 64 | i128::from(self.low)
    }

    #[inline(always)]
    fn set(&mut self, sum: i128) {
        self.low = sum as u64;
        self.high = (sum >> 64) as i64;
    }
}

impl Sums {
    /// Returns sums without groups; `widest` limits the common scale.
    pub(super) fn new(widest: u8) -> Self {
        Sums {
            scale: 0,
            widest,
            states: Vec::new(),
            aside: HashMap::new(),
        }
    }

    pub(super) fn grow(&mut self, groups: usize) {
        self.states.resize(groups, SumState::default());
    }

    #[inline]
    pub(super) fn add(&mut self, group: u32, number: Decimal) {
        let state = &mut self.states[group as usize];
        state.count += 1;
        if number.scale() == self.scale
            && let Some(sum) = state.sum().checked_add(number.mantissa())
        {
            state.set(sum);
        } else {
            self.add_scaled(group, number.mantissa(), number.scale());
        }
    }

    /// Adds a number of any length.
    pub(super) fn add_wide(&mut self, group: u32, number: &Wide) {
        self.states[group as usize].count += 1;
        self.put_aside(group, number);
    }

    fn put_aside(&mut self, group: u32, number: &Wide) {
        let zero = || Wide::from(Decimal::ZERO);
        self.aside.entry(group).or_insert_with(zero).add(number);
    }

    /// Adds `mantissa / 10^scale` without counting it.
    #[inline(never)]
    fn add_scaled(&mut self, group: u32, mantissa: i128, scale: u8) {
        let (mantissa, scale) = if scale > self.scale {
            let least = Decimal::new(mantissa, scale).map(Decimal::normalized);
            let least = least.map_or((mantissa, scale), |least| (least.mantissa(), least.scale()));
            if least.1 > self.scale && least.1 <= self.widest {
                self.widen(least.1);
            }
            least
        } else {
            (mantissa, scale)
        };
        let aligned = match (self.scale.checked_sub(scale), i64::try_from(mantissa)) {
            // Less than 2^63 * 10^18, so it cannot overflow.
            (Some(places @ 0..=18), Ok(_)) => Some(mantissa * power_of_ten(places)),
            (Some(places), _) => mantissa.checked_mul(power_of_ten(places)),
            (None, _) => None,
        };
        let Some(aligned) = aligned else {
            return self.put_aside(group, &Wide::new(mantissa.into(), scale.into()));
        };
        let state = &mut self.states[group as usize];
        match state.sum().checked_add(aligned) {
            Some(sum) => state.set(sum),
            None => {
                // Move the old sum aside, so that this happens rarely.
                let full = state.sum();
                state.set(aligned);
                self.put_aside(group, &Wide::new(full.into(), self.scale.into()));
            }
        }
    }

    /// Converts all sums to a greater scale.
    fn widen(&mut self, scale: u8) {
        let factor = power_of_ten(scale - self.scale);
        for group in 0..self.states.len() {
            let sum = self.states[group].sum();
            let widened = sum.checked_mul(factor);
            self.states[group].set(widened.unwrap_or(0));
            if widened.is_none() {
                self.put_aside(group as u32, &Wide::new(sum.into(), self.scale.into()));
            }
        }
        self.scale = scale;
    }

    pub(super) fn merge(&mut self, other: &Sums, map: &[u32]) {
        for (state, &group) in other.states.iter().zip(map) {
            self.states[group as usize].count += state.count;
            if state.sum() != 0 {
                self.add_scaled(group, state.sum(), other.scale);
            }
        }
        for (&group, number) in &other.aside {
            self.put_aside(map[group as usize], number);
        }
    }

    /// Adds the sum of `count` numbers.
    ///
    /// # Errors
    /// The total count exceeds what a stream can have.
    pub(super) fn add_sum(&mut self, group: u32, count: u64, sum: Exact) -> Result<(), Fault> {
        add(&mut self.states[group as usize].count, count)?;
        match sum {
            Exact::Decimal(sum) => self.add_scaled(group, sum.mantissa(), sum.scale()),
            Exact::Wide(sum) => self.put_aside(group, &sum),
        }
        Ok(())
    }

    /// Returns approximately how many bytes the sums take.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&self.states[..]) + self.aside.len() * ASIDE
    }

    /// Whether there are no groups.
    pub(super) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Whether any number was added to a group.
    pub(super) fn has(&self, group: u32) -> bool {
        let state = self.states.get(group as usize);
        state.is_some_and(|state| state.count > 0)
    }

    /// Returns how many numbers a group has.
    pub(super) fn count(&self, group: u32) -> u64 {
        self.states[group as usize].count
    }

    /// Returns a group's sum if a decimal can hold it.
    pub(super) fn decimal(&self, group: u32) -> Option<Decimal> {
        if !self.aside.is_empty() && self.aside.contains_key(&group) {
            return self.total(group).to_decimal();
        }
        Decimal::new(self.states[group as usize].sum(), self.scale)
    }

    /// Returns a group's sum.
    pub(super) fn total(&self, group: u32) -> Wide {
        let sum = self
            .states
            .get(group as usize)
            .map_or(0, |state| state.sum());
        let mut total = Wide::new(sum.into(), self.scale.into());
        if let Some(aside) = self.aside.get(&group) {
            total.add(aside);
        }
        total
    }
}
