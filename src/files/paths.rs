//! The sources that the user names: files, quoted globs, standard input.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::checkpoint::SIDECAR;
use crate::stream::{Opener, Source};

use crate::files::text::ToText;

/// Returns the files that are meant. A path that does not exist and contains `*`, `?` or `[` is a glob, and becomes
/// its matches, sorted by name. Fails if a path does not exist, is a directory or matches nothing. Standard input
/// (`-`, or no path at all) is not touched.
pub fn expanded(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            found.push(path.clone());
        } else if let Some(pattern) = glob_pattern(path) {
            found.extend(matches_of(pattern)?);
        } else if metadata_of(path)?.is_dir() {
            let name = path.display();
            bail!("'{name}' is a directory; name its files, for example '{name}/*.csv'");
        } else {
            found.push(path.clone());
        }
    }
    if found.is_empty() {
        found.push(PathBuf::from("-"));
    }
    Ok(found)
}

/// Like [`expanded`], for files to resume. A directory becomes its regular files except hidden ones, sorted by
/// name. Files of checkpoints are left out. A missing file may have been rotated away, so it is no error.
pub fn expanded_to_resume(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in paths {
        if let Some(pattern) = glob_pattern(path) {
            let matches = matches_of(pattern)?;
            found.extend(matches.into_iter().filter(|path| !is_sidecar(path)));
        } else if path.is_dir() {
            found.extend(files_of(path)?);
        } else {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn metadata_of(path: &Path) -> anyhow::Result<Metadata> {
    std::fs::metadata(path).with_context(|| format!("cannot open '{}'", path.display()))
}

/// Returns the matches of a glob, except directories.
fn matches_of(pattern: &str) -> anyhow::Result<Vec<PathBuf>> {
    // As in a shell, hidden files match only if the pattern names the dot.
    let options = glob::MatchOptions {
        require_literal_leading_dot: true,
        ..glob::MatchOptions::new()
    };
    let matches = glob::glob_with(pattern, options)
        .map_err(|error| anyhow::anyhow!("'{pattern}' is no glob: {}", error.msg))?;
    let mut found = Vec::new();
    for entry in matches {
        let entry = entry.with_context(|| format!("cannot expand '{pattern}'"))?;
        if !entry.is_dir() {
            found.push(entry);
        }
    }
    match found.is_empty() {
        true => bail!("no file matches '{pattern}'"),
        false => Ok(found),
    }
}

fn files_of(directory: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let cannot = || format!("cannot read the directory '{}'", directory.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(cannot)? {
        let entry = entry.with_context(cannot)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let path = entry.path();
        if !is_hidden && path.is_file() && !is_sidecar(&path) {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Returns whether it holds the checkpoints of a file, and no data.
fn is_sidecar(path: &Path) -> bool {
    path.as_os_str()
        .as_encoded_bytes()
        .ends_with(SIDECAR.as_bytes())
}

/// Returns the path as a glob, if it is one and no file has that name.
fn glob_pattern(path: &Path) -> Option<&str> {
    path.to_str()
        .filter(|text| text.contains(['*', '?', '[']) && !path.exists())
}

/// Returns openers that open each path as text when its turn comes.
pub fn openers(paths: &[PathBuf], to_text: &ToText) -> Vec<Opener> {
    let opener = |path: &PathBuf| -> Opener {
        let (path, to_text) = (path.clone(), to_text.clone());
        Box::new(move || to_text.whole(Source::open(&path)?))
    };
    paths.iter().map(opener).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_expand_in_order() {
        let place = tempfile::tempdir().unwrap();
        for name in ["b.csv", "a.csv", "c.txt", "[x].csv", ".c"] {
            std::fs::write(place.path().join(name), "").unwrap();
        }
        let names = |pattern: &str| -> anyhow::Result<Vec<String>> {
            let found = expanded(&[place.path().join(pattern)])?;
            let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            Ok(found.iter().map(name).collect())
        };
        assert_eq!(names("?.csv").unwrap(), ["a.csv", "b.csv"]);
        assert_eq!(names("[x].csv").unwrap(), ["[x].csv"]);
        assert!(names("*c").is_err());
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
