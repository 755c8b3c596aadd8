//! Groups that come one behind the other, as in a stream that is sorted by their keys: each is done
//! when the next one begins, so that memory is that of one group and results come at once.
//!
//! What is not sorted is found out, though nothing is kept: whatever the order is, key by key the
//! groups must go up or down in it.

use std::cmp::Ordering;

use anyhow::bail;
use bumpalo::Bump;

use super::spilled::Joined;
use super::{Aggregation, Emit, State};
use crate::expr::BATCH;
use crate::fold::order::key::{self, Direction, Style};
use crate::record::field;
use crate::value::Value;

/// The group that is under way, and the way that the keys go.
pub struct Grouped {
    /// The last group so far, and what tells it from others.
    last: Option<(Joined, Vec<u8>)>,
    /// Its keys.
    fields: Option<Vec<u8>>,
    /// The orders that each key may be in.
    courses: Vec<Courses>,
}

/// The orders that a key may be in: by value or as text, up or down.
#[derive(Clone, Copy)]
struct Courses(u8);

impl Courses {
    const ALL: Courses = Courses(0b1111);

    /// Whether an order is left once `next` has come behind `last`. A null may stand first or last.
    fn go_on(&mut self, last: &[u8], next: &[u8]) -> bool {
        let arena = Bump::new();
        let values = [last, next].map(|field| Value::of_field(field, &arena));
        if values.iter().any(|value| matches!(value, Value::Null)) {
            return true;
        }
        for (nth, style) in [Style::Values, Style::Text].into_iter().enumerate() {
            let direction = Direction {
                style,
                ..Direction::default()
            };
            let [last, next] = [0, 1].map(|place| {
                let mut bytes = Vec::new();
                key::push(&values[place], direction, &mut bytes);
                bytes
            });
            let against = match last.cmp(&next) {
                Ordering::Less => 0b10,
                Ordering::Greater => 0b01,
                Ordering::Equal => 0,
            };
            self.0 &= !(against << (2 * nth));
        }
        self.0 != 0
    }
}

impl Grouped {
    /// No groups yet.
    pub fn new(aggregation: &Aggregation) -> Self {
        Grouped {
            last: None,
            courses: vec![Courses::ALL; aggregation.keys.len()],
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
        state: &State,
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
        for groups in done.chunks(BATCH) {
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
    fn check(&mut self, aggregation: &Aggregation, state: &State) -> anyhow::Result<()> {
        let delimiter = aggregation.delimiter;
        let shown = |fields: &[u8]| String::from_utf8_lossy(fields).into_owned();
        for group in 0..state.groups.count() as u32 {
            let mut fields = Vec::new();
            state.groups.write_fields(group, &mut fields, delimiter);
            if let Some(last) = &self.fields
                && !go_on(&mut self.courses, (last, &fields), delimiter)
            {
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
}

/// Whether a group goes on in the order that its keys are in: the first key that differs does, and
/// those behind it may begin anew.
fn go_on(courses: &mut [Courses], (last, next): (&[u8], &[u8]), delimiter: u8) -> bool {
    let pairs = field::split(last, delimiter).zip(field::split(next, delimiter));
    let differs = courses
        .iter_mut()
        .zip(pairs)
        .find(|(_, (last, next))| last != next);
    differs.is_none_or(|(courses, (last, next))| courses.go_on(last, next))
}
