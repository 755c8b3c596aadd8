//! Tables and queries of SQLite files.
//!
//! One SELECT is one snapshot, whatever is written meanwhile. The file is opened for reading alone.

mod value;

use std::path::Path;

use anyhow::bail;
use rusqlite::{Connection, OptionalExtension, Statement};

use crate::database::nearest_of;
use crate::database::sqlite::{listed, open_to_read, quoted, told};
use crate::stream::{Emitter, Flow, Output, Settings, Summary};

use super::List;
use super::extraction::begin;
use super::sql::{Relation, Selection};

/// Reads a relation of the file at `path` and writes it as the stream.
///
/// # Errors
/// As [`super::Query::run`].
pub(super) fn extract(
    path: &Path,
    relation: &Relation,
    list: Option<&List<'_>>,
    settings: &Settings,
    output: &mut Output,
) -> anyhow::Result<Summary> {
    let file = File {
        connection: open_to_read(path)?,
        name: path.display().to_string(),
    };
    let base = file.base(relation)?;
    let columns = file.columns(&base)?;
    let selection = Selection::new(columns.clone(), list)?;
    let (sql, picks) = match relation {
        Relation::Query(_) => (base, selection.picks),
        Relation::Table(table) => {
            let names = selection.picks.iter().map(|&pick| &columns[pick]);
            let sql = format!("SELECT {} FROM {}", listed(names), quoted(table));
            let picks = (0..selection.picks.len()).collect();
            (sql, picks)
        }
    };
    let mut statement = file.prepare(&sql)?;
    begin(&selection.header, output)?;
    let mut emitter = Emitter::new(output, settings)?;
    file.emit(&mut statement, &picks, &mut emitter)?;
    drop(statement);
    let (summary, _) = emitter.finish()?;
    Ok(summary)
}

/// An open database.
struct File {
    connection: Connection,
    name: String,
}

impl File {
    fn told(&self, error: rusqlite::Error) -> anyhow::Error {
        told(error, &self.name)
    }

    /// The SELECT that gives all of a relation.
    fn base(&self, relation: &Relation) -> anyhow::Result<String> {
        match relation {
            Relation::Query(query) => Ok(query.clone()),
            Relation::Table(table) => {
                self.find(table)?;
                Ok(format!("SELECT * FROM {}", quoted(table)))
            }
        }
    }

    /// That there is such a table or view.
    fn find(&self, table: &str) -> anyhow::Result<()> {
        let found = self
            .connection
            .query_row(
                "SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ?1 COLLATE NOCASE",
                [table],
                |_| Ok(()),
            )
            .optional()
            .map_err(|error| self.told(error))?;
        if found.is_some() {
            return Ok(());
        }
        let names = self.tables().map_err(|error| self.told(error))?;
        match names.is_empty() {
            true => bail!("'{}' has no tables", self.name),
            false => bail!(
                "'{}' has no table '{table}': {}",
                self.name,
                nearest_of(table, "tables", &names)
            ),
        }
    }

    fn tables(&self) -> rusqlite::Result<Vec<String>> {
        self.connection
            .prepare(
                "SELECT name FROM sqlite_schema
                 WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
            )?
            .query_map([], |row| row.get(0))?
            .collect()
    }

    /// A statement that reads and gives records.
    fn prepare(&self, sql: &str) -> anyhow::Result<Statement<'_>> {
        let statement = self
            .connection
            .prepare(sql)
            .map_err(|error| self.told(error))?;
        if statement.column_count() == 0 || !statement.readonly() {
            bail!(
                "'{}': the query gives no records; it must be a SELECT",
                self.name
            );
        }
        if statement.parameter_count() > 0 {
            bail!(
                "'{}': the query has parameters, and nothing gives them values",
                self.name
            );
        }
        Ok(statement)
    }

    fn columns(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        let statement = self.prepare(sql)?;
        Ok(statement
            .column_names()
            .into_iter()
            .map(str::to_owned)
            .collect())
    }

    /// Hands the fields at `picks` of every record to `emitter`.
    fn emit(
        &self,
        statement: &mut Statement<'_>,
        picks: &[usize],
        emitter: &mut Emitter<'_>,
    ) -> anyhow::Result<()> {
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.told(error))? {
            let out = emitter.buffer();
            for &pick in picks {
                let value = row.get_ref(pick).map_err(|error| self.told(error))?;
                value::push(value, out);
                out.push(b',');
            }
            out.pop();
            out.push(b'\n');
            if emitter.record()? == Flow::Enough {
                break;
            }
        }
        Ok(())
    }
}
