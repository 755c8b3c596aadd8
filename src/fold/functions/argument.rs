//! The values of an aggregate's argument for the records of a batch.

use std::cell::OnceCell;

use bumpalo::Bump;

use crate::expr::{Batch, Node, Operand};
use crate::record::{Fault, Faults};
use crate::value::{Numbers, Real, Value, text};

/// One value per record. If all are short numbers, they are read as such without making values.
pub struct Argument<'v> {
    operand: Operand<'v>,
    /// Replaces `operand` if numbers are needed: decimals, doubles and nulls.
    converted: Option<Vec<Value<'v>>>,
    numbers: OnceCell<Option<Numbers<'v>>>,
    arena: &'v Bump,
}

impl<'v> Argument<'v> {
    /// Evaluates `node`. If numbers are needed, adds a fault for every value that is not one.
    pub fn evaluate(
        node: &'v Node,
        needs_number: bool,
        batch: &Batch<'_, 'v>,
        selection: &[u32],
        faults: &mut Faults,
    ) -> Self {
        let mut argument = Argument {
            operand: node.evaluate(batch, selection, faults),
            converted: None,
            numbers: OnceCell::new(),
            arena: batch.arena,
        };
        if needs_number && argument.numbers(selection).is_none() {
            argument.convert(node, selection, faults);
        }
        argument
    }

    /// Wraps computed values.
    pub fn made(values: Vec<Value<'v>>, arena: &'v Bump) -> Self {
        Argument {
            operand: Operand::Made(values),
            converted: None,
            numbers: OnceCell::new(),
            arena,
        }
    }

    fn convert(&mut self, node: &Node, selection: &[u32], faults: &mut Faults) {
        let convert = |(place, &record): (usize, &u32)| {
            let value = self.operand.get(place, record);
            match text::short_number(&value) {
                Some(number) => number.map_or(Value::Null, Value::from),
                None => self.long_number(place, record).unwrap_or_else(|fault| {
                    faults.add(record, fault.about(node.label()));
                    Value::Null
                }),
            }
        };
        self.converted = Some(selection.iter().enumerate().map(convert).collect());
    }

    /// Returns a record's value as a number of any length.
    #[cold]
    fn long_number(&self, place: usize, record: u32) -> Result<Value<'v>, Fault> {
        let number = Real::of(&self.operand.get(place, record))?;
        Ok(number.map_or(Value::Null, |number| number.to_value(self.arena)))
    }

    /// Keeps only the values at these places; `records` are all the records before.
    pub fn settle(&mut self, places: &[u32], records: &[u32]) {
        let value = |&place: &u32| self.operand.get(place as usize, records[place as usize]);
        self.operand = Operand::Made(places.iter().map(value).collect());
        if let Some(values) = &mut self.converted {
            *values = places.iter().map(|&place| values[place as usize]).collect();
        }
        let numbers = self.numbers.take().flatten();
        let places = places.iter().map(|&place| place as usize);
        self.numbers = match numbers {
            Some(numbers) => OnceCell::from(Some(numbers.gather(places, self.arena))),
            None => OnceCell::from(None),
        };
    }

    /// Returns the value of the record at `place`, unchanged.
    #[inline(always)]
    pub fn get(&self, place: usize, record: u32) -> Value<'v> {
        self.operand.get(place, record)
    }

    /// Returns the number of the record at `place`; the argument must have been evaluated as a number.
    #[inline(always)]
    pub fn number(&self, place: usize, record: u32) -> Value<'v> {
        match (self.numbers.get(), &self.converted) {
            (Some(Some(numbers)), _) => numbers.get(place),
            (_, Some(values)) => values[place],
            _ => self.operand.get(place, record),
        }
    }

    /// Returns all values as short numbers, if they all are.
    pub fn numbers(&self, records: &[u32]) -> Option<Numbers<'v>> {
        let numbers = || self.operand.numbers(records, self.arena);
        *self.numbers.get_or_init(numbers)
    }
}
