//! A web server's log, in the combined format: two in three requests with a query, some sizes `-`, agents with
//! commas, times two hours ahead of UTC.

use std::io::{self, Write};

use crate::random::{Moment, Random};

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];
const METHODS: [&str; 4] = ["GET", "POST", "HEAD", "PUT"];
const PATHS: [&str; 8] = [
    "/",
    "/index.html",
    "/api/v1/orders",
    "/api/v1/users",
    "/static/site.css",
    "/static/app.js",
    "/about",
    "/search",
];
const STATUSES: [&str; 8] = ["200", "200", "200", "304", "404", "301", "500", "503"];
const REFERRERS: [&str; 4] = [
    "-",
    "https://example.com/",
    "https://example.com/search?q=lamp,pen",
    "https://news.example.org/today",
];
const AGENTS: [&str; 5] = [
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:125.0) Gecko/20100101 Firefox/125.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 Version/17.4 Mobile/15E148",
    "curl/8.5.0",
    "-",
];

/// Writes requests until `size` bytes are reached; the last one is whole.
pub fn write(out: &mut dyn Write, size: u64, random: &mut Random) -> io::Result<()> {
    let mut second = 0;
    crate::until(out, size, |_, record| {
        second += random.below(3);
        let time = Moment::at(second);
        write!(
            record,
            "{}.{}.{}.{} - {} [{:02}/{}/{}:{:02}:{:02}:{:02} +0200] \"{} {}",
            random.below(223) + 1,
            random.below(256),
            random.below(256),
            random.below(256),
            random.pick_first(&["-", "ann", "björn"]),
            time.day,
            MONTHS[time.month as usize - 1],
            time.year,
            time.hour,
            time.minute,
            time.second,
            random.pick_first(&METHODS),
            random.pick_first(&PATHS),
        )?;
        if random.below(3) > 0 {
            write!(
                record,
                "?id={}&page={}",
                random.below(100_000),
                random.below(50)
            )?;
        }
        write!(record, " HTTP/1.1\" {} ", random.pick_first(&STATUSES))?;
        match random.below(20) {
            0 => record.push(b'-'),
            _ => write!(record, "{}", random.below(200_000))?,
        }
        let (referrer, agent) = (random.pick(&REFERRERS), random.pick(&AGENTS));
        writeln!(record, " \"{referrer}\" \"{agent}\"")
    })
}
