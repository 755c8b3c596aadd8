//! The `json` function: extracts one value from a JSON text.
//!
//! The text is parsed once. Only the requested value is built; the rest is validated and skipped.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;

use super::argument::{Prepared, bytes, real, text_of};
use super::{Body, Function, MakeFault, body};
use crate::record::Fault;
use crate::value::Value;
use crate::value::text::quoted;

pub(super) static FUNCTIONS: &[Function] = &[Function::new(
    "json",
    "text, path",
    2..=2,
    "the value at a path such as a.b[0] or [\"a b\"].c; null where there is none; an object or \
     array as JSON",
    (r#"json('{"a": {"b": [1.50, 2]}}', "a.b[0]")"#, "1.5"),
    make,
)
.also(&["json_extract", "json_value"])];

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum PathStep {
    Key(String),
    Index(usize),
}

fn make(literals: &[Option<Value<'static>>]) -> Result<Body, MakeFault> {
    let path = Prepared::new(literals, 1, |value| {
        steps(text_of(value)?)
            .ok_or_else(|| Fault::new(format!("{} is not a path such as a.b[0]", quoted(value))))
    })?;
    body(move |arena, arguments| {
        let text = bytes(arena, &arguments[0]);
        let found = path.with(&arguments[1], |steps| {
            find(text, steps)
                .map_err(|_| Fault::new(format!("{} is not JSON", quoted(&Value::Text(text)))))
        })?;
        Ok(match found {
            None | Some(Json::Null) => Value::Null,
            Some(Json::Bool(truth)) => Value::Bool(truth),
            Some(Json::Number(number)) => {
                let digits = number.as_str().as_bytes();
                real(&Value::Raw(digits))?.to_value(arena)
            }
            Some(Json::String(text)) => Value::Quoted(arena.alloc_str(&text).as_bytes()),
            Some(nested) => Value::Text(arena.alloc_str(&nested.to_string()).as_bytes()),
        })
    })
}

/// Parses a path: `a.b[0]`, `$.a`, `["any key"]`; `$` and the empty path mean the whole text.
fn steps(path: &str) -> Option<Vec<PathStep>> {
    let mut steps = Vec::new();
    let mut rest = path;
    if let Some(after) = path
        .strip_prefix('$')
        .filter(|after| after.is_empty() || after.starts_with(['.', '[']))
    {
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (step, after) = bracket(after)?;
            steps.push(step);
            rest = after;
        } else {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            steps.push(PathStep::Key(rest[..end].to_string()));
            rest = &rest[end..];
            if end == 0 {
                return None;
            }
        }
        if let Some(after) = rest.strip_prefix('.') {
            if after.is_empty() {
                return None;
            }
            rest = after;
        }
    }
    Some(steps)
}

/// Parses `0]` or `"key"]`; returns the step and the rest.
fn bracket(text: &str) -> Option<(PathStep, &str)> {
    for quote in ['"', '\''] {
        if let Some(text) = text.strip_prefix(quote) {
            let (key, after) = text.split_once(quote)?;
            return Some((PathStep::Key(key.to_string()), after.strip_prefix(']')?));
        }
    }
    let (digits, after) = text.split_once(']')?;
    let is_index = digits.bytes().all(|byte| byte.is_ascii_digit());
    Some((
        PathStep::Index(digits.parse().ok().filter(|_| is_index)?),
        after,
    ))
}

/// Returns the value at the path; the whole text must be valid JSON.
fn find(text: &[u8], steps: &[PathStep]) -> serde_json::Result<Option<Json>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let found = Search(steps).deserialize(&mut reader)?;
    reader.end()?;
    Ok(found)
}

/// Deserializes one JSON value and keeps what is at the rest of the path.
struct Search<'p>(&'p [PathStep]);

impl<'de> DeserializeSeed<'de> for Search<'_> {
    type Value = Option<Json>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Option<Json>, D::Error> {
        if self.0.is_empty() {
            return serde::Deserialize::deserialize(reader).map(Some);
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Search<'_> {
    type Value = Option<Json>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Option<Json>, M::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match &self.0[0] {
                // If a key occurs twice, the last one counts.
                PathStep::Key(name) if *name == key => {
                    found = map.next_value_seed(Search(&self.0[1..]))?
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Option<Json>, S::Error> {
        let mut found = None;
        if let PathStep::Index(index) = self.0[0] {
            for _ in 0..index {
                if list.next_element::<IgnoredAny>()?.is_none() {
                    return Ok(None);
                }
            }
            found = list.next_element_seed(Search(&self.0[1..]))?.flatten();
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    // A path that continues into a scalar finds nothing.

    fn visit_bool<E>(self, _: bool) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Option<Json>, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Option<Json>, E> {
        Ok(None)
    }
}
