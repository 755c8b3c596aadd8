//! Taking away the notes that nobody will read: those to foreign readers, and of killed writers.

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::Path;
use std::time::{Duration, SystemTime};

use super::note;
use super::pipe::Pipe;

/// How often it is done.
const INTERVAL: Duration = Duration::from_secs(60 * 60);

/// How long a note is kept at least. Its reader may be slow, and may not be seen from here.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The file that says when it was done last.
const STAMP: &str = "swept";

/// Takes away what is stale in the runtime directory `place`, if that was not done lately. `own`
/// is a pipe of this process.
pub fn now_and_then(place: &Path, own: &Pipe) {
    let stamp = place.join(STAMP);
    if age(&stamp).is_some_and(|age| age < INTERVAL) {
        return;
    }
    let touched = File::create(&stamp).and_then(|file| file.set_modified(SystemTime::now()));
    if touched.is_ok() {
        sweep(place, own);
    }
}

fn sweep(place: &Path, own: &Pipe) {
    let Ok(entries) = fs::read_dir(place) else {
        return;
    };
    let boot = own.key.split('-').next().unwrap_or_default();
    let held = held_pipes();
    for pipe in entries.flatten() {
        let key = pipe.file_name();
        let key = key.to_string_lossy();
        let inode = key.rsplit('-').next().unwrap_or_default();
        let is_held = u64::from_str_radix(inode, 16).is_ok_and(|inode| held.contains(&inode));
        let is_of_today = key.starts_with(boot);
        let Ok(notes) = fs::read_dir(pipe.path()) else {
            continue;
        };
        for note in notes.flatten() {
            let path = note.path();
            let is_old = age(&path).is_some_and(|age| age > KEPT);
            if !is_of_today || is_old && !is_held && !note::is_alive(&path) {
                let _ = fs::remove_file(path);
            }
        }
        // It stays where notes are left.
        let _ = fs::remove_dir(pipe.path());
    }
}

fn age(path: &Path) -> Option<Duration> {
    let metadata = fs::symlink_metadata(path).ok()?;
    metadata.modified().ok()?.elapsed().ok()
}

/// The pipes that processes of this user hold, as far as they can be seen.
fn held_pipes() -> HashSet<u64> {
    let mut held = HashSet::new();
    let Ok(processes) = fs::read_dir("/proc") else {
        return held;
    };
    for process in processes.flatten() {
        let Ok(descriptors) = fs::read_dir(process.path().join("fd")) else {
            continue;
        };
        for descriptor in descriptors.flatten() {
            let link = fs::read_link(descriptor.path()).unwrap_or_default();
            let link = link.to_string_lossy();
            let inode = link.strip_prefix("pipe:[");
            let inode = inode.and_then(|rest| rest.strip_suffix(']'));
            held.extend(inode.and_then(|inode| inode.parse::<u64>().ok()));
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stale_goes_and_the_rest_stays() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        let own = Pipe {
            key: "0b00-f-1".to_owned(),
            is_named: false,
        };
        let old = SystemTime::now() - 2 * KEPT;
        let dead = "4194305.1.0";
        for (key, name, when) in [
            ("0b00-f-2", dead, old),
            ("0b00-f-3", dead, SystemTime::now()),
            ("0ld0-f-4", dead, SystemTime::now()),
        ] {
            fs::create_dir(place.join(key)).unwrap();
            let note = File::create(place.join(key).join(name)).unwrap();
            note.set_modified(when).unwrap();
        }
        now_and_then(place, &own);
        let left = || {
            let mut left: Vec<_> = fs::read_dir(place)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            left.sort();
            left
        };
        assert_eq!(left(), ["0b00-f-3", STAMP]);
        // Not again so soon.
        let path = place.join("0b00-f-3").join(dead);
        let note = File::options().write(true).open(path).unwrap();
        note.set_modified(old).unwrap();
        now_and_then(place, &own);
        assert_eq!(left(), ["0b00-f-3", STAMP]);
    }
}
