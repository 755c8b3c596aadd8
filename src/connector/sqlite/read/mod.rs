//! Reads tables and queries of SQLite files.
//!
//! One SELECT is one snapshot, whatever is written meanwhile. The file is opened read-only.

mod value;

use std::path::Path;

use anyhow::bail;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Statement};

use crate::bytes::Dialect;
use crate::connector::sqlite::{open_to_read, quoted, told};
use crate::record::nearest_of;
use crate::stream::{Emitter, Flow, Output, Settings, Summary};

use crate::connector::sql::MIXED;
use crate::connector::sql::{Asked, Key, Relation, SeenKeys, Selection, SqlSource, ended, sole};

/// The name of a query inside another one.
const QUERY: &str = "_pipewright_query";

/// Reads a relation of the file at `path` and writes it as the stream.
///
/// # Errors
/// The same as for [`crate::connector::query::Query::run`].
pub(crate) fn extract(
    path: &Path,
    reading: SqlSource<'_>,
    settings: &Settings,
    output: &mut Output,
) -> anyhow::Result<Summary> {
    let file = File {
        connection: open_to_read(path)?,
        name: path.display().to_string(),
    };
    // One snapshot for everything that follows.
    file.execute("BEGIN")?;
    let base = file.base(reading.relation)?;
    let names = file.columns(&base)?;
    let asked = asked(reading.relation, &names);
    let Selection {
        columns,
        header,
        picks,
    } = Selection::new(names, reading.list)?;
    let (mut statement, mut seen) = match (&reading.key, reading.relation) {
        (Some(key), _) => {
            let place = key.place(&columns)?;
            (file.behind(key, place, &asked, &picks)?, Some(key.seen()))
        }
        // A query runs as it is: inside another one, its order would not be guaranteed.
        (None, Relation::Query(_)) => (file.prepare(&base)?, None),
        (None, Relation::Table(_)) => (file.prepare(&asked.select(&picks, ""))?, None),
    };
    let is_whole = reading.key.is_none() && matches!(reading.relation, Relation::Query(_));
    let picks = match is_whole {
        true => picks,
        false => (0..picks.len()).collect(),
    };
    output.write_header(&header, Dialect::STREAM.delimiter)?;
    let mut emitter = Emitter::new(output, settings)?;
    file.emit(&mut statement, &picks, seen.as_mut(), &mut emitter)?;
    drop(statement);
    // A program that waits for the end of the stream may want to write to this file.
    file.execute("COMMIT")?;
    ended(emitter, reading.key.zip(seen))
}

/// Returns a relation with these columns for use in a SELECT.
fn asked(relation: &Relation, columns: &[String]) -> Asked {
    match relation {
        Relation::Table(table) => Asked {
            with: String::new(),
            from: quoted(table),
            columns: columns.iter().map(|name| quoted(name)).collect(),
        },
        Relation::Query(query) => {
            let names = Asked::numbered(columns.len());
            Asked {
                // The newline ends a comment at the end of the query.
                with: format!("WITH {QUERY}({}) AS ({}\n) ", names.join(", "), sole(query)),
                from: QUERY.to_owned(),
                columns: names,
            }
        }
    }
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

    fn execute(&self, sql: &str) -> anyhow::Result<()> {
        let executed = self.connection.execute_batch(sql);
        executed.map_err(|error| self.told(error))
    }

    /// Returns the SELECT for all of a relation.
    fn base(&self, relation: &Relation) -> anyhow::Result<String> {
        match relation {
            Relation::Query(query) => Ok(query.clone()),
            Relation::Table(table) => {
                self.find(table)?;
                Ok(format!("SELECT * FROM {}", quoted(table)))
            }
        }
    }

    /// Checks that a table or view of this name exists.
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

    /// Prepares a statement that must be read-only and return records.
    fn prepare(&self, sql: &str) -> anyhow::Result<Statement<'_>> {
        let statement = self.connection.prepare(sql).map_err(|error| match error {
            rusqlite::Error::MultipleStatement => {
                anyhow::anyhow!("'{}': the query is more than one statement", self.name)
            }
            error => self.told(error),
        })?;
        if statement.column_count() == 0 || !statement.readonly() {
            bail!(
                "'{}': the query gives no records; it must be a SELECT",
                self.name
            );
        }
        Ok(statement)
    }

    fn columns(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        let statement = self.prepare(sql)?;
        if statement.parameter_count() > 0 {
            bail!(
                "'{}': the query has parameters, and nothing gives them values",
                self.name
            );
        }
        Ok(statement
            .column_names()
            .into_iter()
            .map(str::to_owned)
            .collect())
    }

    /// Returns the statement for the fields at `picks`, followed by the key, of the records whose key is greater
    /// than the last one, in the order of the key.
    fn behind(
        &self,
        key: &Key,
        place: usize,
        asked: &Asked,
        picks: &[usize],
    ) -> anyhow::Result<Statement<'_>> {
        // Keys are equal only if their bytes are, whatever the column's own collation is.
        let name = format!("{} COLLATE BINARY", asked.columns[place]);
        let from = key.from().map(value::of_last).transpose()?;
        // Null sorts first in any order, and an index finds the first record at once.
        let column = &asked.columns[place];
        let first = asked.first(&format!("{column} IS NULL"), column);
        let has_null = self.ask(&first, None)?.is_some_and(|is_null| is_null > 0);
        let with_last = match &from {
            Some(last) => self.ask(&asked.count_to_two(&format!("{name} = ?1")), Some(last))?,
            None => None,
        };
        let with_last = with_last.unwrap_or_default();
        key.check(has_null, with_last)?;
        // Every number is less than any text.
        if let Some(Value::Text(_)) = &from
            && self.ask(&asked.exists(&format!("{name} < ''")), None)? == Some(1)
        {
            return key.refuse(MIXED);
        }
        if let Some(last) = from.as_ref().filter(|_| key.may_have_gap(with_last)) {
            let of_both = format!("{column}, {name} < ?1");
            let greatest = asked.first(&of_both, &format!("{name} DESC"));
            let found = self.connection.query_row(&greatest, [last], |row| {
                let mut greatest = Vec::new();
                value::put_key(row.get_ref(0)?, &mut greatest);
                Ok((greatest, row.get::<_, bool>(1)?))
            });
            let found = found.optional().map_err(|error| self.told(error))?;
            if let Some((greatest, true)) = found {
                return key.gap(&String::from_utf8_lossy(&greatest));
            }
        }
        let condition = match &from {
            Some(_) => format!("WHERE {name} > ?1 "),
            None => String::new(),
        };
        let places: Vec<usize> = picks.iter().copied().chain([place]).collect();
        let sql = asked.select(&places, &format!("{condition}ORDER BY {name}"));
        let mut statement = self.prepare(&sql)?;
        if let Some(last) = from {
            let bound = statement.raw_bind_parameter(1, last);
            bound.map_err(|error| self.told(error))?;
        }
        Ok(statement)
    }

    /// Returns the single number of a query; None if it returns no record.
    fn ask(&self, sql: &str, parameter: Option<&Value>) -> anyhow::Result<Option<i64>> {
        let parameters = rusqlite::params_from_iter(parameter);
        let answer = self.connection.query_row(sql, parameters, |row| row.get(0));
        answer.optional().map_err(|error| self.told(error))
    }

    /// Passes the fields at `picks` of every record to `emitter`, and the last field, the key, to `seen`.
    fn emit(
        &self,
        statement: &mut Statement<'_>,
        picks: &[usize],
        mut seen: Option<&mut SeenKeys>,
        emitter: &mut Emitter<'_>,
    ) -> anyhow::Result<()> {
        let key_place = statement.column_count() - 1;
        let mut key = Vec::new();
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| self.told(error))? {
            let value = |place| row.get_ref(place).map_err(|error| self.told(error));
            let out = emitter.buffer();
            for &pick in picks {
                value::push(value(pick)?, out);
                out.push(b',');
            }
            out.pop();
            out.push(b'\n');
            if let Some(seen) = &mut seen {
                let kind = value::put_key(value(key_place)?, &mut key);
                seen.take(kind, &key)?;
            }
            if emitter.record()? == Flow::Enough {
                break;
            }
        }
        Ok(())
    }
}
