//! The temporary table that records pass through on their way into the target table.

use anyhow::Context;
use postgres::Client;

use crate::connector::postgres::load::typed::{Check, Typed};
use crate::connector::postgres::{listed, quoted, told};
use crate::record::Fault;

/// The temporary table for records.
pub const STAGE: &str = "pg_temp.\"load stage\"";

/// The temporary table for the keys of all records of the stream, so that none occurs twice.
const KEYS: &str = "pg_temp.\"load keys\"";

/// Makes the server write values as `extract` does; [`USUAL`] undoes that.
const SHOWN: &str = "SET LOCAL intervalstyle = 'iso_8601'; SET LOCAL timezone = 'UTC';
    SET LOCAL extra_float_digits = 3; SET LOCAL bytea_output = 'hex'";
const USUAL: &str = "SET LOCAL intervalstyle TO DEFAULT; SET LOCAL timezone TO DEFAULT;
    SET LOCAL extra_float_digits TO DEFAULT; SET LOCAL bytea_output TO DEFAULT";

/// What happens to a record whose key exists in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The server rejects it.
    Refuse,
    /// The table's record stays.
    Keep,
    /// It replaces the table's record.
    Update,
}

/// Moves records from the stage into a table.
#[derive(Clone, Debug)]
pub struct Stage {
    /// The table's name in SQL.
    pub table: String,
    /// The stream's columns.
    pub names: Vec<String>,
    /// What they accept.
    pub typed: Vec<Typed>,
    /// The columns that identify a record.
    pub key: Vec<String>,
    /// What happens if the table has the key.
    pub on_conflict: OnConflict,
    /// Whether the stream lacks a column that the table requires.
    pub is_part: bool,
}

/// What happened to the records of a stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Records that are new to the table.
    pub inserted: u64,
    /// Records that replaced existing ones.
    pub updated: u64,
    /// Records that the table did not take.
    pub ignored: u64,
}

impl std::ops::AddAssign for Carried {
    fn add_assign(&mut self, other: Carried) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.ignored += other.ignored;
    }
}

impl Stage {
    /// Creates the temporary table. Columns that the server checks are text in it.
    ///
    /// # Errors
    /// The server refuses.
    pub fn make(&self, client: &mut Client) -> anyhow::Result<()> {
        let columns = self.names.iter().zip(&self.typed);
        let columns: Vec<String> = columns
            .map(|(name, typed)| match typed.check {
                Some(_) => format!("{0}::text AS {0}", quoted(name)),
                None => quoted(name),
            })
            .collect();
        let statement = format!(
            "CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} WITH NO DATA",
            local(STAGE),
            columns.join(", "),
            self.table
        );
        let made = client.batch_execute(&statement);
        made.map_err(|error| told(&error))
    }

    /// Creates the table of keys, which rejects a key that occurs twice.
    ///
    /// # Errors
    /// The server refuses.
    pub fn make_keys(&self, client: &mut Client) -> anyhow::Result<()> {
        let keys = listed(&self.key);
        let statement = format!(
            "CREATE TEMPORARY TABLE {0} ON COMMIT DROP AS SELECT {keys} FROM {1} WITH NO DATA;
             CREATE UNIQUE INDEX ON {0} ({keys})",
            local(KEYS),
            self.table
        );
        let made = client.batch_execute(&statement);
        made.map_err(|error| told(&error))
    }

    /// Adds the keys of the stage to the table of keys.
    pub fn add_keys(&self, client: &mut Client) -> Result<(), postgres::Error> {
        let (keys, values) = (listed(&self.key), self.values(&self.key));
        let statement = format!("INSERT INTO {KEYS} ({keys}) SELECT {values} FROM {STAGE}");
        client.batch_execute(&statement)
    }

    /// Returns whether an error is about a key that occurs twice.
    pub fn is_about_keys(error: &postgres::Error) -> bool {
        error
            .as_db_error()
            .is_some_and(|error| error.table() == Some("load keys"))
    }

    /// Returns the records that the server would store differently from what was sent, by their number in the
    /// stage.
    pub fn altered(&self, client: &mut Client) -> Result<Vec<(u64, Fault)>, Failed> {
        let mut found = Vec::new();
        if self.typed.iter().all(|typed| typed.check.is_none()) {
            return Ok(found);
        }
        client.batch_execute(SHOWN)?;
        for (name, typed) in self.names.iter().zip(&self.typed) {
            let Some(check) = &typed.check else { continue };
            let failed = |error| Failed {
                error,
                column: Some(name.clone()),
            };
            let statement = check_of(&quoted(name), check);
            for row in client.query(&statement, &[]).map_err(failed)? {
                let (number, sent, shown): (i64, String, Option<String>) =
                    (row.get(0), row.get(1), row.get(2));
                let shown = shown.unwrap_or_default();
                let compared: Option<String> = row.get(3);
                if !check.is_like(&compared.unwrap_or_default(), &shown) {
                    let fault = Fault::new(format!(
                        "'{sent}' would be stored as '{shown}'; write it so if that is meant"
                    ));
                    found.push((number as u64 - 1, fault.about(name)));
                }
            }
        }
        client.batch_execute(USUAL)?;
        found.sort_by_key(|(number, _)| *number);
        found.dedup_by_key(|(number, _)| *number);
        Ok(found)
    }

    /// Moves all records of the stage into the table.
    pub fn carry(&self, client: &mut Client) -> Result<Carried, postgres::Error> {
        let waiting: i64 = client
            .query_one(&format!("SELECT count(*) FROM {STAGE}"), &[])?
            .get(0);
        let waiting = waiting as u64;
        let mut carried = match self.on_conflict {
            OnConflict::Update => self.merge(client)?,
            OnConflict::Refuse | OnConflict::Keep => {
                let insert = self.insert("", &self.conflict());
                Carried {
                    inserted: client.execute(&insert, &[])?,
                    ..Carried::default()
                }
            }
        };
        if self.on_conflict == OnConflict::Update && self.others().next().is_none() {
            // If all columns are key columns, existing records count as updated.
            carried.updated = waiting - carried.inserted;
        }
        carried.ignored = waiting - carried.inserted - carried.updated;
        Ok(carried)
    }

    fn merge(&self, client: &mut Client) -> Result<Carried, postgres::Error> {
        let mut carried = Carried::default();
        let mut condition = String::new();
        if self.is_part {
            // An INSERT of an incomplete record fails even if ON CONFLICT would apply, so existing records are
            // updated first.
            let same: Vec<String> = self
                .key
                .iter()
                .map(|name| format!("old.{0} = {1}", quoted(name), self.value(name, "new.")))
                .collect();
            let same = same.join(" AND ");
            let set: Vec<String> = self
                .others()
                .map(|name| format!("{} = {}", quoted(name), self.value(name, "new.")))
                .collect();
            let table = &self.table;
            if !set.is_empty() {
                let set = set.join(", ");
                let update =
                    format!("UPDATE {table} AS old SET {set} FROM {STAGE} AS new WHERE {same}");
                carried.updated = client.execute(&update, &[])?;
            }
            condition =
                format!(" AS new WHERE NOT EXISTS (SELECT 1 FROM {table} AS old WHERE {same})");
        }
        // An updated record is a new row version whose xmax holds this transaction's lock; the xmax of an inserted
        // one is 0.
        let insert = self.insert(&condition, &self.conflict());
        let statement = format!(
            "WITH merged AS ({insert} RETURNING xmax = 0 AS is_new)
             SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new) FROM merged"
        );
        let row = client.query_one(&statement, &[])?;
        carried.inserted += row.get::<_, i64>(0) as u64;
        carried.updated += row.get::<_, i64>(1) as u64;
        Ok(carried)
    }

    /// Returns the stream's columns that are not part of the key.
    pub fn others(&self) -> impl Iterator<Item = &String> {
        self.names.iter().filter(|name| !self.key.contains(name))
    }

    fn insert(&self, condition: &str, conflict: &str) -> String {
        format!(
            "INSERT INTO {} ({}) SELECT {} FROM {STAGE}{condition} {conflict}",
            self.table,
            listed(&self.names),
            self.values(&self.names)
        )
    }

    fn conflict(&self) -> String {
        let key = match self.key.is_empty() {
            true => String::new(),
            false => format!("({}) ", listed(&self.key)),
        };
        let set: Vec<String> = self
            .others()
            .map(|name| format!("{0} = EXCLUDED.{0}", quoted(name)))
            .collect();
        match self.on_conflict {
            OnConflict::Refuse => String::new(),
            OnConflict::Update if !set.is_empty() => {
                format!("ON CONFLICT {key}DO UPDATE SET {}", set.join(", "))
            }
            OnConflict::Keep | OnConflict::Update => format!("ON CONFLICT {key}DO NOTHING"),
        }
    }

    /// Returns the values of these columns in the stage, cast to the table's types.
    fn values(&self, names: &[String]) -> String {
        let values: Vec<String> = names.iter().map(|name| self.value(name, "")).collect();
        values.join(", ")
    }

    fn value(&self, name: &str, of: &str) -> String {
        let place = self.names.iter().position(|known| known == name);
        let check = place.and_then(|place| self.typed[place].check.as_ref());
        match check {
            Some(check) => format!("{of}{}::{}", quoted(name), check.cast),
            None => format!("{of}{}", quoted(name)),
        }
    }
}

/// An error of the server, and the column that it is about, if known.
#[derive(Debug)]
pub struct Failed {
    /// The server's error.
    pub error: postgres::Error,
    /// The column.
    pub column: Option<String>,
}

impl From<postgres::Error> for Failed {
    fn from(error: postgres::Error) -> Self {
        Failed {
            error,
            column: None,
        }
    }
}

/// Returns the query for the values of a column that change when stored: number, sent, shown, compared with.
fn check_of(column: &str, check: &Check) -> String {
    let (shown, compared) = check.shown("sent");
    format!(
        "SELECT number, sent, shown, compared FROM (
             SELECT number, sent, {shown} AS shown, {compared} AS compared FROM (
                 SELECT row_number() OVER (ORDER BY ctid) AS number, {column} AS sent FROM {STAGE}
             ) AS numbered WHERE sent IS NOT NULL
         ) AS cast_values WHERE shown IS DISTINCT FROM compared"
    )
}

/// Returns the name of a temporary table as the statement that creates it needs it.
fn local(name: &str) -> &str {
    name.trim_start_matches("pg_temp.")
}

/// Returns the number, from 0, of the first record in `table` whose key occurred before it, and the key.
///
/// # Errors
/// The server refuses.
pub fn duplicate(
    client: &mut Client,
    table: &str,
    key: &[String],
) -> anyhow::Result<Option<(u64, Vec<String>)>> {
    let texts: Vec<String> = key
        .iter()
        .map(|name| format!("{}::text", quoted(name)))
        .collect();
    let query = format!(
        "SELECT number, names FROM (
             SELECT row_number() OVER (ORDER BY ctid) AS number,
                    row_number() OVER (PARTITION BY {} ORDER BY ctid) AS time,
                    ARRAY[{}] AS names
             FROM {table}) AS numbered
         WHERE time = 2 ORDER BY number LIMIT 1",
        listed(key),
        texts.join(", ")
    );
    let rows = client.query(&query, &[]).map_err(|error| told(&error))?;
    let Some(row) = rows.first() else {
        return Ok(None);
    };
    let number: i64 = row.get(0);
    let number = u64::try_from(number - 1).context("a record has a number from 1")?;
    Ok(Some((number, row.get(1))))
}
