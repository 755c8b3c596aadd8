//! The private directory in which notes about pipes lie.

use std::fs::{self, DirBuilder};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Turns the notes off where it is `off`: none is left and none is looked for.
pub const SWITCH: &str = "PIPEWRIGHT_ENDS";

/// Where the directory may be, the best first. A writer takes the first that it can have; a reader
/// looks into all, for the two need not have the same environment.
pub fn places() -> Vec<PathBuf> {
    if std::env::var_os(SWITCH).is_some_and(|value| value == "off") {
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

/// Those of the places that are there or can be made.
pub fn for_writing() -> impl Iterator<Item = PathBuf> {
    places().into_iter().filter(|place| {
        match DirBuilder::new().mode(0o700).create(place) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return false,
            _ => {}
        }
        is_private(place)
    })
}

/// Whether this is a directory of this user, which nobody else can enter: a link, or what another
/// user put in its place, is not.
pub fn is_private(place: &Path) -> bool {
    fs::symlink_metadata(place).is_ok_and(|metadata| {
        metadata.is_dir() && metadata.uid() == user() && metadata.mode() & 0o077 == 0
    })
}

fn user() -> u32 {
    // SAFETY: geteuid takes nothing, touches no memory and cannot fail.
    unsafe { libc::geteuid() }
}
