//! The 336,776 flights that left New York in 2013, through a pipeline as a user would write it, against the
//! figures that are published for them.

mod harness;

/// Mean departure delay in minutes by carrier, as the literature on this data prints it.
const PUBLISHED: [(&str, &str); 16] = [
    ("F9", "20.2"),
    ("EV", "20.0"),
    ("YV", "19.0"),
    ("FL", "18.7"),
    ("WN", "17.7"),
    ("9E", "16.7"),
    ("B6", "13.0"),
    ("VX", "12.9"),
    ("OO", "12.6"),
    ("UA", "12.1"),
    ("MQ", "10.6"),
    ("DL", "9.26"),
    ("AA", "8.59"),
    ("AS", "5.80"),
    ("HA", "4.90"),
    ("US", "3.78"),
];

/// The records of simple CSV after its header, in fields.
fn records(text: &str) -> Vec<Vec<&str>> {
    text.lines()
        .skip(1)
        .map(|line| line.split(',').collect())
        .collect()
}

#[test]
fn mean_delays_of_the_year_are_the_published_ones() {
    let given = harness::bash(
        "extract \"$FLIGHTS\" --null NA \
         | aggregate 'flights = count(), mean = avg(dep_delay)' --by carrier",
    )
    .env("FLIGHTS", harness::fetched("flights"))
    .run()
    .quiet_success();
    let text = String::from_utf8(given).expect("it is text");
    assert!(text.starts_with("carrier,flights,mean\n"), "{text}");
    let found = records(&text);
    assert_eq!(found.len(), PUBLISHED.len(), "{text}");
    let flights: u32 = found
        .iter()
        .map(|record| record[1].parse::<u32>().expect("a count"))
        .sum();
    assert_eq!(flights, 336_776);
    for (carrier, published) in PUBLISHED {
        let record = found
            .iter()
            .find(|record| record[0] == carrier)
            .unwrap_or_else(|| panic!("no {carrier} in {text}"));
        let mean: f64 = record[2].parse().expect("a mean");
        let decimals = published.len() - published.find('.').expect("a point") - 1;
        assert_eq!(format!("{mean:.decimals$}"), published, "{carrier}");
    }
}

/// The shipped month has what the year's January has.
#[test]
fn the_shipped_january_is_the_years() {
    let of = |source: &str, filter: &str| {
        let line = format!(
            "extract {source} --null NA | filter '{filter}' \
             | aggregate 'n = count(), late = sum(dep_delay), first = min(time_hour)' --by origin,carrier"
        );
        harness::bash(&line)
            .env("FLIGHTS", harness::fetched("flights"))
            .run()
            .quiet_success()
    };
    let shipped = of("\"$DATA\"/flights/flights.csv.gz", "true");
    let year = of("\"$FLIGHTS\"", "month = 1");
    assert!(shipped.len() > 500, "{}", String::from_utf8_lossy(&shipped));
    assert_eq!(
        String::from_utf8_lossy(&shipped),
        String::from_utf8_lossy(&year)
    );
}
