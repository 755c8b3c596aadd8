//! TPC-H queries 1 and 6 at scale factor 1, written as pipelines, against the answers that the specification
//! publishes for its qualification database (Standard Specification, sections 2.4.1.5 and 2.4.6.5).

mod harness;

use bigdecimal::{BigDecimal, RoundingMode};
use std::str::FromStr;

/// The published answer to query 1: it prints two decimals.
const QUERY_1: [&str; 4] = [
    "A,F,37734107.00,56586554400.73,53758257134.87,55909065222.83,25.52,38273.13,0.05,1478493",
    "N,F,991417.00,1487504710.38,1413082168.05,1469649223.19,25.52,38284.47,0.05,38854",
    "N,O,74476040.00,111701729697.74,106118230307.61,110367043872.50,25.50,38249.12,0.05,2920374",
    "R,F,37719753.00,56568041380.90,53741292684.60,55889619119.83,25.51,38250.85,0.05,1478870",
];

/// Its exact sums of discounted prices (four decimals) and of charges (six), to no digit less.
const QUERY_1_EXACT: [(&str, &str); 4] = [
    ("53758257134.8700", "55909065222.827692"),
    ("1413082168.0541", "1469649223.194375"),
    ("106118230307.6056", "110367043872.497010"),
    ("53741292684.6040", "55889619119.831932"),
];

/// The published answer to query 6.
const QUERY_6: &str = "123141078.23";

/// Its exact sum.
const QUERY_6_EXACT: &str = "123141078.2283";

/// The records that a query's script gives, after a header that is held to be `header`.
fn answers(script: &str, header: &str) -> Vec<Vec<String>> {
    let script = harness::root().join("tests/tpch").join(script);
    let given = harness::bash("\"$SCRIPT\" \"$LINEITEM\"")
        .env("SCRIPT", script)
        .env("LINEITEM", harness::fetched("tpch"))
        .run()
        .quiet_success();
    let text = String::from_utf8(given).expect("it is text");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(header));
    lines
        .map(|line| line.split(',').map(str::to_owned).collect())
        .collect()
}

fn number(text: &str) -> BigDecimal {
    BigDecimal::from_str(text).unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// Holds that `found` is `published` once it is rounded to the two decimals that are printed.
fn agrees(found: &str, published: &str) {
    let rounded = number(found).with_scale_round(2, RoundingMode::HalfUp);
    assert_eq!(rounded, number(published), "{found} against {published}");
}

#[test]
fn query_1() {
    let found = answers(
        "q1.sh",
        "l_returnflag,l_linestatus,sum_qty,sum_base_price,sum_disc_price,sum_charge,\
         avg_qty,avg_price,avg_disc,count_order",
    );
    assert_eq!(found.len(), QUERY_1.len());
    for ((record, published), (disc_price, charge)) in found.iter().zip(QUERY_1).zip(QUERY_1_EXACT)
    {
        let published: Vec<_> = published.split(',').collect();
        assert_eq!(record.len(), published.len());
        assert_eq!(record[..2], published[..2]);
        for (found, published) in record[2..].iter().zip(&published[2..]) {
            agrees(found, published);
        }
        assert_eq!(number(&record[4]), number(disc_price));
        assert_eq!(number(&record[5]), number(charge));
    }
}

#[test]
fn query_6() {
    let found = answers("q6.sh", "revenue");
    assert_eq!(found.len(), 1);
    agrees(&found[0][0], QUERY_6);
    assert_eq!(number(&found[0][0]), number(QUERY_6_EXACT));
}
