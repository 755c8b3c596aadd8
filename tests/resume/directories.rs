//! Directories, and files whose names come and go.

use std::fs;

use crate::{Place, Target, every_target};

#[test]
fn the_columns_of_a_csv_stay() {
    let place = Place::new(Target::File);
    fs::create_dir(place.path("in")).expect("a directory");
    place.append("in/a.csv", "n,text\n1,a\n");
    place.load("in");
    place.append("in/b.csv", "text,n,more\nb,2,c\n");
    place.run("in").refused(
        "extract",
        1,
        &["in/b.csv: the column 'more' came after the first load of 'f'; -c n,text leaves it out"],
    );
    place
        .run("in -c text,n")
        .refused("extract", 1, &["columns are no longer", "n, text"]);
    fs::write(place.path("in/b.csv"), "n,te").expect("a file");
    let run = place.run("in");
    assert!(
        run.err().contains("'in/b.csv': its header is not finished"),
        "{}",
        run.err()
    );
    assert_eq!(run.code, 0);
    place.append("in/b.csv", "xt\n2,b\n");
    place.load("in");
    place.has(1..=2);
    let place = Place::new(Target::File);
    place.append("in.csv", "");
    place
        .run("in.csv")
        .refused("extract", 1, &["no whole header"]);
    place.append("in.csv", "1,a\n");
    place.load("in.csv --no-header --names n,text");
    place.append("in.csv", "2,a\n");
    place.load("in.csv --no-header --names n,text");
    place.has(1..=2);
}

#[test]
fn a_directory_is_the_files_that_are_in_it() {
    for place in every_target("directory") {
        fs::create_dir(place.path("in")).expect("a directory");
        let csv = |name: &str, numbers: std::ops::RangeInclusive<u32>| {
            let records: String = numbers.map(|n| format!("{n},\"x\"\n")).collect();
            match place.path(name).exists() {
                true => place.append(name, &records),
                false => place.append(name, &format!("n,text\n{records}")),
            }
        };
        csv("in/b.csv", 3..=4);
        csv("in/a.csv", 1..=2);
        csv("in/.hidden.csv", 90..=99);
        fs::create_dir(place.path("in/sub")).expect("a directory");
        place.load("in/");
        assert_eq!(place.numbers(), [1, 2, 3, 4]);
        csv("in/a.csv", 5..=5);
        csv("in/c.csv", 6..=6);
        place.append("in/_SUCCESS", "");
        place.load("in/");
        place.has(1..=6);
        // Names change, contents stay.
        place.rename("in/a.csv", "in/z.csv");
        csv("in/z.csv", 7..=7);
        assert_eq!(place.bash("gzip in/b.csv").code, 0);
        fs::remove_file(place.path("in/c.csv")).expect("a file");
        place.load("in/");
        place.has(1..=7);
        let run = place.run("'in/*.csv*'");
        assert_eq!(run.code, 0);
        place.has(1..=7);
        assert!(
            run.err().contains("nothing new since the last load of 'f'"),
            "{}",
            run.err()
        );
        // A file in the place of one that is gone, which may have its inode.
        csv("in/c.csv", 8..=9);
        place.load("in");
        place.has(1..=9);
        // The same beginning, in a file that was written anew.
        let text = fs::read_to_string(place.path("in/c.csv")).expect("a file");
        fs::write(place.path("new"), format!("{text}10,x\n")).expect("a file");
        place.rename("new", "in/c.csv");
        place.load("in");
        place.has(1..=10);
        place.rename("in", "away");
        fs::create_dir(place.path("in")).expect("a directory");
        place.load("in --from csv");
        fs::remove_dir(place.path("in")).expect("a directory");
        place.rename("away", "in");
        csv("in/z.csv", 11..=11);
        place.load("in");
        place.has(1..=11);
    }
}

/// CSV with these records, each of which says its number and a text.
fn table(numbers: impl IntoIterator<Item = u32>, text: &str) -> String {
    let records = numbers
        .into_iter()
        .map(|number| format!("{number},{text}\n"));
    format!("n,text\n{}", records.collect::<String>())
}

#[test]
fn a_file_of_another_name_is_a_file_of_its_own() {
    let place = Place::new(Target::Sqlite);
    fs::create_dir(place.path("in")).expect("a directory");
    let write = |name: &str, text: &str| fs::write(place.path(name), text).expect("a file");
    // Two days that differ in one record in the middle, of one length.
    let day = table(1000..1401, "an order of that day that has not changed");
    write("in/day-01.csv", &day);
    place.load("in");
    write(
        "in/day-02.csv",
        &day.replace("1200,an order", "1200,AN ORDER"),
    );
    place.load("in");
    assert_eq!(place.numbers().len(), 802);
    // The same day once more, the first line alone, and one that has all the others' records.
    write("in/day-03.csv", &day);
    write(
        "in/day-04.csv",
        &table(1000..1001, "an order of that day that has not changed"),
    );
    write(
        "in/day-05.csv",
        &table(1000..1501, "an order of that day that has not changed"),
    );
    place.load("in");
    assert_eq!(place.numbers().len(), 802 + 401 + 1 + 501);
    // One in the place of another that was deleted, whose number in the file system it may get.
    fs::remove_file(place.path("in/day-03.csv")).expect("a file");
    write("in/day-06.csv", &day);
    place.load("in");
    assert_eq!(place.numbers().len(), 802 + 401 + 1 + 501 + 401);
    // A compressed day beside another of the same name.
    write("day-01.csv", &table(1..4, "compressed"));
    assert_eq!(place.bash("gzip day-01.csv; mv day-01.csv.gz in").code, 0);
    place.load("in");
    assert_eq!(place.numbers().len(), 802 + 401 + 1 + 501 + 401 + 3);
    // And one that is being compressed, is no new one.
    assert_eq!(
        place
            .bash("gzip -k in/day-02.csv; head -c 40 in/day-02.csv.gz >in/day-05.csv.gz")
            .code,
        0
    );
    let run = place.run("in");
    assert!(
        run.err().contains("'in/day-02.csv.gz' is a copy"),
        "{}",
        run.err()
    );
    assert_eq!(
        place
            .bash("rm in/day-02.csv; rm in/day-05.csv; gzip -dc in/day-02.csv.gz | wc -c")
            .code,
        0
    );
    fs::remove_file(place.path("in/day-05.csv.gz")).expect("a file");
    place.load("in");
    assert_eq!(place.numbers().len(), 802 + 401 + 1 + 501 + 401 + 3);
    // An export that is written anew in its place, and differs in the middle.
    let changed = day.replace("1300,an order", "1300,AN ORDER");
    write("in/day-01.csv", &changed);
    place.run("in").refused(
        "extract",
        1,
        &["in/day-01.csv", "may be lost", "--accept-gap"],
    );
}

#[test]
fn what_is_away_for_a_while_is_not_new() {
    for place in every_target("away") {
        fs::create_dir_all(place.path("in")).expect("a directory");
        place.append("in/a.csv", &table(1..2, "a"));
        place.append("in/b.csv", &table(2..3, "b"));
        place.load("in");
        place.rename("in/b.csv", "b.csv");
        place.append("in/a.csv", "3,a\n");
        place.load("in");
        place.rename("b.csv", "in/b.csv");
        place.append("in/b.csv", "4,b\n");
        place.load("in");
        place.has(1..=4);
        // It is forgotten after 30 days, which only a checkpoint of that age can show.
        if let Target::Sqlite = place.target {
            place.rename("in/b.csv", "b.csv");
            place.load("in");
            let days = |days: i64| {
                let then = std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .expect("a time")
                    .as_secs() as i64
                    - days * 86_400;
                let connection =
                    rusqlite::Connection::open(place.path("d.db")).expect("a database");
                let sql = format!(
                    "UPDATE _pipewright_checkpoints SET position = replace(position, substr(position, instr(position, '\"gone\":') , 17), '\"gone\":{then}')"
                );
                connection.execute(&sql, []).expect("an update");
            };
            days(29);
            place.rename("b.csv", "in/b.csv");
            place.load("in");
            place.has(1..=4);
            place.rename("in/b.csv", "b.csv");
            place.load("in");
            days(31);
            place.load("in");
            place.rename("b.csv", "in/b.csv");
            place.load("in");
            assert_eq!(place.numbers().len(), 6);
        }
    }
}
