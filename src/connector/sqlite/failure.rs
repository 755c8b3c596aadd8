//! SQLite's errors, in our words.

use rusqlite::ffi::{self, ErrorCode};

use std::time::Duration;

use crate::connector::sqlite::PATIENCE;
use crate::connector::sqlite::blame::holders;
use crate::record::Fault;

/// Errors of a database in WAL mode whose files beside it can neither be used nor created.
const WRITES_TO_READ: [i32; 3] = [
    ffi::SQLITE_READONLY_RECOVERY,
    ffi::SQLITE_READONLY_CANTINIT,
    ffi::SQLITE_READONLY_DIRECTORY,
];

/// Converts an error of SQLite to one for users. `name`: the database.
pub fn told(error: rusqlite::Error, name: &str) -> anyhow::Error {
    let code = error.sqlite_error_code();
    match code {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => locked(name, PATIENCE),
        Some(ErrorCode::ReadOnly) => match error {
            rusqlite::Error::SqliteFailure(code, _)
                if code.extended_code == ffi::SQLITE_READONLY_ROLLBACK =>
            {
                anyhow::anyhow!(
                    "'{name}' was left in the middle of a change by a program that died; opening it once for writing undoes that: sqlite3 '{name}' .tables"
                )
            }
            rusqlite::Error::SqliteFailure(code, _)
                if WRITES_TO_READ.contains(&code.extended_code) =>
            {
                anyhow::anyhow!(
                    "'{name}' is in WAL mode, and reading that needs its directory to be writable"
                )
            }
            _ => anyhow::anyhow!("'{name}' is read-only"),
        },
        Some(ErrorCode::NotADatabase) => anyhow::anyhow!("'{name}' is no SQLite database"),
        Some(ErrorCode::DatabaseCorrupt) => anyhow::anyhow!("'{name}' is damaged"),
        Some(ErrorCode::DiskFull) => anyhow::anyhow!("no space is left for '{name}'"),
        Some(ErrorCode::CannotOpen) => anyhow::anyhow!("'{name}' cannot be opened"),
        Some(ErrorCode::SystemIoFailure) => anyhow::anyhow!("'{name}' cannot be read or written"),
        _ => anyhow::anyhow!("'{name}': {}", words(&error)),
    }
}

/// Returns whether another program did not release its lock in time.
pub fn is_busy(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Returns the error for a database that stayed locked for `wait`; names the programs that hold the lock, if known.
pub fn locked(name: &str, wait: Duration) -> anyhow::Error {
    let holders = holders(name);
    let by = match holders.is_empty() {
        true => "another program".to_owned(),
        false => holders.join(", "),
    };
    let seconds = wait.as_secs_f64();
    anyhow::anyhow!("'{name}' is locked by {by}, and stayed so for {seconds} seconds")
}

/// Returns what is wrong with the record that a statement was about; None if the error is of another kind.
pub fn violation(error: &rusqlite::Error) -> Option<Fault> {
    let rusqlite::Error::SqliteFailure(code, Some(message)) = error else {
        return None;
    };
    if !matches!(
        code.code,
        ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch | ErrorCode::TooBig
    ) {
        return None;
    }
    let subject = message.split_once(": ").map_or("", |(_, subject)| subject);
    let columns = || {
        let names = subject
            .split(", ")
            .map(|name| name.split_once('.').map_or(name, |(_, column)| column));
        names.collect::<Vec<_>>().join(", ")
    };
    Some(Fault::new(match code.extended_code {
        ffi::SQLITE_CONSTRAINT_NOTNULL => {
            format!("{}: null, which the table does not allow", columns())
        }
        ffi::SQLITE_CONSTRAINT_UNIQUE
        | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
        | ffi::SQLITE_CONSTRAINT_ROWID => {
            format!(
                "{}: the table has this already, and it must be unique",
                columns()
            )
        }
        ffi::SQLITE_CONSTRAINT_CHECK => format!("the table's check '{subject}' does not hold"),
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => {
            "a foreign key of the table has no counterpart".to_owned()
        }
        _ => words(error),
    }))
}

/// Returns SQLite's message without its decoration.
pub fn words(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::SqliteFailure(_, Some(message)) => message.clone(),
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    }
}
