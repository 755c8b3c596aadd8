//! `first` and `last` in the order of the stream; `arg_min` and `arg_max`, which say what another
//! column holds where one is least or greatest.

use std::cmp::Ordering;

use bumpalo::Bump;

use super::held::Held;
use super::{Accumulator, Aggregate, Batch, Position, same};
use crate::record::Fault;
use crate::value::{Value, compare, parse, text};

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "first",
        aliases: &["first_value"],
        parameters: "x",
        arity: 1..=1,
        purpose: "the first value that is not null",
        numeric: &[],
        make: |_| Ok(Box::new(Ends::new(true))),
    },
    Aggregate {
        name: "last",
        aliases: &["last_value"],
        parameters: "x",
        arity: 1..=1,
        purpose: "the last value that is not null",
        numeric: &[],
        make: |_| Ok(Box::new(Ends::new(false))),
    },
    Aggregate {
        name: "arg_min",
        aliases: &["min_by"],
        parameters: "x, by",
        arity: 2..=2,
        purpose: "x of the record with the least 'by', the first of several",
        numeric: &[],
        make: |_| Ok(Box::new(Args::new(Ordering::Less))),
    },
    Aggregate {
        name: "arg_max",
        aliases: &["max_by"],
        parameters: "x, by",
        arity: 2..=2,
        purpose: "x of the record with the greatest 'by', the first of several",
        numeric: &[],
        make: |_| Ok(Box::new(Args::new(Ordering::Greater))),
    },
];

struct Ends {
    is_first: bool,
    ends: Vec<Option<(Position, Held)>>,
}

impl Ends {
    fn new(is_first: bool) -> Self {
        Ends {
            is_first,
            ends: Vec::new(),
        }
    }

    fn offer(&mut self, group: u32, position: Position, value: &Value<'_>) {
        let end = &mut self.ends[group as usize];
        match end {
            None => {
                let mut held = Held::Null;
                held.set(value);
                *end = Some((position, held));
            }
            Some((known, held)) if (position < *known) == self.is_first => {
                *known = position;
                held.set(value);
            }
            Some(_) => {}
        }
    }
}

impl Accumulator for Ends {
    fn grow(&mut self, groups: usize) {
        self.ends.resize(groups, None);
    }

    fn absorb(&mut self, batch: &Batch<'_>) {
        for (place, (&group, value)) in batch.groups.iter().zip(batch.arguments[0]).enumerate() {
            if !matches!(value, Value::Null) {
                self.offer(group, batch.position(place), value);
            }
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let Some(other) = same::<Self>(other) else {
            return;
        };
        for (end, &group) in other.ends.iter().zip(map) {
            if let Some((position, held)) = end {
                self.offer(group, *position, &held.value());
            }
        }
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        let end = self.ends[group as usize].as_ref();
        Ok(end.map_or(Value::Null, |(_, held)| held.copied(arena)))
    }
}

/// The best record of a group.
#[derive(Clone)]
struct Best {
    by: Held,
    position: Position,
    value: Held,
}

struct Args {
    /// How a better 'by' stands to the best one so far.
    better: Ordering,
    best: Vec<Option<Best>>,
    /// Groups whose 'by' held numbers and text: `(number, text)` seen.
    kinds: Vec<(bool, bool)>,
}

impl Args {
    fn new(better: Ordering) -> Self {
        Args {
            better,
            best: Vec::new(),
            kinds: Vec::new(),
        }
    }

    fn offer(&mut self, group: u32, position: Position, by: &Value<'_>, value: &Value<'_>) {
        let best = &mut self.best[group as usize];
        let Some(known) = best else {
            let (mut by_held, mut held) = (Held::Null, Held::Null);
            by_held.set(by);
            held.set(value);
            *best = Some(Best {
                by: by_held,
                position,
                value: held,
            });
            return;
        };
        let order = compare::compare(by, &known.by.value())
            .unwrap_or_else(|_| compare::texts(by, &known.by.value()));
        let is_better = match order {
            Some(Ordering::Equal) => position < known.position,
            order => order == Some(self.better),
        };
        if is_better {
            known.by.set(by);
            known.value.set(value);
            known.position = position;
        }
    }
}

fn is_number(value: &Value<'_>) -> bool {
    match value {
        Value::Decimal(_) | Value::Double(_) => true,
        Value::Raw(text) | Value::Text(text) => parse::is_plain(text),
        _ => false,
    }
}

impl Accumulator for Args {
    fn grow(&mut self, groups: usize) {
        self.best.resize(groups, None);
        self.kinds.resize(groups, (false, false));
    }

    fn absorb(&mut self, batch: &Batch<'_>) {
        let [values, keys] = batch.arguments else {
            return;
        };
        for (place, &group) in batch.groups.iter().enumerate() {
            if matches!(keys[place], Value::Null) {
                continue;
            }
            let kinds = &mut self.kinds[group as usize];
            match is_number(&keys[place]) {
                true => kinds.0 = true,
                false => kinds.1 = true,
            }
            self.offer(group, batch.position(place), &keys[place], &values[place]);
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let Some(other) = same::<Self>(other) else {
            return;
        };
        for ((best, kinds), &group) in other.best.iter().zip(&other.kinds).zip(map) {
            let mine = &mut self.kinds[group as usize];
            *mine = (mine.0 | kinds.0, mine.1 | kinds.1);
            if let Some(best) = best {
                self.offer(group, best.position, &best.by.value(), &best.value.value());
            }
        }
    }

    fn finish<'a>(&self, group: u32, arena: &'a Bump) -> Result<Value<'a>, Fault> {
        if self.kinds[group as usize] == (true, true) {
            let by = self.best[group as usize]
                .as_ref()
                .map(|best| text::quoted(&best.by.value()));
            return Err(Fault::new(format!(
                "compares numbers and text (one is {}); use number(x) or text(x)",
                by.unwrap_or_default()
            )));
        }
        let best = self.best[group as usize].as_ref();
        Ok(best.map_or(Value::Null, |best| best.value.copied(arena)))
    }
}
