//! Conditions over a selection of records: true, false or unknown, as in SQL.

use std::cmp::Ordering;
use std::collections::HashSet;

use bumpalo::Bump;

use super::ast::{Compare, Logic};
use super::batch::{Batch, each};
use super::literal_side::{LiteralSide, equal};
use super::node::{List, Node, NodeKind, Pattern};
use super::regex::compile;
use crate::record::{Fault, Faults, Records, field};
use crate::value::compare::TextLiteral;
use crate::value::numbers::{NULL, small_power};
use crate::value::{Decimal, Number, Numbers, Value, compare, text};

/// The outcome of a condition for one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// It does not hold.
    False,
    /// It holds.
    True,
    /// Null: neither is known.
    Unknown,
}

impl Truth {
    /// Whether it is [`Truth::True`].
    pub fn is_true(self) -> bool {
        self == Truth::True
    }

    pub(super) fn to_value(self) -> Value<'static> {
        match self {
            Truth::False => Value::Bool(false),
            Truth::True => Value::Bool(true),
            Truth::Unknown => Value::Null,
        }
    }

    fn not(self) -> Self {
        match self {
            Truth::False => Truth::True,
            Truth::True => Truth::False,
            Truth::Unknown => Truth::Unknown,
        }
    }

    fn negated_if(self, negated: bool) -> Self {
        if negated { self.not() } else { self }
    }
}

impl From<bool> for Truth {
    fn from(truth: bool) -> Self {
        if truth { Truth::True } else { Truth::False }
    }
}

impl From<Option<bool>> for Truth {
    fn from(truth: Option<bool>) -> Self {
        truth.map_or(Truth::Unknown, Truth::from)
    }
}

impl Node {
    /// Keeps the records in `selection` for which this condition is true.
    pub fn select<'v>(
        &'v self,
        batch: &Batch<'_, 'v>,
        selection: &mut Vec<u32>,
        faults: &mut Faults,
    ) {
        let truths = self.truths(batch, selection, faults);
        // Every record is written, and the next one overwrites it unless it is kept: this avoids an unpredictable
        // branch.
        let mut kept = 0;
        for (place, truth) in truths.into_iter().enumerate() {
            selection[kept] = selection[place];
            kept += usize::from(truth.is_true());
        }
        selection.truncate(kept);
    }

    /// Evaluates this condition for each selected record.
    pub fn truths<'v>(
        &'v self,
        batch: &Batch<'_, 'v>,
        selection: &[u32],
        faults: &mut Faults,
    ) -> Vec<Truth> {
        match &self.kind {
            NodeKind::Not(value) => {
                let truths = value.truths(batch, selection, faults);
                truths.into_iter().map(Truth::not).collect()
            }
            NodeKind::Logic(op, left, right) => logic(*op, left, right, batch, selection, faults),
            NodeKind::Compare(op, left, right) => {
                comparison(*op, left, right, batch, selection, faults)
            }
            NodeKind::Match {
                value,
                pattern,
                negated,
            } => matching(value, pattern, *negated, batch, selection, faults),
            NodeKind::In {
                value,
                list,
                negated,
            } => {
                let truths = contained(value, list, batch, selection, faults);
                truths
                    .into_iter()
                    .map(|truth| truth.negated_if(*negated))
                    .collect()
            }
            NodeKind::IsNull { value, negated } => {
                let values = value.evaluate(batch, selection, faults);
                each(selection, faults, Truth::Unknown, |place, record| {
                    let is_null = matches!(values.get(place, record), Value::Null);
                    Ok(Truth::from(is_null != *negated))
                })
            }
            _ => {
                let values = self.evaluate(batch, selection, faults);
                each(selection, faults, Truth::Unknown, |place, record| {
                    text::is_true(&values.get(place, record))
                        .map(Truth::from)
                        .map_err(|fault| fault.about(&self.label))
                })
            }
        }
    }
}

/// Evaluates the right side only for the records that the left side does not decide.
fn logic<'v>(
    op: Logic,
    left: &'v Node,
    right: &'v Node,
    batch: &Batch<'_, 'v>,
    selection: &[u32],
    faults: &mut Faults,
) -> Vec<Truth> {
    let decided = match op {
        Logic::And => Truth::False,
        Logic::Or => Truth::True,
    };
    let mut truths = left.truths(batch, selection, faults);
    let mut open = Vec::with_capacity(selection.len());
    for (&record, truth) in selection.iter().zip(&truths) {
        if *truth != decided {
            open.push(record);
        }
    }
    let mut answers = right.truths(batch, &open, faults).into_iter();
    for truth in truths.iter_mut().filter(|truth| **truth != decided) {
        let answer = answers.next().unwrap_or(Truth::Unknown);
        // The left side is unknown or does not decide.
        if answer == decided || *truth != Truth::Unknown {
            *truth = answer;
        }
    }
    truths
}

fn holds(op: Compare, order: Ordering) -> bool {
    match op {
        Compare::Equal => order.is_eq(),
        Compare::NotEqual => order.is_ne(),
        Compare::Less => order.is_lt(),
        Compare::LessOrEqual => order.is_le(),
        Compare::Greater => order.is_gt(),
        Compare::GreaterOrEqual => order.is_ge(),
    }
}

/// Returns the operator with the same meaning if the sides are swapped.
fn mirrored(op: Compare) -> Compare {
    match op {
        Compare::Less => Compare::Greater,
        Compare::LessOrEqual => Compare::GreaterOrEqual,
        Compare::Greater => Compare::Less,
        Compare::GreaterOrEqual => Compare::LessOrEqual,
        same => same,
    }
}

fn comparison<'v>(
    op: Compare,
    left: &'v Node,
    right: &'v Node,
    batch: &Batch<'_, 'v>,
    selection: &[u32],
    faults: &mut Faults,
) -> Vec<Truth> {
    if let (Some(records), Some(column), Some(constant)) =
        (batch.records, left.as_column(), right.as_literal())
    {
        if let Some(truths) = column_with_constant(
            op,
            (records, column),
            left,
            constant,
            batch.arena,
            selection,
            faults,
        ) {
            return truths;
        }
    } else if left.as_literal().is_some() && right.as_column().is_some() {
        return comparison(mirrored(op), right, left, batch, selection, faults);
    }
    let literal = LiteralSide::of(left.as_literal(), right.as_literal());
    let is_equality = matches!(op, Compare::Equal | Compare::NotEqual);
    let a = left.evaluate(batch, selection, faults);
    let b = right.evaluate(batch, selection, faults);
    each(selection, faults, Truth::Unknown, |place, record| {
        let (a, b) = (a.get(place, record), b.get(place, record));
        if let Some(order) = literal.and_then(|literal| literal.compare(&a, &b)) {
            return Ok(order.map(|order| holds(op, order)).into());
        }
        let answer = if is_equality {
            compare::equal(&a, &b).map(|equal| equal.map(|equal| equal == (op == Compare::Equal)))
        } else {
            compare::compare(&a, &b).map(|order| order.map(|order| holds(op, order)))
        };
        answer
            .map(Truth::from)
            .map_err(|fault| blame(fault, (left, &a), (right, &b)))
    })
}

/// Compares numbers with a constant in one loop over integers; `None` if the constant does not fit at their scale.
fn numbers_with<'v>(
    op: Compare,
    numbers: Numbers<'v>,
    constant: Decimal,
    arena: &'v Bump,
) -> Option<Vec<Truth>> {
    let least = constant.normalized();
    let numbers = numbers.at_scale(numbers.scale.max(least.scale()), arena)?;
    let power = small_power(numbers.scale.checked_sub(least.scale())?)?;
    let constant = least.small_mantissa()?.checked_mul(power)?;
    let mantissas = numbers.mantissas;
    // One copy of the loop per operator.
    Some(match op {
        Compare::Equal => holding(mantissas, |mantissa| mantissa == constant),
        Compare::NotEqual => holding(mantissas, |mantissa| mantissa != constant),
        Compare::Less => holding(mantissas, |mantissa| mantissa < constant),
        Compare::LessOrEqual => holding(mantissas, |mantissa| mantissa <= constant),
        Compare::Greater => holding(mantissas, |mantissa| mantissa > constant),
        Compare::GreaterOrEqual => holding(mantissas, |mantissa| mantissa >= constant),
    })
}

#[inline(always)]
fn holding(mantissas: &[i64], holds: impl Fn(i64) -> bool) -> Vec<Truth> {
    let truth = |&mantissa: &i64| match mantissa {
        NULL => Truth::Unknown,
        mantissa => holds(mantissa).into(),
    };
    mantissas.iter().map(truth).collect()
}

/// Compares fields with a constant in place, without making values.
fn column_with_constant(
    op: Compare,
    (records, column): (Records<'_>, usize),
    node: &Node,
    constant: Value<'static>,
    arena: &Bump,
    selection: &[u32],
    faults: &mut Faults,
) -> Option<Vec<Truth>> {
    match constant {
        Value::Decimal(decimal) => {
            let numbers = Numbers::of_fields(&records, column, selection, arena);
            if let Some(truths) =
                numbers.and_then(|numbers| numbers_with(op, numbers, decimal, arena))
            {
                return Some(truths);
            }
            let number = Number::Decimal(decimal);
            Some(each(selection, faults, Truth::Unknown, |_, record| {
                let raw = records.field(record as usize, column);
                if raw.is_empty() {
                    return Ok(Truth::Unknown);
                }
                let order = match field::is_quoted(raw) {
                    false => compare::compare_number_literal(raw, &number),
                    true => compare::compare_number_literal(&field::content(raw), &number),
                };
                order
                    .map(|order| holds(op, order).into())
                    .map_err(|fault| fault.about(&node.label))
            }))
        }
        Value::Text(text) if TextLiteral::new(text).is_moment() => {
            let literal = TextLiteral::new(text);
            Some(each(selection, faults, Truth::Unknown, |_, record| {
                let raw = records.field(record as usize, column);
                Ok(match raw {
                    [] => Truth::Unknown,
                    [b'"', ..] => holds(op, literal.compare_field(&field::content(raw))).into(),
                    _ => holds(op, literal.compare_field(raw)).into(),
                })
            }))
        }
        Value::Text(text) => Some(each(selection, faults, Truth::Unknown, |_, record| {
            let raw = records.field(record as usize, column);
            Ok(if raw.is_empty() {
                Truth::Unknown
            } else if field::is_quoted(raw) {
                holds(op, field::content(raw).as_ref().cmp(text)).into()
            } else {
                match op {
                    Compare::Equal => (raw == text).into(),
                    Compare::NotEqual => (raw != text).into(),
                    _ => holds(op, raw.cmp(text)).into(),
                }
            })
        })),
        _ => None,
    }
}

fn matching<'v>(
    value: &'v Node,
    pattern: &'v Pattern,
    negated: bool,
    batch: &Batch<'_, 'v>,
    selection: &[u32],
    faults: &mut Faults,
) -> Vec<Truth> {
    if let (Pattern::Compiled(matcher), Some(records), Some(column)) =
        (pattern, batch.records, value.as_column())
        && let Some(found) = matcher.search(&records, column, selection)
    {
        let truth = |is_found: Option<bool>| is_found.map(|is_found| is_found != negated).into();
        return found.into_iter().map(truth).collect();
    }
    let values = value.evaluate(batch, selection, faults);
    match pattern {
        Pattern::Compiled(matcher) => each(selection, faults, Truth::Unknown, |place, record| {
            let text = text::to_text(&values.get(place, record), batch.arena);
            Ok(text.map(|text| matcher.is_match(text) != negated).into())
        }),
        Pattern::Computed(node) => {
            let patterns = node.evaluate(batch, selection, faults);
            // Patterns from data often repeat from record to record.
            let mut last: Option<(&[u8], regex::bytes::Regex)> = None;
            each(selection, faults, Truth::Unknown, |place, record| {
                let pattern = text::to_text(&patterns.get(place, record), batch.arena);
                let text = text::to_text(&values.get(place, record), batch.arena);
                let (Some(pattern), Some(text)) = (pattern, text) else {
                    return Ok(Truth::Unknown);
                };
                if last.as_ref().is_none_or(|(known, _)| *known != pattern) {
                    let regex = compile(pattern)
                        .map_err(|message| Fault::new(message).about(&node.label))?;
                    last = Some((pattern, regex));
                }
                Ok(last
                    .as_ref()
                    .map(|(_, regex)| regex.is_match(text) != negated)
                    .into())
            })
        }
    }
}

/// Looks up a computed time among texts, which are read as times.
fn is_among_times(time: &Value<'_>, texts: &HashSet<Box<[u8]>>) -> Result<Truth, Fault> {
    for text in texts {
        if compare::equal(time, &Value::Text(text))? == Some(true) {
            return Ok(Truth::True);
        }
    }
    Ok(Truth::False)
}

/// `in`: true if one candidate is equal; unknown if none is, but the value or a candidate is null.
fn contained<'v>(
    value: &'v Node,
    list: &'v List,
    batch: &Batch<'_, 'v>,
    selection: &[u32],
    faults: &mut Faults,
) -> Vec<Truth> {
    let values = value.evaluate(batch, selection, faults);
    match list {
        List::Texts(texts) => each(selection, faults, Truth::Unknown, |place, record| {
            let here = values.get(place, record);
            if here.is_time() {
                return is_among_times(&here, texts).map_err(|fault| fault.about(&value.label));
            }
            let text = text::to_text(&here, batch.arena);
            Ok(text.map(|text| texts.contains(text)).into())
        }),
        List::Numbers(numbers) => each(selection, faults, Truth::Unknown, |place, record| {
            compare::is_among(&values.get(place, record), numbers)
                .map(Truth::from)
                .map_err(|fault| fault.about(&value.label))
        }),
        List::Any(nodes) => {
            let candidates: Vec<_> = nodes
                .iter()
                .map(|node| {
                    (
                        node,
                        LiteralSide::of(value.as_literal(), node.as_literal()),
                        node.evaluate(batch, selection, faults),
                    )
                })
                .collect();
            each(selection, faults, Truth::Unknown, |place, record| {
                let value_here = values.get(place, record);
                let mut answer = Truth::False;
                for (node, literal, candidate) in &candidates {
                    let candidate = candidate.get(place, record);
                    let equal = equal(*literal, &value_here, &candidate)
                        .map_err(|fault| blame(fault, (value, &value_here), (node, &candidate)))?;
                    match equal {
                        Some(true) => return Ok(Truth::True),
                        Some(false) => {}
                        None => answer = Truth::Unknown,
                    }
                }
                Ok(answer)
            })
        }
    }
}

/// Adds the name of the value that caused a comparison to fail.
#[cold]
pub(super) fn blame(
    fault: Fault,
    (left, a): (&Node, &Value<'_>),
    (right, b): (&Node, &Value<'_>),
) -> Fault {
    match compare::is_second_at_fault(a, b) {
        true => fault.about(&right.label),
        false => fault.about(&left.label),
    }
}
