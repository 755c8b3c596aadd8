use super::*;

const HEADER: &[&str] = &[
    "id",
    "ts",
    "q_min",
    "q_max",
    "price",
    "user.order.total",
    "a, b",
    "x*",
];

fn chosen(list: &str, header: &[&str]) -> Result<String, String> {
    let header: Vec<String> = header.iter().map(|&name| name.to_owned()).collect();
    let selected = parse(list).and_then(|selectors| resolve(&selectors, &header));
    let describe = |column: &Selected| match column.name == header[column.index] {
        true => column.name.clone(),
        false => format!("{}={}", column.name, header[column.index]),
    };
    selected
        .map(|columns| columns.iter().map(describe).collect::<Vec<_>>().join("|"))
        .map_err(|error| error.to_string())
}

fn select(list: &str) -> String {
    chosen(list, HEADER).unwrap()
}

fn refused(list: &str) -> String {
    chosen(list, HEADER).unwrap_err()
}

#[test]
fn names() {
    assert_eq!(select("price,id"), "price|id");
    assert_eq!(select(" id ,\n [a, b] , "), "id|a, b");
    assert_eq!(select("user.order.total"), "user.order.total");
    assert_eq!(
        chosen("First Name, first-name", &["first-name", "First Name"]).unwrap(),
        "First Name|first-name"
    );
    assert_eq!(
        chosen("[]]], items[0].x", &["]", "items[0].x"]).unwrap(),
        "]|items[0].x"
    );
    assert_eq!(chosen("가격, ✓", &["✓", "가격"]).unwrap(), "가격|✓");
}

#[test]
fn renames() {
    assert_eq!(
        select("id, total=user.order.total"),
        "id|total=user.order.total"
    );
    assert_eq!(select("[new, name] = [a, b]"), "new, name=a, b");
    assert_eq!(select("ts=id, id=ts"), "ts=id|id=ts");
    assert_eq!(select("price, cost=price"), "price|cost=price");
}

#[test]
fn globs_and_ranges() {
    assert_eq!(select("q_*"), "q_min|q_max");
    assert_eq!(select("*s, ?d"), "ts|id");
    assert_eq!(select("q_m??"), "q_min|q_max");
    assert_eq!(select("ts..q_max"), "ts|q_min|q_max");
    assert_eq!(select("q_max..ts"), "q_max|q_min|ts");
    assert_eq!(select("[a, b] .. price"), "a, b|user.order.total|price");
    assert_eq!(select("..ts, [a, b].."), "id|ts|a, b|x*");
    assert_eq!(
        select("price, q_*, *"),
        "price|q_min|q_max|id|ts|user.order.total|a, b|x*"
    );
    assert_eq!(select("cost=price, ts..price"), "cost=price|ts|q_min|q_max");
}

#[test]
fn exclusions() {
    assert_eq!(select("!q_*, ![a, b]"), "id|ts|price|user.order.total|x*");
    assert_eq!(select("id..price, !q_min"), "id|ts|q_max|price");
    assert_eq!(select("*, !ts..x*"), "id");
    assert_eq!(select("!id, !ts..price, ! x*"), "user.order.total|a, b");
}

#[test]
fn what_is_taken_out_can_be_added_again() {
    let header = ["a", "b", "c"];
    assert_eq!(
        chosen("a, b, !a, a", &header).unwrap(),
        chosen("b, a", &header).unwrap()
    );
    assert_eq!(
        chosen("a, x=a, !a, b=a", &header).unwrap(),
        chosen("b=a", &header).unwrap()
    );
}

#[test]
fn a_long_list_of_a_wide_header_is_resolved_in_linear_time() {
    let header: Vec<String> = (0..50_000).map(|number| format!("c{number}")).collect();
    let backwards: Vec<&str> = header.iter().rev().map(String::as_str).collect();
    let without_even: Vec<String> = header
        .iter()
        .step_by(2)
        .map(|name| format!("!{name}"))
        .collect();
    let selected = |list: &str| resolve(&parse(list).unwrap(), &header).unwrap();
    let places = selected(&backwards.join(","))
        .into_iter()
        .map(|column| column.index);
    assert!(places.eq((0..50_000).rev()));
    let places = selected(&without_even.join(","))
        .into_iter()
        .map(|column| column.index);
    assert!(places.eq((1..50_000).step_by(2)));
}

#[test]
fn an_exact_name_wins() {
    let header = &["a", "x*", "xy", "a..b", "n=m", "!a", "b"];
    assert_eq!(chosen("x*", header).unwrap(), "x*");
    assert_eq!(chosen("a..b, n=m, !a", header).unwrap(), "a..b|n=m|!a");
    assert_eq!(chosen("!x*, !a..b, !n=m", header).unwrap(), "a|xy|!a|b");
    assert_eq!(chosen("!!a", header).unwrap(), "a|x*|xy|a..b|n=m|b");
}

#[test]
fn fitting() {
    for (pattern, name, fits) in [
        ("*", "", true),
        ("a*b*c", "axxbxxc", true),
        ("a*b*c", "axxbxx", false),
        ("*ab", "aab", true),
        ("?", "한", true),
        ("??", "한", false),
        ("", "a", false),
        ("a**", "a", true),
    ] {
        assert_eq!(is_fitting(pattern, name), fits, "{pattern} {name}");
    }
}

const LISTED: &str = "columns: id, ts, q_min, q_max, price, user.order.total, a, b, x*";

#[test]
fn unknown_names() {
    assert_eq!(
        refused("id, cost=pirce"),
        format!(
            "unknown column 'pirce'\n  id, cost=pirce\n           ^^^^^ did you mean 'price'? {LISTED}"
        )
    );
    assert_eq!(
        refused("id..zz"),
        format!("unknown column 'zz'\n  id..zz\n      ^^ {LISTED}")
    );
    assert_eq!(
        refused("!total"),
        format!(
            "unknown column 'total'\n  !total\n   ^^^^^ did you mean 'user.order.total'? {LISTED}"
        )
    );
    assert_eq!(
        refused("a, b"),
        format!("unknown column 'a'\n  a, b\n  ^ for the column 'a, b' write [a, b]; {LISTED}")
    );
    assert_eq!(
        refused("id, z_*"),
        format!("no column fits 'z_*'\n  id, z_*\n      ^^^ {LISTED}")
    );
}

#[test]
fn refusals() {
    for (list, expected) in [
        ("", "the list of columns is empty"),
        (" ", "the list of columns is empty"),
        ("a,,b", "expected a column after ','\n  a,,b\n    ^"),
        (",a", "expected a column\n  ,a\n  ^"),
        ("id, !", "expected a column after '!'\n  id, !\n       ^"),
        (
            "=id",
            "expected a new name before '='\n  =id\n  ^ write new=old",
        ),
        (
            "x=, id",
            "expected a column after '='\n  x=, id\n    ^ write new=old",
        ),
        (
            "!x=id",
            "a column is either taken out or renamed\n  !x=id\n  ^^^^^ write !old or new=old",
        ),
        ("[id", "'[' without its ']'\n  [id\n  ^"),
        (
            "[id]x",
            "expected ',' after ']'\n  [id]x\n      ^ a ] within a name is written ]]",
        ),
        (
            "id, ts, id",
            "column 'id' is selected twice\n  id, ts, id\n          \
             ^^ to have it before the others, name it before them: id, *",
        ),
        (
            "*, id",
            "column 'id' is selected twice\n  *, id\n     \
             ^^ to have it before the others, name it before them: id, *",
        ),
        (
            "id, id=ts",
            "two columns would be named 'id'\n  id, id=ts\n      \
             ^^^^^ give one another name: new=old",
        ),
        (
            "ts=id, *",
            "two columns would be named 'ts'\n  ts=id, *\n         \
             ^ give one another name: new=old",
        ),
        ("id, !*", "no column is left\n  id, !*\n      ^^"),
    ] {
        assert_eq!(refused(list), expected, "{list}");
    }
}

#[test]
fn names_alone_need_no_header() {
    let names = |list: &str| {
        let names = super::names(&parse(list).unwrap())?;
        Some(names.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
    };
    assert_eq!(
        names("id, total=user.order.total, also=id, [a, b]"),
        Some(
            ["id", "user.order.total", "a, b"]
                .map(String::from)
                .to_vec()
        )
    );
    for list in ["*", "a..b", "a, q_?", "!a", "a, !b"] {
        assert_eq!(names(list), None, "{list}");
    }
}

#[test]
fn indexes_that_are_none() {
    let refused = |list: &str| super::refuse_unknown_indexes(&parse(list).unwrap());
    for list in [
        "a[0]",
        "items[0].id",
        "[items[]].id]",
        "a[",
        "a]",
        "a[x]",
        "a[-x]",
        "a[-]",
        "*, !a[]",
    ] {
        assert!(refused(list).is_ok(), "{list}");
    }
    for (list, start) in [
        ("a[]", "'a[]' is many values"),
        ("id, x=a.b[].c", "'a.b[].c' is many values"),
        ("a[0][]", "'a[0][]' is many values"),
        ("a[-1]", "an element is counted from the start"),
        ("a[0].b[-12].c", "an element is counted from the start"),
    ] {
        let error = refused(list).unwrap_err().to_string();
        assert!(error.starts_with(start), "{list}: {error}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC*") {
        let _ = chosen(&text, HEADER);
    }

    #[test]
    fn any_signs_are_parsed_or_refused(text in "[a\\[\\]!=., *?한\n]{0,12}") {
        let _ = chosen(&text, &["a", "aa", "한", "a.a"]);
    }

    #[test]
    fn a_name_in_brackets_is_that_column(name in "\\PC+") {
        let written = format!("[{}]", name.replace(']', "]]"));
        proptest::prop_assert_eq!(chosen(&written, &["other column", &name]), Ok(name.clone()));
    }
}
