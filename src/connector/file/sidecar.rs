//! Checkpoints of a file, in a sidecar beside it: `out.csv.pipewright`.
//!
//! Two renames are not one. So the sidecar names the file that it speaks of, by device, inode and
//! length, and holds two states while a new file takes the old one's place: that of the old file
//! and that of the new one. It is renamed first; what counts is the state of the file that is
//! there. So the data file's rename is the commit, and a crash at any point is harmless.

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

/// Which file this is, also for later loads. It has no times: a file that was touched, or whose mode
/// was changed, is still the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    device: u64,
    inode: u64,
    length: u64,
}

impl Identity {
    /// Reads it from a file's metadata.
    pub fn of(metadata: &Metadata) -> Self {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
        }
    }
}

/// A file as it stands while a load runs. Whatever is done to it shows: to its content in the time of
/// its last change, to its mode or owner, which a new file has from when the load began, in the time
/// that the system keeps of either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    identity: Identity,
    /// Seconds and nanoseconds: of the content, of either.
    times: [(i64, i64); 2],
}

impl Standing {
    /// Reads it from a file's metadata.
    pub fn of(metadata: &Metadata) -> Self {
        Standing {
            identity: Identity::of(metadata),
            times: [
                (metadata.mtime(), metadata.mtime_nsec()),
                (metadata.ctime(), metadata.ctime_nsec()),
            ],
        }
    }

    /// That of the file at `path`; none where there is none.
    fn at(path: &Path) -> anyhow::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Standing::of(&metadata))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot open '{}'", path.display())),
        }
    }
}

/// What a sidecar says.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Sidecar {
    states: Vec<SidecarFile>,
}

impl Sidecar {
    /// All flows that it speaks of.
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
    /// None: no file is there.
    file: Option<Identity>,
    checkpoints: BTreeMap<String, Committed>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Committed {
    position: Position,
    records: u64,
}

/// Where the last load of `name` into the file ended.
///
/// # Errors
/// The file that is there is none that the sidecar speaks of.
pub fn position(path: &Path, name: &str) -> anyhow::Result<Option<Position>> {
    let real = real(path)?;
    let there = Standing::at(&real)?.map(|standing| standing.identity);
    let state = state(&real, path, there)?;
    let committed = state.checkpoints.get(name);
    Ok(committed.map(|committed| committed.position.clone()))
}

/// Holds that a new file in the place of the old one, which commits the checkpoint of `flow`, if any,
/// loses nothing of what other checkpoints speak of.
///
/// # Errors
/// It would.
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

/// Removes the checkpoint of a flow, whatever file is there now.
///
/// # Errors
/// There is none of this name; the sidecar cannot be written.
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

/// A new file for an old one.
pub struct Exchange<'e> {
    /// The file, where its links lead to.
    pub path: &'e Path,
    /// The same as the user wrote it.
    pub shown: &'e Path,
    /// The old file, where the new one holds its records; none where there was none, or where the
    /// new file does not care.
    pub continued: Option<Option<Standing>>,
    /// The new file.
    pub new: Identity,
    /// How many records the load has added.
    pub records: u64,
}

impl Exchange<'_> {
    /// Commits a checkpoint with the new file, which `put` puts in its place. Without one, the
    /// checkpoints of a file that is continued stay as they are.
    ///
    /// # Errors
    /// The checkpoint does not go on from where the last one ended; the old file is no longer the
    /// one that is continued.
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
        // Writing the sidecar flushed it to the disk, which takes time: look again.
        self.unchanged()?;
        put()?;
        // Not needed, but for a file that is taken away later: it must not look as if the new one
        // had never come.
        let _ = write(self.path, vec![new]);
        Ok(())
    }

    /// The file that is there.
    ///
    /// # Errors
    /// It is not the one that is continued.
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

/// The sidecar of a file.
pub fn sidecar_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SIDECAR);
    PathBuf::from(name)
}

/// The path without its links, whether or not a file exists there.
fn real(path: &Path) -> anyhow::Result<PathBuf> {
    resolved(path).with_context(|| format!("cannot open '{}'", path.display()))
}

/// What is known of the file that is there; `shown` is its path for errors.
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

/// What the sidecar of a file says, if there is one; `shown` is the file's path for errors.
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

/// Writes the sidecar of the file at `path`. A new one belongs to whom the file belongs.
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
