//! Assignments: columns that are replaced or added. Each assignment sees the ones before it.

use std::collections::hash_map::{Entry, HashMap};
use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::ast::{Expr, ExprKind, Item};
use super::batch::{Batch, Operand};
use super::columns;
use super::error::ProgramError;
use super::node::Node;
use super::parse::source_of;
use super::resolve::Scope;
use super::sequence::{self, Call};
use crate::record::{Faults, Header};

/// Where a column of the output comes from.
#[derive(Clone, Copy)]
enum OutputColumn {
    /// A column of the input.
    Kept(usize),
    /// A slot.
    Assigned(usize),
}

/// A part of which an output record is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputPiece {
    /// Input columns from the first to the last, with the delimiters between them.
    Kept(usize, usize),
    /// The value at this position of what [`Assignments::evaluate`] returns.
    Made(usize),
}

/// A list of assignments bound to a header.
pub struct Assignments {
    steps: Vec<SlotFiller>,
    outputs: Vec<OutputColumn>,
    names: Vec<String>,
}

/// Computes the next slot from those before it.
enum SlotFiller {
    Value(Node),
    Call(Call),
}

/// Computes the values of a call for the records of a batch; the implementor knows the earlier records.
pub type Carry<'c, 'v> = dyn FnMut(&'v Call, &Batch<'_, 'v>, &mut Faults) -> Operand<'v> + 'c;

impl Assignments {
    /// Binds `items` of the program `text` to a header. With `only`, the output has just the columns that the items
    /// name, and an item may be a bare column or expression.
    pub fn resolve(
        items: &[Item],
        text: &str,
        header: &Header,
        settings: &BTreeMap<String, String>,
        only: bool,
    ) -> Result<Self, ProgramError> {
        let mut assignments = Assignments {
            steps: Vec::new(),
            outputs: Vec::new(),
            names: Vec::new(),
        };
        if !only {
            assignments.outputs = (0..header.len()).map(OutputColumn::Kept).collect();
            assignments.names = header.names().to_vec();
        }
        let places = assignments.names.iter().cloned().zip(0..);
        let mut places: HashMap<String, usize> = places.collect();
        let mut binding = Binding {
            scope: Scope {
                text,
                header,
                settings,
            },
            assigned: HashMap::new(),
            steps: Vec::new(),
        };
        for item in items {
            let node = binding.resolve(&item.expr)?;
            let name = match (&item.name, only) {
                (Some(name), _) => name.clone(),
                (None, true) => node.as_column().map_or_else(
                    || source_of(&item.expr, text),
                    |column| header.names()[column].clone(),
                ),
                (None, false) => return Err(nameless(item, text)),
            };
            let output = match (&item.name, node.as_column()) {
                (None, Some(column)) => OutputColumn::Kept(column),
                _ => OutputColumn::Assigned(binding.push(SlotFiller::Value(node))),
            };
            assignments.place(name, output, &mut places);
            if let (Some(name), OutputColumn::Assigned(slot)) = (&item.name, output) {
                binding.assigned.insert(name, slot);
            }
        }
        assignments.steps = binding.steps;
        Ok(assignments)
    }

    /// Replaces an existing column in place, or appends a new one. `places` maps each name to its position.
    fn place(&mut self, name: String, output: OutputColumn, places: &mut HashMap<String, usize>) {
        match places.entry(name) {
            Entry::Occupied(place) => self.outputs[*place.get()] = output,
            Entry::Vacant(place) => {
                self.names.push(place.key().clone());
                place.insert(self.outputs.len());
                self.outputs.push(output);
            }
        }
    }

    /// Drops the columns of this list from the output.
    pub fn drop_columns(&mut self, list: &str) -> Result<(), ProgramError> {
        let dropped = columns::resolve(&columns::parse(list)?, &self.names)?;
        let dropped: HashSet<usize> = dropped.iter().map(|column| column.index).collect();
        let is_dropped = |place: usize| dropped.contains(&place);
        let mut place = 0;
        self.outputs.retain(|_| {
            place += 1;
            !is_dropped(place - 1)
        });
        place = 0;
        self.names.retain(|_| {
            place += 1;
            !is_dropped(place - 1)
        });
        match self.names.is_empty() {
            true => Err(ProgramError::new(list, 0..list.len(), "no column is left")),
            false => Ok(()),
        }
    }

    /// The header of the output.
    pub fn header(&self) -> Header {
        Header::new(self.names.clone())
    }

    /// Returns the parts of an output record; neighbouring input columns that stay neighbours are one part.
    pub fn pieces(&self) -> Vec<OutputPiece> {
        let mut pieces = Vec::new();
        for output in &self.outputs {
            match (*output, pieces.last_mut()) {
                (OutputColumn::Kept(column), Some(OutputPiece::Kept(_, last)))
                    if *last + 1 == column =>
                {
                    *last = column;
                }
                (OutputColumn::Kept(column), _) => pieces.push(OutputPiece::Kept(column, column)),
                (OutputColumn::Assigned(slot), _) => pieces.push(OutputPiece::Made(slot)),
            }
        }
        pieces
    }

    /// Returns the largest number of times that one input column is kept.
    pub fn repeats(&self) -> usize {
        let mut times = BTreeMap::new();
        for output in &self.outputs {
            if let OutputColumn::Kept(column) = output {
                *times.entry(column).or_insert(0) += 1;
            }
        }
        times.into_values().max().unwrap_or(0)
    }

    /// Returns the input columns that the expressions read.
    pub fn columns(&self) -> BTreeSet<usize> {
        let mut columns = BTreeSet::new();
        for step in &self.steps {
            match step {
                SlotFiller::Value(node) => node.add_columns(&mut columns),
                SlotFiller::Call(call) => {
                    let arguments = call.arguments.iter();
                    arguments.for_each(|node| node.add_columns(&mut columns));
                }
            }
        }
        columns
    }

    /// Returns the calls that depend on earlier records, in order of evaluation.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.steps.iter().filter_map(|step| match step {
            SlotFiller::Call(call) => Some(call),
            SlotFiller::Value(_) => None,
        })
    }

    /// Evaluates all slots for a run of neighbouring records; `carry` evaluates the calls.
    pub fn evaluate<'v>(
        &'v self,
        batch: &Batch<'_, 'v>,
        selection: &[u32],
        faults: &mut Faults,
        carry: &mut Carry<'_, 'v>,
    ) -> Vec<Operand<'v>> {
        let mut slots: Vec<Operand<'v>> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let batch = Batch {
                slots: &slots,
                first: selection.first().copied().unwrap_or_default(),
                ..*batch
            };
            let values = match step {
                SlotFiller::Value(node) => node.evaluate(&batch, selection, faults),
                SlotFiller::Call(call) => carry(call, &batch, faults),
            };
            slots.push(values);
        }
        slots
    }
}

/// The state of binding a program: what was assigned so far, and to which slot.
struct Binding<'b> {
    scope: Scope<'b>,
    assigned: HashMap<&'b str, usize>,
    steps: Vec<SlotFiller>,
}

impl Binding<'_> {
    fn push(&mut self, step: SlotFiller) -> usize {
        self.steps.push(step);
        self.steps.len() - 1
    }

    fn resolve(&mut self, expr: &Expr) -> Result<Node, ProgramError> {
        let scope = self.scope;
        scope.resolve_with(expr, &mut |expr| match &expr.kind {
            ExprKind::Column(name) => {
                let earlier = self.assigned.get(name.as_str());
                Ok(earlier.map(|slot| Node::slot(*slot, name)))
            }
            ExprKind::Call { .. } => self.call(expr),
            _ => Ok(None),
        })
    }

    /// If `expr` is a call that depends on earlier records, gives it a slot.
    fn call(&mut self, expr: &Expr) -> Result<Option<Node>, ProgramError> {
        let ExprKind::Call {
            name,
            arguments,
            distinct,
            ..
        } = &expr.kind
        else {
            return Ok(None);
        };
        let Some(function) = sequence::find(name) else {
            return Ok(None);
        };
        let signature = (function.parameters, &function.arity);
        let given = (arguments.len(), *distinct);
        self.scope.check_call(expr, name, signature, given)?;
        let arguments = arguments
            .iter()
            .map(|argument| self.resolve(argument))
            .collect::<Result<_, _>>()?;
        let source = source_of(expr, self.scope.text);
        let slot = self.push(SlotFiller::Call(Call {
            function,
            arguments,
            source: source.as_str().into(),
        }));
        Ok(Some(Node::slot(slot, &source)))
    }
}

fn nameless(item: &Item, text: &str) -> ProgramError {
    let error = ProgramError::new(text, item.expr.span.clone(), "an assignment needs a name");
    let hint = item.hint_to_name(text, item.expr.span.start);
    error.with_hint(hint.unwrap_or_else(|| "write 'name = expression'".to_owned()))
}
