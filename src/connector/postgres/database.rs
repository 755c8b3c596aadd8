//! `postgresql://USER@HOST/DATABASE`.

use std::sync::Arc;

use super::load::Postgres;
use super::{checkpoint, read, shown};
use crate::connector::entry::{Connector, Database, Opening};
use crate::connector::sql::SqlSource;
use crate::load::Target;
use crate::stream::{Output, Settings, Summary};
use crate::trust::Position;

/// PostgreSQL's entry in the table.
pub const CONNECTOR: Connector = Connector {
    schemes: &["postgresql", "postgres"],
    form: "postgresql://...",
    open,
};

fn open(address: &str) -> Result<Arc<dyn Database>, String> {
    match address.contains("://") {
        true => Ok(Arc::new(Server(address.to_owned()))),
        false => Err(format!(
            "'{address}' lacks the slashes; write postgresql://USER@HOST/DATABASE"
        )),
    }
}

struct Server(String);

impl Database for Server {
    fn address(&self) -> String {
        self.0.clone()
    }

    fn shown(&self) -> String {
        shown(&self.0)
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
        let target = Postgres::open(&self.0, table, keyed, how.flow, how.wait)?;
        Ok(Box::new(target))
    }

    fn position(&self, name: &str) -> anyhow::Result<Option<Position>> {
        checkpoint::position(&self.0, name)
    }

    fn forget(&self, name: &str) -> anyhow::Result<Option<String>> {
        checkpoint::forget(&self.0, name)
    }
}
