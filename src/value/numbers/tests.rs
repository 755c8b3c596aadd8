use proptest::prelude::*;

use super::*;
use crate::bytes::Dialect;
use crate::record::{Block, Index, Layout};
use crate::value::{Number, text};

/// A column of fields that are often numbers, of every form that there is.
fn fields() -> impl Strategy<Value = Vec<String>> {
    let field = prop_oneof![
        6 => "-?[0-9]{1,3}(\\.[0-9]{1,2})?",
        3 => "-?[0-9]{0,18}\\.?[0-9]{0,18}",
        1 => "\"-?[0-9]{1,9}(\\.[0-9]{1,4})?\"",
        1 => Just(String::new()),
        1 => "[-+.0]{1,3}[0-9]{0,2}",
        1 => "[0-9]{1,4}(e[0-9]|[a-z]|\\.)",
    ];
    prop_oneof![
        proptest::collection::vec(field, 1..40),
        proptest::collection::vec("-?[1-9][0-9]{0,3}\\.[0-9]{2}", 1..40),
        proptest::collection::vec("(-?[1-9][0-9]{0,11})?", 1..40),
    ]
}

/// Runs `then` over the numbers of a column between two others, and each field's own value.
fn with_numbers(fields: &[String], then: impl FnOnce(Option<Numbers<'_>>, Vec<Value<'_>>, &Bump)) {
    let lines = fields.iter().map(|field| format!("x,{field},y\n"));
    let mut block = Block {
        bytes: lines.collect::<String>().into_bytes(),
        ..Block::default()
    };
    let (mut index, layout) = (Index::default(), Layout::of(3, [(1, 1)]));
    let records = index
        .build(&mut block, &layout, Dialect::STREAM)
        .expect("regular records");
    let arena = Bump::new();
    let selection: Vec<u32> = (0..records.len() as u32).collect();
    let values = selection
        .iter()
        .map(|&record| Value::of_field(records.field(record as usize, 1), &arena))
        .collect();
    then(
        Numbers::of_fields(&records, 1, &selection, &arena),
        values,
        &arena,
    );
}

/// A value's number, or null; an error where it is none.
fn number(value: &Value<'_>) -> Result<Option<Number>, ()> {
    text::to_number(value).map_err(|_| ())
}

proptest! {
    #[test]
    fn they_are_what_the_fields_are(fields in fields()) {
        with_numbers(&fields, |numbers, values, arena| {
            let Some(numbers) = numbers else { return };
            let is_plain = |value: &Value<'_>| match value {
                Value::Raw(raw) => parse::is_plain(raw),
                Value::Null => true,
                _ => false,
            };
            if numbers.is_plain {
                assert!(values.iter().all(is_plain), "{values:?}");
            }
            for (place, value) in values.iter().enumerate() {
                let expected = number(value).expect("a number or null");
                assert_eq!(number(&numbers.get(place)), Ok(expected), "{value:?}");
            }
            let wider = numbers.at_scale(numbers.scale + 2, arena);
            for (place, value) in values.iter().enumerate().filter(|_| wider.is_some()) {
                assert_eq!(number(&wider.expect("it is some").get(place)), number(value));
            }
        });
    }

    #[test]
    fn arithmetic_is_that_of_single_numbers(a in fields(), b in fields()) {
        with_numbers(&a, |a, _, _| with_numbers(&b, |b, _, arena| {
            let (Some(a), Some(b)) = (a, b) else { return };
            let count = a.mantissas.len().min(b.mantissas.len());
            let (a, b) = (a.gather(0..count, arena), b.gather(0..count, arena));
            type Of<'v> = fn(&Numbers<'v>, &Numbers<'v>, &'v Bump) -> Option<Numbers<'v>>;
            type Single = fn(Number, Number) -> Result<Number, crate::record::Fault>;
            let ways: [(Of<'_>, Single); 3] = [
                (Numbers::add, Number::add),
                (Numbers::subtract, Number::subtract),
                (Numbers::multiply, Number::multiply),
            ];
            for (all, single) in ways {
                let Some(made) = all(&a, &b, arena) else { continue };
                for place in 0..count {
                    let one = |numbers: &Numbers<'_>| number(&numbers.get(place)).expect("a number");
                    let expected = one(&a).zip(one(&b)).map(|(a, b)| single(a, b).expect("it fits"));
                    assert_eq!(number(&made.get(place)), Ok(expected));
                }
            }
        }));
    }
}

#[test]
fn what_does_not_fit_is_left_to_single_values() {
    let none = [
        "abc",
        "12345678901234567",
        "1e3",
        "+5",
        "-",
        ".",
        "1.2.3",
        "\"x\"",
    ];
    for field in none {
        with_numbers(&["1".to_owned(), field.to_owned()], |numbers, _, _| {
            assert!(numbers.is_none(), "{field}");
        });
    }
    let some = ["9999999999999999".to_owned()];
    with_numbers(&some, |numbers, _, arena| {
        let numbers = numbers.expect("sixteen digits fit");
        assert!(numbers.multiply(&numbers, arena).is_none());
        assert!(numbers.at_scale(18, arena).is_none());
    });
}
