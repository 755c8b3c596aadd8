//! Checkpoints of a file, in a sidecar beside it: `out.csv.pipewright`.
//!
//! Two files cannot be renamed in one atomic step. So the sidecar identifies its data file by device, inode and
//! length, and holds two states while a new file replaces the old one: that of the old file and that of the new
//! one. The sidecar is renamed first; the state that counts is that of the existing file. So the rename of the data
//! file is the commit, and a crash at any point is harmless.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};

use crate::checkpoint::{SIDECAR, compare, unknown};
use crate::connector::file::turn::Turn;
use crate::stream::{AsideFile, resolved};
use crate::trust::{Checkpoint, Position};

/// Identifies a file across loads. It contains no times: a file remains the same file after `touch` or `chmod`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    device: u64,
    inode: u64,
    length: u64,
}

impl Identity {
    /// Reads the identity from a file's metadata.
    pub fn of(metadata: &Metadata) -> Self {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
        }
    }
}

/// A file's identity and times during one load, which show any change: a change of the content in its modification
/// time, a change of mode or owner (which a new file copies when the load begins) in its change time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    identity: Identity,
    /// Seconds and nanoseconds of the last modification and of the last change of status.
    times: [(i64, i64); 2],
}

impl Standing {
    /// Reads the identity and times from a file's metadata.
    pub fn of(metadata: &Metadata) -> Self {
        Standing {
            identity: Identity::of(metadata),
            times: [
                (metadata.mtime(), metadata.mtime_nsec()),
                (metadata.ctime(), metadata.ctime_nsec()),
            ],
        }
    }

    /// Returns those of the file at `path`; None if it does not exist.
    fn at(path: &Path) -> anyhow::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Standing::of(&metadata))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot open '{}'", path.display())),
        }
    }
}

/// The content of a sidecar.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Sidecar {
    states: Vec<SidecarFile>,
}

impl Sidecar {
    /// Returns all flows that have a checkpoint in it.
    fn names(&self) -> BTreeSet<String> {
        let states = self.states.iter();
        states
            .flat_map(|state| state.checkpoints.keys().cloned())
            .collect()
    }
}

/// The checkpoints of one file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct SidecarFile {
    /// None if no file exists.
    file: Option<Identity>,
    checkpoints: BTreeMap<String, Committed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Committed {
    position: Position,
    records: u64,
}

/// Returns where the last load of `name` into the file ended.
///
/// # Errors
/// The existing file is not one that the sidecar refers to.
pub fn position(path: &Path, name: &str) -> anyhow::Result<Option<Position>> {
    let real = real(path)?;
    let there = Standing::at(&real)?.map(|standing| standing.identity);
    let state = state(&real, path, there)?;
    let committed = state.checkpoints.get(name);
    Ok(committed.map(|committed| committed.position.clone()))
}

/// Checks that replacing the file, and committing the checkpoint of `flow` if there is one, loses no records that
/// other checkpoints cover.
///
/// # Errors
/// Records of another checkpoint would be lost.
pub fn check_new(path: &Path, flow: Option<&str>) -> anyhow::Result<()> {
    let Some(sidecar) = read(&real(path)?, path)? else {
        return Ok(());
    };
    match sidecar
        .names()
        .iter()
        .find(|name| Some(name.as_str()) != flow)
    {
        Some(name) => {
            let file = path.display();
            bail!(
                "a new '{file}' would be without what the incremental loads '{name}' have brought, and they would not bring it again; first forget how far they came: load {file} --forget {name}"
            )
        }
        None => Ok(()),
    }
}

/// Removes the checkpoint of a flow, whichever file exists now.
///
/// # Errors
/// No checkpoint has this name; the sidecar cannot be written.
pub fn forget(path: &Path, name: &str) -> anyhow::Result<()> {
    let shown = path.display().to_string();
    let real = real(path)?;
    let beside = sidecar_of(&real);
    if !real.exists() && !beside.exists() {
        bail!("cannot open '{shown}': there is no such file");
    }
    let _turn = Turn::take(&real)?;
    let mut sidecar = read(&real, path)?.unwrap_or_default();
    let names = sidecar.names();
    if !names.contains(name) {
        return unknown(name, &names.into_iter().collect::<Vec<_>>(), &shown);
    }
    for state in &mut sidecar.states {
        state.checkpoints.remove(name);
    }
    if sidecar.names().is_empty() {
        let removed = fs::remove_file(&beside);
        return removed.with_context(|| format!("cannot remove '{}'", beside.display()));
    }
    write(&real, sidecar.states)
}

/// The replacement of an old file by a new one.
pub struct Exchange<'e> {
    /// The file, with symbolic links resolved.
    pub path: &'e Path,
    /// The same path as the user wrote it.
    pub shown: &'e Path,
    /// The old file if the new one contains its records: the inner None means that no file existed. None if the
    /// load does not continue a file.
    pub continued: Option<Option<Standing>>,
    /// The new file.
    pub new: Identity,
    /// How many records the load has added.
    pub records: u64,
}

impl Exchange<'_> {
    /// Moves the new file into place with `put`, and commits a checkpoint with it. Without a checkpoint, a file
    /// that is continued keeps its existing ones.
    ///
    /// # Errors
    /// The checkpoint does not start where the last one ended; the old file is no longer the one that is continued.
    pub fn commit(
        &self,
        checkpoint: Option<&Checkpoint>,
        put: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let _turn = Turn::take(self.path)?;
        let there = self.unchanged()?;
        if checkpoint.is_none() && !sidecar_of(self.path).exists() {
            return put();
        }
        let old = state(self.path, self.shown, there)?;
        let mut new = SidecarFile {
            file: Some(self.new),
            ..old.clone()
        };
        if let Some(checkpoint) = checkpoint {
            let stored = old.checkpoints.get(&checkpoint.name);
            compare(checkpoint, stored.map(|stored| &stored.position))?;
            let committed = Committed {
                position: checkpoint.to.clone(),
                records: stored.map_or(0, |stored| stored.records) + self.records,
            };
            new.checkpoints.insert(checkpoint.name.clone(), committed);
        }
        write(self.path, vec![old, new.clone()])?;
        // Writing the sidecar flushed it to disk, which takes time: check again.
        self.unchanged()?;
        put()?;
        // Only needed if the file is removed later: the old state may be that of a missing file, and would then
        // look as if the new file had never been committed.
        let _ = write(self.path, vec![new]);
        Ok(())
    }

    /// Returns the existing file.
    ///
    /// # Errors
    /// The file is not the one that is continued.
    fn unchanged(&self) -> anyhow::Result<Option<Identity>> {
        let there = Standing::at(self.path)?;
        if self.continued.is_some_and(|old| old != there) {
            bail!(
                "'{}' was changed by another program while the records were read; load them again",
                self.shown.display()
            );
        }
        Ok(there.map(|standing| standing.identity))
    }
}

/// Returns the path of a file's sidecar.
pub fn sidecar_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SIDECAR);
    PathBuf::from(name)
}

/// Returns the path with symbolic links resolved, whether or not a file exists there.
fn real(path: &Path) -> anyhow::Result<PathBuf> {
    resolved(path).with_context(|| format!("cannot open '{}'", path.display()))
}

/// Returns what the sidecar holds for the existing file; `shown` is the file's path in errors.
fn state(path: &Path, shown: &Path, there: Option<Identity>) -> anyhow::Result<SidecarFile> {
    let beside = sidecar_of(shown);
    let (file, beside) = (shown.display(), beside.display());
    let Some(said) = read(path, shown)? else {
        return Ok(SidecarFile {
            file: there,
            ..SidecarFile::default()
        });
    };
    match said.states.into_iter().find(|state| state.file == there) {
        Some(state) => Ok(state),
        None if there.is_none() => bail!(
            "'{file}' is gone, and '{beside}' says how far it was loaded; put it back, or remove '{beside}' to load from the start"
        ),
        None => bail!(
            "'{file}' is not the file that the last load with a checkpoint has left, as '{beside}' knows it; put that one back, or remove both to load from the start"
        ),
    }
}

/// Reads the sidecar of a file, if it has one; `shown` is the file's path in errors.
fn read(path: &Path, shown: &Path) -> anyhow::Result<Option<Sidecar>> {
    let beside = sidecar_of(shown);
    let (file, beside) = (shown.display(), beside.display());
    let text = match fs::read(sidecar_of(path)) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("cannot read '{beside}'")),
    };
    serde_json::from_slice(&text).map(Some).map_err(|_| {
        anyhow::anyhow!(
            "'{beside}', which keeps the checkpoints of '{file}', is damaged; to load from the start, remove both"
        )
    })
}

/// Writes the sidecar of the file at `path`. A new sidecar gets the owner of the file.
fn write(path: &Path, states: Vec<SidecarFile>) -> anyhow::Result<()> {
    let mut bytes = serde_json::to_vec(&Sidecar { states })?;
    bytes.push(b'\n');
    let mut aside = AsideFile::create(&sidecar_of(path))?;
    if let (true, Ok(file)) = (aside.is_new(), fs::metadata(path)) {
        aside.belong_with(&file);
    }
    aside.output().write(&bytes)?;
    aside.keep()
}
