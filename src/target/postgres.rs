//! Tables of a PostgreSQL server.
//!
//! One transaction, whatever the mode: records go in by COPY, an upsert's into a temporary table
//! first, a replacement's into a new table that takes the old one's place at the end.

mod binary;
mod copy;
mod key;
mod replace;
mod schema;

use anyhow::{Context, bail};
use postgres::Client;

use crate::database::checkpoints::{self, Plan};
use crate::database::postgres::{Name, connect, is_answer, listed, quoted, shown, told, words};
use crate::record::{Block, Header};
use crate::stream::Flow;
use crate::trust::Checkpoint;

use super::rule::Rule;
use super::types::{Found, check_text};
use super::{Committed, InDoubt, LastStep, Mode, Parcel, Ready, Start, Target, Types, nearest_of};
use binary::{Binary, Form};
use copy::{Column, Copy, Lines, Portion};
use replace::Attachments;
use schema::Definition;

/// A table of a PostgreSQL server.
pub struct Postgres {
    /// None while a COPY has it.
    client: Option<Client>,
    copy: Option<Copy>,
    shown: String,
    /// The table as the user spelled it, and as the server knows it.
    spelled: String,
    name: Name,
    /// As checkpoints have it.
    full_name: String,
    /// The table that records go to first: a replacement's new one, an upsert's stage.
    waiting: Option<Name>,
    mode: Mode,
    key: Vec<String>,
    existing: Option<Definition>,
    attachments: Attachments,
    header: Header,
    /// What each column takes, and its binary form.
    rules: Vec<(Rule, Option<Form>)>,
}

impl Postgres {
    /// Connects to the server.
    ///
    /// # Errors
    /// It cannot be reached or refuses; its table is not what `mode` wants, or not the one that the
    /// checkpoint of `flow`, or another, speaks of.
    pub fn open(
        url: &str,
        table: &str,
        (mode, key): (Mode, &[String]),
        flow: Option<&str>,
    ) -> anyhow::Result<Self> {
        let name = Name::parse(table)?;
        let mut client = connect(url)?;
        let settings = "SET lock_timeout = '10s'; SET client_min_messages = error;
                        SET datestyle = 'ISO'; SET standard_conforming_strings = on";
        client
            .batch_execute(settings)
            .map_err(|error| told(&error))?;
        let existing = Definition::read(&mut client, &name)?;
        if existing.is_some() && mode == Mode::Create {
            bail!(
                "there is a table '{}' already (--mode create)",
                name.shown()
            );
        }
        let name = existing.as_ref().map_or(name, |old| old.name.clone());
        let full_name = checkpoints::postgres::full_name(&mut client, &name)?;
        let plan = Plan {
            flow,
            table: &full_name,
            exists: existing.is_some(),
            replaces: mode == Mode::Replace,
        };
        checkpoints::postgres::check(&mut client, &shown(url), &plan)?;
        Ok(Postgres {
            client: Some(client),
            copy: None,
            shown: shown(url),
            spelled: table.to_owned(),
            name,
            full_name,
            waiting: None,
            mode,
            key: key.to_vec(),
            existing,
            attachments: Attachments::default(),
            header: Header::new(Vec::new()),
            rules: Vec::new(),
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

    /// Makes the table for what the columns were found to be.
    fn make(&mut self, found: &[Found]) -> anyhow::Result<Vec<String>> {
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
            self.rules
                .push((Rule::found(kind), Some(Form::found(kind))));
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

    fn copy_statement(&self) -> String {
        let table = match (&self.waiting, self.is_staged()) {
            (_, true) => key::STAGE.to_owned(),
            (Some(waiting), _) => waiting.sql(),
            (None, _) => self.name.sql(),
        };
        let names = listed(self.header.names());
        format!("COPY {table} ({names}) FROM STDIN WITH")
    }

    /// Whether the records wait in a temporary table: an upsert into a table that is there.
    fn is_staged(&self) -> bool {
        self.mode == Mode::Upsert && self.existing.is_some()
    }

    /// All that is left to do before the commit: how many records were added, of so many.
    fn finish(&mut self, copied: u64) -> anyhow::Result<u64> {
        if self.is_staged() {
            return self.merge();
        }
        let is_made = self.existing.is_none() || self.mode == Mode::Replace;
        if is_made && !self.key.is_empty() {
            let table = self.waiting.as_ref().unwrap_or(&self.name).sql();
            self.make_key(&table)?;
        }
        if let Some(new) = self.waiting.take() {
            let (attachments, name) = (self.attachments.clone(), self.name.clone());
            attachments.swap(self.client()?, &new, &name)?;
            self.rename_key(&new)?;
        }
        Ok(copied)
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
        match (self.existing.clone(), self.mode) {
            (None, _) => Ok(Types::Wanted),
            (Some(existing), Mode::Replace) => {
                let has_key = !self.key.is_empty();
                let name = existing.name.clone();
                self.attachments = Attachments::read(self.client()?, existing.oid, &name, has_key)?;
                Ok(Types::Wanted)
            }
            (Some(existing), mode) => {
                self.rules = existing.rules_for(header)?;
                if mode == Mode::Upsert {
                    self.check_key()?;
                }
                Ok(Types::Known)
            }
        }
    }

    fn begin(&mut self, start: Start<'_>) -> anyhow::Result<Ready> {
        let found = start.found;
        self.execute("BEGIN")?;
        let mut notices = Vec::new();
        if let Some(found) = found {
            notices = self.make(found)?;
        } else if self.is_staged() {
            self.make_stage()?;
        }
        let statement = self.copy_statement();
        let client = self.client.take().context("the connection is busy")?;
        self.copy = Some(Copy::start(client, statement));
        let columns = self.header.names().iter().zip(&self.rules);
        let columns: Vec<Column> = columns
            .map(|(name, (rule, form))| Column {
                name: name.clone(),
                rule: rule.clone(),
                is_key: self.key.contains(name),
                form: *form,
            })
            .collect();
        let encoder = Lines {
            binary: Binary::new(&columns),
            columns,
            is_clean: found.is_some(),
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
        self.copy
            .as_mut()
            .context("no COPY was begun")?
            .send(Portion {
                is_binary: parcel.is_binary,
                bytes,
            })?;
        Ok(Flow::More)
    }

    fn commit(
        mut self: Box<Self>,
        checkpoint: Option<&Checkpoint>,
        last: &mut LastStep<'_>,
    ) -> anyhow::Result<Committed> {
        let is_begun = self.copy.is_some();
        let (mut copied, mut inserted) = (0, 0);
        if let Some(copy) = self.copy.take() {
            let client;
            (client, copied) = copy.finish()?;
            self.client = Some(client);
            inserted = self.finish(copied)?;
        } else {
            self.execute("BEGIN")?;
        }
        if let Some(checkpoint) = checkpoint {
            let (shown, table) = (self.shown.clone(), self.full_name.clone());
            let done = (is_begun.then_some(&*table), copied);
            checkpoints::postgres::advance(self.client()?, &shown, checkpoint, done)?;
        }
        // Deferred constraints are checked now, so that only the commit itself is left.
        let deferred = self
            .client()?
            .batch_execute("SET CONSTRAINTS ALL IMMEDIATE");
        deferred.map_err(|error| told(&error))?;
        last()?;
        let commit = self.client()?.batch_execute("COMMIT");
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
            inserted,
            updated: copied - inserted,
            ..Committed::default()
        })
    }
}
