//! Names in SQL.

use anyhow::bail;

/// Quotes a name for SQL, whatever it contains.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Quotes names for SQL, separated by commas.
pub fn listed<'n>(names: impl IntoIterator<Item = &'n String>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| quoted(name)).collect();
    names.join(", ")
}

/// A table's name, with its schema if the user gave one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The schema; without one, the server's search path decides.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
}

impl Name {
    /// Parses `table` or `schema.table`; a part in double quotes may contain dots. Case is kept.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let mut parts = vec![String::new()];
        let mut is_quoted = false;
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            match letter {
                '"' if is_quoted && letters.next_if_eq(&'"').is_some() => push(&mut parts, '"'),
                '"' => is_quoted = !is_quoted,
                '.' if !is_quoted => parts.push(String::new()),
                _ => push(&mut parts, letter),
            }
        }
        if text.contains('\0') {
            bail!(
                "the table's name '{}' holds a NUL byte",
                text.escape_debug()
            );
        }
        if let Some(long) = parts.iter().find(|part| part.len() > 63) {
            bail!("the name '{long}' is longer than the 63 bytes that PostgreSQL keeps");
        }
        if is_quoted || parts.iter().any(String::is_empty) {
            bail!("'{text}' is no table's name; give TABLE or SCHEMA.TABLE");
        }
        match <[String; 2]>::try_from(parts) {
            Ok([schema, table]) => Ok(Name {
                schema: Some(schema),
                table,
            }),
            Err(mut parts) => match (parts.pop(), parts.is_empty()) {
                (Some(table), true) => Ok(Name {
                    schema: None,
                    table,
                }),
                _ => {
                    bail!("'{text}' has too many points; put a name that has one in double quotes")
                }
            },
        }
    }

    /// Returns the name in SQL.
    pub fn sql(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quoted(schema), quoted(&self.table)),
            None => quoted(&self.table),
        }
    }

    /// Returns the name as [`Name::parse`] reads it.
    pub fn spelled(&self) -> String {
        let part = |name: &String| match name.contains(['.', '"']) {
            true => quoted(name),
            false => name.clone(),
        };
        match &self.schema {
            Some(schema) => format!("{}.{}", part(schema), part(&self.table)),
            None => part(&self.table),
        }
    }

    /// Returns the name as errors and receipts show it.
    pub fn shown(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.table),
            None => self.table.clone(),
        }
    }
}

fn push(parts: &mut [String], letter: char) {
    if let Some(part) = parts.last_mut() {
        part.push(letter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let name = |text: &str| Name::parse(text).map(|name| (name.schema, name.table));
        assert_eq!(name("t").unwrap(), (None, "t".into()));
        assert_eq!(name("s.t").unwrap(), (Some("s".into()), "t".into()));
        assert_eq!(name("\"a.b\"").unwrap(), (None, "a.b".into()));
        assert_eq!(
            name("s.\"a\"\"b\"").unwrap(),
            (Some("s".into()), "a\"b".into())
        );
        for text in ["t", "s.t", "s.\"a.b\"", "s.\"a\"\"b\"", "Ünï côdé"] {
            assert_eq!(Name::parse(text).unwrap().spelled(), text);
        }
        for wrong in ["", "a.b.c", "a.", "\"a"] {
            assert!(name(wrong).is_err(), "{wrong}");
        }
    }
}
