//! Opens SQLite files for reading.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rusqlite::{Connection, OpenFlags};

use crate::connector::sqlite::told;

/// How long to wait for another program's lock.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Opens an existing database read-only.
///
/// # Errors
/// The file does not exist or cannot be read.
pub fn open_to_read(path: &Path) -> anyhow::Result<Connection> {
    let name = path.display().to_string();
    // An absolute path is never taken for a URI.
    let path = path
        .canonicalize()
        .with_context(|| format!("cannot open '{name}'"))?;
    if path.is_dir() {
        bail!("'{name}' is a directory");
    }
    // SQLite does not say why it cannot open a file.
    std::fs::File::open(&path).with_context(|| format!("cannot open '{name}'"))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection =
        Connection::open_with_flags(&path, flags).map_err(|error| told(error, &name))?;
    connection
        .busy_timeout(PATIENCE)
        .map_err(|error| told(error, &name))?;
    Ok(connection)
}
