use std::io::{self, Read};

use proptest::prelude::*;

use crate::format::lenient::split::{Field, NextRecord, Quoting, Splitter};
use crate::format::lenient::*;
use crate::record::PASSED_OVER;

/// Gives its bytes in reads of one size.
struct Dribble<'b>(&'b [u8], usize);

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(self.0.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

const LEAD: Lead = Lead {
    skip: 0,
    comment: None,
    quote: Some(b'"'),
    leaves_marks: true,
};

fn lenient(delimiter: &str, header_lines: usize, mends: Option<Extra>) -> Lenient {
    Lenient {
        delimiter: delimiter.as_bytes().to_vec(),
        header_lines,
        mends,
    }
}

/// What becomes of a text, and what is said of it.
fn mended_by(lenient: &Lenient, lead: Lead, quote: Option<u8>, text: &str, size: usize) -> String {
    let tally = Arc::new(Tally::default());
    let plan = write::Plan {
        lenient: lenient.clone(),
        quote,
        lead,
        has_header: true,
        width: Arc::default(),
        tally: Arc::clone(&tally),
    };
    let mut read = Mending::new(Dribble(text.as_bytes(), size), Arc::from("x"), plan);
    let mut out = Vec::new();
    if let Err(error) = read.read_to_end(&mut out) {
        return error.to_string();
    }
    let notice = tally.notice(lenient.mends).unwrap_or_default();
    // Of lines that were passed over, a mark is left.
    let out: String = out
        .utf8_chunks()
        .map(|chunk| match chunk.invalid() {
            [] => chunk.valid().to_owned(),
            [PASSED_OVER] => format!("{}<passed over>", chunk.valid()),
            other => panic!("{other:?}"),
        })
        .collect();
    format!("{out}{notice}")
}

/// The same by reads of any size.
fn mended(lenient: &Lenient, text: &str) -> String {
    let whole = mended_by(lenient, LEAD, LEAD.quote, text, 1 << 20);
    for size in 1..text.len().min(20) {
        let parts = mended_by(lenient, LEAD, LEAD.quote, text, size);
        assert_eq!(parts, whole, "by {size}");
    }
    whole
}

fn padded(text: &str) -> String {
    mended(&lenient(",", 1, Some(Extra::Ignore)), text)
}

#[test]
fn good_csv_stays_but_for_line_ends() {
    for text in [
        "a,b\n1,2\n",
        "a,b\n1,\"x,\"\"y\"\"\n\nz\"\n\n,\"\"\n",
        "a\n1\n\n\"\"\n",
        "\n\na,b\n",
        "",
    ] {
        assert_eq!(padded(text), text);
        assert_eq!(
            padded(&text.replace("\n", "\r\n")).replace("\r\n", "\n"),
            text
        );
    }
    assert_eq!(
        padded("a,b\r\n1,\"x\r\ny\"\r\n2,"),
        "a,b\n1,\"x\r\ny\"\n2,\n"
    );
}

#[test]
fn every_damage_is_mended_and_told() {
    for (text, expected) in [
        (
            "a,b\n1\n2,\n",
            "a,b\n1,\n2,\n1 short record padded (first: x:2)",
        ),
        (
            "a,b\n1,2,\n1,2,\"3\",4\n",
            "a,b\n1,2\n1,2\n3 surplus fields of 2 records dropped (first: x:2)",
        ),
        (
            "a,b\n1,5\" disk\n2,\"a\" b\n",
            "a,b\n1,\"5\"\" disk\"\n2,\"\"\"a\"\" b\"\n\
             2 fields with stray quotes kept as text (first: x:2)",
        ),
        (
            "a,b\n\"1,2\n\"3\",4\n",
            "a,b\n\"\"\"1\",2\n\"3\",4\n1 field with stray quotes kept as text (first: x:2)",
        ),
        (
            "a,b\n1,\"2\n3,4",
            "a,b\n1,\"\"\"2\"\n3,4\n1 field with stray quotes kept as text (first: x:2)",
        ),
        (
            "a,b\r1,\"x\ry\"\r\r\n",
            "a,b\n1,\"x\ry\"\n\n2 lines ended by CR alone (first: x:1)",
        ),
        (
            "a,b\r\n1,2\r",
            "a,b\n1,2\n1 line ended by CR alone (first: x:2)",
        ),
        (
            "a,b\n1,\"x\ny\"\n2\n",
            "a,b\n1,\"x\ny\"\n2,\n1 short record padded (first: x:4)",
        ),
        (
            "\"\"\"\n1\n",
            "\"\"\"\"\"\"\"\"\n1\n1 field with stray quotes kept as text (first: x:1)",
        ),
    ] {
        assert_eq!(padded(text), expected, "{text:?}");
    }
}

/// The words that a program left that has failed are no text: the strict reader refuses them.
#[test]
fn last_words_stay() {
    let text = "a,b\n1,2\n\"map: it has failed\n";
    assert_eq!(padded(text), text);
    let padding = lenient(",", 1, Some(Extra::Ignore));
    let unquoted = mended_by(&padding, LEAD, None, text, 5);
    assert!(unquoted.starts_with("a,b\n1,2\n\"\"\"map: it has failed\",\n"));
    assert_eq!(
        padded("a,b\n1,\"2\n\"map: it has failed\n"),
        "a,b\n1,\"\"\"2\"\n\"map: it has failed\n\
         1 field with stray quotes kept as text (first: x:2)"
    );
}

#[test]
fn surplus_is_kept_as_it_stands() {
    let keeping = lenient(";", 1, Some(Extra::Column));
    for (text, expected) in [
        ("a;b\n1;2\n", "a;b;_extra\n1;2;\n"),
        (
            "a;b\n1;2;\n",
            "a;b;_extra\n1;2;\"\"\n1 surplus field of 1 record kept in the last column (first: x:2)",
        ),
        (
            "a;b\n1;2;3;\"4;\"\n",
            "a;b;_extra\n1;2;\"3;\"\"4;\"\"\"\n\
             2 surplus fields of 1 record kept in the last column (first: x:2)",
        ),
        ("a\n\n1\n", "a;_extra\n;\n1;\n"),
    ] {
        assert_eq!(mended(&keeping, text), expected, "{text:?}");
    }
    let failing = lenient(",", 1, Some(Extra::Fail));
    assert_eq!(mended(&failing, "a,b\n1,2,3\n"), "a,b\n1,2,3\n");
}

#[test]
fn delimiters_may_be_of_several_characters() {
    let strict = lenient("~|~", 1, None);
    for (text, expected) in [
        ("a~|~b\n1~|~x,y\n", "a,b\n1,\"x,y\"\n"),
        ("a~|~b\n~~|~\"~|~\"\r\n|~|~\"\"", "a,b\n~,\"~|~\"\n|,\"\"\n"),
        // What is broken is left for the strict reader to refuse.
        ("a~|~b\n1\n", "a,b\n1\n"),
        ("a~|~b\n1~|~x\"y~|~\n2~|~3\n", "a,b\n1,x\"y~|~\n2~|~3\n"),
        ("a~|~b\n1~|~\"x\"y\n", "a,b\n1,\"x\"y\n"),
        ("a~|~b\n1~|~\"x\n", "a,b\n1,\"x\n"),
        ("a~|~b\n1~|~x\ry\n2~|~\r\r\n", "a,b\n1,x\ry\n2,\r\r\n"),
    ] {
        assert_eq!(mended(&strict, text), expected, "{text:?}");
    }
    let padding = lenient("||", 1, Some(Extra::Ignore));
    assert_eq!(
        mended(&padding, "a||b||c\n1|||x\"\n"),
        "a,b,c\n1,\"|x\"\"\",\n1 short record padded (first: x:2), \
         1 field with stray quotes kept as text (first: x:2)"
    );
    let unquoted = mended_by(&strict, LEAD, None, "\"a~|~b\n,~|~c\n", 3);
    assert_eq!(unquoted, "\"\"\"a\",b\n\",\",c\n");
}

#[test]
fn several_lines_name_the_columns() {
    let three = lenient(",", 3, None);
    assert_eq!(
        mended(&three, "T\n\"Sales, net\",,Costs\n2023,2024, 2023\n1,2,3\n"),
        "\n\n\"T Sales, net 2023\",\"2024\",\"Costs 2023\"\n1,2,3\n"
    );
    assert_eq!(
        mended(&three, "a\nb\n"),
        "it ends within its 3 header lines"
    );
}

#[test]
fn a_preamble_and_comments_are_passed_over_by_lines_of_any_kind() {
    let lead = Lead {
        skip: 1,
        comment: Some(b'#'),
        ..LEAD
    };
    let padding = lenient(",", 1, Some(Extra::Ignore));
    for (text, expected) in [
        (
            "it's \"so\n#c\na,b\n1\n",
            "<passed over>\n<passed over>\na,b\n1,\n1 short record padded (first: x:4)",
        ),
        (
            "it's \"so\r\n#c\r\na,\"#b\r\n#\"\r\n",
            "<passed over>\n<passed over>\na,\"#b\r\n#\"\n",
        ),
        (
            "p\r#c\ra\r",
            "<passed over>\n<passed over>\na\n3 lines ended by CR alone (first: x:1)",
        ),
    ] {
        for size in 1..text.len() {
            let out = mended_by(&padding, lead, LEAD.quote, text, size);
            assert_eq!(out, expected, "{text:?} by {size}");
        }
    }
}

/// The end of a quoted field is not looked for without bounds, and the bound is the same for any reads.
#[test]
fn a_stray_quote_does_not_swallow_the_rest() {
    let found = |text: &[u8], size: usize, longest: usize| {
        let mut splitter = Splitter::new(b",", Some(b'"'), true, longest);
        let mut seen = size.min(text.len());
        loop {
            match splitter.next(&text[..seen], seen == text.len()) {
                NextRecord::More => seen = (seen + size).min(text.len()),
                found => return (found, splitter.fields),
            }
        }
    };
    let text = b"\"ab\ncd\",e\n";
    for size in 1..=text.len() {
        let quoted = Field {
            range: 0..7,
            kind: Quoting::Quoted,
        };
        let (end, fields) = found(text, size, 6);
        assert_eq!(
            (end, &fields[0]),
            (NextRecord::Record(10), &quoted),
            "by {size}"
        );
        let stray = Field {
            range: 0..3,
            kind: Quoting::Stray,
        };
        let (end, fields) = found(text, size, 5);
        assert_eq!(
            (end, fields),
            (NextRecord::Record(4), vec![stray]),
            "by {size}"
        );
    }
}

proptest! {
    /// Whatever comes, what comes out is good CSV in which every record has a field for each column,
    /// and reads of any size give the same.
    #[test]
    fn anything_becomes_good_csv(text in "[ab,\" \n\r]{0,40}", size in 1..9usize) {
        let padding = lenient(",", 1, Some(Extra::Ignore));
        let out = mended_by(&padding, LEAD, LEAD.quote, &text, 1 << 20);
        prop_assert_eq!(&mended_by(&padding, LEAD, LEAD.quote, &text, size), &out);
        let end = out.rfind('\n').map_or(0, |end| end + 1);
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(&out.as_bytes()[..end]);
        let mut again = Vec::new();
        for record in reader.byte_records() {
            let record = record.unwrap();
            again.push(record.len());
        }
        prop_assert!(again.windows(2).all(|pair| pair[0] == pair[1]), "{:?}", out);
        // What was mended is good: nothing more is found in it.
        let twice = mended_by(&padding, LEAD, LEAD.quote, &out[..end], 1 << 20);
        prop_assert_eq!(&twice, &out[..end]);
    }
}
