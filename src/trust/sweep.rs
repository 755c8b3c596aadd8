//! Removes the notes that nobody will read: those for foreign readers, and those of killed writers.
//!
//! A note is removed if no process has its pipe open and its writer has ended or completed the note. A reader keeps
//! its pipe open until it has judged the end, so it never misses a note. A sweep runs when there are notes about
//! more than [`LIMIT`] pipes in addition to those that the last sweep could not remove.

use std::fs::{self, File, Metadata};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::holders::{self, HolderSearch, Holders};
use super::note::{self, FoundNote, WriterState};
use super::pipe::{self, Pipe};
use super::process::{self, Life, Writer};
use crate::sys::clock;

/// The number of pipes with notes above which a sweep is worth its cost.
const LIMIT: u64 = 1000;

/// If the file system does not count the notes, one start in this many does.
const SAMPLED: u64 = 256;

/// How long notes of another boot are kept, because another machine may share the directory.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// The file that stores how many pipes the last sweep left, and that is locked during a sweep.
const FILE: &str = "swept";

/// Removes stale notes in the runtime directory `place` if there are too many. `metadata` is that of the directory,
/// `own` a pipe of this process that has a note in it.
pub fn when_crowded(place: &Path, metadata: &Metadata, own: &Pipe) {
    if pipes(place, metadata, clock::now().is_multiple_of(SAMPLED)) > LIMIT {
        sweep_alone(place, own);
    }
}

/// The number of notes about one pipe above which some are removed.
const CROWD: usize = 16;

/// One start in this many counts the notes about its own pipe.
const COUNTED: u64 = 32;

/// Removes notes about this program's own pipe if a loop has left many: `for f in *; do extract $f; done | cat`.
/// Two whole streams in one pipe are rejected, and more make no difference. So the last two are kept, and all notes
/// that are not about a whole stream.
pub fn thin_now_and_then(place: &Path, own: &Pipe) {
    if clock::now().is_multiple_of(COUNTED) {
        thin(place, own);
    }
}

fn thin(place: &Path, own: &Pipe) {
    let count = fs::read_dir(place.join(&own.key)).map_or(0, Iterator::count);
    if count <= CROWD {
        return;
    }
    let mut whole = FoundNote::all(place, own);
    whole.retain(|found| found.bytes() > 0);
    whole.sort_by_key(|found| std::cmp::Reverse(found.note.since));
    whole.iter().skip(2).for_each(FoundNote::remove);
}

/// Returns the number of pipes with notes in constant time: a directory has a link for each directory in it. On
/// btrfs, merged directories of overlayfs and large directories of ext4 this does not work; then entries are
/// counted if `may_list`, and otherwise the result is 0.
fn pipes(place: &Path, metadata: &Metadata, may_list: bool) -> u64 {
    match metadata.nlink() {
        links @ 3.. => links - 2,
        _ if may_list => fs::read_dir(place).map_or(0, |entries| entries.count() as u64),
        _ => 0,
    }
}

/// Sweeps, unless another process is doing so, or the last sweep left most of the notes.
fn sweep_alone(place: &Path, own: &Pipe) -> Option<()> {
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(place.join(FILE))
        .ok()?;
    file.try_lock().ok()?;
    let mut text = String::new();
    (&file).take(32).read_to_string(&mut text).ok()?;
    let left: u64 = text.trim().parse().unwrap_or(0);
    // A sweep that has just ended may have removed what was counted before.
    let count = pipes(place, &fs::symlink_metadata(place).ok()?, true);
    let left_now = match count > left.saturating_add(LIMIT) {
        true => sweep(place, own)?,
        false => left.min(count),
    };
    if left_now != left {
        file.rewind().ok()?;
        file.write_all(format!("{left_now:<20}\n").as_bytes())
            .ok()?;
    }
    Some(())
}

/// The notes about one pipe.
struct Candidate {
    directory: PathBuf,
    /// The device and inode of the pipe.
    identity: (u64, u64),
    is_of_this_boot: bool,
    notes: Vec<(PathBuf, Option<Writer>)>,
}

impl Candidate {
    fn read(directory: PathBuf, boot: &str) -> Option<Self> {
        let key = directory.file_name()?.to_str()?;
        let (its_boot, identity) = pipe::parts(key)?;
        let notes = fs::read_dir(&directory).ok()?.flatten().map(|note| {
            let writer = note.file_name().to_str().and_then(Writer::of);
            (note.path(), writer)
        });
        Some(Candidate {
            identity,
            is_of_this_boot: its_boot == boot,
            notes: notes.collect(),
            directory,
        })
    }
}

/// Removes stale notes. Returns about how many pipes still have notes, or None if open pipes cannot be found.
///
/// Notes are listed before open pipes, so that a note written meanwhile is not touched. Open pipes are listed
/// twice, because a pipe may be passed from a process not yet visited to one already visited.
fn sweep(place: &Path, own: &Pipe) -> Option<u64> {
    let (boot, _) = pipe::parts(&own.key)?;
    let candidates: Vec<Candidate> = fs::read_dir(place)
        .ok()?
        .flatten()
        .filter_map(|entry| Candidate::read(entry.path(), boot))
        .collect();
    let anonymous = holders::anonymous_device()?;
    let namespace = process::namespace("self");
    let is_foreign = |writer: &Writer| writer.foreign_namespace(namespace).is_some();
    let of_now = || candidates.iter().filter(|pipe| pipe.is_of_this_boot);
    let mut writers = of_now().flat_map(|pipe| &pipe.notes);
    let wanted = HolderSearch {
        anonymous,
        named: of_now().any(|pipe| pipe.identity.0 != anonymous),
        namespaces: writers.any(|(_, writer)| writer.as_ref().is_some_and(is_foreign)),
    };
    let mut holders = Holders::default();
    // This process has its own pipe open; if even that is not found, nothing can be concluded.
    if !holders.look(wanted) || !holders.look(wanted) || !holders.holds(own.identity()?) {
        return None;
    }
    let scene = Scene {
        are_all: holders.are_all(),
        is_nested: !process::is_in_initial_namespace(),
        holders,
        namespace,
    };
    let mut left = 0;
    for candidate in &candidates {
        for (path, writer) in &candidate.notes {
            let is_stale = match candidate.is_of_this_boot {
                true => scene.is_stale(candidate.identity, path, writer.as_ref()),
                false => is_old(path),
            };
            if is_stale {
                let _ = fs::remove_file(path);
            }
        }
        // The directory stays if a note is left or was added since.
        left += u64::from(fs::remove_dir(&candidate.directory).is_err());
    }
    Some(left)
}

/// What is known about the processes.
struct Scene {
    holders: Holders,
    /// Whether `holders` covers all processes on the machine.
    are_all: bool,
    /// Whether there may be invisible processes outside of this namespace.
    is_nested: bool,
    namespace: Option<u64>,
}

impl Scene {
    /// Whether no reader can need this note any more.
    fn is_stale(&self, pipe: (u64, u64), note: &Path, writer: Option<&Writer>) -> bool {
        if self.holders.holds(pipe) {
            return false;
        }
        // A file without the name of a note was not written by our programs.
        let Some(writer) = writer else {
            return true;
        };
        let is_over = || note::state(note) != WriterState::Running;
        if let Some(other) = writer.foreign_namespace(self.namespace) {
            return self.are_all && (!self.holders.is_alive(other) || is_over());
        }
        let is_held_unseen = match writer.session {
            None => false,
            // The leader of its session is outside of this namespace, and so may be the reader.
            Some(0) => self.is_nested,
            Some(session) => self.holders.may_hold(session),
        };
        !is_held_unseen && (writer.life() == Life::Dead || is_over())
    }
}

fn is_old(path: &Path) -> bool {
    let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
    modified.is_ok_and(|time| {
        SystemTime::now()
            .duration_since(time)
            .is_ok_and(|age| age > KEPT)
    })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    const DEAD: &str = "4194305.1.0";

    struct TestPlace {
        directory: tempfile::TempDir,
        own: Pipe,
        _ends: (std::io::PipeReader, std::io::PipeWriter),
    }

    impl TestPlace {
        fn new() -> Self {
            let ends = std::io::pipe().unwrap();
            let place = TestPlace {
                directory: tempfile::tempdir().unwrap(),
                own: Pipe::of(ends.0.as_raw_fd()).unwrap(),
                _ends: ends,
            };
            place.add(&place.own.key, DEAD);
            place
        }

        fn path(&self) -> &Path {
            self.directory.path()
        }

        fn add(&self, key: &str, note: &str) -> File {
            fs::create_dir(self.path().join(key)).unwrap();
            File::create(self.path().join(key).join(note)).unwrap()
        }

        /// Returns the key of another pipe of this boot, which no process has open.
        fn key(&self, number: u64) -> String {
            let (boot, (device, _)) = pipe::parts(&self.own.key).unwrap();
            format!("{boot}-{device:x}-{:x}", (1 << 40) + number)
        }

        fn sweep(&self) {
            let metadata = fs::symlink_metadata(self.path()).unwrap();
            when_crowded(self.path(), &metadata, &self.own);
        }

        fn left(&self) -> Vec<String> {
            let entries = fs::read_dir(self.path()).unwrap();
            let mut left: Vec<_> = entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .filter(|name| name != FILE)
                .collect();
            left.sort();
            left
        }
    }

    #[test]
    fn what_is_stale_goes_and_the_rest_stays() {
        let place = TestPlace::new();
        let running = r#"{"program":"extract","since":1,"state":"running"}"#;
        let own = Writer::own().unwrap().file_name(0);
        let elsewhere = "4194305.1.0.7.1";
        place.add(&place.key(1), DEAD);
        let mut note = place.add(&place.key(2), &own);
        note.write_all(running.as_bytes()).unwrap();
        place.add(&place.key(3), elsewhere);
        place.add("0ther00t-f-4", DEAD);
        let old = place.add("0ther00t-f-5", DEAD);
        old.set_modified(SystemTime::now() - 2 * KEPT).unwrap();
        fs::create_dir(place.path().join(place.key(6))).unwrap();
        let left = sweep(place.path(), &place.own).unwrap();
        let mut kept = vec![
            place.own.key.clone(),
            place.key(2),
            "0ther00t-f-4".to_owned(),
        ];
        // It is removed if all processes are visible and none is in that namespace.
        kept.extend(place.left().contains(&place.key(3)).then(|| place.key(3)));
        kept.sort();
        assert_eq!((place.left(), left), (kept.clone(), kept.len() as u64));
    }

    #[test]
    fn it_is_done_when_there_are_too_many_beyond_those_left_before() {
        let place = TestPlace::new();
        let few = LIMIT - 1;
        (0..few).for_each(|number| drop(place.add(&place.key(number), DEAD)));
        place.sweep();
        assert_eq!(place.left().len() as u64, LIMIT, "not before");
        place.add(&place.key(few), DEAD);
        place.sweep();
        assert_eq!(place.left(), std::slice::from_ref(&place.own.key));
        // As if the last sweep could not remove many.
        fs::write(place.path().join(FILE), format!("{:<20}\n", 2 * LIMIT)).unwrap();
        let some = LIMIT + 10;
        (0..some).for_each(|number| drop(place.add(&place.key(number), DEAD)));
        place.sweep();
        assert_eq!(place.left().len() as u64, some + 1);
        // There are fewer now, which lowers the limit for the next sweep.
        let left = fs::read_to_string(place.path().join(FILE)).unwrap();
        assert_eq!(left.trim(), (some + 1).to_string());
        // No sweep runs while another one does.
        let lock = File::open(place.path().join(FILE)).unwrap();
        fs::write(place.path().join(FILE), "").unwrap();
        lock.lock().unwrap();
        place.sweep();
        assert_eq!(place.left().len() as u64, some + 1);
        drop(lock);
        place.sweep();
        assert_eq!(place.left(), std::slice::from_ref(&place.own.key));
    }
}
