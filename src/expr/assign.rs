//! Assignments: columns that are set or added, each seeing the ones before it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::ast::{Item, Kind};
use super::columns;
use super::error::ProgramError;
use super::eval::{Batch, Operand};
use super::node::Node;
use super::parse::source_of;
use super::resolve::Scope;
use crate::record::{Faults, Header};

/// Where a column of the output comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// This column of the input.
    Kept(usize),
    /// This assignment.
    Assigned(usize),
}

/// A list of assignments bound to a header.
pub struct Assignments {
    nodes: Vec<Node>,
    outputs: Vec<Output>,
    names: Vec<String>,
}

impl Assignments {
    /// Binds `items` of the program `text` to a header. With `only`, the output is what the items
    /// name and nothing else, and an item may be a bare column or expression.
    pub fn resolve(
        items: &[Item],
        text: &str,
        header: &Header,
        settings: &BTreeMap<String, String>,
        only: bool,
    ) -> Result<Self, ProgramError> {
        let mut assignments = Assignments {
            nodes: Vec::new(),
            outputs: Vec::new(),
            names: Vec::new(),
        };
        if !only {
            assignments.outputs = (0..header.len()).map(Output::Kept).collect();
            assignments.names = header.names().to_vec();
        }
        let scope = Scope {
            text,
            header,
            settings,
        };
        let mut assigned: Vec<(&str, usize)> = Vec::new();
        for item in items {
            let node = scope.resolve_with(&item.expr, &mut |expr| {
                let Kind::Column(name) = &expr.kind else {
                    return Ok(None);
                };
                let earlier = assigned.iter().rev().find(|(earlier, _)| earlier == name);
                Ok(earlier.map(|(name, slot)| Node::slot(*slot, name)))
            })?;
            let name = match (&item.name, only) {
                (Some(name), _) => name.clone(),
                (None, true) => node.as_column().map_or_else(
                    || source_of(&item.expr, text),
                    |column| header.names()[column].clone(),
                ),
                (None, false) => return Err(nameless(item, text)),
            };
            let output = match (&item.name, node.as_column()) {
                (None, Some(column)) => Output::Kept(column),
                _ => {
                    assignments.nodes.push(node);
                    Output::Assigned(assignments.nodes.len() - 1)
                }
            };
            assignments.place(name, output);
            if let (Some(name), Output::Assigned(slot)) = (&item.name, output) {
                assigned.push((name, slot));
            }
        }
        Ok(assignments)
    }

    /// A column that is there is replaced where it stands; a new one comes last.
    fn place(&mut self, name: String, output: Output) {
        match self.names.iter().position(|known| *known == name) {
            Some(place) => self.outputs[place] = output,
            None => {
                self.names.push(name);
                self.outputs.push(output);
            }
        }
    }

    /// Leaves out the columns of this list.
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

    /// The output's names.
    pub fn header(&self) -> Header {
        Header::new(self.names.clone())
    }

    /// Where the output's columns come from.
    pub fn outputs(&self) -> &[Output] {
        &self.outputs
    }

    /// The columns of the input that its expressions look at.
    pub fn columns(&self) -> BTreeSet<usize> {
        let mut columns = BTreeSet::new();
        self.nodes
            .iter()
            .for_each(|node| node.add_columns(&mut columns));
        columns
    }

    /// The values of all assignments for a run of neighbouring records, in their order.
    pub fn evaluate<'v>(
        &'v self,
        batch: &Batch<'_, 'v>,
        selection: &[u32],
        faults: &mut Faults,
    ) -> Vec<Operand<'v>> {
        let mut slots: Vec<Operand<'v>> = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            let batch = Batch {
                slots: &slots,
                first: selection.first().copied().unwrap_or_default(),
                ..*batch
            };
            let values = node.evaluate(&batch, selection, faults);
            slots.push(values);
        }
        slots
    }
}

fn nameless(item: &Item, text: &str) -> ProgramError {
    ProgramError::new(text, item.expr.span.clone(), "an assignment needs a name")
        .with_hint("write 'name = expression'")
}
