//! What the user names as sources: files, quoted globs, standard input.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::stream::{Opener, Source};

use super::compression::decompressed;
use super::lead::Lead;

/// The files that are meant: a path that does not exist and holds `*`, `?` or `[` is a glob, and
/// becomes what it matches, sorted by name. An error where one does not exist, matches nothing, or
/// is a directory; standard input (`-`, or no path at all) is not touched.
pub fn expanded(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(path.clone());
        } else if let (Some(pattern), false) = (glob_pattern(path), path.exists()) {
            let before = found.len();
            let matches = glob::glob(pattern)
                .map_err(|error| anyhow::anyhow!("'{pattern}' is no glob: {}", error.msg))?;
            for entry in matches {
                let entry = entry.with_context(|| format!("cannot expand '{pattern}'"))?;
                if !entry.is_dir() {
                    found.push(entry);
                }
            }
            if found.len() == before {
                bail!("no file matches '{pattern}'");
            }
        } else {
            let name = path.display();
            let metadata =
                std::fs::metadata(path).with_context(|| format!("cannot open '{name}'"))?;
            if metadata.is_dir() {
                bail!("'{name}' is a directory; name its files, for example '{name}/*.csv'");
            }
            found.push(path.clone());
        }
    }
    if found.is_empty() {
        found.push(PathBuf::from("-"));
    }
    Ok(found)
}

fn glob_pattern(path: &Path) -> Option<&str> {
    path.to_str().filter(|text| text.contains(['*', '?', '[']))
}

/// Opens each of these when its turn comes, decompressed, without the lines to be passed over.
pub fn openers(paths: &[PathBuf], lead: Lead) -> Vec<Opener> {
    paths
        .iter()
        .map(|path| -> Opener {
            let path = path.clone();
            Box::new(move || Ok(lead.passed_over(decompressed(Source::open(&path)?)?)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_expand_in_order() {
        let place = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "c.txt", "[x].csv"] {
            std::fs::write(place.path().join(name), "").unwrap();
        }
        let names = |pattern: &str| -> anyhow::Result<Vec<String>> {
            let found = expanded(&[place.path().join(pattern)])?;
            let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            Ok(found.iter().map(name).collect())
        };
        assert_eq!(names("?.csv").unwrap(), ["a.csv", "b.csv"]);
        assert_eq!(names("[x].csv").unwrap(), ["[x].csv"]);
        assert!(
            names("*.json")
                .unwrap_err()
                .to_string()
                .starts_with("no file matches")
        );
        assert!(
            names("d.csv")
                .unwrap_err()
                .to_string()
                .starts_with("cannot open")
        );
        assert!(
            names("")
                .unwrap_err()
                .to_string()
                .contains("is a directory")
        );
    }
}
