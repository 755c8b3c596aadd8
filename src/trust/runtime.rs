//! The private directory in which notes about pipes lie.

use std::fs::{self, DirBuilder, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::sys::process::user;

/// Turns the notes off where it is `off`: none is left and none is looked for.
pub const SWITCH: &str = "PIPEWRIGHT_ENDS";

/// Where the directory may be, the best first. A writer takes the first that it can have; a reader
/// looks into all, for the two need not have the same environment.
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

/// Those of the places that are there and can be trusted.
pub fn existing() -> impl Iterator<Item = PathBuf> {
    places().into_iter().filter(|place| is_private(place))
}

/// Those of the places that exist or can be made.
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

/// Whether this is a directory of this user, which nobody else can enter: a link, or what another
/// user put in its place, is not.
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
