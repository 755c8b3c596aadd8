//! Aggregation of input that is sorted by the keys: a group is complete when the next one begins, so only one group
//! is in memory and results are written early.
//!
//! Unsorted input is detected without remembering earlier keys: one of the orders that `order` offers must hold
//! between every two neighbouring groups.

use std::cmp::Ordering;

use anyhow::bail;
use bumpalo::Bump;

use super::spilled::Joined;
use super::{Aggregation, Emit, GroupStates};
use crate::fold::order::key::{self, Direction, Style};
use crate::record::field;
use crate::value::{Interval, Value, identity};

/// The current group, and the orders that the keys can still have.
pub struct Grouped {
    /// The last group so far, and its identity.
    last: Option<(Joined, Vec<u8>)>,
    /// The fields of its keys.
    fields: Option<Vec<u8>>,
    /// For each key, the orders that it can still have.
    courses: Vec<Course>,
}

/// The orders that keys can have: the three styles, and that of computed intervals.
const ORDERS: [Option<Style>; 4] = [
    Some(Style::Values),
    Some(Style::Text),
    Some(Style::Natural),
    None,
];

/// The orders that one key can still have, and its last value.
struct Course {
    /// Four bits per order: ascending with nulls first, ascending with nulls last, and the same two descending.
    left: u16,
    /// The last group's key in each order; `None` for null.
    last: [Option<Vec<u8>>; ORDERS.len()],
}

impl Course {
    fn new() -> Self {
        Course {
            left: 0xFFFF,
            last: Default::default(),
        }
    }

    /// Shifts bits to the position of an order.
    fn bits(nth: usize, bits: u16) -> u16 {
        bits << (4 * nth)
    }

    /// Returns the next group's key in each order that is still possible.
    fn next(&mut self, field: &[u8]) -> [Option<Vec<u8>>; ORDERS.len()] {
        let arena = Bump::new();
        let value = Value::of_field(field, &arena);
        // Numbers that can be spelled in several ways form one group, which the other orders could split.
        if matches!(value, Value::Raw(_)) && identity::within(&value) != Some(field) {
            self.left &= Self::bits(0, 0xF);
        }
        let mut keys: [Option<Vec<u8>>; ORDERS.len()] = Default::default();
        for (nth, style) in ORDERS.into_iter().enumerate() {
            let is_wanted = nth == 0 || self.left & Self::bits(nth, 0xF) != 0;
            if is_wanted && !matches!(value, Value::Null) {
                let direction = Direction {
                    style: style.unwrap_or_default(),
                    ..Direction::default()
                };
                let interval = match (style, value) {
                    (None, Value::Raw(text)) => Interval::parse(text).map(Value::Interval),
                    _ => None,
                };
                let mut bytes = Vec::new();
                key::push(&interval.unwrap_or(value), direction, &mut bytes);
                keys[nth] = Some(bytes);
            }
        }
        keys
    }

    /// Whether an order remains in which `next`, which differs from the last key, comes after it.
    fn go_on(&mut self, next: &[Option<Vec<u8>>; ORDERS.len()]) -> bool {
        for (nth, (last, next)) in self.last.iter().zip(next).enumerate() {
            let fits = match (last, next) {
                (None, _) => 0b0101,
                (Some(_), None) => 0b1010,
                (Some(last), Some(next)) => match last.cmp(next) {
                    Ordering::Less => 0b0011,
                    Ordering::Greater => 0b1100,
                    Ordering::Equal => 0,
                },
            };
            self.left &= !Self::bits(nth, 0xF) | Self::bits(nth, fits);
        }
        self.left != 0
    }
}

impl Grouped {
    /// Returns the state before any group.
    pub fn new(aggregation: &Aggregation) -> Self {
        Grouped {
            last: None,
            courses: aggregation.keys.iter().map(|_| Course::new()).collect(),
            fields: None,
        }
    }

    /// Takes the groups of the next block and emits those that are complete. Returns false if no more are wanted.
    ///
    /// # Errors
    /// The records are not sorted; a group has no result; errors of `emit`.
    pub fn take(
        &mut self,
        aggregation: &Aggregation,
        state: &GroupStates,
        emit: &mut Emit<'_>,
    ) -> anyhow::Result<bool> {
        self.check(aggregation, state)?;
        let (count, firsts) = (state.groups.count() as u32, state.groups.firsts());
        let (mut identity, mut part, mut start) = (Vec::new(), Vec::new(), 0);
        if count > 0 {
            state.groups.write_identity(0, &mut identity);
        }
        if let Some((joined, known)) = &mut self.last
            && *known == identity
        {
            aggregation.write_part(state, (0, firsts[0]), &mut part);
            joined.take(aggregation, &part, false)?;
            start = 1;
        }
        if start >= count {
            return Ok(true);
        }
        let mut out = Vec::new();
        let mut spoken = u64::from(count - 1 - start);
        if let Some((joined, _)) = self.last.take() {
            joined.speak(aggregation, &mut out, &mut |_| spoken += 1)?;
        }
        let done: Vec<u32> = (start..count - 1).collect();
        for groups in done.chunks(state.lot()) {
            let ready = state.ready(groups, aggregation.delimiter);
            aggregation.speak(&ready, &mut out, &mut |_| ())?;
        }
        let mut joined = Joined::new(aggregation, 1)?;
        part.clear();
        aggregation.write_part(state, (count - 1, firsts[count as usize - 1]), &mut part);
        joined.take(aggregation, &part, true)?;
        identity.clear();
        state.groups.write_identity(count - 1, &mut identity);
        self.last = Some((joined, identity));
        Ok(spoken == 0 || emit(&out, spoken)?)
    }

    /// Emits the last group.
    ///
    /// # Errors
    /// As [`Grouped::take`].
    pub fn finish(self, aggregation: &Aggregation, emit: &mut Emit<'_>) -> anyhow::Result<()> {
        let mut out = Vec::new();
        if let Some((joined, _)) = self.last {
            joined.speak(aggregation, &mut out, &mut |_| ())?;
            emit(&out, 1)?;
        }
        Ok(())
    }

    /// Checks that the groups of a block continue in an order.
    fn check(&mut self, aggregation: &Aggregation, state: &GroupStates) -> anyhow::Result<()> {
        let delimiter = aggregation.delimiter;
        let shown = |fields: &[u8]| String::from_utf8_lossy(fields).into_owned();
        for group in 0..state.groups.count() as u32 {
            let mut fields = Vec::new();
            state.groups.write_fields(group, &mut fields, delimiter);
            let goes_on = self.go_on(&fields, delimiter);
            if let (Some(last), false) = (&self.fields, goes_on) {
                bail!(
                    "the records are not sorted by their keys: group '{}' comes after group '{}'; \
                     sort them with order, or leave out --sorted",
                    shown(&fields),
                    shown(last)
                );
            }
            self.fields = Some(fields);
        }
        if let Some(group) = state.course.again {
            let mut fields = Vec::new();
            state.groups.write_fields(group, &mut fields, delimiter);
            bail!(
                "the records are not sorted by their keys: group '{}' comes again behind others; \
                 sort them with order, or leave out --sorted",
                shown(&fields)
            );
        }
        Ok(())
    }

    /// Whether a group continues in the order of the keys: the first key that differs must, and those after it
    /// start anew.
    fn go_on(&mut self, fields: &[u8], delimiter: u8) -> bool {
        let is_first = self.fields.is_none();
        let mut goes_on = None;
        for (course, field) in self.courses.iter_mut().zip(field::split(fields, delimiter)) {
            let next = course.next(field);
            if !is_first && goes_on.is_none() && course.last[0] != next[0] {
                goes_on = Some(course.go_on(&next));
            }
            course.last = next;
        }
        goes_on.unwrap_or(true)
    }
}
