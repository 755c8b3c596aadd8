//! What a load reports when it is done: one record on standard output, or a sentence on a terminal.

use crate::record::{Header, counted, field};

/// The result in numbers that add up: `records = inserted + updated + rejected + ignored`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The target, without a password.
    pub target: String,
    /// The table; a file has none.
    pub table: Option<String>,
    /// What happened to the target: `create`, `append`, `insert`, `replace` or `upsert`; empty if nothing was
    /// created or changed.
    pub mode: &'static str,
    /// Records read.
    pub records: u64,
    /// Records that were added.
    pub inserted: u64,
    /// Records that replaced one with the same key.
    pub updated: u64,
    /// Records set aside.
    pub rejected: u64,
    /// Records that upstream stages set aside; None if a foreign program upstream does not report them.
    pub rejected_upstream: Option<u64>,
    /// Records that the table ignored: those that `insert` found there, and those that a trigger or a conflict
    /// clause of the table dropped.
    pub ignored: u64,
}

impl Receipt {
    /// Returns the receipt as a line for people: `loaded 3 records into table 'orders' of sqlite:shop.db
    /// (created)`.
    pub fn sentence(&self) -> String {
        let target = match &self.table {
            Some(table) => format!("table '{table}' of {}", self.target),
            None => format!("'{}'", self.target),
        };
        let loaded = counted((self.inserted + self.updated) as usize, "record");
        let mut text = format!("loaded {loaded} into {target}");
        let how = match self.mode {
            "create" => "created".to_owned(),
            "append" => "appended".to_owned(),
            "insert" => "inserted".to_owned(),
            "replace" => "replaced".to_owned(),
            "upsert" => format!("{} added, {} updated", self.inserted, self.updated),
            other => other.to_owned(),
        };
        if !how.is_empty() {
            text.push_str(&format!(" ({how})"));
        }
        let upstream = self.rejected_upstream.unwrap_or_default();
        match (self.rejected, upstream) {
            (0, 0) => {}
            (here, 0) => text.push_str(&format!("; {here} rejected")),
            (here, upstream) => text.push_str(&format!(
                "; {} rejected ({upstream} by the programs before)",
                here + upstream
            )),
        }
        if self.ignored > 0 {
            text.push_str(&format!("; {} ignored", self.ignored));
        }
        text.push('\n');
        text
    }

    /// Appends the receipt as a header and a record.
    pub fn write(&self, out: &mut Vec<u8>) {
        let names = [
            "target",
            "table",
            "mode",
            "records",
            "inserted",
            "updated",
            "rejected",
            "rejected_upstream",
            "ignored",
        ];
        Header::new(names.map(String::from).to_vec()).write(b',', out);
        field::push_text(self.target.as_bytes(), b',', out);
        out.push(b',');
        if let Some(table) = &self.table {
            field::push_text(table.as_bytes(), b',', out);
        }
        let Receipt {
            mode,
            records,
            inserted,
            updated,
            rejected,
            ignored,
            ..
        } = self;
        out.extend_from_slice(
            format!(",{mode},{records},{inserted},{updated},{rejected},").as_bytes(),
        );
        if let Some(upstream) = self.rejected_upstream {
            out.extend_from_slice(upstream.to_string().as_bytes());
        }
        out.extend_from_slice(format!(",{ignored}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_gets_a_sentence() {
        let table = Receipt {
            target: "sqlite:shop.db".to_owned(),
            table: Some("orders".to_owned()),
            mode: "create",
            records: 3,
            inserted: 3,
            rejected_upstream: Some(0),
            ..Receipt::default()
        };
        let created = "loaded 3 records into table 'orders' of sqlite:shop.db (created)\n";
        assert_eq!(table.sentence(), created);
        let upsert = Receipt {
            mode: "upsert",
            updated: 2,
            rejected: 1,
            ..table.clone()
        };
        let updated = "loaded 5 records into table 'orders' of sqlite:shop.db (3 added, 2 updated); 1 rejected\n";
        assert_eq!(upsert.sentence(), updated);
        let file = Receipt {
            target: "out.csv".to_owned(),
            table: None,
            mode: "append",
            inserted: 1,
            rejected: 1,
            rejected_upstream: Some(4),
            ..table
        };
        let appended =
            "loaded 1 record into 'out.csv' (appended); 5 rejected (4 by the programs before)\n";
        assert_eq!(file.sentence(), appended);
    }
}
