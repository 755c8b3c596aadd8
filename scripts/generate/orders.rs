//! Orders, as CSV. Nine columns: id, ts, customer_id, country, sku, qty, price, status, note. One customer per
//! 1,000 bytes (1,000,000 in a GB); 10 % of prices above 900; 5 % of notes quoted, with a delimiter inside,
//! some with quotes or a newline too.

use std::io::{self, Write};

use crate::random::{Moment, Random};

const HEADER: &[u8] = b"id,ts,customer_id,country,sku,qty,price,status,note\n";
/// Countries by how often they order: the first comes most.
pub const COUNTRIES: [&str; 20] = [
    "US", "DE", "KR", "FR", "GB", "JP", "BR", "IN", "CA", "IT", "ES", "NL", "PL", "SE", "MX", "AU",
    "CH", "NO", "PT", "NZ",
];
const STATUSES: [&str; 5] = ["shipped", "delivered", "pending", "returned", "cancelled"];
const WORDS: [&str; 16] = [
    "leave", "at", "the", "door", "gift", "wrap", "please", "call", "before", "refund", "damaged",
    "box", "urgent", "thanks", "again", "größe",
];

/// Writes orders until `size` bytes are reached; the last record is whole.
pub fn write(out: &mut dyn Write, size: u64, random: &mut Random) -> io::Result<()> {
    let customers = (size / 1_000).max(100);
    let mut second = 0;
    out.write_all(HEADER)?;
    crate::until(
        out,
        size.saturating_sub(HEADER.len() as u64),
        |id, record| {
            second += random.below(7);
            let country = random.pick_first(&COUNTRIES);
            let cents = random.below(100_000) + 1;
            write!(
                record,
                "{id},{},{},{country},SKU-{:05},{},{}.{:02},{},",
                Moment::at(second),
                random.below(customers) + 1,
                random.below(20_000),
                random.below(20) + 1,
                cents / 100,
                cents % 100,
                random.pick(&STATUSES),
            )?;
            note(record, random)?;
            record.push(b'\n');
            Ok(())
        },
    )
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
