//! Makes `orders`, the benchmarks' input: `generate orders SIZE FILE [SEED]`, where SIZE is in bytes or reads
//! like 100MB or 1GB.
//!
//! Nine columns: id, ts, customer_id, country, sku, qty, price, status, note. One customer per 1,000 bytes
//! (1,000,000 in a GB); 10 % of prices above 900; 5 % of notes quoted, with a delimiter inside, some with
//! quotes or a newline too. The same seed gives the same bytes everywhere.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use anyhow::{Context, bail};

/// Countries by how often they order: the first comes most.
const COUNTRIES: [&str; 20] = [
    "US", "DE", "KR", "FR", "GB", "JP", "BR", "IN", "CA", "IT", "ES", "NL", "PL", "SE", "MX", "AU",
    "CH", "NO", "PT", "NZ",
];
const STATUSES: [&str; 5] = ["shipped", "delivered", "pending", "returned", "cancelled"];
const WORDS: [&str; 16] = [
    "leave", "at", "the", "door", "gift", "wrap", "please", "call", "before", "refund", "damaged",
    "box", "urgent", "thanks", "again", "größe",
];

/// Sebastiano Vigna's splitmix64 (public domain).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, near enough uniform.
    fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(limit)) >> 64) as u64
    }

    fn pick<'t>(&mut self, of: &[&'t str]) -> &'t str {
        of[self.below(of.len() as u64) as usize]
    }
}

/// Writes orders until `size` bytes are reached; the last record is whole.
fn orders(out: &mut impl Write, size: u64, seed: u64) -> io::Result<()> {
    let customers = (size / 1_000).max(100);
    let mut random = Random(seed);
    let header = "id,ts,customer_id,country,sku,qty,price,status,note\n";
    out.write_all(header.as_bytes())?;
    let mut written = header.len() as u64;
    let mut record = Vec::with_capacity(256);
    let mut second = 0;
    for id in 1.. {
        if written >= size {
            break;
        }
        record.clear();
        second += random.below(7);
        let (day, hour) = (second / 86_400, second / 3_600 % 24);
        // Twelve months of 28 days: dates that need no calendar.
        let (year, month) = (2020 + day / 336, day / 28 % 12 + 1);
        let country = COUNTRIES[random.below(20).min(random.below(20)) as usize];
        let cents = random.below(100_000) + 1;
        write!(
            record,
            "{id},{year}-{month:02}-{:02}T{hour:02}:{:02}:{:02}Z,{},{country},SKU-{:05},{},{}.{:02},{},",
            day % 28 + 1,
            second / 60 % 60,
            second % 60,
            random.below(customers) + 1,
            random.below(20_000),
            random.below(20) + 1,
            cents / 100,
            cents % 100,
            random.pick(&STATUSES),
        )?;
        note(&mut record, &mut random)?;
        record.push(b'\n');
        out.write_all(&record)?;
        written += record.len() as u64;
    }
    out.flush()
}

/// A note: empty, or words; one in twenty is quoted because of what is in it.
fn note(record: &mut Vec<u8>, random: &mut Random) -> io::Result<()> {
    let words = |record: &mut Vec<u8>, random: &mut Random| -> io::Result<()> {
        write!(record, "{}", random.pick(&WORDS))?;
        for _ in 0..random.below(9) {
            write!(record, " {}", random.pick(&WORDS))?;
        }
        Ok(())
    };
    match random.below(20) {
        0 => {
            record.push(b'"');
            words(record, random)?;
            record.extend_from_slice(match random.below(4) {
                0 => b", \"\"as agreed\"\"; ",
                1 => b",\nsecond line: ",
                _ => b", then ",
            });
            words(record, random)?;
            record.push(b'"');
            Ok(())
        }
        1..=7 => Ok(()),
        _ => words(record, random),
    }
}

/// Reads 1000, 64KB, 100MB or 1GB, in powers of ten.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = match text.strip_suffix("B").unwrap_or(text) {
        text if text.ends_with('K') => (text.strip_suffix('K')?, 1_000),
        text if text.ends_with('M') => (text.strip_suffix('M')?, 1_000_000),
        text if text.ends_with('G') => (text.strip_suffix('G')?, 1_000_000_000),
        text => (text, 1),
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn main() -> anyhow::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (size, file, seed) = match arguments[..] {
        ["orders", size, file] => (bytes(size), file, Some(1)),
        ["orders", size, file, seed] => (bytes(size), file, seed.parse().ok()),
        _ => (None, "", None),
    };
    let (Some(size), Some(seed)) = (size, seed) else {
        bail!("usage: generate orders SIZE FILE [SEED]");
    };
    File::create(file)
        .and_then(|file| orders(&mut BufWriter::with_capacity(1 << 20, file), size, seed))
        .with_context(|| format!("cannot write '{file}'"))
}
