use crate::format::json::*;

fn wanted(names: &[&str], sampled: Option<usize>, extra: Extra) -> WantedFields {
    WantedFields {
        names: names.iter().map(|name| name.to_string()).collect(),
        picks: (0..names.len()).collect(),
        indexed: names.iter().map(|_| sampled.is_none()).collect(),
        sampled,
        extra,
        nulls: vec![b"NA".to_vec()],
    }
}

fn converted(wanted: WantedFields, unit: &str) -> Result<String, String> {
    let json = Json::new(wanted, Framing::Lines);
    let mut out = Vec::new();
    json.unit(&mut json.scratch(), unit.as_bytes(), &mut out)
        .map_err(|fault| fault.to_string())?;
    Ok(String::from_utf8(out).unwrap())
}

#[test]
fn every_kind_of_value_has_its_field() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
    let record = r#" {"a":1.50, "b":"1.50", "c":"", "d":null, "e":true, "f":"true", "g":[1, {"x": "y"}],
        "h":"a,\"b\"\n", "i":"NA", "j":"-"} "#;
    assert_eq!(
        converted(wanted(&names, Some(1), Extra::Fail), record).unwrap(),
        "1.50,\"1.50\",\"\",,true,\"true\",\"[1,{\"\"x\"\":\"\"y\"\"}]\",\"a,\"\"b\"\"\n\",,-\n"
    );
}

#[test]
fn objects_are_flattened() {
    let names = ["id", "user.name", "user.at.home", "meta"];
    let flat = |record: &str| converted(wanted(&names, Some(7), Extra::Fail), record);
    assert_eq!(
        flat(r#"{"user":{"at":{"home":1},"name":"x"},"id":2}"#).unwrap(),
        "2,x,1,\n"
    );
    assert_eq!(
        flat(r#"{"user":{"at.home":1},"meta":{ },"user.name":"z"}"#).unwrap(),
        ",z,1,{}\n"
    );
    assert_eq!(
        flat(r#"{"user":null,"id":7,"other":null}"#).unwrap(),
        "7,,,\n"
    );
    assert_eq!(flat(r#"{"user":{}}"#).unwrap(), ",,,\n");
    for (record, key) in [
        (r#"{"user":{"zip":1}}"#, "user.zip"),
        (r#"{"user":"x"}"#, "user"),
        (r#"{"user":{"at":{"work":{"x":1}}}}"#, "user.at.work"),
        (r#"{"meta":{"x":1}}"#, "meta.x"),
        (r#"{"o\u0074her":1}"#, "other"),
    ] {
        let fault = flat(record).unwrap_err();
        let start = format!("the key '{key}' is not among those of the first 7 records; ");
        assert!(fault.starts_with(&start), "{fault}");
    }
}

#[test]
fn an_object_that_was_asked_for_is_json() {
    let names = ["user", "user.name"];
    let asked = |record: &str| converted(wanted(&names, None, Extra::Ignore), record);
    assert_eq!(
        asked(r#"{"user":{"name":"x","at":[1, 2]},"more":{"a":[{}]}}"#).unwrap(),
        "\"{\"\"name\"\":\"\"x\"\",\"\"at\"\":[1,2]}\",x\n"
    );
}

#[test]
fn the_rest_goes_to_one_column() {
    let extra = |record: &str| converted(wanted(&["id"], None, Extra::Column), record);
    assert_eq!(
        extra(r#"{"a":"x \" y","id":1,"b":{"c": [1, 2]},"n":null}"#).unwrap(),
        "1,\"{\"\"a\"\":\"\"x \\\"\" y\"\",\"\"b\"\":{\"\"c\"\":[1,2]}}\"\n"
    );
    assert_eq!(extra(r#"{"id":1}"#).unwrap(), "1,\n");
}

#[test]
fn what_is_no_record_is_a_fault() {
    for (record, fault) in [
        ("[1]", "a record is an object"),
        ("\"x\"", "a record is an object"),
        ("{\"id\":1", "not JSON: it ends where ',' or '}' should be"),
        ("{\"id\":1}}", "not JSON: the end is missing before '}'"),
        ("{\"id\":1,\"id\":2}", "the key 'id' stands twice"),
        ("{\"id\":\"\\ud800\"}", "'\\ud800' is half of a character"),
        ("hello", "not JSON: a value is missing before 'hello'"),
    ] {
        let found = converted(wanted(&["id"], None, Extra::Ignore), record).unwrap_err();
        assert!(found.starts_with(fault), "{record}: {found}");
    }
    let deep = format!("{{\"id\":{}", "[".repeat(1_000_000));
    assert!(converted(wanted(&["id"], None, Extra::Ignore), &deep).is_err());
    let deep = "{\"a\":".repeat(1_000_000);
    assert!(converted(wanted(&["id"], None, Extra::Ignore), &deep).is_err());
}

#[test]
fn elements_are_found_by_their_places() {
    let names = [
        "items[0].id",
        "m[1][0]",
        "items",
        "a[0]",
        "o.a[1].b",
        "items[2]",
    ];
    let found = |record: &str| converted(wanted(&names, None, Extra::Ignore), record).unwrap();
    assert_eq!(
        found(r#"{"items":[{"id":1,"x":2},[],"z"],"m":[[1],[2,3]],"o":{"a":[0,{"b":null}]}}"#),
        "1,2,\"[{\"\"id\"\":1,\"\"x\"\":2},[],\"\"z\"\"]\",,,z\n"
    );
    assert_eq!(
        found(r#"{"items":[],"m":{"1":[5]},"o":{"a":"x"}}"#),
        ",,[],,,\n"
    );
    // The key of that very name goes first, wherever it stands.
    assert_eq!(found(r#"{"a[0]":1,"a":[2]}"#), ",,,1,,\n");
    assert_eq!(found(r#"{"a":[2],"a[0]":null}"#), ",,,,,\n");
    assert_eq!(
        found(r#"{"a":[2],"o.a":[0,{"b":4}],"items[0]":{"id":7}}"#),
        "7,,,2,4,\n"
    );
}

#[test]
fn elements_that_were_not_asked_for_are_extra() {
    let names = ["a[1].x", "id"];
    let extra = |record: &str| converted(wanted(&names, None, Extra::Column), record).unwrap();
    assert_eq!(
        extra(r#"{"id":1,"a":[7,{"x":2,"y":3},null,[4]]}"#),
        "2,1,\"{\"\"a[0]\"\":7,\"\"a[1].y\"\":3,\"\"a[3]\"\":[4]}\"\n"
    );
    let fault = converted(wanted(&names, None, Extra::Fail), r#"{"a":[7]}"#).unwrap_err();
    assert!(
        fault.starts_with("the key 'a[0]' is not listed by -c"),
        "{fault}"
    );
}
