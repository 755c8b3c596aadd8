//! The private directory for notes about pipes.

use std::fs::{self, DirBuilder, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::sys::process::user;

/// If this variable is `off`, no notes are written or read.
pub const SWITCH: &str = "PIPEWRIGHT_ENDS";

/// Returns the possible directories, best first. A writer uses the first one that works; a reader looks in all of
/// them, because the two may have different environments.
pub fn places() -> Vec<PathBuf> {
    if are_off() {
        return Vec::new();
    }
    let mut places = Vec::new();
    if let Some(runtime) = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from)
        && runtime.is_absolute()
    {
        places.push(runtime.join("pipewright"));
    }
    let own = format!("pipewright-{}", user());
    // TMPDIR is often set for one stage alone.
    let temporary = std::env::temp_dir();
    for parent in [Path::new("/tmp"), &temporary] {
        let place = parent.join(&own);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

/// Returns the directories that exist and can be trusted.
pub fn existing() -> impl Iterator<Item = PathBuf> {
    places().into_iter().filter(|place| is_private(place))
}

/// Returns the directories that exist or can be created.
pub fn for_writing() -> impl Iterator<Item = (PathBuf, Metadata)> {
    places().into_iter().filter_map(|place| {
        match DirBuilder::new().mode(0o700).create(&place) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return None,
            _ => {}
        }
        let metadata = private(&place)?;
        Some((place, metadata))
    })
}

/// Whether this is a directory that only this user can access. A symbolic link, or a directory of another user, is
/// not.
pub fn is_private(place: &Path) -> bool {
    private(place).is_some()
}

fn private(place: &Path) -> Option<Metadata> {
    let metadata = fs::symlink_metadata(place).ok()?;
    let is_own = metadata.uid() == user() && metadata.mode() & 0o077 == 0;
    (metadata.is_dir() && is_own).then_some(metadata)
}

/// Whether notes are turned off.
pub(super) fn are_off() -> bool {
    std::env::var_os(SWITCH).is_some_and(|value| value == "off")
}
