//! A table or a query of a database as a source.

use std::path::PathBuf;
use std::sync::Arc;

use super::entry::Database;
use crate::connector::address::Location;
use crate::stream::{Output, Settings, Summary};

use crate::connector::sql::{ByKey, Key, Relation, SqlSource};
use crate::record::List;

/// A relation to read, and its database.
#[derive(Clone, Debug)]
pub struct Query {
    /// The database.
    pub database: Arc<dyn Database>,
    /// The table or query that is read.
    pub relation: Relation,
}

impl Query {
    /// Parses a source's address, with the table or query that the user gave in options; None if it is not the
    /// address of a database.
    ///
    /// # Errors
    /// Returns, in words, how the usage is wrong.
    pub fn parse(
        source: &str,
        table: Option<&str>,
        query: Option<&str>,
    ) -> Result<Option<Self>, String> {
        let (Location::Database(database), behind) = Location::parse(source)? else {
            return Ok(None);
        };
        let relation = match (behind, table, query) {
            (_, Some(""), _) => return Err("--table needs a name".to_owned()),
            (Some(behind), Some(table), _) if behind != table => {
                return Err(format!(
                    "two tables are named: '{behind}' behind the # and '{table}' by --table"
                ));
            }
            (None, None, Some(query)) => Relation::Query(query.to_owned()),
            (Some(table), _, Some(_)) | (_, Some(table), Some(_)) => {
                return Err(format!(
                    "a table '{table}' and a --query are named; name one of them"
                ));
            }
            (Some(table), _, None) | (None, Some(table), None) => Relation::Table(table.to_owned()),
            (None, None, None) => {
                return Err("which records? Give --table NAME or --query 'SELECT ...'".to_owned());
            }
        };
        Ok(Some(Query { database, relation }))
    }

    /// Returns the file that is read, if the database is a file.
    pub fn file(&self) -> Option<PathBuf> {
        self.database.file().map(PathBuf::from)
    }

    /// Reads all records and writes the stream to `output`, the header at once. With `growing`, reads only records
    /// whose key, the column of that name, is greater than any that was loaded, in the order of the key.
    ///
    /// # Errors
    /// The database cannot be reached or refuses; the columns differ from those that were asked for; the key is
    /// unusable.
    pub fn run(
        &self,
        list: Option<&List<'_>>,
        growing: Option<ByKey<'_>>,
        settings: &Settings,
        output: &mut Output,
    ) -> anyhow::Result<Summary> {
        let reading = SqlSource {
            relation: &self.relation,
            list,
            key: match growing {
                Some(how) => Some(Key::new(how)?),
                None => None,
            },
        };
        self.database.read(reading, settings, output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_relation_is_named() {
        let relation =
            |source, table, query| Query::parse(source, table, query).map(|q| q.unwrap().relation);
        let table = |name: &str| Ok(Relation::Table(name.to_owned()));
        assert_eq!(relation("sqlite:a.db#t", None, None), table("t"));
        assert_eq!(relation("sqlite:a.db#t", Some("t"), None), table("t"));
        assert_eq!(relation("postgres://h/d", Some("s.t"), None), table("s.t"));
        assert_eq!(
            relation("sqlite:a.db", None, Some("select 1")),
            Ok(Relation::Query("select 1".to_owned()))
        );
        for (source, table, query, words) in [
            ("sqlite:a.db", None, None, "which records"),
            ("sqlite:a.db#t", Some("u"), None, "two tables"),
            ("sqlite:a.db#t", None, Some("select 1"), "one of them"),
            ("sqlite:a.db", Some("t"), Some("select 1"), "one of them"),
            ("sqlite:a.db", Some(""), None, "needs a name"),
        ] {
            let error = relation(source, table, query).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }
}
