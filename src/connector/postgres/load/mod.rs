//! Tables of a PostgreSQL server.
//!
//! Every mode loads in one transaction. Records arrive by COPY; those of an upsert go into a temporary table first.
//! A replaced table is kept and emptied if all new records fit it; otherwise a new table takes its place at the
//! end.
//!
//! | file | what it does |
//! |---|---|
//! | `schema`, `typed` | reads a table's definition and what its columns accept |
//! | `copy`, `binary`, `list` | sends records in COPY's formats, all with one COPY |
//! | `steps` | sends them step by step, so that rejected records can be set aside |
//! | `stage`, `key` | merges records from a temporary table, and checks keys |
//! | `replace` | empties a table, or recreates it with its attachments |
//! | `sequence` | advances sequences past the loaded values |

mod binary;
mod column;
mod copy;
mod key;
mod list;
mod replace;
mod schema;
mod sequence;
mod stage;
mod steps;
mod typed;

use std::time::Duration;

use anyhow::{Context, bail};
use postgres::Client;

use crate::checkpoint::Plan;
use crate::connector::postgres::checkpoint;
use crate::connector::postgres::{Name, connect, is_answer, listed, quoted, shown, told, words};
use crate::record::{Block, Header};
use crate::stream::Flow;
use crate::trust::{Checkpoint, committing, stage as phase};

use crate::load::{
    Committed, InDoubt, LastStep, Mode, Parcel, Ready, Start, Target, TargetNeeds, Types,
    made_anew, nearest_of,
};
use crate::schema::Fit;
use crate::schema::types::{ColumnType, check_text};
use binary::Binary;
use column::CopyColumn;
use copy::{Copy, CopyLines, Portion};
use replace::Attachments;
use schema::Definition;
use stage::{Carried, OnConflict, Stage};
use steps::{Steps, Way};
use typed::Typed;

/// A table of a PostgreSQL server.
pub struct Postgres {
    /// None while a COPY uses it.
    client: Option<Client>,
    feed: Option<Feed>,
    shown: String,
    /// The table as the user wrote it; `name` is how the server knows it.
    spelled: String,
    name: Name,
    /// The name that checkpoints store.
    full_name: String,
    /// A new table that replaces the old one at the end.
    waiting: Option<Name>,
    mode: Mode,
    key: Vec<String>,
    existing: Option<Definition>,
    /// Whether an existing table is recreated, whatever the values are.
    is_made_anew: bool,
    /// Whether a table that this load creates gets its key before its records.
    has_key: bool,
    header: Header,
    /// What each column accepts.
    typed: Vec<Typed>,
    sent: u64,
}

/// How records are sent to the server.
enum Feed {
    /// With one COPY, into the table or into the stage of an upsert.
    Whole(Copy, Option<Stage>),
    /// Step by step.
    Steps(Box<Steps>),
}

/// Settings under which the server parses records. The time zone is left alone, for the table's defaults and
/// triggers.
const SETTINGS: &str = "SET client_min_messages = error;
    SET datestyle = 'ISO'; SET standard_conforming_strings = on";

impl Postgres {
    /// Connects to the server. `wait` limits how long to wait for locks of other sessions.
    ///
    /// # Errors
    /// The server cannot be reached or refuses; its table does not fit `mode`, or the checkpoint of `flow` or
    /// another one.
    pub fn open(
        url: &str,
        table: &str,
        (mode, key): (Mode, &[String]),
        flow: Option<&str>,
        wait: Duration,
    ) -> anyhow::Result<Self> {
        let name = Name::parse(table)?;
        let mut client = connect(url)?;
        // A `lock_timeout` of 0 would mean no limit.
        let most = wait.as_millis().clamp(1, i32::MAX as u128);
        client
            .batch_execute(&format!("{SETTINGS}; SET lock_timeout = {most}"))
            .map_err(|error| told(&error))?;
        let existing = Definition::read(&mut client, &name)?;
        if existing.is_some() && mode == Mode::Create {
            bail!(
                "there is a table '{}' already (--mode create)",
                name.shown()
            );
        }
        let name = existing.as_ref().map_or(name, |old| old.name.clone());
        let full_name = checkpoint::full_name(&mut client, &name)?;
        let plan = Plan {
            flow,
            table: &full_name,
            exists: existing.is_some(),
            replaces: mode == Mode::Replace,
        };
        checkpoint::check(&mut client, &shown(url), &plan)?;
        Ok(Postgres {
            client: Some(client),
            feed: None,
            shown: shown(url),
            spelled: table.to_owned(),
            name,
            full_name,
            waiting: None,
            mode,
            key: key.to_vec(),
            existing,
            is_made_anew: true,
            has_key: false,
            header: Header::new(Vec::new()),
            typed: Vec::new(),
            sent: 0,
        })
    }

    fn client(&mut self) -> anyhow::Result<&mut Client> {
        self.client.as_mut().context("the connection is busy")
    }

    fn execute(&mut self, sql: &str) -> anyhow::Result<()> {
        self.client()?
            .batch_execute(sql)
            .map_err(|error| told(&error))
    }

    /// Creates the table with the types that were found for its columns. Returns notices for the user.
    fn make(&mut self, found: &[ColumnType]) -> anyhow::Result<Vec<String>> {
        let mut notices = Vec::new();
        let mut columns = Vec::new();
        for (name, found) in self.header.names().iter().zip(found) {
            let (type_name, kind, why) = schema::type_of(*found);
            if let Some(why) = why {
                notices.push(format!("column '{name}' is stored as text: {why}"));
            }
            let not_null = if self.key.contains(name) {
                " NOT NULL"
            } else {
                ""
            };
            columns.push(format!("{} {type_name}{not_null}", quoted(name)));
            self.typed.push(Typed::found(kind));
        }
        if self.existing.is_some() {
            self.waiting = Some(Name {
                schema: self.name.schema.clone(),
                table: format!("load {}", std::process::id()),
            });
        }
        let table = self.waiting.as_ref().unwrap_or(&self.name).sql();
        self.execute(&format!("CREATE TABLE {table} ({})", columns.join(", ")))?;
        Ok(notices)
    }

    /// Checks that a table can be recreated. `misfit` says which value does not fit it; None if it is recreated for
    /// its columns or its key.
    fn check_anew(&mut self, existing: &Definition, misfit: Option<&str>) -> anyhow::Result<()> {
        let (has_key, name) = (!self.key.is_empty(), existing.name.clone());
        let read = Attachments::read(self.client()?, existing.oid, &name, has_key);
        match (read, misfit) {
            (Err(error), Some(misfit)) => bail!("{misfit}; {error}"),
            (read, _) => read.map(|_| ()),
        }
    }

    /// Locks an existing table, checks that it is unchanged, and empties it if it is to be replaced.
    fn take(&mut self, existing: &Definition) -> anyhow::Result<()> {
        let (table, replaces) = (self.name.sql(), self.mode == Mode::Replace);
        let statement = match replaces {
            true => format!("LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE"),
            // EXPLAIN takes the lock of an INSERT and needs only its privileges: LOCK TABLE needs more if a user
            // may insert into some columns only, and does not support foreign tables.
            false => format!("EXPLAIN INSERT INTO {table} DEFAULT VALUES"),
        };
        phase::during("waiting for a lock", || self.execute(&statement))?;
        existing.check_again(self.client()?)?;
        if replaces {
            let name = self.name.clone();
            replace::empty(self.client()?, &name)?;
        }
        Ok(())
    }

    /// Returns the stage that records pass through; None if they go straight into the table.
    fn stage(&self) -> Option<Stage> {
        let on_conflict = match (self.mode, &self.existing) {
            (Mode::Upsert, Some(_)) => OnConflict::Update,
            (Mode::Insert, _) => OnConflict::Keep,
            _ => OnConflict::Refuse,
        };
        let existing = self.existing.as_ref().filter(|_| self.waiting.is_none());
        let is_filtered = existing.is_some_and(|table| table.has_policies);
        let needs_stage = on_conflict != OnConflict::Refuse || is_filtered || self.is_checked();
        needs_stage.then(|| Stage {
            table: self.name.sql(),
            names: self.header.names().to_vec(),
            typed: self.typed.clone(),
            key: self.key.clone(),
            on_conflict,
            is_part: existing.is_some_and(|table| table.is_part(&self.header)),
        })
    }

    /// Returns whether this load creates its table.
    fn is_made(&self) -> bool {
        self.existing.is_none() || self.waiting.is_some()
    }

    /// Returns whether the server checks any column.
    fn is_checked(&self) -> bool {
        self.typed.iter().any(|typed| typed.check.is_some())
    }

    /// Starts sending records.
    fn start(&mut self, sets_aside: bool) -> anyhow::Result<()> {
        let stage = self.stage();
        let table = match (&self.waiting, &stage) {
            (_, Some(_)) => stage::STAGE.to_owned(),
            (Some(waiting), None) => waiting.sql(),
            (None, None) => self.name.sql(),
        };
        let names = listed(self.header.names());
        let statement = format!("COPY {table} ({names}) FROM STDIN WITH");
        let is_upsert = |stage: &Stage| stage.on_conflict == OnConflict::Update;
        let is_whole = !sets_aside
            && match &stage {
                Some(stage) => is_upsert(stage) && !self.is_checked(),
                None => true,
            };
        let mut client = self.client.take().context("the connection is busy")?;
        self.feed = Some(match is_whole {
            true => {
                if let Some(stage) = &stage {
                    stage.make(&mut client)?;
                }
                Feed::Whole(Copy::start(client, statement), stage)
            }
            false => {
                let has_keys = stage.as_ref().is_some_and(is_upsert);
                let key = match self.is_made() {
                    true => self.key.clone(),
                    false => Vec::new(),
                };
                let way = match stage {
                    Some(stage) => Way::Staged(Box::new(stage)),
                    None => Way::Direct { key },
                };
                let how = (sets_aside, has_keys);
                Feed::Steps(Box::new(Steps::start(client, (way, statement), how)?))
            }
        });
        Ok(())
    }

    /// Does everything that remains before the commit. Returns what happened to the records.
    fn finish(&mut self, feed: Feed, notices: &mut Vec<String>) -> anyhow::Result<Carried> {
        let carried = match feed {
            Feed::Whole(copy, stage) => {
                let (client, copied) = copy.finish()?;
                self.client = Some(client);
                match stage {
                    Some(stage) => {
                        phase::enter("merging");
                        self.merge(&stage)?
                    }
                    None => Carried {
                        inserted: copied,
                        ignored: self.sent - copied,
                        ..Carried::default()
                    },
                }
            }
            Feed::Steps(steps) => {
                let (client, carried) = steps.finish();
                self.client = Some(client);
                carried
            }
        };
        if self.is_made() && !self.key.is_empty() && !self.has_key {
            let table = self.waiting.as_ref().unwrap_or(&self.name).sql();
            self.make_key(&table)?;
        }
        let (name, has_key) = (self.name.clone(), !self.key.is_empty());
        if let (Some(new), Some(existing)) = (self.waiting.take(), &self.existing) {
            let oid = existing.oid;
            Attachments::swap(self.client()?, oid, (&new, &name), has_key)?;
            self.rename_key(&new)?;
        } else if self.existing.is_some() {
            let names = self.header.names().to_vec();
            notices.extend(sequence::advance(self.client()?, &name, &names)?);
        }
        Ok(carried)
    }
}

impl Target for Postgres {
    fn meet(&mut self, header: &Header) -> anyhow::Result<Types> {
        for name in &self.key {
            if header.position(name).is_none() {
                bail!(
                    "unknown key column '{name}': {}",
                    nearest_of(name, header.names())
                );
            }
        }
        for name in header.names() {
            check_text(name.as_bytes())
                .map_err(|fault| anyhow::anyhow!("the column name {fault}"))?;
            if name.len() > 63 {
                bail!("the column name '{name}' is longer than the 63 bytes that PostgreSQL keeps");
            }
        }
        self.header = header.clone();
        let Some(existing) = self.existing.clone() else {
            return Ok(Types::Wanted(TargetNeeds::with_key(&self.key, header)));
        };
        if self.mode != Mode::Replace {
            self.typed = existing.typed_for(header)?;
            self.is_made_anew = false;
            if !self.key.is_empty() && matches!(self.mode, Mode::Upsert | Mode::Insert) {
                self.check_key()?;
            }
            return Ok(Types::Known);
        }
        let has_key = self.key.is_empty() || self.has_key()?;
        if !has_key || !existing.has_columns_of(header) {
            self.check_anew(&existing, None)?;
            return Ok(Types::Wanted(TargetNeeds::with_key(&self.key, header)));
        }
        self.is_made_anew = false;
        replace::check_emptied(self.client()?, &existing)?;
        let typed = existing.typed_for(header)?.into_iter();
        let rules = typed.map(|typed| Box::new(typed) as Box<dyn Fit>);
        Ok(Types::Wanted(TargetNeeds {
            rules: Some(rules.collect()),
            ..TargetNeeds::with_key(&self.key, header)
        }))
    }

    fn begin(&mut self, start: Start<'_>) -> anyhow::Result<Ready> {
        self.execute("BEGIN")?;
        let mut notices = Vec::new();
        match (self.existing.clone(), start.found) {
            (Some(existing), Some(found)) if start.misfit.is_some() || self.is_made_anew => {
                self.check_anew(&existing, start.misfit)?;
                notices = self.make(found)?;
                let misfit = start
                    .misfit
                    .map(|misfit| made_anew(&self.name.shown(), misfit));
                notices.extend(misfit);
            }
            (Some(existing), _) => {
                self.typed = existing.typed_for(&self.header)?;
                self.take(&existing)?;
            }
            (None, found) => {
                notices = self.make(found.unwrap_or_default())?;
            }
        }
        // If a repeated key must not end the load, the key is created first, so that the server finds it at its
        // record.
        self.has_key = self.mode == Mode::Insert || start.sets_aside;
        if self.is_made() && self.has_key && !self.key.is_empty() {
            let table = self.waiting.as_ref().unwrap_or(&self.name).sql();
            self.make_key(&table)?;
        }
        self.start(start.sets_aside)?;
        let columns = self.header.names().iter().zip(&self.typed);
        let columns: Vec<CopyColumn> = columns
            .map(|(name, typed)| CopyColumn {
                name: name.clone(),
                rule: typed.rule.clone(),
                is_key: self.key.contains(name),
                form: typed.form,
            })
            .collect();
        let encoder = CopyLines {
            binary: Binary::new(&columns),
            columns,
            is_clean: start.found.is_some(),
        };
        Ok(Ready {
            encoder: Box::new(encoder),
            notices,
        })
    }

    fn write(&mut self, block: &Block, parcel: &mut Parcel) -> anyhow::Result<Flow> {
        let mut bytes = Vec::new();
        for slice in parcel.made.slices(&block.bytes) {
            bytes.extend_from_slice(&slice);
        }
        let portion = Portion {
            is_binary: parcel.is_binary,
            bytes,
        };
        self.sent += parcel.made.records;
        match &mut self.feed {
            Some(Feed::Whole(copy, _)) => copy.send(portion)?,
            Some(Feed::Steps(steps)) => steps.send(&portion, &mut parcel.refused)?,
            None => bail!("no COPY was begun"),
        }
        Ok(Flow::More)
    }

    fn commit(
        mut self: Box<Self>,
        checkpoint: Option<&Checkpoint>,
        last: &mut LastStep<'_>,
    ) -> anyhow::Result<Committed> {
        let feed = self.feed.take();
        let is_begun = feed.is_some();
        let mut notices = Vec::new();
        let carried = match feed {
            Some(feed) => self.finish(feed, &mut notices)?,
            None => {
                self.execute("BEGIN")?;
                // Without records, no new columns can be determined: the existing table keeps its own and is only
                // emptied.
                if let (Mode::Replace, Some(existing)) = (self.mode, self.existing.clone()) {
                    replace::check_emptied(self.client()?, &existing)?;
                    self.take(&existing)?;
                }
                Carried::default()
            }
        };
        if let Some(checkpoint) = checkpoint {
            let (shown, table) = (self.shown.clone(), self.full_name.clone());
            let records = carried.inserted + carried.updated;
            let has_table = is_begun || self.existing.is_some();
            let done = (has_table.then_some(&*table), records);
            checkpoint::advance(self.client()?, &shown, checkpoint, done)?;
        }
        // Checks deferred constraints now, so that only the commit itself remains.
        let deferred = self
            .client()?
            .batch_execute("SET CONSTRAINTS ALL IMMEDIATE");
        deferred.map_err(|error| told(&error))?;
        last()?;
        let client = self.client()?;
        phase::enter("committing");
        let commit = committing(|| client.batch_execute("COMMIT"));
        commit.map_err(|error| match is_answer(&error) {
            true => told(&error),
            false => anyhow::Error::new(InDoubt {
                why: words(&error),
                is_resumed: checkpoint.is_some(),
            }),
        })?;
        let mode = match (&self.existing, self.mode) {
            (None, _) => is_begun.then_some(Mode::Create),
            (Some(_), mode) => Some(mode),
        };
        Ok(Committed {
            mode,
            target: self.shown,
            table: Some(self.spelled),
            inserted: carried.inserted,
            updated: carried.updated,
            ignored: carried.ignored,
            notices,
        })
    }
}
