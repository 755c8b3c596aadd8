//! A hundred numeric columns, as CSV: `c001` to `c100`. By turns they are small integers, amounts with two
//! decimals, negative ones too, and measurements with five.

use std::io::{self, Write};

use crate::random::Random;

const COLUMNS: u64 = 100;

/// Writes records until `size` bytes are reached; the last one is whole.
pub fn write(out: &mut dyn Write, size: u64, random: &mut Random) -> io::Result<()> {
    let names: Vec<_> = (1..=COLUMNS).map(|place| format!("c{place:03}")).collect();
    writeln!(out, "{}", names.join(","))?;
    crate::until(out, size, |_, record| {
        for place in 0..COLUMNS {
            if place > 0 {
                record.push(b',');
            }
            number(record, place, random)?;
        }
        record.push(b'\n');
        Ok(())
    })
}

fn number(record: &mut Vec<u8>, place: u64, random: &mut Random) -> io::Result<()> {
    match place % 3 {
        0 => {
            let cents = random.below(2_000_000) as i64 - 500_000;
            let sign = if cents < 0 { "-" } else { "" };
            write!(
                record,
                "{sign}{}.{:02}",
                cents.abs() / 100,
                cents.abs() % 100
            )
        }
        1 => write!(record, "{}", random.below(1_000)),
        _ => write!(record, "0.{:05}", random.below(100_000)),
    }
}
