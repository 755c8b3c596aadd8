//! Tables and queries of a PostgreSQL server.
//!
//! A read-only transaction; the records come by COPY in its text format, whose fields are turned
//! into the stream's by the types that the server says the columns have.

mod line;

use std::io::BufRead;

use anyhow::bail;
use postgres::{Client, NoTls};

use crate::database::nearest_of;
use crate::database::postgres::{Name, connect, listed, told, words};
use crate::stream::{Emitter, Flow, Output, Settings, Summary};

use super::List;
use super::extraction::begin;
use super::sql::{Relation, Selection, sole};
use line::{Form, Line};

/// How the server is to write what it sends.
const SETTINGS: &str = "SET client_min_messages = error; SET lock_timeout = '10s';
    SET datestyle = 'ISO'; SET intervalstyle = 'iso_8601'; SET timezone = 'UTC';
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET standard_conforming_strings = on;
    BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Reads a relation of the server at `url` and writes it as the stream.
///
/// # Errors
/// As [`super::Query::run`].
pub(super) fn extract(
    url: &str,
    relation: &Relation,
    list: Option<&List<'_>>,
    settings: &Settings,
    output: &mut Output,
) -> anyhow::Result<Summary> {
    let mut server = Server {
        client: connect(url)?,
    };
    server.execute(SETTINGS)?;
    let base = server.base(relation)?;
    let columns = server.columns(&base)?;
    let names: Vec<String> = columns.iter().map(|(name, _)| name.clone()).collect();
    let selection = Selection::new(names.clone(), list)?;
    let mut forms: Vec<Form> = columns.iter().map(|(_, form)| *form).collect();
    let (sql, picks) = match (relation, &base) {
        (Relation::Query(_), base) => (base.clone(), selection.picks),
        (Relation::Table(_), _) => {
            let chosen = selection.picks.iter().map(|&pick| &names[pick]);
            let sql = format!("SELECT {} FROM ({base}) AS t", listed(chosen));
            forms = selection.picks.iter().map(|&pick| forms[pick]).collect();
            (sql, (0..selection.picks.len()).collect())
        }
    };
    begin(&selection.header, output)?;
    let mut emitter = Emitter::new(output, settings)?;
    let line = Line { forms, picks };
    server.emit(&sql, &line, &mut emitter)?;
    let (summary, _) = emitter.finish()?;
    Ok(summary)
}

/// A connection, in a transaction that reads.
struct Server {
    client: Client,
}

impl Server {
    fn execute(&mut self, sql: &str) -> anyhow::Result<()> {
        self.client.batch_execute(sql).map_err(|error| told(&error))
    }

    /// The SELECT that gives all of a relation.
    fn base(&mut self, relation: &Relation) -> anyhow::Result<String> {
        match relation {
            Relation::Query(query) => Ok(sole(query).to_owned()),
            Relation::Table(table) => {
                let name = self.find(&Name::parse(table)?)?;
                Ok(format!("SELECT * FROM {}", name.sql()))
            }
        }
    }

    /// The table or view of this name, with its schema.
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

    /// Tables that could have been meant, as the user would name them: those of the schema, or
    /// those that need none.
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

    /// The columns of a query's result, and how their values are written.
    fn columns(&mut self, sql: &str) -> anyhow::Result<Vec<(String, Form)>> {
        let statement = self.client.prepare(sql).map_err(|error| told(&error))?;
        if statement.columns().is_empty() {
            bail!("the query gives no records; it must be a SELECT");
        }
        if !statement.params().is_empty() {
            bail!("the query has parameters, and nothing gives them values");
        }
        let column =
            |column: &postgres::Column| (column.name().to_owned(), Form::of(column.type_()));
        Ok(statement.columns().iter().map(column).collect())
    }

    /// Hands every record of the query to `emitter`.
    fn emit(&mut self, sql: &str, line: &Line, emitter: &mut Emitter<'_>) -> anyhow::Result<()> {
        let cancel = self.client.cancel_token();
        // The newline ends a comment that the query may end with.
        let copy = format!("COPY ({sql}\n) TO STDOUT WITH (ENCODING 'UTF8')");
        let mut reader = self.client.copy_out(&copy).map_err(|error| told(&error))?;
        let mut pending = Vec::new();
        loop {
            let bytes = reader.fill_buf().map_err(of_stream)?;
            let length = bytes.len();
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
                // Else the server would send all that is left before the connection is closed. That
                // it cannot be told is no matter: nobody waits for the rest.
                let _ = cancel.cancel_query(NoTls);
                return Ok(());
            }
        }
        match pending.is_empty() {
            true => Ok(()),
            false => bail!("the server sent half a record"),
        }
    }
}

/// What the server said in the middle of a COPY.
fn of_stream(error: std::io::Error) -> anyhow::Error {
    let said = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<postgres::Error>())
        .map(words);
    anyhow::anyhow!(said.unwrap_or_else(|| "the server has closed the connection".to_owned()))
}
