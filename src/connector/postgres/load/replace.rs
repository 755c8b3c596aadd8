//! Replaces a table: deletes its records, or recreates it with what was attached to the old one.

use anyhow::bail;
use postgres::Client;

use crate::connector::postgres::load::schema::Definition;
use crate::connector::postgres::{Name, quoted, told, words};

/// What a table has besides columns and records, as pairs of a description and the statement that recreates it on
/// another table of the same name.
#[derive(Clone, Debug, Default)]
pub struct Attachments(Vec<(String, String)>);

/// What recreating a table would lose: `(what, a query that finds its name)`.
const IRREPLACEABLE: [(&str, &str); 21] = [
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
    (
        "the sequence",
        "SELECT c.oid::regclass::text FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'S'
         WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.classid = 'pg_class'::regclass
         AND d.deptype IN ('a', 'i')",
    ),
    ("the policy", "SELECT polname::text FROM pg_policy WHERE polrelid = $1"),
    (
        "the row security of table",
        "SELECT relname::text FROM pg_class WHERE oid = $1 AND (relrowsecurity OR relforcerowsecurity)",
    ),
    ("the rule", "SELECT rulename::text FROM pg_rewrite WHERE ev_class = $1"),
    (
        "the privileges on column",
        "SELECT attname::text FROM pg_attribute WHERE attrelid = $1 AND attacl IS NOT NULL",
    ),
    (
        "the comment on column",
        "SELECT a.attname::text FROM pg_description d JOIN pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid
         WHERE d.classoid = 'pg_class'::regclass AND d.objoid = $1 AND d.objsubid > 0",
    ),
    (
        "the comment on the constraint",
        "SELECT k.conname::text FROM pg_description d JOIN pg_constraint k ON k.oid = d.objoid
         WHERE d.classoid = 'pg_constraint'::regclass AND k.conrelid = $1",
    ),
    (
        "the comment on the index",
        "SELECT x.indexrelid::regclass::text FROM pg_description d JOIN pg_index x ON x.indexrelid = d.objoid
         WHERE d.classoid = 'pg_class'::regclass AND d.objsubid = 0 AND x.indrelid = $1",
    ),
    (
        "the storage, compression or statistics settings of column",
        "SELECT a.attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
         WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped
         AND (a.attstorage <> t.typstorage OR a.attoptions IS NOT NULL OR coalesce(a.attstattarget, -1) <> -1
              OR coalesce(to_jsonb(a)->>'attcompression', '') <> '')",
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
    (
        "the publication",
        "SELECT p.pubname::text FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid WHERE r.prrelid = $1",
    ),
    (
        "the replica identity of table",
        "SELECT relname::text FROM pg_class WHERE oid = $1 AND relreplident <> 'd'",
    ),
    ("the statistics", "SELECT stxname::text FROM pg_statistic_ext WHERE stxrelid = $1"),
    (
        "the unlogged storage of table",
        "SELECT relname::text FROM pg_class WHERE oid = $1 AND relpersistence <> 'p'",
    ),
    (
        "the storage parameters, tablespace, type or access method of table",
        "SELECT relname::text FROM pg_class WHERE oid = $1 AND (reloptions IS NOT NULL OR reltablespace <> 0 OR reloftype <> 0
         OR relam <> coalesce((SELECT a.oid FROM pg_am a WHERE a.amname = current_setting('default_table_access_method', true)), relam))",
    ),
    (
        "the clustering by index",
        "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = $1 AND indisclustered",
    ),
    (
        "the security label of table",
        "SELECT label FROM pg_seclabel WHERE classoid = 'pg_class'::regclass AND objoid = $1",
    ),
];

/// Every attachment that can be recreated, in the order of recreation: owner; constraints other than foreign keys;
/// indexes and NOT NULL; foreign keys; privileges; comment.
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
SELECT format('NOT NULL of column ''%s''', attname), format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', $2::text, attname), 2
FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND attnotnull AND NOT attisdropped
AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conrelid = $1 AND contype = 'p' AND attnum = ANY (conkey))
UNION ALL
SELECT 'the comment', format('COMMENT ON TABLE %s IS %L', $2::text, obj_description($1, 'pg_class')), 5
WHERE obj_description($1, 'pg_class') IS NOT NULL
ORDER BY 3";

impl Attachments {
    /// Reads what is attached to a table. `has_key`: a new primary key replaces the old one.
    ///
    /// # Errors
    /// Something attached to it would be lost.
    pub fn read(client: &mut Client, oid: u32, name: &Name, has_key: bool) -> anyhow::Result<Self> {
        for (what, query) in IRREPLACEABLE {
            let found = client.query(query, &[&oid]).map_err(|error| told(&error))?;
            if let Some(row) = found.first() {
                let lost: String = row.get(0);
                bail!(
                    "replacing makes table '{}' anew for other columns or types, and would lose {what} '{lost}'; change the table first, or empty it and append",
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

    /// Puts the new table in the old one's place, with everything that is attached to the old one by then. Readers
    /// are blocked only from here to the commit.
    ///
    /// # Errors
    /// Something would be lost.
    pub fn swap(
        client: &mut Client,
        oid: u32,
        (new, old): (&Name, &Name),
        has_key: bool,
    ) -> anyhow::Result<()> {
        let execute = |client: &mut Client, sql: String| {
            client.batch_execute(&sql).map_err(|error| {
                anyhow::anyhow!(
                    "table '{}' cannot be replaced: {}",
                    old.table,
                    words(&error)
                )
            })
        };
        execute(
            client,
            format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", old.sql()),
        )?;
        let attached = Self::read(client, oid, old, has_key)?;
        execute(client, format!("DROP TABLE {}", old.sql()))?;
        let name = quoted(&old.table);
        execute(
            client,
            format!("ALTER TABLE {} RENAME TO {name}", new.sql()),
        )?;
        for (what, statement) in &attached.0 {
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

/// What else a DELETE of all records would affect: `(what, a query that finds its name)`.
const HARMED: [(&str, &str); 4] = [
    (
        "the foreign server behind",
        "SELECT relname::text FROM pg_class WHERE oid = $1 AND relkind = 'f'",
    ),
    (
        "the rule",
        "SELECT rulename::text FROM pg_rewrite WHERE ev_class = $1",
    ),
    (
        "the foreign key of",
        "SELECT conrelid::regclass::text FROM pg_constraint WHERE confrelid = $1 AND contype = 'f' AND conrelid <> $1",
    ),
    (
        "the table that inherits from it,",
        "SELECT inhrelid::regclass::text FROM pg_inherits JOIN pg_class c ON c.oid = inhparent
         WHERE inhparent = $1 AND c.relkind = 'r'",
    ),
];

/// Checks that a table's records can be deleted without side effects on others.
///
/// # Errors
/// The deletion would affect others, or policies hide records from this user.
pub fn check_emptied(client: &mut Client, table: &Definition) -> anyhow::Result<()> {
    let name = &table.name.table;
    if table.has_policies {
        bail!(
            "policies decide which records of table '{name}' this user sees, so it cannot be replaced"
        );
    }
    for (what, query) in HARMED {
        let found = client
            .query(query, &[&table.oid])
            .map_err(|error| told(&error))?;
        if let Some(row) = found.first() {
            let harmed: String = row.get(0);
            bail!(
                "replacing the records of table '{name}' would touch {what} '{harmed}'; use --mode upsert, or empty it and append"
            );
        }
    }
    Ok(())
}

/// Deletes all records of a table; readers see them until the commit.
///
/// # Errors
/// A record remains, or the server refuses.
pub fn empty(client: &mut Client, name: &Name) -> anyhow::Result<()> {
    let table = name.sql();
    let run = |client: &mut Client| {
        client.execute(&format!("DELETE FROM {table}"), &[])?;
        client.query(&format!("SELECT 1 FROM {table} LIMIT 1"), &[])
    };
    let left = run(client).map_err(|error| told(&error))?;
    match left.is_empty() {
        true => Ok(()),
        false => bail!(
            "a trigger of table '{}' keeps old records, so it cannot be replaced",
            name.table
        ),
    }
}
