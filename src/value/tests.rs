//! Numbers against an independent big-decimal, and the laws of comparison and writing.

use std::cmp::Ordering;
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode};
use bumpalo::Bump;
use proptest::prelude::*;

use super::compare::TextLiteral;
use super::decimal::Rounding;
use super::digits::compare_numbers;
use super::parse::{NotNumber, is_plain, parse};
use super::{Decimal, Number, Value, compare, text};
use crate::record::Fault;

fn big(decimal: Decimal) -> BigDecimal {
    BigDecimal::new(BigInt::from(decimal.mantissa()), decimal.scale().into())
}

/// The oracle's number as ours, where it fits in 38 digits.
fn fit(number: &BigDecimal) -> Option<Decimal> {
    let (mantissa, scale) = number
        .normalized()
        .with_scale(number.normalized().fractional_digit_count().max(0))
        .into_bigint_and_exponent();
    Decimal::new(i128::try_from(mantissa).ok()?, u8::try_from(scale).ok()?)
}

fn number(text: &str) -> Number {
    parse(text.as_bytes()).unwrap_or_else(|reason| panic!("{text}: {reason:?}"))
}

fn decimal(text: &str) -> Decimal {
    match number(text) {
        Number::Decimal(decimal) => decimal,
        Number::Double(double) => panic!("{text} became {double}"),
    }
}

fn shown(number: Result<Number, Fault>) -> String {
    match number {
        Ok(number) => number.to_string(),
        Err(fault) => format!("fault: {fault}"),
    }
}

/// Decimals of every size, with many small ones, round ones and edges.
fn decimals() -> impl Strategy<Value = Decimal> {
    let largest = 10i128.pow(38) - 1;
    let mantissa = prop_oneof![
        4 => -1_000i128..1_000,
        4 => any::<i32>().prop_map(i128::from),
        4 => any::<i64>().prop_map(i128::from),
        2 => -largest..=largest,
        2 => (-999i128..1_000, 0u32..35).prop_map(|(digits, zeros)| digits * 10i128.pow(zeros)),
        1 => prop::sample::select(vec![0, 1, -1, i128::from(i64::MAX), i128::from(i64::MIN), largest, -largest]),
    ];
    let scale = prop_oneof![3 => 0u8..6, 1 => 0u8..=38];
    (mantissa, scale).prop_map(|(mantissa, scale)| Decimal::new(mantissa, scale).unwrap())
}

/// Texts that are plain numbers, of any length.
fn plain_texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,8})?",
        "-?(0|[1-9][0-9]{0,50})(\\.[0-9]{1,50})?",
        "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,8})?[eE][+-]?[0-9]{1,2}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn printing_agrees(a in decimals()) {
        let printed = a.to_string();
        prop_assert_eq!(&printed, &big(a).normalized().to_plain_string());
        prop_assert!(is_plain(printed.as_bytes()));
        prop_assert_eq!(decimal(&printed), a);
    }

    #[test]
    fn parsing_agrees(text in plain_texts()) {
        let oracle = BigDecimal::from_str(&text).unwrap();
        let exponent = text.find(['e', 'E']).map(|at| &text[at + 1..]);
        let is_bare = exponent.is_some_and(|power| !power.starts_with(['+', '-']));
        prop_assert_eq!(is_plain(text.as_bytes()), !is_bare || text.contains('.'));
        match parse(text.as_bytes()) {
            Ok(Number::Decimal(ours)) => prop_assert_eq!(big(ours), oracle),
            Ok(Number::Double(double)) => prop_assert!(false, "{text} became {double}"),
            Err(reason) => {
                prop_assert_eq!(reason, NotNumber::Long);
                prop_assert!(fit(&oracle).is_none());
            }
        }
    }

    #[test]
    fn lenient_forms_are_the_same_number(text in "[0-9]{1,20}", places in 0usize..21, zeros in 0usize..30) {
        let places = places.min(text.len());
        let (whole, fraction) = text.split_at(text.len() - places);
        let oracle = BigDecimal::from_str(&text).unwrap() / BigDecimal::from(10).powi(places as i64);
        for form in [format!("+{whole}.{fraction}"), format!("{whole}.{fraction}"), format!("{}{whole}.{fraction}", "0".repeat(zeros)), format!("{whole}.{fraction}{}", "0".repeat(zeros)), format!("{text}e-{places}")] {
            prop_assert_eq!(big(decimal(&form)), oracle.clone(), "{}", form);
        }
    }

    #[test]
    fn never_panics_on_any_bytes(text in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"0123456789.+-eE".to_vec())], 0..40)) {
        let read = parse(&text);
        if is_plain(&text) {
            prop_assert!(read != Err(NotNumber::Text));
        }
        let oracle = std::str::from_utf8(&text).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte))).and_then(|text| text.parse::<f64>().ok());
        prop_assert_eq!(read == Err(NotNumber::Text), oracle.is_none());
    }

    #[test]
    fn add_and_subtract_agree(a in decimals(), b in decimals()) {
        prop_assert_eq!(a.add(b), fit(&(big(a) + big(b))));
        prop_assert_eq!(a.subtract(b), fit(&(big(a) - big(b))));
    }

    #[test]
    fn multiply_agrees(a in decimals(), b in decimals()) {
        prop_assert_eq!(a.multiply(b), fit(&(big(a) * big(b))));
    }

    #[test]
    fn divide_is_exact_where_it_ends(a in decimals(), b in decimals()) {
        prop_assume!(!b.is_zero());
        match a.divide_exact(b) {
            Some(quotient) => prop_assert_eq!(big(quotient) * big(b), big(a)),
            None => {
                // At 38 places or fewer no quotient multiplies back.
                let quotient = (big(a) / big(b)).with_scale_round(38, RoundingMode::Down);
                let fits = fit(&quotient).is_some();
                prop_assert!(!(fits && &quotient * big(b) == big(a)));
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused(a in decimals(), b in decimals()) {
        let (x, y) = (Number::Decimal(a), Number::Decimal(b));
        let is_exact = |number: Result<Number, Fault>, exact: BigDecimal| match number {
            Ok(Number::Double(_)) => false,
            Ok(Number::Decimal(decimal)) => big(decimal) == exact,
            Err(_) => fit(&exact).is_none(),
        };
        prop_assert!(is_exact(x.add(y), big(a) + big(b)));
        prop_assert!(is_exact(x.subtract(y), big(a) - big(b)));
        prop_assert!(is_exact(x.multiply(y), big(a) * big(b)));
        prop_assert_eq!(a.to_f64(), big(a).to_string().parse::<f64>().unwrap());
    }

    #[test]
    fn a_quotient_is_rounded_once(a in decimals(), b in decimals()) {
        prop_assume!(!b.is_zero());
        let exact = |double: f64| BigDecimal::from_str(&format!("{double:e}")).unwrap();
        if let Number::Double(double) = Number::Decimal(a).divide(Number::Decimal(b)).unwrap() {
            // No neighbour is nearer: |q - x| * b compared as exact decimals of the doubles.
            let off = |double: f64| (exact_double(double) * big(b) - big(a)).abs();
            prop_assert!(off(double) <= off(double.next_up()) && off(double) <= off(double.next_down()), "{}", exact(double));
        }
    }

    #[test]
    fn whole_divide_and_remainder_agree(a in decimals(), b in decimals()) {
        prop_assume!(!b.is_zero());
        let scale = a.scale().max(b.scale());
        let at = |x: Decimal| BigInt::from(x.mantissa()) * BigInt::from(10).pow(u32::from(scale - x.scale()));
        let (n, d) = (at(a), at(b));
        let rest = BigDecimal::new(&n % &d, scale.into());
        prop_assert_eq!(a.remainder(b).map(big), Some(rest.clone()));
        prop_assert_eq!(a.whole_divide(b), fit(&BigDecimal::new(n / d, 0)));
    }

    #[test]
    fn rounding_agrees(a in decimals(), digits in -45i32..45) {
        let modes = [
            (Rounding::HalfAway, RoundingMode::HalfUp),
            (Rounding::Floor, RoundingMode::Floor),
            (Rounding::Ceiling, RoundingMode::Ceiling),
            (Rounding::Truncate, RoundingMode::Down),
        ];
        for (ours, theirs) in modes {
            prop_assert_eq!(a.round_by(digits, ours), fit(&round_big(&big(a), digits, theirs)), "{:?}", ours);
        }
    }

    #[test]
    fn order_and_hash_follow_the_value(a in decimals(), b in decimals()) {
        prop_assert_eq!(a.compare(b), big(a).cmp(&big(b)));
        let state = RandomState::new();
        prop_assert_eq!(state.hash_one(a), state.hash_one(a.normalized()));
        prop_assert_eq!(a.compare(a.normalized()), Ordering::Equal);
        prop_assert_eq!(compare_numbers(a.to_string().as_bytes(), b.to_string().as_bytes()), a.compare(b));
    }

    #[test]
    fn long_texts_compare_exactly(a in plain_texts(), b in plain_texts()) {
        let oracle = BigDecimal::from_str(&a).unwrap().cmp(&BigDecimal::from_str(&b).unwrap());
        prop_assert_eq!(compare_numbers(a.as_bytes(), b.as_bytes()), oracle);
        let fields = [&a, &b].map(|text| Value::Raw(text.as_bytes()));
        prop_assert_eq!(compare::compare(&fields[0], &fields[1]).unwrap(), Some(oracle));
    }

    #[test]
    fn doubles_read_back(double in prop::num::f64::NORMAL | prop::num::f64::SUBNORMAL | prop::num::f64::ZERO) {
        let printed = Number::Double(double).to_string();
        prop_assert!(is_plain(printed.as_bytes()), "{}", printed);
        prop_assert_eq!(printed.parse::<f64>().unwrap(), double);
        prop_assert!(printed.contains('e') != (double == 0.0 || (1e-7..1e21).contains(&double.abs())));
    }

    #[test]
    fn a_double_is_the_decimal_it_prints_as(a in decimals(), b in decimals()) {
        prop_assume!(!b.is_zero());
        let double = a.to_f64() / b.to_f64();
        let printed = BigDecimal::from_str(&Number::Double(double).to_string()).unwrap();
        prop_assert_eq!(Number::Double(double).compare(Number::Decimal(a)), printed.cmp(&big(a)));
        prop_assert_eq!(Decimal::from_f64_shortest(double), fit(&printed));
        for digits in [-3, 0, 2] {
            if let Ok(Number::Decimal(rounded)) = Number::Double(double).round(digits) {
                prop_assert_eq!(big(rounded), round_big(&printed, digits, RoundingMode::HalfUp));
            }
        }
    }

    #[test]
    fn roots_are_exact_or_nearest(a in decimals()) {
        let a = a.abs();
        match Number::Decimal(a).sqrt().unwrap() {
            Number::Decimal(root) => prop_assert_eq!(big(root).square(), big(a)),
            Number::Double(root) => {
                // The root lies between the midpoints to the neighbours.
                let middle = |x: f64, y: f64| (exact_double(x) + exact_double(y)) / BigDecimal::from(2);
                prop_assert!(middle(root, root.next_down()).square() <= big(a));
                prop_assert!(middle(root, root.next_up()).square() >= big(a));
            }
        }
    }
}

/// A double's exact value.
fn exact_double(double: f64) -> BigDecimal {
    BigDecimal::try_from(double).unwrap()
}

fn round_big(number: &BigDecimal, digits: i32, mode: RoundingMode) -> BigDecimal {
    if i64::from(digits) >= number.fractional_digit_count() {
        number.clone()
    } else {
        number.with_scale_round(digits.into(), mode)
    }
}

#[test]
fn exact_where_doubles_are_not() {
    assert_eq!(shown(number("0.1").add(number("0.2"))), "0.3");
    assert_eq!(shown(number("1.50").multiply(number("2"))), "3");
    assert_eq!(shown(number("1").divide(number("8"))), "0.125");
    assert_eq!(shown(number("10").divide(number("4"))), "2.5");
    assert_eq!(shown(number("1").divide(number("3"))), "0.3333333333333333");
    assert_eq!(
        shown(number("-7").divide(number("60"))),
        "-0.11666666666666667"
    );
    assert_eq!(shown(number("-7").whole_divide(number("2"))), "-3");
    assert_eq!(shown(number("-7").remainder(number("2"))), "-1");
    assert_eq!(shown(number("7.5").remainder(number("-2"))), "1.5");
    assert_eq!(shown(number("2.5").round(0)), "3");
    assert_eq!(shown(number("-2.5").round(0)), "-3");
    assert_eq!(shown(number("1250").round(-2)), "1300");
    assert_eq!(shown(number("0.01").sqrt()), "0.1");
    assert_eq!(shown(number("2").sqrt()), "1.4142135623730951");
    assert_eq!(shown(number("1.1").power(number("10"))), "2.5937424601");
    assert_eq!(shown(number("2").power(number("-3"))), "0.125");
    assert_eq!(shown(number("4").power(number("0.5"))), "2");
    assert_eq!(shown(Number::Double(2.0 / 3.0).round(2)), "0.67");
    assert_eq!(shown(Number::Double(1e300).round(2)), "1e+300");
    assert_eq!(
        shown(Number::Double(1e-300).round_by(0, Rounding::Ceiling)),
        "1"
    );
    assert_eq!(shown(Number::Double(123.456).round(-400)), "0");
    assert_eq!(shown(number("1e30").multiply(number("1e-30"))), "1");
    assert_eq!(
        shown(number("1e37").subtract(number("0.1"))),
        "9999999999999999999999999999999999999.9"
    );
}

#[test]
fn overflow_is_a_fault_and_never_infinite() {
    assert_eq!(
        shown(Number::Double(1e300).multiply(Number::Double(1e300))),
        "fault: number overflow: the result is past the range of doubles"
    );
    assert_eq!(
        shown(number("1").divide(number("0.0"))),
        "fault: division by zero"
    );
    assert_eq!(
        shown(number("1").remainder(number("0"))),
        "fault: division by zero"
    );
    assert_eq!(
        shown(Number::Double(1e300).whole_divide(number("0"))),
        "fault: division by zero"
    );
    assert_eq!(
        shown(number("0").power(number("-1"))),
        "fault: division by zero"
    );
    assert_eq!(
        shown(number("-8").power(number("0.5"))),
        "fault: -8 to the power of 0.5 is not a real number"
    );
    assert_eq!(
        shown(number("-1").sqrt()),
        "fault: -1 has no square root: it is negative"
    );
}

#[test]
fn what_is_read_as_a_number() {
    for (text, value) in [
        ("5", "5"),
        ("+5", "5"),
        ("-0", "0"),
        ("007", "7"),
        (".5", "0.5"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1.5E-3", "0.0015"),
        ("0e999999999999", "0"),
        ("-.25", "-0.25"),
        ("12345678", "12345678"),
        ("1234567.8", "1234567.8"),
        ("123456789012345.6", "123456789012345.6"),
        ("1234567890.123456", "1234567890.123456"),
        ("12345678901234567890", "12345678901234567890"),
        ("0.00000000000000000000000000000000000000000000000000", "0"),
        ("1e-38", "0.00000000000000000000000000000000000001"),
    ] {
        let read = number(text);
        assert_eq!(read.to_string(), value, "{text}");
    }
    for text in [
        "",
        "-",
        "+",
        ".",
        "-.",
        "1,5",
        " 1",
        "1 ",
        "0x10",
        "inf",
        "nan",
        "1e",
        "1e+",
        "e5",
        "1.2.3",
        "--1",
        "1-",
        "1_000",
        "\u{661}",
        "12345678x",
        "1234567.8.9",
    ] {
        assert_eq!(
            parse(text.as_bytes()).err(),
            Some(NotNumber::Text),
            "{text}"
        );
    }
    assert!(parse(format!("{}{}", "0".repeat(39), "9".repeat(38)).as_bytes()).is_ok());
    let error = |text: &str| parse(text.as_bytes()).err();
    for text in ["1e38", "1e300", "1e-1000", "1e999", &"9".repeat(39)] {
        assert_eq!(error(text), Some(NotNumber::Long), "{text}");
    }
    for text in [
        "1e1000",
        "1e-1001",
        "-1e99999999999999999999",
        "1e-4294967296",
    ] {
        assert_eq!(error(text), Some(NotNumber::TooLong), "{text}");
    }
    let zeros = "0".repeat(1_000_000);
    assert_eq!(error(&format!("{zeros}1.5{zeros}")), None);
    assert_eq!(error(&format!("1{zeros}")), Some(NotNumber::TooLong));
    assert_eq!(error(&format!("0.{zeros}1")), Some(NotNumber::TooLong));
    assert_eq!(error(&format!("1{zeros}e-1000000")), None);
    assert_eq!(error(&"7".repeat(1000)), Some(NotNumber::Long));
    assert_eq!(error(&"7".repeat(1001)), Some(NotNumber::TooLong));
}

#[test]
fn what_is_plain() {
    for text in [
        "0",
        "-0",
        "10",
        "-1.50",
        "1.0E-7",
        "0.0",
        ".5",
        "-.5",
        "5.",
        "1.e5",
        "1e+5",
        "1e-05",
        ".5e3",
        "1.5E3",
        "-0.e-0",
        "1e+4294967294",
    ] {
        assert!(is_plain(text.as_bytes()), "{text}");
    }
    for text in [
        "",
        "-",
        "007",
        "00",
        "-01",
        "+5",
        "1e",
        "1e+",
        "abc",
        "1a",
        "0x1",
        "1e5",
        "12E12",
        "-1e5",
        ".",
        "-.",
        "00.5",
        ".e5",
        "1.5e",
        "1e+5.",
        "1e+4294967295",
        "1e-99999999999999999999",
    ] {
        assert!(!is_plain(text.as_bytes()), "{text}");
    }
}

#[test]
fn values_compare_by_what_they_are() {
    let raw = |text: &'static str| Value::Raw(text.as_bytes());
    let quoted = |text: &'static str| Value::Quoted(text.as_bytes());
    let order = |a: Value<'static>, b: Value<'static>| {
        compare::compare(&a, &b).map_err(|fault| fault.to_string())
    };
    let equal = |a: Value<'static>, b: Value<'static>| {
        compare::equal(&a, &b).map_err(|fault| fault.to_string())
    };
    let ten = Value::Decimal(Decimal::from(10i64));
    assert_eq!(order(Value::Null, ten), Ok(None));
    assert_eq!(order(raw("9"), raw("10")), Ok(Some(Ordering::Less)));
    assert_eq!(order(raw("9"), quoted("10")), Ok(Some(Ordering::Less)));
    assert_eq!(order(raw("x09"), raw("b10")), Ok(Some(Ordering::Greater)));
    assert_eq!(order(raw("09"), quoted("+9")), Ok(Some(Ordering::Equal)));
    assert_eq!(order(raw("2e1"), raw(".5")), Ok(Some(Ordering::Greater)));
    assert_eq!(equal(raw("1.0"), raw("1")), Ok(Some(true)));
    assert_eq!(equal(raw("007"), raw("7")), Ok(Some(false)));
    assert_eq!(order(raw("abc"), raw("7")), Err("'abc' and '7' cannot be ordered: one is a number, the other is text; use number(x) or text(x)".into()));
    assert_eq!(order(raw("007"), ten), Ok(Some(Ordering::Less)));
    assert_eq!(order(ten, raw("abc")), Err("'abc' is not a number".into()));
    assert_eq!(
        order(ten, raw("123456789012345678901234567890123456789")),
        Ok(Some(Ordering::Less))
    );
    assert_eq!(equal(Value::Bool(true), raw("TRUE")), Ok(Some(true)));
    assert_eq!(
        equal(Value::Bool(true), raw("yes")),
        Err("'yes' is neither true nor false".into())
    );
    assert_eq!(
        TextLiteral::new(b"1.5").compare(&Value::Decimal(decimal("1.50"))),
        Some(Ordering::Equal)
    );
    assert_eq!(
        TextLiteral::new(b"10").compare(&raw("9")),
        Some(Ordering::Greater)
    );
    let time = |text: &str| Value::Time(super::Time::parse(text.as_bytes()).unwrap());
    assert_eq!(
        order(time("2024-01-01"), raw("2024-01-02")),
        Ok(Some(Ordering::Less))
    );
    assert_eq!(
        equal(
            time("2024-01-01T09:00:00+09:00"),
            raw("2024-01-01T00:00:00Z")
        ),
        Ok(Some(true))
    );
    let interval = |text: &str| Value::Interval(super::Interval::parse(text.as_bytes()).unwrap());
    assert_eq!(equal(interval("1mo"), raw("P30D")), Ok(Some(false)));
    assert_eq!(equal(raw("48h"), interval("2d")), Ok(Some(true)));
    assert_eq!(equal(interval("1mo"), interval("30d")), Ok(Some(false)));
    assert_eq!(
        equal(interval("1mo"), raw("soon")),
        Err("'soon' is not an interval".into())
    );
    assert_eq!(
        order(raw("soon"), time("2024-01-01")),
        Err("'soon' is not a time".into())
    );
    assert_eq!(
        order(time("2024-01-01"), ten),
        Err("'2024-01-01' is not a number".into())
    );
}

#[test]
fn values_are_written_so_that_they_are_read_as_they_were() {
    let written = |value: Value<'_>, delimiter| {
        let mut out = Vec::new();
        text::write_value(&value, &mut out, delimiter);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(written(Value::Null, b','), "");
    assert_eq!(written(Value::Text(b""), b','), "\"\"");
    assert_eq!(
        written(Value::Text(b"a,\"b\"\n"), b','),
        "\"a,\"\"b\"\"\n\""
    );
    assert_eq!(written(Value::Text(b"a,b"), b'\t'), "a,b");
    assert_eq!(written(Value::Text(b"12"), b','), "\"12\"");
    assert_eq!(written(Value::Text(b"007"), b','), "007");
    assert_eq!(written(Value::Text(b"1e5"), b','), "1e5");
    assert_eq!(written(Value::Quoted(b".5"), b','), "\".5\"");
    assert_eq!(written(Value::Text(b"true"), b','), "\"true\"");
    assert_eq!(written(Value::Quoted(b"false"), b','), "\"false\"");
    assert_eq!(written(Value::Text(b"True"), b','), "True");
    assert_eq!(written(Value::Raw(b"12.50"), b','), "12.50");
    assert_eq!(written(Value::Bool(true), b','), "true");
    assert_eq!(written(Value::Decimal(decimal("12.50")), b','), "12.5");
    assert_eq!(written(Value::Decimal(decimal("12.50")), b'.'), "\"12.5\"");
    assert_eq!(written(Value::Double(-0.0), b','), "0");
    assert_eq!(written(Value::Double(1e21), b','), "1e+21");
    assert_eq!(
        written(Value::Double(123456789012345680000.0), b','),
        "123456789012345680000"
    );
    assert_eq!(written(Value::Double(1.5e-9), b','), "1.5e-9");
    let arena = Bump::new();
    assert_eq!(
        text::to_text(&Value::Decimal(decimal("0.10")), &arena),
        Some(&b"0.1"[..])
    );
    assert_eq!(text::to_text(&Value::Null, &arena), None);
    let shown = |value| text::is_true(&value).map_err(|fault| fault.to_string());
    assert_eq!(shown(Value::Raw(b"False")), Ok(Some(false)));
    assert_eq!(
        shown(Value::Raw(b"a\nb")),
        Err("'a\\nb' is neither true nor false".into())
    );
}

#[test]
fn a_value_takes_half_a_cache_line() {
    assert_eq!(std::mem::size_of::<Value<'_>>(), 32);
}
