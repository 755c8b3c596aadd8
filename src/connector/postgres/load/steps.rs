//! Sends records step by step. Each step has a savepoint, so that a record that the server rejects can be found and
//! the others are kept.

use std::collections::BTreeMap;

use postgres::Client;

use crate::connector::postgres as server;
use crate::connector::postgres::load::copy::{Portion, copy_once};
use crate::connector::postgres::load::stage::{Carried, Failed, Stage};
use crate::load::{Refused, repeated};
use crate::record::Fault;
use crate::stream::Refusal;

/// How the records of a step reach the table.
pub enum Way {
    /// By COPY.
    Direct {
        /// The key of a table that this load creates; its records all came from the stream.
        key: Vec<String>,
    },
    /// Through a temporary table.
    Staged(Box<Stage>),
}

/// A load that sends its records step by step.
pub struct Steps {
    client: Client,
    way: Way,
    /// `COPY ... FROM STDIN WITH`.
    statement: String,
    /// Whether a record that the server rejects is set aside.
    sets_aside: bool,
    /// Whether every key must be unique in the stream.
    has_keys: bool,
    carried: Carried,
    sent: u64,
}

/// Why a step failed.
enum Failure {
    /// Because of these records of the step, by their number in it.
    Records(Vec<(u64, Fault)>),
    /// Because of an unknown record of the step.
    Somewhere(Fault),
    /// Because of something else.
    Other(anyhow::Error),
}

impl Steps {
    /// Prepares the load; `statement` copies into the table or into the stage.
    ///
    /// # Errors
    /// The server refuses.
    pub fn start(
        mut client: Client,
        (way, statement): (Way, String),
        (sets_aside, has_keys): (bool, bool),
    ) -> anyhow::Result<Self> {
        if let Way::Staged(stage) = &way {
            stage.make(&mut client)?;
            if has_keys {
                stage.make_keys(&mut client)?;
            }
        }
        Ok(Steps {
            client,
            way,
            statement,
            sets_aside,
            has_keys,
            carried: Carried::default(),
            sent: 0,
        })
    }

    /// Sends records. Those that the server rejects are added to `refused`, if they are set aside.
    ///
    /// # Errors
    /// [`Refused`] if they are not set aside; any other failure of the server.
    pub fn send(&mut self, portion: &Portion, refused: &mut Vec<Refusal>) -> anyhow::Result<()> {
        let ends = portion.ends();
        let count = ends.len() as u64 - 1;
        let mut bad: BTreeMap<u64, Fault> = BTreeMap::new();
        let (mut at, mut size) = (0, count.max(1));
        while at < count {
            let to = count.min(at + size);
            let good: Vec<u64> = (at..to)
                .filter(|record| !bad.contains_key(record))
                .collect();
            let Err(failure) = self.step(portion, &ends, &good)? else {
                at = to;
                size = (size * 2).max(1);
                continue;
            };
            match failure {
                Failure::Other(error) => return Err(error),
                Failure::Records(found) => {
                    let found = found
                        .into_iter()
                        .map(|(place, fault)| (good[place as usize], fault));
                    let found: Vec<_> = found.collect();
                    let first = found.iter().map(|(record, _)| *record).min();
                    self.refuse(&found)?;
                    // Continue with smaller steps: each bad record costs the repetition of its step.
                    size = first.map_or(1, |first| (first - at).max(1) * 2);
                    bad.extend(found);
                }
                Failure::Somewhere(fault) if good.len() == 1 => {
                    let found = vec![(good[0], fault)];
                    self.refuse(&found)?;
                    bad.extend(found);
                    at = to;
                }
                Failure::Somewhere(_) => size = (to - at).div_ceil(2),
            }
        }
        self.sent += count;
        refused.extend(bad.into_iter().map(|(number, fault)| Refusal {
            number,
            fault,
            place: None,
        }));
        Ok(())
    }

    /// Returns the first of these records as an error, unless they are set aside.
    fn refuse(&self, found: &[(u64, Fault)]) -> anyhow::Result<()> {
        let first = found.iter().min_by_key(|(record, _)| *record);
        match first {
            Some((record, fault)) if !self.sets_aside => Err(anyhow::Error::new(Refused {
                record: self.sent + record,
                fault: fault.clone(),
            })),
            _ => Ok(()),
        }
    }

    /// Sends the given records of a portion under a savepoint.
    fn step(
        &mut self,
        portion: &Portion,
        ends: &[usize],
        records: &[u64],
    ) -> anyhow::Result<Result<(), Failure>> {
        if records.is_empty() {
            return Ok(Ok(()));
        }
        self.execute("SAVEPOINT step")?;
        match self.attempt(portion, ends, records) {
            Ok(carried) => {
                self.carried += carried;
                self.execute("RELEASE SAVEPOINT step")?;
                Ok(Ok(()))
            }
            Err(Failure::Other(error)) => Ok(Err(Failure::Other(error))),
            Err(failure) => {
                self.execute("ROLLBACK TO SAVEPOINT step; RELEASE SAVEPOINT step")?;
                Ok(Err(failure))
            }
        }
    }

    fn attempt(
        &mut self,
        portion: &Portion,
        ends: &[usize],
        records: &[u64],
    ) -> Result<Carried, Failure> {
        let client = &mut self.client;
        let of_copy = |error: postgres::Error| match server::of_record(&error) {
            Some((record, fault)) if (record as usize) < records.len() => {
                Failure::Records(vec![(record, fault)])
            }
            _ => Failure::of(error.into()),
        };
        let stage = match &self.way {
            Way::Direct { key } => {
                let copied = copy_once(client, &self.statement, (portion, ends), records);
                let inserted = copied.map_err(|error| {
                    let is_key = !key.is_empty() && server::is_not_unique(&error);
                    let fault = is_key.then(|| repeated(key, &server::key_values(&error)));
                    match (of_copy(error), fault) {
                        (Failure::Records(found), Some(fault)) => {
                            let records = found.into_iter().map(|(record, _)| record);
                            Failure::Records(
                                records.map(|record| (record, fault.clone())).collect(),
                            )
                        }
                        (failure, _) => failure,
                    }
                })?;
                return Ok(Carried {
                    inserted,
                    ignored: records.len() as u64 - inserted,
                    ..Carried::default()
                });
            }
            Way::Staged(stage) => stage,
        };
        let emptied = client.batch_execute(&format!(
            "TRUNCATE {}",
            crate::connector::postgres::load::stage::STAGE
        ));
        emptied.map_err(|error| Failure::of(error.into()))?;
        copy_once(client, &self.statement, (portion, ends), records).map_err(of_copy)?;
        let altered = stage.altered(client).map_err(Failure::of)?;
        if !altered.is_empty() {
            return Err(Failure::Records(altered));
        }
        if self.has_keys {
            stage
                .add_keys(client)
                .map_err(|error| match Stage::is_about_keys(&error) {
                    true => Failure::Somewhere(repeated(&stage.key, &server::key_values(&error))),
                    false => Failure::of(error.into()),
                })?;
        }
        stage
            .carry(client)
            .map_err(|error| Failure::of(error.into()))
    }

    fn execute(&mut self, sql: &str) -> anyhow::Result<()> {
        let executed = self.client.batch_execute(sql);
        executed.map_err(|error| server::told(&error))
    }

    /// Ends the load. Returns the connection, and what happened to all records.
    pub fn finish(self) -> (Client, Carried) {
        (self.client, self.carried)
    }
}

impl Failure {
    fn of(failed: Failed) -> Self {
        let Failed { error, column } = failed;
        // In a cast, these error classes can be about the text, too: a syntax error in a jsonpath, an unknown table
        // in a regclass, a type without text input.
        let code = error.code().map_or("", |code| code.code());
        let is_text = column.is_some()
            && ["42", "0A", "3F"]
                .iter()
                .any(|class| code.starts_with(class));
        if !is_text && !server::is_about_records(&error) {
            return Failure::Other(server::told(&error));
        }
        let fault = Fault::new(server::words(&error));
        Failure::Somewhere(match column {
            Some(column) => fault.about(&column),
            None => fault,
        })
    }
}
