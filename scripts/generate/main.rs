//! Makes the benchmarks' input: `generate SET SIZE FILE [SEED]`, where SET is orders, stations, numbers, events
//! or access, and SIZE is in bytes or reads like 100MB or 1GB; of stations it is a number of records, such as
//! 50M. The same seed gives the same bytes everywhere.

mod access;
mod events;
mod numbers;
mod orders;
mod random;
mod stations;

use std::fs::File;
use std::io::{self, BufWriter, Write};

use anyhow::{Context, bail};
use random::Random;

/// What writes a set: its output, how much, and where its chance comes from.
type Writer = fn(&mut dyn Write, u64, &mut Random) -> io::Result<()>;

const SETS: [(&str, Writer); 5] = [
    ("orders", orders::write),
    ("stations", stations::write),
    ("numbers", numbers::write),
    ("events", events::write),
    ("access", access::write),
];

/// Writes records, numbered from 1, until `size` bytes are reached; `make` fills an empty buffer with one.
fn until(
    out: &mut dyn Write,
    size: u64,
    mut make: impl FnMut(u64, &mut Vec<u8>) -> io::Result<()>,
) -> io::Result<()> {
    let mut record = Vec::with_capacity(1024);
    let mut written = 0;
    for number in 1.. {
        if written >= size {
            break;
        }
        record.clear();
        make(number, &mut record)?;
        out.write_all(&record)?;
        written += record.len() as u64;
    }
    Ok(())
}

/// Reads 1000, 64KB, 100MB, 50M or 1GB, in powers of ten.
fn amount(text: &str) -> Option<u64> {
    let (number, unit) = match text.strip_suffix("B").unwrap_or(text) {
        text if text.ends_with('K') => (text.strip_suffix('K')?, 1_000),
        text if text.ends_with('M') => (text.strip_suffix('M')?, 1_000_000),
        text if text.ends_with('G') => (text.strip_suffix('G')?, 1_000_000_000),
        text => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

/// What the arguments ask for: the set's writer, the amount, the file, the seed.
fn asked<'a>(arguments: &[&'a str]) -> Option<(Writer, u64, &'a str, u64)> {
    let (&[set, size, file], seed) = match arguments {
        [whole @ .., seed] if arguments.len() == 4 => (whole.first_chunk()?, seed.parse().ok()?),
        whole => (whole.first_chunk().filter(|_| whole.len() == 3)?, 1),
    };
    let (_, writer) = SETS.iter().find(|(name, _)| *name == set)?;
    Some((*writer, amount(size)?, file, seed))
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let Some((write, size, file, seed)) = asked(&arguments) else {
        bail!("usage: generate orders|stations|numbers|events|access SIZE FILE [SEED]");
    };
    let made = File::create(file).and_then(|file| {
        let mut out = BufWriter::with_capacity(1 << 20, file);
        write(&mut out, size, &mut Random(seed))?;
        out.flush()
    });
    made.with_context(|| format!("cannot write '{file}'"))
}
