//! Binds an aggregation to a header.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Aggregation, Call, FORMAT_COLUMN, Phase, Taken};
use crate::expr::ast::{Expr, ExprKind, Item};
use crate::expr::{Node, ProgramError, Scope, columns, parse};
use crate::fold::functions;
use crate::fold::groups::Groups;
use crate::record::Header;

/// An aggregation as written.
#[derive(Clone, Copy)]
pub struct Program<'p> {
    /// The aggregates.
    pub items: &'p [Item],
    /// Their text.
    pub text: &'p str,
    /// The list of keys.
    pub by: Option<&'p str>,
    /// `--set` values.
    pub settings: &'p BTreeMap<String, String>,
    /// What is read and written.
    pub part: Phase,
}

impl Program<'_> {
    /// Binds a separate expression to a header.
    ///
    /// # Errors
    /// A column or function does not exist; the expression reads no column.
    pub fn resolve_one(&self, text: &str, header: &Header) -> Result<Node, ProgramError> {
        let scope = Scope {
            text,
            header,
            settings: self.settings,
        };
        let expr = parse::expression(text)?;
        match expr.is_constant() {
            true => Err(ProgramError::constant_key(text, &expr)),
            false => scope.resolve(&expr),
        }
    }
}

impl Aggregation {
    /// Binds a program to a header.
    ///
    /// # Errors
    /// A column, function or state does not exist.
    pub fn resolve(
        program: &Program<'_>,
        header: &Header,
        delimiter: u8,
    ) -> Result<Self, ProgramError> {
        let mut aggregation = Aggregation {
            keys: Vec::new(),
            key_names: Vec::new(),
            arguments: Vec::new(),
            calls: Vec::new(),
            outputs: Vec::new(),
            output_names: Vec::new(),
            part: program.part,
            states: None,
            delimiter,
            seed: Groups::seed(),
        };
        if program.part == Phase::First && header.position(FORMAT_COLUMN).is_some() {
            let message = "the input holds states, not records".to_owned();
            let all = 0..program.text.len();
            return Err(ProgramError::new(program.text, all, message)
                .with_hint("--merge --partial puts states together"));
        }
        if let Some(by) = program.by {
            match program.part.reads_states() {
                true => aggregation.find_keys(by, header)?,
                false => aggregation.resolve_keys(by, header, program.settings)?,
            }
        }
        let scope = Scope {
            text: program.text,
            header,
            settings: program.settings,
        };
        let mut known = Known::default();
        known.names.extend(aggregation.key_names.iter().cloned());
        for item in program.items {
            aggregation.resolve_item(item, &scope, &mut known)?;
        }
        if program.part.says_states() {
            aggregation.refuse_clashes(program.by.unwrap_or_default())?;
        }
        if program.part.reads_states() {
            aggregation.find_states(header, program.text)?;
        }
        Ok(aggregation)
    }

    /// Checks that no key has the name of a column of states.
    fn refuse_clashes(&self, by: &str) -> Result<(), ProgramError> {
        let is_own = |name: &&String| {
            *name == FORMAT_COLUMN || self.calls.iter().any(|call| call.source == **name)
        };
        match self.key_names.iter().find(is_own) {
            None => Ok(()),
            Some(name) => {
                let message = format!("'{name}' is a column of the states");
                let error = ProgramError::new(by, 0..by.len(), message);
                Err(error.with_hint("give the key another name: name = expression"))
            }
        }
    }

    /// Finds the keys, by name, among the columns of a stream of states.
    fn find_keys(&mut self, by: &str, header: &Header) -> Result<(), ProgramError> {
        let missing = |name: &str| {
            let message = format!("there is no key '{name}' in these states");
            ProgramError::new(by, 0..by.len(), message).with_hint(format!(
                "columns: {}; --by must be what it was with --partial",
                header.names().join(", ")
            ))
        };
        let mut add = |name: &str| {
            let column = header.position(name).ok_or_else(|| missing(name))?;
            self.keys.push(Node::column(column, name));
            self.key_names.push(name.to_owned());
            Ok(())
        };
        match parse::items(by) {
            Ok(items) => items.iter().try_for_each(|item| match &item.name {
                Some(name) => add(name),
                None => match &item.expr.kind {
                    ExprKind::Column(name) => add(name),
                    _ => add(&parse::source_of(&item.expr, by)),
                },
            }),
            Err(error) => {
                let selected = columns::parse(by)
                    .and_then(|selectors| columns::resolve(&selectors, header.names()))
                    .map_err(|_| error)?;
                selected.iter().try_for_each(|key| add(&key.name))
            }
        }
    }

    /// Finds the columns with the states of the calls.
    fn find_states(&mut self, header: &Header, text: &str) -> Result<(), ProgramError> {
        let find = |name: &str| {
            header.position(name).ok_or_else(|| {
                let message = match name {
                    FORMAT_COLUMN => "the input holds no states".to_owned(),
                    _ => format!("the input holds no states of {name}"),
                };
                ProgramError::new(text, 0..text.len(), message).with_hint(format!(
                    "columns: {}; --merge takes what the same aggregates gave with --partial",
                    header.names().join(", ")
                ))
            })
        };
        let format = find(FORMAT_COLUMN)?;
        let states = self.calls.iter().map(|call| find(&call.source));
        self.states = Some((format, states.collect::<Result<_, _>>()?));
        Ok(())
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

    /// Resolves the list `by` to keys with their names: expressions with or without a name, or a list of columns
    /// with globs and ranges. A constant is not a key, unless it is a label from `--set` (`day = :day`).
    pub(in crate::fold) fn keys(
        by: &str,
        header: &Header,
        settings: &BTreeMap<String, String>,
    ) -> Result<Vec<(String, Node)>, ProgramError> {
        let scope = Scope {
            text: by,
            header,
            settings,
        };
        let is_setting = |expr: &Expr| matches!(expr.kind, ExprKind::Setting(_));
        let as_expressions = parse::items(by).and_then(|items| {
            items
                .iter()
                .map(|item| {
                    let is_label = item.name.is_some() && item.expr.has(&is_setting);
                    if item.expr.is_constant() && !is_label {
                        let error = ProgramError::constant_key(by, &item.expr);
                        return Err(match &item.name {
                            Some(_) => error.with_hint("name = value names a key; to compare, =="),
                            None => error,
                        });
                    }
                    let node = scope.resolve(&item.expr)?.compared();
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
        let mut names = HashSet::new();
        for (name, _) in &keys {
            if !names.insert(name) {
                return Err(ProgramError::new(
                    by,
                    0..by.len(),
                    format!("the key '{name}' stands twice"),
                ));
            }
        }
        Ok(keys)
    }

    fn resolve_item(
        &mut self,
        item: &Item,
        scope: &Scope<'_>,
        known: &mut Known,
    ) -> Result<(), ProgramError> {
        let name = match &item.name {
            Some(name) => name.clone(),
            None => parse::source_of(&item.expr, scope.text),
        };
        if !known.names.insert(name.clone()) {
            let message = format!("the column '{name}' stands twice");
            return Err(ProgramError::new(
                scope.text,
                item.name_span.clone(),
                message,
            ));
        }
        let (calls, arguments) = (&mut self.calls, &mut self.arguments);
        let (keys, part) = (&self.key_names, self.part);
        let output = scope.resolve_with(&item.expr, &mut |expr| match &expr.kind {
            ExprKind::Call { .. } => aggregate_call((expr, scope), part, (calls, arguments), known),
            ExprKind::Column(column) => {
                let error = outside(column, expr, scope.text, keys);
                Err(match item.hint_to_name(scope.text, expr.span.start) {
                    Some(hint) => error.with_hint(hint),
                    None => error,
                })
            }
            _ => Ok(None),
        })?;
        self.outputs.push(output);
        self.output_names.push(name);
        Ok(())
    }
}

/// The names and calls of a program so far, in maps so that a long program is bound in linear time.
#[derive(Default)]
struct Known {
    /// Names of keys and outputs.
    names: HashSet<String>,
    /// Calls by their source.
    calls: HashMap<String, usize>,
    /// Arguments by their source.
    arguments: HashMap<String, usize>,
}

/// If `expr` calls an aggregate, returns the slot of its result.
fn aggregate_call(
    (expr, scope): (&Expr, &Scope<'_>),
    part: Phase,
    (calls, arguments): (&mut Vec<Call>, &mut Vec<Taken>),
    known: &mut Known,
) -> Result<Option<Node>, ProgramError> {
    let ExprKind::Call {
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
    let Some(aggregate) = functions::find(wanted) else {
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
    if let Some(call) = known.calls.get(&source) {
        return Ok(Some(Node::slot(*call, &source)));
    }
    let (mut places, mut constants) = (Vec::new(), Vec::new());
    for (place, argument) in given.iter().enumerate() {
        if place == 0 && argument.is_text() {
            return Err(ProgramError::constant_key(scope.text, argument));
        }
        let inner = &mut |inner: &Expr| within(inner, scope.text);
        let node = scope.resolve_with(argument, inner);
        if part.reads_states() {
            // The records are not available, so only constants can be evaluated.
            constants.push(node.ok().and_then(|node| node.as_constant()));
            continue;
        }
        let spelled = parse::source_of(argument, scope.text);
        let node = node?.compared();
        constants.push(node.as_constant());
        let argument = *known.arguments.entry(spelled).or_insert_with(|| {
            arguments.push(Taken {
                node,
                needs_number: false,
            });
            arguments.len() - 1
        });
        arguments[argument].needs_number |= aggregate.is_numeric(place);
        places.push(argument);
    }
    (aggregate.make)(&constants)
        .map_err(|fault| ProgramError::new(scope.text, expr.span.clone(), fault.to_string()))?;
    known.calls.insert(source.clone(), calls.len());
    calls.push(Call {
        aggregate,
        source: source.clone(),
        arguments: places,
        constants,
    });
    Ok(Some(Node::slot(calls.len() - 1, &source)))
}

/// Rejects an aggregate inside an aggregate.
fn within(expr: &Expr, text: &str) -> Result<Option<Node>, ProgramError> {
    match &expr.kind {
        ExprKind::Call {
            name, arguments, ..
        } if functions::find(name).is_some()
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
