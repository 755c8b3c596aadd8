//! Tables of PostgreSQL: what is there, and how it is made.

use anyhow::bail;
use postgres::Client;

use crate::database::postgres::{Name, told};
use crate::record::Header;
use crate::target::nearest_of;
use crate::target::rule::{Digits, Rule};
use crate::target::types::{Found, Kind};

use super::binary::Form;

/// A table that is there.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The server's number for it.
    pub oid: u32,
    /// Its schema and name.
    pub name: Name,
    columns: Vec<Declared>,
}

#[derive(Clone, Debug)]
struct Declared {
    name: String,
    rule: Rule,
    form: Option<Form>,
    is_computed: bool,
}

impl Definition {
    /// The table of this name, if there is one.
    ///
    /// # Errors
    /// The name is that of something else; there is no such schema.
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
                "SELECT c.oid, n.nspname::text, c.relname::text, c.relkind::text
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
            columns: columns(client, oid).map_err(|error| told(&error))?,
        }))
    }

    /// What each of the stream's columns may hold, and its binary form.
    ///
    /// # Errors
    /// The table has no such column, or it computes it by itself.
    pub fn rules_for(&self, header: &Header) -> anyhow::Result<Vec<(Rule, Option<Form>)>> {
        let mut rules = Vec::new();
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
            rules.push((column.rule.clone(), column.form));
        }
        Ok(rules)
    }
}

/// The columns of a table. Domains are seen as what they are made of; the newer catalog columns
/// are asked for in a way that older servers understand.
fn columns(client: &mut Client, oid: u32) -> Result<Vec<Declared>, postgres::Error> {
    let rows = client.query(
        "SELECT a.attname::text, b.typname::text,
                CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END,
                coalesce(to_jsonb(a)->>'attgenerated', '') <> '' OR coalesce(to_jsonb(a)->>'attidentity', '') = 'a',
                ARRAY(SELECT e.enumlabel::text FROM pg_catalog.pg_enum e WHERE e.enumtypid = b.oid ORDER BY e.enumsortorder),
                t.typtype = 'b'
         FROM pg_catalog.pg_attribute a
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
         JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
         WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
         ORDER BY a.attnum",
        &[&oid],
    )?;
    let declared = |row: &postgres::Row| {
        let type_name: String = row.get(1);
        let is_base: bool = row.get(5);
        Declared {
            name: row.get(0),
            rule: rule(&type_name, row.get(2), row.get(4)),
            form: Form::of(&type_name).filter(|_| is_base),
            is_computed: row.get(3),
        }
    };
    Ok(rows.iter().map(declared).collect())
}

/// The rule for a type by its catalog name and modifier (-1 for none).
fn rule(name: &str, modifier: i32, labels: Vec<String>) -> Rule {
    let places = match modifier {
        -1 => 6,
        places => places as usize,
    };
    let integer = |least: i64, most: i64| Rule::Integer { least, most };
    match name {
        _ if !labels.is_empty() => Rule::Label(labels),
        "int2" => integer(i16::MIN.into(), i16::MAX.into()),
        "int4" => integer(i32::MIN.into(), i32::MAX.into()),
        "int8" => integer(i64::MIN, i64::MAX),
        "numeric" if modifier < 4 => Rule::Numeric(None),
        // How numeric packs precision and an 11-bit signed scale: its source, `make_numeric_typmod`.
        "numeric" => Rule::Numeric(Some(Digits {
            precision: i64::from((modifier - 4) >> 16 & 0xFFFF),
            scale: i64::from(((modifier - 4) & 0x7FF) ^ 1024) - 1024,
        })),
        "float8" => Rule::Double,
        "float4" => Rule::Single,
        "bool" => Rule::Boolean,
        "date" => Rule::Date,
        "timestamp" => Rule::Civil { places },
        "timestamptz" => Rule::Instant { places },
        "varchar" | "bpchar" if modifier >= 4 => Rule::Length(modifier as usize - 4),
        "uuid" => Rule::Uuid,
        "json" | "jsonb" => Rule::Json,
        _ => Rule::Text,
    }
}

/// The type for what a column was found to be, and why it is text where it looks like more.
pub fn type_of(found: Found) -> (&'static str, Kind, Option<&'static str>) {
    match found.kind {
        Kind::Text => ("text", Kind::Text, None),
        Kind::Boolean => ("boolean", Kind::Boolean, None),
        Kind::Integer => ("bigint", Kind::Integer, None),
        Kind::Double if found.survives_double => ("double precision", Kind::Double, None),
        Kind::Decimal | Kind::Double if found.is_huge => (
            "text",
            Kind::Text,
            Some("its numbers have thousands of digits"),
        ),
        Kind::Decimal | Kind::Double => ("numeric", Kind::Decimal, None),
        Kind::Date => ("date", Kind::Date, None),
        Kind::Civil | Kind::Instant if !found.fits_microseconds => (
            "text",
            Kind::Text,
            Some("its times are finer than a microsecond"),
        ),
        Kind::Civil => ("timestamp", Kind::Civil, None),
        Kind::Instant => ("timestamptz", Kind::Instant, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modifiers_are_read() {
        let digits = |precision, scale| Rule::Numeric(Some(Digits { precision, scale }));
        assert_eq!(
            rule("numeric", (10 << 16 | 2) + 4, Vec::new()),
            digits(10, 2)
        );
        assert_eq!(
            rule("numeric", (4 << 16 | 0x7FE) + 4, Vec::new()),
            digits(4, -2)
        );
        assert_eq!(rule("varchar", 24, Vec::new()), Rule::Length(20));
    }
}
