//! Whether all or any of a group's records are true, and how many.

use std::collections::BTreeMap;

use bumpalo::Bump;

use super::state::{Saved, Words, add};
use super::{Accumulator, Aggregate, Batch, Position, same};
use crate::record::Fault;
use crate::value::{Decimal, Value, text};

pub(super) static AGGREGATES: &[Aggregate] = &[
    Aggregate {
        name: "bool_and",
        aliases: &["every"],
        parameters: "condition",
        arity: 1..=1,
        purpose: "whether the condition is true in all records",
        numeric: &[],
        make: |_| Ok(Box::new(Truth::new(Ask::All))),
    },
    Aggregate {
        name: "bool_or",
        aliases: &["any"],
        parameters: "condition",
        arity: 1..=1,
        purpose: "whether the condition is true in any record",
        numeric: &[],
        make: |_| Ok(Box::new(Truth::new(Ask::Any))),
    },
    Aggregate {
        name: "count_if",
        aliases: &["countif"],
        parameters: "condition",
        arity: 1..=1,
        purpose: "how many records where the condition is true",
        numeric: &[],
        make: |_| Ok(Box::new(Truth::new(Ask::HowMany))),
    },
];

/// What to compute from a group's truth values.
#[derive(Clone, Copy)]
enum Ask {
    All,
    Any,
    HowMany,
}

/// How many values were true and how many false; null is neither.
#[derive(Clone, Copy, Default)]
struct TruthCounts {
    yes: u64,
    no: u64,
}

struct Truth {
    ask: Ask,
    counts: Vec<TruthCounts>,
    /// The first value of each group that is neither, and its position.
    wrong: BTreeMap<u32, (Position, Fault)>,
}

impl Truth {
    fn new(ask: Ask) -> Self {
        Truth {
            ask,
            counts: Vec::new(),
            wrong: BTreeMap::new(),
        }
    }

    #[cold]
    fn blame(&mut self, group: u32, position: Position, fault: Fault) {
        let known = self.wrong.get(&group);
        if known.is_none_or(|(first, _)| position < *first) {
            self.wrong.insert(group, (position, fault));
        }
    }
}

impl Accumulator for Truth {
    fn grow(&mut self, groups: usize) {
        self.counts.resize(groups, TruthCounts::default());
    }

    fn absorb(&mut self, batch: &Batch<'_, '_>) {
        for (place, (&group, value)) in batch.groups.iter().zip(batch.values(0)).enumerate() {
            let counts = &mut self.counts[group as usize];
            match text::is_true(&value) {
                Ok(Some(true)) => counts.yes += 1,
                Ok(Some(false)) => counts.no += 1,
                Ok(None) => {}
                Err(fault) => self.blame(group, batch.position(place), fault),
            }
        }
    }

    fn merge(&mut self, other: Box<dyn Accumulator>, map: &[u32]) {
        let other: Self = same(other);
        for (counts, &group) in other.counts.iter().zip(map) {
            let mine = &mut self.counts[group as usize];
            mine.yes += counts.yes;
            mine.no += counts.no;
        }
        for (group, (position, fault)) in other.wrong {
            self.blame(map[group as usize], position, fault);
        }
    }

    fn save(&self, group: u32, saved: &mut Saved<'_>) {
        let TruthCounts { yes, no } = self.counts[group as usize];
        saved.count(yes);
        saved.count(no);
        if let Some((position, fault)) = self.wrong.get(&group) {
            saved.place(*position);
            saved.text(fault.to_string().as_bytes());
        }
    }

    fn load(&mut self, group: u32, words: &mut Words<'_>) -> Result<(), Fault> {
        let counts = &mut self.counts[group as usize];
        add(&mut counts.yes, words.count()?)?;
        add(&mut counts.no, words.count()?)?;
        if !words.is_empty() {
            let position = words.place()?;
            let fault = String::from_utf8_lossy(words.text()?).into_owned();
            self.blame(group, position, Fault::new(fault));
        }
        Ok(())
    }

    fn bytes(&self) -> usize {
        size_of_val(&self.counts[..]) + self.wrong.len() * 160
    }

    fn finish<'a>(&self, group: u32, _: &'a Bump) -> Result<Value<'a>, Fault> {
        if let Some((_, fault)) = self.wrong.get(&group) {
            return Err(fault.clone());
        }
        let TruthCounts { yes, no } = self.counts[group as usize];
        Ok(match self.ask {
            Ask::HowMany => Value::Decimal(Decimal::from(yes)),
            Ask::All | Ask::Any if yes + no == 0 => Value::Null,
            Ask::All => Value::Bool(no == 0),
            Ask::Any => Value::Bool(yes > 0),
        })
    }
}
