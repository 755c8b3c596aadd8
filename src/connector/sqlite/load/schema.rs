//! Tables of SQLite: their definitions, and the creation of new ones.

use std::collections::HashMap;

use anyhow::bail;
use rusqlite::{Connection, OptionalExtension};

use crate::connector::sqlite::load::rule::Rule;
use crate::connector::sqlite::quoted;
use crate::load::nearest_of;
use crate::record::Header;
use crate::schema::types::check_text;

/// An existing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name, as it was spelled when it was created.
    pub name: String,
    sql: String,
    is_strict: bool,
    columns: Vec<Declared>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Declared {
    name: String,
    declared: String,
    is_not_null: bool,
    is_generated: bool,
}

impl Definition {
    /// Reads the table of this name; None if it does not exist.
    ///
    /// # Errors
    /// The name belongs to a view; the file is not a database.
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
            .prepare("SELECT name, type, hidden, \"notnull\" FROM pragma_table_xinfo(?1)")?
            .query_map([&name], |row| {
                Ok(Declared {
                    name: row.get(0)?,
                    declared: row.get(1)?,
                    is_generated: row.get::<_, i64>(2)? != 0,
                    is_not_null: row.get(3)?,
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

    /// Returns the table's columns for those of the stream: the table's spelling of each name, and what the column
    /// accepts.
    ///
    /// # Errors
    /// The table lacks a column, or computes it.
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

    /// Returns what a table recreated from the stream would lose: anything in its definition beyond names, types
    /// and NOT NULL, or a NOT NULL column that is not in the stream.
    pub fn irreplaceable(&self, header: &Header) -> Option<String> {
        const WORDS: [&str; 14] = [
            "PRIMARY",
            "UNIQUE",
            "CHECK",
            "REFERENCES",
            "FOREIGN",
            "DEFAULT",
            "GENERATED",
            "AS",
            "COLLATE",
            "CONFLICT",
            "CONSTRAINT",
            "WITHOUT",
            "STRICT",
            "VIRTUAL",
        ];
        let words = bare_words(&self.sql);
        let is_said = |wanted: &&str| words.iter().any(|word| word.eq_ignore_ascii_case(wanted));
        if let Some(word) = WORDS.into_iter().find(is_said) {
            return Some(format!("what {word} says in its definition"));
        }
        let is_lost = |column: &&Declared| {
            let mut names = header.names().iter();
            column.is_not_null && !names.any(|name| name.eq_ignore_ascii_case(&column.name))
        };
        let lost = self.columns.iter().find(is_lost)?;
        Some(format!("its column '{}', which is NOT NULL", lost.name))
    }

    /// Returns whether a column of this name is NOT NULL.
    pub fn is_not_null(&self, name: &str) -> bool {
        let mut columns = self.columns.iter();
        columns.any(|column| column.is_not_null && column.name.eq_ignore_ascii_case(name))
    }

    /// Returns whether the table has a conflict clause, which may do something other than reject the record.
    pub fn has_conflict_clause(&self) -> bool {
        bare_words(&self.sql)
            .iter()
            .any(|word| word.eq_ignore_ascii_case("CONFLICT"))
    }

    /// Returns whether the table has triggers.
    pub fn has_triggers(&self, connection: &Connection) -> rusqlite::Result<bool> {
        connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema
                 WHERE tbl_name = ?1 COLLATE NOCASE AND type = 'trigger')",
            [&self.name],
            |row| row.get(0),
        )
    }

    /// Returns the tables whose foreign keys refer to this one.
    pub fn referring(&self, connection: &Connection) -> rusqlite::Result<Vec<String>> {
        connection
            .prepare(
                "SELECT DISTINCT t.name FROM sqlite_schema AS t, pragma_foreign_key_list(t.name) AS f
                 WHERE t.type = 'table' AND f.\"table\" = ?1 COLLATE NOCASE ORDER BY 1",
            )?
            .query_map([&self.name], |row| row.get(0))?
            .collect()
    }

    /// Returns whether one statement may take many records, with the same result as a statement for each, and
    /// faster. It may not if a conflict clause or triggers would act differently; if foreign keys would be checked
    /// at the end of the statement rather than at the record; if the table is virtual, as its behavior is unknown;
    /// or if a key must be unique, because SQLite then keeps a copy of each page that such a statement changes.
    pub fn takes_many(&self, connection: &Connection) -> rusqlite::Result<bool> {
        if self.has_conflict_clause() {
            return Ok(false);
        }
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

    /// Returns the statements that recreate the table's indexes and triggers.
    pub fn attachments(&self, connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
        connection
            .prepare(
                "SELECT type || ' ''' || name || '''', sql FROM sqlite_schema
                 WHERE tbl_name = ?1 COLLATE NOCASE AND type IN ('index', 'trigger') AND sql IS NOT NULL
                 ORDER BY type DESC, rowid",
            )?
            .query_map([&self.name], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    }
}

/// Returns the words of a statement outside quotes and comments.
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
                '/' if letters.peek() == Some(&'*') => {
                    let mut last = ' ';
                    // The star of the opening `/*` does not close the comment.
                    letters.next();
                    for letter in letters.by_ref() {
                        if last == '*' && letter == '/' {
                            break;
                        }
                        last = letter;
                    }
                }
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

/// A column of a table that is created.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its name.
    pub name: String,
    /// Its declared type.
    pub declared: &'static str,
    /// Whether it is NOT NULL.
    pub is_not_null: bool,
}

/// Returns the statement that creates a table with these columns.
pub fn create(table: &str, columns: &[Made]) -> String {
    let columns: Vec<String> = columns
        .iter()
        .map(|column| {
            let not_null = if column.is_not_null { " NOT NULL" } else { "" };
            format!("{} {}{not_null}", quoted(&column.name), column.declared)
        })
        .collect();
    format!("CREATE TABLE {} ({})", quoted(table), columns.join(", "))
}

/// Checks that a table can have columns with these names.
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
        let header = Header::new(Vec::new());
        let plain = definition(
            r#"CREATE TABLE "a unique" ("primary" TEXT, /* check */ [check] REAL NOT NULL) -- as"#,
        );
        assert_eq!(plain.irreplaceable(&header), None);
        let lost = definition("CREATE TABLE t (a int /**/ primary key)").irreplaceable(&header);
        assert!(lost.unwrap().contains("PRIMARY"));
    }
}
