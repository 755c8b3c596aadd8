//! The formats that are written.

use std::str::FromStr;

/// How records are written if not to a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The stream itself.
    Csv,
    /// The stream with tabs.
    Tsv,
    /// One JSON object per line.
    Jsonl,
    /// One JSON array of objects.
    Json,
    /// A Markdown table.
    Markdown,
    /// A table for people to read.
    Table,
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "csv" => Ok(Format::Csv),
            "tsv" => Ok(Format::Tsv),
            "jsonl" | "ndjson" => Ok(Format::Jsonl),
            "json" => Ok(Format::Json),
            "markdown" | "md" => Ok(Format::Markdown),
            "table" => Ok(Format::Table),
            _ => Err("the formats are csv, tsv, jsonl, json, markdown and table".to_owned()),
        }
    }
}
