//! Evaluates an expression over selected records of a block. Each operator is one loop over many records, so the
//! tree is walked once per batch, not once per record.
//!
//! A record for which an operator fails gets a fault and continues as null. Records that do not need a part of an
//! expression (a branch of `if`, the right side of `and`) are not selected for it, so they cannot fail there.

use bumpalo::Bump;

use super::ast::Arithmetic;
use super::batch::{Batch, LONG, MOST, Operand, each};
use super::functions::Nulls;
use super::literal_side::{LiteralSide, equal};
use super::node::{Node, NodeKind};
use super::truth::blame;
use crate::record::{Fault, Faults};
use crate::value::{Interval, Number, Numbers, Real, Time, Value, compare, text};

impl Node {
    /// Returns the values for the selected records.
    pub fn evaluate<'v>(
        &'v self,
        batch: &Batch<'_, 'v>,
        selection: &[u32],
        faults: &mut Faults,
    ) -> Operand<'v> {
        match &self.kind {
            NodeKind::Constant(value) | NodeKind::Setting(value) => Operand::Constant(*value),
            NodeKind::Column(column) => match batch.records {
                Some(records) => Operand::Column(records, *column, batch.arena),
                None => Operand::Constant(Value::Null),
            },
            NodeKind::Slot(slot) => {
                let slot = &batch.slots[*slot];
                if let Operand::Numbers(numbers) = slot {
                    let places = selection
                        .iter()
                        .map(|record| (record - batch.first) as usize);
                    return Operand::Numbers(numbers.gather(places, batch.arena));
                }
                let value = |&record: &u32| slot.get((record - batch.first) as usize, record);
                Operand::Made(selection.iter().map(value).collect())
            }
            NodeKind::Negate(value) => self.negate(value, batch, selection, faults),
            NodeKind::Arithmetic(op, left, right) => {
                let left = (&**left, left.evaluate(batch, selection, faults));
                let right = (&**right, right.evaluate(batch, selection, faults));
                let numbers = |operand: &Operand<'v>| operand.numbers(selection, batch.arena);
                if let Some(numbers) = arithmetic_of_numbers(*op, batch.arena, || {
                    Some((numbers(&left.1)?, numbers(&right.1)?))
                }) {
                    return Operand::Numbers(numbers);
                }
                arithmetic(
                    (*op, &self.label),
                    left,
                    right,
                    batch.arena,
                    selection,
                    faults,
                )
            }
            NodeKind::Case {
                subject,
                arms,
                otherwise,
            } => {
                let subject = subject.as_deref();
                case(subject, arms, otherwise, batch, selection, faults)
            }
            NodeKind::Call { .. } => self.call(batch, selection, faults),
            NodeKind::Not(_)
            | NodeKind::Logic(..)
            | NodeKind::Compare(..)
            | NodeKind::Match { .. }
            | NodeKind::In { .. }
            | NodeKind::IsNull { .. } => {
                let truths = self.truths(batch, selection, faults);
                Operand::Made(truths.into_iter().map(|truth| truth.to_value()).collect())
            }
        }
    }

    fn negate<'v>(
        &self,
        value: &'v Node,
        batch: &Batch<'_, 'v>,
        selection: &[u32],
        faults: &mut Faults,
    ) -> Operand<'v> {
        let operand = value.evaluate(batch, selection, faults);
        let numbers = operand.numbers(selection, batch.arena);
        if let Some(negated) = numbers.and_then(|numbers| numbers.negate(batch.arena)) {
            return Operand::Numbers(negated);
        }
        let negated = each(
            selection,
            faults,
            Value::Null,
            |place, record| match operand.get(place, record) {
                Value::Interval(interval) => interval.negate().map(Value::Interval),
                other => match text::short_number(&other) {
                    Some(Some(number)) => Ok(number.negate().into()),
                    Some(None) => Ok(Value::Null),
                    None => negate_long(&operand, (place, record), batch.arena)
                        .map_err(|fault| fault.about(&value.label)),
                },
            },
        );
        Operand::Made(negated)
    }

    fn call<'v>(
        &'v self,
        batch: &Batch<'_, 'v>,
        selection: &[u32],
        faults: &mut Faults,
    ) -> Operand<'v> {
        let NodeKind::Call {
            function,
            body,
            arguments,
        } = &self.kind
        else {
            return Operand::Constant(Value::Null);
        };
        let operands: Vec<_> = arguments
            .iter()
            .map(|argument| argument.evaluate(batch, selection, faults))
            .collect();
        let sees_nulls = function.nulls == Nulls::Sees;
        let mut values = Vec::with_capacity(operands.len());
        let (mut limit, mut left) = (faults.limit(), None);
        let leaves = faults.can_leave();
        let made = each(selection, faults, Value::Null, |place, record| {
            if record >= limit {
                return Ok(Value::Null);
            }
            values.clear();
            values.extend(operands.iter().map(|operand| operand.get(place, record)));
            if !sees_nulls && values.iter().any(|value| matches!(value, Value::Null)) {
                return Ok(Value::Null);
            }
            let value = body(batch.arena, &values);
            if let Ok(Value::Text(text)) = &value
                && text.len() > LONG
                && leaves
                && batch.arena.allocated_bytes() > MOST
            {
                limit = record + 1;
                left = Some(limit);
            }
            value.map_err(|fault| fault.about(&self.label))
        });
        if let Some(left) = left {
            faults.leave_from(left);
        }
        Operand::Made(made)
    }
}

type Named<'n, 'v> = (&'n Node, Operand<'v>);

fn arithmetic<'v>(
    (op, label): (Arithmetic, &str),
    left: Named<'_, 'v>,
    right: Named<'_, 'v>,
    arena: &'v Bump,
    selection: &[u32],
    faults: &mut Faults,
) -> Operand<'v> {
    // One copy of the loop per operator, so that the operator is chosen once, not per record.
    macro_rules! with {
        ($method:ident) => {{
            let long = (op, label, Real::$method as Long, arena);
            with(Number::$method, long, left, right, selection, faults)
        }};
    }
    Operand::Made(match op {
        Arithmetic::Add => with!(add),
        Arithmetic::Subtract => with!(subtract),
        Arithmetic::Multiply => with!(multiply),
        Arithmetic::Divide => with!(divide),
        Arithmetic::WholeDivide => with!(whole_divide),
        Arithmetic::Remainder => with!(remainder),
    })
}

/// An operation on numbers of any length.
type Long = fn(&Real, &Real) -> Result<Real, Fault>;

/// Adds, subtracts or multiplies integers in one loop; `None` if the operator or the operands do not allow it.
fn arithmetic_of_numbers<'v>(
    op: Arithmetic,
    arena: &'v Bump,
    operands: impl FnOnce() -> Option<(Numbers<'v>, Numbers<'v>)>,
) -> Option<Numbers<'v>> {
    let compute = match op {
        Arithmetic::Add => Numbers::add,
        Arithmetic::Subtract => Numbers::subtract,
        Arithmetic::Multiply => Numbers::multiply,
        Arithmetic::Divide | Arithmetic::WholeDivide | Arithmetic::Remainder => return None,
    };
    let (left, right) = operands()?;
    compute(&left, &right, arena)
}

#[inline(always)]
fn with<'v>(
    compute: impl Fn(Number, Number) -> Result<Number, Fault>,
    (op, label, long, arena): (Arithmetic, &str, Long, &'v Bump),
    (left_node, left): Named<'_, 'v>,
    (right_node, right): Named<'_, 'v>,
    selection: &[u32],
    faults: &mut Faults,
) -> Vec<Value<'v>> {
    each(selection, faults, Value::Null, |place, record| {
        let a = left.get(place, record);
        let b = right.get(place, record);
        if a.is_time() || b.is_time() {
            return with_time(op, a, b).map_err(|fault| fault.about(label));
        }
        // The slow path reads the operands again: `a` and `b` stay in registers only if nothing refers to them.
        let long = || {
            let (left, right) = ((left_node, &left), (right_node, &right));
            with_long(long, label, left, right, (place, record), arena)
        };
        let Some(a) = text::short_number(&a) else {
            return long();
        };
        let Some(b) = text::short_number(&b) else {
            return long();
        };
        match (a, b) {
            (Some(a), Some(b)) => match compute(a, b) {
                Ok(result) => Ok(result.into()),
                Err(_) => long(),
            },
            _ => Ok(Value::Null),
        }
    })
}

/// Handles what [`Number`] cannot: an operand or a result that is too long for it, and faults.
#[cold]
fn with_long<'v>(
    compute: Long,
    label: &str,
    (left_node, left): (&Node, &Operand<'v>),
    (right_node, right): (&Node, &Operand<'v>),
    (place, record): (usize, u32),
    arena: &'v Bump,
) -> Result<Value<'v>, Fault> {
    let number = |node: &Node, operand: &Operand<'v>| {
        Real::of(&operand.get(place, record)).map_err(|fault| fault.about(&node.label))
    };
    let (a, b) = (number(left_node, left)?, number(right_node, right)?);
    match (a, b) {
        (Some(a), Some(b)) => match compute(&a, &b) {
            Ok(result) => Ok(result.to_value(arena)),
            Err(fault) => Err(fault.about(label)),
        },
        _ => Ok(Value::Null),
    }
}

#[cold]
fn negate_long<'v>(
    operand: &Operand<'v>,
    (place, record): (usize, u32),
    arena: &'v Bump,
) -> Result<Value<'v>, Fault> {
    let number = Real::of(&operand.get(place, record))?;
    Ok(number.map_or(Value::Null, |number| number.negate().to_value(arena)))
}

/// Arithmetic with a time or an interval on at least one side.
#[cold]
fn with_time<'v>(op: Arithmetic, a: Value<'v>, b: Value<'v>) -> Result<Value<'v>, Fault> {
    let point = |value: Value<'v>| -> Result<Time, Fault> { compare::time(&value) };
    match (op, a, b) {
        (_, Value::Null, _) | (_, _, Value::Null) => Ok(Value::Null),
        (Arithmetic::Add, Value::Interval(a), Value::Interval(b)) => a.add(b).map(Value::Interval),
        (Arithmetic::Subtract, Value::Interval(a), Value::Interval(b)) => {
            a.add(b.negate()?).map(Value::Interval)
        }
        (Arithmetic::Multiply, Value::Interval(interval), factor)
        | (Arithmetic::Multiply, factor, Value::Interval(interval)) => {
            times(interval, factor).map(Value::Interval)
        }
        (Arithmetic::Add, time, Value::Interval(interval))
        | (Arithmetic::Add, Value::Interval(interval), time) => {
            point(time)?.add(interval).map(Value::Time)
        }
        (Arithmetic::Subtract, time, Value::Interval(interval)) => {
            point(time)?.subtract(interval).map(Value::Time)
        }
        (Arithmetic::Subtract, a, b) => point(a)?.difference(&point(b)?).map(Value::Interval),
        _ => Err(Fault::new(format!(
            "'{}' does not work on times",
            op.sign()
        ))),
    }
}

fn times(interval: Interval, factor: Value<'_>) -> Result<Interval, Fault> {
    let whole = text::to_number(&factor)?.and_then(Number::to_i64);
    match whole {
        Some(whole) => interval.multiply(whole),
        None => Err(Fault::new(
            "a length of time is multiplied by integers only",
        )),
    }
}

fn case<'v>(
    subject: Option<&'v Node>,
    arms: &'v [(Node, Node)],
    otherwise: &'v Node,
    batch: &Batch<'_, 'v>,
    selection: &[u32],
    faults: &mut Faults,
) -> Operand<'v> {
    let mut out = vec![Value::Null; selection.len()];
    let mut places: Vec<usize> = (0..selection.len()).collect();
    let mut rest = selection.to_vec();
    let subject_values = subject.map(|subject| subject.evaluate(batch, selection, faults));
    for (when, then) in arms {
        if rest.is_empty() {
            break;
        }
        let truths = match (subject, &subject_values) {
            (Some(node), Some(values)) => {
                let candidate = when.evaluate(batch, &rest, faults);
                let literal = LiteralSide::of(node.as_literal(), when.as_literal());
                each(&rest, faults, false, |place, record| {
                    let value = values.get(places[place], record);
                    let candidate = candidate.get(place, record);
                    equal(literal, &value, &candidate)
                        .map(|equal| equal == Some(true))
                        .map_err(|fault| blame(fault, (node, &value), (when, &candidate)))
                })
            }
            _ => {
                let truths = when.truths(batch, &rest, faults);
                truths
                    .into_iter()
                    .map(super::truth::Truth::is_true)
                    .collect()
            }
        };
        let (mut taken, mut taken_places) = (vec![], vec![]);
        let (mut left, mut left_places) = (vec![], vec![]);
        for (place, is_taken) in truths.into_iter().enumerate() {
            let (records, target) = match is_taken {
                true => (&mut taken, &mut taken_places),
                false => (&mut left, &mut left_places),
            };
            records.push(rest[place]);
            target.push(places[place]);
        }
        scatter(then, batch, &taken, &taken_places, &mut out, faults);
        (rest, places) = (left, left_places);
    }
    scatter(otherwise, batch, &rest, &places, &mut out, faults);
    Operand::Made(out)
}

/// Evaluates `node` for `records` and writes the values to `places` of `out`.
fn scatter<'v>(
    node: &'v Node,
    batch: &Batch<'_, 'v>,
    records: &[u32],
    places: &[usize],
    out: &mut [Value<'v>],
    faults: &mut Faults,
) {
    let values = node.evaluate(batch, records, faults);
    for (place, (&record, &target)) in records.iter().zip(places).enumerate() {
        out[target] = values.get(place, record);
    }
}
