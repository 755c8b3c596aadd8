//! Which format a source has: named by the user, or told by the ending of its name.

use std::path::{Path, PathBuf};

use crate::files::compression::COMPRESSED;
use crate::format::entry::Format;
use crate::format::{csv, fixed, json, log, logfmt};

/// The formats of all families, in the order of the help.
static FORMATS: [&[Format]; 5] = [
    csv::FORMATS,
    json::FORMATS,
    log::FORMATS,
    logfmt::FORMATS,
    fixed::FORMATS,
];

/// Returns every format once.
pub fn all() -> impl Iterator<Item = &'static Format> {
    FORMATS.iter().flat_map(|family| family.iter())
}

impl Format {
    /// Returns the names of all formats, for help and messages.
    pub fn names() -> String {
        let names: Vec<&str> = all().map(|format| format.name).collect();
        names.join(", ")
    }

    /// Returns the format of this name.
    ///
    /// # Errors
    /// No format has this name; the message lists the names.
    pub fn named(name: &str) -> Result<&'static Self, String> {
        let is_it = |format: &&Format| format.name == name || format.aliases.contains(&name);
        all()
            .find(is_it)
            .ok_or_else(|| format!("the formats are {}", Format::names()))
    }

    /// Returns the one format of all these files by their endings; CSV if an ending says nothing.
    ///
    /// # Errors
    /// The formats differ, or an ending is ambiguous or not supported.
    pub fn of_files(paths: &[PathBuf]) -> Result<&'static Self, String> {
        let Some(first) = paths.first() else {
            return Format::named("csv");
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

    fn of_file(path: &Path) -> Result<&'static Self, String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_ascii_lowercase();
        let plain = COMPRESSED
            .iter()
            .find_map(|ending| name.strip_suffix(ending))
            .unwrap_or(&name);
        let ending = plain.rsplit_once('.').map_or("", |(_, ending)| ending);
        if let Some(format) = all().find(|format| format.endings.contains(&ending)) {
            return Ok(format);
        }
        match ending {
            "log" => Err(format!(
                "'{}': logs are of many formats; say which with --from (common, combined, logfmt, \
                 jsonl, csv), or give a --pattern",
                path.display()
            )),
            "xlsx" | "xls" | "ods" | "parquet" | "avro" | "orc" | "db" | "sqlite" | "xml"
            | "yaml" => Err(format!(
                "'{}': this format is not read; if it is another one, say which with --from ({})",
                path.display(),
                Format::names()
            )),
            _ => Format::named("csv"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Result<&'static str, String> {
        let paths: Vec<PathBuf> = names.iter().map(PathBuf::from).collect();
        Format::of_files(&paths).map(|format| format.name)
    }

    #[test]
    fn endings_tell_the_format() {
        for (name, format) in [
            ("-", "csv"),
            ("passwd", "csv"),
            ("a.CSV.gz", "csv"),
            ("dir.json/a.tsv.zst", "tsv"),
            ("a.json", "json"),
            ("a.b.ndjson.gz", "jsonl"),
        ] {
            assert_eq!(of(&[name]), Ok(format), "{name}");
        }
        assert!(of(&["access.log.gz"]).unwrap_err().contains("--from"));
        assert!(of(&["a.xlsx"]).unwrap_err().contains("not read"));
        assert!(of(&["a.json", "b.csv"]).unwrap_err().contains("different"));
        assert_eq!(of(&["a.json", "b.json.gz"]), Ok("json"));
    }

    #[test]
    fn names_are_said_once() {
        let mut names: Vec<&str> = all()
            .flat_map(|format| [&[format.name], format.aliases].concat())
            .collect();
        let mut flags: Vec<&str> = all()
            .flat_map(|format| format.flags)
            .map(|flag| flag.name)
            .collect();
        for said in [&mut names, &mut flags] {
            let count = said.len();
            said.sort_unstable();
            said.dedup();
            assert_eq!(said.len(), count, "{said:?}");
        }
    }
}
