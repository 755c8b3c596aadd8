//! JSON for columns that store its values rather than its text.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Checks that a text is JSON that can be read back with the same values.
///
/// # Errors
/// The message is worded to follow the quoted text: it is not JSON; an object has a key twice, of which one would
/// be lost; or a string contains a NUL byte, which databases cannot store.
pub fn check(text: &[u8]) -> Result<(), String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let read = Whole.deserialize(&mut reader).and_then(|()| reader.end());
    read.map_err(|error| match error.is_data() {
        true => {
            let words = error.to_string();
            words
                .split(" at line ")
                .next()
                .unwrap_or_default()
                .to_owned()
        }
        false => "is not JSON".to_owned(),
    })
}

/// Any single value.
struct Whole;

impl<'de> DeserializeSeed<'de> for Whole {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Whole {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<(), M::Error> {
        // serde_json passes a number as an object with one private key, which is never repeated.
        let mut known = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            check_letters(&key)?;
            if known.contains(&key) {
                let message =
                    format!("has the key '{key}' twice in one object, and one would be lost");
                return Err(M::Error::custom(message));
            }
            known.insert(key);
            map.next_value_seed(Whole)?;
        }
        Ok(())
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<(), S::Error> {
        while list.next_element_seed(Whole)?.is_some() {}
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        check_letters(text)
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
}

fn check_letters<E: Error>(text: &str) -> Result<(), E> {
    match text.contains('\0') {
        true => Err(E::custom(
            "holds a NUL byte, which the column does not keep",
        )),
        false => Ok(()),
    }
}

/// Returns the elements if the text is a JSON array.
pub fn list(text: &[u8]) -> Option<Vec<serde_json::Value>> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let list = Vec::deserialize(&mut reader).ok()?;
    reader.end().ok().map(|()| list)
}
