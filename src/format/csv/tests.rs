use crate::format::csv::*;
use crate::record::{Block, Index, Malformed, OnFault};
use proptest::prelude::*;

/// What becomes of records without a header.
fn extracted(table: CsvSource, columns: usize, text: &str) -> String {
    let mut block = Block {
        bytes: text.as_bytes().to_vec(),
        ..Block::default()
    };
    let mut index = Index::default();
    let (dialect, extract) = (table.dialect, Extract::new(table, columns));
    let records = index.build(&mut block, extract.layout(), dialect).unwrap();
    let mut faults = Faults::new(OnFault::Fail, records.len());
    let mut made = Made::default();
    extract.records(&mut (), &records, &mut faults, &mut made);
    let out: Vec<u8> = made
        .slices(records.bytes())
        .iter()
        .flat_map(|slice| slice.to_vec())
        .collect();
    String::from_utf8(out).unwrap()
}

fn table(dialect: Dialect, picks: &[usize], nulls: &[&str]) -> CsvSource {
    CsvSource {
        dialect,
        picked: Picked {
            picks: picks.to_vec(),
            nulls: nulls.iter().map(|null| null.as_bytes().to_vec()).collect(),
        },
        unquote: false,
    }
}

const TABBED: Dialect = Dialect {
    delimiter: b'\t',
    quote: Some(b'"'),
};

#[test]
fn quotes_stay_and_line_ends_become_lf() {
    let text = "a,\"b\r\n\",c\r\n1,2,\r\n,\"\",\"3\"\n";
    for picks in [&[0, 1, 2][..], &[2, 0], &[1], &[0, 0, 2, 1]] {
        let fields = [
            ["a", "\"b\r\n\"", "c"],
            ["1", "2", ""],
            ["", "\"\"", "\"3\""],
        ];
        let expected: String = fields
            .iter()
            .map(|record| {
                let picked: Vec<_> = picks.iter().map(|&pick| record[pick]).collect();
                picked.join(",") + "\n"
            })
            .collect();
        let table = table(Dialect::STREAM, picks, &[]);
        assert_eq!(extracted(table, 3, text), expected);
    }
}

#[test]
fn a_carriage_return_in_a_field_is_not_lost() {
    let stream = |picks: &[usize], text| extracted(table(Dialect::STREAM, picks, &[]), 2, text);
    assert_eq!(stream(&[1, 0], "a\r,b\n"), "b,\"a\r\"\n");
    assert_eq!(stream(&[0, 1], "a,b\r\r\n"), "a,\"b\r\"\n");
    assert_eq!(stream(&[0], "\r,b\n"), "\"\r\"\n");
    assert_eq!(stream(&[0, 1], "1,2\r3\n"), "1,\"2\r3\"\n");
    assert_eq!(
        stream(&[0, 1], "\"\r\",\rx\r\n1,2\r\n"),
        "\"\r\",\"\rx\"\n1,2\n"
    );
    let with_nulls = table(Dialect::STREAM, &[0, 1], &["NA"]);
    assert_eq!(extracted(with_nulls, 2, "NA,2\r3\n"), ",\"2\r3\"\n");
}

#[test]
fn nulls_are_whole_unquoted_fields() {
    let nulls = &[
        "NA",
        "-",
        "a long one that is longer than sixty-three bytes, all in all: it is",
    ];
    let text = format!(
        "NA,\"NA\",NAN\n-,x-,-\n\"{0}\",NA,{0}\r\n",
        nulls[2].replace(',', ";")
    );
    let long = nulls[2].replace(',', ";");
    let nulls = &["NA", "-", &long];
    for (picks, expected) in [
        (&[0, 1, 2][..], format!(",\"NA\",NAN\n,x-,\n\"{long}\",,\n")),
        (&[2, 1], "NAN,\"NA\"\n,x-\n,\n".to_owned()),
    ] {
        assert_eq!(
            extracted(table(Dialect::STREAM, picks, nulls), 3, &text),
            expected
        );
    }
    let text = text.replace("\r\n", "\n");
    assert_eq!(
        extracted(table(Dialect::STREAM, &[0, 1, 2], nulls), 3, &text),
        format!(",\"NA\",NAN\n,x-,\n\"{long}\",,\n")
    );
}

#[test]
fn other_dialects_are_written_anew() {
    let tabbed = |picks: &[usize], text| extracted(table(TABBED, picks, &["NA"]), 3, text);
    assert_eq!(
        tabbed(&[0, 1, 2], "a\tb,c\t\"d\te\"\nNA\t\t,\nx\ty\tz\r\n"),
        "a,\"b,c\",\"d\te\"\n,,\",\"\nx,y,z\n"
    );
    assert_eq!(
        tabbed(&[2, 1], "a\tb,c\t\"d\te\"\nx\ty\tz\n"),
        "\"d\te\",\"b,c\"\nz,y\n"
    );
    let unquoted = Dialect {
        delimiter: b',',
        quote: None,
    };
    let table_of = |dialect| table(dialect, &[0, 1], &[]);
    assert_eq!(
        extracted(table_of(unquoted), 2, "5\" disk,\"\nx,\n"),
        "\"5\"\" disk\",\"\"\"\"\nx,\n"
    );
    let single = Dialect {
        delimiter: b';',
        quote: Some(b'\''),
    };
    assert_eq!(
        extracted(table_of(single), 2, "'it''s;';\"\n'';'1'\n1,5;\n"),
        "\"it's;\",\"\"\"\"\n\"\",\"1\"\n\"1,5\",\n"
    );
}

#[test]
fn quotes_may_mean_nothing() {
    let mut table = table(Dialect::STREAM, &[0, 1, 2], &["NA"]);
    table.unquote = true;
    assert_eq!(
        extracted(table, 3, "\"12\",\"a,\"\"b\",\"\"\n\"NA\",x,\n"),
        "12,\"a,\"\"b\",\n,x,\n"
    );
}

/// A line that was passed over is none of the records; a blank one is, of one column.
#[test]
fn what_was_passed_over_is_no_record() {
    let mut block = Block {
        bytes: b"a\n\xFE\n\nb\n".to_vec(),
        malformed: Some(Malformed::read(|_, _| String::new()).with_marks(true)),
        ..Block::default()
    };
    let (mut index, layout) = (Index::default(), Layout::all(1));
    let records = index.build(&mut block, &layout, Dialect::STREAM).unwrap();
    let fields: Vec<_> = (0..records.len())
        .map(|record| records.field(record, 0))
        .collect();
    assert_eq!(fields, [&b"a"[..], b"", b"b"]);
    assert!(records.ragged().is_empty());
    assert_eq!(records.lines().collect::<Vec<_>>(), [1, 3, 4]);
}

proptest! {
    /// The quick ways give what goes field by field.
    #[test]
    fn all_ways_agree(
        records in proptest::collection::vec(
            proptest::collection::vec("[a,\"\t\r é]{0,3}|NA|[a-z, ]{30,70}", 4), 0..40),
        picks in proptest::collection::vec(0usize..4, 1..6),
        tabbed in any::<bool>(),
        returns in any::<bool>(),
        with_nulls in any::<bool>(),
    ) {
        let dialect = if tabbed { TABBED } else { Dialect::STREAM };
        let mut text = Vec::new();
        for record in &records {
            for field in record {
                match field.is_empty() {
                    true => {}
                    false => field::push_text(field.as_bytes(), dialect.delimiter, &mut text),
                }
                text.push(dialect.delimiter);
            }
            text.pop();
            text.extend_from_slice(if returns { b"\r\n" } else { b"\n" });
        }
        let text = String::from_utf8(text).unwrap();
        for picks in [&picks[..], &[0, 1, 2, 3]] {
            let nulls: &[&str] = if with_nulls { &["NA"] } else { &[] };
            let mut out = Vec::new();
            for record in &records {
                for &pick in picks {
                    let content = &record[pick];
                    if !(content.is_empty() || with_nulls && content == "NA") {
                        field::push_text(content.as_bytes(), b',', &mut out);
                    }
                    out.push(b',');
                }
                out.pop();
                out.push(b'\n');
            }
            let found = extracted(table(dialect, picks, nulls), 4, &text);
            let mut fields = csv::ReaderBuilder::new();
            let fields = fields.has_headers(false);
            let read = |text: &[u8]| -> Vec<_> {
                fields.from_reader(text).into_records().map(Result::unwrap).collect()
            };
            prop_assert_eq!(read(found.as_bytes()), read(&out));
            prop_assert!(!found.contains("\r\n") || found.contains('"'));
        }
    }
}
