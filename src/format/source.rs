//! Which format a source has: said by the user, or told by its name's ending.

use std::path::{Path, PathBuf};

use crate::files::compression::COMPRESSED;
use crate::format::log::AccessFormat;

/// What `extract` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV with this delimiter.
    Csv(u8),
    /// JSON values one after the other, or in an array.
    Json,
    /// One JSON value a line.
    JsonLines,
    /// The access log of a web server.
    Access(AccessFormat),
    /// Lines of `key=value`.
    Logfmt,
}

impl Format {
    /// The names that the user may say.
    pub const NAMES: &'static str = "csv, tsv, psv, json, jsonl, common, combined, logfmt";

    /// The format of this name.
    ///
    /// # Errors
    /// There is none; the message lists them.
    pub fn named(name: &str) -> Result<Self, String> {
        Ok(match name {
            "csv" => Format::Csv(b','),
            "tsv" => Format::Csv(b'\t'),
            "psv" => Format::Csv(b'|'),
            "json" => Format::Json,
            "jsonl" | "ndjson" => Format::JsonLines,
            "common" => Format::Access(AccessFormat::Common),
            "combined" => Format::Access(AccessFormat::Combined),
            "logfmt" => Format::Logfmt,
            _ => return Err(format!("the formats are {}", Format::NAMES)),
        })
    }

    /// The one format of all these files by their endings: CSV where an ending says nothing.
    ///
    /// # Errors
    /// They differ, or an ending names what needs to be said or cannot be read.
    pub fn of_files(paths: &[PathBuf]) -> Result<Self, String> {
        let Some(first) = paths.first() else {
            return Ok(Format::Csv(b','));
        };
        let format = Format::of_file(first)?;
        for path in &paths[1..] {
            if Format::of_file(path)? != format {
                return Err(format!(
                    "'{}' and '{}' have endings of different formats; say which it is with --from",
                    first.display(),
                    path.display()
                ));
            }
        }
        Ok(format)
    }

    fn of_file(path: &Path) -> Result<Self, String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let plain = COMPRESSED
            .iter()
            .find_map(|ending| name.strip_suffix(ending))
            .unwrap_or(&name);
        let ending = plain.rsplit_once('.').map_or("", |(_, ending)| ending);
        match ending {
            "tsv" | "tab" => Ok(Format::Csv(b'\t')),
            "psv" => Ok(Format::Csv(b'|')),
            "json" => Ok(Format::Json),
            "jsonl" | "ndjson" | "jsonlines" => Ok(Format::JsonLines),
            "log" => Err(format!(
                "'{}': logs are of many formats; say which with --from (common, combined, logfmt, \
                 jsonl, csv), or give a --pattern",
                path.display()
            )),
            "xlsx" | "xls" | "ods" | "parquet" | "avro" | "orc" | "db" | "sqlite" | "xml"
            | "yaml" => Err(format!(
                "'{}': this format is not read; if it is another one, say which with --from ({})",
                path.display(),
                Format::NAMES
            )),
            _ => Ok(Format::Csv(b',')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Result<Format, String> {
        Format::of_files(&names.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

    #[test]
    fn endings_tell_the_format() {
        for (name, format) in [
            ("-", Format::Csv(b',')),
            ("passwd", Format::Csv(b',')),
            ("a.CSV.gz", Format::Csv(b',')),
            ("dir.json/a.tsv.zst", Format::Csv(b'\t')),
            ("a.json", Format::Json),
            ("a.b.ndjson.gz", Format::JsonLines),
        ] {
            assert_eq!(of(&[name]), Ok(format), "{name}");
        }
        assert!(of(&["access.log.gz"]).unwrap_err().contains("--from"));
        assert!(of(&["a.xlsx"]).unwrap_err().contains("not read"));
        assert!(of(&["a.json", "b.csv"]).unwrap_err().contains("different"));
        assert_eq!(of(&["a.json", "b.json.gz"]), Ok(Format::Json));
    }
}
