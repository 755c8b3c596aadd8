//! State that a function carries from record to record, for all groups of one call.

use bumpalo::Bump;

use crate::expr::Operand;
use crate::expr::sequence::CallKind;
use crate::fold::functions::Argument;
use crate::fold::held::HeldValue;
use crate::fold::room;
use crate::record::Fault;
use crate::value::wide::Wide;
use crate::value::{Decimal, Numbers, Real, Value};

/// Consecutive records of the stream.
pub(super) struct RecordRun<'r, 'v> {
    /// Each record's index in its block.
    pub(super) records: &'r [u32],
    /// The group of each record.
    pub(super) groups: Vec<u32>,
    /// The index in the run of the previous record of the same group, if it is in the run.
    pub(super) before: Vec<Option<u32>>,
    /// Holds new text.
    pub(super) arena: &'v Bump,
}

impl RecordRun<'_, '_> {
    /// Computes the state after each record of the run from the state after the record before it.
    #[inline(always)]
    fn scan<S>(&self, kept: &[S], mut next: impl FnMut(usize, &S) -> S) -> Vec<S> {
        let mut states: Vec<S> = Vec::with_capacity(self.records.len());
        for (place, before) in self.before.iter().enumerate() {
            let before = match before {
                Some(before) => &states[*before as usize],
                None => &kept[self.groups[place] as usize],
            };
            states.push(next(place, before));
        }
        states
    }

    /// Returns the last of the first `count` records of each group, and the group.
    fn last(&self, count: usize) -> impl Iterator<Item = (usize, usize)> {
        let mut is_last = vec![true; count];
        for before in self.before[..count].iter().flatten() {
            is_last[*before as usize] = false;
        }
        let last = is_last.into_iter().enumerate();
        last.filter_map(|(place, is_last)| is_last.then_some((place, self.groups[place] as usize)))
    }
}

/// What one call carries, for all groups.
pub(super) trait Carried: Send {
    /// Makes room for groups `0..groups`.
    fn grow(&mut self, groups: usize);

    /// Returns the call's values for the records of a run, from its arguments. Does not change the carried state.
    fn values<'v>(
        &mut self,
        run: &RecordRun<'_, 'v>,
        arguments: &[Argument<'v>],
        wrong: &mut dyn FnMut(u32, Fault),
    ) -> Operand<'v>;

    /// Updates the carried state by the first `count` records of that run.
    fn keep(&mut self, run: &RecordRun<'_, '_>, arguments: &[Argument<'_>], count: usize);
}

/// Returns the state before the first record.
pub(super) fn start(kind: CallKind) -> Box<dyn Carried> {
    match kind {
        CallKind::Prev => Box::new(Last(Vec::new())),
        CallKind::RunningSum => Box::new(Totals::default()),
        CallKind::RecordNumber => Box::new(RecordCounts::default()),
    }
}

/// `prev`: the previous value of each group.
struct Last(Vec<HeldValue>);

impl Carried for Last {
    fn grow(&mut self, groups: usize) {
        room::resize(&mut self.0, groups, HeldValue::Null);
    }

    fn values<'v>(
        &mut self,
        run: &RecordRun<'_, 'v>,
        arguments: &[Argument<'v>],
        _: &mut dyn FnMut(u32, Fault),
    ) -> Operand<'v> {
        let value = |(place, before): (usize, &Option<u32>)| match before {
            Some(before) => arguments[0].get(*before as usize, run.records[*before as usize]),
            None => self.0[run.groups[place] as usize].copied(run.arena),
        };
        Operand::Made(run.before.iter().enumerate().map(value).collect())
    }

    fn keep(&mut self, run: &RecordRun<'_, '_>, arguments: &[Argument<'_>], count: usize) {
        for (place, group) in run.last(count) {
            self.0[group].set(&arguments[0].get(place, run.records[place]));
        }
    }
}

/// `record_number`: the number of records in each group.
#[derive(Default)]
struct RecordCounts {
    kept: Vec<i64>,
    run: Vec<i64>,
}

impl Carried for RecordCounts {
    fn grow(&mut self, groups: usize) {
        room::resize(&mut self.kept, groups, 0);
    }

    fn values<'v>(
        &mut self,
        run: &RecordRun<'_, 'v>,
        _: &[Argument<'v>],
        _: &mut dyn FnMut(u32, Fault),
    ) -> Operand<'v> {
        self.run = run.scan(&self.kept, |_, before| before + 1);
        Operand::Numbers(Numbers {
            mantissas: run.arena.alloc_slice_copy(&self.run),
            scale: 0,
            is_plain: true,
        })
    }

    fn keep(&mut self, run: &RecordRun<'_, '_>, _: &[Argument<'_>], count: usize) {
        for (place, group) in run.last(count) {
            self.kept[group] = self.run[place];
        }
    }
}

/// `running_sum`: the exact sum of each group.
#[derive(Default)]
struct Totals {
    kept: Vec<Total>,
    run: Vec<Total>,
}

impl Carried for Totals {
    fn grow(&mut self, groups: usize) {
        room::resize(&mut self.kept, groups, Total::default());
    }

    fn values<'v>(
        &mut self,
        run: &RecordRun<'_, 'v>,
        arguments: &[Argument<'v>],
        wrong: &mut dyn FnMut(u32, Fault),
    ) -> Operand<'v> {
        self.run = run.scan(&self.kept, |place, before| {
            before.plus(arguments[0].number(place, run.records[place]))
        });
        let value = |(total, &record): (&Total, &u32)| {
            total.value(run.arena).unwrap_or_else(|fault| {
                wrong(record, fault);
                Value::Null
            })
        };
        Operand::Made(self.run.iter().zip(run.records).map(value).collect())
    }

    fn keep(&mut self, run: &RecordRun<'_, '_>, _: &[Argument<'_>], count: usize) {
        for (place, group) in run.last(count) {
            self.kept[group] = std::mem::take(&mut self.run[place]);
        }
    }
}

/// A sum that is as exact as that of `sum`.
#[derive(Clone, Default)]
struct Total {
    sum: Sum,
    /// Whether a double took part, so that the value may be rounded to one.
    is_rounded: bool,
}

#[derive(Clone, Default)]
enum Sum {
    /// No number yet.
    #[default]
    Nothing,
    Decimal(Decimal),
    /// A sum that no decimal can hold.
    Wide(Box<Wide>),
}

impl Total {
    /// Returns the sum after adding a number or null.
    #[inline(always)]
    fn plus(&self, number: Value<'_>) -> Total {
        if let (Sum::Decimal(sum), Value::Decimal(number)) = (&self.sum, number)
            && let Some(sum) = sum.add(number)
        {
            return Total {
                sum: Sum::Decimal(sum),
                is_rounded: self.is_rounded,
            };
        }
        self.plus_any(number)
    }

    fn plus_any(&self, number: Value<'_>) -> Total {
        let (mut total, is_rounded) = match number {
            Value::Decimal(decimal) => (Wide::from(decimal), self.is_rounded),
            Value::Double(double) => (Wide::from_f64_shortest(double), true),
            Value::Long(digits) => match Wide::parse(digits) {
                Some(wide) => (wide, self.is_rounded),
                None => return self.clone(),
            },
            _ => return self.clone(),
        };
        match &self.sum {
            Sum::Nothing => {}
            Sum::Decimal(sum) => total.add(&Wide::from(*sum)),
            Sum::Wide(sum) => total.add(sum),
        }
        Total {
            sum: match total.to_decimal() {
                Some(sum) => Sum::Decimal(sum),
                None => Sum::Wide(Box::new(total)),
            },
            is_rounded,
        }
    }

    /// Returns the sum as a value.
    fn value<'v>(&self, arena: &'v Bump) -> Result<Value<'v>, Fault> {
        match &self.sum {
            Sum::Nothing => Ok(Value::Null),
            Sum::Decimal(sum) => Ok(Value::Decimal(*sum)),
            Sum::Wide(sum) => {
                let sum = Real::of_sum((**sum).clone(), self.is_rounded)?;
                Ok(sum.to_value(arena))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::functions::{Batch, find};
    use crate::value::text;
    use proptest::prelude::*;

    fn long(digits: String) -> Value<'static> {
        Value::Long(Box::leak(digits.into_boxed_str()).as_bytes())
    }

    fn number() -> impl Strategy<Value = Value<'static>> {
        let decimal =
            |(mantissa, scale)| Decimal::new(mantissa, scale).map_or(Value::Null, Value::Decimal);
        prop_oneof![
            4 => (-10_i128.pow(6)..10_i128.pow(6), 0_u8..4).prop_map(decimal),
            1 => (-10_i128.pow(37) * 9..10_i128.pow(37) * 9, 0_u8..38).prop_map(decimal),
            1 => "-?[1-9][0-9]{50,200}(\\.[0-9]{0,100}[1-9])?".prop_map(long),
            1 => (-300..300_i32).prop_map(|exponent| Value::Double(1.5 * 10_f64.powi(exponent))),
            1 => Just(Value::Null),
        ]
    }

    fn shown(value: Result<Value<'_>, Fault>) -> String {
        value.map_or_else(
            |fault| fault.to_string(),
            |value| {
                let mut out = Vec::new();
                text::write_value(&value, &mut out, b',');
                String::from_utf8_lossy(&out).into_owned()
            },
        )
    }

    proptest! {
        #[test]
        fn a_running_sum_is_the_sum_so_far(numbers in prop::collection::vec(number(), 0..40)) {
            let arena = Bump::new();
            let mut sums = (find("sum").unwrap().make)(&[None]).unwrap();
            sums.grow(1);
            let mut total = Total::default();
            for number in numbers {
                let argument = Argument::made(vec![number], &arena);
                sums.absorb(&Batch { groups: &[0], block: 0, records: &[0], arguments: &[&argument] });
                total = total.plus(number);
                prop_assert_eq!(shown(total.value(&arena)), shown(sums.finish(0, &arena)));
            }
        }
    }
}
