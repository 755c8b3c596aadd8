//! Tables of SQLite: what is there, and how it is made.

use std::collections::HashMap;

use anyhow::bail;
use rusqlite::{Connection, OptionalExtension};

use super::rule::Rule;
use crate::database::sqlite::quoted;
use crate::record::Header;
use crate::target::nearest_of;
use crate::target::types::check_text;

/// A table that is there.
#[derive(Clone, Debug)]
pub struct Definition {
    /// Its name, as it was spelled when it was made.
    pub name: String,
    sql: String,
    is_strict: bool,
    columns: Vec<Declared>,
}

#[derive(Clone, Debug)]
struct Declared {
    name: String,
    declared: String,
    is_generated: bool,
}

impl Definition {
    /// The table of this name, if there is one.
    ///
    /// # Errors
    /// The name is that of a view; the file is no database.
    pub fn read(connection: &Connection, table: &str) -> anyhow::Result<Option<Self>> {
        let found: Option<(String, String, Option<String>)> = connection
            .query_row(
                "SELECT type, name, sql FROM sqlite_schema
                 WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')",
                [table],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()?;
        let Some((kind, name, sql)) = found else {
            return Ok(None);
        };
        if kind == "view" {
            bail!("'{name}' is a view; load writes tables");
        }
        let columns = connection
            .prepare("SELECT name, type, hidden FROM pragma_table_xinfo(?1)")?
            .query_map([&name], |row| {
                Ok(Declared {
                    name: row.get(0)?,
                    declared: row.get(1)?,
                    is_generated: row.get::<_, i64>(2)? != 0,
                })
            })?
            .collect::<Result<_, _>>()?;
        let is_strict = connection
            .query_row(
                "SELECT strict FROM pragma_table_list(?1) WHERE schema = 'main'",
                [&name],
                |row| row.get(0),
            )
            .optional()?;
        Ok(Some(Definition {
            name,
            sql: sql.unwrap_or_default(),
            is_strict: is_strict.unwrap_or_default(),
            columns,
        }))
    }

    /// The table's columns for those of the stream: names as the table spells them, and what each
    /// takes.
    ///
    /// # Errors
    /// The table has no such column, or it computes it by itself.
    pub fn columns_for(&self, header: &Header) -> anyhow::Result<Vec<(String, Rule)>> {
        let mut taken: Vec<(String, Rule)> = Vec::new();
        for name in header.names() {
            let exact = self.columns.iter().find(|column| column.name == *name);
            let column = exact.or_else(|| {
                self.columns
                    .iter()
                    .find(|column| column.name.eq_ignore_ascii_case(name))
            });
            let Some(column) = column else {
                let names: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
                bail!(
                    "table '{}' has no column '{name}': {}",
                    self.name,
                    nearest_of(name, &names)
                );
            };
            if column.is_generated {
                bail!(
                    "table '{}' computes its column '{name}' by itself",
                    self.name
                );
            }
            if taken.iter().any(|(name, _)| *name == column.name) {
                bail!(
                    "two columns of the stream would go to column '{}'",
                    column.name
                );
            }
            taken.push((
                column.name.clone(),
                Rule::declared(&column.declared, self.is_strict),
            ));
        }
        Ok(taken)
    }

    /// What a table made anew would lack: a word of the old definition that says more than names
    /// and types.
    pub fn irreplaceable(&self) -> Option<&'static str> {
        const WORDS: [&str; 11] = [
            "PRIMARY",
            "UNIQUE",
            "CHECK",
            "REFERENCES",
            "FOREIGN",
            "DEFAULT",
            "GENERATED",
            "COLLATE",
            "WITHOUT",
            "STRICT",
            "VIRTUAL",
        ];
        let words = bare_words(&self.sql);
        WORDS
            .into_iter()
            .find(|wanted| words.iter().any(|word| word.eq_ignore_ascii_case(wanted)))
    }

    /// Whether one statement may take many records: it does the same as one for each, and is
    /// quicker. Triggers would see them otherwise, foreign keys are looked at when the statement
    /// ends and not at the record, what a virtual table does is not known; and where a key must be
    /// unique, SQLite keeps for such a statement each page that it changes.
    pub fn takes_many(&self, connection: &Connection) -> rusqlite::Result<bool> {
        connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema
                 WHERE name = ?1 AND type = 'table' AND rootpage > 0)
             AND NOT EXISTS (SELECT 1 FROM sqlite_schema
                 WHERE tbl_name = ?1 COLLATE NOCASE AND type = 'trigger')
             AND NOT EXISTS (SELECT 1 FROM pragma_foreign_key_list(?1))
             AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?1) WHERE \"unique\")
             AND NOT EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE pk > 0)",
            [&self.name],
            |row| row.get(0),
        )
    }

    /// The statements that make the table's indexes and triggers again.
    pub fn attachments(&self, connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
        connection
            .prepare(
                "SELECT type || ' ''' || name || '''', sql FROM sqlite_schema
                 WHERE tbl_name = ?1 AND type IN ('index', 'trigger') AND sql IS NOT NULL",
            )?
            .query_map([&self.name], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }
}

/// The words of a statement that stand outside quotes and comments.
fn bare_words(sql: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut closing = None;
    let mut letters = sql.chars().peekable();
    while let Some(letter) = letters.next() {
        match closing {
            Some(mark) if letter == mark => closing = None,
            Some(_) => {}
            None => match letter {
                '"' | '\'' | '`' => closing = Some(letter),
                '[' => closing = Some(']'),
                '-' if letters.peek() == Some(&'-') => closing = Some('\n'),
                _ if letter.is_alphanumeric() || letter == '_' => {
                    if let Some(word) = words.last_mut() {
                        word.push(letter);
                    }
                    continue;
                }
                _ => {}
            },
        }
        words.push(String::new());
    }
    words
}

/// The statement that makes a table of these columns: `(name, declared type)`. Those of the key
/// hold no null.
pub fn create(table: &str, columns: &[(String, &'static str)], key: &[String]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|(name, declared)| {
            let not_null = if key.contains(name) { " NOT NULL" } else { "" };
            format!("{} {declared}{not_null}", quoted(name))
        })
        .collect();
    format!("CREATE TABLE {} ({})", quoted(table), columns.join(", "))
}

/// That a table can have columns of these names.
pub fn check_names(header: &Header) -> anyhow::Result<()> {
    let mut known = HashMap::new();
    for name in header.names() {
        check_text(name.as_bytes()).map_err(|fault| anyhow::anyhow!("the column name {fault}"))?;
        if let Some(earlier) = known.insert(name.to_ascii_lowercase(), name) {
            bail!(
                "the columns '{earlier}' and '{name}' are one to SQLite, which ignores case; rename one"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_table_takes_many() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE TABLE plain (a INTEGER NOT NULL, b TEXT CHECK (b <> ''));
                 CREATE INDEX plain_b ON plain (b);
                 CREATE TABLE keyed (a INTEGER PRIMARY KEY, b TEXT);
                 CREATE TABLE single (a TEXT UNIQUE);
                 CREATE TABLE child (a INTEGER REFERENCES keyed);
                 CREATE TABLE watched (a INTEGER);
                 CREATE TRIGGER watch AFTER INSERT ON watched BEGIN SELECT 1; END;",
            )
            .unwrap();
        let takes_many = |name: &str| {
            let table = Definition::read(&connection, name).unwrap().unwrap();
            table.takes_many(&connection).unwrap()
        };
        assert!(takes_many("plain"));
        for name in ["keyed", "single", "child", "watched"] {
            assert!(!takes_many(name), "{name}");
        }
    }

    #[test]
    fn words_in_quotes_are_names() {
        let definition = |sql: &str| Definition {
            name: "t".into(),
            sql: sql.into(),
            is_strict: false,
            columns: Vec::new(),
        };
        let plain =
            definition(r#"CREATE TABLE "a unique" ("primary" TEXT, [check] REAL NOT NULL)"#);
        assert_eq!(plain.irreplaceable(), None);
        assert_eq!(
            definition("CREATE TABLE t (a int primary key)").irreplaceable(),
            Some("PRIMARY")
        );
    }
}
