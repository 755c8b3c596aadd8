//! Converts a JSON list to a PostgreSQL array ("Arrays", "Array Value Input").

use serde_json::Value as Json;

use crate::schema::json_values;

/// Returns the array for a JSON list; None if the text is not a JSON list.
pub fn array_of(text: &[u8]) -> Option<String> {
    if text.first() != Some(&b'[') {
        return None;
    }
    let list = json_values::list(text)?;
    let mut out = String::new();
    push_list(&list, &mut out);
    Some(out)
}

fn push_list(list: &[Json], out: &mut String) {
    out.push('{');
    for (place, element) in list.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        match element {
            Json::Null => out.push_str("NULL"),
            Json::Array(list) => push_list(list, out),
            Json::String(text) => push_text(text, out),
            // A number as it is written; an object as JSON.
            other => push_text(&other.to_string(), out),
        }
    }
    out.push('}');
}

/// Appends an element, quoted if the server would quote it.
fn push_text(text: &str, out: &mut String) {
    let is_special = |letter: char| letter.is_ascii_whitespace() || "{}\",\\\u{b}".contains(letter);
    let needs_quotes =
        text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(is_special);
    if !needs_quotes {
        out.push_str(text);
        return;
    }
    out.push('"');
    for letter in text.chars() {
        if matches!(letter, '"' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_arrays() {
        for (json, array) in [
            ("[]", "{}"),
            ("[1, 2.50, null]", "{1,2.50,NULL}"),
            (
                r#"["a b", "c", "", "null", "q\"\\"]"#,
                r#"{"a b",c,"","null","q\"\\"}"#,
            ),
            ("[[1],[2]]", "{{1},{2}}"),
            (r#"[{"k": 1}, true]"#, r#"{"{\"k\":1}",true}"#),
        ] {
            assert_eq!(array_of(json.as_bytes()).as_deref(), Some(array), "{json}");
        }
        for other in ["{1,2}", "[0:1]={1,2}", "[1", "", "1"] {
            assert_eq!(array_of(other.as_bytes()), None, "{other}");
        }
    }
}
