//! Groups that come one behind the other, as in a stream that is sorted by their keys: each is done
//! when the next one begins, so that memory is that of one group and results come at once.
//!
//! What is not sorted is found out, though nothing is kept: there must be an order, one of those that
//! `order` has, in which no group comes before the one in front of it.

use std::cmp::Ordering;

use anyhow::bail;
use bumpalo::Bump;

use super::spilled::Joined;
use super::{Aggregation, Emit, GroupStates};
use crate::fold::order::key::{self, Direction, Style};
use crate::record::field;
use crate::value::{Interval, Value, identity};

/// The group that is under way, and the way that the keys go.
pub struct Grouped {
    /// The last group so far, and what tells it from others.
    last: Option<(Joined, Vec<u8>)>,
    /// Its keys.
    fields: Option<Vec<u8>>,
    /// The orders that each key may be in.
    courses: Vec<Course>,
}

/// The orders that keys may be in: three styles, and that of intervals that were made.
const ORDERS: [Option<Style>; 4] = [
    Some(Style::Values),
    Some(Style::Text),
    Some(Style::Natural),
    None,
];

/// One key of the last group, and the orders that it may be in.
struct Course {
    /// Four bits for each order: up with nulls first, up with nulls last, and down with them so.
    left: u16,
    /// The last group's key in each order; nothing where it is null.
    last: [Option<Vec<u8>>; ORDERS.len()],
}

impl Course {
    fn new() -> Self {
        Course {
            left: 0xFFFF,
            last: Default::default(),
        }
    }

    /// The bits of an order, at their place.
    fn bits(nth: usize, bits: u16) -> u16 {
        bits << (4 * nth)
    }

    /// The key of the next group in each order that it may be in.
    fn next(&mut self, field: &[u8]) -> [Option<Vec<u8>>; ORDERS.len()] {
        let arena = Bump::new();
        let value = Value::of_field(field, &arena);
        // A number that may be spelled in several ways is one group, which another order tears apart.
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

    /// Whether an order is left in which `next`, which is another key, comes behind the last.
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
    /// No groups yet.
    pub fn new(aggregation: &Aggregation) -> Self {
        Grouped {
            last: None,
            courses: aggregation.keys.iter().map(|_| Course::new()).collect(),
            fields: None,
        }
    }

    /// Takes the groups of the next block, and hands on what is said of those that are done; false
    /// where no more are wanted.
    ///
    /// # Errors
    /// The records are not sorted; a group has no result; those of `emit`.
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

    /// Hands on what is said of the last group.
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

    /// That the groups of a block go on in an order.
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

    /// Whether a group goes on in the order that its keys are in: the first one that differs does, and
    /// those behind it begin anew.
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
