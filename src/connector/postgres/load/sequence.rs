//! Sequences that provide a column's values: they must not return values that were loaded.

use postgres::Client;

use crate::connector::postgres::{Name, quoted, told};

/// Advances the sequences of these columns past their greatest value. Sequences are not transactional: if the load
/// fails after this, some values are never used. Returns notices for the user.
///
/// # Errors
/// The connection is lost.
pub fn advance(client: &mut Client, table: &Name, names: &[String]) -> anyhow::Result<Vec<String>> {
    let mut notices = Vec::new();
    let sequences = client
        .query(
            "SELECT name, sequence FROM (
                 SELECT name, pg_catalog.pg_get_serial_sequence($1, name) AS sequence
                 FROM unnest($2::text[]) AS name) AS found
             WHERE sequence IS NOT NULL",
            &[&table.sql(), &names],
        )
        .map_err(|error| told(&error))?;
    for row in sequences {
        let (column, sequence): (String, String) = (row.get(0), row.get(1));
        let text = format!("'{}'", sequence.replace('\'', "''"));
        let statement = format!(
            "SAVEPOINT sequence;
             SELECT pg_catalog.setval({text}, m.top)
             FROM (SELECT max({}) AS top FROM {}) AS m, {sequence} AS s, pg_catalog.pg_sequence AS p
             WHERE p.seqrelid = {text}::regclass AND p.seqincrement > 0 AND m.top <= p.seqmax
               AND (m.top > s.last_value OR m.top = s.last_value AND NOT s.is_called);
             RELEASE SAVEPOINT sequence",
            quoted(&column),
            table.sql(),
        );
        if client.batch_execute(&statement).is_err() {
            let undone = client.batch_execute("ROLLBACK TO SAVEPOINT sequence");
            undone.map_err(|error| told(&error))?;
            notices.push(format!(
                "the sequence of column '{column}' was not advanced past the loaded values, so new records may collide with them"
            ));
        }
    }
    Ok(notices)
}
