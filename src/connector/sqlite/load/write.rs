//! Writes records to a table: many with one statement, or one by one.

use anyhow::bail;
use rusqlite::types::ToSqlOutput;
use rusqlite::{CachedStatement, Connection, Result};

use crate::connector::sqlite::load::bound::{Bound, Done};
use crate::connector::sqlite::load::feed;
use crate::connector::sqlite::load::feed::Feed;
use crate::connector::sqlite::load::upsert::Upsert;
use crate::connector::sqlite::load::{Sqlite, cell};
use crate::connector::sqlite::{listed, quoted, violation, words};
use crate::load::Refused;
use crate::record::Fault;
use crate::stream::Refusal;

/// How records are written to a table.
pub(crate) struct Writer {
    /// One statement for many records, and the feed that it reads.
    many: Option<(String, Feed)>,
    one: One,
    /// Whether a rejected record may leave changes behind (RAISE(FAIL), ON CONFLICT FAIL), which must be undone.
    is_undone: bool,
}

/// How one record is written to a table.
pub(crate) enum One {
    /// With this statement.
    Insert(Bound),
    /// By its key.
    Upsert(Upsert),
}

/// What happened to records.
#[derive(Default)]
struct Written {
    inserted: u64,
    updated: u64,
    refused: Vec<Refusal>,
}

impl Writer {
    /// Creates a writer that inserts into a table, with one statement for many records if `takes_many`; `behind` is
    /// the end of the statement.
    pub(crate) fn insert(
        sqlite: &Sqlite,
        (table, columns): (&str, &[String]),
        takes_many: bool,
        behind: &str,
    ) -> anyhow::Result<Self> {
        let names = listed(columns);
        let feed = match takes_many {
            true => Some(Feed::open(&sqlite.connection, columns.len())),
            false => None,
        };
        let feed = feed.transpose().map_err(|error| sqlite.told(error))?;
        let many = feed.map(|feed| {
            let all = format!("SELECT * FROM {} WHERE true", feed::TABLE);
            (format!("INSERT INTO {table} ({names}) {all}{behind}"), feed)
        });
        let values = vec!["?"; columns.len()].join(", ");
        Ok(Writer {
            many,
            one: One::Insert(Bound {
                sql: format!("INSERT INTO {table} ({names}) VALUES ({values}){behind}"),
                places: (0..columns.len()).collect(),
            }),
            is_undone: sqlite.may_fail_halfway()?,
        })
    }

    /// Creates a writer that upserts by key, record by record.
    pub(crate) fn upsert(sqlite: &Sqlite, upsert: Upsert) -> anyhow::Result<Self> {
        Ok(Writer {
            many: None,
            one: One::Upsert(upsert),
            is_undone: sqlite.may_fail_halfway()?,
        })
    }

    /// Returns the prepared statement for one record; None for an upsert, which has several.
    fn statement<'c>(&self, connection: &'c Connection) -> Result<Option<CachedStatement<'c>>> {
        match &self.one {
            One::Insert(insert) => connection.prepare_cached(&insert.sql).map(Some),
            One::Upsert(_) => Ok(None),
        }
    }

    /// Writes one record to the table. Returns how many records it inserted and updated.
    fn put(
        &self,
        connection: &Connection,
        statement: &mut Option<CachedStatement<'_>>,
        cells: &[ToSqlOutput<'_>],
    ) -> Result<Done> {
        match (&self.one, statement) {
            (One::Insert(insert), Some(statement)) => {
                Ok(Done::Counted(insert.run_as(statement, cells)?, 0))
            }
            (One::Insert(insert), None) => Ok(Done::Counted(insert.run(connection, cells)?, 0)),
            (One::Upsert(upsert), _) => upsert.put(connection, cells),
        }
    }

    /// Like `put`, but a rejected record leaves no changes behind.
    fn put_whole(
        &self,
        connection: &Connection,
        statement: &mut Option<CachedStatement<'_>>,
        cells: &[ToSqlOutput<'_>],
    ) -> Result<Done> {
        if !self.is_undone {
            return self.put(connection, statement, cells);
        }
        connection
            .prepare_cached("SAVEPOINT record")?
            .raw_execute()?;
        let done = self.put(connection, statement, cells);
        if done.is_err() && !connection.is_autocommit() {
            connection
                .prepare_cached("ROLLBACK TO record")?
                .raw_execute()?;
        }
        if !connection.is_autocommit() {
            connection.prepare_cached("RELEASE record")?.raw_execute()?;
        }
        done
    }
}

impl Sqlite {
    /// Writes records to the table. Those that it rejects are added to `refused`, if they are set aside.
    pub(crate) fn put(
        &mut self,
        records: u64,
        cells: &mut Vec<u8>,
        refused: &mut Vec<Refusal>,
    ) -> anyhow::Result<()> {
        let Some(writer) = self.writer.take() else {
            bail!("records came before the table was ready");
        };
        let written = self.put_many(&writer, records, cells).transpose();
        let written = written.unwrap_or_else(|| self.put_each(&writer, records, cells));
        self.writer = Some(writer);
        let written = written?;
        self.sent += records;
        self.inserted += written.inserted;
        self.updated += written.updated;
        self.refused += written.refused.len() as u64;
        *refused = written.refused;
        Ok(())
    }

    /// Writes with one statement; None if there is none, or if one of the records must be set aside.
    fn put_many(
        &self,
        writer: &Writer,
        records: u64,
        cells: &mut Vec<u8>,
    ) -> anyhow::Result<Option<Written>> {
        let Some((sql, feed)) = &writer.many else {
            return Ok(None);
        };
        let statement = self.connection.prepare_cached(sql);
        let mut statement = statement.map_err(|error| self.told(error))?;
        feed.put(std::mem::take(cells));
        let outcome = statement.raw_execute();
        *cells = feed.take();
        match outcome {
            Ok(inserted) if feed.taken() == records => Ok(Some(Written {
                inserted: inserted as u64,
                ..Written::default()
            })),
            Ok(_) => bail!("a record was cut short"),
            Err(error) if self.sets_aside && violation(&error).is_some() => Ok(None),
            Err(error) => Err(self.refusal(error, self.sent + feed.taken())),
        }
    }

    fn put_each(&self, writer: &Writer, records: u64, cells: &[u8]) -> anyhow::Result<Written> {
        let mut written = Written::default();
        let mut cells = cell::all(cells);
        let mut record = Vec::with_capacity(self.columns.len());
        let statement = writer.statement(&self.connection);
        let mut statement = statement.map_err(|error| self.told(error))?;
        for number in 0..records {
            record.clear();
            record.extend(cells.by_ref().take(self.columns.len()));
            if record.len() < self.columns.len() {
                bail!("a record was cut short");
            }
            let put = match self.sets_aside {
                true => writer.put_whole(&self.connection, &mut statement, &record),
                false => writer.put(&self.connection, &mut statement, &record),
            };
            let fault = match put {
                Ok(Done::Counted(inserted, updated)) => {
                    written.inserted += inserted;
                    written.updated += updated;
                    continue;
                }
                Ok(Done::Repeated(fault)) => fault,
                Err(error) => match violation(&error) {
                    Some(fault) if self.sets_aside => match self.connection.is_autocommit() {
                        // The earlier records are gone, too.
                        true => bail!("the table rolled the load back: {}", words(&error)),
                        false => fault,
                    },
                    _ => return Err(self.refusal(error, self.sent + number)),
                },
            };
            written.refused.push(Refusal {
                number,
                fault: self.about_key(fault),
                place: None,
            });
        }
        Ok(written)
    }

    /// Returns the error of the statement for this record.
    pub(crate) fn refusal(&self, error: rusqlite::Error, record: u64) -> anyhow::Error {
        match violation(&error) {
            Some(fault) => anyhow::Error::new(Refused {
                record,
                fault: self.about_key(fault),
            }),
            None => self.told(error),
        }
    }

    /// Rewords the fault of a repeated key if the table had no records before the load: the key occurs twice in the
    /// stream.
    fn about_key(&self, fault: Fault) -> Fault {
        match self.has_only_ours && fault.to_string().contains("the table has this already") {
            true => Fault::new(format!(
                "{}: stands in more than one record; 'aggregate' makes keys unique",
                self.key.join(", ")
            )),
            false => fault,
        }
    }

    /// Returns whether a trigger or a conflict clause may end a statement without undoing it.
    fn may_fail_halfway(&self) -> anyhow::Result<bool> {
        let found = self.connection.query_row(
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'trigger')
                 AND sql LIKE '%FAIL%')",
            [],
            |row| row.get(0),
        );
        found.map_err(|error| self.told(error))
    }

    /// Creates a temporary table.
    pub(crate) fn make_temporary(&self, name: &str, columns: &str) -> anyhow::Result<()> {
        self.execute(&format!("CREATE TEMP TABLE {} ({columns})", quoted(name)))?;
        Ok(())
    }
}
