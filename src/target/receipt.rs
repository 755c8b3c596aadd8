//! What a load says when it is done: one record on standard output.

use crate::record::{Header, field};

/// What was done, in figures that add up: `records = inserted + updated + rejected + ignored`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The target, without any password.
    pub target: String,
    /// The table; a file has none.
    pub table: Option<String>,
    /// What happened to the target: `create`, `append`, `insert`, `replace` or `upsert`; empty if nothing
    /// was made.
    pub mode: &'static str,
    /// Records read.
    pub records: u64,
    /// Records that were added.
    pub inserted: u64,
    /// Records that took the place of one with the same key.
    pub updated: u64,
    /// Records set aside.
    pub rejected: u64,
    /// Records that the stages before have set aside; none where a foreign one does not say.
    pub rejected_upstream: Option<u64>,
    /// Records that the table did not take: those that `insert` found there, and those that a trigger or a
    /// conflict clause of the table dropped.
    pub ignored: u64,
}

impl Receipt {
    /// Appends it as a stream of its own: a header and a record.
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
