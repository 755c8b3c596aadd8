//! A file that appears whole or not at all.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::Context;
use tempfile::NamedTempFile;

use super::Output;

/// Written under another name in the same directory, and renamed when all is well; dropped
/// without a trace when not.
pub struct AsideFile {
    temporary: NamedTempFile,
    path: PathBuf,
    output: Output,
}

impl AsideFile {
    /// Prepares to write `path`.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let naming = || format!("cannot write '{}'", path.display());
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let temporary = tempfile::Builder::new()
            .prefix(".pipewright-")
            .permissions(created_permissions())
            .tempfile_in(directory)
            .with_context(naming)?;
        let file: File = temporary.as_file().try_clone().with_context(naming)?;
        Ok(AsideFile {
            output: Output::file(file, &path.display().to_string()),
            path: path.to_owned(),
            temporary,
        })
    }

    /// Where to write.
    pub fn output(&mut self) -> &mut Output {
        &mut self.output
    }

    /// Lets the file appear under its name, all of it safely on the disk.
    pub fn keep(self) -> anyhow::Result<()> {
        let naming = || format!("cannot write '{}'", self.path.display());
        self.temporary.as_file().sync_all().with_context(naming)?;
        self.temporary
            .persist(&self.path)
            .map_err(|error| error.error)
            .with_context(naming)?;
        Ok(())
    }
}

/// What a plain creation would give: all may read and write, less the user's mask.
fn created_permissions() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt;
    std::fs::Permissions::from_mode(0o666)
}
