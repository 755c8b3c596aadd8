//! Events of a shop's site, as JSON Lines: nested objects, an array, escapes in some names, null here and there.

use std::io::{self, Write};

use crate::orders::COUNTRIES;
use crate::random::{Moment, Random};

const TYPES: [&str; 6] = ["view", "click", "search", "cart", "purchase", "refund"];
const FIRST: [&str; 8] = [
    "Ann", "Björn", "Chloé", "Dae-jung", "Eva", "Farid", "Grace", "Hiro",
];
const LAST: [&str; 8] = [
    "Smith",
    "Kim",
    "Müller",
    "O'Neill",
    "Silva, Jr.",
    "van \\\"Red\\\" Dyke",
    "Zo\\u00eb",
    "Lee",
];
const CITIES: [&str; 8] = [
    "Berlin",
    "Seoul",
    "Lyon",
    "São Paulo",
    "Leeds",
    "Osaka",
    "Porto",
    "Oslo",
];
const AGENTS: [&str; 4] = ["ios", "android", "web", "kiosk"];

/// Writes events until `size` bytes are reached; the last one is whole.
pub fn write(out: &mut dyn Write, size: u64, random: &mut Random) -> io::Result<()> {
    let mut second = 0;
    crate::until(out, size, |id, record| {
        second += random.below(4);
        let cents = random.below(100_000);
        write!(
            record,
            "{{\"id\":{id},\"ts\":\"{}\",\"type\":\"{}\",\"user\":{{\"id\":{},\"name\":\"{} {}\",\
             \"address\":{{\"city\":\"{}\",\"country\":\"{}\"}}}},",
            Moment::at(second),
            random.pick_first(&TYPES),
            random.below(1_000_000),
            random.pick(&FIRST),
            random.pick(&LAST),
            random.pick(&CITIES),
            random.pick_first(&COUNTRIES),
        )?;
        items(record, random)?;
        write!(
            record,
            "\"amount\":{}.{:02},\"agent\":{{\"kind\":\"{}\",\"version\":\"{}.{}\"}},\"coupon\":{},\"ok\":{}}}",
            cents / 100,
            cents % 100,
            random.pick(&AGENTS),
            random.below(20),
            random.below(10),
            random.pick(&["null", "null", "null", "\"SPRING\""]),
            random.below(20) != 0,
        )?;
        record.push(b'\n');
        Ok(())
    })
}

/// What an event was about: none to three articles.
fn items(record: &mut Vec<u8>, random: &mut Random) -> io::Result<()> {
    write!(record, "\"items\":[")?;
    for place in 0..random.below(4) {
        let comma = if place > 0 { "," } else { "" };
        let (sku, qty) = (random.below(20_000), random.below(5) + 1);
        write!(record, "{comma}{{\"sku\":\"SKU-{sku:05}\",\"qty\":{qty}}}")?;
    }
    write!(record, "],")
}
