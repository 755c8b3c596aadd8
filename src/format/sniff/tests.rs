use std::io::Cursor;

use crate::format::sniff::*;

fn sniffed(text: &str) -> Sniffed {
    guess(text.as_bytes(), true, Some(b'"')).sniffed
}

#[test]
fn delimiter_and_header_are_guessed() {
    for (text, delimiter, has_header) in [
        ("a,b\n1,2\n", b',', true),
        ("a;b\n\"1,5;\";2,5\n3,5;4\n", b';', true),
        ("a\tb\tc\nx, y\tz, w\tv\n", b'\t', true),
        ("1|x\n2|y\n", b'|', false),
        ("x,2024-01-01\ny,2024-01-02", b',', false),
        ("country,2019,2020\nKR,1,2\n", b',', true),
        ("country,2019,total\nKR,1,2\n", b',', true),
        // A delimiter that needs its quotes ignored is none.
        ("a,b\n1,\"x;y\nz;w\nu;v\"\n2,\"p;q\nr;s\"\n", b',', true),
        // Decimal commas.
        ("1,5;2,5\n3,5;4,0\n", b';', false),
        ("x;1,5\ny;2,5\n", b';', false),
        ("a;b\n-1,5;2\n3;4,25\n", b';', true),
        // What is rarer comes last.
        ("1 0 0\n2 3 4\n", b' ', false),
        ("x y\n1 2\n3 4\n", b' ', true),
        ("a,b c\n1,2 3\n", b',', true),
        ("name H0 m\nx 67.77 [0.0,0.0,0.06]\n", b' ', true),
        ("a^b\nx^y\n", b'^', true),
        ("root:x:0\nbin:x:1\n", b':', false),
    ] {
        let found = sniffed(text);
        let expected = Sniffed {
            delimiter,
            is_one_column: false,
            has_header,
            title_lines: 0,
            comment_lines: 0,
            lacks_first: false,
        };
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn one_column_has_no_delimiter() {
    for (text, has_header) in [
        ("word\nother\n", true),
        ("", true),
        ("full name\nJohn Smith\nMary Jones\n", true),
        ("time\n10:30\n10:45\n", true),
        ("10:30\n10:45\n", false),
        ("weight\n10 kg\n20 kg\n", true),
        ("a text of words\nanother one of more words\n", true),
    ] {
        let found = sniffed(text);
        assert!(found.is_one_column, "{text:?}");
        assert_eq!(found.delimiter, b',', "{text:?}");
        assert_eq!(found.has_header, has_header, "{text:?}");
    }
}

#[test]
fn what_stands_above_the_header_is_seen() {
    for (text, title_lines, lacks_first, has_header, delimiter) in [
        ("sep=;\r\na;b\r\n1;2\r\n", 1, false, true, b';'),
        ("\"sep=|\"\na|b\n", 1, false, true, b'|'),
        ("Sales\n\na,b,c\n1,2,3\n4,5,6\n", 2, false, true, b','),
        (
            "Sales, all\nin EUR\na;b;c;d\n1;2;3;4\n1;2;3;4\n",
            2,
            false,
            true,
            b';',
        ),
        ("\"a\",\"b\"\n\"1\",1,2\n\"2\",3,4\n", 0, true, true, b','),
        ("a b\nx,y\n", 0, false, true, b','),
        ("state,2022\nAL,5024279\nAK,733391\n", 0, false, true, b','),
        ("x,2019\ny,2020\n", 0, false, false, b','),
        ("a,b\n1,2,3\n4,5\n", 0, false, true, b','),
        // Names above numbers below a title of one field.
        ("Title\nid,name\n1,x\n2,y\n", 1, false, true, b','),
        ("mpg\nMazda,21\nDatsun,22\n", 0, true, true, b','),
        ("Expt Run\n001 1 1\n002 1 2\n", 0, true, true, b' '),
    ] {
        let found = sniffed(text);
        let expected = Sniffed {
            delimiter,
            is_one_column: false,
            has_header,
            title_lines,
            comment_lines: 0,
            lacks_first,
        };
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn comments_at_the_top_are_skipped() {
    for (text, title_lines, comment_lines, has_header, delimiter) in [
        ("# c1\n# c2, x\na,b\n1,2\n3,4\n", 2, 2, true, b','),
        ("#c2,x\na,b\n1,2\n3,4\n", 1, 1, true, b','),
        ("# one\n\n# two\n\na;b\n1;2\n3;4\n", 3, 2, true, b';'),
        ("# x, y\n1,2\n3,4\n", 1, 1, false, b','),
        ("# c\n1 2 3\n4 5 6\n", 1, 1, false, b' '),
        ("# c\nTitle\na,b,c\n1,2,3\n4,5,6\n", 2, 1, true, b','),
        // A header that begins with '#'.
        ("#OTU ID\tS1\tS2\nO1\t0\t1\nO2\t3\t4\n", 0, 0, true, b'\t'),
        (
            "# from BIOM\n#OTU ID\tS1\tS2\nO1\t0\t1\nO2\t3\t4\n",
            1,
            1,
            true,
            b'\t',
        ),
        ("#chrom\tname\nchr1\tfoo\nchr2\tbar\n", 0, 0, true, b'\t'),
        ("#OTU ID\tS1\n", 0, 0, true, b'\t'),
    ] {
        let found = sniffed(text);
        let expected = Sniffed {
            delimiter,
            is_one_column: false,
            has_header,
            title_lines,
            comment_lines,
            lacks_first: false,
        };
        assert_eq!(found, expected, "{text:?}");
    }
}

#[test]
fn names_are_told_from_data() {
    for (text, has_header) in [
        ("1,,3\n4,5,6\n", false),
        (",a,b\n1,2,3\n", true),
        (",1,2\n0,5,6\n", true),
        ("a,b,,\nx,y,,\n", true),
        ("x,08075\ny,09119\n", false),
        ("5e2,4\n1e3,5\n", false),
        ("+1,4\n-1,5\n", false),
        ("007,4\n008,5\n", false),
        ("nan,1\n2,3\n", false),
        ("NA,1,2\n3,4,5\n", false),
        ("31.12.2024;x\n1.1.2025;y\n", false),
        ("12/31/2024,x\n1/1/2025,y\n", false),
        ("x,10:30\ny,10:45\n", false),
        ("x,12%\ny,9.5 %\n", false),
        ("id,100,200\na,TRUE,FALSE\n", true),
        ("id,1,2\nname,germany,france\n", true),
        ("x,5\ny,NA\n", false),
        ("name,price\npen,\"1,250.00\"\n", true),
        ("v1.2.3,host\nx,y\n", true),
    ] {
        assert_eq!(sniffed(text).has_header, has_header, "{text:?}");
    }
}

#[test]
fn a_header_that_looks_like_data_is_told_only_where_that_is_plain() {
    for (text, is_data) in [
        ("1,2,3\n4,5,6\n", true),
        ("5\n6\n", true),
        ("x,1.5\ny,2.5\n", true),
        ("x,y,z,2024-01-01\nx,y,z,2024-01-02\n", true),
        ("1,,3\n4,5,6\n", true),
        ("1,,,,\n1,2,,,\n", true),
        ("state,2021,2022\nAL,1,2\n", false),
        ("2021,2022\n5,6\n", false),
        ("a,b\n1,2\n", false),
        ("a,b,c,1\nx,y,z,2\n", false),
        ("a\n", false),
        ("a,b\nx,y\n", false),
    ] {
        let found = records(text.as_bytes(), true, Dialect::STREAM).list;
        let fields: Vec<_> = found.iter().map(|(_, fields)| fields).collect();
        assert_eq!(header::is_plainly_data(&fields), is_data, "{text:?}");
    }
}

/// What the header lacks does not depend on how the bytes come.
#[test]
fn a_missing_name_is_seen_in_reads_of_any_size() {
    struct Dribble(Vec<u8>, usize);

    impl Read for Dribble {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    for (text, expected) in [
        ("xx,yy\nR1,1,2\nR2,3,4\n", ",xx,yy\nR1,1,2\nR2,3,4\n"),
        ("xxx,yy\nR1,1,2\nR2,3,4\n", ",xxx,yy\nR1,1,2\nR2,3,4\n"),
        ("\nx\nR1,1\nR2,3", "\n,x\nR1,1\nR2,3"),
        ("x,y\n1,2\n3,4,5\n", "x,y\n1,2\n3,4,5\n"),
        ("x,y\r1,2\r", "x,y\r1,2\r"),
        ("x", "x"),
    ] {
        for size in 1..text.len() + 1 {
            let read = Box::new(Dribble(text.as_bytes().to_vec(), size));
            let source = Source::own("x.csv".into(), read);
            let mut source = headed(source, Dialect::STREAM, Lead::default()).unwrap();
            let mut out = String::new();
            source.read.read_to_string(&mut out).unwrap();
            assert_eq!(out, expected, "{size}");
        }
    }
}

#[test]
fn a_first_line_may_be_longer_than_what_is_looked_at() {
    let names: Vec<_> = (0..30_000).map(|column| format!("name{column}")).collect();
    let numbers: Vec<_> = (0..30_000).map(|column| column.to_string()).collect();
    for (first, has_header) in [(names.join(";"), true), (numbers.join(";"), false)] {
        let text = format!("{first}\n{0}\n{0}\n", numbers.join(";"));
        let source = Source::own("x.csv".into(), Box::new(Cursor::new(text.into_bytes())));
        let mut openers: Vec<Opener> = vec![Box::new(move || Ok(source))];
        let found = crate::format::sniff::sniff(&mut openers, Lead::default()).unwrap();
        assert_eq!((found.delimiter, found.has_header), (b';', has_header));
    }
}

#[test]
fn front_matter_is_above_the_header() {
    let found = sniffed("---\nname: x\nfields:\n- name: a, b\n---\na;b\n1;2\n");
    assert_eq!((found.delimiter, found.title_lines), (b';', 5));
    assert!(found.has_header);
    assert_eq!(sniffed("---\na,b\n1,2\n").title_lines, 1);
}
