//! A whole aggregation: keys, aggregates, and the expressions over them, over a stream.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bumpalo::Bump;

use super::groups::Groups;
use super::{Accumulator, Aggregate, Argument, Batch as Absorbed};
use crate::expr::ast::{Expr, Item, Kind};
use crate::expr::{BATCH, Batch, Node, Operand, ProgramError, Scope, columns, parse};
use crate::record::{Fault, Faults, Header, Layout, Records};
use crate::value::{Value, text};

/// What to compute of each group, bound to a header.
pub struct Aggregation {
    keys: Vec<Node>,
    key_names: Vec<String>,
    /// What the calls take in; equal ones are evaluated once.
    arguments: Vec<Taken>,
    calls: Vec<Call>,
    outputs: Vec<Node>,
    output_names: Vec<String>,
    delimiter: u8,
    seed: [u64; 2],
}

/// An argument of one call or several.
struct Taken {
    node: Node,
    /// As written.
    spelled: String,
    /// Whether a call needs numbers.
    needs_number: bool,
}

/// One call of an aggregate function.
struct Call {
    aggregate: &'static Aggregate,
    /// The call as written: equal ones are computed once.
    source: String,
    /// Which arguments it takes in.
    arguments: Vec<usize>,
}

impl Aggregation {
    /// Binds the aggregates `items` of the program `text`, grouped by the list `by`.
    pub fn resolve(
        (items, text): (&[Item], &str),
        by: Option<&str>,
        header: &Header,
        settings: &BTreeMap<String, String>,
        delimiter: u8,
    ) -> Result<Self, ProgramError> {
        let mut aggregation = Aggregation {
            keys: Vec::new(),
            key_names: Vec::new(),
            arguments: Vec::new(),
            calls: Vec::new(),
            outputs: Vec::new(),
            output_names: Vec::new(),
            delimiter,
            seed: Groups::seed(),
        };
        if let Some(by) = by {
            aggregation.resolve_keys(by, header, settings)?;
        }
        let scope = Scope {
            text,
            header,
            settings,
        };
        for item in items {
            aggregation.resolve_item(item, &scope)?;
        }
        Ok(aggregation)
    }

    fn resolve_keys(
        &mut self,
        by: &str,
        header: &Header,
        settings: &BTreeMap<String, String>,
    ) -> Result<(), ProgramError> {
        (self.key_names, self.keys) = Self::keys(by, header, settings)?.into_iter().unzip();
        Ok(())
    }

    /// The keys of the list `by`, with their names: expressions with or without a name, or a list
    /// of columns with globs and ranges.
    pub(super) fn keys(
        by: &str,
        header: &Header,
        settings: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, Node)>, ProgramError> {
        let scope = Scope {
            text: by,
            header,
            settings,
        };
        let as_expressions = parse::items(by).and_then(|items| {
            items
                .iter()
                .map(|item| {
                    let node = scope.resolve(&item.expr)?;
                    let name = item.name.clone().unwrap_or_else(|| node.label().to_owned());
                    Ok((name, node))
                })
                .collect::<Result<Vec<_>, _>>()
        });
        let keys: Vec<(String, Node)> = as_expressions.or_else(|error| {
            let selected = columns::parse(by)
                .and_then(|selectors| columns::resolve(&selectors, header.names()))
                .map_err(|_| error)?;
            let column = |selected: columns::Selected| {
                let node = Node::column(selected.index, &header.names()[selected.index]);
                (selected.name, node)
            };
            Ok(selected.into_iter().map(column).collect())
        })?;
        for (place, (name, _)) in keys.iter().enumerate() {
            if keys[..place].iter().any(|(earlier, _)| earlier == name) {
                return Err(ProgramError::new(
                    by,
                    0..by.len(),
                    format!("the key '{name}' stands twice"),
                ));
            }
        }
        Ok(keys)
    }

    fn resolve_item(&mut self, item: &Item, scope: &Scope<'_>) -> Result<(), ProgramError> {
        let name = match &item.name {
            Some(name) => name.clone(),
            None => parse::source_of(&item.expr, scope.text),
        };
        if self.key_names.contains(&name) || self.output_names.contains(&name) {
            let message = format!("the column '{name}' stands twice");
            return Err(ProgramError::new(
                scope.text,
                item.name_span.clone(),
                message,
            ));
        }
        let (calls, arguments) = (&mut self.calls, &mut self.arguments);
        let keys = &self.key_names;
        let output = scope.resolve_with(&item.expr, &mut |expr| match &expr.kind {
            Kind::Call { .. } => aggregate_call(expr, scope, (calls, arguments)),
            Kind::Column(column) => Err(outside(column, expr, scope.text, keys)),
            _ => Ok(None),
        })?;
        self.outputs.push(output);
        self.output_names.push(name);
        Ok(())
    }

    /// The output's names: keys, then aggregates.
    pub fn header(&self) -> Header {
        let names = self.key_names.iter().chain(&self.output_names);
        Header::new(names.cloned().collect())
    }

    /// The fields that it looks at, of records of so many.
    pub fn layout(&self, columns: usize) -> Layout {
        let mut looked_at = BTreeSet::new();
        let arguments = self.arguments.iter().map(|argument| &argument.node);
        for node in self.keys.iter().chain(arguments) {
            node.add_columns(&mut looked_at);
        }
        match looked_at.is_empty() {
            true => Layout::counting(columns),
            false => Layout::of(
                columns,
                looked_at.into_iter().map(|column| (column, column)),
            ),
        }
    }

    /// No groups yet; without keys, the one group of all records.
    pub fn start(&self) -> Result<State, Fault> {
        let accumulators = self
            .calls
            .iter()
            .map(|call| (call.aggregate.make)(&constants(&self.arguments, &call.arguments)))
            .collect::<Result<_, _>>()?;
        let mut state = State {
            groups: Groups::new(self.seed),
            accumulators,
            arena: Bump::new(),
            selection: Vec::new(),
        };
        if self.keys.is_empty() {
            state.groups.find(&[], (0, 0), self.delimiter);
            state.grow();
        }
        Ok(state)
    }

    /// Takes in a block of records.
    pub fn absorb(&self, state: &mut State, records: &Records<'_>, faults: &mut Faults) {
        let mut selection = std::mem::take(&mut state.selection);
        faults.select_all(&mut selection);
        for chunk in selection.chunks(BATCH) {
            state.arena.reset();
            self.absorb_batch(state, records, chunk, faults);
        }
        state.selection = selection;
    }

    fn absorb_batch(
        &self,
        state: &mut State,
        records: &Records<'_>,
        selection: &[u32],
        faults: &mut Faults,
    ) {
        let State {
            groups,
            accumulators,
            arena,
            ..
        } = state;
        let batch = Batch::over(*records, arena);
        let keys: Vec<_> = self
            .keys
            .iter()
            .map(|key| key.evaluate(&batch, selection, faults))
            .collect();
        let mut arguments: Vec<_> = self
            .arguments
            .iter()
            .map(|taken| {
                let Taken {
                    node, needs_number, ..
                } = taken;
                Argument::evaluate(node, *needs_number, &batch, selection, faults)
            })
            .collect();
        let (mut sound, mut places) = (Cow::Borrowed(selection), None);
        if !faults.is_empty() {
            faults.settle(sound.to_mut());
            let is_sound = |place: &u32| sound.binary_search(&selection[*place as usize]).is_ok();
            let left: Vec<u32> = (0..selection.len() as u32).filter(is_sound).collect();
            arguments
                .iter_mut()
                .for_each(|argument| argument.settle(&left, selection));
            places = Some(left);
        }
        let block = records.place().sequence;
        let numbers = find_groups(
            groups,
            &keys,
            (&sound, places.as_deref()),
            block,
            self.delimiter,
        );
        for (call, accumulator) in self.calls.iter().zip(accumulators) {
            let arguments: Vec<_> = call
                .arguments
                .iter()
                .map(|&place| &arguments[place])
                .collect();
            accumulator.grow(groups.count());
            accumulator.absorb(&Absorbed {
                groups: &numbers,
                block,
                records: &sound,
                arguments: &arguments,
            });
        }
    }

    /// Joins the states of all threads.
    pub fn join(&self, states: Vec<State>) -> Result<State, Fault> {
        let mut states = states.into_iter();
        let mut whole = match states.next() {
            Some(first) => first,
            None => self.start()?,
        };
        for state in states {
            let map = whole.groups.merge(&state.groups);
            whole.grow();
            for (mine, theirs) in whole.accumulators.iter_mut().zip(state.accumulators) {
                mine.merge(theirs, &map);
            }
        }
        Ok(whole)
    }

    /// Writes the groups as records, in the order of their first records; `emit` takes them in
    /// portions.
    pub fn finish(
        &self,
        state: &State,
        emit: &mut dyn FnMut(&[u8], u64) -> anyhow::Result<bool>,
    ) -> anyhow::Result<()> {
        let order = state.groups.in_order();
        let mut out = Vec::new();
        let mut arena = Bump::new();
        for groups in order.chunks(BATCH) {
            out.clear();
            arena.reset();
            self.write(state, groups, &arena, &mut out)?;
            if !emit(&out, groups.len() as u64)? {
                break;
            }
        }
        Ok(())
    }

    fn write(
        &self,
        state: &State,
        groups: &[u32],
        arena: &Bump,
        out: &mut Vec<u8>,
    ) -> anyhow::Result<()> {
        let mut slots = Vec::with_capacity(self.calls.len());
        for (call, accumulator) in self.calls.iter().zip(&state.accumulators) {
            let mut values = Vec::with_capacity(groups.len());
            for &group in groups {
                let value = accumulator
                    .finish(group, arena)
                    .map_err(|fault| self.in_group(state, group, fault.about(&call.source)))?;
                values.push(value);
            }
            slots.push(Operand::Made(values));
        }
        let batch = Batch {
            records: None,
            slots: &slots,
            first: 0,
            arena,
        };
        let selection: Vec<u32> = (0..groups.len() as u32).collect();
        let mut faults = Faults::new(crate::record::OnFault::Fail, groups.len());
        let columns: Vec<Operand<'_>> = self
            .outputs
            .iter()
            .map(|output| output.evaluate(&batch, &selection, &mut faults))
            .collect();
        if let Some((place, fault)) = faults.into_list().into_iter().next() {
            return Err(self.in_group(state, groups[place as usize], fault).into());
        }
        for (place, &group) in groups.iter().enumerate() {
            state.groups.write_fields(group, out, self.delimiter);
            for (number, column) in columns.iter().enumerate() {
                if number > 0 || !self.keys.is_empty() {
                    out.push(self.delimiter);
                }
                text::write_value(&column.get(place, place as u32), out, self.delimiter);
            }
            out.push(b'\n');
        }
        Ok(())
    }

    fn in_group(&self, state: &State, group: u32, fault: Fault) -> Fault {
        if self.keys.is_empty() {
            return fault;
        }
        let mut keys = Vec::new();
        state.groups.write_fields(group, &mut keys, self.delimiter);
        let keys = String::from_utf8_lossy(&keys).into_owned();
        fault.about(&format!("group '{keys}'"))
    }
}

/// The group of each record. `places` are those of the records in the operands, where they are not
/// all.
pub(super) fn find_groups(
    groups: &mut Groups,
    keys: &[Operand<'_>],
    (sound, places): (&[u32], Option<&[u32]>),
    block: u64,
    delimiter: u8,
) -> Vec<u32> {
    if let ([Operand::Column(records, column, arena)], None) = (keys, places) {
        return groups.find_fields((records, *column, arena), (block, sound), delimiter);
    }
    let place = |nth: usize| places.map_or(nth, |places| places[nth] as usize);
    match keys {
        [] => vec![0; sound.len()],
        _ => {
            let mut values = Vec::with_capacity(keys.len() * sound.len());
            for (nth, &record) in sound.iter().enumerate() {
                values.extend(keys.iter().map(|key| key.get(place(nth), record)));
            }
            groups.find_all(&values, keys.len(), (block, sound), delimiter)
        }
    }
}

/// The values of a call's arguments that are the same for every record.
fn constants(arguments: &[Taken], of: &[usize]) -> Vec<Option<Value<'static>>> {
    of.iter()
        .map(|&place| arguments[place].node.as_constant())
        .collect()
}

/// The slot of an aggregate's result, where `expr` calls one.
fn aggregate_call(
    expr: &Expr,
    scope: &Scope<'_>,
    (calls, arguments): (&mut Vec<Call>, &mut Vec<Taken>),
) -> Result<Option<Node>, ProgramError> {
    let Kind::Call {
        name,
        arguments: given,
        distinct,
        ..
    } = &expr.kind
    else {
        return Ok(None);
    };
    let wanted = match (name.as_str(), distinct) {
        ("count", true) => "count_distinct",
        (name, _) => name,
    };
    let Some(aggregate) = super::find(wanted) else {
        return Ok(None);
    };
    if !aggregate.arity.contains(&given.len()) {
        if crate::expr::functions::find(name)
            .is_some_and(|function| function.arity.contains(&given.len()))
        {
            return Ok(None);
        }
        let message = format!(
            "{name}({}) does not take {}",
            aggregate.parameters,
            crate::record::counted(given.len(), "argument")
        );
        return Err(ProgramError::new(scope.text, expr.span.clone(), message));
    }
    if *distinct && name != "count" {
        let message = format!("{name}(distinct ...) is not known; only count(distinct x) is");
        return Err(ProgramError::new(scope.text, expr.span.clone(), message));
    }
    let source = parse::source_of(expr, scope.text);
    if let Some(known) = calls.iter().position(|call| call.source == source) {
        return Ok(Some(Node::slot(known, &source)));
    }
    let mut places = Vec::with_capacity(given.len());
    for (place, argument) in given.iter().enumerate() {
        let spelled = parse::source_of(argument, scope.text);
        let known = arguments.iter().position(|taken| taken.spelled == spelled);
        let known = match known {
            Some(known) => known,
            None => {
                let inner = &mut |inner: &Expr| within(inner, scope.text);
                arguments.push(Taken {
                    node: scope.resolve_with(argument, inner)?,
                    spelled,
                    needs_number: false,
                });
                arguments.len() - 1
            }
        };
        arguments[known].needs_number |= aggregate.is_numeric(place);
        places.push(known);
    }
    (aggregate.make)(&constants(arguments, &places))
        .map_err(|fault| ProgramError::new(scope.text, expr.span.clone(), fault.to_string()))?;
    calls.push(Call {
        aggregate,
        source: source.clone(),
        arguments: places,
    });
    Ok(Some(Node::slot(calls.len() - 1, &source)))
}

/// Refuses an aggregate inside an aggregate.
fn within(expr: &Expr, text: &str) -> Result<Option<Node>, ProgramError> {
    match &expr.kind {
        Kind::Call {
            name, arguments, ..
        } if super::find(name).is_some()
            && crate::expr::functions::find(name)
                .is_none_or(|function| !function.arity.contains(&arguments.len())) =>
        {
            let message = format!("'{name}' is an aggregate inside an aggregate");
            Err(ProgramError::new(text, expr.span.clone(), message))
        }
        _ => Ok(None),
    }
}

fn outside(column: &str, expr: &Expr, text: &str, keys: &[String]) -> ProgramError {
    let message = format!("the column '{column}' stands outside an aggregate");
    let hint = match keys.iter().any(|key| key == column) {
        true => format!("'{column}' is a column of the output already; leave it out here"),
        false => {
            format!("group by it (--by {column}), or say which of its values: first({column})")
        }
    };
    ProgramError::new(text, expr.span.clone(), message).with_hint(hint)
}

/// The groups of one thread and their states.
pub struct State {
    groups: Groups,
    accumulators: Vec<Box<dyn Accumulator>>,
    arena: Bump,
    selection: Vec<u32>,
}

impl State {
    fn grow(&mut self) {
        for accumulator in &mut self.accumulators {
            accumulator.grow(self.groups.count());
        }
    }
}
