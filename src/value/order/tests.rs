//! Order and identity against a model that knows how each value was put together, and does not read it.

use super::*;
use crate::value::{compare, identity};
use bigdecimal::BigDecimal;
use jiff::civil;
use proptest::prelude::*;
use std::str::FromStr;

/// A field of the stream, with what it is.
#[derive(Clone, Debug)]
struct Field {
    text: String,
    is_quoted: bool,
    kind: Sample,
}

#[derive(Clone, Debug)]
enum Sample {
    Number {
        value: BigDecimal,
        is_plain: bool,
    },
    /// Nanoseconds since 1970.
    Time(i128),
    Text,
}

impl Field {
    fn value(&self) -> Value<'_> {
        match self.is_quoted {
            true => Value::Quoted(self.text.as_bytes()),
            false => Value::Raw(self.text.as_bytes()),
        }
    }

    /// What it has in common with the fields that count as the same.
    fn identity(&self) -> String {
        match &self.kind {
            Sample::Number {
                value,
                is_plain: true,
            } if !self.is_quoted => value.normalized().to_plain_string(),
            _ => self.text.clone(),
        }
    }

    fn class(&self) -> u8 {
        match self.kind {
            Sample::Number { .. } => 0,
            Sample::Time(_) => 1,
            Sample::Text => 2,
        }
    }

    /// The order without its last step.
    fn level(&self, other: &Field) -> Ordering {
        match (&self.kind, &other.kind) {
            (Sample::Number { value: a, .. }, Sample::Number { value: b, .. }) => a.cmp(b),
            (Sample::Time(a), Sample::Time(b)) => a.cmp(b),
            (Sample::Text, Sample::Text) => self.text.as_bytes().cmp(other.text.as_bytes()),
            _ => self.class().cmp(&other.class()),
        }
    }

    fn order(&self, other: &Field) -> Ordering {
        let last = || self.identity().as_bytes().cmp(other.identity().as_bytes());
        self.level(other).then_with(last)
    }
}

prop_compose! {
    /// Few digits, so that many are level.
    fn number()(
        sign in prop::sample::select(vec!["", "", "-", "+"]), zeros in 0usize..3, whole in "[0-3]{0,2}",
        point in any::<bool>(), places in "[05]{0,3}",
        power in prop::option::of((prop::sample::select(vec!["e", "E"]), prop::sample::select(vec!["", "+", "-"]), 0i64..4)),
        far in prop::bool::weighted(0.05),
    ) -> Option<(String, BigDecimal, bool)> {
        let whole = format!("{}{whole}", "0".repeat(zeros));
        let places = if point { places } else { String::new() };
        if whole.is_empty() && places.is_empty() {
            return None;
        }
        let far = i64::from(far) * 400;
        let mut text = format!("{sign}{whole}{}{places}", if point { "." } else { "" });
        let mut value = BigDecimal::from_str(&format!("0{whole}.{places}0")).unwrap();
        let mut is_bare = false;
        if let Some((letter, power_sign, power)) = power {
            let power = power + far;
            text.push_str(&format!("{letter}{power_sign}{power}"));
            is_bare = power_sign.is_empty() && !point;
            let ten = |power| BigDecimal::new(1.into(), power);
            value *= ten(if power_sign == "-" { power } else { -power });
        }
        if sign == "-" {
            value = -value;
        }
        let has_zeros = whole.len() > 1 && whole.starts_with('0');
        Some((text, value, sign != "+" && !has_zeros && !is_bare))
    }
}

prop_compose! {
    fn time()(
        day in 1i8..3, hour in prop::sample::select(vec![0i8, 0, 1, 23]), second in 0i8..2,
        fraction in prop::sample::select(vec!["", "", ".5", ".50", ",5", ".000000001"]),
        separator in prop::sample::select(vec![" ", "T", "t"]),
        zone in prop::sample::select(vec![("", 0), ("Z", 0), ("z", 0), ("+00:00", 0), ("+01", 1), ("-0100", -1), ("+23:00", 23)]),
        form in 0u8..4,
    ) -> (String, i128) {
        let date = format!("2024-02-{day:02}");
        let nanoseconds = match fraction {
            "" => 0,
            ".000000001" => 1,
            _ => 500_000_000,
        };
        let (hour, second, nanoseconds, text, offset) = match form {
            0 => (0, 0, 0, date, 0),
            1 => (hour, 0, 0, format!("{date}{separator}{hour:02}:00{}", zone.0), zone.1),
            _ => {
                let text = format!("{date}{separator}{hour:02}:00:{second:02}{fraction}{}", zone.0);
                (hour, second, nanoseconds, text, zone.1)
            }
        };
        let civil = civil::datetime(2024, 2, day, hour, 0, second, 0);
        let seconds = civil.duration_since(civil::datetime(1970, 1, 1, 0, 0, 0, 0)).as_secs();
        let seconds = i128::from(seconds) - offset * 3600;
        (text, seconds * 1_000_000_000 + nanoseconds)
    }
}

fn field() -> impl Strategy<Value = Field> {
    let number = number().prop_filter_map("no digits", |number| number);
    let number =
        number.prop_map(|(text, value, is_plain)| (text, Sample::Number { value, is_plain }));
    let time = time().prop_map(|(text, nanoseconds)| (text, Sample::Time(nanoseconds)));
    let words = [
        "a",
        "1a",
        "-",
        ".",
        "+",
        "e5",
        "1e",
        "true",
        "2024-02-30",
        "2024-02-1",
        "2024-02-01T",
        "0x1",
        "1,000",
        " 1",
        "\u{0}",
        "\u{1}",
        "a\u{0}b",
        "1.2.3",
        "é",
        "PT1H",
        "2d",
    ];
    let word =
        prop::sample::select(words.to_vec()).prop_map(|text| (text.to_owned(), Sample::Text));
    let kinds = prop_oneof![5 => number, 3 => time, 2 => word];
    (kinds, any::<bool>()).prop_map(|((text, kind), is_quoted)| Field {
        text,
        is_quoted,
        kind,
    })
}

fn bytes(value: &Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(value, &mut bytes);
    bytes
}

fn own(value: &Value<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    identity::write_identity(value, &mut bytes);
    bytes
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn fields_are_in_the_models_order(a in field(), b in field()) {
        let expected = a.order(&b);
        let (x, y) = (a.value(), b.value());
        prop_assert_eq!(bytes(&x).cmp(&bytes(&y)), expected);
        prop_assert_eq!(compare(&x, &y), expected);
        prop_assert_eq!(compare(&y, &x), expected.reverse());
        prop_assert_eq!(compare(&x, &x), Ordering::Equal);
        // No key's bytes begin another's, whatever follows.
        prop_assert!(expected == Ordering::Equal || !bytes(&x).starts_with(&bytes(&y)));
    }

    #[test]
    fn order_and_identity_agree(a in field(), b in field()) {
        let (x, y) = (a.value(), b.value());
        let is_same = a.identity() == b.identity();
        prop_assert_eq!(own(&x) == own(&y), is_same);
        prop_assert_eq!(identity::is_same(&x, &y), is_same);
        prop_assert_eq!(compare::equal(&x, &y).unwrap(), Some(is_same));
        prop_assert_eq!(compare(&x, &y) == Ordering::Equal, is_same);
    }

    #[test]
    fn less_is_the_order_without_its_last_step(a in field(), b in field()) {
        let is_number = |field: &Field| matches!(field.kind, Sample::Number { .. });
        let answer = compare::compare(&a.value(), &b.value());
        match is_number(&a) == is_number(&b) {
            true => prop_assert_eq!(answer.unwrap(), Some(a.level(&b))),
            false => prop_assert!(answer.is_err()),
        }
    }

    /// A field passes on as the value that it is, and what is written reads back as it.
    #[test]
    fn a_field_that_is_written_is_the_same_field(a in field()) {
        let mut written = Vec::new();
        text::write_value(&a.value(), &mut written, b',');
        let arena = bumpalo::Bump::new();
        let back = Value::of_field(&written, &arena);
        prop_assert_eq!(own(&back), own(&a.value()));
        prop_assert_eq!(bytes(&back), bytes(&a.value()));
        prop_assert_eq!(text::looks_typed(a.text.as_bytes()), matches!(&a.kind, Sample::Number { is_plain: true, .. }) || a.text == "true");
    }

    /// Text that was made goes byte by byte, and is the same as the field that it is written as.
    #[test]
    fn made_text_is_text(a in field(), b in field()) {
        let made = [&a, &b].map(|field| Value::Text(field.text.as_bytes()));
        let expected = a.text.as_bytes().cmp(b.text.as_bytes());
        prop_assert_eq!(compare(&made[0], &made[1]), expected);
        prop_assert_eq!(bytes(&made[0]).cmp(&bytes(&made[1])), expected);
        prop_assert_eq!(compare::compare(&made[0], &made[1]).unwrap(), Some(expected));
        prop_assert_eq!(own(&made[0]), a.text.as_bytes());
    }

    #[test]
    fn made_times_count_as_their_instants(a in time(), b in time()) {
        let made = [&a.0, &b.0].map(|text| Time::parse(text.as_bytes()).unwrap());
        let is_instant = made.map(|time| time.is_instant());
        let values = made.map(Value::Time);
        let is_same = a.1 == b.1 && is_instant[0] == is_instant[1];
        prop_assert_eq!(own(&values[0]) == own(&values[1]), is_same);
        let order = bytes(&values[0]).cmp(&bytes(&values[1]));
        prop_assert_eq!(order == Ordering::Equal, is_same);
        prop_assert!(a.1 == b.1 || order == a.1.cmp(&b.1));
        prop_assert_eq!(compare(&values[0], &values[1]), order);
        // Beside a field that is a time.
        let field = Value::Raw(b.0.as_bytes());
        prop_assert!(a.1 == b.1 || bytes(&values[0]).cmp(&bytes(&field)) == a.1.cmp(&b.1));
    }

    #[test]
    fn made_intervals_count_as_months_and_length(
        a in (-2i32..3, -3i32..4, -2i64..3), b in (-2i32..3, -3i32..4, -2i64..3),
    ) {
        const DAY: i64 = 86_400_000_000_000;
        let made = [a, b].map(|(months, days, halves)| {
            Value::Interval(Interval { months, days, nanoseconds: halves * DAY / 2 })
        });
        let halves = |(months, days, halves): (i32, i32, i64)| {
            (i64::from(months) * 60 + i64::from(days) * 2 + halves, months)
        };
        let is_same = halves(a) == halves(b);
        prop_assert_eq!(own(&made[0]) == own(&made[1]), is_same);
        prop_assert_eq!(compare::equal(&made[0], &made[1]).unwrap(), Some(is_same));
        let order = bytes(&made[0]).cmp(&bytes(&made[1]));
        prop_assert_eq!(order == Ordering::Equal, is_same);
        prop_assert_eq!(compare(&made[0], &made[1]), order);
        prop_assert!(halves(a).0 == halves(b).0 || order == halves(a).0.cmp(&halves(b).0));
    }
}

#[test]
fn years_at_the_ends_are_in_order() {
    let ascending = [
        "0000-01-01T00:00:00+23:00",
        "0000-01-01",
        "1969-12-31T23:59:59.999999999Z",
        "1970-01-01",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-01:00",
        "9999-12-31T23:59:59-23:59",
    ];
    for pair in ascending.windows(2) {
        let [a, b] = [0, 1].map(|nth| Value::Raw(pair[nth].as_bytes()));
        assert_eq!(bytes(&a).cmp(&bytes(&b)), Ordering::Less, "{pair:?}");
        let [a, b] = [0, 1].map(|nth| Value::Time(Time::parse(pair[nth].as_bytes()).unwrap()));
        assert_eq!(bytes(&a).cmp(&bytes(&b)), Ordering::Less, "{pair:?}");
    }
}

#[test]
fn what_a_machine_cannot_count_to_is_only_itself() {
    let far = ["1.5e+99999999999999999998", "1.5e+99999999999999999999"];
    let [a, b] = far.map(|text| Value::Raw(text.as_bytes()));
    assert!(!identity::is_same(&a, &b));
    assert_eq!(compare(&a, &b), Ordering::Less);
    assert_eq!(
        bytes(&Value::Raw(b"1e+4294967294")).cmp(&bytes(&a)),
        Ordering::Less
    );
}
