//! Numbers: rounding, roots, logarithms, smallest and greatest.

use std::cmp::Ordering;

use bumpalo::Bump;

use super::argument::{integer, real, whole};
use super::{Body, Function, MakeFault, Yields, body};
use crate::record::Fault;
use crate::value::decimal::Rounding;
use crate::value::text::{quoted, short_number};
use crate::value::{Number, Real, Value, order};

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "abs",
        "x",
        1..=1,
        "the distance from zero",
        ("abs(-1.5)", "1.5"),
        |_| of_one(|x| Ok(x.abs()), |x| Ok(x.abs())),
    ),
    Function::new(
        "round",
        "x[, places]",
        1..=2,
        "to the nearest with so many places behind the point; a half goes away from zero",
        ("round(2.345, 2)", "2.35"),
        |_| rounded(Rounding::HalfAway),
    ),
    Function::new(
        "floor",
        "x",
        1..=1,
        "the greatest integer not above x",
        ("floor(-1.5)", "-2"),
        |_| rounded(Rounding::Floor),
    ),
    Function::new(
        "ceil",
        "x",
        1..=1,
        "the least integer not below x",
        ("ceil(-1.5)", "-1"),
        |_| rounded(Rounding::Ceiling),
    )
    .also(&["ceiling"]),
    Function::new(
        "trunc",
        "x[, places]",
        1..=2,
        "cut to so many places behind the point",
        ("trunc(2.349, 2)", "2.34"),
        |_| rounded(Rounding::Truncate),
    )
    .also(&["truncate"]),
    Function::new(
        "sign",
        "x",
        1..=1,
        "-1, 0 or 1",
        ("sign(-1.5)", "-1"),
        |_| {
            body(|_, arguments| {
                let x = real(&arguments[0])?;
                Ok(whole(if x.is_zero() {
                    0
                } else {
                    1 - 2 * i64::from(x.is_negative())
                }))
            })
        },
    ),
    Function::new(
        "mod",
        "x, y",
        2..=2,
        "what x / y leaves, with the sign of x, as x % y",
        ("mod(-7, 3)", "-1"),
        |_| of_two(Number::remainder, Real::remainder),
    ),
    Function::new(
        "div",
        "x, y",
        2..=2,
        "x / y without its fraction, as x // y",
        ("div(-7, 2)", "-3"),
        |_| of_two(Number::whole_divide, Real::whole_divide),
    ),
    Function::new(
        "power",
        "x, y",
        2..=2,
        "x to the power of y",
        ("power(1.1, 2)", "1.21"),
        |_| of_two(Number::power, Real::power),
    )
    .also(&["pow"]),
    Function::new(
        "sqrt",
        "x",
        1..=1,
        "the square root",
        ("sqrt(6.25)", "2.5"),
        |_| of_one(Number::sqrt, Real::sqrt),
    ),
    Function::new(
        "exp",
        "x",
        1..=1,
        "e to the power of x",
        ("exp(0)", "1"),
        |_| of_one(|x| exp(x.to_f64()), |x| exp(x.to_f64()).map(Real::Number)),
    ),
    Function::new(
        "ln",
        "x",
        1..=1,
        "the natural logarithm",
        ("ln(1)", "0"),
        |_| logarithm(pxfm::f_log),
    ),
    Function::new(
        "log",
        "x",
        1..=1,
        "the logarithm to base 10",
        ("log(1000)", "3"),
        |_| logarithm(pxfm::f_log10),
    )
    .also(&["log10"]),
    Function::new(
        "log2",
        "x",
        1..=1,
        "the logarithm to base 2",
        ("log2(8)", "3"),
        |_| logarithm(pxfm::f_log2),
    ),
    Function::new(
        "greatest",
        "value, value, ...",
        2..=usize::MAX,
        "the greatest of the values; nulls are left out",
        ("greatest(1, 10, null)", "10"),
        |_| extreme(Ordering::Greater),
    )
    .yielding(Yields::Compared)
    .also(&["max"])
    .seeing_nulls(),
    Function::new(
        "least",
        "value, value, ...",
        2..=usize::MAX,
        "the least of the values; nulls are left out",
        ("least(1, 10, null)", "1"),
        |_| extreme(Ordering::Less),
    )
    .yielding(Yields::Compared)
    .also(&["min"])
    .seeing_nulls(),
];

/// A function of one number. `long` is used if the argument or the result needs more than 38 digits, and to report
/// errors.
fn of_one(
    compute: fn(Number) -> Result<Number, Fault>,
    long: fn(&Real) -> Result<Real, Fault>,
) -> Result<Body, MakeFault> {
    body(move |arena, arguments| {
        if let Some(Some(x)) = short_number(&arguments[0]) {
            match compute(x) {
                Ok(result) => return Ok(result.into()),
                Err(_) => return of_one_long(long, arguments, arena),
            }
        }
        of_one_long(long, arguments, arena)
    })
}

#[cold]
fn of_one_long<'v>(
    compute: fn(&Real) -> Result<Real, Fault>,
    arguments: &[Value<'v>],
    arena: &'v Bump,
) -> Result<Value<'v>, Fault> {
    Ok(compute(&real(&arguments[0])?)?.to_value(arena))
}

/// A function of two numbers; see [`of_one`].
fn of_two(
    compute: fn(Number, Number) -> Result<Number, Fault>,
    long: fn(&Real, &Real) -> Result<Real, Fault>,
) -> Result<Body, MakeFault> {
    body(move |arena, arguments| {
        if let Some(Some(x)) = short_number(&arguments[0])
            && let Some(Some(y)) = short_number(&arguments[1])
        {
            match compute(x, y) {
                Ok(result) => return Ok(result.into()),
                Err(_) => return of_two_long(long, arguments, arena),
            }
        }
        of_two_long(long, arguments, arena)
    })
}

#[cold]
fn of_two_long<'v>(
    compute: fn(&Real, &Real) -> Result<Real, Fault>,
    arguments: &[Value<'v>],
    arena: &'v Bump,
) -> Result<Value<'v>, Fault> {
    let (x, y) = (real(&arguments[0])?, real(&arguments[1])?);
    Ok(compute(&x, &y)?.to_value(arena))
}

fn exp(x: f64) -> Result<Number, Fault> {
    Number::from_f64(pxfm::f_exp(x))
}

fn rounded(rounding: Rounding) -> Result<Body, MakeFault> {
    body(move |arena, arguments| {
        // No number has digits beyond these places.
        let places = match arguments.get(1) {
            Some(places) => integer(places)?.clamp(-1000, 1000) as i32,
            None => 0,
        };
        if let Some(Some(x)) = short_number(&arguments[0]) {
            match x.round_by(places, rounding) {
                Ok(result) => return Ok(result.into()),
                Err(_) => return round_long(arguments, places, rounding, arena),
            }
        }
        round_long(arguments, places, rounding, arena)
    })
}

#[cold]
fn round_long<'v>(
    arguments: &[Value<'v>],
    places: i32,
    rounding: Rounding,
    arena: &'v Bump,
) -> Result<Value<'v>, Fault> {
    let result = real(&arguments[0])?.round_by(places, rounding)?;
    Ok(result.to_value(arena))
}

fn logarithm(compute: fn(f64) -> f64) -> Result<Body, MakeFault> {
    body(move |_, arguments| {
        let x = real(&arguments[0])?;
        if x.is_zero() || x.is_negative() {
            let culprit = quoted(&arguments[0]);
            return Err(Fault::new(format!(
                "{culprit} has no logarithm: it is not above zero"
            )));
        }
        Ok(Number::from_f64(compute(x.to_double()?.to_f64()))?.into())
    })
}

/// Returns the greatest or least of the values, skipping nulls; null if all are null.
fn extreme(wanted: Ordering) -> Result<Body, MakeFault> {
    body(move |_, arguments| {
        let mut best = Value::Null;
        for value in arguments {
            let is_better = match (value, best) {
                (Value::Null, _) => false,
                (_, Value::Null) => true,
                _ => order::compare(value, &best) == wanted,
            };
            if is_better {
                best = *value;
            }
        }
        Ok(best)
    })
}
