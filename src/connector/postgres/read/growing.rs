//! Incremental reads by a growing key, while others write.
//!
//! A sequence issues numbers in order, but transactions commit in any order: the one with number 7 may still be
//! open when number 8 can be read, and a run that ended at 8 would never read 7. So each run first reads the
//! greatest key, and then waits until every transaction has ended that is writing to a table of the query at that
//! moment. A record gets its number while its transaction holds a lock on the table. So whatever is committed after
//! the wait has a greater key, and every key up to the greatest is visible or will never exist.

use std::time::{Duration, Instant};

use anyhow::bail;
use postgres::types::ToSql;

use crate::connector::postgres::read::Server;
use crate::connector::postgres::told;
use crate::connector::sql::{Asked, Key};

/// How long to wait for open transactions.
const PATIENCE: Duration = Duration::from_secs(10);

/// The other transactions that write to what this transaction has read: those with a write lock on a table on which
/// this one has a read lock. OIDs below 16384 are system catalogs.
const WRITERS: &str = "SELECT DISTINCT theirs.virtualtransaction
    FROM pg_catalog.pg_locks theirs JOIN pg_catalog.pg_locks ours USING (locktype, database, relation)
    WHERE locktype = 'relation' AND relation >= 16384 AND ours.pid = pg_catalog.pg_backend_pid() AND theirs.granted
      AND theirs.pid IS DISTINCT FROM ours.pid
      AND theirs.mode IN ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock')";

/// Whether any of these transactions is still open.
const OPEN: &str = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_locks
    WHERE virtualtransaction = ANY($1) AND pid IS DISTINCT FROM pg_catalog.pg_backend_pid())";

impl Server {
    /// Returns the greatest key, at or below which no further record can appear; None if no key exists yet.
    ///
    /// # Errors
    /// A transaction that writes stays open; the server is a standby, which does not know of open transactions.
    pub(crate) fn settle(&mut self, asked: &Asked, place: usize) -> anyhow::Result<Option<String>> {
        if self.ask("SELECT pg_catalog.pg_is_in_recovery()", &[])? {
            bail!(
                "this server is a standby, which does not know what is still being written; --resume-by reads from the primary"
            );
        }
        let column = &asked.columns[place];
        // An alias of its own: otherwise ORDER BY would sort by the text.
        let greatest = format!(
            "SELECT {column}::text AS greatest FROM {} WHERE {column} IS NOT NULL ORDER BY {column} DESC LIMIT 1",
            asked.from
        );
        let greatest = self
            .client
            .query_opt(&greatest, &[])
            .map_err(|error| told(&error))?;
        let writers = self
            .client
            .query(WRITERS, &[])
            .map_err(|error| told(&error))?;
        let writers: Vec<String> = writers.iter().map(|row| row.get(0)).collect();
        let start = Instant::now();
        while !writers.is_empty() && self.ask(OPEN, &[&writers])? {
            if start.elapsed() > PATIENCE {
                bail!(
                    "a transaction that writes there has been open for more than 10 seconds, and its records could be lost between two runs; run this again when it has ended"
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(greatest.map(|row| row.get(0)))
    }

    /// Returns the query for these columns of the records whose key is greater than the last one and at most
    /// `ceiling`, in the order of the key.
    pub(crate) fn behind(
        &mut self,
        key: &Key,
        place: usize,
        ceiling: Option<String>,
        asked: &Asked,
        places: &[usize],
    ) -> anyhow::Result<String> {
        let column = &asked.columns[place];
        let last = key.from().map(|last| literal(&last.value));
        let has_null = self.ask(&asked.exists(&format!("{column} IS NULL")), &[])?;
        let with_last: i64 = match &last {
            Some(last) => self.ask(&asked.count_to_two(&format!("{column} = {last}")), &[])?,
            None => 0,
        };
        key.check(has_null, with_last)?;
        if let Some(last) = last.as_ref().filter(|_| key.may_have_gap(with_last)) {
            let of_both = format!("{column}::text AS greatest, {column} < {last}");
            let greatest = asked.first(&of_both, &format!("{column} DESC"));
            let found = self.client.query_opt(&greatest, &[]);
            let found = found.map_err(|error| told(&error))?;
            if let Some(found) = found.filter(|found| found.get(1)) {
                return key.gap(found.get(0));
            }
        }
        let mut conditions = Vec::new();
        // Without any key, no record can be read.
        conditions.push(match ceiling {
            Some(ceiling) => format!("{column} <= {}", literal(&ceiling)),
            None => "false".to_owned(),
        });
        conditions.extend(last.map(|last| format!("{column} > {last}")));
        let conditions = conditions.join(" AND ");
        Ok(asked.select(places, &format!("WHERE {conditions} ORDER BY {column}")))
    }

    /// Returns the single value of a query.
    fn ask<T>(&mut self, sql: &str, parameters: &[&(dyn ToSql + Sync)]) -> anyhow::Result<T>
    where
        T: for<'v> postgres::types::FromSql<'v>,
    {
        let row = self.client.query_one(sql, parameters);
        row.and_then(|row| row.try_get(0))
            .map_err(|error| told(&error))
    }
}

/// Returns a value as an SQL literal; it takes the type of what it is compared with.
fn literal(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}
