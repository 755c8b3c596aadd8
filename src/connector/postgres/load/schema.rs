//! Tables of PostgreSQL: their definitions, and the types of new ones.

use anyhow::bail;
use postgres::Client;

use crate::connector::postgres::{Name, told};
use crate::load::nearest_of;
use crate::record::Header;
use crate::schema::types::{ColumnKind, ColumnType};

use crate::connector::postgres::load::typed::{Typed, rule};

/// An existing table.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Its OID.
    pub oid: u32,
    /// Its schema and name.
    pub name: Name,
    /// Whether row-level security hides records from this user, or rejects them.
    pub has_policies: bool,
    columns: Vec<Declared>,
}

#[derive(Clone, Debug, PartialEq)]
struct Declared {
    name: String,
    typed: Typed,
    /// The table computes its value; none can be given.
    is_computed: bool,
    /// It gets a value if none is given.
    has_default: bool,
    is_not_null: bool,
}

impl Definition {
    /// Reads the table of this name; None if it does not exist.
    ///
    /// # Errors
    /// The name belongs to something else; the schema does not exist.
    pub fn read(client: &mut Client, name: &Name) -> anyhow::Result<Option<Self>> {
        if let Some(schema) = &name.schema {
            let found = client
                .query(
                    "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1",
                    &[schema],
                )
                .map_err(|error| told(&error))?;
            if found.is_empty() {
                bail!("there is no schema '{schema}'");
            }
        }
        let row = client
            .query_opt(
                "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text, row_security_active(c.oid)
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
                 WHERE c.oid = pg_catalog.to_regclass($1)",
                &[&name.sql()],
            )
            .map_err(|error| told(&error))?;
        let Some(row) = row else {
            return Ok(None);
        };
        let kind: String = row.get(3);
        match kind.as_str() {
            "r" | "p" | "f" => {}
            "v" | "m" => bail!("'{}' is a view; load writes tables", name.shown()),
            _ => bail!("'{}' is no table", name.shown()),
        }
        let oid = row.get(0);
        Ok(Some(Definition {
            oid,
            name: Name {
                schema: Some(row.get(1)),
                table: row.get(2),
            },
            has_policies: row.get(4),
            columns: columns(client, oid).map_err(|error| told(&error))?,
        }))
    }

    /// Reads the table again, now that it is locked, and compares.
    ///
    /// # Errors
    /// The table has changed.
    pub fn check_again(&self, client: &mut Client) -> anyhow::Result<()> {
        match Self::read(client, &self.name)? {
            Some(now) if now == *self => Ok(()),
            _ => bail!(
                "table '{}' was changed by another session while the records were read; run this again",
                self.name.shown()
            ),
        }
    }

    /// Returns what each of the stream's columns may hold.
    ///
    /// # Errors
    /// The table lacks a column, or computes it.
    pub fn typed_for(&self, header: &Header) -> anyhow::Result<Vec<Typed>> {
        let mut typed = Vec::new();
        for name in header.names() {
            let Some(column) = self.columns.iter().find(|column| column.name == *name) else {
                let names: Vec<String> = self.columns.iter().map(|c| c.name.clone()).collect();
                bail!(
                    "table '{}' has no column '{name}': {}",
                    self.name.table,
                    nearest_of(name, &names)
                );
            };
            if column.is_computed {
                bail!(
                    "table '{}' computes its column '{name}' by itself",
                    self.name.table
                );
            }
            typed.push(column.typed.clone());
        }
        Ok(typed)
    }

    /// Returns whether the stream has all of the table's columns and no others, apart from those that the table
    /// computes or has a default for.
    pub fn has_columns_of(&self, header: &Header) -> bool {
        let is_known = |name: &String| {
            let mut columns = self.columns.iter();
            columns.any(|column| column.name == *name && !column.is_computed)
        };
        let is_given = |column: &Declared| {
            column.is_computed || column.has_default || header.position(&column.name).is_some()
        };
        header.names().iter().all(is_known) && self.columns.iter().all(is_given)
    }

    /// Returns whether the stream lacks a column that the table requires.
    pub fn is_part(&self, header: &Header) -> bool {
        let is_missing = |column: &Declared| {
            column.is_not_null
                && !column.has_default
                && !column.is_computed
                && header.position(&column.name).is_none()
        };
        self.columns.iter().any(is_missing)
    }
}

/// Returns the columns of a table. Domains are resolved to their base types; newer catalog columns are read through
/// `to_jsonb`, so that the query works on older servers.
fn columns(client: &mut Client, oid: u32) -> Result<Vec<Declared>, postgres::Error> {
    let rows = client.query(
        "WITH RECURSIVE walk AS (
             SELECT attnum, atttypid AS type, atttypmod AS modifier
             FROM pg_catalog.pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped
             UNION ALL
             SELECT w.attnum, t.typbasetype, t.typtypmod
             FROM walk w JOIN pg_catalog.pg_type t ON t.oid = w.type WHERE t.typtype = 'd')
         SELECT a.attname::text, b.typname::text, w.modifier,
                coalesce(to_jsonb(a)->>'attgenerated', '') <> '' OR coalesce(to_jsonb(a)->>'attidentity', '') = 'a',
                ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder),
                a.atttypid = b.oid,
                b.typnamespace = 'pg_catalog'::regnamespace OR b.typtype <> 'b' OR b.typcategory = 'A',
                pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.format_type(b.oid, NULL),
                b.typcategory = 'A', b.typtype::text,
                a.atthasdef OR coalesce(to_jsonb(a)->>'attidentity', '') <> '', a.attnotnull
         FROM pg_catalog.pg_attribute a
         JOIN walk w ON w.attnum = a.attnum
         JOIN pg_catalog.pg_type b ON b.oid = w.type AND b.typtype <> 'd'
         WHERE a.attrelid = $1
         ORDER BY a.attnum",
        &[&oid],
    )?;
    let declared = |row: &postgres::Row| {
        let known = crate::connector::postgres::load::typed::Declaration {
            name: row.get(1),
            modifier: row.get(2),
            labels: row.get(4),
            is_base: row.get(5),
            is_of_server: row.get(6),
            full: row.get(7),
            bare: row.get(8),
            is_list: row.get(9),
            class: row.get(10),
        };
        Declared {
            name: row.get(0),
            typed: rule(known),
            is_computed: row.get(3),
            has_default: row.get(11),
            is_not_null: row.get(12),
        }
    };
    Ok(rows.iter().map(declared).collect())
}

/// Returns the type for a column as found, and why it is text if its values look like another type.
pub fn type_of(found: ColumnType) -> (&'static str, ColumnKind, Option<&'static str>) {
    match found.kind {
        ColumnKind::Text => ("text", ColumnKind::Text, None),
        ColumnKind::Boolean => ("boolean", ColumnKind::Boolean, None),
        ColumnKind::Integer => ("bigint", ColumnKind::Integer, None),
        ColumnKind::Double if found.survives_double => {
            ("double precision", ColumnKind::Double, None)
        }
        ColumnKind::Decimal | ColumnKind::Double if found.is_huge => (
            "text",
            ColumnKind::Text,
            Some("its numbers have thousands of digits"),
        ),
        ColumnKind::Decimal | ColumnKind::Double => ("numeric", ColumnKind::Decimal, None),
        ColumnKind::Date => ("date", ColumnKind::Date, None),
        ColumnKind::Civil | ColumnKind::Instant if !found.fits_microseconds => (
            "text",
            ColumnKind::Text,
            Some("its times are finer than a microsecond"),
        ),
        ColumnKind::Civil => ("timestamp", ColumnKind::Civil, None),
        ColumnKind::Instant => ("timestamptz", ColumnKind::Instant, None),
    }
}
