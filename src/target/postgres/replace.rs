//! Replacing a table: what hung on the old one, made again for the new one.

use anyhow::bail;
use postgres::Client;

use crate::database::postgres::{Name, quoted};
use crate::database::postgres::{told, words};

/// What a table had beside columns and records, as the statements that give it to another table
/// of the same name.
#[derive(Clone, Debug, Default)]
pub struct Attachments(Vec<(String, String)>);

/// What would be lost, as far as there is any of it: `(what, a query that finds its name)`.
const IRREPLACEABLE: [(&str, &str); 8] = [
    ("the trigger", "SELECT tgname::text FROM pg_trigger WHERE tgrelid = $1 AND NOT tgisinternal"),
    (
        "the default or computation of column",
        "SELECT a.attname::text FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
         WHERE d.adrelid = $1",
    ),
    (
        "the identity of column",
        "SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = $1 AND coalesce(to_jsonb(a)->>'attidentity', '') <> ''",
    ),
    ("the policy", "SELECT polname::text FROM pg_policy WHERE polrelid = $1"),
    ("the rule", "SELECT rulename::text FROM pg_rewrite WHERE ev_class = $1"),
    (
        "the privileges on column",
        "SELECT attname::text FROM pg_attribute WHERE attrelid = $1 AND attacl IS NOT NULL",
    ),
    (
        "the inheritance with table",
        "SELECT (CASE WHEN inhrelid = $1 THEN inhparent ELSE inhrelid END)::regclass::text
         FROM pg_inherits WHERE $1 IN (inhrelid, inhparent)",
    ),
    (
        "the partitions or the foreign server behind",
        "SELECT relname::text FROM pg_class WHERE oid = $1 AND relkind <> 'r'",
    ),
];

/// Every attachment that can be made again, in the order in which it is: owner, constraints but
/// the foreign keys, indexes, foreign keys, privileges, comment.
const ATTACHED: &str = "
SELECT 'the owner', format('ALTER TABLE %s OWNER TO %I', $2::text, pg_get_userbyid(relowner)), 0
FROM pg_class WHERE oid = $1 AND relowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
UNION ALL
SELECT format('the constraint ''%s''', conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s', $2::text, conname, pg_get_constraintdef(oid)),
       CASE WHEN contype = 'f' THEN 3 ELSE 1 END
FROM pg_constraint WHERE conrelid = $1 AND contype IN ('p', 'u', 'c', 'x', 'f') AND NOT (contype = 'p' AND $3::bool)
UNION ALL
SELECT format('the index ''%s''', c.relname), pg_get_indexdef(i.indexrelid), 2
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = $1 AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid AND conrelid = $1)
UNION ALL
SELECT format('the privilege %s of %s', p.privilege_type, CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(p.grantee) END),
       format('GRANT %s ON %s TO %s%s', p.privilege_type, $2::text,
              CASE p.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(p.grantee)) END,
              CASE WHEN p.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END), 4
FROM pg_class c, aclexplode(c.relacl) p WHERE c.oid = $1 AND p.grantee <> c.relowner
UNION ALL
SELECT 'the comment', format('COMMENT ON TABLE %s IS %L', $2::text, obj_description($1, 'pg_class')), 5
WHERE obj_description($1, 'pg_class') IS NOT NULL
ORDER BY 3";

impl Attachments {
    /// What hangs on a table. `has_key`: its primary key gives way to a new one.
    ///
    /// # Errors
    /// Something hangs on it that would be lost.
    pub fn read(client: &mut Client, oid: u32, name: &Name, has_key: bool) -> anyhow::Result<Self> {
        for (what, query) in IRREPLACEABLE {
            let found = client.query(query, &[&oid]).map_err(|error| told(&error))?;
            if let Some(row) = found.first() {
                let lost: String = row.get(0);
                bail!(
                    "replacing makes table '{}' anew, and would lose {what} '{lost}'; empty it and append instead",
                    name.table
                );
            }
        }
        let rows = client
            .query(ATTACHED, &[&oid, &name.sql(), &has_key])
            .map_err(|error| told(&error))?;
        Ok(Attachments(
            rows.iter().map(|row| (row.get(0), row.get(1))).collect(),
        ))
    }

    /// Puts the new table in the old one's place, and gives it all that the old one had. Readers
    /// wait from here to the commit, and not before.
    pub fn swap(&self, client: &mut Client, new: &Name, old: &Name) -> anyhow::Result<()> {
        client
            .batch_execute(&format!("DROP TABLE {}", old.sql()))
            .map_err(|error| {
                anyhow::anyhow!(
                    "table '{}' cannot be replaced: {}",
                    old.table,
                    words(&error)
                )
            })?;
        client
            .batch_execute(&format!(
                "ALTER TABLE {} RENAME TO {}",
                new.sql(),
                quoted(&old.table)
            ))
            .map_err(|error| told(&error))?;
        for (what, statement) in &self.0 {
            client.batch_execute(statement).map_err(|error| {
                anyhow::anyhow!(
                    "table '{}' cannot keep {what}: {}",
                    old.table,
                    words(&error)
                )
            })?;
        }
        Ok(())
    }
}
