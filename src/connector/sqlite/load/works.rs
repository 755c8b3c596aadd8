//! Finds out which views and triggers of a database a new table breaks.

use rusqlite::{Connection, Result};

use crate::connector::sqlite::{quoted, words};

/// Statements that SQLite could prepare, and what each one tests.
#[derive(Default)]
pub(crate) struct Works(Vec<(String, String)>);

impl Works {
    /// Tests all views and triggers.
    pub(crate) fn look(connection: &Connection) -> Result<Self> {
        let mut statement = connection.prepare(
            "SELECT 'view', name, name FROM sqlite_schema WHERE type = 'view'
             UNION ALL SELECT 'trigger', name, tbl_name FROM sqlite_schema WHERE type = 'trigger'",
        )?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let mut probes = Vec::new();
        for row in rows {
            let (kind, name, table): (String, String, String) = row?;
            let what = format!("{kind} '{name}'");
            for statement in match kind.as_str() {
                "view" => vec![format!("SELECT * FROM {}", quoted(&table))],
                _ => statements(connection, &table)?,
            } {
                if connection.prepare(&statement).is_ok() {
                    probes.push((what.clone(), statement));
                }
            }
        }
        Ok(Works(probes))
    }

    /// Returns the first one that no longer works, and why.
    pub(crate) fn broken(&self, connection: &Connection) -> Option<String> {
        self.0.iter().find_map(|(what, statement)| {
            let error = connection.prepare(statement).err()?;
            Some(format!("{what} ({})", words(&error)))
        })
    }
}

/// Returns statements whose preparation compiles the triggers of a table or view.
fn statements(connection: &Connection, table: &str) -> Result<Vec<String>> {
    let columns: Vec<String> = connection
        .prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let table = quoted(table);
    let mut statements = vec![
        format!("INSERT INTO {table} DEFAULT VALUES"),
        format!("DELETE FROM {table}"),
    ];
    let updates = columns.iter().map(|name| quoted(name));
    statements.extend(updates.map(|name| format!("UPDATE {table} SET {name} = NULL")));
    Ok(statements)
}
