//! Makes a file that replaces another one keep its owner, group, mode and, on Linux, its extended attributes with
//! the access control list. Times are not kept. If any of this cannot be kept, the file is refused before anything
//! is read.

use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::Path;

use anyhow::{Context, bail};

use crate::sys::attributes;

/// Refuses a file with several hard links: only one would get the new file, and the others would keep the old
/// records.
pub(super) fn refuse_parting(old: &Metadata, path: &Path) -> anyhow::Result<()> {
    if old.is_file() && old.nlink() > 1 {
        let (name, links) = (path.display(), old.nlink());
        bail!(
            "cannot write '{name}': it has {links} hard links, and the others would keep the old records; make it a file of its own first: cp -p {name} {name}.new && mv {name}.new {name}"
        );
    }
    Ok(())
}

/// Copies owner, attributes and mode to the new file.
pub(super) fn keep(
    (old, metadata): (&File, &Metadata),
    new: &File,
    path: &Path,
) -> anyhow::Result<()> {
    let naming = || format!("cannot write '{}'", path.display());
    // The owner goes first: changing it clears bits of the mode and some attributes.
    keep_owner(metadata, new, path)?;
    attributes::copy(old, new)
        .with_context(|| format!("{}: its attributes cannot be kept", naming()))?;
    new.set_permissions(metadata.permissions())
        .with_context(naming)
}

fn keep_owner(old: &Metadata, new: &File, path: &Path) -> anyhow::Result<()> {
    let name = path.display();
    let made = new
        .metadata()
        .with_context(|| format!("cannot write '{name}'"))?;
    let (user, group) = (old.uid(), old.gid());
    if (made.uid(), made.gid()) == (user, group) {
        return Ok(());
    }
    match fchown(new, Some(user), Some(group)) {
        Ok(()) => Ok(()),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied | ErrorKind::InvalidInput
            ) =>
        {
            let (whose, remedy) = match made.uid() == user {
                true => (format!("group {group}"), "run this in that group"),
                false => (format!("user {user}"), "run this as that user"),
            };
            bail!(
                "cannot write '{name}': it belongs to {whose}, and the new file would not; {remedy}, or remove it first"
            )
        }
        Err(error) => Err(error).with_context(|| format!("cannot write '{name}'")),
    }
}
