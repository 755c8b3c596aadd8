//! Reads tables and queries of a PostgreSQL server.
//!
//! Reads in a read-only transaction. Records arrive by COPY in its text format; their fields are converted by the
//! types that the server reports for the columns.

mod growing;
mod line;

use std::io::BufRead;

use anyhow::bail;
use postgres::error::SqlState;
use postgres::types::Type;
use postgres::{Client, Statement};

use crate::bytes::Dialect;
use crate::connector::postgres::{Canceller, Name, open, told, words};
use crate::record::nearest_of;
use crate::stream::{Emitter, Flow, Output, Settings, Summary};
use crate::trust::stage::{self, COUNTERS};

use crate::connector::sql::{Asked, Key, Relation, Selection, SqlSource, ended, sole};
use line::{Line, TextForm};

/// Settings for how the server writes values.
const SETTINGS: &str = "SET client_min_messages = error; SET lock_timeout = '10s';
    SET datestyle = 'ISO'; SET intervalstyle = 'iso_8601'; SET timezone = 'UTC';
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET standard_conforming_strings = on";

/// The transaction in which all records are read.
const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Reads a relation of the server at `url` and writes it as the stream.
///
/// # Errors
/// The same as for [`crate::connector::query::Query::run`].
pub(crate) fn extract(
    url: &str,
    reading: SqlSource<'_>,
    settings: &Settings,
    output: &mut Output,
) -> anyhow::Result<Summary> {
    let (client, canceller) = open(url)?;
    let mut server = Server { client, canceller };
    server.execute(SETTINGS)?;
    server.execute(match reading.key {
        Some(_) => "BEGIN READ ONLY",
        None => SNAPSHOT,
    })?;
    let base = server.base(reading.relation)?;
    let known = server.columns(&base)?;
    let (names, types): (Vec<String>, Vec<Type>) = known.iter().cloned().unzip();
    let asked = asked(&base, &names);
    let Selection {
        columns,
        header,
        picks,
    } = Selection::new(names, reading.list)?;
    let (mut place, mut ceiling) = (None, None);
    if let Some(key) = &reading.key {
        let column = key.place(&columns)?;
        place = Some(column);
        ceiling = server.settle(&asked, column)?;
        server.execute("COMMIT")?;
        server.execute(SNAPSHOT)?;
        if server.columns(&base)? != known {
            bail!("the columns were changed by another session just now; run this again");
        }
    }
    let (sql, places): (String, Vec<usize>) = match (&reading.key, place, reading.relation) {
        (Some(key), Some(place), _) => {
            let places: Vec<usize> = picks.iter().copied().chain([place]).collect();
            (server.behind(key, place, ceiling, &asked, &places)?, places)
        }
        // A query runs as it is: inside another one, its order would not be guaranteed.
        (_, _, Relation::Query(_)) => (base, (0..columns.len()).collect()),
        (_, _, Relation::Table(_)) => (asked.select(&picks, ""), picks.clone()),
    };
    let is_whole = reading.key.is_none() && matches!(reading.relation, Relation::Query(_));
    let mut line = Line {
        forms: places
            .iter()
            .map(|&place| TextForm::of(&types[place]))
            .collect(),
        picks: match is_whole {
            true => picks,
            false => (0..picks.len()).collect(),
        },
        seen: reading.key.as_ref().map(Key::seen),
        key_type: place.map_or_else(String::new, |place| types[place].name().to_owned()),
    };
    let copy = server.prepare_copy(&sql)?;
    output.write_header(&header, Dialect::STREAM.delimiter)?;
    let mut emitter = Emitter::new(output, settings)?;
    server.emit(&copy, &mut line, &mut emitter)?;
    ended(emitter, reading.key.zip(line.seen))
}

/// Returns a relation with these columns for use in a SELECT.
fn asked(base: &str, columns: &[String]) -> Asked {
    let names = Asked::numbered(columns.len());
    Asked {
        with: String::new(),
        // The newline ends a comment at the end of a query.
        from: format!("({base}\n) AS whole({})", names.join(", ")),
        columns: names,
    }
}

/// A connection with a read transaction open.
struct Server {
    client: Client,
    canceller: Canceller,
}

impl Server {
    fn execute(&mut self, sql: &str) -> anyhow::Result<()> {
        self.client.batch_execute(sql).map_err(|error| told(&error))
    }

    /// Returns the SELECT for all of a relation.
    fn base(&mut self, relation: &Relation) -> anyhow::Result<String> {
        match relation {
            Relation::Query(query) => Ok(sole(query).to_owned()),
            Relation::Table(table) => {
                let name = self.find(&Name::parse(table)?)?;
                Ok(format!("SELECT * FROM {}", name.sql()))
            }
        }
    }

    /// Returns the name, with its schema, of an existing table or view.
    fn find(&mut self, name: &Name) -> anyhow::Result<Name> {
        let row = self
            .client
            .query_opt(
                "SELECT n.nspname::text, c.relname::text, c.relkind IN ('r', 'p', 'f', 'v', 'm')
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.oid = pg_catalog.to_regclass($1)",
                &[&name.sql()],
            )
            .map_err(|error| told(&error))?;
        match row {
            Some(row) if row.get(2) => Ok(Name {
                schema: Some(row.get(0)),
                table: row.get(1),
            }),
            Some(_) => bail!("'{}' is no table", name.shown()),
            None => {
                let names = self.tables(name).map_err(|error| told(&error))?;
                match names.is_empty() {
                    true => bail!("there is no table '{}'", name.shown()),
                    false => bail!(
                        "there is no table '{}': {}",
                        name.shown(),
                        nearest_of(&name.shown(), "tables", &names)
                    ),
                }
            }
        }
    }

    /// Returns the tables that the user may have meant, as the user would name them: those of the schema, or those
    /// that need no schema.
    fn tables(&mut self, name: &Name) -> Result<Vec<String>, postgres::Error> {
        let rows = self.client.query(
            "SELECT CASE WHEN $1::text IS NULL THEN c.relname::text ELSE n.nspname || '.' || c.relname END
             FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm')
               AND CASE WHEN $1::text IS NULL
                   THEN n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
                        AND pg_catalog.pg_table_is_visible(c.oid)
                   ELSE n.nspname = $1 END
             ORDER BY 1",
            &[&name.schema],
        )?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Returns the columns of a query's result, and their types.
    fn columns(&mut self, sql: &str) -> anyhow::Result<Vec<(String, Type)>> {
        let statement = self.client.prepare(sql).map_err(|error| told(&error))?;
        if statement.columns().is_empty() {
            bail!("the query gives no records; it must be a SELECT");
        }
        if !statement.params().is_empty() {
            bail!("the query has parameters, and nothing gives them values");
        }
        let column = |column: &postgres::Column| (column.name().to_owned(), column.type_().clone());
        Ok(statement.columns().iter().map(column).collect())
    }

    /// Prepares the statement that sends the records of a query.
    fn prepare_copy(&mut self, sql: &str) -> anyhow::Result<Statement> {
        // The newline ends a comment at the end of the query.
        let copy = format!("COPY ({sql}\n) TO STDOUT WITH (ENCODING 'UTF8')");
        self.client
            .prepare(&copy)
            .map_err(|error| match error.code() {
                // The query itself was parsed without an error before.
                Some(&SqlState::SYNTAX_ERROR) => {
                    anyhow::anyhow!("the query is understood, but it is no SELECT")
                }
                _ => told(&error),
            })
    }

    /// Passes all records of the statement to `emitter`.
    fn emit(
        &mut self,
        copy: &Statement,
        line: &mut Line,
        emitter: &mut Emitter<'_>,
    ) -> anyhow::Result<()> {
        let token = self.client.cancel_token();
        let mut reader = self.client.copy_out(copy).map_err(|error| told(&error))?;
        let mut pending = Vec::new();
        loop {
            let from = &mut reader;
            let bytes = stage::timed(&COUNTERS.waited_in, move || from.fill_buf());
            let bytes = bytes.map_err(of_stream)?;
            let length = bytes.len();
            stage::add(&COUNTERS.bytes_in, length as u64);
            if length == 0 {
                break;
            }
            let whole = match memchr::memrchr(b'\n', bytes) {
                Some(end) => &bytes[..=end],
                None => &[],
            };
            let rest = &bytes[whole.len()..];
            let flow = match pending.is_empty() {
                true => line.push_all(whole, emitter)?,
                false if whole.is_empty() => Flow::More,
                false => {
                    pending.extend_from_slice(whole);
                    let flow = line.push_all(&pending, emitter)?;
                    pending.clear();
                    flow
                }
            };
            pending.extend_from_slice(rest);
            reader.consume(length);
            if flow == Flow::Enough {
                // Otherwise the server would send everything that is left before the connection closes. A failure
                // to cancel does not matter: nobody waits for the rest.
                self.canceller.cancel(&token);
                return Ok(());
            }
        }
        match pending.is_empty() {
            true => Ok(()),
            false => bail!("the server sent half a record"),
        }
    }
}

/// Returns the server's error in the middle of a COPY.
fn of_stream(error: std::io::Error) -> anyhow::Error {
    let said = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<postgres::Error>())
        .map(words);
    anyhow::anyhow!(said.unwrap_or_else(|| "the server has closed the connection".to_owned()))
}
