//! Files of CSV whose headers differ: columns go by their names, with and without --resume.

mod harness;

use harness::{Run, bash, tool};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// A directory with files in it.
struct Place(tempfile::TempDir);

impl Place {
    fn new(files: &[(&str, &str)]) -> Self {
        let place = Place(tempfile::tempdir().expect("a temporary directory"));
        for (name, text) in files {
            place.write(name, text);
        }
        place
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, text).expect("a file is written");
    }

    fn bash(&self, line: &str) -> Run {
        bash(line).dir(self.path()).run()
    }

    /// Runs extract with these arguments.
    fn extract(&self, arguments: &str) -> Run {
        self.bash(&format!("extract {arguments}"))
    }

    /// Loads what is new in the directory `in` into the table `t`.
    fn load(&self, arguments: &str) -> Run {
        self.bash(&format!(
            "extract in {arguments} --resume sqlite:d.db#f | load sqlite:d.db --table t --resume-name f"
        ))
    }

    #[track_caller]
    fn loads(&self, arguments: &str) -> String {
        let run = self.load(arguments);
        assert_eq!(run.code, 0, "{}", run.err());
        run.err()
    }

    /// What the table has, as text.
    fn table(&self) -> String {
        let run = self.bash("sqlite3 -nullvalue NULL d.db 'select * from t'");
        assert_eq!(run.code, 0, "{}", run.err());
        run.out()
    }
}

/// The first file of most tests.
const FIRST: (&str, &str) = ("a.csv", "id,v\n1,a\n");

#[test]
fn another_order_is_read_by_name() {
    let place = Place::new(&[FIRST, ("b.csv", "v,id\n\"b,\"\"\nb\",2\nc,3\n")]);
    let all = "id,v\n1,a\n2,\"b,\"\"\nb\"\n3,c\n";
    assert_eq!(place.extract("a.csv b.csv").quiet_text(), all);
    assert_eq!(place.extract("'*.csv'").quiet_text(), all);
    assert_eq!(place.extract("a.csv b.csv -c id,v").quiet_text(), all);
    assert_eq!(
        place.extract("b.csv a.csv -c 'n=id'").quiet_text(),
        "n\n2\n3\n1\n"
    );
    assert_eq!(
        place
            .extract("a.csv b.csv -c 'v, id, also=id'")
            .quiet_text(),
        "v,id,also\na,1,1\n\"b,\"\"\nb\",2,2\nc,3,3\n"
    );
}

#[test]
fn a_new_column_is_no_matter_if_the_columns_are_listed() {
    let place = Place::new(&[
        FIRST,
        ("b.csv", "id,w,v\r\n2,\"x\r\ny\",\"b\r\n\"\r\n3,,\"\"\r\n"),
        ("c.csv", "\u{feff}\"v\",w,\"id\"\nc,z,4"),
    ]);
    place
        .bash("gzip -k c.csv && mv c.csv.gz d.csv.gz")
        .quiet_success();
    assert_eq!(
        place
            .extract("a.csv b.csv c.csv d.csv.gz -c id,v")
            .quiet_text(),
        "id,v\n1,a\n2,\"b\r\n\"\n3,\"\"\n4,c\n4,c\n"
    );
}

#[test]
fn a_new_column_is_an_error_that_says_how_to_go_on() {
    let place = Place::new(&[
        FIRST,
        ("b.csv", "w,id,v\n9,2,b\n"),
        ("c.csv", "x,v,id,w\n8,c,3,9\n"),
    ]);
    let refused = |arguments: &str, words: &[&str]| {
        let run = place.extract(arguments);
        run.refused("extract", 1, words);
        assert!(run.out().starts_with("id,v\n1,a\n"), "{}", run.out());
    };
    refused(
        "a.csv b.csv",
        &[
            "b.csv: the column 'w' is not in the files before; -c id,v leaves it out, -c id,v,w takes it in",
        ],
    );
    refused(
        "a.csv c.csv",
        &[
            "c.csv: the columns 'x', 'w' are not",
            "-c id,v leaves them out",
        ],
    );
    // What a pattern or a range selects may be new, too.
    for list in ["'*'", "'id, v, *'", "'id, *'", "'..v'"] {
        refused(&format!("a.csv b.csv -c {list}"), &["the column 'w'"]);
    }
    assert_eq!(
        place.extract("a.csv b.csv -c id,v,w").out(),
        "id,v,w\n1,a,\n2,b,9\n"
    );
    assert_eq!(
        place.extract("a.csv c.csv -c 'id..v'").quiet_text(),
        "id,v\n1,a\n3,c\n"
    );
    // A list is ready to be pasted, whatever the names are.
    let place = Place::new(&[
        ("a.csv", "\"a,b\",it's,x=y,*,c..d,a[0],!n\n1,2,3,4,5,6,7\n"),
        (
            "b.csv",
            "new,\"a,b\",it's,x=y,*,c..d,a[0],!n\n0,1,2,3,4,5,6,7\n",
        ),
    ]);
    let said = place.extract("a.csv b.csv").err();
    let list = said.split_once("; -c ").expect("a list").1;
    let list = list.split_once(" leaves").expect("its end").0;
    assert_eq!(
        place
            .extract(&format!("a.csv b.csv -c {list}"))
            .quiet_text(),
        "\"a,b\",it's,x=y,*,c..d,a[0],!n\n1,2,3,4,5,6,7\n1,2,3,4,5,6,7\n"
    );
}

#[test]
fn patterns_select_what_the_first_file_has() {
    let place = Place::new(&[
        ("a.csv", "id,q_1,q_2,tmp\n1,2,3,4\n"),
        ("b.csv", "q_2,more,id\n5,6,7\n"),
        ("c.csv", "q_3,id\n8,9\n"),
    ]);
    let run = place.extract("a.csv b.csv -c 'q_*, n=id'");
    assert_eq!(
        (run.code, run.out().as_str()),
        (0, "q_1,q_2,n\n2,3,1\n,5,7\n")
    );
    assert_eq!(
        run.err(),
        "extract: 'b.csv' has no column 'q_1': null there\n"
    );
    place.extract("a.csv c.csv -c 'q_*, n=id'").refused(
        "extract",
        1,
        &["the column 'q_3'", "-c q_1,q_2,n=id leaves it out"],
    );
    // What a list takes out, a file need not have.
    let run = place.extract("a.csv b.csv -c '!tmp, !more, !q_1'");
    run.refused("extract", 1, &["unknown column 'more'"]);
    let place = Place::new(&[("a.csv", "id,tmp\n1,2\n"), ("b.csv", "id\n3\n")]);
    assert_eq!(
        place.extract("a.csv b.csv -c '!tmp'").quiet_text(),
        "id\n1\n3\n"
    );
}

#[test]
fn an_absent_column_is_null_and_told() {
    let place = Place::new(&[FIRST, ("b.csv", "id\n2\n\n"), ("c.csv", "v,w\nc,x\n")]);
    let run = place.extract("a.csv b.csv");
    assert_eq!((run.code, run.out().as_str()), (0, "id,v\n1,a\n2,\n,\n"));
    assert_eq!(
        run.err(),
        "extract: 'b.csv' has no column 'v': null there\n"
    );
    // A column that only a later file has.
    let run = place.extract("b.csv a.csv c.csv -c id,v,w");
    assert_eq!(run.out(), "id,v,w\n2,,\n,,\n1,a,\n,c,x\n");
    assert_eq!(
        run.err(),
        "extract: 'b.csv' has no columns 'v', 'w': null there\n  'a.csv' has no column 'w': null there\n  \
         'c.csv' has no column 'id': null there\n"
    );
    place.extract("b.csv a.csv -c id,vv").refused(
        "extract",
        1,
        &["no file has the column 'vv'; did you mean 'v'?"],
    );
    place
        .extract("a.csv -c id,vv")
        .refused("extract", 1, &["unknown column 'vv'"]);
    for number in 0..13 {
        place.write(&format!("many/{number:02}.csv"), "id\n5\n");
    }
    let said = place.extract("a.csv 'many/*' ").err();
    assert_eq!(said.lines().count(), 11, "{said}");
    assert!(
        said.ends_with("3 more files lack columns: null there\n"),
        "{said}"
    );
}

#[test]
fn a_file_that_has_none_of_the_columns_is_refused() {
    let place = Place::new(&[
        FIRST,
        ("data.csv", "2,b\n3,c\n"),
        ("other.csv", "id;v\n2;b\n"),
        ("empty.csv", ""),
        ("twice.csv", "v,id,v\nb,2,c\n"),
    ]);
    for list in ["", "-c id,v", "-c '*'"] {
        place.extract(&format!("a.csv data.csv {list}")).refused(
            "extract",
            1,
            &["data.csv: its header has none of the columns id, v: it is 2, b"],
        );
        place.extract(&format!("a.csv other.csv {list}")).refused(
            "extract",
            1,
            &["other.csv", "if ';' is the delimiter, say -d ';'"],
        );
        place.extract(&format!("a.csv empty.csv {list}")).refused(
            "extract",
            1,
            &["empty.csv: empty"],
        );
    }
    place
        .extract("a.csv twice.csv")
        .refused("extract", 1, &["the column 'v_2'"]);
    assert_eq!(
        place.extract("a.csv twice.csv -c id,v").quiet_text(),
        "id,v\n1,a\n2,b\n"
    );
}

#[test]
fn ragged_records_are_held_against_their_own_header() {
    let place = Place::new(&[
        FIRST,
        ("b.csv", "w,id,v\n\"\n\",2,b\n3,c\n\n4,5,6,7\n8,9,d\n"),
    ]);
    for threads in [1, 4] {
        let run = place.extract(&format!(
            "a.csv b.csv -c id,v --on-error skip --rejects bad.csv -j {threads}"
        ));
        assert_eq!((run.code, run.out().as_str()), (0, "id,v\n1,a\n2,b\n9,d\n"));
        let bad = fs::read_to_string(place.path().join("bad.csv")).expect("rejects");
        assert_eq!(
            bad,
            "_reason,_source,_line,_record\n\
             record 3: 2 fields where the header has 3,b.csv,4,\"3,c\"\n\
             record 4: 4 fields where the header has 3,b.csv,6,\"4,5,6,7\"\n"
        );
    }
    place
        .extract("a.csv b.csv -c id,v")
        .refused("extract", 1, &["b.csv:4: record 3: 2 fields"]);
}

#[test]
fn every_dialect_and_mode_goes_by_name() {
    let place = Place::new(&[
        ("a.tsv", "id\tv\n1\ta\n"),
        ("b.tsv", "v\tw\tid\nNA\tx\t2\n\"b,\tb\"\tx\t3\nb,b\tx\t4\n"),
        ("q.csv", "# no\nid,v\n'1,\"',2\n"),
        ("r.csv", "# no\nw,v,id\n# no\nx,'it''s',y\n"),
        ("one.csv", "# no\nid\n1\n"),
        ("two.csv", "# no\nid,v\n# no\n2,a\n"),
        ("three.csv", "# no\nv\n# no\nx\n"),
        ("h.csv", "A,,B\n1,2,1\n1,2,3\n"),
        ("i.csv", "B,A,C\n1,2,1\n4,5,6\n"),
        ("w.csv", "id||v\n1||a\n"),
        ("x.csv", "v||w||id\nb,||c||2\n"),
        FIRST,
        ("p.csv", "w,v,id\n9,b\n8,c,3,x\n"),
    ]);
    assert_eq!(
        place.extract("a.tsv b.tsv -c id,v --null NA").quiet_text(),
        "id,v\n1,a\n2,\n3,\"b,\tb\"\n4,\"b,b\"\n"
    );
    assert_eq!(
        place
            .extract("q.csv r.csv -c id,v --quote \"'\" --comment '#'")
            .quiet_text(),
        "id,v\n\"1,\"\"\",2\ny,\"it's\"\n"
    );
    assert_eq!(
        place
            .extract("one.csv two.csv three.csv -c id,v --comment '#'")
            .out(),
        "id,v\n1,\n2,a\n,x\n"
    );
    assert_eq!(
        place
            .extract("h.csv i.csv --header-lines 2 -c 'b=B 1,a=A 1'")
            .out(),
        "b,a\n3,1\n4,\n"
    );
    assert_eq!(
        place.extract("w.csv x.csv -d '||' -c id,v").quiet_text(),
        "id,v\n1,a\n2,\"b,\"\n"
    );
    assert_eq!(
        place
            .extract("a.csv p.csv --ragged pad --extra column -c id,v")
            .out(),
        "id,v,_extra\n1,a,\n,b,\n3,c,\"x\"\n"
    );
    place.extract("a.csv p.csv --names x,y").refused(
        "extract",
        1,
        &["p.csv: its header differs from that of a.csv"],
    );
}

#[test]
fn one_column_records_that_stand_for_null_are_no_blank_lines() {
    let place = Place::new(&[("a.csv", "# no\nid\nNA\n# no\n2\n")]);
    assert_eq!(
        place.extract("a.csv --comment '#' --null NA").quiet_text(),
        "id\n\n2\n"
    );
    assert_eq!(
        place
            .extract("a.csv --comment '#' -c id,also=id")
            .quiet_text(),
        "id,also\nNA,NA\n2,2\n"
    );
}

#[test]
fn a_directory_that_drifts_is_loaded_in_steps() {
    let place = Place::new(&[("in/a.csv", "id,v\n1,a\n")]);
    let list = "-c id,v";
    place.loads(list);
    place.write("in/b.csv", "v,w,id\r\nb,x,2\r\n");
    place.write("in/c.csv", "id\n3\n");
    let said = place.loads(list);
    assert!(
        said.contains("'in/c.csv' has no column 'v': null there"),
        "{said}"
    );
    place.write("in/d.csv", "u,\"v\",id\n0,\"d\nd\",4\n");
    place.bash("gzip in/d.csv").quiet_success();
    place.loads(list);
    assert_eq!(place.table(), "1|a\n2|b\n3|NULL\n4|d\nd\n");
    // Each grows under its own header.
    for (name, more) in [
        ("in/a.csv", "5,e\n"),
        ("in/b.csv", "f,x,6\r\n"),
        ("in/c.csv", "7\n"),
    ] {
        let path = place.path().join(name);
        let old = fs::read_to_string(&path).expect("a file");
        fs::write(&path, old + more).expect("a file");
    }
    place.loads(list);
    place.loads(list);
    assert_eq!(
        place.table(),
        "1|a\n2|b\n3|NULL\n4|d\nd\n5|e\n6|f\n7|NULL\n"
    );
    let ragged = place.path().join("in/b.csv");
    let old = fs::read_to_string(&ragged).expect("a file");
    fs::write(&ragged, format!("{old}g,8\r\n")).expect("a file");
    place.load(list).refused(
        "extract",
        1,
        &["in/b.csv:4: record 1: 2 fields where the header has 3"],
    );
    fs::write(&ragged, &old).expect("a file");
    // Other columns than the last time are told, whatever the files have.
    for other in ["-c id,w", "-c v,id", "-c id", "-c id,v,w"] {
        place.load(other).refused(
            "extract",
            1,
            &["the columns are no longer those of the last load of 'f'"],
        );
    }
    // Without -c, they are those of the last load.
    place.write("in/e.csv", "v,id\nh,8\n");
    place.loads("");
    place.write("in/f.csv", "v,x,id\ni,y,9\n");
    place.load("").refused(
        "extract",
        1,
        &["in/f.csv: the column 'x' came after the first load of 'f'; -c id,v leaves it out"],
    );
    place.write("in/g.csv", "x,y\n1,2\n");
    place.load(list).refused(
        "extract",
        1,
        &["in/g.csv: its header has none of the columns id, v"],
    );
    fs::remove_file(place.path().join("in/g.csv")).expect("a file");
    place.loads(list);
    assert!(place.table().ends_with("\n8|h\n9|i\n"), "{}", place.table());
}

#[test]
fn patterns_and_new_names_stay_those_of_the_first_load() {
    let place = Place::new(&[("in/a.csv", "date,q_1,id,q_2\n1,2,3,4\n")]);
    let list = "-c 'id, day=date, q_*'";
    place.loads(list);
    place.write("in/b.csv", "q_2,id,date,x\n5,6,7,8\n");
    let said = place.loads(list);
    assert!(said.contains("'in/b.csv' has no column 'q_1'"), "{said}");
    assert_eq!(place.table(), "3|1|2|4\n6|7|NULL|5\n");
    assert!(place.loads(list).contains("nothing new"));
    place.write("in/c.csv", "q_3,id,date,q_1,q_2\n0,9,10,11,12\n");
    place.load(list).refused(
        "extract",
        1,
        &["the column 'q_3'", "-c id,day=date,q_1,q_2 leaves it out"],
    );
    place.load("-c 'id, day=date, q_*, !q_1'").refused(
        "extract",
        1,
        &["no longer", "are id, day, q_2"],
    );
    place.loads("-c id,day=date,q_1,q_2");
    assert_eq!(place.table(), "3|1|2|4\n6|7|NULL|5\n9|10|11|12\n");
}

#[test]
fn a_file_whose_header_was_changed_is_not_misread() {
    let place = Place::new(&[("in/a.csv", "id,v\n1,2\n")]);
    place.loads("-c id,v");
    place.write("in/a.csv", "v,id\n1,2\n3,4\n");
    let run = place.load("-c id,v");
    // As any file with other content: it is another one, or what was read is gone.
    match run.code {
        0 => assert_eq!(place.table(), "1|2\n2|1\n4|3\n"),
        _ => run.refused(
            "extract",
            1,
            &["what was read of 'in/a.csv' before is found neither"],
        ),
    }
}

/// A file: its columns, by their numbers, and its records.
#[derive(Clone, Debug)]
struct Drifted {
    columns: Vec<usize>,
    records: Vec<Vec<usize>>,
    is_crlf: bool,
    has_mark: bool,
}

/// Fields as they stand in a file; what becomes of each in the stream is the same.
const FIELDS: [&str; 8] = [
    "",
    "a",
    "1.50",
    "\"\"",
    "\"x,y\"",
    "\"q\"\"q\"",
    "\"n\nl\"",
    "-",
];

fn drifted() -> impl Strategy<Value = Drifted> {
    let columns = proptest::sample::subsequence(vec![0, 1, 2, 3, 4, 5], 1..=6).prop_shuffle();
    (columns, any::<bool>(), any::<bool>()).prop_flat_map(|(columns, is_crlf, has_mark)| {
        let record = proptest::collection::vec(0..FIELDS.len(), columns.len());
        proptest::collection::vec(record, 0..6).prop_map(move |records| Drifted {
            columns: columns.clone(),
            records,
            is_crlf,
            has_mark,
        })
    })
}

/// What the files become with `-c` of these columns: the stream, or none if it is refused.
fn expected(files: &[Drifted], listed: &[usize]) -> Option<String> {
    let mut out = listed
        .iter()
        .map(|column| format!("c{column}"))
        .collect::<Vec<_>>()
        .join(",");
    out.push('\n');
    let has = |file: &Drifted, column: &usize| file.columns.contains(column);
    let is_everywhere = listed
        .iter()
        .all(|column| files.iter().any(|file| has(file, column)));
    let is_anywhere = files
        .iter()
        .all(|file| listed.iter().any(|column| has(file, column)));
    if !is_everywhere || !is_anywhere {
        return None;
    }
    for file in files {
        for record in &file.records {
            // A blank line where there are several columns is none.
            let fields: BTreeMap<usize, &str> = (file.columns.iter().zip(record))
                .map(|(column, field)| (*column, FIELDS[*field]))
                .collect();
            let own: Vec<&str> = listed
                .iter()
                .map(|column| fields.get(column).copied().unwrap_or_default())
                .collect();
            writeln!(out, "{}", own.join(",")).expect("text");
        }
    }
    Some(out)
}

fn written(place: &Path, files: &[Drifted], times: usize) -> Vec<PathBuf> {
    let write = |(number, file): (usize, &Drifted)| {
        let end = if file.is_crlf { "\r\n" } else { "\n" };
        let mut text = String::from(if file.has_mark { "\u{feff}" } else { "" });
        let names: Vec<String> = file
            .columns
            .iter()
            .map(|column| format!("c{column}"))
            .collect();
        text.push_str(&(names.join(",") + end));
        for _ in 0..times {
            for record in &file.records {
                let fields: Vec<&str> = record.iter().map(|field| FIELDS[*field]).collect();
                text.push_str(&(fields.join(",") + end));
            }
        }
        let path = place.join(format!("{number}.csv"));
        fs::write(&path, text).expect("a file is written");
        path
    };
    files.iter().enumerate().map(write).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_files_are_what_their_headers_say(
        files in proptest::collection::vec(drifted(), 1..5),
        listed in proptest::sample::subsequence(vec![0, 1, 2, 3, 4, 5], 1..=4).prop_shuffle(),
        is_long in proptest::bool::weighted(0.2),
    ) {
        let place = tempfile::tempdir().expect("a directory");
        let times = if is_long { 20_000 } else { 1 };
        let paths = written(place.path(), &files, times);
        let repeated: Vec<Drifted> = files
            .iter()
            .map(|file| Drifted { records: vec![file.records.clone(); times].concat(), ..file.clone() })
            .collect();
        let list = listed.iter().map(|column| format!("c{column}")).collect::<Vec<_>>().join(",");
        let run = |threads: &str| {
            tool("extract").args(&paths).args(["-c", &list, "-j", threads]).run()
        };
        let (one, four) = (run("1"), run("4"));
        prop_assert!(one == four, "with four threads: {} not {}", four.err(), one.err());
        match expected(&repeated, &listed) {
            Some(expected) => {
                prop_assert_eq!(one.code, 0, "{}", one.err());
                prop_assert!(one.out() == expected, "{}", one.out().chars().take(500).collect::<String>());
            }
            None => prop_assert_eq!(one.code, 1),
        }
    }
}
