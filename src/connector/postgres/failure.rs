//! PostgreSQL's errors, in our words.

use std::io;

use postgres::error::{DbError, SqlState};

use crate::connector::postgres::tls;
use crate::record::Fault;

/// Converts an error of the server or of the connection to it.
pub fn told(error: &postgres::Error) -> anyhow::Error {
    anyhow::anyhow!(words(error))
}

/// Returns the record, from 0, at which a COPY stopped, and why, if the server names the record.
pub fn of_record(error: &postgres::Error) -> Option<(u64, Fault)> {
    let db = error.as_db_error().filter(|_| is_about_records(error))?;
    Some((record(db)?, Fault::new(reason(db))))
}

/// Returns whether the server rejected what the records hold, and not the statement, this user's privileges or its
/// own state. `OTHERS` lists the error classes that are not about records ("PostgreSQL Error Codes"): all others
/// are, as a trigger may raise any code.
pub fn is_about_records(error: &postgres::Error) -> bool {
    const OTHERS: [&str; 21] = [
        "00", "01", "02", "03", "08", "0A", "25", "28", "2B", "2D", "3B", "3D", "3F", "40", "42",
        "53", "55", "57", "58", "HV", "XX",
    ];
    let Some(db) = error.as_db_error() else {
        return false;
    };
    // Row-level security rejects records with the code for missing privileges.
    let is_policy = *db.code() == SqlState::INSUFFICIENT_PRIVILEGE
        && db.message().contains("row-level security");
    is_policy || !OTHERS.contains(&&db.code().code()[..2])
}

/// Returns the values of the key that a unique index rejected.
pub fn key_values(error: &postgres::Error) -> String {
    let detail = error.as_db_error().and_then(|db| db.detail());
    let values = detail.and_then(|detail| detail.split_once(")=("));
    let values = values.and_then(|(_, rest)| rest.rsplit_once(')'));
    values.map_or_else(String::new, |(values, _)| format!("'{values}'"))
}

/// Returns the record, from 0, at which a COPY stopped. In its text format, each record is a line.
fn record(error: &DbError) -> Option<u64> {
    let (_, behind) = error.where_()?.split_once(", line ")?;
    let digits = behind
        .split(|letter: char| !letter.is_ascii_digit())
        .next()?;
    digits.parse::<u64>().ok()?.checked_sub(1)
}

/// Returns whether the server carried out a statement or refused it, and did not go away instead.
pub fn is_answer(error: &postgres::Error) -> bool {
    let going = [
        SqlState::ADMIN_SHUTDOWN,
        SqlState::CRASH_SHUTDOWN,
        SqlState::DATABASE_DROPPED,
    ];
    error.code().is_some_and(|code| !going.contains(code))
}

/// Returns an error in one line.
pub fn words(error: &postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return reason(db);
    }
    if let Some(words) = tls::words(error) {
        return words;
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    let is_broken = cause.downcast_ref().is_some_and(|error: &io::Error| {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let broken = [
            BrokenPipe,
            ConnectionAborted,
            ConnectionReset,
            UnexpectedEof,
        ];
        broken.contains(&error.kind())
    });
    // The driver's message if the connection ended in the middle of a protocol message.
    let is_cut = cause.to_string().contains("bytes remaining on stream");
    if is_broken || is_cut || error.is_closed() {
        return "the server has closed the connection".to_owned();
    }
    let text = cause.to_string();
    // The system's message ends with its number and begins in upper case.
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => "the server cannot be reached".to_owned(),
    }
}

fn reason(error: &DbError) -> String {
    let detail = error.detail().unwrap_or_default().trim_end_matches('.');
    let constraint = error.constraint().unwrap_or_default();
    match *error.code() {
        SqlState::DUPLICATE_TABLE => same_table(),
        SqlState::UNIQUE_VIOLATION if constraint == "pg_type_typname_nsp_index" => same_table(),
        SqlState::UNIQUE_VIOLATION => {
            let key = key_of(detail);
            format!("{key}: the table has this already, and '{constraint}' wants it unique")
        }
        SqlState::NOT_NULL_VIOLATION => {
            let column = error.column().unwrap_or("a column");
            format!("{column}: null, which the table does not allow")
        }
        SqlState::CHECK_VIOLATION if constraint.is_empty() => no_partition(error, detail),
        SqlState::CHECK_VIOLATION => format!("the table's check '{constraint}' does not hold"),
        SqlState::EXCLUSION_VIOLATION => {
            format!("the table's exclusion '{constraint}' does not hold")
        }
        SqlState::FOREIGN_KEY_VIOLATION => {
            format!("the foreign key '{constraint}' has no counterpart: {detail}")
        }
        SqlState::LOCK_NOT_AVAILABLE => {
            "the table is locked by another session, which did not end in time".to_owned()
        }
        SqlState::DISK_FULL => "no space is left on the server".to_owned(),
        _ => {
            let column = error.where_().and_then(column_of);
            let column = column.map(|name| format!("{name}: ")).unwrap_or_default();
            let detail = if detail.is_empty() {
                String::new()
            } else {
                format!(" ({detail})")
            };
            format!("{column}{}{detail}", error.message())
        }
    }
}

/// Returns the fault of a record that fits no partition, with `(day) = (2024-01-01)` from the detail.
fn no_partition(error: &DbError, detail: &str) -> String {
    let table = error.table().unwrap_or("the table");
    match detail.rsplit_once(" contains ") {
        None => error.message().to_owned(),
        Some((_, key)) => format!("'{table}' has no partition for {key}"),
    }
}

fn same_table() -> String {
    "another load has made the table at the same time; run this again, to append to it".to_owned()
}

/// Returns the column in `COPY t, line 3, column b: "x"`.
fn column_of(context: &str) -> Option<&str> {
    let (_, behind) = context.split_once(", column ")?;
    Some(behind.split_once(':').map_or(behind, |(name, _)| name))
}

/// Returns `id: '5'` for `Key (id)=(5) already exists`.
fn key_of(detail: &str) -> String {
    let key = detail
        .strip_prefix("Key (")
        .and_then(|rest| rest.split_once(")=("))
        .and_then(|(names, rest)| Some((names, rest.rsplit_once(')')?.0)));
    match key {
        Some((names, values)) => format!("{names}: '{values}'"),
        None => detail.to_owned(),
    }
}

/// Returns whether one upsert contained the same key twice (SQL:2003's cardinality violation).
pub fn is_repeated_key(error: &postgres::Error) -> bool {
    error.code() == Some(&SqlState::CARDINALITY_VIOLATION)
}

/// Returns whether a key is not unique.
pub fn is_not_unique(error: &postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNIQUE_VIOLATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_read() {
        assert_eq!(key_of("Key (a, b)=(1, x) already exists"), "a, b: '1, x'");
        assert_eq!(column_of("COPY t, line 3, column b c: \"x\""), Some("b c"));
    }
}
