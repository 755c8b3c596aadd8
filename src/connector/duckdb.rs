//! `duckdb:FILE` is not supported: DuckDB reads and writes CSV itself, so the error shows its own command.

use std::sync::Arc;

use super::entry::{Connector, Database};

/// DuckDB's entry in the table.
pub const CONNECTOR: Connector = Connector {
    schemes: &["duckdb"],
    form: "",
    open,
};

fn open(address: &str) -> Result<Arc<dyn Database>, String> {
    let file = address.strip_prefix("duckdb:").unwrap_or(address);
    let file = if file.is_empty() { "FILE" } else { file };
    Err(format!(
        "DuckDB's files are not supported, but DuckDB reads and writes CSV: ... | duckdb {file} \"CREATE TABLE t AS FROM read_csv('/dev/stdin')\" loads, and duckdb -csv {file} 'FROM t' | ... reads"
    ))
}
