//! A run has the same output and the same failure as a plain loop over the records, for any sizes of reads and
//! any number of threads.

use std::io::{self, Read, Seek};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::bytes::Dialect;
use crate::record::{Fault, Faults, Layout, Records};
use crate::trust::{Ends, Policy, Tolerance};

/// A record of three fields, or something else in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecordKind {
    Good,
    /// A good one on three lines.
    Quoted,
    /// A blank line, which is no record.
    Blank,
    /// A fault is found in its first field, or in its last.
    First,
    Last,
    /// Too few fields, too many.
    Short,
    Long,
    /// A quote where none may be: nothing after it can be read.
    Stray,
}

impl RecordKind {
    fn text(self, number: usize) -> String {
        match self {
            RecordKind::Good => format!("{number},plain words and more of them,12.50\n"),
            RecordKind::Quoted => format!("{number},\"a, \"\"b\"\"\n\n,c\",\n"),
            RecordKind::Blank => "\n".to_owned(),
            RecordKind::First => format!("x{number},a,b\n"),
            RecordKind::Last => format!("{number},a,x\n"),
            RecordKind::Short => format!("{number},a\n"),
            RecordKind::Long => format!("{number},\"a\n\",b,c\n"),
            RecordKind::Stray => format!("{number},a\"b,\"c\n"),
        }
    }
}

fn kinds() -> impl Strategy<Value = RecordKind> {
    prop_oneof![
        Just(RecordKind::Quoted),
        Just(RecordKind::Blank),
        Just(RecordKind::First),
        Just(RecordKind::Last),
        Just(RecordKind::Short),
        Just(RecordKind::Long),
        Just(RecordKind::Stray),
    ]
}

/// Some tens of thousands of records, so that all threads take part, a few of them special ones; some of
/// those stand close together.
fn inputs() -> impl Strategy<Value = Vec<RecordKind>> {
    let special = (0..60_000usize, 0..4usize, kinds());
    let special = proptest::collection::vec(special, 0..40);
    (30_000..60_000usize, special).prop_map(|(count, special)| {
        let mut all = vec![RecordKind::Good; count];
        let mut last = 0;
        for (place, near, kind) in special {
            last = match near {
                0 => place % count,
                near => (last + near) % count,
            };
            all[last] = kind;
        }
        all
    })
}

fn policies() -> impl Strategy<Value = Policy> {
    let skip = Policy {
        skip: true,
        ..Policy::default()
    };
    prop_oneof![
        Just(Policy::default()),
        Just(skip),
        (0..30u64).prop_map(|most| Policy {
            tolerance: Some(Tolerance::Records(most)),
            ..Policy::default()
        }),
    ]
}

/// The sizes of reads, in turn. One thread goes on alone for as long as blocks are small.
fn sizes() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![3 => 70_000..300_000usize, 1 => 61_000..70_000usize];
    proptest::collection::vec(size, 1..5)
}

/// Bytes that come in reads of certain sizes.
struct Pieces {
    bytes: io::Cursor<Vec<u8>>,
    sizes: Vec<usize>,
    reads: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let size = self.sizes[self.reads % self.sizes.len()].min(buffer.len());
        self.reads += 1;
        self.bytes.read(&mut buffer[..size])
    }
}

fn input(text: &str, sizes: &[usize], framing: Framing) -> Input {
    let read = Pieces {
        bytes: io::Cursor::new(text.as_bytes().to_vec()),
        sizes: sizes.to_vec(),
        reads: 0,
    };
    let opener: Opener = Box::new(|| Ok(Source::own(Arc::from("in.csv"), Box::new(read))));
    Input::new([opener], framing)
}

/// The output, and the failure in words.
type Came = (Vec<u8>, Option<String>);

/// The output and the failure of a plain loop over the records, or over lines.
fn model(all: &[RecordKind], policy: &Policy, are_lines: bool) -> Came {
    let (mut out, mut line, mut record, mut rejected) = (Vec::new(), 2, 0, 0);
    if are_lines {
        line = 1;
    }
    for (number, kind) in all.iter().enumerate() {
        let text = kind.text(number);
        let own = line;
        line += text.matches('\n').count();
        record += u64::from(*kind != RecordKind::Blank);
        let fault = match kind {
            RecordKind::Good | RecordKind::Quoted => {
                out.extend_from_slice(text.as_bytes());
                continue;
            }
            RecordKind::Blank => continue,
            RecordKind::First => "it begins with x".to_owned(),
            RecordKind::Last => "it ends with x".to_owned(),
            RecordKind::Short => format!("record {record}: 2 fields where the header has 3"),
            RecordKind::Long => format!("record {record}: 4 fields where the header has 3"),
            RecordKind::Stray => {
                return (out, Some(format!("in.csv:{own}: {}", Fault::stray_quote())));
            }
        };
        let said = format!("in.csv:{own}: {fault}");
        rejected += 1;
        match policy.tolerance {
            Some(Tolerance::Records(most)) if rejected > most => {
                let most = crate::record::counted(most as usize, "rejected record");
                let too_many = format!("more than {most} (--max-rejects); the last: {said}");
                return (out, Some(too_many));
            }
            None if !policy.skip => return (out, Some(said)),
            _ => {}
        }
    }
    (out, None)
}

/// Passes on good records; finds faults by column, not by record, as expressions do.
struct Keep;

impl Sink for Keep {
    type Scratch = ();
    type Parcel = Made;

    fn scratch(&self) {}

    fn records(&self, (): &mut (), records: &Records<'_>, faults: &mut Faults, made: &mut Made) {
        let mut selection = Vec::new();
        faults.select_all(&mut selection);
        for lot in selection.chunks_mut(1000) {
            for &record in lot.iter() {
                if records.field(record as usize, 2) == b"x" {
                    faults.add(record, Fault::new("it ends with x"));
                }
            }
            for &record in lot.iter() {
                if records.field(record as usize, 0).starts_with(b"x") {
                    faults.add(record, Fault::new("it begins with x"));
                }
            }
        }
        faults.settle(&mut selection);
        for record in selection {
            made.keep_record(records, record as usize);
        }
    }
}

/// Passes on lines, but for those that begin with x.
struct KeepLines;

impl Convert for KeepLines {
    type Scratch = ();

    fn scratch(&self) {}

    fn unit(&self, (): &mut (), bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, Fault> {
        out.extend_from_slice(bytes);
        out.push(b'\n');
        match bytes.starts_with(b"x") {
            true => Err(Fault::new("it begins with x")),
            false => Ok(bytes.len()),
        }
    }
}

fn settings(threads: usize, policy: &Policy) -> Settings {
    Settings {
        threads,
        dialect: Dialect::STREAM,
        policy: policy.clone(),
        ends: Ends::Judged,
    }
}

fn passed(text: &str, sizes: &[usize], settings: &Settings) -> Came {
    let mut input = input(text, sizes, Framing::Records(Dialect::STREAM));
    input.header().expect("there is a header");
    let mut out = Vec::new();
    let result = sink(
        &mut input,
        &Layout::all(3),
        settings,
        &Keep,
        &mut |block, made| {
            for piece in made.slices(&block.bytes) {
                out.extend_from_slice(&piece);
            }
            Ok(Flow::More)
        },
    );
    (out, result.err().map(|error| error.to_string()))
}

fn converted(text: &str, sizes: &[usize], settings: &Settings) -> Came {
    let mut input = input(text, sizes, Framing::Lines);
    let mut file = tempfile::tempfile().expect("a file");
    let mut output = Output::file(file.try_clone().expect("a second handle"), "out");
    let result = convert(&mut input, settings, &KeepLines, &mut output);
    let mut out = Vec::new();
    file.rewind().expect("a file");
    file.read_to_end(&mut out).expect("a file");
    (out, result.err().map(|error| error.to_string()))
}

fn check(came: &Came, expected: &Came) -> Result<(), TestCaseError> {
    prop_assert_eq!(&came.1, &expected.1);
    prop_assert_eq!(came.0.len(), expected.0.len());
    prop_assert!(came.0 == expected.0, "the same length, and other bytes");
    Ok(())
}

/// About one bad record a block: the one that is too many is then often the last of its block, and the thread
/// that worked on it did not know yet of those before it.
#[test]
fn the_last_bad_record_of_a_block_may_be_one_too_many() {
    let mut all = vec![RecordKind::Good; 80_000];
    for place in (3_000..all.len()).step_by(3_000) {
        all[place] = [RecordKind::First, RecordKind::Short][place / 3_000 % 2];
    }
    let mut text = String::from("a,b,c\n");
    all.iter()
        .enumerate()
        .for_each(|(number, kind)| text.push_str(&kind.text(number)));
    for most in 8..26 {
        let policy = Policy {
            tolerance: Some(Tolerance::Records(most)),
            ..Policy::default()
        };
        let expected = model(&all, &policy, false);
        for threads in [1, 2, 4, 4, 4] {
            let came = passed(&text, &[100_000], &settings(threads, &policy));
            assert_eq!(came.1, expected.1, "-j {threads}, {most} allowed");
            assert!(came.0 == expected.0, "-j {threads}, {most} allowed");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_pass_does_what_a_plain_loop_does(
        all in inputs(), policy in policies(), sizes in sizes(), threads in 1..5usize,
    ) {
        let mut text = String::from("a,b,c\n");
        all.iter().enumerate().for_each(|(number, kind)| text.push_str(&kind.text(number)));
        let expected = model(&all, &policy, false);
        check(&passed(&text, &sizes, &settings(threads, &policy)), &expected)?;
    }

    #[test]
    fn a_conversion_does_what_a_plain_loop_does(
        all in inputs(), policy in policies(), sizes in sizes(), threads in 1..5usize,
    ) {
        let all: Vec<RecordKind> = all
            .into_iter()
            .map(|kind| match kind {
                RecordKind::Good | RecordKind::First | RecordKind::Blank => kind,
                _ => RecordKind::First,
            })
            .collect();
        let mut text = String::new();
        all.iter().enumerate().for_each(|(number, kind)| text.push_str(&kind.text(number)));
        let expected = model(&all, &policy, true);
        check(&converted(&text, &sizes, &settings(threads, &policy)), &expected)?;
    }
}
