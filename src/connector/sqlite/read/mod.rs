//! Tables and queries of SQLite files.
//!
//! One SELECT is one snapshot, whatever is written meanwhile. The file is opened for reading alone.

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

/// What a query is called within another.
const QUERY: &str = "_pipewright_query";

/// Reads a relation of the file at `path` and writes it as the stream.
///
/// # Errors
/// As [`crate::connector::query::Query::run`].
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
    // One snapshot for all that follows.
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
        // A query as it stands: within another, its order would be nobody's promise.
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
    // Whoever waits for the stream's end may want to write here.
    file.execute("COMMIT")?;
    ended(emitter, reading.key.zip(seen))
}

/// A relation with these columns as a SELECT has it.
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
                // The newline ends a comment that the query may end with.
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

    /// The statement that gives the fields at `picks`, and the key behind them, of the records whose
    /// key is greater than the last one, in its order.
    fn behind(
        &self,
        key: &Key,
        place: usize,
        asked: &Asked,
        picks: &[usize],
    ) -> anyhow::Result<Statement<'_>> {
        // Only bytes are equal where they are the same, whatever the column's own order is.
        let name = format!("{} COLLATE BINARY", asked.columns[place]);
        let from = key.from().map(value::of_last).transpose()?;
        // Null comes first in any order, and an index finds the first at once.
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

    /// A query's one number; none where it gives no record.
    fn ask(&self, sql: &str, parameter: Option<&Value>) -> anyhow::Result<Option<i64>> {
        let parameters = rusqlite::params_from_iter(parameter);
        let answer = self.connection.query_row(sql, parameters, |row| row.get(0));
        answer.optional().map_err(|error| self.told(error))
    }

    /// Hands the fields at `picks` of every record to `emitter`, and the last field, the key, to
    /// `seen`.
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
