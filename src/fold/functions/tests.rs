//! Each aggregate on small cases, and the law of all of them: however the records are dealt to
//! blocks, threads and groups, the result is the same.

use std::str::FromStr;

use bigdecimal::BigDecimal;
use bumpalo::Bump;
use proptest::prelude::*;

use super::state::{Saved, Words};
use super::{Accumulator, Aggregate, Argument, Batch, all, find};
use crate::fold::held::HeldValue;
use crate::value::{Decimal, Number, Real, Time, Value, parse, text};

/// What an argument must be, as the evaluator sees to it.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Input {
    Any,
    Number,
    Truth,
    Constant,
}

fn inputs(aggregate: &Aggregate) -> Vec<Input> {
    let input = |place: usize| match aggregate.name {
        "count_if" | "bool_and" | "bool_or" => Input::Truth,
        "quantile" | "approx_quantile" | "string_agg" if place > 0 => Input::Constant,
        _ if aggregate.is_numeric(place) => Input::Number,
        _ => Input::Any,
    };
    (0..*aggregate.arity.end()).map(input).collect()
}

fn held(value: &Value<'_>) -> HeldValue {
    let mut held = HeldValue::Null;
    held.set(value);
    held
}

/// One record: its group and its arguments.
type Record = (u32, Vec<HeldValue>);

fn make(aggregate: &Aggregate, constants: &[Value<'static>]) -> Box<dyn Accumulator> {
    let arguments: Vec<_> = constants.iter().map(|value| Some(*value)).collect();
    (aggregate.make)(&arguments).unwrap()
}

/// How many arguments differ from record to record.
fn arity(aggregate: &Aggregate) -> usize {
    let inputs = inputs(aggregate);
    inputs
        .iter()
        .filter(|input| **input != Input::Constant)
        .count()
}

/// Hand over records as one block.
fn absorb(accumulator: &mut dyn Accumulator, block: u64, records: &[(u32, &Record)], arity: usize) {
    let arena = Bump::new();
    let groups: Vec<u32> = records.iter().map(|(_, record)| record.0).collect();
    let places: Vec<u32> = records.iter().map(|(place, _)| *place).collect();
    let columns: Vec<Vec<Value<'_>>> = (0..arity)
        .map(|argument| {
            records
                .iter()
                .map(|(_, record)| record.1[argument].copied(&arena))
                .collect()
        })
        .collect();
    let columns: Vec<_> = columns
        .into_iter()
        .map(|values| Argument::made(values, &arena))
        .collect();
    let arguments: Vec<_> = columns.iter().collect();
    let batch = Batch {
        groups: &groups,
        block,
        records: &places,
        arguments: &arguments,
    };
    accumulator.absorb(&batch);
}

/// A group's result as it is written on the stream, or its fault.
fn shown(accumulator: &dyn Accumulator, group: u32) -> String {
    let arena = Bump::new();
    match accumulator.finish(group, &arena) {
        Ok(value) => {
            let mut out = Vec::new();
            text::write_value(&value, &mut out, b',');
            String::from_utf8(out).unwrap()
        }
        Err(fault) => format!("fault: {fault}"),
    }
}

/// A group's state.
fn saved(accumulator: &dyn Accumulator, group: u32, has_places: bool) -> Vec<u8> {
    let mut out = Vec::new();
    accumulator.save(group, &mut Saved::new(&mut out, has_places));
    out
}

/// A field of the stream; for numeric parameters, as the evaluator hands it over.
fn field(written: &str, input: Input) -> HeldValue {
    let arena = Bump::new();
    let value = Value::of_field(written.as_bytes(), &arena);
    match input {
        Input::Number => match Real::of(&value).unwrap() {
            Some(number) => held(&number.to_value(&arena)),
            None => HeldValue::Null,
        },
        _ => held(&value),
    }
}

/// The result for one group of these fields, blanks between them.
fn result(name: &str, fields: &str) -> String {
    let aggregate = find(name).unwrap_or_else(|| panic!("{name}"));
    let mut accumulator = make(aggregate, &[]);
    accumulator.grow(1);
    let records: Vec<Record> = fields
        .split_whitespace()
        .map(|record| {
            let fields = record.split('/').zip(inputs(aggregate));
            (
                0,
                fields
                    .map(|(written, input)| field(written.trim_matches('_'), input))
                    .collect(),
            )
        })
        .collect();
    let placed: Vec<_> = (0..).zip(&records).collect();
    let arity = arity(aggregate);
    absorb(&mut *accumulator, 0, &placed, arity);
    shown(&*accumulator, 0)
}

#[test]
fn counts_and_truth() {
    assert_eq!(result("count", "a _ 1"), "2");
    assert_eq!(result("count", ""), "0");
    assert_eq!(result("count_if", "true FALSE _ true"), "2");
    assert_eq!(result("bool_and", "true _ true"), "true");
    assert_eq!(result("bool_and", "true false"), "false");
    assert_eq!(result("bool_or", "false _ false"), "false");
    assert_eq!(result("bool_or", "_ _"), "");
    let mut all = make(find("count").unwrap(), &[]);
    all.grow(2);
    all.absorb(&Batch {
        groups: &[0, 1, 1],
        block: 0,
        records: &[0, 1, 2],
        arguments: &[],
    });
    assert_eq!((shown(&*all, 0), shown(&*all, 1)), ("1".into(), "2".into()));
}

#[test]
fn sums_are_exact() {
    assert_eq!(result("sum", "0.1 0.2 _ 1e-20"), "0.30000000000000000001");
    assert_eq!(result("sum", "_"), "");
    assert_eq!(
        result("sum", "9223372036854775807 9223372036854775807 -1"),
        "18446744073709551613"
    );
    let nines = "9".repeat(38);
    assert_eq!(result("sum", &format!("{nines} {nines} -{nines}")), nines);
    assert_eq!(
        result("sum", &format!("{nines} 1")),
        format!("1{}", "0".repeat(38))
    );
    assert_eq!(result("sum", &format!("{nines} 0.5")), format!("{nines}.5"));
    assert_eq!(result("sum", "1e300 1 -1e300"), "1");
    assert_eq!(result("sum", "1e300 1"), format!("1{}1", "0".repeat(299)));
    let longest = "9".repeat(1000);
    assert_eq!(
        result("sum", &format!("{longest} 1")),
        "fault: number overflow: the result needs more than 1,000 digits"
    );
    assert_eq!(result("sum", &format!("{longest} 1 -1")), longest);
    assert_eq!(result("avg", "1 2"), "1.5");
    assert_eq!(result("avg", "1 2 4"), "2.3333333333333335");
    assert_eq!(result("mean", &format!("{nines} {nines} {nines}")), nines);
    assert_eq!(result("avg", ""), "");
}

#[test]
fn spreads() {
    assert_eq!(result("variance", "1 2 3 4"), "1.6666666666666667");
    assert_eq!(result("var_pop", "1 2 3 4"), "1.25");
    assert_eq!(result("stddev_pop", "1 3"), "1");
    assert_eq!(result("stddev", "1 3"), "1.4142135623730951");
    assert_eq!(result("stddev", "1"), "");
    assert_eq!(result("stddev_pop", "1"), "0");
    assert_eq!(result("stddev_pop", "1e9 1000000001 _"), "0.5");
    assert_eq!(result("var_pop", "1e30 1e30"), "0");
    assert_eq!(result("stddev_pop", "1e200 -1e200"), "1e+200");
    assert_eq!(result("variance", "0.1 0.1 0.1"), "0");
}

#[test]
fn extremes_keep_the_spelling() {
    assert_eq!(result("min", "10 9.50 _ 100"), "9.50");
    assert_eq!(result("max", "10 9.50 1e2 99"), "1e2");
    assert_eq!(result("max", "2.0 2 2.00"), "2");
    assert_eq!(result("min", "b a \"\" c"), "\"\"");
    assert_eq!(result("max", "007 006"), "007");
    assert_eq!(result("max", "\"12\" \"9\""), "\"12\"");
    assert_eq!(result("max", "\"12\" 12"), "12");
    assert_eq!(result("min", "-0 1"), "-0");
    assert_eq!(result("min", "a 1"), "1");
    assert_eq!(result("max", "1 a"), "a");
    assert_eq!(result("min", "a b 007 7"), "007");
    assert_eq!(result("max", ".5 1. 0.25"), "1.");
    assert_eq!(result("max", "\"3.10\" 3.1 3.09"), "\"3.10\"");
    assert_eq!(
        result(
            "max",
            "2024-01-01T00:00:00.1Z 2024-01-01T00:00:00.15Z 2024-01-01T00:00:00Z"
        ),
        "2024-01-01T00:00:00.15Z"
    );
    assert_eq!(
        result("min", "2024-01-01T02:00:00+02:00 2024-01-01T00:30:00Z"),
        "2024-01-01T02:00:00+02:00"
    );
    assert_eq!(
        result("max", &format!("1 {} 5", "9".repeat(50))),
        "9".repeat(50)
    );
    assert_eq!(result("min", "_ _"), "");
    assert_eq!(result("arg_min", "x/3 y/1 z/1 _/0"), "y");
    assert_eq!(result("arg_max", "x/3 y/1 z/3.0 w/_"), "x");
    assert_eq!(result("max_by", "x/3 y/a"), "y");
}

#[test]
fn extremes_of_times() {
    let mut accumulator = make(find("max").unwrap(), &[]);
    accumulator.grow(2);
    let time = |text: &str| Value::Time(Time::parse(text.as_bytes()).unwrap());
    let values = [
        time("2024-01-01"),
        time("2024-05-01T10:00"),
        time("2024-01-01T00:00Z"),
        time("2024-01-02"),
    ];
    let arena = Bump::new();
    let batch = Batch {
        groups: &[0, 0, 1, 1],
        block: 0,
        records: &[0, 1, 2, 3],
        arguments: &[&Argument::made(values.to_vec(), &arena)],
    };
    accumulator.absorb(&batch);
    assert_eq!(shown(&*accumulator, 0), "2024-05-01T10:00:00");
    assert_eq!(shown(&*accumulator, 1), "2024-01-02");
}

#[test]
fn what_depends_on_places() {
    assert_eq!(result("first", "_ b a c"), "b");
    assert_eq!(result("last", "b a \"7\" _"), "\"7\"");
    assert_eq!(result("mode", "a b b a c"), "a");
    assert_eq!(result("mode", "2 1.0 1 2 1.00"), "1.0");
    assert_eq!(result("mode", "_"), "");
    assert_eq!(result("string_agg", "a _ 1.50 \"b\""), "\"a,1.50,b\"");
    assert_eq!(result("string_agg", ""), "");
    let mut joined = make(
        find("string_agg").unwrap(),
        &[Value::Null, Value::Text(b" | ")],
    );
    joined.grow(1);
    absorb(
        &mut *joined,
        1,
        &[(0, &(0, vec![HeldValue::Raw(b"later".to_vec().into())]))],
        1,
    );
    absorb(
        &mut *joined,
        0,
        &[(7, &(0, vec![HeldValue::Raw(b"sooner".to_vec().into())]))],
        1,
    );
    assert_eq!(shown(&*joined, 0), "sooner | later");
}

#[test]
fn quantiles_lie_between() {
    assert_eq!(result("median", "3 1 2"), "2");
    assert_eq!(result("median", "3 1 2 10.5"), "2.5");
    assert_eq!(result("median", "1 1.1"), "1.05");
    assert_eq!(result("median", "_"), "");
    assert_eq!(
        result("median", "1e300 1 99999999999999999999999999999999999999"),
        "99999999999999999999999999999999999999"
    );
    let quantile = |share: &'static str, values: &str| {
        let arguments = [None, Some(Value::Raw(share.as_bytes()))];
        let mut accumulator =
            (find("quantile").unwrap().make)(&arguments).map_err(|fault| fault.to_string())?;
        accumulator.grow(1);
        let records: Vec<Record> = values
            .split(' ')
            .map(|written| (0, vec![field(written, Input::Number)]))
            .collect();
        absorb(
            &mut *accumulator,
            0,
            &(0..).zip(&records).collect::<Vec<_>>(),
            1,
        );
        Ok::<_, String>(shown(&*accumulator, 0))
    };
    assert_eq!(
        quantile("0.9", "10 20 30 40 50 60 70 80 90 100"),
        Ok("91".into())
    );
    assert_eq!(quantile("1", "10 20 30"), Ok("30".into()));
    assert_eq!(quantile("0", "10 20 30"), Ok("10".into()));
    assert_eq!(
        quantile("1.5", "1"),
        Err("'1.5' is not a share between 0 and 1".into())
    );
    let missing =
        (find("quantile").unwrap().make)(&[None, None]).map_err(|wrong| wrong.to_string());
    assert_eq!(missing.err(), Some("the share must be a constant".into()));
}

#[test]
fn distinct_is_by_value() {
    assert_eq!(
        result("count_distinct", "1 1.0 1e+0 \"1\" 1. 01 _ a A a"),
        "4"
    );
    assert_eq!(
        result("count_distinct", "3.1 3.10 \"3.10\" .5 0.5 1e5 1e+5 100000"),
        "5"
    );
    assert_eq!(
        result(
            "count_distinct",
            &format!("{0} {0}.0 1e+400 10e+399", "9".repeat(40))
        ),
        "2"
    );
    assert_eq!(result("count_distinct", "0 -0 0.0 0e+5 -.0"), "1");
}

#[test]
fn every_name_is_found_once() {
    let names = |aggregate: &'static Aggregate| aggregate.aliases.iter().chain([&aggregate.name]);
    let mut names: Vec<&str> = all().flat_map(names).copied().collect();
    assert!(names.iter().all(|name| find(name).is_some()));
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(find("nothing").is_none());
}

#[test]
fn what_is_neither_true_nor_false() {
    assert_eq!(
        result("bool_and", "true no 1"),
        "fault: 'no' is neither true nor false"
    );
}

/// Fields of every kind, with few different ones so that they repeat.
fn fields(input: Input) -> BoxedStrategy<HeldValue> {
    let small =
        "-?[0-9]{1,3}(\\.[0-9]{1,2})?".prop_map(|text| text.trim_start_matches('0').to_owned());
    let number = prop_oneof![
        4 => small.prop_filter("plain", |text| parse::is_plain(text.as_bytes())),
        1 => "[1-9][0-9]{15,37}",
        1 => "-?0\\.[0-9]{10,37}",
        1 => "-?[1-9][0-9]{0,500}(\\.[0-9]{1,500})?",
        1 => prop::sample::select(vec!["1e30", "-1e30", "1e300", "-1e300", "1e-300", "5e-1", "2.50"]).prop_map(str::to_owned),
    ];
    let double = any::<i32>().prop_map(|numerator| HeldValue::Double(f64::from(numerator) / 7.0));
    match input {
        Input::Number => prop_oneof![
            6 => number.prop_map(move |text| field(&text, input)),
            1 => double,
            1 => Just(HeldValue::Null),
        ]
        .boxed(),
        Input::Truth => prop::sample::select(vec!["true", "false", ""])
            .prop_map(move |text| field(text, input))
            .boxed(),
        Input::Any | Input::Constant => prop_oneof![
            4 => number.prop_map(move |text| field(&text, input)),
            1 => double,
            2 => "[ab]{0,2}".prop_map(move |text| field(&text, input)),
            1 => Just(HeldValue::Text(b"2.50".to_vec().into())),
            1 => (-3i64..3).prop_map(|made| HeldValue::Decimal(Decimal::from(made))),
        ]
        .boxed(),
    }
}

/// Whether no other double is nearer to a quotient, by multiplication, which rounds nothing.
fn is_nearest(double: f64, dividend: &BigDecimal, divisor: &BigDecimal) -> bool {
    let away = |double: f64| {
        let exact = BigDecimal::try_from(double).unwrap();
        (exact * divisor - dividend).abs()
    };
    let own = away(double);
    [double.next_down(), double.next_up()]
        .map(away)
        .iter()
        .all(|other| own < *other || own == *other && double.to_bits().is_multiple_of(2))
}

/// An aggregate, its records, and for each record the worker and the block that it goes to.
fn dealt() -> impl Strategy<Value = (&'static str, Vec<(Record, usize)>, u64)> {
    let names: Vec<&str> = all().map(|aggregate| aggregate.name).collect();
    prop::sample::select(names).prop_flat_map(|name| {
        let aggregate = find(name).unwrap();
        let record = |aggregate: &'static Aggregate| {
            let inputs = inputs(aggregate)
                .into_iter()
                .filter(|input| *input != Input::Constant);
            (0u32..3, inputs.map(fields).collect::<Vec<_>>())
        };
        (
            Just(name),
            prop::collection::vec((record(aggregate), 0usize..3), 0..60),
            1u64..10,
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn results_do_not_depend_on_how_records_are_dealt((name, records, block_size) in dealt()) {
        let aggregate = find(name).unwrap();
        let constants = [Value::Null, Value::Decimal(Decimal::new(3, 1).unwrap())];
        let arity = arity(aggregate);
        let mut once = make(aggregate, &constants);
        once.grow(3);
        // Worker w calls group g by another number, and takes its blocks last to first.
        let mut workers: Vec<_> = (0..3).map(|_| make(aggregate, &constants)).collect();
        let blocks = records.chunks(block_size as usize).enumerate();
        for (block, records) in blocks.rev() {
            let placed: Vec<_> = (0..).zip(records.iter().map(|(record, _)| record)).collect();
            absorb(&mut *once, block as u64, &placed, arity);
            for (worker, accumulator) in workers.iter_mut().enumerate() {
                let renamed: Vec<(u32, Record)> = (0..).zip(records)
                    .filter(|(_, (_, dealt))| *dealt == worker)
                    .map(|(place, ((group, values), _))| (place, ((group + worker as u32) % 3, values.clone())))
                    .collect();
                let renamed: Vec<_> = renamed.iter().map(|(place, record)| (*place, record)).collect();
                accumulator.grow(3);
                absorb(&mut **accumulator, block as u64, &renamed, arity);
            }
        }
        // The same by way of states that a run keeps for itself.
        let mut read = make(aggregate, &constants);
        read.grow(3);
        for (worker, accumulator) in workers.iter_mut().enumerate().rev() {
            accumulator.grow(3);
            for group in 0..3u32 {
                let state = saved(&**accumulator, group, true);
                read.load((group + 3 - worker as u32) % 3, &mut Words::new(&state, (0, 0))).unwrap();
            }
        }
        for group in 0..3 {
            prop_assert_eq!(shown(&*once, group), shown(&*read, group), "{} of {:?}", name, records);
            let states = [&once, &read].map(|from| saved(&**from, group, true));
            prop_assert_eq!(String::from_utf8_lossy(&states[0]), String::from_utf8_lossy(&states[1]), "{} of {:?}", name, records);
        }
        let mut merged = make(aggregate, &constants);
        merged.grow(3);
        for (worker, mut accumulator) in workers.into_iter().enumerate().rev() {
            accumulator.grow(3);
            let map: Vec<u32> = (0..3u32).map(|group| (group + 3 - worker as u32) % 3).collect();
            merged.merge(accumulator, &map);
        }
        for group in 0..3 {
            prop_assert_eq!(shown(&*once, group), shown(&*merged, group), "{} of {:?}", name, records);
        }
    }

    #[test]
    fn partial_states_put_together_are_one_pass((name, records, part_size) in dealt()) {
        let aggregate = find(name).unwrap();
        let constants = [Value::Null, Value::Decimal(Decimal::new(3, 1).unwrap())];
        let arity = arity(aggregate);
        let (mut once, mut whole) = (make(aggregate, &constants), make(aggregate, &constants));
        once.grow(3);
        whole.grow(3);
        for (part, records) in records.chunks(part_size as usize).enumerate() {
            let placed: Vec<_> = (0..).zip(records.iter().map(|(record, _)| record)).collect();
            absorb(&mut *once, part as u64, &placed, arity);
            let mut partial = make(aggregate, &constants);
            partial.grow(3);
            absorb(&mut *partial, 0, &placed, arity);
            for group in 0..3 {
                let state = saved(&*partial, group, false);
                whole.load(group, &mut Words::new(&state, (0, part as u32 * 3 + group))).unwrap();
            }
        }
        for group in 0..3 {
            prop_assert_eq!(shown(&*once, group), shown(&*whole, group), "{} of {:?}", name, records);
            let states = [&once, &whole].map(|from| saved(&**from, group, false));
            prop_assert_eq!(String::from_utf8_lossy(&states[0]), String::from_utf8_lossy(&states[1]), "{} of {:?}", name, records);
        }
    }

    #[test]
    fn no_broken_state_is_a_panic((name, records, _) in dealt(), cut in 0usize..40, byte in any::<u8>()) {
        let aggregate = find(name).unwrap();
        let constants = [Value::Null, Value::Decimal(Decimal::new(3, 1).unwrap())];
        let mut accumulator = make(aggregate, &constants);
        accumulator.grow(3);
        let placed: Vec<_> = (0..).zip(records.iter().map(|(record, _)| record)).collect();
        absorb(&mut *accumulator, 0, &placed, arity(aggregate));
        let mut state = saved(&*accumulator, 0, false);
        if let Some(broken) = state.get_mut(cut) {
            *broken = byte;
        } else {
            state.truncate(cut);
        }
        // It may pass for another state, whose result may be a fault.
        let mut other = make(aggregate, &constants);
        other.grow(1);
        if other.load(0, &mut Words::new(&state, (0, 0))).is_ok() {
            let arena = Bump::new();
            let _ = other.finish(0, &arena);
        }
    }

    #[test]
    fn approximate_quantiles_are_near(mut values in prop::collection::vec(-1e6f64..1e6, 1..200), share in 0i128..=100) {
        let mut accumulator = make(find("approx_quantile").unwrap(), &[Value::Null, Value::Decimal(Decimal::new(share, 2).unwrap())]);
        accumulator.grow(1);
        let records: Vec<Record> = values.iter().map(|&value| (0, vec![HeldValue::Double(value)])).collect();
        absorb(&mut *accumulator, 0, &(0..).zip(&records).collect::<Vec<_>>(), 1);
        values.sort_unstable_by(f64::total_cmp);
        let exact = values[(share as f64 / 100.0 * (values.len() - 1) as f64) as usize];
        let arena = Bump::new();
        let near = text::to_number(&accumulator.finish(0, &arena).unwrap()).unwrap().unwrap().to_f64();
        prop_assert!((near - exact).abs() <= exact.abs() * 0.010_001, "{near} for {exact}");
    }

    #[test]
    fn sums_and_variances_agree(records in prop::collection::vec(fields(Input::Number), 1..30)) {
        let values: Vec<BigDecimal> = records.iter().filter_map(|value| {
            let arena = Bump::new();
            let mut number = Vec::new();
            Real::of(&value.copied(&arena)).unwrap()?.to_wide().write(&mut number);
            Some(BigDecimal::from_str(&String::from_utf8(number).unwrap()).unwrap())
        }).collect();
        let finish = |name| {
            let mut accumulator = make(find(name).unwrap(), &[]);
            accumulator.grow(1);
            let records: Vec<Record> = records.iter().map(|value| (0, vec![value.clone()])).collect();
            absorb(&mut *accumulator, 0, &(0..).zip(&records).collect::<Vec<_>>(), 1);
            let arena = Bump::new();
            accumulator.finish(0, &arena).ok().and_then(|value| Real::of(&value).unwrap())
        };
        // Exact, or the double nearest to the quotient if there is one.
        let agrees = |ours: Option<Real>, dividend: &BigDecimal, divisor: &BigDecimal| match ours {
            Some(Real::Number(Number::Double(double))) => is_nearest(double, dividend, divisor),
            Some(exact) => {
                let mut digits = Vec::new();
                exact.to_wide().write(&mut digits);
                BigDecimal::from_str(&String::from_utf8(digits).unwrap()).unwrap() * divisor == *dividend
            }
            None => dividend.abs() / divisor > BigDecimal::from_str("1.7e308").unwrap(),
        };
        let n = BigDecimal::from(values.len() as u64);
        let sum: BigDecimal = values.iter().sum();
        let squares: BigDecimal = values.iter().map(|value| value * value).sum();
        if values.is_empty() {
            prop_assert!(finish("sum").is_none());
        } else {
            let ours = finish("sum");
            if !records.iter().any(|value| matches!(value, HeldValue::Double(_))) {
                prop_assert!(ours.as_ref().is_some_and(|sum| !sum.is_double()), "a rounded sum");
            }
            prop_assert!(agrees(ours, &sum, &BigDecimal::from(1)));
            prop_assert!(agrees(finish("avg"), &sum, &n));
            let variance = (&n * squares - &sum * &sum) / (&n * &n);
            let ours = finish("var_pop").map(|number| number.to_f64());
            if let Some(ours) = ours {
                let theirs: f64 = variance.to_string().parse().unwrap();
                prop_assert!((ours - theirs).abs() <= theirs * 1e-15, "{ours} {theirs}");
            }
        }
    }

    #[test]
    fn quantiles_agree(mut values in prop::collection::vec(-1000i64..1000, 1..40), share in 0i128..=100) {
        let mut accumulator = make(find("quantile").unwrap(), &[Value::Null, Value::Decimal(Decimal::new(share, 2).unwrap())]);
        accumulator.grow(1);
        let records: Vec<Record> = values.iter().map(|&value| (0, vec![HeldValue::Decimal(Decimal::new(value.into(), 1).unwrap())])).collect();
        absorb(&mut *accumulator, 0, &(0..).zip(&records).collect::<Vec<_>>(), 1);
        values.sort_unstable();
        let place = share as usize * (values.len() - 1);
        let (low, high) = (values[place / 100], values[(place / 100 + 1).min(values.len() - 1)]);
        let exact = Decimal::new(i128::from(low * 100 + (high - low) * (place % 100) as i64), 3).unwrap();
        prop_assert_eq!(shown(&*accumulator, 0), exact.to_string());
    }
}

#[test]
fn the_language_knows_the_names_of_aggregates() {
    let names = all().flat_map(|aggregate| [&[aggregate.name], aggregate.aliases].concat());
    let mut only_here: Vec<&str> = names
        .filter(|name| crate::expr::functions::find(name).is_none())
        .collect();
    only_here.sort_unstable();
    assert_eq!(only_here, crate::expr::AGGREGATES);
}

#[test]
fn approximate_counts_are_near() {
    let mut accumulator = make(find("approx_count_distinct").unwrap(), &[]);
    accumulator.grow(1);
    let mut seen = 0;
    for wanted in [1u32, 10, 100, 1000, 10_000, 100_000] {
        let records: Vec<Record> = (seen..wanted)
            .map(|number| {
                (
                    0,
                    vec![HeldValue::Decimal(Decimal::from(i64::from(number)))],
                )
            })
            .collect();
        seen = wanted;
        for _ in 0..2 {
            absorb(
                &mut *accumulator,
                0,
                &(0..).zip(&records).collect::<Vec<_>>(),
                1,
            );
        }
        let count: f64 = shown(&*accumulator, 0).parse().unwrap();
        let off = (count - f64::from(wanted)).abs() / f64::from(wanted);
        assert!(off < 0.05, "{count} for {wanted}");
    }
}
