//! Finds the paths of the first records.

use crate::format::keys::Keys;
use crate::format::wanted::Survey;
use crate::record::Fault;
use crate::stream::Framing;

use crate::format::json::cursor::{Cursor, DEEPEST, too_deep, unescape};
use crate::format::json::no_object;

/// The paths seen so far. They are listed in the order of the objects that hold them, a new key after those that
/// were known before.
#[derive(Clone, Debug, Default)]
pub struct JsonSurvey {
    root: KeySurvey,
}

#[derive(Clone, Debug, Default)]
struct KeySurvey {
    children: Keys<KeySurvey>,
    /// Whether a value was seen that is neither null nor an object.
    has_value: bool,
}

impl Survey for JsonSurvey {
    fn look(&mut self, record: &[u8]) -> Result<(), Fault> {
        let mut cursor = Cursor::new(record);
        let mut whole = cursor.clone();
        whole.value(0)?;
        whole.end()?;
        match cursor.peek() {
            Some(b'{') => object(&mut cursor, &mut self.root, 0),
            _ => Err(no_object(cursor, Framing::Lines)),
        }
    }

    fn names(&self) -> Result<Vec<String>, Fault> {
        let mut paths = Vec::new();
        gather(&self.root, &mut Vec::new(), &mut paths);
        paths
            .into_iter()
            .map(|path| {
                String::from_utf8(path).map_err(|error| {
                    let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
                    Fault::new(format!("the key '{shown}' is not valid UTF-8"))
                })
            })
            .collect()
    }
}

fn object(cursor: &mut Cursor<'_>, seen: &mut KeySurvey, depth: usize) -> Result<(), Fault> {
    if depth > DEEPEST {
        return Err(too_deep());
    }
    cursor.expect(b'{', "'{'")?;
    let mut is_first = true;
    while cursor.goes_on(b'}', &mut is_first)? {
        let mut key = Vec::new();
        unescape(cursor.string()?.raw, &mut key)?;
        cursor.expect(b':', "':'")?;
        let mut child = &mut *seen;
        for step in key.split(|&byte| byte == b'.') {
            child = child.children.find_or_insert(step, KeySurvey::default);
        }
        match cursor.peek() {
            Some(b'{') => object(cursor, child, depth + 1)?,
            first => {
                cursor.value(depth)?;
                child.has_value |= first != Some(b'n');
            }
        }
    }
    Ok(())
}

/// Lists paths in depth-first order. A key that was only ever null or an empty object is a path if nothing is known
/// below it.
fn gather(seen: &KeySurvey, path: &mut Vec<u8>, paths: &mut Vec<Vec<u8>>) {
    for (key, child) in seen.children.iter() {
        let length = path.len();
        if !path.is_empty() {
            path.push(b'.');
        }
        path.extend_from_slice(key);
        if child.has_value || child.children.is_empty() {
            paths.push(path.clone());
        }
        gather(child, path, paths);
        path.truncate(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_values() {
        let mut survey = JsonSurvey::default();
        for record in [
            r#"{"id":1,"user":null,"meta":{},"tags":[{"x":1}]}"#,
            r#"{"id":2,"user":{"name":"a","at.home":true},"v":{"w":{"x":1}}}"#,
            r#"{"bad":1,}"#,
            r#"{"user":{"id":3},"v":7,"later":null}"#,
        ] {
            let _ = survey.look(record.as_bytes());
        }
        assert_eq!(
            survey.names().unwrap(),
            [
                "id",
                "user.name",
                "user.at.home",
                "user.id",
                "meta",
                "tags",
                "v",
                "v.w.x",
                "later"
            ]
        );
    }
}
