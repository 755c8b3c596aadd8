//! Long numbers against an independent big-decimal.

use std::str::FromStr;

use bigdecimal::{BigDecimal, RoundingMode};
use proptest::prelude::*;

use super::*;
use crate::value::compare;
use crate::value::identity::write_identity;

/// Texts of numbers with up to 1,000 digits before and after the point, with and without exponent.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => "-?[0-9]{1,20}(\\.[0-9]{1,20})?",
        2 => "-?[0-9]{1,100}(\\.[0-9]{1,100})?",
        2 => "[-+]?[0-9]{1,1000}(\\.[0-9]{1,1000})?",
        1 => "-?[1-9]0{0,500}[0-9](\\.0{1,500}[0-9])?0{0,5}",
        1 => "-?9{1,1000}(\\.9{1,1000})?",
        1 => "-?[0-9]{1,20}(\\.[0-9]{1,20})?[eE][-+]?[0-9]{1,3}",
    ]
}

fn real(text: &str) -> Result<Real, Fault> {
    Ok(Real::of(&Value::Raw(text.as_bytes()))?.unwrap())
}

fn big(text: &str) -> BigDecimal {
    BigDecimal::from_str(text).unwrap()
}

/// The digits of the oracle's number, if there are at most 1,000 on both sides of the point.
fn plain(number: &BigDecimal) -> Option<String> {
    let text = number.normalized().to_plain_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    (whole.trim_start_matches('-').len() <= 1000 && fraction.len() <= 1000).then_some(text)
}

/// The digits of ours as the stream has them; `None` for an error about the number of digits.
fn written(number: Result<Real, Fault>) -> Option<String> {
    match number {
        Ok(number) => {
            let (arena, mut out) = (Bump::new(), Vec::new());
            text::write_value(&number.to_value(&arena), &mut out, b',');
            Some(String::from_utf8(out).unwrap())
        }
        Err(fault) => {
            assert!(
                fault.to_string().contains("more than 1,000 digits"),
                "{fault}"
            );
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn what_is_read_is_written(text in texts()) {
        prop_assert_eq!(written(real(&text)), plain(&big(&text)));
    }

    #[test]
    fn sums_differences_and_products_are_exact(a in texts(), b in texts()) {
        let (Ok(x), Ok(y)) = (real(&a), real(&b)) else { return Ok(()) };
        let (a, b) = (big(&a), big(&b));
        prop_assert_eq!(written(x.add(&y)), plain(&(&a + &b)));
        prop_assert_eq!(written(x.subtract(&y)), plain(&(&a - &b)));
        prop_assert_eq!(written(x.multiply(&y)), plain(&(&a * &b)));
        prop_assert_eq!(written(Ok(x.negate())), plain(&-&a));
        prop_assert_eq!(written(Ok(x.abs())), plain(&a.abs()));
    }

    #[test]
    fn whole_quotient_and_rest_make_the_dividend(a in texts(), b in texts()) {
        let (Ok(x), Ok(y)) = (real(&a), real(&b)) else { return Ok(()) };
        prop_assume!(!y.is_zero());
        let rest = x.remainder(&y).unwrap();
        prop_assert!(rest.abs().compare(&y.abs()).is_lt());
        prop_assert!(rest.is_zero() || rest.is_negative() == x.is_negative());
        if let Ok(whole) = x.whole_divide(&y) {
            prop_assert!(whole.is_integer());
            let whole = big(&written(Ok(whole)).unwrap());
            let rest = big(&written(Ok(rest)).unwrap());
            prop_assert_eq!(whole * big(&b) + rest, big(&a));
        }
    }

    #[test]
    fn rounding_agrees(a in texts(), digits in -60i32..60) {
        let Ok(x) = real(&a) else { return Ok(()) };
        let modes = [
            (Rounding::HalfAway, RoundingMode::HalfUp),
            (Rounding::Floor, RoundingMode::Floor),
            (Rounding::Ceiling, RoundingMode::Ceiling),
            (Rounding::Truncate, RoundingMode::Down),
        ];
        for (ours, theirs) in modes {
            let oracle = big(&a).with_scale_round(digits.into(), theirs);
            prop_assert_eq!(written(x.round_by(digits, ours)), plain(&oracle), "{:?}", ours);
        }
    }

    #[test]
    fn order_and_identity_are_those_of_the_value(a in texts(), b in texts(), is_same: bool) {
        let b = if is_same { format!("{a}{}", if a.contains('.') && !a.contains(['e', 'E']) { "000" } else { "" }) } else { b };
        let (Ok(x), Ok(y)) = (real(&a), real(&b)) else { return Ok(()) };
        let oracle = big(&a).cmp(&big(&b));
        prop_assert_eq!(x.compare(&y), oracle);
        let arena = Bump::new();
        let (x, y) = (x.to_value(&arena), y.to_value(&arena));
        prop_assert_eq!(compare::compare(&x, &y), Ok(Some(oracle)));
        prop_assert_eq!(compare::compare(&x, &Value::Raw(b.as_bytes())), Ok(Some(oracle)));
        prop_assert_eq!(compare::compare(&Value::Text(a.as_bytes()), &y), Ok(Some(oracle)));
        let identity = |value| {
            let mut out = Vec::new();
            write_identity(&value, &mut out);
            out
        };
        prop_assert_eq!(identity(x) == identity(y), oracle.is_eq());
        if parse::is_plain(a.as_bytes()) {
            prop_assert_eq!(identity(x), identity(Value::Raw(a.as_bytes())));
        }
    }

    #[test]
    fn the_nearest_double_is_that_of_the_text(a in texts()) {
        let Ok(x) = real(&a) else { return Ok(()) };
        prop_assert_eq!(x.to_f64(), a.parse::<f64>().unwrap());
    }
}

fn shown(number: Result<Real, Fault>) -> String {
    number.map_or_else(|fault| fault.to_string(), |number| number.to_string())
}

#[test]
fn past_38_digits_nothing_is_rounded() {
    let number = |text: &str| real(text).unwrap();
    let nines = "99999999999999999999999999999999999999";
    let cases = [
        (
            number("0.333333333333333333").add(&number("123456789012345678901")),
            "123456789012345678901.333333333333333333",
        ),
        (
            number(nines).add(&number("0.5")),
            "99999999999999999999999999999999999999.5",
        ),
        (
            number(nines).add(&number("1")),
            "100000000000000000000000000000000000000",
        ),
        (
            number("1e20").multiply(&number("1e20")),
            "10000000000000000000000000000000000000000",
        ),
        (
            number("2").power(&number("200")),
            "1606938044258990275541962092341162602522202993782792835301376",
        ),
        (number("1e300").subtract(&number("1e300")), "0"),
        (number("1e300").divide(&number("1e300")), "1"),
        (number("1e-40").sqrt(), "0.00000000000000000001"),
        (number("1e41").sqrt(), "316227766016837940000"),
        (
            Real::Number(Number::Double(0.5)).add(&number("1e40")),
            "1e+40",
        ),
        (number("1e38").round_by(-40, Rounding::HalfAway), "0"),
    ];
    for (result, expected) in cases {
        assert_eq!(written(result).as_deref(), Some(expected));
    }
}

#[test]
fn past_1000_digits_is_an_error() {
    let number = |text: &str| real(text).unwrap();
    let shown_nines = "9".repeat(60);
    assert_eq!(
        shown(number(&"9".repeat(1000)).add(&number("1"))),
        format!("number overflow: {shown_nines}... + 1 needs more than 1,000 digits")
    );
    assert_eq!(
        shown(number("1e-600").multiply(&number("1e-600"))),
        format!(
            "number overflow: 0.{0}... * 0.{0}... needs more than 1,000 digits",
            "0".repeat(58)
        )
    );
    assert_eq!(
        shown(number("10").power(&number("1000"))),
        "number overflow: 10 to the power of 1000 needs more than 1,000 digits"
    );
    assert_eq!(
        shown(number("10").power(&number("9223372036854775807"))),
        "number overflow: 10 to the power of 9223372036854775807 needs more than 1,000 digits"
    );
    assert_eq!(
        shown(real(&"9".repeat(1001))),
        format!("'{shown_nines}...' has more than 1,000 digits; use text(x) for a code")
    );
    assert_eq!(
        shown(number("1e400").add(&Real::Number(Number::Double(0.5)))),
        format!("1{}... is out of the range of doubles", "0".repeat(59))
    );
    assert_eq!(
        shown(number("1e400").divide(&number("0"))),
        "division by zero"
    );
    assert_eq!(
        shown(number("-1e400").sqrt()),
        format!("-1{}... has no square root: it is negative", "0".repeat(58))
    );
}
