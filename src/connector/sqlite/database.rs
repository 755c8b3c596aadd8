//! `sqlite:FILE`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::load::Sqlite;
use super::{checkpoint, read};
use crate::connector::entry::{Connector, Database, Opening};
use crate::connector::sql::SqlSource;
use crate::load::Target;
use crate::stream::{Output, Settings, Summary};
use crate::trust::Position;

/// SQLite's entry in the table.
pub const CONNECTOR: Connector = Connector {
    schemes: &["sqlite"],
    form: "sqlite:FILE",
    open,
};

/// Refuses `sqlite://`, because libraries disagree on how many slashes belong to the path, and databases in memory,
/// which would be lost when the program ends.
fn open(address: &str) -> Result<Arc<dyn Database>, String> {
    let file = address.strip_prefix("sqlite:").unwrap_or(address);
    match file {
        "" => Err("give the database's file: sqlite:FILE".to_owned()),
        ":memory:" => Err(
            "a database in memory is gone when the program ends; give a file: sqlite:FILE"
                .to_owned(),
        ),
        _ if file.starts_with("//") => {
            let path = file.trim_start_matches('/');
            Err(format!(
                "write sqlite:{path} for a file from here on, sqlite:/{path} for one from the root"
            ))
        }
        _ => Ok(Arc::new(File(PathBuf::from(file)))),
    }
}

struct File(PathBuf);

impl Database for File {
    fn address(&self) -> String {
        self.shown()
    }

    fn shown(&self) -> String {
        format!("sqlite:{}", self.0.display())
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.0)
    }

    fn read(
        &self,
        reading: SqlSource<'_>,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        read::extract(&self.0, reading, settings, output)
    }

    fn load(&self, table: &str, how: &Opening<'_>) -> anyhow::Result<Box<dyn Target>> {
        let keyed = (how.mode, how.key);
        let target = Sqlite::open(&self.0, table, keyed, how.flow, how.wait)?;
        Ok(Box::new(target))
    }

    fn position(&self, name: &str) -> anyhow::Result<Option<Position>> {
        checkpoint::position(&self.0, name)
    }

    fn forget(&self, name: &str) -> anyhow::Result<Option<String>> {
        checkpoint::forget(&self.0, name)
    }
}
