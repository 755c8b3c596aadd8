//! Finds which pipes are open in any process.
//!
//! procfs does not show a descriptor that is in transit through a Unix socket, one that is registered with io_uring
//! and otherwise closed, or what processes of other users hold. Of the latter only the session is known, so such a
//! process is assumed to hold all pipes of its session.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::pipe::Pipe;
use super::process::{self, Process};
use crate::sys::fifo;
use crate::sys::process::send;

/// The device and inode of a pipe.
pub(super) type Identity = (u64, u64);

/// What to look for.
#[derive(Clone, Copy, Debug)]
pub(super) struct HolderSearch {
    /// The device of anonymous pipes.
    pub anonymous: u64,
    /// Whether named pipes matter, which requires a look at each open file.
    pub named: bool,
    /// Whether it matters which namespaces have processes.
    pub namespaces: bool,
}

/// The pipes that are open, as far as this process may see.
#[derive(Debug, Default)]
pub(super) struct Holders {
    held: HashSet<Identity>,
    /// Sessions of processes that do not show their descriptors.
    unseen: HashSet<u32>,
    /// Whether there may be processes that are not listed at all.
    are_hidden: bool,
    /// Namespaces that have processes.
    namespaces: HashSet<u64>,
}

impl Holders {
    /// Adds the pipes that are open now. Returns false if processes cannot be listed.
    pub fn look(&mut self, wanted: HolderSearch) -> bool {
        let Ok(entries) = fs::read_dir("/proc") else {
            return false;
        };
        // If procfs is mounted with hidepid, it hides the processes of other users, including this one.
        self.are_hidden |= fs::read("/proc/1/stat").is_err();
        for entry in entries.flatten() {
            let name = entry.file_name();
            let Some(process) = name.to_str().filter(|name| name.parse::<u32>().is_ok()) else {
                continue;
            };
            if !self.look_at(process, wanted) {
                self.add_unseen(process);
            }
            if wanted.namespaces {
                self.namespaces.extend(process::namespace(process));
            }
        }
        true
    }

    /// Adds the pipes of one process. Returns false if they are not visible.
    fn look_at(&mut self, process: &str, wanted: HolderSearch) -> bool {
        let directory = Path::new("/proc").join(process);
        match self.add(&directory.join("fd"), wanted) {
            Some(0) => {}
            // The kernel shows the descriptors of a zombie only to root, but it has none.
            None if Process::read(process).is_ok_and(|process| process.is_zombie) => {}
            result => return result.is_some(),
        }
        // No descriptors are shown if the first thread has ended while others run.
        let threads = directory.join("task");
        if fs::metadata(&threads).map_or(0, |metadata| metadata.nlink()) <= 3 {
            return true;
        }
        let Ok(threads) = fs::read_dir(threads) else {
            return true;
        };
        threads
            .flatten()
            .filter(|thread| thread.file_name() != process)
            .all(|thread| self.add(&thread.path().join("fd"), wanted).is_some())
    }

    /// Adds the pipes among these descriptors. Returns the number of descriptors, or None if they are not visible.
    /// A process that is gone has none.
    fn add(&mut self, descriptors: &Path, wanted: HolderSearch) -> Option<usize> {
        let entries = match fs::read_dir(descriptors) {
            Ok(entries) => entries,
            Err(error) => return is_gone(&error).then_some(0),
        };
        let mut count = 0;
        for entry in entries {
            let path = match entry {
                Ok(entry) => entry.path(),
                Err(error) => return is_gone(&error).then_some(count),
            };
            count += 1;
            let link = match fs::read_link(&path) {
                Ok(link) => link,
                Err(error) if is_gone(&error) => continue,
                Err(_) => return None,
            };
            let link = link.as_os_str().as_bytes();
            if let Some(inode) = link.strip_prefix(b"pipe:[") {
                let inode = inode.strip_suffix(b"]").unwrap_or_default();
                let inode = std::str::from_utf8(inode).ok()?.parse().ok()?;
                self.held.insert((wanted.anonymous, inode));
            } else if wanted.named && !link.starts_with(b"socket:") && !link.starts_with(b"anon_") {
                self.held.extend(fifo::identity(&path));
            }
        }
        Some(count)
    }

    fn add_unseen(&mut self, process: &str) {
        match Process::read(process) {
            Ok(process) if process.is_kernel => {}
            Ok(process) => {
                self.unseen.insert(process.session);
            }
            Err(error) => self.are_hidden |= !is_gone(&error),
        }
    }

    /// Whether a process is known to hold this pipe.
    pub fn holds(&self, pipe: Identity) -> bool {
        self.held.contains(&pipe)
    }

    /// Whether a process that does not show its descriptors may hold a pipe of this session.
    pub fn may_hold(&self, session: u32) -> bool {
        self.unseen.contains(&session) || self.are_hidden && exists(session)
    }

    /// Whether all processes were visible, including those of other namespaces.
    pub fn are_all(&self) -> bool {
        self.unseen.is_empty() && !self.are_hidden && process::is_in_initial_namespace()
    }

    /// Whether this namespace has processes.
    pub fn is_alive(&self, namespace: u64) -> bool {
        self.namespaces.contains(&namespace)
    }
}

fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

/// Whether a process with this id exists, even if it is hidden.
fn exists(process: u32) -> bool {
    let Ok(number @ 1..) = libc::pid_t::try_from(process) else {
        return true;
    };
    match send(number, 0) {
        Ok(()) => true,
        Err(error) => error.raw_os_error() != Some(libc::ESRCH),
    }
}

/// Returns the device of all anonymous pipes.
pub(super) fn anonymous_device() -> Option<u64> {
    let (reader, _writer) = std::io::pipe().ok()?;
    let pipe = Pipe::of(reader.as_raw_fd())?;
    pipe.identity().map(|(device, _)| device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pipes_that_are_held_are_seen_and_others_are_not() {
        let wanted = HolderSearch {
            anonymous: anonymous_device().unwrap(),
            named: true,
            namespaces: true,
        };
        let (reader, writer) = std::io::pipe().unwrap();
        let identity = Pipe::of(reader.as_raw_fd()).unwrap().identity().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("p");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        let named = fs::File::options().read(true).write(true).open(&path);
        let named = named.unwrap();
        let fifo = Pipe::of(named.as_raw_fd()).unwrap().identity().unwrap();
        let holders = || {
            let mut holders = Holders::default();
            assert!(holders.look(wanted));
            holders
        };
        let all = holders();
        assert!(all.holds(identity) && all.holds(fifo));
        assert!(all.is_alive(process::namespace("self").unwrap()));
        drop((reader, writer, named));
        let none = holders();
        assert!(!none.holds(identity) && !none.holds(fifo));
    }
}
