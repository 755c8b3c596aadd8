//! Measurements of 413 weather stations, as the One Billion Row Challenge has them: `station;temperature`, one
//! decimal, -99.9 to 99.9, no quotes; with a header, which the challenge has not.

use std::collections::BTreeSet;
use std::io::{self, Write};

use crate::random::Random;

const STATIONS: usize = 413;
const SYLLABLES: [&str; 24] = [
    "ka", "lo", "mar", "té", "sun", "ber", "vi", "os", "ran", "düs", "hel", "qui", "to", "an",
    "bra", "ço", "nor", "pe", "ist", "ul", "wen", "zhou", "ja", "ek",
];

/// A station: its name and its mean temperature in tenths of a degree.
struct Station {
    name: String,
    mean: i64,
}

/// Writes so many records.
pub fn write(out: &mut dyn Write, records: u64, random: &mut Random) -> io::Result<()> {
    let stations = stations(random);
    let mut record = Vec::with_capacity(64);
    out.write_all(b"station;temperature\n")?;
    for _ in 0..records {
        let station = &stations[random.below(STATIONS as u64) as usize];
        let spread = random.below(800) as i64 + random.below(800) as i64 - 799;
        let tenths = (station.mean + spread).clamp(-999, 999);
        let sign = if tenths < 0 { "-" } else { "" };
        let (degrees, tenth) = (tenths.abs() / 10, tenths.abs() % 10);
        record.clear();
        writeln!(record, "{};{sign}{degrees}.{tenth}", station.name)?;
        out.write_all(&record)?;
    }
    Ok(())
}

/// Stations whose names differ, of 4 to 40 bytes, some with a blank.
fn stations(random: &mut Random) -> Vec<Station> {
    let mut names = BTreeSet::new();
    while names.len() < STATIONS {
        let words = 1 + usize::from(random.below(5) == 0);
        let name = (0..words)
            .map(|_| word(random))
            .collect::<Vec<_>>()
            .join(" ");
        names.insert(name);
    }
    let mean = |random: &mut Random| random.below(500) as i64 - 150;
    names
        .into_iter()
        .map(|name| Station {
            name,
            mean: mean(random),
        })
        .collect()
}

/// Two to four syllables with a capital.
fn word(random: &mut Random) -> String {
    let small: String = (0..2 + random.below(3))
        .map(|_| random.pick(&SYLLABLES))
        .collect();
    let mut letters = small.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect()
}
